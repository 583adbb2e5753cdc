"""Floors, ties, a case by hand, and the size of the test under the null."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import statsmodels.api as sm

from impact.errors import BadData, NotIdentified
from impact.glmm import random_intercept_logit
from impact.permutation import cell_effect, cell_statistic, logit_statistic, permutation_test
from impact.randomisation import allowed_orders, treatment_matrix

ORDERS = allowed_orders({"high": ["A", "B"], "low": ["C", "D", "E"]})
STARTS = [1, 2, 3, 4, 5]


def test_smallest_p_of_two_then_three_sites(reference):
    expected = reference["perm_min_p"]
    r = np.random.default_rng(1)
    means = r.normal(0, 0.01, (5, 6)) + 10 * treatment_matrix(STARTS, 6)
    statistic = cell_statistic(means, sites=list("ABCDE"), starts=STARTS)
    found = permutation_test(statistic, observed=tuple("ABCDE"), allowed=ORDERS)
    assert found.n_orders == expected["orders_2_then_3"]
    assert found.floor == pytest.approx(expected["min_p"], abs=1e-10)
    assert found.p_value == found.floor
    assert (
        found.distribution[found.allowed.index(found.observed)]
        == found.statistic
        == pytest.approx(10, abs=0.05)
    )
    assert [note.code for note in found.notes] == ["permutation_floor", "never_at_5_percent"]
    assert "1/12 = 0.0833" in found.notes[0].text
    free = permutation_test(
        statistic, observed=tuple("ABCDE"), allowed=allowed_orders({"all": list("ABCDE")})
    )
    assert (free.n_orders, free.p_value) == (
        expected["orders_5"],
        pytest.approx(expected["min_p_5"], abs=1e-10),
    )
    assert [note.code for note in free.notes] == ["permutation_floor"]


def test_by_hand_two_sites():
    # A changes by 3 where B changes by 1: +2 if A went first, -2 if B did. Both orders are as extreme: p = 1.
    statistic = cell_statistic([[1, 4], [2, 3]], sites=["A", "B"], starts=[1, 2])
    found = permutation_test(statistic, observed=("A", "B"), allowed=[("A", "B"), ("B", "A")])
    assert found.distribution == pytest.approx((2, -2))
    assert found.p_value == 1


def test_ties_that_rounding_parts_are_counted():
    values = {("A", "B"): 0.1 + 0.2, ("B", "A"): -0.3}
    found = permutation_test(lambda order: values[order], observed=("A", "B"), allowed=list(values))
    assert abs(values["A", "B"]) > abs(values["B", "A"])
    assert found.p_value == 1


def test_cell_effect_equals_least_squares_with_dummies():
    r = np.random.default_rng(3)
    means, design, weights = r.normal(size=(5, 6)), treatment_matrix(STARTS, 6), r.uniform(1, 9, (5, 6))
    means[1, 2] = means[4, 0] = np.nan
    cluster, period = np.nonzero(~np.isnan(means))
    x = np.column_stack(
        [design[cluster, period]] + [cluster == g for g in range(5)] + [period == t for t in range(1, 6)]
    ).astype(float)
    other = sm.WLS(means[cluster, period], x, weights=weights[cluster, period]).fit()
    assert cell_effect(means, design, weights) == pytest.approx(other.params[0], abs=1e-10)


def test_cell_effect_of_a_complete_table_is_two_way_demeaned():
    r = np.random.default_rng(4)
    means, x = r.normal(size=(5, 6)), treatment_matrix(STARTS, 6)
    left = x - x.mean(axis=1, keepdims=True) - x.mean(axis=0) + x.mean()
    assert cell_effect(means, x) == pytest.approx((left * means).sum() / (left**2).sum(), abs=1e-12)


def test_logit_statistic_equals_the_model_with_that_order():
    r = np.random.default_rng(6)
    cluster = np.repeat(list("ABCDE"), 240)
    period = np.tile(np.repeat(np.arange(6), 40), 5)
    girl = r.integers(0, 2, 1200).astype(float)
    y = (r.random(1200) < 0.3).astype(float)
    x = np.column_stack([np.ones(1200), girl, *(period == t for t in range(1, 6))])
    names = ["one", "girl", *(f"period {t}" for t in range(1, 6))]
    statistic = logit_statistic(y, x, cluster, period, names=names, starts=STARTS)
    order = tuple("BADEC")
    start = dict(zip(order, STARTS, strict=True))
    treated = np.array([period[i] >= start[cluster[i]] for i in range(1200)], dtype=float)
    fit = random_intercept_logit(y, np.column_stack([x, treated]), cluster, names=[*names, "treated"])
    assert statistic(order) == pytest.approx(fit.coefficients[-1], abs=1e-7)
    found = permutation_test(statistic, observed=order, allowed=ORDERS)
    assert found.p_value in [k / 12 for k in range(1, 13)]


def test_orders_that_do_not_fit_are_refused():
    statistic = cell_statistic(np.zeros((2, 3)) + np.arange(3), sites=["A", "B"], starts=[1, 2])
    with pytest.raises(BadData, match="not among the 1 allowed"):
        permutation_test(statistic, observed=("A", "B"), allowed=[("B", "A")])
    with pytest.raises(BadData, match="listed twice"):
        permutation_test(statistic, observed=("A", "B"), allowed=[("A", "B"), ("A", "B")])
    with pytest.raises(BadData, match="does not name every site once"):
        permutation_test(statistic, observed=("A", "C"), allowed=[("A", "C")])
    with pytest.raises(NotIdentified, match="not a finite number"):
        permutation_test(lambda order: float("nan"), observed=("A",), allowed=[("A",)])
    with pytest.raises(BadData, match="one site and one start"):
        cell_statistic(np.zeros((2, 3)), sites=["A", "A"], starts=[1, 2])


def test_cells_that_tell_nothing_are_refused():
    with pytest.raises(NotIdentified, match="no effect of its own"):
        cell_effect([[1, 2], [3, 4]], [[0, 1], [0, 1]])
    with pytest.raises(BadData, match="both must be clusters by periods"):
        cell_effect([[1, 2], [3, 4]], [[0, 1]])
    with pytest.raises(BadData, match="weight above zero"):
        cell_effect([[1, 2], [3, 4]], [[0, 1], [0, 0]], [[1, 1], [1, 0]])


def test_twelve_orders_can_never_reject_at_five_percent():
    r = np.random.default_rng(7)
    found = []
    for _ in range(200):
        means = r.normal(0, 0.02, (5, 1)) + r.normal(0, 0.006, (5, 6))
        statistic = cell_statistic(means, sites=list("ABCDE"), starts=STARTS)
        found.append(permutation_test(statistic, observed=tuple("ABCDE"), allowed=ORDERS).p_value)
    assert min(found) >= 1 / 12 - 1e-12
    at_ten = np.mean(np.array(found) <= 0.1)
    assert abs(at_ten - 1 / 12) < 4 * np.sqrt(1 / 12 * 11 / 12 / 200)


@pytest.mark.slow
def test_free_orders_have_the_size_they_claim():
    r = np.random.default_rng(8)
    free = list(itertools.permutations("ABCDE"))
    rejected, trials = 0, 300
    for _ in range(trials):
        means = r.normal(0, 0.02, (5, 1)) + r.normal(0, 0.006, (5, 6))
        statistic = cell_statistic(means, sites=list("ABCDE"), starts=STARTS)
        rejected += permutation_test(statistic, observed=tuple("ABCDE"), allowed=free).p_value <= 0.05
    assert abs(rejected / trials - 0.05) < 4 * np.sqrt(0.05 * 0.95 / trials)
