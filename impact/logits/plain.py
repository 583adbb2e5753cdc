"""Logit by Newton's method, with model, robust or cluster-robust errors, and average marginal effects."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from exports.digits import printed
from impact.columns import Floats, groups, matrix, outcome_01, same_length, weights
from impact.errors import BadData, NotIdentified
from impact.estimate import Estimate, Note, few_clusters, normal, student
from impact.information import Turned, climb, independent, inverted, standard_errors, standardised
from impact.logits.refusing import refuse_separation
from impact.separation import constants

__all__ = ["LogitFit", "average_difference", "average_effects", "logit"]


@dataclass(frozen=True, eq=False)
class LogitFit:
    """A logit of k columns. `bread` (k, k) is the inverse of the information X'WX, `covariance` what the errors use:
    the bread, or the sandwich where there are clusters or weights. `estimates` are on the log-odds scale. `turned` holds
    the orthonormal columns in which the model was fitted, with `inner_coefficients`, covariance `inner` and `inner_bread`.
    """

    names: tuple[str, ...]
    estimates: tuple[Estimate, ...]
    coefficients: Floats
    covariance: Floats
    bread: Floats
    log_likelihood: float
    probabilities: Floats
    design: Floats
    weight: Floats
    n_clusters: int | None
    notes: tuple[Note, ...]
    turned: Turned
    inner_coefficients: Floats
    inner: Floats
    inner_bread: Floats

    def __getitem__(self, name: str) -> Estimate:
        if name not in self.names:
            raise BadData(f"The model has no column “{name}”.")
        return self.estimates[self.names.index(name)]


def logit(
    outcome: npt.ArrayLike,
    design: npt.ArrayLike,
    names: Sequence[str],
    *,
    weight: npt.ArrayLike | None = None,
    clusters: npt.ArrayLike | None = None,
    level: float = 0.95,
) -> LogitFit:
    """P(y = 1) = 1/(1 + exp(-x'b)) by maximum (weighted) likelihood; outcome (n,), design (n, k) with its constant.

    Errors: with `clusters`, H⁻¹(Σ_g s_gs_g')H⁻¹·G/(G-1) and t(G-1), Stata's vce(cluster) but for its z; with weights
    alone, the same with each row its own cluster and z; with neither, the inverse information and z. Weights are
    sampling or matching weights, above zero. Missing values are refused. Source: Cameron and Miller 2015,
    doi:10.3368/jhr.50.2.317, section VII. Checked against statsmodels Logit.

    Raises BadData for outcomes other than 0 and 1, NotIdentified for collinear columns, an outcome that never varies,
    and separation or perfect prediction, complete or quasi-complete, with the columns named.
    """
    y, x = outcome_01(outcome, "outcome"), matrix(design, names)
    same_length(len(y), {"design": x})
    w = weights(weight, len(y))
    if y.min() == y.max():
        raise NotIdentified(
            f"The outcome is {printed(y[0], '.0f')} in every row: a logit has nothing to estimate."
        )
    independent(x, names)
    turned, q = Turned.of(x, w)
    back = turned.back
    top = climb(
        lambda b: _likelihood(y, q, w, b),
        np.zeros(x.shape[1]),
        lambda step: float(np.abs(q @ step).max()),
        refuse=lambda _: refuse_separation(
            standardised(x)[0] * (2 * y - 1)[:, None], names, mute=constants(x)
        ),
    )
    p = _probability(q @ top.p)
    inverse = inverted(top.information)
    bread = back @ inverse @ back.T
    n_clusters, inner = None, inverse
    if clusters is not None or weight is not None:
        codes = np.arange(len(y)) if clusters is None else groups(clusters, "clusters")[0]
        same_length(len(y), {"clusters": codes.astype(np.float64)})
        g = int(codes.max()) + 1
        if g < 2:
            raise NotIdentified(
                "There is only one cluster: nothing can be said about variation between clusters."
            )
        residual = w * np.where(y == 1, 1 - p, -p)
        scores = np.column_stack([np.bincount(codes, residual * column) for column in q.T])
        inner = inverse @ (scores.T @ scores) @ inverse * g / (g - 1)
        n_clusters = None if clusters is None else g
    coefficients, covariance = back @ top.p, back @ inner @ back.T
    estimates = tuple(
        _estimate(name, value, error, n_clusters, level)
        for name, value, error in zip(names, coefficients, standard_errors(back, inner, inverse), strict=True)
    )
    notes = () if n_clusters is None else few_clusters(n_clusters)
    return LogitFit(
        tuple(names),
        estimates,
        coefficients,
        covariance,
        bread,
        top.value,
        p,
        x,
        w,
        n_clusters,
        notes,
        turned,
        top.p,
        inner,
        inverse,
    )


def average_effects(
    fitted: LogitFit,
    names: Sequence[str],
    *,
    discrete: Collection[str] = (),
    among: npt.ArrayLike | None = None,
    level: float = 0.95,
) -> tuple[Estimate, ...]:
    """Average marginal effects with delta-method errors, one for each name.

    Σ w p(1-p) b_j / Σ w, or, for names in `discrete`, the mean change of p as the column goes from 0 to 1. `among` is
    a mask (n,) of the rows to average over, for example those treated (Puhani 2012, doi:10.1016/j.econlet.2011.11.025).
    The design's covariates are taken as fixed. A column that also enters products needs `average_difference`.
    Checked against statsmodels `get_margeff`, which takes derivatives of dummies too. Raises BadData.
    """
    mask = _mask(fitted, among)
    q, p, w = fitted.turned(fitted.design[mask]), fitted.probabilities[mask], fitted.weight[mask]
    found = []
    for name in names:
        fitted[name]  # refuses an unknown name
        place = fitted.names.index(name)
        if name in discrete:
            on, off = fitted.design.copy(), fitted.design.copy()
            on[:, place], off[:, place] = 1.0, 0.0
            found.append(average_difference(fitted, on, off, name=name, among=among, level=level))
            continue
        slope = p * (1 - p)
        b = fitted.coefficients[place]
        gradient = np.average(((1 - 2 * p) * slope * b)[:, None] * q, axis=0, weights=w)
        gradient += fitted.turned.back[place] * np.average(slope, weights=w)
        found.append(_delta(fitted, name, float(np.average(slope, weights=w) * b), gradient, level))
    return tuple(found)


def average_difference(
    fitted: LogitFit,
    on: npt.ArrayLike,
    off: npt.ArrayLike,
    *,
    name: str,
    among: npt.ArrayLike | None = None,
    level: float = 0.95,
) -> Estimate:
    """The mean of p under the design `on` less that under `off`, both (n, k), with its delta-method error.

    For a treatment that enters through several columns: set them all in `on`, and to zero in `off`. Raises BadData.
    """
    mask = _mask(fitted, among)
    w = fitted.weight[mask]
    value, gradient = 0.0, np.zeros(len(fitted.names))
    for sign, table in ((1, on), (-1, off)):
        x = matrix(table, fitted.names)
        same_length(len(fitted.design), {"the changed design": x})
        q = fitted.turned(x[mask])
        p = _probability(q @ fitted.inner_coefficients)
        value += sign * float(np.average(p, weights=w))
        gradient += sign * np.average((p * (1 - p))[:, None] * q, axis=0, weights=w)
    return _delta(fitted, name, value, gradient, level)


def _likelihood(y: Floats, q: Floats, w: Floats, b: Floats) -> tuple[float, Floats, Floats]:
    """As `climb` takes it, with the gradient of all rows together."""
    eta = q @ b
    small = np.exp(-np.abs(eta))
    value = float(w @ (y * eta - np.maximum(eta, 0) - np.log1p(small)))
    p, other = _tails(eta, small)
    gradient = q.T @ (w * np.where(y == 1, other, -p))
    return value, gradient[None], -(q * (w * p * other)[:, None]).T @ q


def _tails(eta: Floats, small: Floats) -> tuple[Floats, Floats]:
    """P(y = 1) and P(y = 0), each with all its digits."""
    near, far = 1 / (1 + small), small / (1 + small)
    return np.where(eta >= 0, near, far), np.where(eta >= 0, far, near)


def _probability(eta: Floats) -> Floats:
    small = np.exp(-np.abs(eta))
    found: Floats = np.where(eta >= 0, 1.0, small) / (1 + small)
    return found


def _mask(fitted: LogitFit, among: npt.ArrayLike | None) -> npt.NDArray[np.bool_]:
    if among is None:
        return np.ones(len(fitted.design), dtype=bool)
    mask = np.asarray(among, dtype=bool)
    if mask.shape != (len(fitted.design),) or not mask.any():
        raise BadData("“among” must mark at least one of the rows of the model.")
    return mask


def _delta(fitted: LogitFit, name: str, value: float, gradient: Floats, level: float) -> Estimate:
    (error,) = standard_errors(gradient[None], fitted.inner, fitted.inner_bread)
    return _estimate(name, value, error, fitted.n_clusters, level)


def _estimate(name: str, value: float, error: float, n_clusters: int | None, level: float) -> Estimate:
    if n_clusters is None:
        return normal(name, float(value), float(error), level=level)
    return student(name, float(value), float(error), n_clusters - 1, level=level)
