"""XLSX: a cover sheet, then one sheet for each table, through openpyxl's write-only mode.

Text is always text: `data_type` "s" and `quotePrefix` where a spreadsheet would see a formula (openpyxl turns
any text that begins with "=" into one). Hidden cells hold "[c]", never a value. Text longer than a cell can
hold goes on in a sheet "Long text" and the cell says where. Percentages are stored as fractions under a
percent format.
"""

from __future__ import annotations

import datetime as dt
import io
import math
from collections.abc import Sequence

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.styles.cell_style import StyleArray
from openpyxl.utils import get_column_letter
from openpyxl.worksheet._write_only import WriteOnlyWorksheet
from openpyxl.worksheet.hyperlink import Hyperlink

from exports.cleaning import XLSX_CELL_LIMIT, clean, is_formula, pieces, sheet_names, utf16_length
from exports.digits import snapped
from exports.table import (
    SYMBOLS,
    Attribution,
    Band,
    Cell,
    Column,
    Count,
    Cover,
    Hidden,
    Rich,
    Run,
    Share,
    Table,
)

CONTENT_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
SUFFIX = ".xlsx"

_COMMENT_AUTHOR = "Comment"  # Excel wants an author on every comment; people are not named in files
_LONG_SHEET = "Long text"
_TEAL = "FF0F5C5C"
_GREY = "FF57534E"


def write(tables: Table | Sequence[Table], *, cover: Cover | None = None, title: str = "") -> bytes:
    """The workbook. The cover is the one given, else the first one a table carries."""
    each = (tables,) if isinstance(tables, Table) else tuple(tables)
    if not each:
        raise ValueError("a workbook needs at least one table")
    cover = cover or next((table.cover for table in each if table.cover), None)
    book = _Book(title or each[0].title, cover)
    return book.write(each)


class _Book:
    """One workbook being written: its styles, where anchors lie, and the text that found no room."""

    def __init__(self, title: str, cover: Cover | None) -> None:
        self.title = clean(title)
        self.cover = cover
        self.book = Workbook(write_only=True)
        self.long: list[tuple[str, str]] = []
        self.places: dict[str, str] = {}
        self._metadata()
        self.styles = self._styles()

    def _metadata(self) -> None:
        """Neither a user's nor a machine's name, and no clock but the cover's."""
        made_at = self.cover.made_at.replace(tzinfo=None) if self.cover else dt.datetime(2000, 1, 1)
        properties = self.book.properties
        properties.creator = ""
        properties.lastModifiedBy = ""
        properties.title = self.title[:255]
        properties.created = properties.modified = made_at

    def _styles(self) -> dict[str, StyleArray]:
        """Each look registered once with the workbook; a cell then shares its array, which is what makes this
        fast.
        """
        top = Alignment(vertical="top")
        wrap = Alignment(vertical="top", wrap_text=True)
        looks: dict[str, dict[str, object]] = {
            "header": {
                "font": Font(bold=True, color="FFFFFFFF"),
                "fill": PatternFill("solid", fgColor=_TEAL),
                "alignment": wrap,
            },
            "text": {"alignment": wrap},
            "guarded text": {"alignment": wrap, "quotePrefix": True},
            "link": {"alignment": wrap, "font": Font(color=_TEAL, underline="single")},
            "hidden": {
                "alignment": Alignment(vertical="top", horizontal="right"),
                "font": Font(color=_GREY, italic=True),
            },
            "title": {"font": Font(bold=True, size=14)},
            "label": {"font": Font(bold=True), "alignment": top},
            "date": {"alignment": top, "number_format": "yyyy-mm-dd"},
            "moment": {"alignment": top, "number_format": "yyyy-mm-dd hh:mm:ss"},
            "count": {"alignment": top, "number_format": "#,##0"},
            "number": {"alignment": top, "number_format": "General"},
        }
        for places in range(7):
            ending = f".{'0' * places}" if places else ""
            looks[f"percent{places}"] = {"alignment": top, "number_format": f"0{ending}%"}
            looks[f"number{places}"] = {"alignment": top, "number_format": f"0{ending}"}
        for name in ("header", "link", "title", "label"):
            looks[f"guarded {name}"] = looks[name] | {"quotePrefix": True}
        scratch = self.book.create_sheet("styles")
        styles = {}
        for name, look in looks.items():
            cell = WriteOnlyCell(scratch)
            for attribute, value in look.items():
                setattr(cell, attribute, value)
            styles[name] = cell._style
        self.book.remove(scratch)
        return styles

    def write(self, tables: Sequence[Table]) -> bytes:
        names = sheet_names([table.title for table in tables], taken=["Cover", _LONG_SHEET])
        for name, table in zip(names, tables, strict=True):
            self._find_anchors(name, table)
        # The cover comes first but is written last: only then is it known whether text was too long for a
        # cell.
        cover = self.book.create_sheet("Cover")
        for name, table in zip(names, tables, strict=True):
            self._sheet(name, table)
        self._cover_sheet(cover, names, tables)
        if self.long:
            self._long_sheet()
        out = io.BytesIO()
        self.book.save(out)
        return out.getvalue()

    def _find_anchors(self, name: str, table: Table) -> None:
        quoted = name.replace("'", "''")
        for number, row in enumerate(table.rows, 2):
            for position, cell in enumerate(row, 1):
                if isinstance(cell, Rich) and cell.anchor:
                    self.places.setdefault(cell.anchor, f"'{quoted}'!{get_column_letter(position)}{number}")

    def _cover_sheet(self, sheet: WriteOnlyWorksheet, names: Sequence[str], tables: Sequence[Table]) -> None:
        sheet.column_dimensions["A"].width = 28
        sheet.column_dimensions["B"].width = 90
        self._header_and_footer(sheet)
        sheet.append([self._text(sheet, self.title, "title")])
        for label, value in self.cover.lines() if self.cover else ():
            sheet.append([self._text(sheet, label, "label"), self._text(sheet, value)])
        sheet.append([])
        sheet.append([self._text(sheet, "Sheet", "header"), self._text(sheet, "What it holds", "header")])
        for name, table in zip(names, tables, strict=True):
            link = self._text(sheet, name, "link")
            quoted = name.replace("'", "''")
            link._hyperlink = Hyperlink(ref="", location=f"'{quoted}'!A1")
            sheet.append([link, self._text(sheet, table.title)])
            for note in table.notes:
                sheet.append([None, self._text(sheet, f"Note: {note}")])
        used = {
            cell.symbol for table in tables for row in table.rows for cell in row if isinstance(cell, Hidden)
        }
        if used:
            sheet.append([])
        for symbol in sorted(used):
            sheet.append([self._text(sheet, f"[{symbol}]", "label"), self._text(sheet, SYMBOLS[symbol])])
        if self.long:
            sheet.append([])
            words = (
                f"Text longer than a cell can hold goes on in the sheet “{_LONG_SHEET}” ({len(self.long)})."
            )
            sheet.append([None, self._text(sheet, words)])

    def _header_and_footer(self, sheet: WriteOnlyWorksheet) -> None:
        if self.cover and self.cover.is_draft:
            sheet.HeaderFooter.oddHeader.center.text = "DRAFT: not for publication"

    def _sheet(self, name: str, table: Table) -> None:
        sheet = self.book.create_sheet(name)
        sheet.freeze_panes = f"{get_column_letter(table.freeze_columns + 1)}2"
        sheet.print_title_rows = "1:1"
        sheet.page_setup.orientation = "landscape"
        self._header_and_footer(sheet)
        for position, column in enumerate(table.columns, 1):
            sheet.column_dimensions[get_column_letter(position)].width = column.width or _width(column)
        sheet.append([self._text(sheet, column.label, "header") for column in table.columns])
        looks = [self._look(column) for column in table.columns]
        for row in table.rows:
            sheet.append(
                [
                    self._cell(sheet, cell, column, look)
                    for cell, column, look in zip(row, table.columns, looks, strict=True)
                ]
            )

    def _look(self, column: Column) -> StyleArray:
        """The look of a number in this column."""
        places = min(column.decimals, 6) if column.decimals is not None else None
        if column.kind == "percent":
            return self.styles[f"percent{1 if places is None else places}"]
        if column.kind == "count":
            return self.styles["count"]
        return self.styles["number" if places is None else f"number{places}"]

    def _cell(
        self, sheet: WriteOnlyWorksheet, cell: Cell, column: Column, look: StyleArray
    ) -> WriteOnlyCell | None:
        if cell is None:
            return None
        if isinstance(cell, str):
            return self._text(sheet, cell)
        if isinstance(cell, Rich):
            return self._rich(sheet, cell)
        if isinstance(cell, Hidden):
            return self._text(sheet, str(cell), "hidden")
        if isinstance(cell, (Band, Attribution)):
            return self._text(sheet, cell.text)
        value: int | float | dt.date | dt.datetime | None
        if isinstance(cell, Share):
            value = None if cell.percent is None else cell.percent / 100
        elif isinstance(cell, Count):
            value = cell.value
        elif isinstance(cell, bool):
            return self._text(sheet, "yes" if cell else "no")
        elif isinstance(cell, dt.datetime):
            value = cell.astimezone(dt.UTC).replace(tzinfo=None) if cell.tzinfo else cell
            look = self.styles["moment"]
        elif isinstance(cell, dt.date):
            value, look = cell, self.styles["date"]
        else:
            value = cell / 100 if column.kind == "percent" else cell
        if value is None:
            return self._text(sheet, str(Hidden("z")), "hidden")
        if isinstance(value, (int, float)):
            if not math.isfinite(value):
                return self._text(sheet, str(Hidden("x")), "hidden")
            if abs(value) >= 10**15:  # a spreadsheet keeps 15 digits
                return self._text(sheet, str(value))
            if column.kind == "percent" or column.decimals is not None:  # the spreadsheet will round it
                value = snapped(value)
        made = WriteOnlyCell(sheet, value)
        made._style = look
        return made

    def _text(self, sheet: WriteOnlyWorksheet, text: str, look: str = "text") -> WriteOnlyCell:
        """A cell that is text whatever it begins with."""
        text = self._fitted(clean(text))
        made = WriteOnlyCell(sheet)
        made._value = text
        made.data_type = "s"
        made._style = self.styles[f"guarded {look}" if is_formula(text) else look]
        return made

    def _rich(self, sheet: WriteOnlyWorksheet, cell: Rich) -> WriteOnlyCell:
        whole = clean(str(cell))
        target = next((self.places[run.link] for run in cell.runs if run.link in self.places), "")
        if len(whole) > XLSX_CELL_LIMIT // 2 and utf16_length(whole) > XLSX_CELL_LIMIT:
            made = self._text(sheet, whole, "link" if target else "text")
        else:
            made = WriteOnlyCell(sheet)
            made._value = self._runs(cell.runs)
            made.data_type = "s"
            is_link = bool(target) and all(run.link for run in cell.runs)
            look = "link" if is_link else "text"
            made._style = self.styles[f"guarded {look}" if is_formula(whole) else look]
        if target:
            made._hyperlink = Hyperlink(ref="", location=target)
        if cell.comment:
            made._comment = Comment(next(pieces(clean(cell.comment)), ""), _COMMENT_AUTHOR)
        return made

    def _runs(self, runs: Sequence[Run]) -> CellRichText | str:
        if all(_font_of(run) is None for run in runs):
            return "".join(clean(run.text) for run in runs)
        parts: list[TextBlock | str] = []
        for run in runs:
            font, text = _font_of(run), clean(run.text)
            if text:
                parts.append(text if font is None else TextBlock(font, text))
        return CellRichText(parts)

    def _fitted(self, text: str) -> str:
        if len(text) <= XLSX_CELL_LIMIT // 2 or utf16_length(text) <= XLSX_CELL_LIMIT:
            return text
        name = f"L{len(self.long) + 1}"
        self.long.append((name, text))
        ending = f" … [goes on in sheet {_LONG_SHEET}, {name}]"
        return next(pieces(text, XLSX_CELL_LIMIT - len(ending))) + ending

    def _long_sheet(self) -> None:
        sheet = self.book.create_sheet(_LONG_SHEET)
        sheet.freeze_panes = "A2"
        self._header_and_footer(sheet)
        sheet.column_dimensions["C"].width = 120
        sheet.append([self._text(sheet, label, "header") for label in ("Cell", "Part", "Text")])
        for name, text in self.long:
            for number, piece in enumerate(pieces(text), 1):
                part = WriteOnlyCell(sheet, number)
                sheet.append([self._text(sheet, name), part, self._text(sheet, piece)])


_FONTS: dict[tuple[bool, bool, str], InlineFont] = {}


def _font_of(run: Run) -> InlineFont | None:
    """The look of a run: participants' words in italics, comments in grey, summaries as they stand."""
    if not run.bold and not run.italic and run.kind in ("plain", "summary"):
        return None
    key = (run.bold, run.italic, run.kind)
    if key not in _FONTS:
        _FONTS[key] = InlineFont(
            b=run.bold or None,
            i=run.italic or run.kind == "verbatim" or None,
            color=_GREY if run.kind == "comment" else None,
        )
    return _FONTS[key]


def _width(column: Column) -> int:
    return 40 if column.kind == "text" and not column.depends else max(12, min(24, len(column.label) + 2))
