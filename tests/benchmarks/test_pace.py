"""How limits follow the machine's pace, and when a run counts."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks import pace


def told(*paces: float) -> Callable[[], float]:
    """A machine whose paces are these, one after the other."""
    left = iter(paces)
    return lambda: next(left)


@pytest.mark.parametrize(
    ("before", "after", "is_steady"),
    [
        (1.00, 1.00, True),
        (1.00, 1.15, True),
        (1.15, 1.00, True),
        (1.00, 1.16, False),
        (1.16, 1.00, False),
        (0.40, 0.46, True),
        (0.40, 0.47, False),
        (2.00, 1.70, False),
    ],
)
def test_paces_are_steady_within_fifteen_percent_of_the_faster(before, after, is_steady):
    assert pace.is_steady(before, after) is is_steady


@pytest.mark.parametrize(
    ("paces", "limit"), [((1.0, 1.0), 0.3), ((2.0, 2.0), 0.6), ((0.5, 0.5), 0.15), ((1.0, 1.1), 0.315)]
)
def test_limit_in_seconds_is_multiplied_by_the_mean_pace(paces, limit):
    assert pace.scaled(0.3, paces) == pytest.approx(limit)


def test_steady_run_is_measured_once():
    measured = iter(["first", "second"])
    assert pace.steadily(lambda: next(measured), pace=told(1.0, 1.1)) == ("first", [(1.0, 1.1)])


def test_restless_run_is_repeated_and_only_the_steady_one_counts():
    measured = iter(["first", "second", "third"])
    found, seen = pace.steadily(lambda: next(measured), pace=told(1.0, 1.5, 1.5, 1.2, 1.2, 1.3))
    assert found == "third"
    assert seen == [(1.0, 1.5), (1.5, 1.2), (1.2, 1.3)]


def test_machine_that_stays_restless_fails_after_the_last_try_and_says_so():
    n_measured = 0

    def measure() -> None:
        nonlocal n_measured
        n_measured += 1

    with pytest.raises(pace.Restless, match=r"too restless.*1\.00 and 1\.20, 1\.00 and 1\.30.*15% apart"):
        pace.steadily(measure, pace=told(1.0, 1.2, 1.0, 1.3, 1.0, 1.0), tries=2)
    assert n_measured == 2


def test_error_of_a_benchmark_is_not_taken_for_restlessness():
    def measure() -> None:
        raise RuntimeError("the page has too few marks")

    with pytest.raises(RuntimeError, match="too few marks"):
        pace.steadily(measure, pace=told(1.0, 1.0))


def test_pace_prints_one_number_above_zero():
    assert pace.now() > 0
