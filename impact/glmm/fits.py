"""A fitted random-intercept logit: its coefficients, contrasts and average marginal effects."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from exports.digits import printed
from impact.columns import Floats, matrix
from impact.errors import BadData
from impact.estimate import Estimate, Note, few_clusters, normal
from impact.glmm.patterns import prepared
from impact.glmm.search import Marginal, Maximum, maximum, pooled_logit
from impact.information import Turned, inverted

__all__ = ["LogitFit", "average_effect", "random_intercept_logit"]


@dataclass(frozen=True)
class LogitFit:
    """A fitted model. `joint` (k + 1, k + 1) is the covariance of the coefficients and of `sd`, whose part is zero where
    `is_boundary`: there the pooled logit fits as well, and `sd` is 0. `cluster_effects` are conditional modes in log-odds.
    `turned` holds the orthonormal columns in which the model was fitted, with its coefficients and `inner`, `joint` there."""

    names: tuple[str, ...]
    coefficients: Floats
    joint: Floats
    sd: float
    log_likelihood: float
    pooled_log_likelihood: float
    is_boundary: bool
    nodes: int
    n_rows: int
    n_events: int
    n_patterns: int
    n_clusters: int
    cluster_labels: tuple[object, ...]
    cluster_effects: Floats
    level: float
    notes: tuple[Note, ...]
    turned: Turned
    inner_coefficients: Floats
    inner: Floats

    @property
    def covariance(self) -> Floats:
        """Of the coefficients, with the uncertainty of `sd` taken into account; shape (k, k)."""
        return self.joint[:-1, :-1]

    @property
    def estimates(self) -> tuple[Estimate, ...]:
        """Every coefficient, in log-odds, with Wald z."""
        return tuple(self.contrast(name, {name: 1.0}) for name in self.names)

    def contrast(self, name: str, parts: dict[str, float]) -> Estimate:
        """The sum of coefficients times `parts`, by name of column. Raises BadData for an unknown name."""
        unknown = [part for part in parts if part not in self.names]
        if unknown:
            raise BadData(f"The model has no column “{unknown[0]}”.")
        c = np.array([parts.get(column, 0.0) for column in self.names])
        turned = c @ self.turned.back  # where the covariance has no digits to lose
        error = math.sqrt(turned @ self.inner[:-1, :-1] @ turned)
        return normal(name, float(c @ self.coefficients), error, level=self.level)


def random_intercept_logit(
    outcome: npt.ArrayLike,
    x: npt.ArrayLike,
    cluster: npt.ArrayLike,
    *,
    names: Sequence[str],
    trials: npt.ArrayLike | None = None,
    nodes: int = 1,
    level: float = 0.95,
) -> LogitFit:
    """Maximise Π_g ∫ Π_i Binomial(y_i; n_i, expit(x_i'b + sd·u)) φ(u) du over b and sd ≥ 0.

    Shapes: `outcome` (n,) events, 0/1 unless `trials` (n,) is given; `x` (n, k) with its own column of ones; `cluster` (n,).
    `nodes` 1 is Laplace; 9 to 25 are adaptive Gauss–Hermite (Liu & Pierce, Biometrika 81 (1994) 624-629). Missing values raise
    BadData; there are no weights beside trials. The standard deviation is optimised as its logarithm, since sd = 0 is always a
    stationary point, and the result is compared with the pooled logit (sd = 0). Standard errors come from the observed
    information of b and sd together. Raises NotIdentified for collinear columns, separation, outcomes all alike, one cluster.
    Checked against lme4 and glmmTMB on cbpp (Laplace, 25 nodes) and on the data of steppedwedge.
    """
    if nodes < 1 or int(nodes) != nodes:
        raise BadData(f"The number of quadrature nodes must be 1 or more, not {nodes}.")
    data = prepared(outcome, x, cluster, names, trials)
    patterns, n_clusters, k = data.patterns, len(data.labels), data.patterns.x.shape[1]
    turned, q = Turned.of(patterns.x, patterns.trials)
    pooled, information, pooled_ll = pooled_logit(patterns, q, names)
    model = Marginal(patterns, q, n_clusters, nodes)
    best = maximum(model, pooled, information, pooled_ll)
    is_boundary = best is None
    if best is None:
        joint = np.zeros((k + 1, k + 1))
        joint[:k, :k] = inverted(information)
        best = Maximum(pooled, 0.0, -pooled_ll, joint)
    spread = np.eye(k + 1)
    spread[:k, :k] = turned.back
    return LogitFit(
        names=tuple(names),
        coefficients=turned.back @ best.b,
        joint=spread @ best.joint @ spread.T,
        sd=best.sd,
        log_likelihood=data.constant - best.minus_ll,
        pooled_log_likelihood=data.constant + pooled_ll,
        is_boundary=is_boundary,
        nodes=nodes,
        n_rows=data.n_rows,
        n_events=round(float(patterns.events.sum())),
        n_patterns=len(patterns.trials),
        n_clusters=n_clusters,
        cluster_labels=tuple(data.labels),
        cluster_effects=best.sd * model.modes,
        level=level,
        notes=few_clusters(n_clusters) + _notes(is_boundary, best.sd, nodes),
        turned=turned,
        inner_coefficients=best.b,
        inner=best.joint,
    )


def average_effect(
    fit: LogitFit,
    with_treatment: npt.ArrayLike,
    without: npt.ArrayLike,
    *,
    name: str = "average marginal effect",
    row_weights: Floats | None = None,
    against: Floats | None = None,
) -> Estimate:
    """100 × the mean over rows of E_u[expit(x₁'b + sd·u)] - E_u[expit(x₀'b + sd·u)], in percentage points.

    Shapes: (n, k) both, columns as in the fit; `row_weights` (n,), such as counts of collapsed rows. The mean weighted by
    `against` (n,) is subtracted where it is given, to compare two groups of rows. The expectation is over the fitted distribution
    of clusters (20 Gauss–Hermite nodes), so the effect is that in the population of such clusters; standard error by the delta
    method in b and sd. Rows without a difference count with zero effect.
    """
    x1, x0 = matrix(with_treatment, fit.names), matrix(without, fit.names)
    if x1.shape != x0.shape:
        raise BadData("The rows with and without treatment must be the same in number.")
    w = np.ones(len(x1)) if row_weights is None else row_weights
    w = w / w.sum() - (0 if against is None else against / against.sum())
    value, slope = 0.0, np.zeros(len(fit.names) + 1)
    points, mass = np.polynomial.hermite_e.hermegauss(20 if fit.sd > 0 else 1)
    for sign, x in ((1.0, x1), (-1.0, x0)):
        q = fit.turned(x)
        eta, density = q @ fit.inner_coefficients, np.zeros(len(x))
        for u, m in zip(points, sign * mass / mass.sum(), strict=True):
            e = np.exp(-np.abs(eta + fit.sd * u))
            p = np.where(eta + fit.sd * u >= 0, 1.0, e) / (1 + e)
            here = m * w * p * (1 - p)
            value += m * float(w @ p)
            slope[-1] += u * float(here.sum())
            density += here
        slope[:-1] += q.T @ density
    error = math.sqrt(slope @ fit.inner @ slope)
    return normal(name, 100 * value, 100 * error, level=fit.level)


def _notes(is_boundary: bool, sd: float, nodes: int) -> tuple[Note, ...]:
    notes = []
    if is_boundary:
        text = (
            "The estimated spread between clusters is zero: the model equals a logit that ignores clusters."
        )
        notes.append(Note("boundary", text))
    if nodes == 1 and sd > 1.5:
        text = f"With a spread of {printed(sd, '.2f')} between clusters Laplace is coarse. Use 20 quadrature nodes or more."
        notes.append(Note("laplace_coarse", text))
    return tuple(notes)
