"""DOCX through python-docx: landscape when asked, repeating header rows, cells that may break across pages.

The template's author and comment are emptied; nobody and no machine is named.
"""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Sequence

import docx
from docx.document import Document as WordDocument
from docx.enum.section import WD_ORIENT
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Mm, Pt, RGBColor
from docx.table import _Row
from docx.text.paragraph import Paragraph as WordParagraph

from exports import bidi
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

CONTENT_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
SUFFIX = ".docx"

_GREY = RGBColor(0x57, 0x53, 0x4E)


def write(content: Table | Document) -> bytes:
    """The document, or the table alone with its cover, as DOCX."""
    document = Document.of(content)
    word = docx.Document()
    _metadata(word, document)
    _page(word, document)
    word.add_heading(clean(document.title), 0)
    for label, value in document.cover.lines() if document.cover else ():
        _add(word.add_paragraph(), (Run(f"{label}: ", bold=True), Run(value)))
    for note in document.notes:
        _add(word.add_paragraph(), (Run(f"Note: {note}", italic=True),))
    used: set[str] = set()
    for block in document.blocks:
        _block(word, block, is_only=len(document.blocks) == 1)
        if isinstance(block, Table):
            used |= {cell.symbol for row in block.rows for cell in row if isinstance(cell, Hidden)}
    for symbol in sorted(used):
        _add(word.add_paragraph(), (Run(f"[{symbol}] ", bold=True), Run(SYMBOLS[symbol])))
    out = io.BytesIO()
    word.save(out)
    return out.getvalue()


def _metadata(word: WordDocument, document: Document) -> None:
    made_at = document.cover.made_at if document.cover else dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
    properties = word.core_properties
    for name in ("author", "last_modified_by", "comments", "category", "keywords", "subject", "version"):
        setattr(properties, name, "")
    properties.title = clean(document.title)[:255]
    properties.created = properties.modified = made_at.replace(tzinfo=None)
    properties.revision = 1


def _page(word: WordDocument, document: Document) -> None:
    section = word.sections[0]
    short, long = Mm(210), Mm(297)
    section.page_width, section.page_height = (long, short) if document.is_landscape else (short, long)
    section.orientation = WD_ORIENT.LANDSCAPE if document.is_landscape else WD_ORIENT.PORTRAIT
    section.left_margin = section.right_margin = section.top_margin = section.bottom_margin = Mm(18)
    if document.cover and document.cover.is_draft:
        section.header.paragraphs[0].text = "DRAFT: not for publication"


def _block(word: WordDocument, block: Block, *, is_only: bool) -> None:
    match block:
        case Heading(text=text, level=level):
            word.add_heading(clean(text), max(1, min(level, 9)))
        case Paragraph(runs=runs):
            _add(word.add_paragraph(), runs)
        case Quote(runs=runs, attribution=attribution):
            _add(word.add_paragraph(style="Quote"), runs)
            source = word.add_paragraph()
            source.paragraph_format.left_indent = Mm(10)
            _add(source, (Run(f"[{attribution.text}]", kind="comment"),))
        case Figure():
            _figure(word, block)
        case Table():
            if not is_only:
                word.add_heading(clean(block.title), 2)
            _table(word, block)
            for note in block.notes:
                _add(word.add_paragraph(), (Run(f"Note: {note}", italic=True),))


def _figure(word: WordDocument, figure: Figure) -> None:
    picture = word.add_picture(io.BytesIO(figure.png), width=Mm(figure.width_mm))
    properties = picture._inline.docPr
    properties.set("descr", clean(figure.alt))
    properties.set("name", "Figure")
    if figure.caption:
        _add(word.add_paragraph(style="Caption"), (Run(figure.caption),))


def _table(word: WordDocument, table: Table) -> None:
    made = word.add_table(rows=1, cols=len(table.columns), style="Table Grid")
    header = made.rows[0]
    _repeat(header)
    for place, column in zip(header.cells, table.columns, strict=True):
        _add(place.paragraphs[0], (Run(column.label, bold=True),), points=8.5)
    for row in table.rows:
        cells = made.add_row().cells
        for place, cell, column in zip(cells, row, table.columns, strict=True):
            paragraph = place.paragraphs[0]
            if column.kind != "text":
                paragraph.alignment = WD_ALIGN_PARAGRAPH.RIGHT
            _add(paragraph, _runs(cell, column), points=8.5)


def _repeat(row: _Row) -> None:
    """This row stands again at the top of every page."""
    mark = OxmlElement("w:tblHeader")
    mark.set(qn("w:val"), "true")
    row._tr.get_or_add_trPr().append(mark)


def _runs(cell: Cell, column: Column) -> tuple[Run, ...]:
    if isinstance(cell, Rich):
        return cell.runs + ((Run(f" [{cell.comment}]", kind="comment"),) if cell.comment else ())
    return (Run(shown(cell, column), kind="comment" if isinstance(cell, Hidden) else "plain"),)


def _add(paragraph: WordParagraph, runs: Sequence[Run], *, points: float = 0) -> None:
    text = clean("".join(run.text for run in runs))
    if bidi.has_rtl(text) and bidi.is_rtl_paragraph(text):
        paragraph._p.get_or_add_pPr().append(OxmlElement("w:bidi"))
    for run in runs:
        made = paragraph.add_run(clean(run.text))
        made.bold = run.bold or None
        made.italic = run.italic or run.kind == "verbatim" or None
        if run.kind == "comment":
            made.font.color.rgb = _GREY
        if points:
            made.font.size = Pt(points)
        if bidi.has_rtl(run.text):
            made.font.rtl = True
