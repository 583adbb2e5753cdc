"""Logistic regression with a normal random intercept for each cluster, by Laplace or adaptive Gauss–Hermite quadrature."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from impact.columns import Floats, Ints, groups, independent, matrix, numbers, same_length, standardised
from impact.errors import BadData, NotIdentified
from impact.estimate import Estimate, Note, few_clusters, normal

__all__ = ["LogitFit", "Patterns", "average_effect", "collapse", "random_intercept_logit"]

LOWEST_LOG_SD, HIGHEST_LOG_SD = -9.0, 3.0


@dataclass(frozen=True)
class Patterns:
    """Rows that share cluster and covariates, summed: `events` of `trials` (m,), `x` (m, k), `cluster` codes (m,) ascending."""

    events: Floats
    trials: Floats
    x: Floats
    cluster: Ints


@dataclass(frozen=True)
class LogitFit:
    """A fitted model. `joint` (k + 1, k + 1) is the covariance of the coefficients and of `sd`, whose part is zero where
    `is_boundary`: there the pooled logit fits as well, and `sd` is 0. `cluster_effects` are conditional modes in log-odds."""

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
        error = math.sqrt(max(0.0, float(c @ self.covariance @ c)))
        return normal(name, float(c @ self.coefficients), error, level=self.level)


def collapse(events: Floats, trials: Floats, x: Floats, cluster: Ints) -> Patterns:
    """Sum rows with the same cluster and covariates. Exact: the likelihood changes by a constant that is added back.

    Shapes: (n,), (n,), (n, k), (n,) codes. Rows are compared bit by bit; a hash only brings equal rows together.
    """
    keys = np.column_stack([cluster.astype(np.float64), x]) + 0.0  # turns -0.0 into 0.0
    mixed = np.zeros(len(keys), dtype=np.uint64)
    for column in keys.T:
        mixed = (mixed ^ np.ascontiguousarray(column).view(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    order = np.lexsort((mixed, cluster))
    same = (mixed[order][1:] == mixed[order][:-1]) & (cluster[order][1:] == cluster[order][:-1])
    arranged = keys[order]
    if not (arranged[1:][same] == arranged[:-1][same]).all():  # two different rows share a hash: sort in full
        order = np.lexsort(keys.T[::-1])
        arranged = keys[order]
        same = (arranged[1:] == arranged[:-1]).all(axis=1)
    first = np.flatnonzero(np.r_[True, ~same])
    return Patterns(
        events=np.add.reduceat(events[order], first),
        trials=np.add.reduceat(trials[order], first),
        x=np.ascontiguousarray(arranged[first, 1:]),
        cluster=cluster[order][first],
    )


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
    data = _prepared(outcome, x, cluster, names, trials)
    patterns, n_clusters, k = data.patterns, len(data.labels), data.patterns.x.shape[1]
    scaled, back = standardised(patterns.x)
    pooled, information, pooled_ll = _pooled_logit(patterns, scaled, names)
    model = _Marginal(patterns, scaled, n_clusters, nodes)
    best = _maximum(model, pooled, information, pooled_ll)
    is_boundary = best is None
    if best is None:
        joint = np.zeros((k + 1, k + 1))
        joint[:k, :k] = np.linalg.inv(information)
        best = _Maximum(pooled, 0.0, -pooled_ll, joint)
    spread = np.eye(k + 1)
    spread[:k, :k] = back
    return LogitFit(
        names=tuple(names),
        coefficients=back @ best.b,
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
        eta, density = x @ fit.coefficients, np.zeros(len(x))
        for u, m in zip(points, sign * mass / mass.sum(), strict=True):
            e = np.exp(-np.abs(eta + fit.sd * u))
            p = np.where(eta + fit.sd * u >= 0, 1.0, e) / (1 + e)
            here = m * w * p * (1 - p)
            value += m * float(w @ p)
            slope[-1] += u * float(here.sum())
            density += here
        slope[:-1] += x.T @ density
    error = math.sqrt(max(0.0, float(slope @ fit.joint @ slope)))
    return normal(name, 100 * value, 100 * error, level=fit.level)


@dataclass(frozen=True)
class _Data:
    patterns: Patterns
    labels: npt.NDArray[np.object_]
    n_rows: int
    constant: float  # Σ log C(n, y) of the rows as given


def _prepared(
    outcome: npt.ArrayLike,
    x: npt.ArrayLike,
    cluster: npt.ArrayLike,
    names: Sequence[str],
    trials: npt.ArrayLike | None,
) -> _Data:
    y, columns = numbers(outcome, "outcome"), matrix(x, names)
    n = np.ones(len(y)) if trials is None else numbers(trials, "trials")
    codes, labels = groups(cluster, "cluster")
    same_length(len(y), {"the covariates": columns[:, 0], "cluster": codes.astype(float), "trials": n})
    bad = (y < 0) | (y > n) | (y != np.floor(y)) | (n != np.floor(n)) | (n < 1)
    if bad.any():
        row = int(np.argmax(bad))
        allowed = (
            "0 or 1" if trials is None else f"a whole number from 0 to its trials ({n[row]:g}, at least 1)"
        )
        raise BadData(f"“outcome” must be {allowed}; row {row + 1} holds {y[row]:g}.")
    if len(labels) < 2:
        raise NotIdentified("All rows are in one cluster; a random intercept needs at least two.")
    if y.sum() in (0, n.sum()):
        raise NotIdentified("Every outcome is the same, so no coefficient of a logit is finite.")
    patterns = collapse(y, n, columns, codes)
    independent(patterns.x, names)
    if trials is None:
        return _Data(patterns, labels, len(y), 0.0)
    from scipy.special import gammaln  # wanted only here

    constant = float((gammaln(n + 1) - gammaln(y + 1) - gammaln(n - y + 1)).sum())
    return _Data(patterns, labels, round(float(n.sum())), constant)


def _probability(eta: Floats) -> tuple[Floats, Floats]:
    """expit(eta) and log(1 + exp(eta)) from one exponential, without overflow."""
    e = np.exp(-np.abs(eta))
    p = np.where(eta >= 0, 1.0, e) / (1 + e)
    return p, np.maximum(eta, 0) + np.log1p(e)


def _pooled_logit(data: Patterns, x: Floats, names: Sequence[str]) -> tuple[Floats, Floats, float]:
    """Coefficients, information and log-likelihood (without constant) at sd = 0. Raises NotIdentified for separation."""
    best = -math.inf
    b: Floats = np.zeros(x.shape[1])
    step: Floats = np.zeros(x.shape[1])
    for _ in range(30):
        p, soft = _probability(x @ b)
        value = float(data.events @ (x @ b) - data.trials @ soft)
        if value < best - 1e-9 * abs(best):
            step = step / 2
            b = b - step
            continue
        best = max(best, value)
        information = (x * (data.trials * p * (1 - p))[:, None]).T @ x
        try:
            step = np.asarray(
                np.linalg.solve(information, x.T @ (data.events - data.trials * p)), dtype=np.float64
            )
        except np.linalg.LinAlgError:
            break
        b = b + step
        if np.abs(step).max() < 1e-8:
            return b, information, value
    raise NotIdentified(_separation(data, x, step, names))


def _separation(data: Patterns, x: Floats, direction: Floats, names: Sequence[str]) -> str:
    """Newton's last step runs along the direction in which the likelihood never stops growing: name what it consists of."""
    largest = np.abs(direction).max()
    if not (np.isfinite(largest) and largest > 0):
        return "The coefficients have no finite estimate."
    along = direction / largest
    guilty = ", ".join(f"“{name}”" for name, part in zip(names, along, strict=True) if abs(part) > 0.01)
    slope = x @ along
    never, always = data.events == 0, data.events == data.trials
    wrong = (
        (never & (slope > 0.01)) | (always & (slope < -0.01)) | (~never & ~always & (np.abs(slope) > 0.01))
    )
    if wrong.any():
        return f"The coefficients of {guilty} have no finite estimate."
    return (
        f"{guilty} predict some outcomes without error (separation), so their coefficients have no finite estimate. "
        "Leave such a column out or join categories."
    )


class _Marginal:
    """Minus the marginal log-likelihood and its gradient in (b, sd). Keeps the modes of the last call as the next start."""

    def __init__(self, data: Patterns, x: Floats, n_clusters: int, nodes: int) -> None:
        self.data, self.x = data, x
        self.starts = np.searchsorted(data.cluster, np.arange(n_clusters))
        self.sizes = np.diff(np.r_[self.starts, len(data.cluster)])
        points, mass = np.polynomial.hermite.hermgauss(nodes)
        self.points, self.log_mass = math.sqrt(2) * points, np.log(mass) + points**2
        self.modes = np.zeros(n_clusters)

    def total(self, rows: Floats) -> Floats:
        return np.add.reduceat(rows, self.starts)

    def spread(self, clusters: Floats) -> Floats:
        return np.repeat(clusters, self.sizes)

    def at(self, base: Floats, sd: float, u: Floats) -> tuple[Floats, Floats]:
        """Probabilities of the rows, and each cluster's log density of outcomes and u (without constants)."""
        eta = base + self.spread(sd * u)
        p, soft = _probability(eta)
        return p, self.total(self.data.events * eta - self.data.trials * soft) - u * u / 2

    def find_modes(self, base: Floats, sd: float) -> Floats:
        """Damped Newton for every cluster at once; returns the probabilities at the modes."""
        u = self.modes
        p, height = self.at(base, sd, u)
        for _ in range(100):
            mu = self.data.trials * p
            slope = sd * self.total(self.data.events - mu) - u
            step = slope / (1 + sd * sd * self.total(mu * (1 - p)))
            if np.abs(step).max() < 1e-9:
                break
            for _halving in range(40):
                p, new = self.at(base, sd, u + step)
                worse = new < height - 1e-12 * np.abs(height) - 1e-12
                if not worse.any():
                    break
                step = np.where(worse, step / 2, step)
            u, height = u + step, new
        self.modes = u
        return p

    def __call__(self, b: Floats, sd: float) -> tuple[float, Floats]:
        """The chain rule runs through the mode and the curvature of each cluster; every term is a weight of a row, so that
        the gradient in b is one product with x."""
        y, n = self.data.events, self.data.trials
        base = self.x @ b
        p = self.find_modes(base, sd)
        u, w = self.modes, n * p * (1 - p)
        w1 = w * (1 - 2 * p)
        sum_w, sum_w1 = self.total(w), self.total(w1)
        curvature = 1 + sd * sd * sum_w
        width = curvature**-0.5
        u_by_sd = (self.total(y - n * p) - sd * u * sum_w) / curvature
        width_by_sd = (
            -(sd * sum_w + sd * sd * sum_w1 * (u + sd * u_by_sd) / 2) / curvature
        )  # of its logarithm
        heights, slopes, residuals = [], [], []
        for point, log_mass in zip(self.points, self.log_mass, strict=True):
            p_k, height = self.at(base, sd, u + width * point) if point else (p, self.at(base, sd, u)[1])
            residuals.append(y - n * p_k)
            heights.append(log_mass + height)
            slopes.append(self.total(residuals[-1]))
        top = np.max(heights, axis=0)
        share = np.exp(np.array(heights) - top)
        mass = share.sum(axis=0)
        share /= mass
        value = float((top + np.log(mass) + np.log(width) - math.log(math.pi) / 2).sum())
        at_mode, at_width, by_sd, rows = np.zeros(len(u)), np.ones(len(u)), np.zeros(len(u)), np.zeros(len(y))
        for point, part, slope, residual in zip(self.points, share, slopes, residuals, strict=True):
            place = u + width * point
            at_mode += part * (sd * slope - place)
            at_width += part * (sd * slope - place) * point * width
            by_sd += part * slope * place
            rows += self.spread(part) * residual
        by_w = at_width * sd**4 * sum_w1 / (2 * curvature**2) - at_mode * sd / curvature
        rows += self.spread(by_w) * w - self.spread(at_width * sd * sd / (2 * curvature)) * w1
        gradient_sd = float((by_sd + at_mode * u_by_sd + at_width * width_by_sd).sum())
        return -value, -np.r_[self.x.T @ rows, gradient_sd]


@dataclass(frozen=True)
class _Maximum:
    b: Floats
    sd: float
    minus_ll: float
    joint: Floats  # covariance of (b, sd)


def _maximum(model: _Marginal, start: Floats, information: Floats, pooled_ll: float) -> _Maximum | None:
    """The interior maximum, or None where no sd above zero is likelier than the pooled logit."""
    k = len(start)
    root = np.linalg.cholesky(np.linalg.inv(information))  # in these coordinates the curvature is about 1

    def objective(q: Floats) -> tuple[float, Floats]:
        sd = math.exp(q[-1])
        value, slope = model(root @ q[:-1], sd)
        return value, np.r_[root.T @ slope[:-1], slope[-1] * sd]

    centre = np.linalg.solve(root, start)
    tried = [(objective(np.r_[centre, math.log(sd)])[0], math.log(sd)) for sd in (0.03, 0.1, 0.3, 1.0, 3.0)]
    q = _climb(objective, np.r_[centre, min(tried)[1]])
    if q[-1] > HIGHEST_LOG_SD - 0.01:
        raise NotIdentified(
            "The spread between clusters has no finite estimate: some clusters have one outcome only."
        )
    for _ in range(12):  # the climb can stop on rounding noise; Newton's steps finish the work
        value, slope = objective(q)
        if value > -pooled_ll - 1e-7:
            return None
        hessian = _hessian(objective, q)
        sizes, turns = np.linalg.eigh(hessian)
        step = -turns @ ((turns.T @ slope) / np.maximum(np.abs(sizes), 1e-8))
        if sizes[0] > 0 and -slope @ step < 1e-9:  # twice the gain in log-likelihood that is left
            break
        q = q + step / max(1.0, float(np.abs(step).max()))
    else:
        raise NotIdentified("The likelihood has no maximum that the search could confirm.")
    sd = math.exp(q[-1])
    turn = np.zeros((k + 1, k + 1))
    turn[:k, :k], turn[k, k] = root, sd
    return _Maximum(root @ q[:-1], sd, value, turn @ np.linalg.inv(hessian) @ turn.T)


def _climb(objective: Callable[[Floats], tuple[float, Floats]], q: Floats) -> Floats:
    """BFGS with backtracking. scipy's L-BFGS-B costs ten times the rest of a small fit where its LAPACK starts threads."""
    inverse = np.eye(len(q))
    value, slope = objective(q)
    for _ in range(300):
        step = -inverse @ slope
        if -slope @ step < 1e-11 or not LOWEST_LOG_SD < q[-1] < HIGHEST_LOG_SD:
            break
        step[-1] = np.clip(step[-1], -1, 1)
        size = 1.0
        while True:
            new_value, new_slope = objective(q + size * step)
            if new_value <= value + 1e-4 * size * (slope @ step):
                break
            size /= 2
            if size < 1e-9:
                return q
        moved, bent = size * step, new_slope - slope
        curvature = moved @ bent
        if curvature > 1e-14:
            along = inverse @ bent
            grown = (1 + bent @ along / curvature) * np.outer(moved, moved)
            inverse += (grown - np.outer(along, moved) - np.outer(moved, along)) / curvature
        q, value, slope = q + moved, new_value, new_slope
    return q


def _hessian(objective: Callable[[Floats], tuple[float, Floats]], q: Floats) -> Floats:
    """Central differences of the exact gradient; the coordinates are scaled, so that one step suits all."""
    size = 1e-3
    rows = [(objective(q + size * e)[1] - objective(q - size * e)[1]) / (2 * size) for e in np.eye(len(q))]
    return (np.array(rows) + np.array(rows).T) / 2


def _notes(is_boundary: bool, sd: float, nodes: int) -> tuple[Note, ...]:
    notes = []
    if is_boundary:
        text = (
            "The estimated spread between clusters is zero: the model equals a logit that ignores clusters."
        )
        notes.append(Note("boundary", text))
    if nodes == 1 and sd > 1.5:
        text = (
            f"With a spread of {sd:.2f} between clusters Laplace is coarse. Use 20 quadrature nodes or more."
        )
        notes.append(Note("laplace_coarse", text))
    return tuple(notes)
