from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from surveys import intervals


@pytest.mark.parametrize(
    ("count", "n", "lower", "upper"),
    [
        (35, 50, 0.5625, 0.8090),
        (56, 80, 0.5923, 0.7894),
        (8, 10, 0.4902, 0.9433),
        (0, 20, 0.0, 0.1611),
        (20, 20, 0.8389, 1.0),
    ],
)
def test_wilson_published_values(count, n, lower, upper):
    found = intervals.wilson(count, n)
    assert (round(found.lower, 4), round(found.upper, 4)) == (lower, upper)


@pytest.mark.parametrize(
    ("count", "n", "lower", "upper"), [(35, 50, 0.5539, 0.8214), (56, 80, 0.5872, 0.7974)]
)
def test_clopper_pearson_published_values(count, n, lower, upper):
    found = intervals.clopper_pearson(count, n)
    assert (round(found.lower, 4), round(found.upper, 4)) == (lower, upper)


counts = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts, st.sampled_from([0.8, 0.95, 0.99]))
def test_intervals_agree_with_statsmodels(pair, confidence):
    count, n = pair
    for ours, method in ((intervals.wilson, "wilson"), (intervals.clopper_pearson, "beta")):
        lower, upper = proportion_confint(count, n, alpha=1 - confidence, method=method)
        found = ours(count, n, confidence=confidence)
        # Both are closed forms or quantiles in double precision; 1e-9 is far below any printed digit.
        assert found.lower == pytest.approx(lower, abs=1e-9)
        assert found.upper == pytest.approx(upper, abs=1e-9)


@given(counts)
def test_intervals_hold_the_share_and_lie_between_0_and_1(pair):
    count, n = pair
    for method in (intervals.wilson, intervals.clopper_pearson):
        found = method(count, n)
        assert 0 <= found.lower <= count / n + 1e-12
        assert count / n - 1e-12 <= found.upper <= 1


def test_finite_approximate_published_values():
    first = intervals.finite_approximate(45, 100, 300)
    second = intervals.finite_approximate(3, 10, 50)
    assert (round(first.lower, 2), round(first.upper, 2)) == (0.37, 0.53)
    assert (round(second.lower, 4), round(second.upper, 4)) == (0.0322, 0.5678)


def test_finite_exact_by_plain_inversion_is_one_unit_inside_the_published_one():
    found = intervals.finite_exact(45, 100, 300)
    assert (round(found.lower * 300), round(found.upper * 300)) == (111, 160)


def test_finite_exact_of_a_census_is_a_point():
    found = intervals.finite_exact(7, 20, 20)
    assert (found.lower, found.upper) == (7 / 20, 7 / 20)


def test_interval_refuses_an_empty_base():
    with pytest.raises(ValueError, match="at least one answer"):
        intervals.wilson(0, 0)


def test_uncertainty_of_a_complete_census_is_none():
    assert intervals.uncertainty(35, 50, 0) is None
    assert intervals.uncertainty(35, 50, 1) == intervals.wilson(35, 50)
    assert intervals.uncertainty(35, 50, None) == intervals.wilson(35, 50)
    assert intervals.uncertainty(0, 0, None) is None


def test_nonresponse_bounds_are_exact():
    assert intervals.nonresponse_bounds(35, 50, 28) == intervals.Bounds(
        Fraction(35, 78), Fraction(63, 78), 28
    )
    assert intervals.nonresponse_bounds(0, 0, 0) is None


@given(counts, st.integers(0, 200))
def test_nonresponse_bounds_hold_the_observed_share(pair, silent):
    count, n = pair
    found = intervals.nonresponse_bounds(count, n, silent)
    assert found.lower <= Fraction(count, n) <= found.upper
    assert (found.upper - found.lower) * (n + silent) == silent
