from __future__ import annotations

import pytest

from exports import bidi

# A, B, … stand for Hebrew letters, as in the examples of UAX 9.
LETTERS = {chr(ord("A") + n): chr(0x5D0 + n) for n in range(22)}


def hebrew(text: str) -> str:
    return "".join(LETTERS.get(c, c) for c in text)


@pytest.mark.parametrize(
    ("logical", "drawn"),
    [
        ("car is ABC in english", "car is CBA in english"),
        ("ABC def", "def CBA"),
        ("AB 12 CD", "DC 12 BA"),
        ("say (AB) now", "say (BA) now"),
        ("AB (cd)", "(cd) BA"),
        ("(AB)", "(BA)"),
        ("AB, CD.", ".DC ,BA"),
        ("price AB 5% CD", "price DC 5% BA"),
        ("AB 1,234 CD", "DC 1,234 BA"),
        ("plain english", "plain english"),
        ("", ""),
    ],
)
def test_lines_are_drawn_as_uax9_says(logical, drawn):
    assert bidi.visual(hebrew(logical)) == hebrew(drawn)


def test_arabic_letters_take_the_shape_of_their_place():
    # meem initial, hah medial, meem medial, dal final
    assert bidi.visual("محمد") == "\ufeaa\ufee4\ufea4\ufee3"
    # lam with alef becomes one sign
    assert bidi.visual("لا") == "\ufefb"


def test_lines_are_broken_in_reading_order_before_they_are_turned():
    assert bidi.lines(hebrew("AAA BBB CCC"), 7, len) == [hebrew("BBB AAA"), hebrew("CCC")]
