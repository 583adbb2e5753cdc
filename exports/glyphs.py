"""DejaVu Sans, which matplotlib carries as package data (free licence), and what it cannot draw."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Literal

Face = Literal["normal", "bold", "italic", "boldItalic"]

_FILES: dict[Face, str] = {
    "normal": "DejaVuSans.ttf",
    "bold": "DejaVuSans-Bold.ttf",
    "italic": "DejaVuSans-Oblique.ttf",
    "boldItalic": "DejaVuSans-BoldOblique.ttf",
}
# Variation selectors, joiners and marks of direction: nothing is drawn for them.
_INVISIBLE = re.compile("[\ufe00-\ufe0f\u200b-\u200f\u2060\ufeff\u00ad]")


def path(face: Face) -> Path:
    import matplotlib  # a quarter of a second, and only where something is drawn

    return Path(matplotlib.get_data_path()) / "fonts" / "ttf" / _FILES[face]


def drawable(text: str) -> str:
    """The text with every character the font lacks written as its code point in brackets.

    So are all beyond U+FFFF: reportlab draws some of them but writes them wrongly into the map that
    searching, copying and screen readers use. Tabs become blanks.
    """
    if text.isascii():
        return text.replace("\t", " ")
    known = _drawn_by("normal")
    return "".join(
        c if c in "\n\u00a0" or ord(c) in known else f"[U+{ord(c):04X}]"
        for c in _INVISIBLE.sub("", text).replace("\t", " ")
    )


def can_slope(text: str) -> bool:
    """Do the sloping faces have every character? They lack Arabic, which is not sloped anyway."""
    return text.isascii() or all(ord(c) in _drawn_by("italic") for c in text if c != "\n")


@cache
def _drawn_by(face: Face) -> frozenset[int]:
    """Code points up to U+FFFF that a face can draw."""
    from matplotlib.ft2font import FT2Font  # as in `path`

    return frozenset(code for code in FT2Font(str(path(face))).get_charmap() if code <= 0xFFFF)
