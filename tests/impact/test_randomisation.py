"""The list of allowed orders, the draw and its record."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest

from impact.errors import BadData
from impact.randomisation import allowed_orders, floor_notes, n_allowed, randomise, treatment_matrix

STRATA = {"high readiness": ["A", "B"], "low readiness": ["C", "D", "E"]}


def test_two_then_three_sites_have_twelve_orders_by_hand(reference):
    expected = [
        first + second for first in ("AB", "BA") for second in ("CDE", "CED", "DCE", "DEC", "ECD", "EDC")
    ]
    assert ["".join(order) for order in allowed_orders(STRATA)] == expected
    assert n_allowed(STRATA) == reference["perm_min_p"]["orders_2_then_3"]


def test_five_sites_without_strata_have_120_orders(reference):
    found = allowed_orders({"all": ["A", "B", "C", "D", "E"]})
    assert len(found) == len(set(found)) == reference["perm_min_p"]["orders_5"]
    assert set(found) == set(itertools.permutations("ABCDE"))


def test_draw_is_recorded_and_can_be_repeated():
    drawn = randomise(STRATA, seed=20190401)
    assert drawn == randomise({"high readiness": ["B", "A"], "low readiness": ["E", "D", "C"]}, seed=20190401)
    assert drawn.allowed[drawn.number - 1] == drawn.order
    assert (drawn.seed, drawn.n_allowed, len(drawn.allowed)) == (20190401, 12, 12)
    assert [note.code for note in drawn.notes] == ["permutation_floor", "never_at_5_percent"]


def test_draw_of_a_seed_never_changes():
    # Written down on the day of writing: a change here would make an old trial's record false.
    assert "".join(randomise(STRATA, seed=1).order) == "ABEDC"
    assert "".join(randomise({"all": list("ABCDEFGHIJ")}, seed=7).order) == "EGFAHBJCID"


def test_every_order_is_equally_likely():
    seen = Counter(randomise(STRATA, seed=seed).number for seed in range(2400))
    assert set(seen) == set(range(1, 13))
    chi2 = sum((count - 200) ** 2 / 200 for count in seen.values())
    assert chi2 < 31.3  # the 0.1% point on 11 degrees of freedom


def test_many_sites_are_drawn_without_a_list():
    drawn = randomise({"all": [f"LA {k}" for k in range(30)]}, seed=3)
    assert sorted(drawn.order) == sorted(f"LA {k}" for k in range(30))
    assert (drawn.allowed, drawn.number) == ((), 0)
    assert "orders_not_listed" in [note.code for note in drawn.notes]
    with pytest.raises(BadData, match="too many to list"):
        allowed_orders({"all": [f"LA {k}" for k in range(9)]})


def test_floor_says_whether_five_percent_can_be_reached():
    assert [note.code for note in floor_notes(12)] == ["permutation_floor", "never_at_5_percent"]
    assert "1/12 = 0.0833" in floor_notes(12)[0].text
    assert [note.code for note in floor_notes(120)] == ["permutation_floor"]


def test_treatment_matrix_by_hand():
    assert treatment_matrix([1, 2], 3).tolist() == [[0, 1, 1], [0, 0, 1]]
    assert treatment_matrix([0, 9], 2).tolist() == [[1, 1], [0, 0]]
    for starts, periods in (([], 3), ([-1], 3), ([1], 0)):
        with pytest.raises(BadData):
            treatment_matrix(starts, periods)


@pytest.mark.parametrize(
    ("strata", "message"),
    [
        ({}, "at least one stratum"),
        ({"high": []}, "must be a list of sites"),
        ({"high": "AB"}, "must be a list of sites"),
        ({"high": ["A"], "low": ["B", "A"]}, "“A” is named twice"),
    ],
)
def test_unusable_strata_are_refused(strata, message):
    with pytest.raises(BadData, match=message):
        randomise(strata, seed=1)


@pytest.mark.parametrize("seed", [-1, 1.5, None, True, "7"])
def test_seed_that_cannot_be_recorded_is_refused(seed):
    with pytest.raises(BadData, match="seed"):
        randomise(STRATA, seed=seed)
