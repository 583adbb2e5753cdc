"""Logit, marginal effects, conditional logit and separation."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from impact.errors import BadData, NotIdentified
from impact.logits import average_difference, average_effects, conditional_logit, logit

Published = Callable[[str], pd.DataFrame]
NAMES = ["one", "a", "b"]


def rows(seed: int = 0, n: int = 400) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = np.column_stack([np.ones(n), rng.normal(size=n), rng.random(n) < 0.4]).astype(float)
    g = rng.integers(0, 25, n)
    eta = x @ [-0.5, 0.8, -0.6] + rng.normal(size=25)[g]
    return (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(float), x, g


def test_spector_marginal_effects_match_statsmodels(reference: dict[str, Any]) -> None:
    data = sm.datasets.spector.load_pandas().data
    names = ["GPA", "TUCE", "PSI"]
    fitted = logit(data["GRADE"], sm.add_constant(data[names]), ["const", *names])
    expected = reference["spector_ame"]
    for found in average_effects(fitted, names):
        assert (found.value, found.std_error) == pytest.approx(expected[found.name], abs=expected["tol"])


def test_logit_matches_statsmodels_with_clusters() -> None:
    y, x, g = rows()
    ours = logit(y, x, NAMES, clusters=g)
    theirs = sm.Logit(y, x).fit(disp=0, cov_type="cluster", cov_kwds={"groups": g}, tol=1e-12)
    # statsmodels multiplies by (n-1)/(n-k) as well, which Stata does not for likelihoods
    n, k = x.shape
    assert ours.coefficients == pytest.approx(theirs.params, abs=1e-8)
    assert [e.std_error for e in ours.estimates] == pytest.approx(
        theirs.bse / np.sqrt((n - 1) / (n - k)), rel=1e-6
    )
    assert ours.log_likelihood == pytest.approx(theirs.llf, abs=1e-8)
    assert ours["a"].df == 24


def test_discrete_effect_is_the_change_of_probabilities() -> None:
    y, x, _ = rows()
    ours = logit(y, x, NAMES)
    theirs = sm.Logit(y, x).fit(disp=0, tol=1e-12).get_margeff(dummy=True)
    found = average_effects(ours, ["b"], discrete={"b"})[0]
    assert (found.value, found.std_error) == pytest.approx(
        (theirs.margeff[1], theirs.margeff_se[1]), abs=1e-7
    )


def test_effect_among_some_rows_and_delta_error_by_differences() -> None:
    y, x, g = rows(1)
    fitted = logit(y, x, NAMES, clusters=g)
    among = x[:, 2] == 1
    found = average_effects(fitted, ["a"], among=among)[0]

    def mean(b: np.ndarray) -> float:
        p = 1 / (1 + np.exp(-x[among] @ b))
        return float((p * (1 - p) * b[1]).mean())

    step = 1e-6
    gradient = [
        (mean(fitted.coefficients + step * e) - mean(fitted.coefficients - step * e)) / 2 / step
        for e in np.eye(3)
    ]
    assert found.value == pytest.approx(mean(fitted.coefficients), abs=1e-12)
    assert found.std_error == pytest.approx(np.sqrt(gradient @ fitted.covariance @ gradient), rel=1e-6)
    with pytest.raises(BadData, match="at least one"):
        average_effects(fitted, ["a"], among=np.zeros(len(y)))


def test_average_difference_of_designs_equals_the_discrete_effect() -> None:
    y, x, _ = rows()
    fitted = logit(y, x, NAMES)
    on, off = x.copy(), x.copy()
    on[:, 2], off[:, 2] = 1, 0
    found = average_difference(fitted, on, off, name="b")
    assert found == average_effects(fitted, ["b"], discrete={"b"})[0]


def test_weights_give_robust_errors_and_the_estimates_of_copies() -> None:
    y, x, _ = rows()
    w = np.where(x[:, 1] > 0, 2.0, 1.0)
    copies = np.repeat(np.arange(len(y)), w.astype(int))
    weighted, copied = logit(y, x, NAMES, weight=w), logit(y[copies], x[copies], NAMES)
    assert weighted.coefficients == pytest.approx(copied.coefficients, abs=1e-9)
    as_clusters = logit(y[copies], x[copies], NAMES, clusters=copies)
    found, expected = ([e.std_error for e in f.estimates] for f in (weighted, as_clusters))
    assert found == pytest.approx(expected, rel=1e-9)


def test_offset_of_a_billion_changes_nothing() -> None:
    y, x, g = rows()
    far = x + np.array([0, 1e9, 0])
    one, two = logit(y, x, NAMES, clusters=g), logit(y, far, NAMES, clusters=g)
    assert (two["a"].value, two["a"].std_error) == pytest.approx(
        (one["a"].value, one["a"].std_error), rel=1e-6
    )


@pytest.mark.parametrize("complete", [True, False])
def test_separation_is_refused_and_names_the_column(complete: bool) -> None:
    y, x, _ = rows()
    y = (x[:, 1] > 0.1).astype(float) if complete else np.where(x[:, 2] == 1, 1.0, y)
    with pytest.raises(
        NotIdentified, match="predicted perfectly.*“a”" if complete else "predicted perfectly.*“b”"
    ):
        logit(y, x, NAMES)


def test_large_but_honest_predictors_are_not_taken_for_separation() -> None:
    y, x, _ = rows()
    x[0, 1], y[0] = 60.0, 1.0
    fitted = logit(y, x, NAMES)
    assert np.abs(x @ fitted.coefficients).max() > 15


def test_outcomes_that_never_vary_or_are_not_binary_are_refused() -> None:
    y, x, _ = rows()
    with pytest.raises(NotIdentified, match="is 0 in every row"):
        logit(np.zeros(len(y)), x, NAMES)
    with pytest.raises(BadData, match="must be 0 or 1"):
        logit(y * 2, x, NAMES)
    with pytest.raises(NotIdentified, match="“c”"):
        logit(y, np.column_stack([x, x[:, 1] * 2]), [*NAMES, "c"])
    with pytest.raises(NotIdentified, match="only one cluster"):
        logit(y, x, NAMES, clusters=np.zeros(len(y)))
    with pytest.raises(BadData, match="no column “z”"):
        logit(y, x, NAMES)["z"]


def test_clogit_infert_matches_survival(published: Published, reference: dict[str, Any]) -> None:
    frame, expected = published("infert"), reference["clogit_infert"]
    names = ["spontaneous", "induced"]
    found = conditional_logit(frame["case"], frame[names], names, frame["stratum"])
    for name in names:
        assert (found[name].value, found[name].std_error) == pytest.approx(
            expected[name], abs=expected["tol"]
        )
    assert found.log_likelihood == pytest.approx(expected["ll"], abs=expected["tol"])


def test_conditional_logit_matches_statsmodels_with_several_cases() -> None:
    y, x, g = rows(2)
    both = np.array([0 < y[g == k].mean() < 1 for k in range(25)])[g]
    y, x, g = y[both], x[both], g[both]
    ours = conditional_logit(y, x[:, 1:], NAMES[1:], g)
    theirs = sm.ConditionalLogit(y, x[:, 1:], groups=g).fit(disp=0)
    # its optimiser stops at about 2e-5 of the coefficients
    assert ours.coefficients == pytest.approx(theirs.params, abs=1e-4)
    assert [e.std_error for e in ours.estimates] == pytest.approx(theirs.bse, abs=1e-4)
    assert theirs.llf - 1e-9 <= ours.log_likelihood < theirs.llf + 1e-6


def test_conditional_logit_by_hand() -> None:
    # two rows a stratum with one case: a logit without constant on differences; 3 of 4 differences point upwards
    y, x, s = (
        np.tile([1.0, 0.0], 4),
        np.array([1, 0, 1, 0, 1, 0, 0, 1.0])[:, None],
        np.repeat(np.arange(4), 2),
    )
    found = conditional_logit(y, x, ["x"], s)
    assert found["x"].value == pytest.approx(np.log(3), abs=1e-10)
    assert found["x"].std_error == pytest.approx(np.sqrt(1 / 3 + 1), abs=1e-10)


def test_conditional_logit_drops_strata_that_say_nothing_and_counts_them() -> None:
    y, x, g = rows(3)
    more_y, more_x = np.concatenate([y, np.zeros(5)]), np.vstack([x[:, 1:], np.ones((5, 2))])
    plain = conditional_logit(y, x[:, 1:], NAMES[1:], g)
    found = conditional_logit(more_y, more_x, NAMES[1:], np.concatenate([g, np.full(5, 99)]))
    assert found.n_dropped == plain.n_dropped + 1
    assert found.notes[0].code == "strata_dropped"
    assert found.coefficients == pytest.approx(plain.coefficients, abs=1e-9)


def test_conditional_logit_clusters_nest_strata() -> None:
    y, x, g = rows(4)
    found = conditional_logit(y, x[:, 1:], NAMES[1:], g, clusters=g)
    assert found["a"].df == found.n_strata - 1
    with pytest.raises(BadData, match="more than one cluster"):
        conditional_logit(y, x[:, 1:], NAMES[1:], g, clusters=np.arange(len(y)))


def test_conditional_logit_refuses_what_it_cannot_estimate() -> None:
    y, x, g = rows(5)
    with pytest.raises(NotIdentified, match="“a” does not vary within any stratum"):
        conditional_logit(y, g[:, None].astype(float), ["a"], g)
    with pytest.raises(NotIdentified, match="predicted perfectly"):
        conditional_logit((x[:, 1] > 0).astype(float), x[:, [1]], ["a"], g)
    with pytest.raises(NotIdentified, match="No stratum holds both"):
        conditional_logit(y, x[:, [1]], ["a"], np.arange(len(y)))
    big_y, big_x, _ = rows(6, n=4000)
    with pytest.raises(BadData, match="too large"):
        conditional_logit(big_y, big_x[:, [1]], ["a"], np.zeros(4000))


@pytest.mark.slow
def test_conditional_logit_of_large_strata_takes_seconds() -> None:
    rng = np.random.default_rng(0)
    g = np.repeat(np.arange(500), 100)
    x = rng.normal(size=(len(g), 2))
    y = (rng.random(len(g)) < 1 / (1 + np.exp(-(x @ [0.5, -0.3]) - rng.normal(size=500)[g]))).astype(float)
    started = time.perf_counter()
    found = conditional_logit(y, x, ["a", "b"], g)
    assert time.perf_counter() - started < 15  # statsmodels takes 40 s, and this 3 s on an idle machine
    assert found.coefficients == pytest.approx([0.5, -0.3], abs=0.035)
