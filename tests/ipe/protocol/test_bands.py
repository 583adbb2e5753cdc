"""Bands are exhaustive and disjoint over the indicator's range, and the error names the gap."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipe.protocol.bands import faults, span

pytestmark = pytest.mark.row("TH-02")


def told(unit: str, *bands: dict[str, object]) -> list[str]:
    spans = []
    for band in bands:
        numbers = {name: Decimal(str(band[name])) if name in band else None for name in ENDS}
        spans.append(span(str(band["name"]), unit=unit, **numbers))
    return faults(spans, unit=unit)


ENDS = ("at_least", "above", "below", "at_most")


def test_half_open_bands_hold_everything() -> None:
    # Moving On, s40814-022-00984-7 table 1: at least 50, 30 to below 50, below 30.
    assert (
        told(
            "count",
            {"name": "g", "at_least": 50},
            {"name": "a", "at_least": 30, "below": 50},
            {"name": "r", "below": 30},
        )
        == []
    )
    assert (
        told(
            "percent",
            {"name": "r", "at_most": 20},
            {"name": "a", "above": 20, "below": 70},
            {"name": "g", "at_least": 70},
        )
        == []
    )


def test_comeback_leaves_47_without_a_colour() -> None:
    # s40814-022-01097-x table 2: amber at least 50%, red less than 45%.
    assert told("percent", {"name": "amber", "at_least": 50}, {"name": "red", "below": 45}) == [
        "There is a gap: no band holds values from 45 to below 50."
    ]


def test_bmj_open_table_leaves_10_and_25_without_a_band() -> None:
    # stop below 10%, adjust 11 to 24%, go above 25%: 10, 10.5, 24.5 and 25 have none.
    assert told(
        "percent",
        {"name": "stop", "below": 10},
        {"name": "adjust", "at_least": 11, "at_most": 24},
        {"name": "go", "above": 25},
    ) == [
        "There is a gap: no band holds values from 10 to below 11.",
        "There is a gap: no band holds values above 24 up to 25.",
    ]


def test_whole_number_bands_leave_percentages_homeless_but_not_counts() -> None:
    # s13012-024-01406-3 table 3: 0 to 50, 51 to 79, 80 to 100.
    bands = (
        {"name": "low", "at_most": 50},
        {"name": "mid", "at_least": 51, "at_most": 79},
        {"name": "high", "at_least": 80},
    )
    assert told("percent", *bands) == [
        "There is a gap: no band holds values above 50 to below 51.",
        "There is a gap: no band holds values above 79 to below 80.",
    ]
    assert told("count", *bands) == []


@pytest.mark.parametrize(
    ("unit", "bands", "words"),
    [
        ("percent", [{"name": "a", "at_least": 10}], "no band holds values from 0 to below 10"),
        ("percent", [{"name": "a", "above": 0}], "no band holds the value 0"),
        ("percent", [{"name": "a", "below": 100}], "no band holds the value 100"),
        ("percent", [{"name": "a", "at_most": 90}], "no band holds values above 90 up to 100"),
        ("fte", [{"name": "a", "at_most": 5}], "no band holds values above 5"),
        ("count", [{"name": "a", "at_most": 5}], "no band holds values of 6 and more"),
        ("count", [{"name": "a", "below": 5}, {"name": "b", "above": 5}], "no band holds the value 5"),
        (
            "count",
            [{"name": "a", "below": 5}, {"name": "b", "at_least": 8}],
            "no band holds values from 5 up to 7",
        ),
        ("percent", [{"name": "a", "below": 50}, {"name": "b", "above": 50}], "no band holds the value 50"),
        (
            "percent",
            [{"name": "a", "at_most": 50}, {"name": "b", "at_least": 50}],
            "overlap: both hold the value 50",
        ),
        (
            "percent",
            [{"name": "a", "below": 60}, {"name": "b", "at_least": 50}],
            "both hold values from 50 to below 60",
        ),
        ("rate", [{"name": "a"}, {"name": "b", "at_least": 5}], "both hold values of 5 and more"),
        ("percent", [{"name": "a", "at_most": 120}], "beyond what the indicator can be (0 to 100)"),
        ("percent", [{"name": "a", "at_least": 60, "below": 50}], "holds no value"),
        ("percent", [{"name": "a", "above": 50, "at_most": 50}], "holds no value"),
    ],
)
def test_gaps_and_overlaps_are_named(unit: str, bands: list[dict[str, object]], words: str) -> None:
    assert words in " ".join(told(unit, *bands))


def test_a_band_within_another_is_an_overlap_and_no_gap() -> None:
    assert told("percent", {"name": "all"}, {"name": "part", "at_least": 20, "below": 30}) == [
        "Bands “all” and “part” overlap: both hold values from 20 to below 30."
    ]


EDGE = st.decimals(0, 100, places=1)


@given(
    st.lists(EDGE, min_size=1, max_size=5, unique=True),
    st.lists(st.booleans(), min_size=5, max_size=5),
    st.data(),
)
def test_bands_without_fault_hold_every_value_exactly_once(
    edges: list[Decimal], closed: list[bool], data: st.DataObject
) -> None:
    """Cuts of the range in any order and with any closing are accepted, and then each value has one band."""
    edges = [edge for edge in sorted(edges) if 0 < edge < 100]
    cuts = list(zip(edges, closed, strict=False))
    bands: list[dict[str, object]] = [{"name": str(at)} for at in range(len(cuts) + 1)]
    for at, (edge, upper_has_it) in enumerate(cuts):
        bands[at]["below" if upper_has_it else "at_most"] = edge
        bands[at + 1]["at_least" if upper_has_it else "above"] = edge
    shuffled = data.draw(st.permutations(bands))
    assert told("percent", *shuffled) == []
    value = data.draw(EDGE)
    assert sum(holds(band, value) for band in bands) == 1
    if len(bands) > 1:  # leaving any band out must be noticed, and so must giving one twice
        at = data.draw(st.integers(0, len(bands) - 1))
        assert told("percent", *(bands[:at] + bands[at + 1 :])) != []
        assert told("percent", *bands, {**bands[at], "name": "again"}) != []
    assert all(a[0] < b[0] for a, b in pairwise(cuts))


def holds(band: dict[str, object], value: Decimal) -> bool:
    tests = {
        "at_least": lambda edge: value >= edge,
        "above": lambda edge: value > edge,
        "below": lambda edge: value < edge,
        "at_most": lambda edge: value <= edge,
    }
    return all(test(band[name]) for name, test in tests.items() if name in band)
