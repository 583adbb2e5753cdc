"""The protocol file's part of the table of expected answers."""

from __future__ import annotations

from tests.access.table import Row

LEAD_ONLY = {"fieldwork": 403, "researcher": 403, "writer": 403, "data_protection": 403, "other_site": 403}
# Creating a study is a right of the account; nobody in the world has it.
NOBODY = dict.fromkeys(
    ("lead", "fieldwork", "researcher", "writer", "data_protection", "other_site", "outsider"), 403
)

ROWS = [
    Row("protocol"),
    Row("protocol", method="POST", lead=400, **LEAD_ONLY),
    Row("protocol", method="POST", data={"confirm": "1", "content": "%%"}, lead=400, **LEAD_ONLY),
    Row("protocol-export", **LEAD_ONLY),
    Row("protocol-new", slug=False, **NOBODY),
    Row("protocol-new", method="POST", slug=False, **NOBODY),
]
