"""How alike the members of a cluster are: the intracluster correlation by analysis of variance and on the latent scale."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from exports.digits import printed
from impact.columns import Floats, groups, numbers, same_length
from impact.errors import BadData, NotIdentified
from impact.estimate import Estimate, Note
from impact.information import EQUAL, PART
from impact.ties import is_nil

__all__ = ["ClusterCorrelation", "anova_icc", "anova_icc_of_counts", "latent_icc", "latent_sd"]


@dataclass(frozen=True)
class ClusterCorrelation:
    """One-way analysis of variance and the correlations that it gives.

    `icc` uses the size n0, `icc_mean_size` the mean size; their standard errors are NaN, the interval comes from F. A negative
    estimate is set to 0 and a note says so.
    """

    icc: Estimate
    icc_mean_size: Estimate
    f: float
    mean_square_between: float
    mean_square_within: float
    variance_between: float
    variance_within: float
    size_n0: float
    size_mean: float
    n_clusters: int
    n_rows: int
    notes: tuple[Note, ...]


def anova_icc(
    outcome: npt.ArrayLike, cluster: npt.ArrayLike, *, name: str = "outcome", level: float = 0.95
) -> ClusterCorrelation:
    """ICC = (F - 1) / (F - 1 + n0) with n0 = (N - Σn²/N) / (k - 1), and the same with the mean size N/k.

    Shapes: `outcome` (n,), `cluster` (n,). Missing values raise BadData; there are no weights. Interval: F divided by its
    quantiles on k - 1 and N - k degrees of freedom, exact for normal outcomes and equal sizes, else approximate.
    Raises NotIdentified with fewer than two clusters, no cluster of two, or an outcome without variation within clusters.
    Source: Fisher (1925); Donner, Int. Stat. Rev. 54 (1986) 67-82; Stata `loneway`, whose first version (STB-35 sg65) used
    the mean size. Checked against R's analysis of variance of Dyestuff (lme4).
    """
    y = numbers(outcome, name)
    codes, labels = groups(cluster, "cluster")
    same_length(len(y), {"cluster": codes.astype(float)})
    sizes = np.bincount(codes, minlength=len(labels)).astype(float)
    rounding = len(y) * (EQUAL * float(np.abs(y).max())) ** 2
    y = y - y.mean()  # an offset would cost digits of the squares
    means = np.bincount(codes, y, minlength=len(labels)) / sizes
    within = float(((y - means[codes]) ** 2).sum())
    return _correlation(sizes, means, within if within > rounding else 0.0, name, level)


def anova_icc_of_counts(
    events: npt.ArrayLike, sizes: npt.ArrayLike, *, name: str = "outcome", level: float = 0.95
) -> ClusterCorrelation:
    """`anova_icc` of a binary outcome from each cluster's number of events and of children; no rows are needed.

    Shapes: both (k,). Raises BadData for counts that are negative, not whole, or above their size; otherwise as `anova_icc`.
    """
    found, n = numbers(events, "events"), numbers(sizes, "sizes")
    same_length(len(n), {"events": found})
    for column, what in ((found, "events"), (n, "sizes")):
        if (column < 0).any() or (column != np.floor(column)).any():
            raise BadData(f"“{what}” must be whole numbers, not negative.")
    if (found > n).any() or (n == 0).any():
        raise BadData("Every cluster needs at least one child and no more events than children.")
    rates = found / n
    return _correlation(n, rates - found.sum() / n.sum(), float((n * rates * (1 - rates)).sum()), name, level)


def latent_icc(sd: float) -> float:
    """sd² / (sd² + π²/3): the correlation of the latent logistic variable behind a random-intercept logit.

    Source: Goldstein, Browne & Rasbash, Understanding Statistics 1 (2002) 223-231. It is not the ICC of the 0/1 outcome.
    """
    if not (math.isfinite(sd) and sd >= 0):
        raise BadData(f"A standard deviation cannot be {sd}.")
    return sd**2 / (sd**2 + math.pi**2 / 3)


def latent_sd(icc: float) -> float:
    """The standard deviation of cluster log-odds with this latent ICC; the inverse of `latent_icc`."""
    if not 0 <= icc < 1:
        raise BadData(f"An intracluster correlation must lie from 0 to below 1, not {icc}.")
    return math.sqrt(icc / (1 - icc) * math.pi**2 / 3)


def _correlation(sizes: Floats, means: Floats, within: float, name: str, level: float) -> ClusterCorrelation:
    """From cluster sizes (k,), cluster means less the grand mean (k,) and the sum of squares within clusters."""
    from scipy import stats  # costs half of `import numpy`, and is wanted only here

    if not 0 < level < 1:
        raise BadData(f"The confidence level must lie between 0 and 1, not {level}.")
    k, total = len(sizes), float(sizes.sum())
    if k < 2:
        raise NotIdentified("An intracluster correlation needs at least two clusters.")
    if total == k:
        raise NotIdentified(
            "Every cluster holds one row, so nothing is known about variation within clusters."
        )
    between = float((sizes * means**2).sum()) / (k - 1)
    inner = within / (total - k)
    if inner <= PART**2 * between:
        raise NotIdentified(f"“{name}” does not vary within any cluster.")
    f = between / inner
    f = 1.0 if is_nil(f - 1, size=1.0) else f
    n0 = (total - float((sizes**2).sum()) / total) / (k - 1)
    tail = (1 - level) / 2
    p = float(stats.f.sf(f, k - 1, total - k))
    ends = (
        f / float(stats.f.ppf(1 - tail, k - 1, total - k)),
        f / float(stats.f.ppf(tail, k - 1, total - k)),
    )
    estimates = []
    for label, size in (("icc", n0), ("icc_mean_size", total / k)):
        value, low, high = (max(0.0, (x - 1) / (x - 1 + size)) for x in (f, *ends))
        estimates.append(Estimate(label, value, math.nan, None, f, p, low, high, level))
    return ClusterCorrelation(
        icc=estimates[0],
        icc_mean_size=estimates[1],
        f=f,
        mean_square_between=between,
        mean_square_within=inner,
        variance_between=max(0.0, (between - inner) / n0),
        variance_within=inner,
        size_n0=n0,
        size_mean=total / k,
        n_clusters=k,
        n_rows=int(total),
        notes=_notes(f, n0, sizes),
    )


def _notes(f: float, n0: float, sizes: Floats) -> tuple[Note, ...]:
    notes = []
    if f < 1:
        raw = (f - 1) / (f - 1 + n0)
        notes.append(
            Note("negative_icc", f"The estimate was negative ({printed(raw, '.6f')}) and is set to 0.")
        )
    if np.ptp(sizes) > 0:
        text = "The clusters differ in size, so the interval is approximate."
        notes.append(Note("unequal_sizes", text))
    return tuple(notes)
