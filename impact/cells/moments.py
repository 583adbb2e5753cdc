"""Cross-products of each cluster and period, made in one pass, and put together into the sums that estimators take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from exports.digits import printed
from impact.cells.records import Records, as_written, column, opened, unlike
from impact.clusters import ClusterSums
from impact.columns import Floats, Ints
from impact.errors import BadData
from impact.information import PART_SQUARED

__all__ = ["CellSums", "cluster_cells", "cluster_sums", "cluster_sums_sql"]

ONE = "one"
FIRST_ROWS = 1_000  # from which the centres of columns are guessed; any value near the mean will do
FAR = 10.0  # standard deviations between centre and mean beyond which squares begin to lose digits
BLURRED = 1e-6  # standard deviations by which doubles of a column's size may be rounded

FEW = 100  # values of a column that rows are grouped by

Cells = dict[str, list[Any]]


@dataclass(frozen=True, eq=False)
class CellSums:
    """Sums by cluster, and the cells behind them: the values of each cell by column, and its number of rows `n`."""

    sums: ClusterSums
    cells: Mapping[str, list[Any]]
    n: tuple[int, ...]


def cluster_sums_sql(
    outcome: str,
    columns: Sequence[str],
    *,
    cluster: str,
    period: str,
    weight: str | None,
    centres: Mapping[str, float],
    by: Sequence[str] = (),
) -> str:
    """The statement of `cluster_sums` and `cluster_cells`. Products stand in the order of the upper triangle, outcome last."""
    terms = [*columns, outcome]
    value = [f"({_double(c)} - {_number(centres.get(c, 0.0))})" for c in terms]
    parts = [f"COUNT({column(c)}) AS held{i}" for i, c in enumerate([*terms, *([weight] if weight else [])])]
    # Without weights one set of sums serves all; CR2 with weights also wants plain and squared ones.
    kinds = {"w": ""}
    if weight:
        kinds = {"w": f"{_double(weight)} * ", "p": "", "s": f"{_double(weight)} * {_double(weight)} * "}
        parts.append(f"MIN({_double(weight)}) AS lightest")
    for kind, factor in kinds.items():
        parts.append(f"SUM({factor}CAST(1 AS DOUBLE PRECISION)) AS {kind}0")
        parts += [f"SUM({factor}{a}) AS {kind}{i + 1}" for i, a in enumerate(value)]
        parts += [
            f"SUM({factor}{a} * {b}) AS {kind}{i + 1}_{j + 1}"
            for i, a in enumerate(value)
            for j, b in enumerate(value)
            if j >= i
        ]
    keys = {"cluster_": cluster, "period_": period} | {f"by{i}": name for i, name in enumerate(by)}
    shown = ", ".join(f"{column(name)} AS {key}" for key, name in keys.items())
    grouped = ", ".join(column(name) for name in keys.values())
    order = ", ".join(str(place + 1) for place in range(len(keys)))
    return (
        f"SELECT {shown}, COUNT(*) AS n,\n  "
        + ",\n  ".join(parts)
        + f"\nFROM records GROUP BY {grouped} ORDER BY {order}"
    )


def cluster_sums(
    files: Path | Sequence[Path],
    *,
    outcome: str,
    columns: Sequence[str],
    cluster: str,
    period: str,
    weight: str | None = None,
    centres: Mapping[str, float] | None = None,
    threads: int | None = None,
) -> ClusterSums:
    """Sums of the design [one, columns, a dummy for every period but the first] for each cluster.

    Add the clusters' own effects with `ClusterSums.with_cluster_effects`. `centres` are subtracted before anything is
    squared; left out, they are the means of the first thousand rows, or of all in a second pass where those are far
    off. Every column is numeric (true and false count as 1 and 0) and without NULL, NaN and infinity; weights are
    above zero. Raises BadData that names the column, also where doubles cannot hold its variation beside its size.
    """
    return cluster_cells(
        files,
        outcome=outcome,
        columns=columns,
        by=(),
        cluster=cluster,
        period=period,
        weight=weight,
        centres=centres,
        threads=threads,
    ).sums


def cluster_cells(
    files: Path | Sequence[Path],
    *,
    outcome: str,
    columns: Sequence[str],
    by: Sequence[str],
    cluster: str,
    period: str,
    weight: str | None = None,
    centres: Mapping[str, float] | None = None,
    threads: int | None = None,
) -> CellSums:
    """As `cluster_sums`, of the design [one, columns, by, a dummy for every period but the first]; and the cells.

    Columns `by` have few values, such as treatment. Rows are grouped by them too, so that their products need not be
    summed and the cells show where they occur. Raises BadData as `cluster_sums`, and for more than a hundred values.
    """
    terms = [*columns, outcome]
    weights = [weight] if weight else []
    numeric = list(dict.fromkeys([*terms, *weights, *by]))
    _refuse_names([*by, *terms], cluster, period, weight, centres)
    kind = "p" if weight else "w"
    with opened(files, [cluster, period], numeric, threads) as records:

        def summed(centres: Mapping[str, float]) -> Cells:
            statement = cluster_sums_sql(
                outcome, columns, cluster=cluster, period=period, weight=weight, centres=centres, by=by
            )
            found = records.lists(statement)
            if records.is_text:
                found |= {key: as_written(found[key]) for key in ("cluster_", "period_")}
            return found

        for name in by:
            _few(records, name)
        used = _guessed(records, terms) if centres is None else centres
        cells = summed(used)
        keys = dict(
            zip(
                ("cluster_", "period_", *(f"by{i}" for i in range(len(by)))),
                (cluster, period, *by),
                strict=True,
            )
        )
        _without_gaps(cells, [*terms, *weights], keys)
        _finite(records, cells, [*terms, *weights], [*terms, *weights, *by])
        if weight and min(cells["lightest"]) <= 0:
            raise BadData(f"“{weight}” must be above zero everywhere. Leave such rows out.")
        mean, spread = _spread(cells, terms, kind)
        if centres is None and (np.abs(mean) > FAR * spread)[spread > 0].any():
            used = {c: used[c] + float(mean[i]) for i, c in enumerate(terms)}
            cells = summed(used)
            mean, spread = _spread(cells, terms, kind)
    _distinct(terms, used, mean, spread)
    sums = _assembled(cells, columns, outcome, period, used, by=by, kinds="wps" if weight else "w")
    return CellSums(sums, {name: cells[key] for key, name in keys.items()}, tuple(cells["n"]))


def _double(name: str) -> str:
    return f"CAST({column(name)} AS DOUBLE PRECISION)"


def _number(value: float) -> str:
    """With an exponent, since a literal without one is a decimal, which the engine would round in its own way."""
    shown = repr(float(value))
    return shown if "e" in shown else f"{shown}e0"


def _refuse_names(
    terms: Sequence[str], cluster: str, period: str, weight: str | None, centres: Mapping[str, float] | None
) -> None:
    unlike(terms)
    unlike([cluster, period])
    if ONE in terms[:-1]:  # the outcome stands last
        raise BadData(f"“{ONE}” is what the constant is called. Give that column another name.")
    if weight == terms[-1]:
        raise BadData(f"“{weight}” cannot be both outcome and weight.")
    for name, centre in (centres or {}).items():
        if name not in terms or not np.isfinite(centre):
            raise BadData(f"The centre of “{name}” must be a number, and “{name}” a column or the outcome.")


def _guessed(records: Records, terms: Sequence[str]) -> dict[str, float]:
    means = ", ".join(f"AVG({_double(c)}) AS m{i}" for i, c in enumerate(terms))
    # Called “records” too, so that the columns' names fit.
    head = f"(SELECT * FROM records LIMIT {FIRST_ROWS}) AS records"  # noqa: S608 - a number of ours
    row = records.lists(f"SELECT {means} FROM {head}")  # noqa: S608 - names are quoted
    found = {c: row[f"m{i}"][0] for i, c in enumerate(terms)}
    return {c: 0.0 if mean is None or not np.isfinite(mean) else mean for c, mean in found.items()}


def _few(records: Records, name: str) -> None:
    few = f"SELECT COUNT(DISTINCT {column(name)}) AS n FROM records"  # noqa: S608 - quoted
    if records.lists(few)["n"][0] > FEW:
        raise BadData(f"“{name}” has more than {FEW} values.")


def _without_gaps(cells: Cells, terms: Sequence[str], keys: Mapping[str, str]) -> None:
    for key, name in keys.items():
        gaps = sum(
            n for n, label in zip(cells["n"], cells[key], strict=True) if label is None or label != label
        )
        if gaps:
            raise BadData(f"“{name}” is missing in {gaps} rows.")
    for i, name in enumerate(terms):
        gaps = sum(cells["n"]) - sum(cells[f"held{i}"])
        if gaps:
            raise BadData(f"“{name}” is missing in {gaps} rows.")


def _finite(records: Records, cells: Cells, terms: Sequence[str], numeric: Sequence[str]) -> None:
    """NaN and infinities, which COUNT takes for values, show in the sums: only then are they counted."""
    sums = [name for name in cells if name[0] in "wps" and name[1].isdigit()]
    values = [name for name in cells if name.startswith("by")]
    if all(np.isfinite(cells[name]).all() for name in (*sums, *values)):
        return
    for name in numeric:
        x = _double(name)
        bad = f"SELECT SUM(CASE WHEN {x} - {x} = 0 THEN 0 ELSE 1 END) AS bad FROM records"  # noqa: S608 - quoted
        n_bad = int(records.lists(bad)["bad"][0])
        if n_bad:
            raise BadData(f"“{name}” is missing or infinite in {n_bad} rows.")
    for i, name in enumerate(terms):
        own = [k for k in sums if k[1:] == f"{i + 1}_{i + 1}"]
        if not all(np.isfinite(cells[k]).all() for k in own):
            raise BadData(f"“{name}” holds numbers too large to be squared. Give it in larger units.")
    raise BadData("A product of columns is too large for a sum. Give them in larger units.")


def _spread(cells: Cells, terms: Sequence[str], kind: str) -> tuple[Floats, Floats]:
    """Mean (about the centre) and standard deviation of each term over all rows."""
    n = float(sum(cells["n"]))
    mean = np.array([sum(cells[f"{kind}{i + 1}"]) / n for i in range(len(terms))])
    square = np.array([sum(cells[f"{kind}{i + 1}_{i + 1}"]) / n for i in range(len(terms))])
    variance = square - mean**2
    return mean, np.sqrt(np.where(variance > PART_SQUARED * square, variance, 0.0))


def _distinct(terms: Sequence[str], centres: Mapping[str, float], mean: Floats, spread: Floats) -> None:
    for i, name in enumerate(terms):
        size = abs(centres.get(name, 0.0) + mean[i])
        if spread[i] > 0 and size * np.finfo(np.float64).eps > BLURRED * spread[i]:
            raise BadData(
                f"“{name}” varies too little beside its size, {printed(size, '.3g')}: subtract a constant from it in the file."
            )


def _assembled(
    cells: Cells,
    columns: Sequence[str],
    outcome: str,
    period: str,
    centres: Mapping[str, float],
    *,
    by: Sequence[str],
    kinds: str,
) -> ClusterSums:
    labels, times = sorted(set(cells["cluster_"])), sorted(set(cells["period_"]))
    at, when = _places(cells["cluster_"], labels), _places(cells["period_"], times)
    names = (ONE, *columns, *by, *(f"{period} {time}" for time in times[1:]))
    values = np.array([cells[f"by{i}"] for i in range(len(by))], dtype=np.float64).reshape(len(by), len(at))
    xx, xy, yy = {}, {}, {}
    for kind in kinds:
        moments = _beside(_moments(cells, kind, len(columns) + 1), values.T)
        xx[kind], xy[kind], yy[kind] = _with_periods(moments, at, when, len(labels), len(times))
    return ClusterSums.from_sums(
        names,
        labels,
        n=np.bincount(at, np.array(cells["n"], dtype=np.float64), minlength=len(labels)),
        xx=xx["w"],
        xy=xy["w"],
        yy=yy["w"],
        weighted=len(kinds) > 1,
        xx_plain=xx.get("p"),
        xy_plain=xy.get("p"),
        xx_square=xx.get("s"),
        constant=ONE,
        centres={c: float(centres.get(c, 0.0)) for c in columns},
        outcome_centre=float(centres.get(outcome, 0.0)),
    )


def _places(values: Sequence[Any], labels: Sequence[Any]) -> Ints:
    place = {label: i for i, label in enumerate(labels)}
    return np.array([place[value] for value in values], dtype=np.int64)


def _moments(cells: Cells, kind: str, n_terms: int) -> Floats:
    """Second moments of (one, terms) in each cell, shape (cells, 1 + n_terms, 1 + n_terms)."""
    found = np.zeros((len(cells["n"]), n_terms + 1, n_terms + 1))
    found[:, 0, 0] = cells[f"{kind}0"]
    for i in range(1, n_terms + 1):
        found[:, 0, i] = found[:, i, 0] = cells[f"{kind}{i}"]
        for j in range(i, n_terms + 1):
            found[:, i, j] = found[:, j, i] = cells[f"{kind}{i}_{j}"]
    return found


def _beside(moments: Floats, values: Floats) -> Floats:
    """Moments of (one, columns, values, outcome), values (cells, q) being the same for all rows of a cell: v = Az for the
    z = (one, columns, outcome) of a row, hence its moments are A(Σzz')A'."""
    cells, k = moments.shape[:2]
    a = np.zeros((cells, k + values.shape[1], k))
    a[:, : k - 1, : k - 1] = np.eye(k - 1)
    a[:, k - 1 : -1, 0] = values
    a[:, -1, -1] = 1
    found: Floats = a @ moments @ a.transpose(0, 2, 1)
    return found


def _with_periods(
    moments: Floats, at: Ints, when: Ints, n_clusters: int, n_periods: int
) -> tuple[Floats, Floats, Floats]:
    """X'X, X'y and y'y of each cluster: a period's dummy is one in its own cells, so its products are the cells' sums."""
    k = moments.shape[1] - 1
    xx = np.zeros((n_clusters, k + n_periods - 1, k + n_periods - 1))
    xy, yy = np.zeros((n_clusters, k + n_periods - 1)), np.zeros(n_clusters)
    np.add.at(xx[:, :k, :k], at, moments[:, :k, :k])
    np.add.at(xy[:, :k], at, moments[:, :k, k])
    np.add.at(yy, at, moments[:, k, k])
    for cell in np.flatnonzero(when > 0):
        g, place = at[cell], k + when[cell] - 1
        xx[g, place, :k] += moments[cell, 0, :k]
        xx[g, :k, place] += moments[cell, 0, :k]
        xx[g, place, place] += moments[cell, 0, 0]
        xy[g, place] += moments[cell, 0, k]
    return xx, xy, yy
