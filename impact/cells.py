"""Files larger than memory: one pass by DuckDB into binomial cells or per-cluster cross-products, which are all that the
estimators need.

Each table of cells is one SQL statement in the common core of SQL-92 over a table named “records”, so that another engine
can make it too. Missing values are refused by name, because SUM passes over them in silence. Sums of floats depend on
the order of the rows in their last digits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from impact.clusters import ClusterSums
from impact.columns import Floats
from impact.errors import BadData

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

__all__ = ["binomial", "binomial_sql", "cluster_sums", "cluster_sums_sql", "write"]

ONE = "one"
FIRST_ROWS = 1_000  # from which the centres of columns are guessed; any value near the mean will do


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _opened(
    files: Path | Sequence[Path], wanted: Sequence[str], threads: int | None
) -> duckdb.DuckDBPyConnection:
    """A private database in memory with the view “records”. Raises BadData for files that cannot be read or lack a column."""
    import duckdb  # a sixth of a second, for this module alone

    # No extension is fetched or loaded: nothing here may reach for the network.
    config: dict[str, Any] = {"autoinstall_known_extensions": False, "autoload_known_extensions": False}
    if threads:
        config["threads"] = threads
    database = duckdb.connect(":memory:", config=config)
    paths = [files] if isinstance(files, Path) else list(files)
    kinds = {path.suffix.lower() for path in paths}
    try:
        if kinds == {".parquet"}:
            database.read_parquet([str(path) for path in paths]).create_view("records")
        elif kinds == {".csv"}:
            database.read_csv([str(path) for path in paths]).create_view("records")
        else:
            raise BadData("Give Parquet files or CSV files, ending in .parquet or .csv, and not both.")
    except duckdb.Error:
        raise BadData(f"{', '.join(path.name for path in paths)}: cannot be read.") from None
    held = [column[0] for column in database.table("records").description]
    _all_held(wanted, held)
    return database


def _all_held(wanted: Sequence[str], held: Sequence[str]) -> None:
    import difflib

    for name in wanted:
        if name not in held:
            near = difflib.get_close_matches(name, held, n=1)
            raise BadData(f"There is no column “{name}”." + (f" Did you mean “{near[0]}”?" if near else ""))


def binomial_sql(outcome: str, by: Sequence[str]) -> str:
    """The statement of `binomial`: each cell's columns, then trials, events, and how many outcomes were not 0 or 1."""
    keys, y = ", ".join(map(_quoted, by)), _quoted(outcome)
    return (
        f"SELECT {keys}, COUNT(*) AS trials, SUM(CASE WHEN {y} = 1 THEN 1 ELSE 0 END) AS events,\n"
        f"  SUM(CASE WHEN {y} = 1 OR {y} = 0 THEN 0 ELSE 1 END) AS others\n"
        f"FROM records GROUP BY {keys} ORDER BY {keys}"
    )


def binomial(
    files: Path | Sequence[Path], *, outcome: str, by: Sequence[str], threads: int | None = None
) -> pd.DataFrame:
    """Rows with the same values of all columns `by`, summed: those columns, `trials` and `events`; sorted.

    Exact for any logit whose covariates are `by`: the likelihood changes by a constant. Raises BadData for an outcome
    other than 0 and 1 and for a missing value in a column of `by`.
    """
    if not by:
        raise BadData("Name at least one column to group by.")
    with _opened(files, [outcome, *by], threads) as database:
        cells: pd.DataFrame = database.sql(binomial_sql(outcome, by)).df()
    odd = int(cells.pop("others").sum())
    if odd:
        raise BadData(f"“{outcome}” must be 0 or 1; {odd} rows hold something else or nothing.")
    for name in by:
        gaps = int(cells.loc[cells[name].isna(), "trials"].sum())
        if gaps:
            raise BadData(f"“{name}” is missing in {gaps} rows.")
    return cells.astype({"trials": np.int64, "events": np.int64})


def cluster_sums_sql(
    outcome: str,
    columns: Sequence[str],
    *,
    cluster: str,
    period: str,
    weight: str | None,
    centres: Mapping[str, float],
) -> str:
    """The statement of `cluster_sums`. Products stand in the order of the upper triangle, outcome last."""
    terms = [*columns, outcome]
    value = {c: f"(CAST({_quoted(c)} AS DOUBLE PRECISION) - {centres.get(c, 0.0)!r})" for c in terms}
    parts = [f"COUNT({_quoted(c)}) AS held{i}" for i, c in enumerate([*terms, *([weight] if weight else [])])]
    # Without weights one set of sums serves all; CR2 with weights also wants plain and squared ones.
    kinds = {"w": "", "p": "", "s": ""} if weight else {"w": ""}
    if weight:
        w = f"CAST({_quoted(weight)} AS DOUBLE PRECISION)"
        kinds = {"w": f"{w} * ", "p": "", "s": f"{w} * {w} * "}
        parts.append(f"MIN({w}) AS lightest")
    for kind, factor in kinds.items():
        parts.append(f"SUM({factor}CAST(1 AS DOUBLE PRECISION)) AS {kind}0")
        parts += [f"SUM({factor}{value[c]}) AS {kind}{i + 1}" for i, c in enumerate(terms)]
        parts += [
            f"SUM({factor}{value[a]} * {value[b]}) AS {kind}{i + 1}_{j + 1}"
            for i, a in enumerate(terms)
            for j, b in enumerate(terms)
            if j >= i
        ]
    keys = f"{_quoted(cluster)}, {_quoted(period)}"
    return (
        f"SELECT {_quoted(cluster)} AS cluster_, {_quoted(period)} AS period_, COUNT(*) AS n,\n  "
        + ",\n  ".join(parts)
        + f"\nFROM records GROUP BY {keys} ORDER BY {keys}"
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
    squared; left out, they are the means of the first thousand rows. Every column is numeric and without gaps; weights
    are above zero. Raises BadData that names the column.
    """
    terms = [*columns, outcome]
    numeric = [*terms, *([weight] if weight else [])]
    with _opened(files, [*numeric, cluster, period], threads) as database:
        _refuse_text(database, numeric)
        centres = _guessed(database, terms) if centres is None else centres
        statement = cluster_sums_sql(
            outcome, columns, cluster=cluster, period=period, weight=weight, centres=centres
        )
        cells = _numeric(database, statement)
    _without_gaps(cells, [*terms, *([weight] if weight else [])], (cluster, period))
    if weight and (cells["lightest"] <= 0).any():
        raise BadData(f"“{weight}” must be above zero everywhere. Leave such rows out.")
    return _assembled(cells, columns, outcome, period, centres, kinds="wps" if weight else "w")


def _refuse_text(database: duckdb.DuckDBPyConnection, wanted: Sequence[str]) -> None:
    kinds = {column[0]: str(column[1]) for column in database.table("records").description}
    for name in wanted:
        if kinds[name] in {"STRING", "VARCHAR"}:
            raise BadData(f"“{name}” has to be numeric and holds text.")


def _numeric(database: duckdb.DuckDBPyConnection, statement: str) -> pd.DataFrame:
    import duckdb

    try:
        found: pd.DataFrame = database.sql(statement).df()
    except duckdb.ConversionException:
        raise BadData("A column that has to be numeric holds text.") from None
    return found


def _guessed(database: duckdb.DuckDBPyConnection, terms: Sequence[str]) -> dict[str, float]:
    means = ", ".join(f"AVG(CAST({_quoted(c)} AS DOUBLE PRECISION)) AS m{i}" for i, c in enumerate(terms))
    head = f"(SELECT * FROM records LIMIT {FIRST_ROWS}) AS head"  # noqa: S608 - a number of ours
    row = _numeric(database, f"SELECT {means} FROM {head}").iloc[0]  # noqa: S608 - names are quoted
    found = {c: float(row[f"m{i}"]) for i, c in enumerate(terms)}
    return {c: centre if np.isfinite(centre) else 0.0 for c, centre in found.items()}


def _without_gaps(cells: pd.DataFrame, terms: Sequence[str], keys: tuple[str, str]) -> None:
    for name, column in zip(keys, ("cluster_", "period_"), strict=True):
        gaps = int(cells.loc[cells[column].isna(), "n"].sum())
        if gaps:
            raise BadData(f"“{name}” is missing in {gaps} rows.")
    for i, name in enumerate(terms):
        gaps = int((cells["n"] - cells[f"held{i}"]).sum())
        if gaps:
            raise BadData(f"“{name}” is missing in {gaps} rows.")


def _assembled(
    cells: pd.DataFrame,
    columns: Sequence[str],
    outcome: str,
    period: str,
    centres: Mapping[str, float],
    *,
    kinds: str,
) -> ClusterSums:
    labels, times = sorted(cells["cluster_"].unique()), sorted(cells["period_"].unique())
    at = cells["cluster_"].map({label: i for i, label in enumerate(labels)}).to_numpy()
    when = cells["period_"].map({time: i for i, time in enumerate(times)}).to_numpy()
    names = (ONE, *columns, *(f"{period} {time}" for time in times[1:]))
    xx, xy, yy = {}, {}, {}
    for kind in kinds:
        moments = _moments(cells, kind, len(columns) + 1)
        xx[kind], xy[kind], yy[kind] = _with_periods(moments, at, when, len(labels), len(times))
    return ClusterSums.from_sums(
        names,
        labels,
        n=np.bincount(at, cells["n"].to_numpy(dtype=np.float64), minlength=len(labels)),
        xx=xx["w"],
        xy=xy["w"],
        yy=yy["w"],
        xx_plain=xx.get("p"),
        xy_plain=xy.get("p"),
        xx_square=xx.get("s"),
        constant=ONE,
        centres={c: centres.get(c, 0.0) for c in columns},
        outcome_centre=centres.get(outcome, 0.0),
    )


def _moments(cells: pd.DataFrame, kind: str, n_terms: int) -> Floats:
    """Second moments of (one, terms) in each cell, shape (cells, 1 + n_terms, 1 + n_terms)."""
    found = np.zeros((len(cells), n_terms + 1, n_terms + 1))
    found[:, 0, 0] = cells[f"{kind}0"]
    for i in range(1, n_terms + 1):
        found[:, 0, i] = found[:, i, 0] = cells[f"{kind}{i}"]
        for j in range(i, n_terms + 1):
            found[:, i, j] = found[:, j, i] = cells[f"{kind}{i}_{j}"]
    return found


def _with_periods(
    moments: Floats, at: Any, when: Any, n_clusters: int, n_periods: int
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


def write(cells: pd.DataFrame, path: Path, *, smallest: int = 10) -> int:
    """Write binomial cells as CSV without those in which trials, events or non-events are fewer than `smallest`.

    What is left out cannot be told from the file; its number is returned. Raises BadData for a smallest count below 2.
    """
    if smallest < 2:
        raise BadData("The smallest count must be at least 2.")
    least = cells[["trials", "events"]].min(axis=1).combine(cells["trials"] - cells["events"], min)
    cells[least >= smallest].to_csv(path, index=False)
    return int((least < smallest).sum())
