"""The Goodman-Bacon decomposition: which two-group comparisons a two-way fixed effects estimate averages, and how."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from exports.digits import printed
from impact.columns import Floats
from impact.errors import NotIdentified
from impact.estimate import Note
from impact.staggered.rollout import BalancedPanel, balanced, first_periods

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["BaconDecomposition", "Comparison", "bacon"]

Mask = npt.NDArray[np.bool_]
Kind = Literal["treated_untreated", "earlier_later", "later_earlier", "later_always"]


@dataclass(frozen=True)
class Comparison:
    """One comparison: `treated` and `control` are first treated periods (infinity: never); weights add up to 1."""

    kind: Kind
    treated: float
    control: float
    estimate: float
    weight: float


@dataclass(frozen=True)
class BaconDecomposition:
    """All comparisons; `by_kind` gives (weight, weighted mean estimate); `twfe` is the estimate that they add up to."""

    comparisons: tuple[Comparison, ...]
    by_kind: dict[str, tuple[float, float]]
    twfe: float
    notes: tuple[Note, ...]


def bacon(
    frame: pd.DataFrame, *, outcome: str, unit: str, period: str, first: str, never: float | None = 0
) -> BaconDecomposition:
    """b_TWFE = Σ s·b over the 2×2 comparisons of groups by first treated period. Exact.

    The frame has one row for each unit and period. `first` is the first treated period, missing, infinite or `never` for
    units that are never treated; units treated from the first period on serve as controls (“later_always”); units
    first treated after the last period count as never. Weights s of eq. 10e to 10g, scaled to add up to 1. No
    uncertainty is attached. Source: Goodman-Bacon 2021, doi:10.1016/j.jeconom.2021.03.014, eq. 7-10. Checked against
    bacondecomp and diff-diff with exact weights; the sum is checked against two-way fixed effects.

    Raises BadData for gaps, duplicates and missing values; NotIdentified where nothing can be compared.
    """
    panel = balanced(
        frame,
        outcome=outcome,
        unit=unit,
        period=period,
        first=first_periods(frame, unit=unit, period=period, first=first, never=never),
    )
    start = np.where(panel.first > panel.periods[-1], np.inf, np.maximum(panel.first, panel.periods[0]))
    names = np.unique(start)
    if len(names) < 2 or names[0] == np.inf:
        raise NotIdentified("All units are treated from the same period or none is: nothing can be compared.")
    raw = [c for one, two in combinations(names.tolist(), 2) for c in _pair(panel, start, one, two)]
    if not raw:
        raise NotIdentified("No unit changes from untreated to treated within the panel.")
    total = sum(c.weight for c in raw)
    found = tuple(Comparison(c.kind, c.treated, c.control, c.estimate, c.weight / total) for c in raw)
    kinds = dict.fromkeys(c.kind for c in found)
    by_kind: dict[str, tuple[float, float]] = {}
    for kind in kinds:
        weight = sum(c.weight for c in found if c.kind == kind)
        by_kind[kind] = (weight, sum(c.weight * c.estimate for c in found if c.kind == kind) / weight)
    twfe = sum(c.weight * c.estimate for c in found)
    return BaconDecomposition(found, by_kind, twfe, _notes(by_kind))


def _pair(panel: BalancedPanel, start: Floats, early: float, late: float) -> list[Comparison]:
    """The comparisons of two groups, with weights still to be scaled."""
    means = {g: panel.outcome[start == g].mean(axis=0) for g in (early, late)}
    share = {
        g: float((panel.periods >= g).mean()) for g in (early, late)
    }  # the share of periods under treatment
    n = {g: int((start == g).sum()) for g in (early, late)}
    both = n[early] + n[late]
    mix = n[early] / both * (n[late] / both)
    before, between, after = (
        panel.periods < early,
        (panel.periods >= early) & (panel.periods < late),
        panel.periods >= late,
    )

    def estimate(treated: float, control: float, pre: Mask, post: Mask) -> float:
        gap = means[treated] - means[control]
        return float(gap[post].mean() - gap[pre].mean())

    de, dl = share[early], share[late]
    if late == np.inf:
        if not before.any():
            return []  # always against never treated: neither changes
        weight = both**2 * mix * de * (1 - de)
        return [Comparison("treated_untreated", early, late, estimate(early, late, before, between), weight)]
    found = []
    if before.any():
        weight = both**2 * mix * (de - dl) * (1 - de)
        found.append(Comparison("earlier_later", early, late, estimate(early, late, before, between), weight))
    weight = both**2 * mix * dl * (de - dl)
    kind: Kind = "later_earlier" if before.any() else "later_always"
    found.append(Comparison(kind, late, early, estimate(late, early, between, after), weight))
    return found


def _notes(by_kind: dict[str, tuple[float, float]]) -> tuple[Note, ...]:
    forbidden = sum(by_kind[k][0] for k in ("later_earlier", "later_always") if k in by_kind)
    if forbidden == 0:
        return ()
    text = (
        f"{printed(forbidden, '.0%')} of the two-way fixed effects estimate comes from comparisons with sites already treated, "
        "which mislead where effects change over time. See Callaway and Sant'Anna's estimates beside it."
    )
    return (Note("already_treated_controls", text),)
