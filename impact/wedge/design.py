"""The rows of a stepped wedge, checked: who was treated when, in which site, with which covariates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from impact.columns import Floats, Ints, groups, matrix, numbers, outcome_01, same_length
from impact.errors import BadData
from impact.estimate import Note

__all__ = ["Wedge", "base_columns", "prepare", "treated_from"]


@dataclass(frozen=True)
class Wedge:
    """Checked columns of n rows. `period` counts from 0 in the sorted labels; `exposure` is 0 without treatment, 1 in the first
    period with it, and so on. `notes` travel with every result."""

    outcome: Floats
    cluster: Ints
    clusters: tuple[object, ...]
    period: Ints
    periods: tuple[object, ...]
    treated: Floats
    exposure: Ints
    covariates: Floats
    names: tuple[str, ...]
    person: npt.NDArray[np.object_] | None
    is_binary: bool
    notes: tuple[Note, ...]


def treated_from(
    cluster: npt.ArrayLike, period: npt.ArrayLike, starts: Mapping[object, object | None]
) -> Floats:
    """1 for rows of a cluster from the period `starts[cluster]` on, shape (n,); None for a cluster that never starts.

    Periods are compared by their own order (numbers, dates or words). Raises BadData for a cluster without an entry.
    """
    where, when = np.asarray(cluster).tolist(), np.asarray(period).tolist()
    missing = sorted({str(c) for c in where if c not in starts})
    if missing:
        raise BadData(f"There is no start for the cluster “{missing[0]}”; give None if it never starts.")
    return np.array(
        [starts[c] is not None and p >= starts[c] for c, p in zip(where, when, strict=True)], float
    )


def prepare(
    outcome: npt.ArrayLike,
    cluster: npt.ArrayLike,
    period: npt.ArrayLike,
    *,
    treated: npt.ArrayLike,
    covariates: npt.ArrayLike | None = None,
    names: Sequence[str] = (),
    person: npt.ArrayLike | None = None,
    individual: bool = False,
    notes: Sequence[Note] = (),
) -> Wedge:
    """Check the rows and derive exposure: periods since the first one with treated rows in the cluster, counted from 1.

    Shapes: (n,), `covariates` (n, k) of numbers, named by `names`, without constant, periods or treatment. `person` makes sense
    for repeated outcomes. `individual` says that treatment is defined by each child's own history (see
    `treated_by_open_time`), so that it may vary within a cluster and period. Otherwise a cluster that has treated rows and, in
    a later period, untreated ones has switched back, which raises BadData. Missing values raise BadData. Noted: clusters that
    never change, gaps (a cluster without rows in a period), and a single cluster with treated rows.
    """
    y, t = numbers(outcome, "outcome"), outcome_01(treated, "treated")
    codes, labels = groups(cluster, "cluster")
    when, periods = groups(period, "period")
    extra = np.empty((len(y), 0)) if covariates is None else matrix(covariates, names)
    people = None if person is None else groups(person, "person")
    columns = {"treated": t, "cluster": codes, "period": when, "the covariates": extra[:, 0] if names else y}
    if people is not None:
        columns["person"] = people[0]
    same_length(len(y), {name: np.asarray(column, dtype=float) for name, column in columns.items()})
    for reserved in ("constant", "treated", *(f"period {label}" for label in periods)):
        if reserved in names:
            raise BadData(f"A covariate may not be named “{reserved}”, which the model uses itself.")
    shape = (len(labels), len(periods))
    cell = codes * shape[1] + when
    rows = np.bincount(cell, minlength=shape[0] * shape[1]).reshape(shape)
    with_treatment = np.bincount(cell, t, shape[0] * shape[1]).astype(float).reshape(shape)
    if not individual:
        _no_way_back(rows, with_treatment, tuple(labels), tuple(periods))
    first = np.where((with_treatment > 0).any(axis=1), (with_treatment > 0).argmax(axis=1), shape[1])
    return Wedge(
        outcome=y,
        cluster=codes,
        clusters=tuple(labels),
        period=when,
        periods=tuple(periods),
        treated=t,
        exposure=np.where(t == 1, when - first[codes] + 1, 0),
        covariates=extra,
        names=tuple(names),
        person=None if people is None else people[1][people[0]],
        is_binary=bool(np.isin(y, (0, 1)).all()),
        notes=(*notes, *_shape_notes(rows, with_treatment, tuple(labels))),
    )


def base_columns(wedge: Wedge) -> tuple[Floats, list[str]]:
    """Constant, period dummies (the first left out) and covariates, shape (n, k), with their names."""
    later = range(1, len(wedge.periods))
    columns = [np.ones(len(wedge.outcome)), *(wedge.period == t for t in later), *wedge.covariates.T]
    names = ["constant", *(f"period {wedge.periods[t]}" for t in later), *wedge.names]
    return np.column_stack(columns).astype(float), names


def _no_way_back(rows: Ints, treated: Floats, labels: Sequence[object], periods: Sequence[object]) -> None:
    for g, label in enumerate(labels):
        on, off = np.flatnonzero(treated[g] > 0), np.flatnonzero(rows[g] > treated[g])
        if on.size and off.size and off[-1] > on[0]:
            raise BadData(
                f"The cluster “{label}” switches back: it has treated rows in period {periods[on[0]]} and untreated ones "
                f"in period {periods[off[-1]]}."
            )


def _shape_notes(rows: Ints, treated: Floats, labels: Sequence[object]) -> list[Note]:
    notes = []
    share = treated.sum(axis=1) / rows.sum(axis=1)
    fixed = [str(label) for label, s in zip(labels, share, strict=True) if s in (0, 1)]
    if fixed:
        text = f"Treatment never changes in {', '.join(fixed)}: they inform the periods, not the effect within clusters."
        notes.append(Note("cluster_without_change", text))
    if (treated.sum(axis=1) > 0).sum() == 1:
        text = "Only one cluster has treated rows: whatever else happened there at that time is part of the estimate."
        notes.append(Note("one_treated_cluster", text))
    gaps = int((rows == 0).sum())
    if gaps:
        notes.append(Note("gaps", f"{gaps} cells of cluster and period have no rows and carry no weight."))
    return notes
