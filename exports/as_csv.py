"""CSV in two kinds, never confused: *plain* for statistics programs, *guarded* for spreadsheets.

A plain file is data and nothing else: UTF-8 without a byte order mark, one header line of column keys,
unrounded numbers, percentages 0 to 100, dates in ISO form, [c] [z] [x] where there is no value. Its name ends
in `.plain.csv`. It is **not** safe to open in a spreadsheet when people wrote the text. A draft carries a
last column `file_status`, because a plain file has no other place to say so.

A guarded file is for Excel and LibreOffice: UTF-8 with a byte order mark, a first line that says what it is,
the cover, column labels, every field quoted, and an apostrophe before any *text* that a spreadsheet would
run. Real numbers stay numbers, so that -5 is not spoilt. Its name ends in `.guarded.csv`.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import math

from exports.cleaning import clean, guard
from exports.table import SYMBOLS, Attribution, Band, Cell, Hidden, Rich, Share, Table, plain

PLAIN_SUFFIX = ".plain.csv"
GUARDED_SUFFIX = ".guarded.csv"
CONTENT_TYPE = "text/csv; charset=utf-8"

_FIRST_LINE = (
    "Guarded for spreadsheets: an apostrophe stands before text that a spreadsheet would run. "
    "For a statistics program use the plain file."
)


def write_plain(table: Table) -> bytes:
    """The table as a statistics program wants it. Cover and notes are left out."""
    is_draft = table.cover is not None and table.cover.is_draft
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([clean(column.key) for column in table.columns] + ["file_status"] * is_draft)
    for row in table.rows:
        writer.writerow([_value(cell) for cell in row] + ["DRAFT"] * is_draft)
    return out.getvalue().encode("utf-8")


def write_guarded(table: Table) -> bytes:
    """The table as a spreadsheet wants it, with title, cover, notes and the meaning of the symbols above
    it.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n", quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow([_FIRST_LINE])
    writer.writerow([guard(clean(table.title))])
    for label, value in table.cover.lines() if table.cover else ():
        writer.writerow([label, guard(clean(value))])
    for note in table.notes:
        writer.writerow(["Note", guard(clean(note))])
    used = {cell.symbol for row in table.rows for cell in row if isinstance(cell, Hidden)}
    for symbol in sorted(used):
        writer.writerow([f"[{symbol}]", SYMBOLS[symbol]])
    writer.writerow([])
    writer.writerow([guard(clean(column.label)) for column in table.columns])
    for row in table.rows:
        writer.writerow([_guarded(cell) for cell in row])
    return out.getvalue().encode("utf-8-sig")


def _value(cell: Cell) -> str | int | float:
    if isinstance(cell, Hidden):
        return str(cell)
    if isinstance(cell, Band):
        return cell.text
    if isinstance(cell, Share) and cell.percent is None:
        return str(Hidden("z"))
    if isinstance(cell, float) and not math.isfinite(cell):
        return str(Hidden("x"))
    value = plain(cell)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return clean(value) if isinstance(value, str) else value


def _guarded(cell: Cell) -> str | int | float:
    value = _value(cell)
    if isinstance(cell, Rich) and cell.comment:
        value = f"{value}\n[{clean(cell.comment)}]"
    if isinstance(cell, (str, Rich, Attribution)) and not isinstance(cell, (Band, dt.date)):
        return guard(str(value))
    return value
