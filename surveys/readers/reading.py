"""Any file of survey answers in, one Sheet out, without what identifies a person."""

from __future__ import annotations

from ipe import uploads
from ipe.errors import BadFile

from . import qualtrics, spss, table
from .sheet import Sheet, without_identifiers

KINDS = ("csv", "tsv", "txt", "xlsx", "sav", "zsav")


def read(name: str, data: bytes, *, label: str = "the file") -> Sheet:
    """The sheet of a CSV, TSV, XLSX or SPSS file; Qualtrics' heading rows are recognised by themselves.

    `label` is what errors call the file. Columns that name, address or locate a person are gone from the
    result.
    Raises
        BadFile: Not a file of the kind its name says, or not a table; names the row and the column.
    """
    try:
        kind = uploads.check(name, data, KINDS)
    except BadFile as error:
        raise BadFile(error.message, file=label) from None
    if kind in ("sav", "zsav"):
        return without_identifiers(spss.read(data, file=label))
    rows = (
        table.xlsx_rows(data, file=label)
        if kind == "xlsx"
        else table.csv_rows(uploads.decode_text(data)[0], file=label)
    )
    form = qualtrics.form_of(rows)
    sheet = qualtrics.read(rows, file=label) if form else table.read(rows, file=label)
    return without_identifiers(sheet)
