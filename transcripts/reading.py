"""The text of an uploaded file. Decoded, byte order mark gone, line ends as one line feed, and otherwise
exactly as it was: nothing is trimmed or normalised, because every offset counts from here.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import docx
from docx.opc.exceptions import PackageNotFoundError
from docx.oxml.ns import qn
from lxml import etree

from ipe.errors import BadFile
from ipe.uploads import check, decode_text

if TYPE_CHECKING:
    from lxml.etree import _Element

KINDS = ("docx", "txt", "vtt", "srt")
# A day of interviews is some 100,000 characters; what is longer than this is no transcript.
MAX_CHARACTERS = 2_000_000


@dataclass(frozen=True, slots=True)
class ReadFile:
    text: str
    kind: str
    encoding: str


def read_file(name: str, data: bytes, *, max_mb: int = 20) -> ReadFile:
    """The text of a DOCX, TXT, VTT or SRT file, after every check of the upload guard.

    Raises
        BadFile: Empty, too large, damaged, of another kind, or without a word in it.
    """
    kind = check(name, data, KINDS, max_mb=max_mb)
    if kind == "docx":
        text, encoding = docx_text(data), ""
    else:
        text, encoding = decode_text(data)
    text = one_line_end(text)
    if not text.strip():
        raise BadFile("The file has no text in it.")
    if len(text) > MAX_CHARACTERS:
        raise BadFile(
            f"The text is longer than {MAX_CHARACTERS:,} characters. Split it and import the parts."
        )
    return ReadFile(text, kind, encoding)


def one_line_end(text: str) -> str:
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def docx_text(data: bytes) -> str:
    """Paragraphs and tables in the order of the page: a line per paragraph, a line per table row with tabs
    between its cells.

    Inserted text counts, deleted text does not. Headers, footers, comments and properties are left out.

    Raises
        BadFile: The parts do not make a document.
    """
    try:
        body = docx.Document(io.BytesIO(data)).element.body
        return "\n".join(_blocks(body))
    except (PackageNotFoundError, KeyError, ValueError, AttributeError, zipfile.BadZipFile, etree.LxmlError):
        # The reason that a parser gives may quote the document.
        raise BadFile(
            "The document is damaged. Open it in a word processor, save it again as .docx and try again."
        ) from None


def _blocks(parent: _Element) -> Iterator[str]:
    for child in parent:
        if child.tag == qn("w:p"):
            yield _paragraph(child)
        elif child.tag == qn("w:tbl"):
            for row in child.iter(qn("w:tr")):
                if next(row.iterancestors(qn("w:tbl"))) is child:
                    # Also a cell that lies in a content control.
                    cells = (
                        cell for cell in row.iter(qn("w:tc")) if next(cell.iterancestors(qn("w:tr"))) is row
                    )
                    yield "\t".join(" ".join(_blocks(cell)) for cell in cells)
        elif child.tag in _WRAPPERS:
            yield from _blocks(child)


_WRAPPERS = frozenset(map(qn, ("w:sdt", "w:sdtContent", "w:ins", "w:smartTag", "w:customXml")))
_SIGNS = {qn("w:tab"): "\t", qn("w:br"): "\n", qn("w:cr"): "\n", qn("w:noBreakHyphen"): "\u2011"}
_LEFT_OUT = frozenset(
    {
        qn("w:del"),
        qn("w:moveFrom"),
        qn("w:pPr"),
        qn("w:rPr"),
        "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback",
    }
)


def _paragraph(element: _Element) -> str:
    # Not python-docx's own `text`: that leaves out what was inserted with tracked changes.
    pieces: list[str] = []

    def walk(node: _Element) -> None:
        for child in node:
            if child.tag in _LEFT_OUT:
                continue
            if child.tag == qn("w:t"):
                pieces.append(child.text or "")
            elif child.tag in _SIGNS:
                pieces.append(_SIGNS[child.tag])
            else:
                walk(child)

    walk(element)
    return "".join(pieces)
