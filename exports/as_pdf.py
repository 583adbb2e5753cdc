"""PDF through reportlab, the same bytes for the same content (`invariant`).

DejaVu Sans is embedded; a character it cannot draw is shown as its code point, [U+1F469], never as an empty
box. Text is escaped before it reaches reportlab's markup, and only `data:` addresses may be opened, so that
no text can pull a file or a page into the document. Long table cells break across pages and header rows
repeat.
"""

from __future__ import annotations

import html
import io
from collections.abc import Iterable, Sequence
from functools import cache

from reportlab import rl_config
from reportlab.lib import colors
from reportlab.lib.enums import TA_LEFT, TA_RIGHT
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, Image, LongTable, SimpleDocTemplate, Spacer, TableStyle
from reportlab.platypus import Paragraph as PdfParagraph

from exports import bidi, glyphs
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
    Rich,
    Run,
    Table,
)

CONTENT_TYPE = "application/pdf"
SUFFIX = ".pdf"

rl_config.trustedSchemes = ["data"]
rl_config.trustedHosts = []

_FAMILY = "ExportSans"
_FACES: dict[glyphs.Face, str] = {
    "normal": "ExportSans",
    "bold": "ExportSans-Bold",
    "italic": "ExportSans-Italic",
    "boldItalic": "ExportSans-BoldItalic",
}
_TEAL = colors.HexColor("#0F5C5C")
_GREY = colors.HexColor("#57534E")
_RULE = colors.HexColor("#D6D3D1")
_MARGIN = 16 * mm
_FRAME_PADDING = 6
"""Points that reportlab's frame keeps free on each side."""
_LONGEST_CELL = 3_000
"""Characters in one table row above which the row is cut in two: reportlab lays out a whole cell at once."""


def write(content: Table | Document) -> bytes:
    """The document, or the table alone with its cover, as PDF."""
    document = Document.of(content)
    _register_fonts()
    size = landscape(A4) if document.is_landscape else A4
    out = io.BytesIO()
    template = SimpleDocTemplate(
        out,
        pagesize=size,
        leftMargin=_MARGIN,
        rightMargin=_MARGIN,
        topMargin=_MARGIN,
        bottomMargin=_MARGIN,
        title=clean(document.title),
        author="",
        subject="",
        creator="",
        producer="",
        invariant=1,
    )
    width = size[0] - 2 * _MARGIN - 2 * _FRAME_PADDING
    is_draft = document.cover is not None and document.cover.is_draft

    def furniture(canvas: Canvas, _: SimpleDocTemplate) -> None:
        canvas.setFont(_FAMILY, 7.5)
        canvas.setFillColor(_GREY)
        canvas.drawRightString(size[0] - _MARGIN, 8 * mm, str(canvas.getPageNumber()))
        if is_draft:
            canvas.drawString(_MARGIN, 8 * mm, "DRAFT: not for publication")
            canvas.drawString(_MARGIN, size[1] - 10 * mm, "DRAFT")

    template.build(list(_story(document, width)), onFirstPage=furniture, onLaterPages=furniture)
    return out.getvalue()


@cache
def _register_fonts() -> None:
    for face, name in _FACES.items():
        pdfmetrics.registerFont(TTFont(name, str(glyphs.path(face))))
    pdfmetrics.registerFontFamily(_FAMILY, **_FACES)


def _style(name: str, size: float, **more: object) -> ParagraphStyle:
    values: dict[str, object] = {
        "fontName": _FAMILY,
        "fontSize": size,
        "leading": size * 1.35,
        "splitLongWords": 1,
        "allowWidows": 0,
    }
    return ParagraphStyle(name, **(values | more))


_TITLE = _style("title", 18, textColor=_TEAL, spaceAfter=8)
_BODY = _style("body", 10, spaceAfter=6)
_SMALL = _style("small", 8, textColor=_GREY, spaceAfter=2)
_QUOTE = _style("quote", 10, leftIndent=8 * mm, rightIndent=8 * mm, spaceBefore=4)
_SOURCE = _style("source", 8.5, leftIndent=8 * mm, textColor=_GREY, spaceAfter=8)
_CELL = _style("cell", 7.5)
_HEADER = _style("header", 7.5, textColor=colors.white)
_HEADINGS = tuple(
    _style(f"heading{n}", size, textColor=_TEAL, spaceBefore=10, spaceAfter=4)
    for n, size in enumerate((15, 12.5, 11), 1)
)


def _story(document: Document, width: float) -> Iterable[Flowable]:
    yield _paragraph((Run(document.title, bold=True),), _TITLE, width)
    for label, value in document.cover.lines() if document.cover else ():
        yield _paragraph((Run(f"{label}: ", bold=True), Run(value)), _SMALL, width)
    for note in document.notes:
        yield _paragraph((Run(f"Note: {note}"),), _SMALL, width)
    yield Spacer(0, 6)
    used: set[str] = set()
    for block in document.blocks:
        yield from _block(block, width, is_only=len(document.blocks) == 1)
        if isinstance(block, Table):
            used |= {cell.symbol for row in block.rows for cell in row if isinstance(cell, Hidden)}
    if used:
        yield Spacer(0, 8)
    for symbol in sorted(used):
        yield _paragraph((Run(f"[{symbol}] ", bold=True), Run(SYMBOLS[symbol])), _SMALL, width)


def _block(block: Block, width: float, *, is_only: bool) -> Iterable[Flowable]:
    match block:
        case Heading(text=text, level=level):
            yield _paragraph((Run(text, bold=True),), _HEADINGS[min(level, 3) - 1], width)
        case Paragraph(runs=runs):
            yield _paragraph(runs, _BODY, width)
        case Quote(runs=runs, attribution=attribution):
            yield _paragraph(runs, _QUOTE, width - 16 * mm)
            yield _paragraph((Run(f"[{attribution.text}]"),), _SOURCE, width - 8 * mm)
        case Figure():
            yield from _figure(block, width)
        case Table():
            if not is_only:
                yield _paragraph((Run(block.title, bold=True),), _BODY, width)
            yield _table(block, width)
            for note in block.notes:
                yield _paragraph((Run(f"Note: {note}"),), _SMALL, width)
            yield Spacer(0, 8)


def _figure(figure: Figure, width: float) -> Iterable[Flowable]:
    image = Image(io.BytesIO(figure.png))
    scale = min(width, figure.width_mm * mm) / image.imageWidth
    image.drawWidth, image.drawHeight = image.imageWidth * scale, image.imageHeight * scale
    yield image
    if figure.caption:
        yield _paragraph((Run(figure.caption, bold=True),), _SMALL, width)
    # Untagged PDF has no place for alternative text, so the words stand below the picture for everyone.
    yield _paragraph((Run(figure.alt),), _SMALL, width)


def _table(table: Table, width: float) -> Flowable:
    widths = _widths(table.columns, width)
    rows = [
        [
            _paragraph((Run(column.label, bold=True),), _HEADER, each - 7)
            for column, each in zip(table.columns, widths, strict=True)
        ]
    ]
    for row in table.rows:
        pieces = [_cell_pieces(cell, column) for cell, column in zip(row, table.columns, strict=True)]
        for number in range(max(len(parts) for parts in pieces)):
            rows.append(
                [
                    _paragraph(parts[number] if number < len(parts) else (), _CELL, each - 7)
                    if column.kind == "text"
                    else _paragraph(
                        parts[number] if number < len(parts) else (), _CELL, each - 7, is_number=True
                    )
                    for parts, column, each in zip(pieces, table.columns, widths, strict=True)
                ]
            )
    made = LongTable(rows, colWidths=widths, repeatRows=1, splitByRow=1, splitInRow=1)
    made.setStyle(
        TableStyle(
            [
                ("BACKGROUND", (0, 0), (-1, 0), _TEAL),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("LINEBELOW", (0, 0), (-1, -1), 0.4, _RULE),
                ("LEFTPADDING", (0, 0), (-1, -1), 3),
                ("RIGHTPADDING", (0, 0), (-1, -1), 3),
                ("TOPPADDING", (0, 0), (-1, -1), 2),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
            ]
        )
    )
    return made


def _widths(columns: Sequence[Column], width: float) -> list[float]:
    """Shares of the width: text takes what figures leave; every column keeps enough for a short word."""
    weights = [
        column.width or (30 if column.kind == "text" and not column.depends else 12) for column in columns
    ]
    return [width * weight / sum(weights) for weight in weights]


def _cell_pieces(cell: Cell, column: Column) -> list[tuple[Run, ...]]:
    """The runs of a cell in stretches short enough to lay out, for as many rows as they need."""
    if isinstance(cell, Rich):
        runs = cell.runs + ((Run(f" [{cell.comment}]", kind="comment"),) if cell.comment else ())
    else:
        runs = (Run(shown(cell, column), kind="comment" if isinstance(cell, Hidden) else "plain"),)
    made: list[tuple[Run, ...]] = []
    current: list[Run] = []
    room = _LONGEST_CELL
    for run in runs:
        text = run.text
        while text:
            part, text = text[:room], text[room:]
            current.append(Run(part, run.bold, run.italic, run.kind))
            room -= len(part)
            if room == 0:
                made.append(tuple(current))
                current, room = [], _LONGEST_CELL
    if current or not made:
        made.append(tuple(current))
    return made


def _paragraph(
    runs: Sequence[Run], style: ParagraphStyle, width: float, *, is_number: bool = False
) -> PdfParagraph:
    whole = clean("".join(run.text for run in runs))
    is_rtl = bidi.has_rtl(whole) and bidi.is_rtl_paragraph(whole)
    if is_rtl or is_number:
        style = ParagraphStyle(
            style.name, parent=style, alignment=TA_RIGHT if is_rtl or is_number else TA_LEFT
        )
    return PdfParagraph("".join(_markup(run, style, width) for run in runs), style)


def _markup(run: Run, style: ParagraphStyle, width: float) -> str:
    text = clean(run.text)
    if bidi.has_rtl(text):
        # Break first, reorder after: see bidi.lines. Blanks inside become fixed so that reportlab breaks
        # nothing.
        face = _FACES["bold" if run.bold else "normal"]
        parts = bidi.lines(text, width, lambda line: pdfmetrics.stringWidth(line, face, style.fontSize))
        text = "\n".join(part.replace(" ", "\u00a0") for part in parts)
    text = glyphs.drawable(text)
    markup = html.escape(text, quote=False).replace("\n", "<br/>")
    if run.bold:
        markup = f"<b>{markup}</b>"
    if (run.italic or run.kind == "verbatim") and glyphs.can_slope(text):
        markup = f"<i>{markup}</i>"
    if run.kind == "comment":
        markup = f'<font color="#57534E">{markup}</font>'
    return markup
