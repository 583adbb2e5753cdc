"""Quotes and matrices as `exports.Table` and `exports.Document`: typed cells, no formats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from coding.grids import Part, Row, Shown
from coding.models import Column
from coding.quotes import Gathered, Quote
from exports import table as t

ANYONE = "Participant"


def _attributed(quote: Quote, smallest_group: int) -> t.Attribution:
    # The one function chose words that fit at least the study's smallest group; a stricter rule of the release
    # falls back to the general form. Writers of documents set the brackets themselves.
    words = quote.attribution.removeprefix("[").removesuffix("]")
    return t.Attribution(words, group_size=smallest_group, general=ANYONE)


def quotes_table(title: str, gathered: Gathered) -> t.Table:
    """Every quote under a code: words, attribution, where it was said."""
    columns = (
        t.Column("code", "Code", width=24),
        t.Column("quote", "Quote", width=90),
        t.Column("attribution", "Attribution", width=30),
        t.Column("text", "Text", width=10),
        t.Column("turn", "Turn", kind="number", decimals=0),
    )
    rows = [
        (q.code, t.Rich((t.Run(q.text, kind="verbatim"),)), q.attribution, q.document, q.turn)
        for q in gathered.quotes
    ]
    return t.Table.of(
        title, columns, rows, notes=gathered.notes(), subject="quotes under a code", freeze_columns=1
    )


def quotes_document(title: str, definition: str, gathered: Gathered, *, smallest_group: int) -> t.Document:
    """The same for reading: one heading per code, each quote with its attribution."""
    blocks: list[t.Block] = []
    if definition:
        blocks.append(t.Paragraph.of(definition))
    code = None
    for quote in sorted(gathered.quotes, key=lambda q: q.code):
        if quote.code != code:
            code = quote.code
            blocks.append(t.Heading(code, 1))
        person = next(iter(quote.people)) if len(quote.people) == 1 else None
        blocks.append(
            t.Quote(
                (t.Run(quote.text, kind="verbatim"),),
                _attributed(quote, smallest_group),
                str(person) if person else "",
            )
        )
    if not gathered.quotes:
        blocks.append(t.Paragraph.of("There is no quote under this code that may leave the study."))
    return t.Document(title, tuple(blocks), notes=tuple(gathered.notes()))


def matrix_tables(
    theme: str,
    columns: Sequence[Column],
    rows: Sequence[Row],
    quotes: Mapping[str, Quote],
    notes: Sequence[str] = (),
) -> tuple[t.Table, t.Table]:
    """(the theme's sheet, the quotes it links to). `quotes` are those that may leave, by quote link.

    A cell says its state in words before its summary. A quote that may not leave is marked as left out.
    """
    heads = [
        t.Column("case", "Case", width=14),
        t.Column("site", "Site", width=8),
        t.Column("phase", "Phase", width=8),
        t.Column("group", "Group", width=18),
        t.Column("role", "Role", width=18),
    ]
    heads += [t.Column(f"c{n}", column.title, width=48, identifies=False) for n, column in enumerate(columns)]
    listed: list[tuple[str, str, str, Quote]] = []
    body: list[list[t.Cell]] = []
    for row in rows:
        said = row.attributes
        line: list[t.Cell] = [row.case.label, said["site"], said["phase"], said["group"], said["role"]]
        line += [_cell(row, cell, quotes, listed) for cell in row.cells]
        body.append(line)
    sheet = t.Table.of(theme, heads, body, notes=notes, subject=f"matrix: {theme}", freeze_columns=1)
    return sheet, _quote_sheet(listed)


def _cell(
    row: Row, cell: Shown, quotes: Mapping[str, Quote], listed: list[tuple[str, str, str, Quote]]
) -> t.Rich:
    state = f"{cell.state_label}{f' ({cell.stale.words} evidence)' if cell.stale else ''}"
    runs = [t.Run(f"{state}{': ' if cell.parts else ''}", bold=True)]
    for part in cell.parts:
        if part.kind != "verbatim":
            runs.append(_plain(part))
            continue
        quote = quotes.get(part.quote)
        if quote is None:
            runs.append(t.Run("[quote left out]", kind="comment"))
            continue
        anchor = f"quote-{len(listed) + 1}"
        listed.append((anchor, row.case.label, cell.column.title, quote))
        runs.append(t.Run(f"“{quote.text}” ❝{len(listed)}", part.bold, part.italic, "verbatim", anchor))
    return t.Rich(tuple(runs))


def _plain(part: Part) -> t.Run:
    text = part.text or ""
    if part.kind == "comment":
        return t.Run(f"[{text.strip()}]", part.bold, part.italic, "comment")
    return t.Run(text, part.bold, part.italic, "summary")


def _quote_sheet(listed: Sequence[tuple[str, str, str, Quote]]) -> t.Table:
    columns = (
        t.Column("number", "Number", kind="number", decimals=0),
        t.Column("case", "Case", width=14),
        t.Column("column", "Subtheme", width=24),
        t.Column("quote", "Quote", width=90),
        t.Column("attribution", "Attribution", width=30),
        t.Column("place", "Text and turn", width=16),
    )
    rows = [
        (
            number,
            case,
            column,
            t.Rich((t.Run(quote.text, kind="verbatim"),), anchor=anchor),
            quote.attribution,
            f"{quote.document}, turn {quote.turn}",
        )
        for number, (anchor, case, column, quote) in enumerate(listed, start=1)
    ]
    return t.Table.of("Quotes", columns, rows, subject="quotes in a matrix")
