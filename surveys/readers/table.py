"""Plain tables: one heading row, then one respondent per row, from CSV, TSV, semicolons or the first sheet
of XLSX.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import date, datetime, time

import openpyxl
from openpyxl.utils import get_column_letter

from ipe.errors import BadFile

from ..questionnaire import folded
from .sheet import Column, Sheet, drop_empty_tail, lines_of

TABLE = "table"
MOST_COLUMNS, MOST_ROWS, MOST_CELLS = 2000, 100_000, 10_000_000


def delimiter_of(text: str) -> str:
    """The separator of the heading line: whichever of comma, semicolon and tab it holds most often,
    unquoted.
    """
    head: list[str] = []
    quoted = False
    for character in text[:20_000]:
        if character == '"':
            quoted = not quoted
        elif character in "\r\n" and not quoted and head:
            break
        elif not quoted:
            head.append(character)
    return max(",;\t", key=lambda mark: (head.count(mark), mark == ","))


def csv_rows(text: str, *, file: str) -> list[list[str]]:
    """All rows, blank ones included so that row numbers stay true; wholly blank rows at the end are
    dropped.
    """
    # The limit is per process in the csv module; a free-text answer may be long, an export with a lost
    # quote is longer.
    csv.field_size_limit(1_000_000)
    reader = csv.reader(
        io.StringIO(text.removeprefix("\ufeff"), newline=""), delimiter=delimiter_of(text), strict=True
    )
    rows: list[list[str]] = []
    n_cells = 0
    try:
        for row in reader:
            if "\x00" in "".join(row):
                raise BadFile(
                    "The row holds characters that no text file holds.", file=file, row=len(rows) + 1
                )
            rows.append(row)
            n_cells += len(row)
            _check_size(rows, n_cells, file)
    except csv.Error:
        raise BadFile(
            "The row cannot be read; often a quotation mark is missing.", file=file, row=len(rows) + 1
        ) from None
    return _trimmed(rows, file)


def xlsx_rows(data: bytes, *, file: str) -> list[list[str]]:
    """The first sheet as text. A formula in a cell is refused: an answer is never a formula."""
    try:
        rows = _first_sheet(data, file)
    except BadFile:
        raise
    except Exception as error:
        # A damaged part makes openpyxl raise whatever its XML parsers and its own classes raise: no list holds them all.
        raise BadFile("This is not a workbook that can be read.", file=file) from error
    rows = _trimmed(rows, file)
    width = max(len(row) for row in rows)
    _check_size(rows, width * len(rows), file)
    return [row + [""] * (width - len(row)) for row in rows]


def _first_sheet(data: bytes, file: str) -> list[list[str]]:
    book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=False)
    try:
        rows: list[list[str]] = []
        n_cells = 0
        sheet = book.worksheets[0]
        # What a sheet says of its own size may be anything; each row is as wide as its last cell.
        sheet.reset_dimensions()
        for cells in sheet.iter_rows():
            row = []
            for at, cell in enumerate(cells):
                if cell.data_type == "f":
                    raise BadFile(
                        f"Cell {get_column_letter(at + 1)}{len(rows) + 1} holds a formula; "
                        "save the sheet as values.",
                        file=file,
                        row=len(rows) + 1,
                        field=rows[0][at] if rows and at < len(rows[0]) else "",
                    )
                row.append(as_text(cell.value))
            while row and not row[-1]:
                row.pop()
            rows.append(row)
            n_cells += len(row)
            _check_size(rows, n_cells, file)
    finally:
        book.close()
    return rows


def as_text(value: object) -> str:
    """A spreadsheet value as the text a CSV of the same sheet would hold."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat(sep=" ") if isinstance(value, datetime) else value.isoformat()
    return str(value)


def _check_size(rows: Sequence[Sequence[str]], n_cells: int, file: str) -> None:
    if len(rows) > MOST_ROWS:
        raise BadFile(f"The file has more than {MOST_ROWS:,} rows.", file=file)
    if len(rows[-1]) > MOST_COLUMNS:
        raise BadFile(f"The row has more than {MOST_COLUMNS:,} columns.", file=file, row=len(rows))
    if n_cells > MOST_CELLS:
        raise BadFile(f"The file has more than {MOST_CELLS:,} cells.", file=file)


def _trimmed(rows: list[list[str]], file: str) -> list[list[str]]:
    while rows and not any(cell.strip() for cell in rows[-1]):
        rows.pop()
    if not rows:
        raise BadFile("The file is empty.", file=file)
    return rows


def read(rows: list[list[str]], *, file: str) -> Sheet:
    """A table whose first row holds the headings: all there, all different."""
    rows = drop_empty_tail(rows, 1)
    headings = [heading.strip() for heading in rows[0]]
    if not any(headings):
        raise BadFile("The first row is blank; the headings have to stand there.", file=file, row=1)
    seen: dict[str, int] = {}
    for at, heading in enumerate(headings):
        if not heading:
            raise BadFile(f"Column {at + 1} ({get_column_letter(at + 1)}) has no heading.", file=file, row=1)
        if folded(heading) in seen:
            first = seen[folded(heading)] + 1
            raise BadFile(
                f"The heading stands twice, in columns {first} and {at + 1}.", file=file, row=1, field=heading
            )
        seen[folded(heading)] = at
    columns = tuple(Column(at, heading, heading) for at, heading in enumerate(headings))
    return Sheet(TABLE, columns, lines_of(rows, first=1, width=len(headings), file=file))
