"""Values too far out to keep: the interquartile rule, and a limit set by hand beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from impact.columns import numbers
from impact.errors import BadData
from impact.estimate import Note
from impact.ties import ROUNDING, near_of, size_of

__all__ = ["Outliers", "beyond", "interquartile"]

Quartiles = Literal["linear", "weibull", "hazen", "median_unbiased"]


@dataclass(frozen=True)
class Outliers:
    """Which rows stay. `low` and `high` are the last values kept: a value equal to either (see `impact.ties`) stays."""

    keep: npt.NDArray[np.bool_]
    low: float
    high: float
    lower_quartile: float
    upper_quartile: float
    n_dropped: int
    dropped_share: float
    notes: tuple[Note, ...]


def interquartile(
    values: npt.ArrayLike,
    name: str = "values",
    *,
    multiplier: float = 1.5,
    sides: Literal["upper", "both"] = "upper",
    quartiles: Quartiles = "linear",
) -> Outliers:
    """Drops what is greater than Q3 + multiplier × (Q3 - Q1); with `sides="both"` also below Q1 - multiplier × (Q3 - Q1).

    Source: Tukey (1977), Exploratory Data Analysis, p. 44; the upper side alone is the rule of the Signs of Safety
    evaluation (2020, appendix 10), where it gave 76 working days. Checked against matplotlib's box plot whiskers.

    `values` has shape (n,), none missing (BadData). Programs define quartiles differently: `linear` is R's type 7 and
    the default of numpy and pandas, `weibull` is SPSS's and type 6. The rule is applied once, never again to what is
    left. Where the middle half is one value the fence has no width; a note says so. Cutting an outcome can
    change an effect: report it for another limit too (`beyond`).
    """
    found = numbers(values, name)
    if not multiplier > 0:
        raise BadData(f"The multiplier must be above zero, not {multiplier}.")
    first, third = (float(q) for q in np.quantile(found, [0.25, 0.75], method=quartiles))
    reach = multiplier * (third - first)
    notes = []
    if third - first <= near_of(first, third):
        notes.append(
            Note("no_spread", f"Half of “{name}” is one value, so the rule drops every value above it.")
        )
    return _split(found, first - reach if sides == "both" else -np.inf, third + reach, first, third, notes)


def beyond(values: npt.ArrayLike, limit: float, name: str = "values") -> Outliers:
    """Drops what is greater than a limit chosen by hand, such as the 310 working days of the sensitivity analysis in 004.

    `values` has shape (n,), none missing (BadData). The quartiles (R's type 7) are given for comparison.
    """
    found = numbers(values, name)
    if not np.isfinite(limit):
        raise BadData("The limit must be a finite number.")
    first, third = (float(q) for q in np.quantile(found, [0.25, 0.75]))
    return _split(found, -np.inf, float(limit), first, third, [])


def _split(
    found: npt.NDArray[np.float64], low: float, high: float, first: float, third: float, notes: list[Note]
) -> Outliers:
    # Not of the values: an outlier would widen what tells outliers.
    near = max(near_of(first, third), ROUNDING * size_of(low, high))
    keep = (found >= low - near) & (found <= high + near)
    n_dropped = int((~keep).sum())
    if n_dropped:
        notes.append(
            Note(
                "threshold_matters",
                f"{n_dropped} of {len(found)} rows were dropped as outliers. Repeat the analysis with another limit.",
            )
        )
    return Outliers(keep, low, high, first, third, n_dropped, n_dropped / len(found), tuple(notes))
