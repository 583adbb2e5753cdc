"""XLSX of a Framework matrix of 200 cases × 12 columns: our writer against openpyxl's write-only mode and against XlsxWriter.

All write the same sheets in one run, in turn: rich cells of three runs (summary in bold, the participant's words in
italics, a researcher's comment in grey), a comment on every fourth cell, a link to a sheet of quotes on every
second, wrapped styled cells, frozen header. The ratio of processor time should be at most 1.5 to openpyxl, through which ours
writes, and at most 2 to XlsxWriter, which is the faster of the two. Run with `python -m benchmarks.matrix_xlsx`.
"""

from __future__ import annotations

import io
import sys
from typing import Any

import xlsxwriter
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.worksheet.hyperlink import Hyperlink

from benchmarks import figures
from benchmarks.figures import Figure, Found
from benchmarks.pairs import in_turn
from exports import as_xlsx
from exports.table import Column, Rich, Run, Table

N_CASES, N_COLUMNS, ROUNDS = 200, 12, 9
OPENPYXL_TARGET, XLSXWRITER_TARGET = 1.5, 2.0

_SUMMARY = "Describes workload easing once group supervision began, although the first months felt heavier. "
_WORDS = "it took a while before anybody believed the time would really be there"
_REMARK = " [compare with the team's own figures]"


def _runs(case: int, column: int) -> tuple[Run, ...]:
    link = f"q{case}" if column % 2 else ""
    return (
        Run(f"{case}.{column} ", bold=True, kind="summary"),
        Run(_SUMMARY, kind="summary"),
        Run(_WORDS, kind="verbatim", link=link),
        Run(_REMARK, kind="comment"),
    )


def matrix() -> tuple[Table, Table]:
    columns = [
        Column("case", "Case"),
        *(Column(f"c{n}", f"Subtheme {n}", width=40) for n in range(N_COLUMNS)),
    ]
    rows = [
        [
            f"P-{case:03}",
            *(
                Rich(_runs(case, column), comment=f"Charted from turn {case}" if column % 4 == 0 else "")
                for column in range(N_COLUMNS)
            ),
        ]
        for case in range(N_CASES)
    ]
    quotes = [[Rich((Run(f"Q{case}"),), anchor=f"q{case}"), _WORDS] for case in range(N_CASES)]
    return (
        Table.of("Workload", columns, rows, freeze_columns=1),
        Table.of("Quotes", [Column("id", "Quote"), Column("words", "Words")], quotes),
    )


def openpyxl_write_only(tables: tuple[Table, Table]) -> bytes:
    """The same cells as anyone would write them who knows openpyxl well: shared style objects, no
    cleaning.
    """
    book = Workbook(write_only=True)
    wrap = Alignment(vertical="top", wrap_text=True)
    bold, white, fill = (
        Font(bold=True),
        Font(bold=True, color="FFFFFFFF"),
        PatternFill("solid", fgColor="FF0F5C5C"),
    )
    fonts = {
        "bold": InlineFont(b=True),
        "verbatim": InlineFont(i=True),
        "comment": InlineFont(color="FF57534E"),
    }
    cover = book.create_sheet("Cover")
    cover.append([_styled(cover, "Workload", font=bold)])
    for name, table in zip(("Workload", "Quotes"), tables, strict=True):
        sheet = book.create_sheet(name)
        sheet.freeze_panes = "B2"
        for position in range(len(table.columns)):
            sheet.column_dimensions[chr(65 + position)].width = 40
        sheet.append([_styled(sheet, c.label, font=white, fill=fill, alignment=wrap) for c in table.columns])
        for row in table.rows:
            cells = []
            for cell in row:
                if not isinstance(cell, Rich):
                    cells.append(_styled(sheet, cell, alignment=wrap))
                    continue
                if len(cell.runs) == 1:
                    made = _styled(sheet, cell.runs[0].text, alignment=wrap)
                else:
                    made = _styled(
                        sheet,
                        CellRichText(
                            [
                                TextBlock(fonts["bold" if run.bold else run.kind], run.text)
                                if run.bold or run.kind in fonts
                                else run.text
                                for run in cell.runs
                            ]
                        ),
                        alignment=wrap,
                    )
                if cell.comment:
                    made.comment = Comment(cell.comment, "Comment")
                if link := next((run.link for run in cell.runs if run.link), ""):
                    made._hyperlink = Hyperlink(ref="", location=f"'Quotes'!A{int(link[1:]) + 2}")
                cells.append(made)
            sheet.append(cells)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _styled(sheet: object, value: object, **looks: object) -> WriteOnlyCell:
    cell = WriteOnlyCell(sheet, value)
    for name, look in looks.items():
        setattr(cell, name, look)
    return cell


def xlsxwriter_book(tables: tuple[Table, Table]) -> bytes:
    """The same cells as anyone would write them who knows XlsxWriter well: formats made once, nothing on disk, no
    cleaning.
    """
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    wrap = book.add_format({"text_wrap": True, "valign": "top"})
    header = book.add_format(
        {"bold": True, "font_color": "white", "bg_color": "#0F5C5C", "text_wrap": True, "valign": "top"}
    )
    bold = book.add_format({"bold": True})
    looks = {
        "bold": bold,
        "verbatim": book.add_format({"italic": True}),
        "comment": book.add_format({"font_color": "#57534E"}),
    }
    book.add_worksheet("Cover").write_string(0, 0, "Workload", bold)
    for name, table in zip(("Workload", "Quotes"), tables, strict=True):
        sheet = book.add_worksheet(name)
        sheet.freeze_panes(1, 1)
        sheet.set_column(0, len(table.columns) - 1, 40)
        for position, column in enumerate(table.columns):
            sheet.write_string(0, position, column.label, header)
        for number, row in enumerate(table.rows, 1):
            for position, cell in enumerate(row):
                if not isinstance(cell, Rich):
                    sheet.write_string(number, position, cell, wrap)
                    continue
                if link := next((run.link for run in cell.runs if run.link), ""):
                    # First the link and then the words over it: a rich cell cannot be given both at once.
                    sheet.write_url(number, position, f"internal:'Quotes'!A{int(link[1:]) + 2}", wrap, "…")
                if len(cell.runs) == 1:
                    sheet.write_string(number, position, cell.runs[0].text, wrap)
                else:
                    pieces: list[Any] = []
                    for run in cell.runs:
                        look = looks.get("bold" if run.bold else run.kind)
                        pieces += [run.text] if look is None else [look, run.text]
                    sheet.write_rich_string(number, position, *pieces, wrap)
                if cell.comment:
                    sheet.write_comment(number, position, cell.comment, {"author": "Comment"})
    book.close()
    return out.getvalue()


def measure() -> dict[str, Any]:
    tables = matrix()
    versions = figures.versions("openpyxl", "xlsxwriter")
    found = []
    for name, peer, write, target in (
        ("openpyxl", "write-only", openpyxl_write_only, OPENPYXL_TARGET),
        ("xlsxwriter", "in memory", xlsxwriter_book, XLSXWRITER_TARGET),
    ):
        pairs = in_turn(lambda: as_xlsx.write(tables), lambda write=write: write(tables), rounds=ROUNDS)
        named = f"{name} {versions[name]}, {peer}"
        found.append(Figure("writing", pairs.ratio, target, named, ours=pairs.ours, theirs=pairs.theirs))
    return Found(f"XLSX of a matrix of {N_CASES} × {N_COLUMNS}", found, versions).sent()


if __name__ == "__main__":
    sys.exit(figures.run(measure))
