from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exports.cleaning import clean, guard, is_formula, pieces, sheet_names, utf16_length
from tests.exports.hostile import FORMULAS


@pytest.mark.parametrize("text", FORMULAS)
def test_formulas_are_guarded(text):
    assert is_formula(text)
    assert guard(text) == f"'{text}"


@pytest.mark.parametrize("text", ["5 = five", "O'Brien", "a+b", "", " text", "–dash", "✓ =1"])
def test_ordinary_text_is_left_alone(text):
    assert guard(text) == text


def test_control_characters_go_and_line_ends_become_one():
    assert clean("a\x00b\x07c\x1b[31m\x85d\r\ne\rf\tg\ud800\ufffe\u202eh") == "abc[31m\nd\ne\nf\tgh"


@given(st.text())
def test_clean_text_can_be_encoded_and_is_clean_already(text):
    assert clean(clean(text)) == clean(text)
    clean(text).encode("utf-8")


@given(st.text(), st.integers(2, 9))
def test_pieces_join_to_the_text_and_fit(text, limit):
    parts = list(pieces(text, limit))
    assert "".join(parts) == text
    assert all(utf16_length(part) <= limit for part in parts)


def test_sheet_names_are_lawful_and_different():
    names = sheet_names(
        [
            "a/b\\c[d]:e*f?",
            "x" * 40,
            "x" * 40,
            "X" * 40,
            "'quoted'",
            "",
            "History",
            "Cover",
            "😀" * 20,
            "\x00",
        ],
        taken=["Cover"],
    )
    assert names[0] == "a b c d e f"
    assert names[4] == "quoted"
    assert len({name.casefold() for name in names}) == len(names)
    assert "history" not in {name.casefold() for name in names}
    for name in names:
        assert 1 <= utf16_length(name) <= 31
        assert not set(name) & set("[]:*?/\\")
        assert name.strip("'") == name


@given(st.lists(st.text(), min_size=1, max_size=12))
def test_sheet_names_hold_for_any_title(titles):
    names = sheet_names(titles)
    assert len({name.casefold() for name in names}) == len(titles)
    assert all(1 <= utf16_length(name) <= 31 for name in names)
