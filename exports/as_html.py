"""HTML for reading: one file with its style and pictures inside, no script, nothing fetched, legible in print and dark."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from html import escape

from exports.cleaning import clean
from exports.showing import shown
from exports.table import (
    SYMBOLS,
    Block,
    Cell,
    Column,
    Document,
    Figure,
    Heading,
    Hidden,
    Paragraph,
    Quote,
    Run,
    Table,
)

CONTENT_TYPE = "text/html; charset=utf-8"
SUFFIX = ".html"

_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.55 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; font-size: 14px; font-variant-numeric: tabular-nums; }
th, td { border: 1px solid color-mix(in srgb, currentcolor 30%, transparent); padding: 4px 8px; text-align: left; }
td.number { text-align: right; white-space: nowrap; }
caption { text-align: left; font-weight: 600; padding: 8px 0; }
.wide { overflow-x: auto; }
.note, figcaption, dt { color: color-mix(in srgb, currentcolor 75%, transparent); }
figure { margin: 1rem 0; } img { max-width: 100%; background: #fff; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 16px; } dd { margin: 0; }
@media print { body { max-width: none; margin: 0; font-size: 11pt; } tr, figure { break-inside: avoid; } }
"""


def write(content: Table | Document) -> bytes:
    """The document, or the table alone with its cover, as a page of HTML in UTF-8. All text is escaped."""
    document = Document.of(content)
    used = {
        str(cell.symbol)
        for table in document.tables
        for row in table.rows
        for cell in row
        if isinstance(cell, Hidden)
    }
    lines = [
        "<!doctype html>",
        '<html lang="en-GB"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{_text(document.title)}</title><style>{_STYLE}</style></head><body><main>",
        f"<h1>{_text(document.title)}</h1>",
        *_cover(document),
        *(f'<p class="note">Note: {_text(note)}</p>' for note in document.notes),
        *(line for block in document.blocks for line in _block(block)),
        *(f"<p>[{symbol}] {_text(SYMBOLS[symbol])}</p>" for symbol in ("c", "z", "x") if symbol in used),
        "</main></body></html>",
    ]
    return ("\n".join(lines) + "\n").encode()


def _text(text: str) -> str:
    return escape(clean(text))


def _cover(document: Document) -> Iterator[str]:
    if document.cover:
        pairs = "".join(
            f"<dt>{_text(label)}</dt><dd>{_text(value)}</dd>" for label, value in document.cover.lines()
        )
        yield f"<dl>{pairs}</dl>"


def _block(block: Block) -> Iterator[str]:
    match block:
        case Heading(text=text, level=level):
            # The title is h1, so that a heading of the first level is h2.
            rank = min(max(level, 1) + 1, 6)
            yield f"<h{rank}>{_text(text)}</h{rank}>"
        case Paragraph(runs=runs):
            yield f'<p dir="auto">{_runs(runs)}</p>'
        case Quote(runs=runs, attribution=attribution):
            yield f'<blockquote dir="auto"><p>{_runs(runs)}</p><footer>[{_text(attribution.text)}]</footer></blockquote>'
        case Figure():
            yield _figure(block)
        case Table():
            yield from _table(block)


def _runs(runs: Sequence[Run]) -> str:
    made = []
    for run in runs:
        text = _text(run.text).replace("\n", "<br>")
        text = f"<strong>{text}</strong>" if run.bold else text
        made.append(f"<em>{text}</em>" if run.italic or run.kind == "verbatim" else text)
    return "".join(made)


def _figure(figure: Figure) -> str:
    picture = base64.b64encode(figure.png).decode()
    caption = f"<figcaption>{_text(figure.caption)}</figcaption>" if figure.caption else ""
    return f'<figure><img src="data:image/png;base64,{picture}" alt="{_text(figure.alt)}">{caption}</figure>'


def _table(table: Table) -> Iterator[str]:
    # A region that scrolls has to be reachable by keyboard.
    yield f'<div class="wide" role="region" tabindex="0" aria-label="{_text(table.title)}"><table>'
    yield f"<caption>{_text(table.title)}</caption>"
    yield (
        "<thead><tr>"
        + "".join(f'<th scope="col">{_text(c.label)}</th>' for c in table.columns)
        + "</tr></thead><tbody>"
    )
    for row in table.rows:
        yield (
            "<tr>"
            + "".join(_cell(cell, column) for cell, column in zip(row, table.columns, strict=True))
            + "</tr>"
        )
    yield "</tbody></table></div>"
    yield from (f'<p class="note">Note: {_text(note)}</p>' for note in table.notes)


def _cell(cell: Cell, column: Column) -> str:
    kind = "" if column.kind == "text" else ' class="number"'
    return f'<td{kind} dir="auto">{_text(shown(cell, column))}</td>'
