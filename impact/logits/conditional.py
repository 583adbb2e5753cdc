"""Conditional logit: effects within strata, whatever the strata's own levels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from impact.clusters import demeaned
from impact.columns import Floats, Ints, groups, independent, matrix, outcome_01, same_length
from impact.errors import BadData, NotIdentified
from impact.estimate import Estimate, Note, few_clusters, normal, student
from impact.logits.separation import refuse_separation

__all__ = ["ConditionalFit", "conditional_logit"]

STEPS = 50


@dataclass(frozen=True, eq=False)
class ConditionalFit:
    """A conditional logit. `n_strata` counts the strata that say something, `n_dropped` those that do not."""

    names: tuple[str, ...]
    estimates: tuple[Estimate, ...]
    coefficients: Floats
    covariance: Floats
    log_likelihood: float
    n_rows: int
    n_strata: int
    n_dropped: int
    notes: tuple[Note, ...]

    def __getitem__(self, name: str) -> Estimate:
        if name not in self.names:
            raise BadData(f"The model has no column “{name}”.")
        return self.estimates[self.names.index(name)]


@dataclass(frozen=True, eq=False)
class _Batch:
    """Strata of equal size n and equal number of cases d: covariates (strata, n, k), cases' sums (strata, k)."""

    x: Floats
    of_cases: Floats
    n_cases: int
    strata: Ints


def conditional_logit(
    outcome: npt.ArrayLike,
    covariates: npt.ArrayLike,
    names: Sequence[str],
    strata: npt.ArrayLike,
    *,
    clusters: npt.ArrayLike | None = None,
    level: float = 0.95,
) -> ConditionalFit:
    """L = Π_s exp(Σ_cases x'b) / Σ_{subsets of d_s of n_s rows} exp(Σ x'b), exactly, by Newton's method.

    Outcome (n,) of 0 and 1, covariates (n, k) without a constant, strata (n,). Strata whose outcomes are all equal say
    nothing: they are dropped and counted. The sum over subsets is the recursion B_j ← B_j + w·B_{j-1}, run for all
    strata of one shape at once (Gail, Lubin and Rubinstein 1981, doi:10.1093/biomet/68.3.703). Errors are those of the
    inverse information (z), or with `clusters`, in which strata must nest, a sandwich with G/(G-1) and t(G-1).
    Missing values are refused. Checked against survival::clogit (exact) and statsmodels ConditionalLogit.

    Raises NotIdentified for a covariate that never varies within a stratum, collinearity, separation, and no stratum
    with both outcomes; BadData for strata so large that the sum overflows: use dummies in `logit` there.
    """
    y, x = outcome_01(outcome, "outcome"), matrix(covariates, names)
    codes, labels = groups(strata, "strata")
    same_length(len(y), {"covariates": x, "strata": codes.astype(np.float64)})
    size, cases = np.bincount(codes), np.bincount(codes, y)
    telling = (cases > 0) & (cases < size)
    if not telling.any():
        raise NotIdentified("No stratum holds both outcomes: a conditional logit has nothing to compare.")
    of_cluster = _cluster_of(clusters, codes, len(labels))
    keep = telling[codes]
    x, y, codes = demeaned(x, codes)[keep], y[keep], codes[keep]
    scale = np.sqrt((x**2).mean(axis=0))
    for name, spread, original in zip(
        names, scale, np.abs(matrix(covariates, names)).max(axis=0), strict=True
    ):
        if spread <= 1e-12 * original:
            raise NotIdentified(f"“{name}” does not vary within any stratum that holds both outcomes.")
    independent(x / scale, names)
    batches = list(_batches(x / scale, y, codes))
    b, log_likelihood, scores, information = _newton(batches, x / scale, y, codes, names)
    inverse = np.linalg.inv(information)
    covariance, n_clusters = inverse, None
    if of_cluster is not None:
        order = np.concatenate([batch.strata for batch in batches])
        _, place = np.unique(of_cluster[order], return_inverse=True)
        n_clusters = int(place.max()) + 1
        sums = np.column_stack([np.bincount(place, column) for column in scores.T])
        covariance = inverse @ (sums.T @ sums) @ inverse * n_clusters / (n_clusters - 1)
    covariance = covariance / np.outer(scale, scale)
    return _result(names, b / scale, covariance, log_likelihood, len(y), telling, n_clusters, level)


def _result(
    names: Sequence[str],
    b: Floats,
    covariance: Floats,
    log_likelihood: float,
    n_rows: int,
    telling: npt.NDArray[np.bool_],
    n_clusters: int | None,
    level: float,
) -> ConditionalFit:
    errors = np.sqrt(np.diag(covariance))
    estimates = tuple(
        normal(name, float(value), float(error), level=level)
        if n_clusters is None
        else student(name, float(value), float(error), n_clusters - 1, level=level)
        for name, value, error in zip(names, b, errors, strict=True)
    )
    notes = () if n_clusters is None else few_clusters(n_clusters)
    n_dropped = int((~telling).sum())
    if n_dropped:
        text = (
            f"{n_dropped} of {len(telling)} strata have one outcome only and say nothing; they were left out."
        )
        notes = (*notes, Note("strata_dropped", text))
    return ConditionalFit(
        tuple(names), estimates, b, covariance, log_likelihood, n_rows, int(telling.sum()), n_dropped, notes
    )


def _cluster_of(clusters: npt.ArrayLike | None, codes: Ints, n_strata: int) -> Ints | None:
    if clusters is None:
        return None
    found, _ = groups(clusters, "clusters")
    same_length(len(codes), {"clusters": found.astype(np.float64)})
    of_stratum = np.zeros(n_strata, dtype=np.int64)
    of_stratum[codes] = found
    if (of_stratum[codes] != found).any():
        raise BadData("A stratum lies in more than one cluster.")
    if found.max() == 0:
        raise NotIdentified(
            "There is only one cluster: nothing can be said about variation between clusters."
        )
    return of_stratum


def _batches(x: Floats, y: Floats, codes: Ints) -> Iterator[_Batch]:
    order = np.lexsort((-y, codes))
    x, y, codes = x[order], y[order], codes[order]
    labels, starts, size = np.unique(codes, return_index=True, return_counts=True)
    cases = np.bincount(np.searchsorted(labels, codes), y).astype(np.int64)
    for n, d in sorted(set(zip(size.tolist(), cases.tolist(), strict=True))):
        here = np.flatnonzero((size == n) & (cases == d))
        block = x[starts[here][:, None] + np.arange(n)]
        yield _Batch(block, block[:, :d].sum(axis=1), d, labels[here])


def _likelihood(batch: _Batch, b: Floats) -> tuple[float, Floats, Floats]:
    """Log-likelihood, scores (strata, k) and information (k, k) of a batch; minus infinity where numbers over- or underflow.

    B_j is carried along with its first and second derivatives.
    """
    s, n, k = batch.x.shape
    eta = batch.x @ b
    shift = eta.max(axis=1)
    w = np.exp(eta - shift[:, None])
    d = batch.n_cases
    total, first, second = np.zeros((s, d + 1)), np.zeros((s, d + 1, k)), np.zeros((s, d + 1, k, k))
    total[:, 0] = 1.0
    for row in range(n):  # overflow is caught below
        v, xr = w[:, row, None], batch.x[:, row]
        grown = v[:, :, None] * (first[:, :-1] + total[:, :-1, None] * xr[:, None, :])
        cross = first[:, :-1, :, None] * xr[:, None, None, :]
        square = total[:, :-1, None, None] * (xr[:, :, None] * xr[:, None, :])[:, None]
        second[:, 1:] += v[:, :, None, None] * (second[:, :-1] + cross + np.swapaxes(cross, 2, 3) + square)
        first[:, 1:] += grown
        total[:, 1:] += v * total[:, :-1]
    if not np.isfinite(total[:, d]).all() or (total[:, d] <= 0).any():
        return -np.inf, np.zeros((s, k)), np.zeros((k, k))
    mean = first[:, d] / total[:, d, None]
    spread = second[:, d] / total[:, d, None, None] - mean[:, :, None] * mean[:, None, :]
    value = batch.of_cases @ b - d * shift - np.log(total[:, d])
    return float(value.sum()), batch.of_cases - mean, spread.sum(axis=0)


def _newton(
    batches: list[_Batch], x: Floats, y: Floats, codes: Ints, names: Sequence[str]
) -> tuple[Floats, float, Floats, Floats]:
    b, step, last = np.zeros(x.shape[1]), np.zeros(x.shape[1]), -np.inf
    for _ in range(STEPS):
        with np.errstate(over="ignore", invalid="ignore"):
            parts = [_likelihood(batch, b) for batch in batches]
        value = sum(part[0] for part in parts)
        if value == -np.inf and not b.any():
            largest = max(batch.x.shape[1] for batch in batches)
            raise BadData(
                f"Strata of {largest} rows are too large for a conditional logit: use dummies in a logit."
            )
        if value == -np.inf or value < last - 1e-9 * abs(last):
            step = step / 2
            b = b - step
            continue
        scores, information = np.vstack([part[1] for part in parts]), sum(part[2] for part in parts)
        gradient = scores.sum(axis=0)
        if np.linalg.cond(information) > 1e13:
            break
        step = np.linalg.solve(information, gradient)
        if gradient @ step < 1e-16 * max(1.0, abs(value)):
            if np.abs(x @ b).max() > 10:
                refuse_separation(_differences(x, y, codes), names)
            return b, value, scores, np.asarray(information)
        last, b = value, b + step
    refuse_separation(_differences(x, y, codes), names)
    raise NotIdentified(f"The conditional logit did not settle in {STEPS} steps.")


def _differences(x: Floats, y: Floats, codes: Ints) -> Floats:
    """Each case less each control of its stratum: the cases are the likeliest subset where all are positive."""
    parts = []
    for code in np.unique(codes):
        here = codes == code
        cases, controls = x[here & (y == 1)], x[here & (y == 0)]
        parts.append((cases[:, None] - controls[None]).reshape(-1, x.shape[1]))
    return np.vstack(parts)
