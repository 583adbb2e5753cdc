"""A case by hand, linearmodels as second program, weak and perfect assignment."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from linearmodels.iv import IV2SLS

from impact.complier import complier_effect
from impact.errors import BadData, NotIdentified


def trial(seed=2, n_clusters=20, size=30, strength=0.5):
    r = np.random.default_rng(seed)
    cluster = np.repeat(np.arange(n_clusters), size)
    assigned = (cluster % 2).astype(float)
    age = r.normal(size=len(cluster)) + 1e6
    own = r.normal(size=len(cluster))
    received = (strength * assigned + 0.2 + 0.2 * own > r.random(len(cluster))).astype(float)
    y = 1 + 0.8 * received + own + 0.3 * (age - 1e6) + r.normal(0, 0.3, n_clusters)[cluster]
    return y, received, assigned, cluster, age[:, None]


@pytest.mark.row("000-11")
def test_by_hand_four_clusters_of_one():
    # y: 3 and 1.5 on average, so 1.5; received: 1/2 against 0; b = 3. Residuals ±1/2, z ∓1/2: Σ(ze)² = 1/4, z'd = 1/2,
    # so V = c = 4/3 · 3/2 = 2.
    found = complier_effect([5, 1, 2, 1], [1, 0, 0, 0], [1, 1, 0, 0], list("abcd"))
    assert found.assigned_on_outcome.value == pytest.approx(1.5)
    assert found.assigned_on_received.value == pytest.approx(0.5)
    assert found.effect.value == pytest.approx(3)
    assert found.effect.std_error == pytest.approx(math.sqrt(2))
    assert found.effect.df == 3
    assert {note.code for note in found.notes} >= {"few_clusters", "weak_first_stage", "complier_assumptions"}


def test_wald_ratio_by_hand():
    # Assigned: 6 of 10 receive and 5 of 10 have the outcome; else 1 of 10 and 2 of 10. 0.3 / 0.5.
    received = [1] * 6 + [0] * 4 + [1] + [0] * 9
    outcome = [1] * 5 + [0] * 5 + [1] * 2 + [0] * 8
    found = complier_effect(outcome, received, [1] * 10 + [0] * 10, range(20))
    assert found.effect.value == pytest.approx(0.6)


@pytest.mark.row("000-11")
@pytest.mark.parametrize("with_covariate", [False, True])
def test_equals_linearmodels(with_covariate):
    y, received, assigned, cluster, age = trial()
    names = ["age"] if with_covariate else []
    found = complier_effect(
        y, received, assigned, cluster, covariates=age if with_covariate else None, names=names
    )
    exogenous = pd.DataFrame({"one": np.ones(len(y))})
    if with_covariate:
        exogenous["age"] = age[:, 0] - 1e6
    other = IV2SLS(
        pd.Series(y, name="y"),
        exogenous,
        pd.Series(received, name="received"),
        pd.Series(assigned, name="assigned"),
    ).fit(cov_type="clustered", clusters=pd.Series(cluster), debiased=True)
    assert found.effect.value == pytest.approx(other.params["received"], rel=1e-8)
    # linearmodels multiplies by (N - 1)/(N - k) and by G/(G - 1) as we do
    assert found.effect.std_error == pytest.approx(other.std_errors["received"], rel=1e-6)


def test_robust_interval_holds_what_its_test_accepts():
    y, received, assigned, cluster, age = trial()
    found = complier_effect(y, received, assigned, cluster, covariates=age, names=["age"])
    for end in (found.robust_low, found.robust_high):
        # At an end of the interval, assignment is just significant for what is left of the outcome.
        left = complier_effect(y - end * received, received, assigned, cluster, covariates=age, names=["age"])
        assert left.assigned_on_outcome.p_value == pytest.approx(0.05, abs=1e-9)
    assert found.robust_low < found.effect.value < found.robust_high


def test_full_compliance_equals_the_effect_of_assignment():
    y, _, assigned, cluster, _ = trial()
    found = complier_effect(y, assigned, assigned, cluster)
    assert found.effect.value == pytest.approx(found.assigned_on_outcome.value)
    assert found.effect.std_error == pytest.approx(found.assigned_on_outcome.std_error)
    assert math.isinf(found.first_stage_f)
    assert (found.robust_low, found.robust_high) == pytest.approx((found.effect.low, found.effect.high))


def test_weak_assignment_has_no_bounded_interval():
    y, received, assigned, cluster, _ = trial(strength=0.03, seed=6)
    found = complier_effect(y, received, assigned, cluster)
    assert (found.robust_low, found.robust_high) == (-math.inf, math.inf)
    assert {"weak_first_stage", "unbounded_interval"} <= {note.code for note in found.notes}


def test_unusable_data_are_refused():
    y, received, assigned, cluster, age = trial()
    with pytest.raises(NotIdentified, match="“assigned” is determined"):
        complier_effect(y, received, np.ones(len(y)), cluster)
    with pytest.raises(NotIdentified, match="“received” is the same"):
        complier_effect(y, np.ones(len(y)), assigned, cluster)
    with pytest.raises(NotIdentified, match="one cluster"):
        complier_effect(y, received, assigned, np.zeros(len(y)))
    with pytest.raises(NotIdentified, match="unrelated to receipt"):
        complier_effect([1, 2, 3, 4], [0, 1, 0, 1], [0, 0, 1, 1], list("abcd"))
    with pytest.raises(NotIdentified, match="“twice” is determined"):
        complier_effect(
            y, received, assigned, cluster, covariates=np.column_stack([age, 2 * age]), names=["age", "twice"]
        )
    with pytest.raises(BadData, match="“received” is missing"):
        complier_effect(y, np.where(received == 1, np.nan, 0), assigned, cluster)


@pytest.mark.slow
def test_interval_covers_with_many_clusters():
    # The noise of receipt and of the outcome share a part, so that least squares on receipt would be biased.
    inside = robust = 0
    trials = 300
    for seed in range(trials):
        y, received, assigned, cluster, _ = trial(seed=seed, n_clusters=40)
        found = complier_effect(y, received, assigned, cluster)
        inside += found.effect.low <= 0.8 <= found.effect.high
        robust += found.robust_low <= 0.8 <= found.robust_high
    for covered in (inside, robust):
        assert abs(covered / trials - 0.95) < 4 * np.sqrt(0.95 * 0.05 / trials)
