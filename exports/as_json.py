"""JSON for programs: a list of objects, one for each row, values unrounded, null where nothing may be
shown.
"""

from __future__ import annotations

import json

from exports.table import Table

CONTENT_TYPE = "application/json"
SUFFIX = ".json"


def write(table: Table) -> bytes:
    """The rows by column key. A draft carries `"file_status": "DRAFT"` in every object."""
    status = {"file_status": "DRAFT"} if table.cover is not None and table.cover.is_draft else {}
    rows = [{**row, **status} for row in table.records()]
    return json.dumps(rows, ensure_ascii=False, indent=1, allow_nan=False).encode("utf-8", "replace")
