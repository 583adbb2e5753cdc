"""Whatever stands in a file, it is read or refused in words; what is read can be written and read again."""

from __future__ import annotations

import copy
import datetime as dt
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ipe.protocol.canonical import as_document
from ipe.protocol.problems import Problem, ProtocolRefused
from ipe.protocol.reading import Protocol, read_protocol
from ipe.protocol.source import read_source, write_source
from tests.ipe.protocol.files import SHIPPED, SMALL, shipped

WHOLE = read_source(SMALL.encode()).data
WORDS = [
    "pre",
    "12m",
    "1a",
    "north",
    "not planned",
    "yes",
    "no",
    "percent",
    "count",
    "text",
    "each_role",
    "at_most",
]
LEAF = (
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-100, max_value=10**6)
    | st.dates(dt.date(1990, 1, 1), dt.date(2030, 1, 1))
    | st.sampled_from(WORDS)
    | st.text(max_size=12)
)
ANYTHING = (
    LEAF
    | st.lists(LEAF, max_size=2)
    | st.dictionaries(st.sampled_from(["code", "name", "x"]), LEAF, max_size=2)
)


def paths(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [here] if here else []
    entries = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, below in entries:
        found += paths(below, (*here, key))
    return found


PATHS = paths(WHOLE)


@st.composite
def spoilt(draw: Any) -> bytes:
    """The small file with a few of its parts changed, removed or doubled."""
    data = copy.deepcopy(WHOLE)
    for _ in range(draw(st.integers(1, 3))):
        *above, last = draw(st.sampled_from(PATHS))
        place: Any = data
        try:
            for key in above:
                place = place[key]
            match draw(st.sampled_from(["change", "remove", "double"])):
                case "remove":
                    del place[last]
                case "double" if isinstance(place, list):
                    place.append(copy.deepcopy(place[last]))
                case _:
                    place[last] = draw(ANYTHING)
        except (KeyError, IndexError, TypeError):  # an earlier change took the place away
            continue
    return write_source(data)


def read(data: bytes) -> Protocol | tuple[Problem, ...]:
    """The protocol, or what is wrong; any other exception fails the test."""
    try:
        return read_protocol(data)
    except ProtocolRefused as refused:
        assert_said(refused.problems)
        return refused.problems


def assert_said(problems: tuple[Problem, ...]) -> None:
    assert problems
    for problem in problems:
        assert problem.message.rstrip()[-1] in ".?"
        assert "Input should" not in problem.message


@given(spoilt())
@settings(max_examples=400)
def test_spoilt_file_is_read_or_refused_in_words(data: bytes) -> None:
    protocol = read(data)
    if isinstance(protocol, Protocol):
        document = as_document(protocol.design)
        again = read(write_source(document))
        assert isinstance(again, Protocol)
        assert as_document(again.design) == document


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode(errors="surrogatepass")))
@settings(max_examples=300)
def test_any_bytes_are_refused_in_words(data: bytes) -> None:
    assert not isinstance(read(data), Protocol)


@given(st.sampled_from(SHIPPED), st.integers(0, 60_000), st.binary(min_size=1, max_size=3))
@settings(max_examples=60)
def test_shipped_file_with_a_slip_is_read_or_refused(slug: str, at: int, slip: bytes) -> None:
    data = shipped(slug)
    at %= len(data)
    read(data[:at] + slip + data[at + 1 :])
