"""The marginal likelihood of a random-intercept logit, its gradient, and the search for its maximum."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from impact.columns import Floats
from impact.errors import NotIdentified
from impact.glmm.patterns import Patterns
from impact.information import PART, climb, inverted, standardised
from impact.separation import constants, listed, separating

__all__ = ["Marginal", "Maximum", "maximum", "pooled_logit", "probability"]

LOWEST_LOG_SD, HIGHEST_LOG_SD = -9.0, 3.0


def probability(eta: Floats) -> tuple[Floats, Floats]:
    """expit(eta) and log(1 + exp(eta)) from one exponential, without overflow."""
    e = np.exp(-np.abs(eta))
    p = np.where(eta >= 0, 1.0, e) / (1 + e)
    return p, np.maximum(eta, 0) + np.log1p(e)


def pooled_logit(data: Patterns, q: Floats, names: Sequence[str]) -> tuple[Floats, Floats, float]:
    """Coefficients on the orthonormal columns q, information and log-likelihood (without constant) at sd = 0.

    Raises NotIdentified for separation, naming columns.
    """
    y, n = data.events, data.trials

    def at(b: Floats) -> tuple[float, Floats, Floats]:
        eta = q @ b
        p, soft = probability(eta)
        other = np.exp(-soft)
        # From the nearer tail, so that a small residual keeps its digits.
        gradient = q.T @ (y * other - (n - y) * p)
        return float(y @ eta - n @ soft), gradient[None], -(q * (n * p * other)[:, None]).T @ q

    top = climb(
        at,
        np.zeros(q.shape[1]),
        lambda step: float(np.abs(q @ step).max()),
        refuse=lambda _: _refuse_separation(data, standardised(data.x)[0], names),
    )
    return top.p, top.information, top.value


def _refuse_separation(data: Patterns, x: Floats, names: Sequence[str]) -> None:
    """A pattern without events likes its predictor to fall without end, one with nothing else to rise; others have a place."""
    never, always = data.events == 0, data.events == data.trials
    guilty = separating(
        np.vstack([-x[never], x[always]]), names, level=x[~never & ~always], mute=constants(x)
    )
    if guilty:
        raise NotIdentified(
            f"{listed(guilty)} predict some outcomes without error (separation), so their coefficients have no finite "
            "estimate. Leave such a column out or join categories."
        )


class Marginal:
    """Minus the marginal log-likelihood and its gradient in (b, sd). Keeps the modes of the last call as the next start."""

    def __init__(self, data: Patterns, x: Floats, n_clusters: int, nodes: int) -> None:
        # By columns and without BLAS, whose threads wait for each other on a busy machine.
        self.data, self.x = data, np.asfortranarray(x)
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
        p, soft = probability(eta)
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
        base = np.einsum("ij,j->i", self.x, b)
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
        return -value, -np.r_[np.einsum("ij,i->j", self.x, rows), gradient_sd]


@dataclass(frozen=True)
class Maximum:
    b: Floats
    sd: float
    minus_ll: float
    joint: Floats  # covariance of (b, sd)


def maximum(model: Marginal, start: Floats, information: Floats, pooled_ll: float) -> Maximum | None:
    """The interior maximum, or None where no sd above zero is likelier than the pooled logit."""
    k = len(start)
    root = np.linalg.cholesky(inverted(information))  # in these coordinates the curvature is about 1

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
        # Curvatures of b are near one here, and that of log sd is four times a gain above 1e-7.
        if sizes[0] > PART and -slope @ step < 1e-9:  # twice the gain in log-likelihood that is left
            break
        q = q + step / max(1.0, float(np.abs(step).max()))
    else:
        raise NotIdentified("The likelihood has no maximum that the search could confirm.")
    sd = math.exp(q[-1])
    turn = np.zeros((k + 1, k + 1))
    turn[:k, :k], turn[k, k] = root, sd
    return Maximum(root @ q[:-1], sd, value, turn @ np.linalg.inv(hessian) @ turn.T)


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
