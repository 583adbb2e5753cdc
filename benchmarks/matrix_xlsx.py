"""XLSX of a Framework matrix of 200 cases × 12 columns: our writer against openpyxl's write-only mode.

Both write the same sheet in one run: rich cells of three runs (summary in bold, the participant's words in
italics, a researcher's comment in grey), a comment on every fourth cell, a link to a sheet of quotes on every
second, wrapped styled cells, frozen header. Prints the ratio of the best times; it should be at most 1.5. Run
with `python -m benchmarks.matrix_xlsx`.
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.worksheet.hyperlink import Hyperlink

from exports import as_xlsx
from exports.table import Column, Rich, Run, Table

N_CASES, N_COLUMNS, ROUNDS, TARGET = 200, 12, 5, 1.5

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


def ours(tables: tuple[Table, Table]) -> bytes:
    return as_xlsx.write(tables)


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


def best_seconds(write: Callable[[tuple[Table, Table]], bytes], tables: tuple[Table, Table]) -> float:
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        write(tables)
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> dict[str, float | str]:
    tables = matrix()
    ours(tables), openpyxl_write_only(tables)  # imports and caches are warm for both
    our_seconds, their_seconds = best_seconds(ours, tables), best_seconds(openpyxl_write_only, tables)
    return {
        "benchmark": "xlsx of a matrix of 200 x 12, ours / openpyxl write-only",
        "ours_seconds": round(our_seconds, 4),
        "openpyxl_seconds": round(their_seconds, 4),
        "ratio": round(our_seconds / their_seconds, 3),
        "target": TARGET,
    }


if __name__ == "__main__":
    print(json.dumps(main()))
