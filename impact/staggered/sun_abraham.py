"""Sun and Abraham's interaction-weighted event study."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from exports.digits import printed
from impact.clusters import ClusterSums, crv1, fit
from impact.columns import Floats, groups, named, numbers, weights
from impact.errors import BadData, NotIdentified
from impact.estimate import Estimate, Note
from impact.staggered.rollout import first_periods

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SunAbraham", "sun_abraham"]


@dataclass(frozen=True)
class SunAbraham:
    """The average effect on the treated and the effect at each time since treatment (negative: before)."""

    att: Estimate
    by_time: dict[float, Estimate]
    n_clusters: int
    notes: tuple[Note, ...]


def sun_abraham(
    frame: pd.DataFrame,
    *,
    outcome: str,
    unit: str,
    period: str,
    first: str,
    never: float | None = 0,
    weight: str | None = None,
    level: float = 0.95,
) -> SunAbraham:
    """y = unit + period effects + Σ_g Σ_{e ≠ -1} δ_ge 1[first = g]1[t - g = e] + error; then shares over δ_ge.

    The effect at e is Σ_g δ_ge·(share of rows at e in cohort g), the ATT the same over all e ≥ 0; shares count as
    fixed, as in fixest's sunab. Never-treated units are the reference; without any, the cohort treated last is, and
    its treated rows are left out. Cohorts treated from the first period on have no reference and are left out. Errors
    are CRV1 by unit with t(G-1); unit effects, nested in clusters, are not counted in (n-1)/(n-K), as fixest does. Rows
    may be any number for each unit and period. Source: Sun and Abraham 2021, doi:10.1016/j.jeconom.2020.09.006,
    eq. 20-22. Checked against fixest 0.14.2.

    Raises BadData for missing values and unusable weights; NotIdentified for one cohort only.
    """
    codes, _ = groups(named(frame, unit), unit)
    y, when = numbers(named(frame, outcome), outcome), numbers(named(frame, period), period)
    w = weights(None if weight is None else named(frame, weight), len(y), weight or "weights")
    start = first_periods(frame, unit=unit, period=period, first=first, never=never)
    start[start > when.max()] = np.inf
    keep, notes = _usable(start, when)
    y, when, start, codes, w = y[keep], when[keep], start[keep], codes[keep], w[keep]
    reference = np.inf if np.isinf(start).any() else start.max()
    treated = start != reference
    cells = np.unique(np.column_stack([start, when - start])[treated & (when - start != -1)], axis=0)
    if not len(cells):
        raise NotIdentified("There is one cohort only: nothing serves as its control.")
    names = [f"{printed(g, 'g')} at {printed(e, 'g')}" for g, e in cells]
    dummies = ((start[:, None] == cells[:, 0]) & (when[:, None] - start[:, None] == cells[:, 1])).astype(
        float
    )
    dates = np.unique(when)[1:]
    design = np.hstack([np.ones((len(y), 1)), (when[:, None] == dates).astype(float), dummies])
    columns = ["one", *(f"{period} {printed(d, 'g')}" for d in dates), *names]
    weighted = w if weight is not None else None
    fitted = fit(ClusterSums.from_rows(y, design, columns, codes, weight=weighted).within())
    size = w @ dummies
    k = fitted.n_parameters - fitted.sums.absorbed + 1

    def mean(title: str, chosen: Floats) -> Estimate:
        shares = size * chosen / (size @ chosen)
        target = {name: share for name, share in zip(names, shares, strict=True) if share > 0}
        return replace(crv1(fitted, target, n_parameters=k, level=level), name=title)

    if not (cells[:, 1] >= 0).any():
        raise NotIdentified("No row is observed under treatment with a control beside it.")
    by_time = {
        float(e): mean(printed(e, "g"), (cells[:, 1] == e).astype(float)) for e in np.unique(cells[:, 1])
    }
    return SunAbraham(mean("att", (cells[:, 1] >= 0).astype(float)), by_time, fitted.n_clusters, notes)


def _usable(start: Floats, when: Floats) -> tuple[np.ndarray, tuple[Note, ...]]:
    keep, notes = start > when.min(), []
    if not keep.all():
        notes.append(Note("always_treated", "Units treated from the first period on were left out."))
    if not keep.any():
        raise NotIdentified("Every unit is treated from the first period on.")
    if not np.isinf(start).any():
        last = start[keep].max()
        keep &= when < last
        text = f"No unit is never treated: those treated last ({printed(last, 'g')}) are the controls until then."
        notes.append(Note("last_cohort_control", text))
    if not keep.any():
        raise BadData("No rows are left.")
    return keep, tuple(notes)
