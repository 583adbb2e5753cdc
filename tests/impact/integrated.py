"""The logit with random intercepts straight from its definition: scipy maximises it, nothing of ours is in it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import optimize, special, stats
from statsmodels.tools.numdiff import approx_hess

GRID = np.linspace(-9, 9, 601)  # the trapezoid rule errs by less than 1e-12 on so smooth a density


class Maximum(NamedTuple):
    coefficients: np.ndarray
    sd: float
    errors: np.ndarray  # of the coefficients, from the observed information of coefficients and sd together
    log_likelihood: float
    covariance: np.ndarray


def log_likelihood(point, events, trials, x, cluster, *, laplace: bool) -> float:
    """Of coefficients and, last, the spread. `cluster` counts from 0."""
    eta, sd, n_clusters = x @ point[:-1], abs(point[-1]), cluster.max() + 1

    def given(u):
        """Log-probability of each cluster's events at its own u, up to the number of ways to order them."""
        at = eta[:, None] + sd * u[cluster]
        rows = events[:, None] * at - trials[:, None] * np.logaddexp(0, at)
        total = np.zeros((n_clusters, u.shape[1]))
        np.add.at(total, cluster, rows)
        return total

    if laplace:
        u = np.zeros((n_clusters, 1))
        for _ in range(60):
            p = special.expit(eta + sd * u[cluster, 0])
            slope = sd * np.bincount(cluster, events - trials * p) - u[:, 0]
            bend = 1 + sd**2 * np.bincount(cluster, trials * p * (1 - p))
            u += (slope / bend)[:, None]
        value = (given(u)[:, 0] - u[:, 0] ** 2 / 2 - np.log(bend) / 2).sum()
    else:
        u = np.broadcast_to(GRID, (n_clusters, len(GRID)))
        weight = stats.norm.logpdf(GRID) + np.log(GRID[1] - GRID[0])
        value = special.logsumexp(given(u) + weight, axis=1).sum()
    return float(value + np.log(special.comb(trials, events)).sum())


def maximum(events, x, cluster, *, trials=None, laplace: bool) -> Maximum:
    events, x = np.asarray(events, float), np.asarray(x, float)
    trials = np.ones(len(events)) if trials is None else np.asarray(trials, float)
    cluster = np.unique(cluster, return_inverse=True)[1]

    def minus(point):
        return -log_likelihood(point, events, trials, x, cluster, laplace=laplace)

    start = np.r_[np.zeros(x.shape[1]), 0.5]
    found = optimize.minimize(minus, start, method="BFGS", options={"gtol": 1e-6}).x
    found = optimize.minimize(minus, found, method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-11}).x
    covariance = np.linalg.inv(approx_hess(found, minus))
    return Maximum(found[:-1], abs(found[-1]), np.sqrt(np.diag(covariance))[:-1], -minus(found), covariance)
