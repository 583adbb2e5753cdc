"""Hansen's feasible GLS: against its own definition with dense matrices, and by simulation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from impact.errors import BadData, NotIdentified
from impact.panels import feasible_gls, fixed_effects
from impact.panels.gls import _autoregression, _covariance, _limit
from tests.impact.test_panels import TWO_WAY, serial


def test_covariance_of_an_autoregression_is_that_of_a_long_simulation() -> None:
    alpha = np.array([0.5, -0.3])
    rng = np.random.default_rng(0)
    e = rng.normal(size=400_000)
    from scipy.signal import lfilter

    x = lfilter([1.0], np.concatenate([[1.0], -alpha]), e)[100:]
    found = _covariance(alpha, 4)[0]
    simulated = [float(np.mean(x[: len(x) - lag] * x[lag:])) for lag in range(4)]
    assert found == pytest.approx(simulated, abs=0.015)  # about four Monte Carlo errors
    assert _covariance(np.array([0.6]), 3)[0] == pytest.approx(np.array([1, 0.6, 0.36]) / (1 - 0.36))


def test_limit_of_the_biased_estimate_for_one_lag_is_nickells() -> None:
    # Nickell 1981 for errors of fixed effects without regressors: two periods back to back give -1/2 whatever α
    assert _limit(np.array([0.4]), np.array([2, 2])) == pytest.approx([-1.0])
    # with white noise demeaned residuals correlate by -1/(T-1)
    assert _limit(np.array([0.0]), np.array([6])) == pytest.approx([-1 / 5])


def test_gls_is_weighted_least_squares_with_dense_matrices() -> None:
    frame = serial(1, sites=8, periods=6)
    found = feasible_gls(frame, **TWO_WAY)
    x = np.column_stack(
        [
            frame["d"],
            pd.get_dummies(frame["s"]).astype(float),
            pd.get_dummies(frame["t"]).astype(float).iloc[:, 1:],
        ]
    )
    omega = np.linalg.inv(np.kron(np.eye(8), _covariance(found.autoregression, 6)))
    b = np.linalg.solve(x.T @ omega @ x, x.T @ omega @ frame["y"].to_numpy())
    assert found["d"].value == pytest.approx(b[0], abs=1e-9)
    e = frame["y"].to_numpy() - x @ b
    s2 = e @ omega @ e / (48 - x.shape[1])
    expected = np.sqrt(s2 * np.linalg.inv(x.T @ omega @ x)[0, 0])
    assert found.model[0].std_error == pytest.approx(expected, rel=1e-8)


def test_gls_of_uncorrelated_errors_is_nearly_least_squares() -> None:
    frame = serial(3, sites=60, alpha=(0.0,))
    found = feasible_gls(frame, **TWO_WAY)
    assert abs(found.autoregression[0]) < 0.12
    assert found["d"].value == pytest.approx(fixed_effects(frame, **TWO_WAY)["d"].value, abs=0.05)


def test_gls_takes_sites_of_different_length_but_no_gaps() -> None:
    frame = serial(4)
    late = frame[(frame["s"] > 4) | (frame["t"] > 1)]
    assert feasible_gls(late, **TWO_WAY).fitted.n_rows == len(frame) - 10
    with pytest.raises(BadData, match="“3” has a gap after t 2"):
        feasible_gls(frame[(frame["s"] != 3) | (frame["t"] != 3)], **TWO_WAY)
    with pytest.raises(BadData, match="“3” has more than one row in t 3"):
        feasible_gls(pd.concat([frame, frame[(frame["s"] == 3) & (frame["t"] == 3)]]), **TWO_WAY)
    with pytest.raises(NotIdentified, match="“2” has 2 periods: too few"):
        feasible_gls(frame[(frame["s"] != 2) | (frame["t"] < 2)], **TWO_WAY)
    with pytest.raises(NotIdentified, match="“e”"):
        feasible_gls(frame.assign(e=frame["s"] * 1.0), **(TWO_WAY | {"covariates": ["d", "e"]}))


def test_gls_of_a_random_walk_is_noted() -> None:
    frame = serial(2, alpha=(0.999,))
    found = feasible_gls(frame, **TWO_WAY)
    assert "near_unit_root" in [note.code for note in found.notes]
    assert found.autoregression[0] == pytest.approx(0.98)


def test_gls_offset_of_a_billion_changes_nothing() -> None:
    frame = serial(6).assign(x=lambda f: np.random.default_rng(1).normal(size=len(f)))
    both = TWO_WAY | {"covariates": ["d", "x"]}
    near, far = feasible_gls(frame, **both), feasible_gls(frame.assign(x=frame["x"] + 1e9), **both)
    assert far["x"].value == pytest.approx(near["x"].value, rel=1e-5)
    assert far["d"].std_error == pytest.approx(near["d"].std_error, rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("alpha", [(0.6,), (0.5, 0.2)])
def test_gls_corrects_the_bias_covers_and_beats_least_squares(alpha: tuple[float, ...]) -> None:
    trials = 40
    found = []
    for seed in range(trials):
        frame = serial(seed, sites=40, alpha=alpha)
        gls = feasible_gls(frame, **TWO_WAY, order=len(alpha))
        least = fixed_effects(frame, **TWO_WAY)["d"].value
        estimate = gls["d"]
        found.append(
            [
                gls.autoregression.sum(),
                gls.uncorrected.sum(),
                estimate.value,
                least,
                float(estimate.low < 1 < estimate.high),
                float(gls.model[0].low < 1 < gls.model[0].high),
            ]
        )
    table = np.array(found)
    mean, error = table.mean(axis=0), table.std(axis=0) / np.sqrt(trials)
    assert mean[0] == pytest.approx(sum(alpha), abs=4 * error[0] + 0.02)
    assert mean[1] < sum(alpha) - 0.15
    assert mean[2] == pytest.approx(1, abs=3.5 * error[2])
    assert table[:, 2].std() < 0.9 * table[:, 3].std()
    assert mean[4] == pytest.approx(0.95, abs=0.104)  # three Monte Carlo errors of .95 in 40 trials
    assert mean[5] == pytest.approx(0.95, abs=0.104)


@pytest.mark.row("ST-08")
def test_lags_that_repeat_each_other_have_one_answer() -> None:
    """Seasons that alternate: the second lag is the series itself, the third the first again."""
    random = np.random.default_rng(1)
    codes = np.repeat(np.arange(6), 12)
    e = np.tile([1.0, -1.0], 36) * np.repeat(random.uniform(1, 2, 6), 12)
    answers = [
        _autoregression(e * (1 + size * random.uniform(-1, 1, 72)), codes, 2, 2.0)
        for size in (0.0, 1e-15, 1e-13)
    ]
    for other in answers[1:]:
        assert other == pytest.approx(answers[0], abs=1e-6)
