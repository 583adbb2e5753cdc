"""The effect on the treated from two periods: outcome regression, inverse probability weights, or both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from impact.columns import Floats
from impact.errors import NotIdentified
from impact.information import independent, inverted, orthonormal, standardised
from impact.logits import logit

__all__ = ["Method", "two_period_effect"]

Method = Literal["doubly_robust", "regression", "weighting"]
NEARLY_CERTAIN = 0.995  # controls with a higher propensity are trimmed, as in R's DRDID


def two_period_effect(
    change: Floats, treated: Floats, x: Floats, names: Sequence[str], weight: Floats, method: Method
) -> tuple[float, Floats]:
    """ATT and its influence function (n,) from the change of the outcome (n,), treated (n,) 0/1 and covariates (n, k).

    regression: mean change of the treated less the change that least squares on the controls predicts for them.
    weighting: less the mean of controls weighted by p/(1-p), scaled to add up to one (Hájek). doubly_robust: both. With
    a constant alone all three are the difference of means. Source: Sant'Anna and Zhao 2020,
    doi:10.1016/j.jeconom.2020.06.003, eq. 2.3-2.6; DRDID's reg_did_panel, std_ipw_did_panel, drdid_panel.
    Raises NotIdentified for collinear covariates and a perfectly predicted treatment.
    """
    w = weight / weight.mean()
    if x.shape[1] == 1:
        return _difference(change, treated, w)
    independent(x, list(names))
    if method != "weighting":
        independent(x[treated == 0], list(names))
    # None of the three depends on where covariates start, in what unit they come or how they are combined.
    given, x = x, orthonormal(standardised(x)[0], w)[0]
    n = len(change)
    on, off = w * treated, w * (1 - treated)
    predicted, line = np.zeros(n), np.zeros((n, x.shape[1]))
    if method != "weighting":
        inverse = inverted((off[:, None] * x).T @ x / n)
        predicted = x @ (inverse @ (x.T @ (off * change)) / n)
        line = (off * (change - predicted))[:, None] * x @ inverse
    rest = change - predicted
    if method == "regression":
        value_on, value_off = (
            float((on * change).mean() / on.mean()),
            float((on * predicted).mean() / on.mean()),
        )
        curve_on = on * (change - value_on)
        curve_off = on * (predicted - value_off) + line @ (on[:, None] * x).mean(axis=0)
        return value_on - value_off, (curve_on - curve_off) / on.mean()
    fitted = logit(treated, given, names, weight=w)
    bend = w * fitted.probabilities * (1 - fitted.probabilities)
    p = np.minimum(fitted.probabilities, 1 - 1e-6)
    score = (w * (treated - p))[:, None] * x @ (inverted((bend[:, None] * x).T @ x) * n)
    odds = np.where(p < NEARLY_CERTAIN, off * p / (1 - p), 0.0)
    if not odds.any():
        raise NotIdentified("Every control is all but certain to be treated, given the covariates.")
    value_on, value_off = float((on * rest).mean() / on.mean()), float((odds * rest).mean() / odds.mean())
    curve_on = on * (rest - value_on) - line @ (on[:, None] * x).mean(axis=0)
    curve_off = (
        odds * (rest - value_off)
        + score @ ((odds * (rest - value_off))[:, None] * x).mean(axis=0)
        - line @ (odds[:, None] * x).mean(axis=0)
    )
    return value_on - value_off, curve_on / on.mean() - curve_off / odds.mean()


def _difference(change: Floats, treated: Floats, w: Floats) -> tuple[float, Floats]:
    on, off = w * treated, w * (1 - treated)
    one, two = float((on @ change) / on.sum()), float((off @ change) / off.sum())
    n = len(change)
    return one - two, n * (on * (change - one) / on.sum() - off * (change - two) / off.sum())
