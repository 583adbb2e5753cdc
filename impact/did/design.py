"""The columns of a difference-in-differences, and what must hold of them before anything is estimated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from impact.columns import Floats, Ints, groups, named, numbers, outcome_01
from impact.errors import BadData, NotIdentified
from impact.estimate import Note
from impact.information import PART, left_over

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Columns",
    "absorbed_by_effects",
    "count_sites",
    "design_notes",
    "pilots",
    "posts",
    "refuse_few",
    "since_start",
    "treatment",
]


@dataclass(frozen=True)
class Columns:
    """The columns of a difference-in-differences, one row a person (or a site and period).

    `treated` is 1 where a row's site is under treatment, `post` (where a plan has it) 1 after the start in treated sites
    and after the matched site's start in comparators. `cluster` is the site unless named. `person` names a column in
    which nobody may occur twice. `is_personal` says that treatment differs between persons of a site and period
    (by time under the programme, say), which lifts the check that no site switches back. `site_effects` False puts
    a pilot dummy in place of site effects.
    """

    outcome: str
    site: str
    period: str
    treated: str
    post: str | None = None
    covariates: tuple[str, ...] = ()
    weight: str | None = None
    cluster: str | None = None
    person: str | None = None
    is_personal: bool = False
    site_effects: bool = True


def treatment(frame: pd.DataFrame, columns: Columns) -> Floats:
    """D of each row, from 0 to 1, shape (n,).

    Raises BadData for other values, for a person who occurs twice, and, unless treatment is personal, for a value that is
    neither 0 nor 1 and for a site with untreated rows in a period after its first treated one.
    """
    d = numbers(named(frame, columns.treated), columns.treated)
    if not columns.is_personal and ((d != 0) & (d != 1)).any():
        raise BadData(f"“{columns.treated}” must be 0 or 1, unless treatment is personal.")
    if d.min() < 0 or d.max() > 1:
        raise BadData(f"“{columns.treated}” must lie between 0 and 1.")
    if columns.person is not None:
        person = named(frame, columns.person)
        twice = person.duplicated().to_numpy()
        if twice.any():
            # Who it is stays in the data: errors travel in results bundles.
            raise BadData(
                f"{int(twice.sum())} rows repeat somebody of “{columns.person}”, first in row {int(np.argmax(twice)) + 1}."
            )
    if columns.is_personal:
        return d
    codes, sites = groups(named(frame, columns.site), columns.site)
    when, dates = groups(named(frame, columns.period), columns.period)
    first = np.full(len(sites), len(dates))
    np.minimum.at(first, codes[d == 1], when[d == 1])
    back = (d == 0) & (when > first[codes])
    if back.any():
        row = int(np.argmax(back))
        raise BadData(
            f"“{sites[codes[row]]}” is untreated again in {dates[when[row]]}, though treated from "
            f"{dates[first[codes[row]]]}: a difference-in-differences needs a treatment that stays."
        )
    return d


def pilots(frame: pd.DataFrame, columns: Columns) -> Floats:
    """1 in each row of a site that is treated at any time."""
    codes, sites = groups(named(frame, columns.site), columns.site)
    ever = np.zeros(len(sites))
    np.maximum.at(ever, codes, treatment(frame, columns))
    return (ever[codes] > 0).astype(float)


def posts(frame: pd.DataFrame, columns: Columns) -> Floats:
    """`post` of each row. Raises BadData for values other than 0 and 1, and where a treated row is not after the start."""
    assert columns.post is not None  # callers have asked
    found = outcome_01(named(frame, columns.post), columns.post)
    early = (treatment(frame, columns) > 0) & (found == 0)
    if early.any():
        raise BadData(f"Row {int(np.argmax(early)) + 1} is treated, but “{columns.post}” is 0.")
    return found


def count_sites(frame: pd.DataFrame, columns: Columns, treated: Floats) -> tuple[int, int]:
    """How many clusters there are, and how many with any treated row."""
    codes, labels = groups(named(frame, columns.cluster or columns.site), columns.cluster or columns.site)
    return len(labels), len(np.unique(codes[treated > 0]))


def refuse_few(frame: pd.DataFrame, columns: Columns, treated: Floats) -> None:
    """Raises NotIdentified where no cluster is treated, or one only."""
    _, n_treated = count_sites(frame, columns, treated)
    if n_treated == 0:
        raise NotIdentified(f"No row is treated: “{columns.treated}” is 0 throughout.")
    if n_treated == 1:
        raise NotIdentified(
            "Only one site is treated. Its effect cannot be told from whatever else happened there, and no standard "
            "error between sites exists. Compare it with placebo effects of untreated sites instead."
        )


def since_start(frame: pd.DataFrame, columns: Columns, first: str) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """Periods since the start of a row's site (negative: before), counted among periods in the data, and a mask of
    the rows whose site starts within the data; elsewhere the count means nothing.

    Raises BadData where a site has two starts, or where a row is treated before its site's start.
    """
    codes, sites = groups(named(frame, columns.site), columns.site)
    when, dates = groups(named(frame, columns.period), columns.period)
    starts = named(frame, first)
    known = starts.notna().to_numpy()
    place = np.full(len(codes), len(dates))
    place[known] = np.searchsorted(dates, np.asarray(starts)[known].astype(object))
    low, high = np.full(len(sites), len(dates)), np.zeros(len(sites), dtype=np.int64)
    np.minimum.at(low, codes, place)
    np.maximum.at(high, codes, place)
    if (low != high).any():
        raise BadData(f"“{sites[int(np.argmax(low != high))]}” has more than one value of “{first}”.")
    early = (treatment(frame, columns) > 0) & (when < place)
    if early.any():
        site = sites[codes[int(np.argmax(early))]]
        raise BadData(f"“{site}” is treated before its start in “{first}”, or has none.")
    return when - place, place < len(dates)


def absorbed_by_effects(
    frame: pd.DataFrame, columns: Columns, candidates: Mapping[str, Floats]
) -> tuple[dict[str, Floats], tuple[Note, ...]]:
    """The candidates that add something to the effects and to the candidates before them, and a note on the others."""
    if not candidates:
        return {}, ()
    parts = [np.ones((len(frame), 1))]
    for column in (columns.period, *((columns.site,) if columns.site_effects else ())):
        codes, labels = groups(named(frame, column), column)
        parts.append((codes[:, None] == np.arange(1, len(labels))).astype(float))
    rows = np.unique(np.column_stack([*parts, *candidates.values()]), axis=0)
    width = rows.shape[1] - len(candidates)
    base, kept, gone = rows[:, :width], {}, []
    for place, (name, values) in enumerate(candidates.items()):
        column = rows[:, width + place]
        (left,) = left_over(base, column)
        if np.abs(left).max() <= PART * np.abs(column).max():
            gone.append(name)
            continue
        kept[name] = values
        base = np.column_stack([base, column])
    text = f"The effects of sites and periods absorb {', '.join(gone)}."
    return kept, (Note("absorbed", text),) if gone else ()


def design_notes(frame: pd.DataFrame, columns: Columns, treated: Floats) -> tuple[Note, ...]:
    """Notes on sites that are treated in all their rows, and on sites without rows in some period."""
    codes, sites = groups(named(frame, columns.site), columns.site)
    when, dates = groups(named(frame, columns.period), columns.period)
    lowest = np.full(len(sites), np.inf)
    np.minimum.at(lowest, codes, treated)
    seen = np.zeros((len(sites), len(dates)), dtype=bool)
    seen[codes, when] = True
    notes = []
    for code, text, which in (
        ("always_treated", "treated in all rows, so that they say nothing of the change", lowest > 0),
        ("gaps", "without rows in some periods", ~seen.all(axis=1)),
    ):
        if which.any():
            shown = ", ".join(f"“{site}”" for site in sites[which][:5]) + (" …" if which.sum() > 5 else "")
            notes.append(Note(code, f"{int(which.sum())} sites are {text}: {shown}."))
    return tuple(notes)
