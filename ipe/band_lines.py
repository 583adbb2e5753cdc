"""Bands of a threshold as lines that a person types: `Go: at least 70`, `Amend: at least 50, below 70`.

For yes/no indicators: `Go: yes`. Numbers are in the indicator's own unit; a sign (%) is ignored.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Any

from ipe.errors import Invalid

_ENDS = {"at least": "at_least", "above": "above", "below": "below", "at most": "at_most"}
_PART = re.compile(r"^(at least|above|below|at most)\s+(\S+)$", re.IGNORECASE)


def read_bands(text: str) -> list[dict[str, str]]:
    """The bands of the lines, numbers as text.

    Raises
        Invalid: A line that is not a band, named by its number.
    """
    return [_band(line, number) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]


def _band(line: str, number: int) -> dict[str, str]:
    name, colon, rest = line.partition(":")
    if not colon or not name.strip() or not rest.strip():
        raise Invalid(f"Line {number}: write a name, a colon and the values, as in “Go: at least 70”.")
    band = {"name": name.strip()}
    if rest.strip().lower() in {"yes", "no"}:
        return band | {"answer": rest.strip().lower()}
    for part in re.split(r",|\band\b", rest):
        match = _PART.match(part.strip())
        if match is None:
            raise Invalid(f"Line {number}: “{part.strip()}” is not of the kind “at least 50” or “below 70”.")
        band[_ENDS[match[1].lower()]] = _number(match[2], number)
    return band


def _number(text: str, number: int) -> str:
    try:
        value = Decimal(text.removesuffix("%"))
    except InvalidOperation:
        raise Invalid(f"Line {number}: “{text}” is not a number.") from None
    if not value.is_finite():
        raise Invalid(f"Line {number}: “{text}” is not a number.")
    return f"{value:f}"


def write_bands(bands: list[dict[str, Any]]) -> str:
    """The lines of bands; `read_bands` gives them back."""
    lines = []
    for band in bands:
        if band.get("answer"):
            lines.append(f"{band['name']}: {band['answer']}")
            continue
        ends = [f"{words} {band[key]}" for words, key in _ENDS.items() if band.get(key) is not None]
        lines.append(f"{band['name']}: {', '.join(ends)}")
    return "\n".join(lines)
