"""Local authorities whose outcome moved like that of a treated one before it began: nearest neighbours in trends."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from impact.columns import Floats
from impact.errors import BadData, NotIdentified
from impact.estimate import Note
from impact.ties import ROUNDING, TIE, levels

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Neighbour", "TrendMatch", "match_trends", "nearest_trends"]


@dataclass(frozen=True)
class Neighbour:
    """One possible comparator. `is_tied` says that its neighbour before or after it is as near."""

    code: Hashable
    distance: float
    rank: int
    is_tied: bool


@dataclass(frozen=True)
class TrendMatch:
    """The nearest comparators of one treated authority, in order. `left_out` gives each authority outside the pool its reason.

    `standardised` holds the standardised series of the treated authority and of each neighbour, to be looked at.
    """

    treated: Hashable
    neighbours: tuple[Neighbour, ...]
    standardised: Mapping[Hashable, tuple[float, ...]]
    quarters: tuple[Hashable, ...]
    n_pool: int
    left_out: Mapping[Hashable, str]
    notes: tuple[Note, ...]


def nearest_trends(
    series: pd.DataFrame,
    treated: Hashable,
    *,
    also_treated: Sequence[Hashable] = (),
    excluded: Sequence[Hashable] = (),
    k: int = 10,
    standardise: Literal["quarter", "pooled"] = "quarter",
) -> TrendMatch:
    """The k authorities at the least distance d(i, j) = √(mean of (Δz_i - Δz_j)²), Δ the change from a quarter to the next.

    With `standardise="quarter"` z is (y - mean) / sd within each quarter across authorities, so that a change in how the
    outcome is measured from one quarter to the next leaves no trace; `"pooled"` uses one mean and sd over all cells. The sd
    has n - 1. All complete authorities of the frame enter mean and sd, whether or not they may be comparators. Source:
    evaluation protocol of Family Valued (difference-in-differences), Matching on parallel trends, which says that
    the outcome is standardised and why, but not over what. Checked by hand.

    `series` has one row per authority (index: its code) and one column per quarter before the treated authority began, in
    order of time. The pool is every authority but `treated`, `also_treated` and `excluded` (partners, or too few years). One
    with a gap in its series leaves the pool with that reason; a gap in the treated one raises BadData. There are no weights.
    Ties go by code. A comparator may serve several treated authorities (matching with replacement).

    Raises BadData for codes that occur twice or are not there, quarters that occur twice or skip, numbers that are
    infinite; NotIdentified for fewer than two quarters, no spread in a quarter, or an empty pool.
    """
    values, codes = _series(series, treated)
    if k < 1:
        raise BadData("At least one neighbour must be asked for.")
    left_out = _left_out(values, codes, treated, also_treated, excluded)
    z = _standardised(values, list(series.columns), standardise)
    change = np.diff(z, axis=1)
    pool = [place for place, code in enumerate(codes) if code != treated and code not in left_out]
    if not pool:
        raise NotIdentified(f"No authority is left as a comparator of {treated}.")
    own = codes.index(treated)
    distances = np.sqrt(((change[pool] - change[own]) ** 2).mean(axis=1))
    # Distances are in standard deviations. Rounded quarterly figures give equal ones up to the last digits.
    tie = levels(distances, near=TIE).tolist()
    order = sorted(range(len(pool)), key=lambda place: (tie[place], *_sortable(codes[pool[place]])))
    ties = [tie[place] for place in order]
    neighbours = tuple(
        Neighbour(codes[pool[place]], float(distances[place]), rank + 1, ties.count(tie[place]) > 1)
        for rank, place in enumerate(order[:k])
    )
    shown = [own, *(pool[place] for place in order[:k])]
    return TrendMatch(
        treated,
        neighbours,
        {codes[place]: tuple(z[place].tolist()) for place in shown},
        tuple(series.columns),
        len(pool),
        left_out,
        _notes(series.shape[1], len(pool), k, ties),
    )


def match_trends(
    series: pd.DataFrame,
    windows: Mapping[Hashable, Sequence[Hashable]],
    *,
    excluded: Mapping[Hashable, Sequence[Hashable]] | Sequence[Hashable] = (),
    k: int = 10,
    standardise: Literal["quarter", "pooled"] = "quarter",
) -> tuple[TrendMatch, ...]:
    """`nearest_trends` for every treated authority over its own quarters before it began.

    `windows` gives each treated authority the columns to compare; no treated authority is a comparator of another.
    `excluded` holds for all, or by treated authority. Raises BadData for a quarter that is not a column.
    """
    import pandas as pd  # half a second that `import impact.trends` need not pay

    found = []
    for treated, quarters in windows.items():
        absent = [quarter for quarter in quarters if quarter not in series.columns]
        if absent:
            raise BadData(f"There is no quarter “{absent[0]}” for {treated}.")
        places = series.columns.get_indexer(pd.Index(quarters))
        if (np.diff(places) <= 0).any():
            raise BadData(f"The quarters of {treated} are not in order of time.")
        out = excluded.get(treated, ()) if isinstance(excluded, Mapping) else excluded
        others = [code for code in windows if code != treated]
        found.append(
            nearest_trends(
                series[list(quarters)],
                treated,
                also_treated=others,
                excluded=out,
                k=k,
                standardise=standardise,
            )
        )
    return tuple(found)


def _series(series: pd.DataFrame, treated: Hashable) -> tuple[Floats, list[Hashable]]:
    codes: list[Hashable] = list(series.index)
    if len(set(codes)) != len(codes):
        twice = next(code for code in codes if codes.count(code) > 1)
        raise BadData(f"The authority {twice} has more than one row.")
    if not series.columns.is_unique:
        raise BadData("A quarter occurs twice among the columns.")
    if treated not in codes:
        raise BadData(f"The treated authority {treated} has no row.")
    if series.shape[1] < 2:
        raise NotIdentified("A trend needs at least two quarters.")
    _consecutive(series.columns)
    try:
        values = series.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError):
        raise BadData("The series hold something that is not a number.") from None
    if np.isinf(values).any():
        raise BadData(
            f"The series of {codes[int(np.argmax(np.isinf(values).any(axis=1)))]} holds an infinite number."
        )
    gaps = int(np.isnan(values[codes.index(treated)]).sum())
    if gaps:
        raise BadData(f"The series of the treated authority {treated} has {gaps} gaps.")
    return values, codes


def _consecutive(columns: pd.Index) -> None:
    import pandas as pd  # half a second that `import impact.trends` need not pay

    if isinstance(columns, pd.PeriodIndex):
        steps = np.diff(columns.asi8)
        if (steps != 1).any():
            place = int(np.argmax(steps != 1))
            raise BadData(
                f"Between {columns[place]} and {columns[place + 1]} a quarter is absent or out of order."
            )


def _left_out(
    values: Floats,
    codes: list[Hashable],
    treated: Hashable,
    also_treated: Sequence[Hashable],
    excluded: Sequence[Hashable],
) -> dict[Hashable, str]:
    for code in (*also_treated, *excluded):
        if code not in codes:
            raise BadData(f"The authority {code} is to be left out, but has no row.")
    if treated in excluded:
        raise BadData(f"The treated authority {treated} cannot be excluded.")
    reasons: dict[Hashable, str] = {
        code: "has a gap in its series"
        for code, row in zip(codes, values, strict=True)
        if np.isnan(row).any()
    }
    reasons |= dict.fromkeys(excluded, "is excluded by the protocol")
    reasons |= {code: "is treated as well" for code in also_treated if code != treated}
    return reasons


def _standardised(values: Floats, quarters: list[Hashable], rule: str) -> Floats:
    base = values[~np.isnan(values).any(axis=1)]
    if rule not in ("quarter", "pooled"):
        raise BadData(f"Standardise by “quarter” or “pooled”, not “{rule}”.")
    if len(base) < 2:
        raise NotIdentified("Fewer than two authorities have a complete series.")
    axis = 0 if rule == "quarter" else None
    centre, spread = base.mean(axis=axis), np.atleast_1d(base.std(axis=axis, ddof=1))
    flat = spread <= ROUNDING * np.abs(base).max()
    if flat.any():
        where = f"in {quarters[int(np.argmax(flat))]} " if rule == "quarter" else ""
        raise NotIdentified(
            f"The outcome {where}is the same in every authority, so it cannot be standardised."
        )
    return np.asarray((values - centre) / spread, dtype=np.float64)


def _sortable(code: Hashable) -> tuple[bool, float, str]:
    """Numbers by size and before words."""
    number = isinstance(code, int | float)
    return not number, float(code) if isinstance(code, int | float) else 0.0, str(code)


def _notes(n_quarters: int, n_pool: int, k: int, ties: list[int]) -> tuple[Note, ...]:
    notes = [
        Note(
            "look_at_the_series",
            "A small distance is not enough: look at the series before accepting a match.",
        )
    ]
    if n_quarters < 8:
        notes.append(
            Note(
                "short_period",
                f"Only {n_quarters} quarters are compared; the protocol asks for two years or more.",
            )
        )
    if n_pool < k:
        notes.append(Note("small_pool", f"{k} neighbours were asked for, but the pool has {n_pool}."))
    elif n_pool > k and ties[k] == ties[k - 1]:
        notes.append(
            Note(
                "tie_at_the_end", "The last neighbour is as near as the next, which was left out by its code."
            )
        )
    return tuple(notes)
