"""Qualtrics exports: three heading rows (current), or two (the export before 2017).

Row 1 holds the field name, row 2 the wording in the respondent's language (cut at about 100 characters, a
matrix's stem and item joined by a hyphen), row 3 the import id as JSON or, in older files, as a Python
literal.
Source: the samples of ropensci/qualtRics and the vendor's page "Understanding your dataset".
"""

from __future__ import annotations

import ast
import json
from collections.abc import Sequence

from ipe.errors import BadFile

from .sheet import Column, Sheet, drop_empty_tail, lines_of

LONGEST_ID = 1_000  # a heading; nested deeply, a long one could exhaust the parser
CURRENT, LEGACY = "qualtrics", "qualtrics-legacy"
LEGACY_FIELDS = {
    "ResponseID": "_recordId",
    "Status": "status",
    "Finished": "finished",
    "StartDate": "startDate",
    "EndDate": "endDate",
    "ExternalDataReference": "externalDataReference",
}


def import_id(cell: str) -> str | None:
    """The identity in a heading cell of row 3; None when the cell is something else.

    Further keys (choiceId, timeZone) are appended, because several columns may share one ImportId.
    """
    text = cell.strip()
    if not text.startswith("{") or len(text) > LONGEST_ID:
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        try:
            found = ast.literal_eval(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return None
    if not isinstance(found, dict) or not isinstance(found.get("ImportId"), str):
        return None
    choice = found.get("choiceId")
    return f"{found['ImportId']}#{choice}" if choice else found["ImportId"]


def form_of(rows: Sequence[Sequence[str]]) -> str | None:
    """Which of the two forms the rows have; None for any other table."""
    if len(rows) >= 3:
        ids = [import_id(cell) for cell in rows[2] if cell.strip()]
        if ids and all(ids):
            return CURRENT
    if len(rows) >= 2 and rows[0] and rows[0][0].strip() == "V1" and rows[1][0].strip() == "ResponseID":
        return LEGACY
    return None


def read(rows: list[list[str]], *, file: str) -> Sheet:
    form = form_of(rows)
    if form is None:
        raise BadFile("These are not the heading rows of a Qualtrics export.", file=file)
    n_headings = 3 if form == CURRENT else 2
    rows = drop_empty_tail(rows, n_headings)
    width = len(rows[0])
    for number in range(1, n_headings):
        if len(rows[number]) != width:
            raise BadFile(
                f"The heading row has {len(rows[number])} cells, row 1 has {width}.",
                file=file,
                row=number + 1,
            )
    columns = []
    for at, (name, text) in enumerate(zip(rows[0], rows[1], strict=True)):
        named = import_id(rows[2][at]) if form == CURRENT else LEGACY_FIELDS.get(text.strip())
        identity = named or ""
        columns.append(Column(at, name.strip(), text.strip(), identity))
    seen: dict[str, int] = {}
    for one in columns:
        key = one.import_id or one.name
        if key in seen:
            raise BadFile(
                f"Columns {seen[key] + 1} and {one.index + 1} have the same identity.",
                file=file,
                row=1,
                field=one.label,
            )
        seen[key] = one.index
    return Sheet(form, tuple(columns), lines_of(rows, first=n_headings, width=width, file=file))


def stem_and_item(text: str) -> tuple[str, str]:
    """A matrix heading parted into stem and item ("Please say how far you agree - My job satisfies me")."""
    stem, mark, item = text.rpartition(" - ")
    if not mark:
        stem, mark, item = text.rpartition("-")
    return (stem.strip(), item.strip()) if mark and item.strip() else ("", text.strip())
