"""Who is treated from when: balanced panels, checked for gaps, duplicates and units that switch back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from exports.digits import printed
from impact.columns import Floats, Ints, groups, named, numbers, same_length, weights
from impact.errors import BadData
from impact.information import EQUAL

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["BalancedPanel", "balanced", "first_periods", "first_treated"]


@dataclass(frozen=True, eq=False)
class BalancedPanel:
    """n units over T periods: `outcome` (n, T), `first` (n,) the first treated period or infinity, `covariates`
    (n, T, k), `weight` (n,) one for each unit, `cluster` (n,) codes.
    """

    units: npt.NDArray[np.object_]
    periods: Floats
    first: Floats
    outcome: Floats
    covariates: Floats
    weight: Floats
    cluster: Ints


def first_treated(frame: pd.DataFrame, *, unit: str, period: str, treated: str) -> Floats:
    """The first treated period of the unit of each row, infinity for never, from a 0/1 column `treated`; shape (n,).

    Raises BadData for values other than 0 and 1, for a unit that switches back (named with the period), and for rows
    of one unit and period that differ.
    """
    codes, labels = groups(named(frame, unit), unit)
    when, d = numbers(named(frame, period), period), numbers(named(frame, treated), treated)
    if ((d != 0) & (d != 1)).any():
        raise BadData(f"“{treated}” must be 0 or 1.")
    first = np.full(len(labels), np.inf)
    np.minimum.at(first, codes[d == 1], when[d == 1])
    back = (d == 0) & (when >= first[codes])
    if back.any():
        row = int(np.flatnonzero(back)[0])
        same = when[row] == first[codes[row]]
        what = "is both treated and untreated" if same else "is untreated again"
        raise BadData(
            f"“{labels[codes[row]]}” {what} in {period} {printed(when[row], 'g')}, though treated from "
            f"{printed(first[codes[row]], 'g')}. These methods need a treatment that stays."
        )
    return first[codes]


def first_periods(frame: pd.DataFrame, *, unit: str, period: str, first: str, never: float | None) -> Floats:
    """The column `first` with infinity for never: where it is missing, infinite or equals `never`; shape (n,).

    Raises BadData where `never` is itself a period, and where a unit has two first periods.
    """
    values = np.asarray(named(frame, first), dtype=np.float64).copy()
    when = numbers(named(frame, period), period)
    values[np.isnan(values)] = np.inf
    if never is not None:
        if (values == never).any() and when.min() <= never <= when.max():
            raise BadData(
                f"{printed(never, 'g')} cannot mean “never treated” in “{first}”: it lies among the periods."
            )
        values[values == never] = np.inf
    if (values == -np.inf).any():
        raise BadData(f"“{first}” is minus infinity in some row.")
    codes, labels = groups(named(frame, unit), unit)
    lowest, highest = np.full(len(labels), np.inf), np.full(len(labels), -np.inf)
    np.minimum.at(lowest, codes, values)
    np.maximum.at(highest, codes, values)
    if (lowest != highest).any():
        raise BadData(f"“{labels[int(np.argmax(lowest != highest))]}” has more than one value of “{first}”.")
    return values


def balanced(
    frame: pd.DataFrame,
    *,
    outcome: str,
    unit: str,
    period: str,
    first: Floats,
    covariates: Sequence[str] = (),
    weight: str | None = None,
    cluster: str | None = None,
) -> BalancedPanel:
    """The panel of a frame with one row for each unit and period.

    Raises BadData for a unit and period that occurs twice or is missing (both named), and for weights or clusters that
    change within a unit.
    """
    codes, units = groups(named(frame, unit), unit)
    periods, place = np.unique(numbers(named(frame, period), period), return_inverse=True)
    count = np.zeros((len(units), len(periods)), dtype=np.int64)
    np.add.at(count, (codes, place), 1)
    for bad, what in ((count > 1, "occurs more than once"), (count == 0, "is missing")):
        if bad.any():
            i, t = np.argwhere(bad)[0]
            raise BadData(
                f"{unit} “{units[i]}” in {period} {printed(periods[t], 'g')} {what}; the panel must hold each unit once in "
                "each period."
            )
    order = np.lexsort((place, codes))
    shape = (len(units), len(periods))

    def table(name: str) -> Floats:
        return numbers(named(frame, name), name)[order].reshape(shape)

    def fixed(values: npt.NDArray[Any], name: str) -> npt.NDArray[Any]:
        wide = values[order].reshape(shape)
        moved = wide != wide[:, :1]  # infinity equals itself, but cannot be subtracted
        here, there = wide[moved], np.broadcast_to(wide[:, :1], shape)[moved]
        if (np.abs(here - there) > EQUAL * np.minimum(np.abs(here), np.abs(there))).any():
            raise BadData(f"“{name}” changes within a unit; it must stay the same.")
        return wide[:, 0]

    same_length(len(codes), {"first": first})
    x = [table(name) for name in covariates]
    return BalancedPanel(
        units,
        periods,
        fixed(first, "first"),
        table(outcome),
        np.stack(x, axis=2) if x else np.zeros((*shape, 0)),
        np.ones(len(units))
        if weight is None
        else fixed(weights(named(frame, weight), len(codes), weight), weight),
        np.arange(len(units))
        if cluster is None
        else fixed(groups(named(frame, cluster), cluster)[0], cluster),
    )
