"""Right-to-left text for writers that only draw from left to right (reportlab, matplotlib's tables).

A small part of the Unicode Bidirectional Algorithm (UAX 9) without explicit embeddings, which `cleaning`
removes, and Arabic joining by the presentation forms that `unicodedata` knows: enough for names and for
sentences in Hebrew or Arabic script. Written instead of two more dependencies (python-bidi is a compiled
extension under the LGPL). Known limits: no ligatures but those of lam and alef, brackets are paired by
mirroring alone.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from functools import cache

_STRONG_RTL = ("R", "AL")


def has_rtl(text: str) -> bool:
    return not text.isascii() and any(unicodedata.bidirectional(c) in _STRONG_RTL for c in text)


def is_rtl_paragraph(text: str) -> bool:
    """Does the first strong character run from right to left (rules P2 and P3)?"""
    for character in text:
        kind = unicodedata.bidirectional(character)
        if kind == "L":
            return False
        if kind in _STRONG_RTL:
            return True
    return False


def visual(text: str, *, rtl: bool | None = None) -> str:
    """One line of text in the order in which it is drawn from left to right, with Arabic letters joined."""
    if not has_rtl(text):
        return text
    base = 1 if (is_rtl_paragraph(text) if rtl is None else rtl) else 0
    shaped = _joined(text)
    levels = _levels(shaped, base)
    return "".join(_reordered(shaped, levels))


def lines(text: str, width: float, measure: Callable[[str], float]) -> list[str]:
    """The text broken at blanks to `width` in reading order, each line then in drawing order.

    Breaking comes first: a paragraph reordered as a whole and broken afterwards reads from its end.
    """
    rtl = is_rtl_paragraph(text)
    made: list[str] = []
    for paragraph in text.split("\n"):
        current = ""
        for word in paragraph.split(" "):
            longer = f"{current} {word}" if current else word
            if current and measure(_joined(longer)) > width:
                made.append(current)
                current = word
            else:
                current = longer
        made.append(current)
    return [visual(line, rtl=rtl) for line in made]


def _levels(text: str, base: int) -> list[int]:
    """The embedding level of each character: rules W1-W7, N1-N2 and I1-I2 without embeddings."""
    kinds = [unicodedata.bidirectional(c) or "L" for c in text]
    edge = "R" if base else "L"
    before = edge
    for place, kind in enumerate(kinds):  # W1: marks follow what they stand on
        if kind == "NSM":
            kinds[place] = before
        before = kinds[place]
    strong = edge
    for place, kind in enumerate(kinds):  # W2, W3
        if kind in ("L", "R", "AL"):
            strong = kind
        elif kind == "EN" and strong == "AL":
            kinds[place] = "AN"
    kinds = ["R" if kind == "AL" else kind for kind in kinds]
    for place in range(1, len(kinds) - 1):  # W4: one separator between numbers of a kind
        one, two = kinds[place - 1], kinds[place + 1]
        if one == two and (
            (kinds[place] == "ES" and one == "EN") or (kinds[place] == "CS" and one in ("EN", "AN"))
        ):
            kinds[place] = one
    for place in [*range(len(kinds)), *reversed(range(len(kinds)))]:  # W5: signs beside a number
        if kinds[place] == "ET" and "EN" in kinds[max(0, place - 1) : place + 2]:
            kinds[place] = "EN"
    kinds = ["ON" if kind in ("ES", "ET", "CS", "BN", "S", "B") else kind for kind in kinds]
    strong = edge
    for place, kind in enumerate(kinds):  # W7
        if kind in ("L", "R"):
            strong = kind
        elif kind == "EN" and strong == "L":
            kinds[place] = "L"
    _settle_neutrals(kinds, edge)
    odd = {"L": 1, "R": 0, "EN": 1, "AN": 1}
    even = {"L": 0, "R": 1, "EN": 2, "AN": 2}
    return [base + (odd if base else even).get(kind, 0) for kind in kinds]


def _settle_neutrals(kinds: list[str], edge: str) -> None:
    """N1 and N2: neutrals take the direction of both neighbours when they agree, else the paragraph's."""
    place = 0
    while place < len(kinds):
        if kinds[place] not in ("ON", "WS"):
            place += 1
            continue
        end = place
        while end < len(kinds) and kinds[end] in ("ON", "WS"):
            end += 1
        before = _side(kinds[place - 1]) if place else edge
        after = _side(kinds[end]) if end < len(kinds) else edge
        kinds[place:end] = [before if before == after else edge] * (end - place)
        place = end


def _side(kind: str) -> str:
    return "L" if kind == "L" else "R"


def _reordered(text: str, levels: list[int]) -> list[str]:
    """L2 and L4: runs reversed from the highest level down, brackets mirrored."""
    drawn = [
        _MIRRORED.get(character, character) if level % 2 else character
        for character, level in zip(text, levels, strict=True)
    ]
    order = list(range(len(drawn)))
    for level in range(max(levels, default=0), 0, -1):
        start = 0
        while start < len(order):
            if levels[order[start]] < level:
                start += 1
                continue
            end = start
            while end < len(order) and levels[order[end]] >= level:
                end += 1
            order[start:end] = reversed(order[start:end])
            start = end
    return [drawn[place] for place in order]


_MIRRORED = dict(zip("()[]{}<>«»‹›≤≥", ")(][}{><»«›‹≥≤", strict=True))


@cache
def _forms() -> dict[str, dict[str, str]]:
    """For each Arabic letter its presentation forms by name, from the decompositions of U+FB50 to U+FEFC."""
    forms: dict[str, dict[str, str]] = {}
    for code in [*range(0xFB50, 0xFE00), *range(0xFE70, 0xFEFD)]:
        parts = unicodedata.decomposition(chr(code)).split()
        if len(parts) >= 2 and parts[0].startswith("<"):
            letters = "".join(chr(int(part, 16)) for part in parts[1:])
            forms.setdefault(letters, {}).setdefault(parts[0].strip("<>"), chr(code))
    return forms


def _joined(text: str) -> str:
    """Arabic letters in the shape their neighbours give them. Marks are passed over, lam with alef becomes
    one.
    """
    forms = _forms()
    if not any(character in forms for character in text):
        return text
    for pair in [letters for letters in forms if len(letters) == 2 and letters[0] == "\u0644"]:
        if pair in text and "isolated" in forms[pair]:
            text = text.replace(pair, forms[pair]["isolated"])
    made = list(text)
    for place, character in enumerate(text):
        shapes = forms.get(character) or forms.get(_plain_pair(character), {})
        if not shapes:
            continue
        joins_before = "final" in shapes and _reaches_on(_neighbour(text, place, -1))
        joins_after = "initial" in shapes and _reaches_back(_neighbour(text, place, 1))
        if joins_before and joins_after and "medial" in shapes:
            made[place] = shapes["medial"]
        elif joins_before:
            made[place] = shapes["final"]
        elif joins_after:
            made[place] = shapes["initial"]
        else:
            made[place] = shapes.get("isolated", character)
    return "".join(made)


def _neighbour(text: str, place: int, step: int) -> str:
    place += step
    while 0 <= place < len(text) and unicodedata.combining(text[place]):
        place += step
    return text[place] if 0 <= place < len(text) else ""


def _plain_pair(character: str) -> str:
    """The two letters of a lam-alef that `_joined` has already made one."""
    parts = unicodedata.decomposition(character).split() if "\ufef5" <= character <= "\ufefc" else []
    return "".join(chr(int(part, 16)) for part in parts[1:])


def _reaches_on(character: str) -> bool:
    """Does this letter join to the one after it (dual-joining letters and the tatweel)?"""
    return character == "\u0640" or "initial" in _forms().get(character, {})


def _reaches_back(character: str) -> bool:
    shapes = _forms().get(character) or _forms().get(_plain_pair(character), {})
    return character == "\u0640" or "final" in shapes
