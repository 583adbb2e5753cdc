"""Hostile text made safe for a format, without losing what a reader can see."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

# C0 and C1 controls except tab and line feed, lone surrogates, the two non-characters XML forbids, and the
# bidirectional overrides that make a file show other words than it holds.
_FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\u202a-\u202e\u2066-\u2069]")
_LINE_ENDS = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
# Spreadsheets skip blanks, and some skip a byte order mark, before they look for a formula's first character.
# The second row is the full-width forms, which East Asian settings read as the plain ones.
_FORMULA = re.compile("^[\\s\ufeff\u200b]*[=+\\-@\uff1d\uff0b\uff0d\uff20]|^[\t\r\n]")
_SHEET_FORBIDDEN = re.compile(r"[\[\]:*?/\\]")

XLSX_CELL_LIMIT = 32_767
"""UTF-16 code units that a spreadsheet cell can hold; more makes Excel call the file damaged."""


def clean(text: str) -> str:
    """Text without control characters, overrides and lone surrogates; every line end is a line feed."""
    if text.isprintable() and text.isascii():
        return text
    return _FORBIDDEN.sub("", _LINE_ENDS.sub("\n", text))


def is_formula(text: str) -> bool:
    """Would a spreadsheet read this text as a formula when it opens a CSV file?"""
    return _FORMULA.match(text) is not None


def guard(text: str) -> str:
    """Text with an apostrophe in front when a spreadsheet would run it (OWASP, "CSV injection")."""
    return f"'{text}" if is_formula(text) else text


def utf16_length(text: str) -> int:
    return len(text) + sum(1 for character in text if ord(character) > 0xFFFF)


def pieces(text: str, limit: int = XLSX_CELL_LIMIT) -> Iterator[str]:
    """The text cut into stretches of at most `limit` UTF-16 units; joined they are the text again."""
    start = units = 0
    for position, character in enumerate(text):
        size = 2 if ord(character) > 0xFFFF else 1
        if units + size > limit:
            yield text[start:position]
            start, units = position, 0
        units += size
    if start < len(text):
        yield text[start:]


def sheet_names(titles: Iterable[str], taken: Iterable[str] = ()) -> list[str]:
    """A lawful, different sheet name for each title: no []:*?/\\, at most 31 units, no apostrophe at either
    end, unlike any other regardless of case, and not "History", which Excel keeps for itself.
    """
    used = {name.casefold() for name in taken} | {"history"}
    names = []
    for title in titles:
        base = " ".join(_SHEET_FORBIDDEN.sub(" ", clean(title)).split()).strip("' ") or "Sheet"
        base = _shortened(base, 31)
        name, number = base, 2
        while name.casefold() in used:
            ending = f" ({number})"
            name = _shortened(base, 31 - len(ending)) + ending
            number += 1
        used.add(name.casefold())
        names.append(name)
    return names


def _shortened(text: str, limit: int) -> str:
    return next(pieces(text, limit), "").strip("' ") or "Sheet"
