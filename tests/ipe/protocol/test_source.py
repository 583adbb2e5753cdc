"""Bytes that are no protocol are refused in words, with their line; what is read is what is written."""

from __future__ import annotations

import datetime as dt
import time
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipe.protocol.problems import ProtocolRefused
from ipe.protocol.source import MAX_BYTES, MAX_DEPTH, read_source, write_source


def refused(data: bytes) -> list[tuple[int, str]]:
    with pytest.raises(ProtocolRefused) as caught:
        read_source(data, filename="file.yaml")
    assert caught.value.message.startswith("file.yaml: ")
    return [(problem.line, problem.message) for problem in caught.value.problems]


def test_values_are_read_as_written() -> None:
    source = read_source(
        b"a: yes\nb: 0.50\nc: 12\nd: 2020-03-01\ne: true\nf: 12m\ng: '7'\nh:\n"
        b"i: [on, 1_000, 0x1F, 1e3, 010, .5]\n1: x\n"
    )
    assert source.data == {
        "a": "yes",
        "b": Decimal("0.50"),
        "c": 12,
        "d": dt.date(2020, 3, 1),
        "e": True,
        "f": "12m",
        "g": "7",
        "h": None,
        "i": ["on", "1_000", "0x1F", "1e3", "010", ".5"],
        "1": "x",
    }
    assert str(source.data["b"]) == "0.50"


def test_lines_of_fields_and_entries() -> None:
    source = read_source(
        b"\xef\xbb\xbfa:\r\n  - b: 1\r\n    c: 2\r\n  -\r\n    b: 3\r\nd: {e: 1,\r\n  f: 2}\r\n"
    )
    assert source.lines[("a",)] == 1
    assert source.lines[("a", 0)] == 2
    assert source.lines[("a", 0, "c")] == 3
    assert source.lines[("a", 1)] == 5
    assert source.lines[("d", "f")] == 7


@pytest.mark.parametrize(
    ("data", "line", "words"),
    [
        (b"", 0, "empty"),
        (b"  \n\n", 0, "empty"),
        (b"# only a comment\n", 0, "empty"),
        (b"- a\n- b\n", 1, "begin with sections"),
        (b"just words", 1, "begin with sections"),
        ("a: caf\xe9\n".encode("latin-1"), 1, "not UTF-8"),
        (b"x: 1\na: \xff\n", 2, "not UTF-8"),
        ("a: 1\n".encode("utf-16"), 0, "UTF-16"),
        (b"PK\x03\x04aaaa", 1, "control character"),
        (b"a: 1\nb: \x00\n", 2, "control character"),
        (b"a: 1\na: 2\n", 2, "given twice; the first is on line 1"),
        (b"a:\n  b: 1\n  c: 2\n  b: 3\n", 4, "given twice; the first is on line 2"),
        (b"a: &x [1]\nb: *x\n", 1, "Anchors"),
        (b"b: *x\n", 1, "Anchors"),
        (b"a: &x\n  b: *x\n", 1, "Anchors"),
        (b"a: !!python/object/apply:os.system ['true']\n", 1, "Tags"),
        (b"a: !secret 1\n", 1, "Tags"),
        (b"a: !!str 1\n", 1, "Tags"),
        (b"? [a, b]\n: 1\n", 1, "plain name"),
        (b"? {a: b}\n: 1\n", 1, "plain name"),
        (b"~: 1\n", 1, "plain name"),
        (b"a: 2020-02-30\n", 1, "not a day of the calendar"),
        (b"a: 1\n---\nb: 2\n", 2, "more than one document"),
        (b"a: 1\n\tb: 2\n", 2, "tab"),
        (b"a: b: c\n", 1, "colon"),
        (b"a: 'open\n\nb: 1\n", 4, "never closed"),
        (b"a: [1, 2\nb: 3\n", 2, "cannot be read as YAML"),
        (b"a: {b: what?}\n", 1, "in quotes"),
        (b"a: " + b"9" * 5000 + b"\n", 1, "too many digits"),
    ],
)
def test_bad_bytes_are_refused_with_their_line(data: bytes, line: int, words: str) -> None:
    (found,) = refused(data)
    assert found[0] == line
    assert words in found[1]


def test_values_that_cannot_be_read_are_told_with_their_field() -> None:
    data = b"sites:\n  - live_on: 2020-02-30\n    size: " + b"9" * 50 + b"\n"
    with pytest.raises(ProtocolRefused) as error:
        read_source(data)
    assert [(one.line, one.place) for one in error.value.problems] == [
        (2, "sites › live_on"),
        (3, "sites › size"),
    ]


def test_several_faults_are_told_at_once() -> None:
    assert [line for line, _ in refused(b"a: 1\na: 2\nb: 2020-13-01\nc:\n  d: 1\n  d: 2\n")] == [2, 3, 6]


def test_too_large_is_refused_before_reading() -> None:
    assert "larger than 1 MB" in refused(b"a: " + b"x" * MAX_BYTES)[0][1]


@pytest.mark.parametrize("data", [b"[" * 400_000, b"{a: " * 100_000, b"- " * 200_000, b"? " * 200_000])
def test_deep_nesting_is_refused_quickly(data: bytes) -> None:
    began = time.process_time()
    assert f"more than {MAX_DEPTH} levels" in refused(data)[0][1]
    assert time.process_time() - began < 5


def test_many_values_are_refused() -> None:
    assert "more than 30,000 values" in refused(b"a: [" + b"1," * 40_000 + b"]")[0][1]


TEXT = st.text(
    st.characters(blacklist_categories=("Cs",), blacklist_characters="\x85\u2028\u2029"), max_size=40
)
VALUE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**15), 10**15)
    | st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=0, max_value=10**8)
    | st.dates(dt.date(1900, 1, 1), dt.date(2200, 1, 1))
    | TEXT
    | st.sampled_from(
        ["yes", "No", "on", "~", "null", "010", "1e3", "1:30", "0x1F", "2020-01-01", "=", "<<", " a", "1_0"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT.filter(bool), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(TEXT.filter(bool), VALUE, min_size=1, max_size=4))
@settings(max_examples=300)
def test_writing_then_reading_gives_the_same(data: dict[str, object]) -> None:
    written = write_source(data)
    assert read_source(written).data == data
    assert b"&id" not in written


def test_the_same_date_twice_makes_no_anchor() -> None:
    day, number = dt.date(2020, 1, 1), Decimal("0.5")
    assert write_source({"a": day, "b": [day, number], "c": number}) == (
        b"a: 2020-01-01\nb:\n  - 2020-01-01\n  - 0.5\nc: 0.5\n"
    )
