"""Conditional logit: effects within strata, whatever the strata's own levels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from impact.clusters import demeaned
from impact.columns import Floats, Ints, groups, matrix, outcome_01, same_length
from impact.errors import BadData, NotIdentified
from impact.estimate import Estimate, Note, few_clusters, normal, student
from impact.information import climb, independent, inverted, orthonormal, standard_errors, varying
from impact.logits.refusing import refuse_separation

__all__ = ["ConditionalFit", "conditional_logit"]

LARGEST = 700.0  # logarithm of the number of subsets of a stratum: e^700 is about what a double can hold


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
    with both outcomes; BadData for strata with more than e^700 subsets: use dummies in `logit` there.
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
    whole = x[keep]
    x, y, codes = demeaned(x, codes)[keep], y[keep], codes[keep]
    for name, varies in zip(names, varying(x, whole), strict=True):
        if not varies:
            raise NotIdentified(f"“{name}” does not vary within any stratum that holds both outcomes.")
    independent(x, names, whole=whole)
    scale = np.sqrt((x**2).mean(axis=0))
    x = x / scale
    q, turn = orthonormal(x)
    batches = list(_batches(q, y, codes))
    _refuse_large(batches)
    top = climb(
        lambda b: _likelihoods(batches, b),
        np.zeros(len(scale)),
        lambda step: float(np.abs(q @ step).max()),
        refuse=lambda _: refuse_separation(_differences(x, y, codes), names),
    )
    inverse = inverted(top.information)
    covariance, n_clusters = inverse, None
    if of_cluster is not None:
        order = np.concatenate([batch.strata for batch in batches])
        _, place = np.unique(of_cluster[order], return_inverse=True)
        n_clusters = int(place.max()) + 1
        sums = np.column_stack([np.bincount(place, column) for column in top.scores.T])
        covariance = inverse @ (sums.T @ sums) @ inverse * n_clusters / (n_clusters - 1)
    back = turn / scale[:, None]
    return _result(
        names,
        back @ top.p,
        standard_errors(back, covariance, inverse),
        back @ covariance @ back.T,
        top.value,
        len(y),
        telling,
        n_clusters,
        level,
    )


def _result(
    names: Sequence[str],
    b: Floats,
    errors: Floats,
    covariance: Floats,
    log_likelihood: float,
    n_rows: int,
    telling: npt.NDArray[np.bool_],
    n_clusters: int | None,
    level: float,
) -> ConditionalFit:
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


def _refuse_large(batches: list[_Batch]) -> None:
    from scipy.special import gammaln  # keeps `import impact.logits` light

    for batch in batches:
        n, d = batch.x.shape[1], batch.n_cases
        if float(gammaln(n + 1) - gammaln(d + 1) - gammaln(n - d + 1)) > LARGEST:
            raise BadData(
                f"Strata of {n} rows are too large for a conditional logit: use dummies in a logit."
            )


def _likelihoods(batches: list[_Batch], b: Floats) -> tuple[float, Floats, Floats]:
    """Log-likelihood, scores (strata, k) in the order of the batches, and Hessian (k, k)."""
    parts = [_likelihood(batch, b) for batch in batches]
    value = float(sum(part[0] for part in parts))
    return value, np.vstack([part[1] for part in parts]), -np.sum([part[2] for part in parts], axis=0)


def _likelihood(batch: _Batch, b: Floats) -> tuple[float, Floats, Floats]:
    """Log-likelihood, scores (strata, k) and information (k, k) of a batch.

    log B_j is carried along with the mean and the covariance of Σ x over subsets of j rows so far. With π the share of those
    that hold the latest row, mean and covariance are mixtures: nothing can over- or underflow, and no digits are lost.
    """
    s, n, k = batch.x.shape
    eta = batch.x @ b
    d = batch.n_cases
    total, mean, spread = np.full((s, d + 1), -np.inf), np.zeros((s, d + 1, k)), np.zeros((s, d + 1, k, k))
    total[:, 0] = 0.0
    for row in range(n):
        last = min(d, row + 1)  # of more rows than there have been there is no subset
        taken = eta[:, row, None] + total[:, :last]
        grown = np.logaddexp(total[:, 1 : last + 1], taken)
        share = np.exp(taken - grown)[:, :, None]
        gap = mean[:, :last] + batch.x[:, row, None] - mean[:, 1 : last + 1]
        mixed = spread[:, 1 : last + 1]
        mixed = mixed + share[..., None] * (spread[:, :last] - mixed)
        mixed += (share * (1 - share))[..., None] * gap[:, :, :, None] * gap[:, :, None, :]
        mean[:, 1 : last + 1] += share * gap
        spread[:, 1 : last + 1], total[:, 1 : last + 1] = mixed, grown
    value = batch.of_cases @ b - total[:, d]
    return float(value.sum()), batch.of_cases - mean[:, d], spread[:, d].sum(axis=0)


def _differences(x: Floats, y: Floats, codes: Ints) -> Floats:
    """Each case less each control of its stratum: the cases are the likeliest subset where all are positive."""
    parts = []
    for code in np.unique(codes):
        here = codes == code
        cases, controls = x[here & (y == 1)], x[here & (y == 0)]
        parts.append((cases[:, None] - controls[None]).reshape(-1, x.shape[1]))
    return np.vstack(parts)
