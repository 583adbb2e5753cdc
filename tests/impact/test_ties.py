"""Ties: what is equal but for rounding is equal, and what is not stays apart."""

from __future__ import annotations

import math

import numpy as np
import pytest

from impact.ties import ceiling, is_nil, levels, near_of, reaches, size_of


def test_what_reaches_a_limit_but_for_rounding_reaches_it():
    assert reaches([0.3, 0.1 + 0.2, 0.29], 0.1 + 0.2).tolist() == [True, True, False]
    assert reaches([1e-17, 0.0, -1e-18], 0.0).tolist() == [True, True, False]  # beside nothing larger
    assert reaches([1e-17, 0.0, -1e-18, 1.0], 1e-18).tolist() == [True, True, True, True]
    assert reaches([1.0], 1.0 + 2e-9).tolist() == [False]
    assert reaches([5.0], 5.5, near=0.5).tolist() == [True]
    assert reaches([math.inf], 1.0).tolist() == [True]


def test_levels_count_ties_once():
    thirds = [1 / 3, 0.5, 1 - 2 / 3, 0.2, 0.5 + 1e-13]
    assert levels(thirds, near=1e-9).tolist() == [1, 2, 1, 0, 2]
    assert levels([2.0, 1.0, math.inf, math.inf], near=1e-9).tolist() == [1, 0, 2, 2]
    assert levels([[3.0, 1.0], [1.0, 1.0]], near=1e-9).tolist() == [[1, 0], [0, 0]]
    assert levels([], near=1e-9).tolist() == []


def test_levels_of_numbers_with_a_size_of_their_own():
    ids = np.array([1_000_000_001.0, 1_000_000_002.0, 0.1, 0.1 + 1e-16])
    assert levels(ids, near=1e-12 * np.abs(ids)).tolist() == [1, 2, 0, 0]


def test_levels_do_not_hang_on_the_order():
    random = np.random.default_rng(1)
    values = random.integers(0, 9, 200) / 7
    moved = values * (1 + 1e-13 * random.uniform(-1, 1, 200))
    places = random.permutation(200)
    assert levels(moved, near=1e-9).tolist() == levels(values, near=1e-9).tolist()
    assert levels(moved[places], near=1e-9).tolist() == levels(values, near=1e-9)[places].tolist()


@pytest.mark.parametrize(
    ("value", "up"), [(3 + 1e-12, 3), (3 - 1e-12, 3), (3.001, 4), (1e-12, 0), (1e6 + 1e-4, 1_000_000)]
)
def test_the_next_whole_number_of_one_that_is_whole_but_for_rounding(value, up):
    assert ceiling(value) == up


def test_what_ties_are_measured_against():
    assert size_of([-3.0, 2.0], 1.0, [math.inf, math.nan]) == 3.0
    assert size_of() == size_of([]) == 0.0
    assert near_of([0.0, 2.0]) == 2e-9
    assert near_of([1e9, 1e9 + 1]) == pytest.approx(1e-3)  # the rounding of a billion
    assert is_nil(1e-10, size=1.0)
    assert not is_nil(1e-8, size=1.0)
