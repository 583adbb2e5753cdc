"""Coarsened exact matching: strata of coarse covariates, weights, and imbalance before and after."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from exports.digits import printed
from impact.columns import Floats, Ints, named, numbers, outcome_01, same_length
from impact.errors import BadData, NotIdentified
from impact.estimate import Note
from impact.ties import ROUNDING, TIE, ceiling, is_nil, levels, reaches, size_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Balance", "Imbalance", "Matched", "balance", "imbalance", "match", "pretty"]

# The widest table of counts that is filled directly; larger ones go through a hash of the keys.
DENSE = 4_000_000


@dataclass(frozen=True)
class Matched:
    """Weights (n,): 1 for a matched treated row, n1_s/n0_s · M0/M1 for a control of stratum s, 0 for an unmatched row.

    `stratum` (n,) numbers the strata from 0. The shares are of all treated, and of all control, rows.
    """

    weights: Floats
    stratum: Ints
    n_treated: int
    n_controls: int
    n_matched_treated: int
    n_matched_controls: int
    n_strata: int
    n_matched_strata: int
    notes: tuple[Note, ...]

    @property
    def matched_treated_share(self) -> float:
        return self.n_matched_treated / self.n_treated

    @property
    def matched_controls_share(self) -> float:
        return self.n_matched_controls / self.n_controls


@dataclass(frozen=True)
class Imbalance:
    """L1 between 0 (the same joint distribution) and 1 (no overlap), and the percentage of cells with both groups."""

    l1: float
    local_common_support_percent: float
    n_cells: int


@dataclass(frozen=True)
class Balance:
    """One covariate: weighted means and their difference in standard deviations of the treated before weighting."""

    name: str
    mean_treated: float
    mean_control: float
    standardised_difference: float


def match(
    treated: npt.ArrayLike,
    covariates: pd.DataFrame,
    *,
    within: pd.DataFrame | None = None,
    cutpoints: Mapping[str, Sequence[float]] | None = None,
    rule: Literal["sturges", "exact"] = "sturges",
) -> Matched:
    """Keeps the strata that hold treated and control rows, and weights the controls to the treated.

    Source: Iacus, King and Porro (2012), Political Analysis 20:1, doi:10.1093/pan/mpr013. Checked against R `cem` 1.1.31
    and `MatchIt` on causaldata's `nsw_mixtape`.

    `treated` has shape (n,), 0 or 1. A number column is cut at its `cutpoints` into intervals closed on the right, the lowest
    included; without cutpoints into ⌈log2 n + 1⌉ - 1 equal ones (`rule="sturges"`, as R) or left as it is (`"exact"`). With
    cutpoints 0, 3, 12, 18 an age of 3 lies in the first interval and 3.5 in the second: cut completed years. Words,
    categories and booleans are always exact. Numbers that tie (see `impact.ties`) are the same number, and one that ties with
    a cutpoint lies on it. `within` adds columns that must agree exactly, such as financial year and
    pair of authorities; an authority that serves two pairs enters once for each.

    Missing values raise BadData (give them a category first), as do values outside the cutpoints; no treated, no control
    or no common stratum raise NotIdentified. One million rows of ten int8 keys take less than pandas' groupby of them.
    """
    t = _groups(treated, len(covariates))
    unknown = set(cutpoints or {}) - set(covariates.columns)
    if unknown:
        named(covariates, sorted(unknown)[0])
    keys = [_coarse(covariates[c], (cutpoints or {}).get(c), rule, len(t)) for c in covariates.columns]
    if within is not None:
        same_length(len(t), {"within": np.empty(len(within))})
        keys += [_coarse(within[c], None, "exact", len(t)) for c in within.columns]
    if not keys:
        raise BadData("There is no column to match on.")
    stratum, n_strata = _strata(keys)
    both = np.bincount(stratum + n_strata * t, minlength=2 * n_strata)
    n_control, n_treat = both[:n_strata], both[n_strata:]
    common = (n_control > 0) & (n_treat > 0)
    if not common.any():
        raise NotIdentified(
            "No stratum holds both treated and control rows. Cut more coarsely, or match within less."
        )
    m_control, m_treat = int(n_control[common].sum()), int(n_treat[common].sum())
    control_weight = np.where(common, n_treat / np.maximum(n_control, 1) * m_control / m_treat, 0.0)
    # One table of both groups, so that each row looks up once.
    weights = np.concatenate([control_weight, common.astype(np.float64)])[stratum + n_strata * t]
    n_treated, n_controls = int(n_treat.sum()), int(n_control.sum())
    return Matched(
        weights, stratum, n_treated, n_controls, m_treat, m_control, n_strata, int(common.sum()),
        _lost(n_treated, m_treat),
    )  # fmt: skip


def imbalance(
    treated: npt.ArrayLike,
    covariates: pd.DataFrame,
    *,
    weights: npt.ArrayLike | None = None,
    cutpoints: Mapping[str, Sequence[float]] | None = None,
) -> Imbalance:
    """L1 = ½ Σ |f_s - g_s| over the cells s of a grid, f and g the weighted shares of treated and control rows.

    Source: Iacus, King and Porro (2011), JASA 106:345, doi:10.1198/jasa.2011.tm09599. Each number column is cut at R's
    `pretty(range, nclass.scott)` of all rows, also after matching, whose intervals are others by design; `cutpoints` replace
    them. Local common support is the percentage of filled cells that hold both groups. Rows of weight 0 are left out;
    negative ones raise BadData, as do missing values. Checked against R `cem::imbalance`.
    """
    t = _groups(treated, len(covariates))
    w = np.ones(len(t)) if weights is None else numbers(weights, "weights")
    same_length(len(t), {"weights": w})
    if (w < 0).any():
        raise BadData("A weight is below zero.")
    kept = w > 0
    if not kept[t == 1].any() or not kept[t == 0].any():
        raise NotIdentified("A group has no row of weight above zero.")
    cell, n_cells = _strata(
        [_coarse(covariates[c], (cutpoints or {}).get(c), "scott", len(t))[kept] for c in covariates.columns]
    )
    group, weight = t[kept], w[kept]
    shares = [
        np.bincount(cell[group == g], weight[group == g], n_cells) / weight[group == g].sum() for g in (0, 1)
    ]
    filled = (shares[0] > 0) & (shares[1] > 0)
    l1 = float(np.abs(shares[1] - shares[0]).sum() / 2)
    return Imbalance(0.0 if is_nil(l1, size=1.0) else l1, float(filled.mean() * 100), n_cells)


def balance(
    treated: npt.ArrayLike, covariates: pd.DataFrame, *, weights: npt.ArrayLike | None = None
) -> tuple[Balance, ...]:
    """Weighted means by group and (mean treated - mean control) / sd of the treated rows before weighting, n - 1.

    Source: Stuart (2010), Statistical Science 25:1, doi:10.1214/09-STS313, section 4.1. Number columns only, none missing
    (BadData). A column that does not vary among the treated has a difference of NaN unless the means are equal (0).
    """
    t = _groups(treated, len(covariates))
    w = np.ones(len(t)) if weights is None else numbers(weights, "weights")
    same_length(len(t), {"weights": w})
    if (w < 0).any() or w[t == 1].sum() == 0 or w[t == 0].sum() == 0:
        raise BadData("Weights must not be below zero, and each group needs one above zero.")
    found = []
    for name in covariates.columns:
        x = numbers(covariates[name], str(name))
        means = [float(np.average(x[t == g], weights=w[t == g])) for g in (0, 1)]
        spread = float(x[t == 1].std(ddof=1)) if (t == 1).sum() > 1 else 0.0
        gap, rounding = means[1] - means[0], ROUNDING * size_of(x)
        is_same = abs(gap) <= max(TIE * spread, rounding)
        difference = 0.0 if is_same else gap / spread if spread > rounding else math.nan
        found.append(Balance(str(name), means[1], means[0], difference))
    return tuple(found)


def pretty(low: float, high: float, n: int) -> Floats:
    """About n + 1 equally spaced round numbers that cover low … high, as R's `pretty`.

    The step is 1, 2, 5 or 10 times a power of ten, the least one not yet too small for n intervals: R moves on from a
    step u to the next v while v - c < b (c - u), with c = (high - low) / n and a bias b of 1.5 (2.75 towards 5). Source:
    the documentation of R `pretty` (`high.u.bias`, `u5.bias`). A range of zero gives one interval about it. Raises BadData
    for a range that is not finite.
    """
    if not (math.isfinite(low) and math.isfinite(high)) or high < low or n < 1:
        raise BadData("Round cutpoints need a finite range and at least one interval.")
    if high - low <= 1e-10 * max(abs(low), abs(high)):
        half = 0.5 * max(1.0, abs(low) * 1e-9)
        return np.array([low - half, high + half])
    cell = (high - low) / n
    unit = base = 10.0 ** math.floor(math.log10(cell))
    for factor, bias in ((2, 1.5), (5, 2.75), (10, 1.5)):
        if reaches(factor * base - cell, bias * (cell - unit), near=TIE * cell):
            break
        unit = factor * base
    # Within a ten-millionth of a step the end of the range counts as a cutpoint.
    first, last = math.floor(low / unit + 1e-7), math.ceil(high / unit - 1e-7)
    return np.arange(first, last + 1, dtype=np.float64) * float(unit)


def _groups(treated: npt.ArrayLike, n: int) -> Ints:
    t = outcome_01(treated, "treated").astype(np.int64)
    if len(t) != n:
        raise BadData(f"“treated” has {len(t)} rows, the covariates have {n}.")
    if not 0 < t.sum() < n:
        raise NotIdentified("Matching needs treated and control rows.")
    return t


def _coarse(column: pd.Series, cuts: Sequence[float] | None, rule: str, n: int) -> Ints:
    """Whole numbers, equal where the coarse values are."""
    import pandas as pd  # half a second that `import impact.coarsening` need not pay

    name = str(column.name)
    values = column.to_numpy()
    if values.dtype.kind == "f" and cuts is None and rule == "exact":
        numbers(values, name)
    if values.dtype.kind in "ib" and cuts is None and (rule == "exact" or values.dtype.kind == "b"):
        return values
    if not pd.api.types.is_numeric_dtype(column) or (cuts is None and rule == "exact"):
        codes, distinct = pd.factorize(column)
        if values.dtype.kind == "f":
            codes = levels(distinct, near=ROUNDING * np.abs(distinct))[codes]
        if (codes < 0).any():
            raise BadData(
                f"“{name}” is missing in {int((codes < 0).sum())} rows. Give them a category, or impute them."
            )
        return codes
    x = numbers(column.to_numpy(dtype=np.float64, na_value=np.nan), name)
    if cuts is not None:
        edges = np.asarray(cuts, dtype=np.float64)
        if len(edges) < 2 or not (np.diff(edges) > 0).all() or not _covered(x, edges):
            raise BadData(
                f"The cutpoints of “{name}” must rise and cover its values, {printed(x.min(), 'g')} to {printed(x.max(), 'g')}."
            )
    elif rule == "sturges":
        edges = np.unique(np.linspace(x.min(), x.max(), math.ceil(math.log2(n) + 1)))
    else:
        edges = pretty(x.min(), x.max(), _scott(x))
    # What ties with an edge lies on it, and so in the interval that the edge closes.
    place = np.searchsorted(edges + _near(edges), x, side="left")
    return np.clip(place, 1, len(edges) - 1)


def _near(edges: Floats) -> Floats:
    """How far from each edge a tie with it may be: one part in 10⁹ of the narrower interval beside it, or its own rounding.

    A far edge elsewhere changes nothing here.
    """
    gaps = np.concatenate([[np.inf], np.diff(edges), [np.inf]])
    narrow = np.minimum(gaps[:-1], gaps[1:])
    near = np.maximum(np.where(np.isfinite(narrow), TIE * narrow, 0.0), ROUNDING * np.abs(edges))
    return np.where(np.isfinite(edges), near, 0.0)


def _covered(x: Floats, edges: Floats) -> bool:
    near = _near(edges)
    return bool(x.min() >= edges[0] - near[0] and x.max() <= edges[-1] + near[-1])


def _scott(x: Floats) -> int:
    """R's `nclass.scott`: the range over 3.5 sd n^(-1/3), rounded up."""
    width = 3.5 * float(x.std(ddof=1)) * len(x) ** (-1 / 3)
    return max(1, ceiling(float(np.ptp(x)) / width)) if width > ROUNDING * size_of(x) else 1


def _strata(keys: list[Ints]) -> tuple[Ints, int]:
    """One number from 0 for each combination that occurs, shape (n,), and how many there are."""
    import pandas as pd  # its hash is several times as fast as a sort

    combined, size = np.zeros(len(keys[0]), dtype=np.int64), 1
    for key in keys:
        low, high = int(key.min()), int(key.max())
        if high - low >= 2**31:
            key, labels = pd.factorize(key)
            low, high = 0, len(labels) - 1
        if size * (high - low + 1) > 2**62:
            combined, size = _dense(combined, size)
        if high > low:
            combined *= high - low + 1
            combined += key
            combined -= low
            size *= high - low + 1
    return _dense(combined, size)


def _dense(combined: Ints, size: int) -> tuple[Ints, int]:
    import pandas as pd  # as in `_strata`

    if size <= max(DENSE, 4 * len(combined)):
        seen = np.zeros(size, dtype=np.int64)
        seen[combined] = 1
        places = np.cumsum(seen) - 1
        return places[combined], int(seen.sum())
    codes, labels = pd.factorize(combined)
    return codes.astype(np.int64, copy=False), len(labels)


def _lost(n_treated: int, n_matched: int) -> tuple[Note, ...]:
    if n_matched == n_treated:
        return ()
    text = f"{n_treated - n_matched} of {n_treated} treated rows have no match and weight 0: the effect is that of the others."
    return (Note("treated_unmatched", text),)
