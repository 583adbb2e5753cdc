"""Parquet or CSV files as one table named “records” of a private database, and statements carried out on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from impact.errors import BadData

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

__all__ = ["Records", "column", "opened", "unlike"]

# `"NULL"` is how DuckDB calls a column of which every value is missing.
NUMERIC = {"boolean", "float", "double", "decimal", '"null"', "null", "sqlnull"} | {
    f"{sign}{size}" for sign in ("", "u") for size in ("tinyint", "smallint", "integer", "bigint", "hugeint")
}


def column(name: str) -> str:
    """A column in a statement. With its table's name, since a result of the same name could stand for it otherwise."""
    return 'records."' + name.replace('"', '""') + '"'


def unlike(names: Sequence[str]) -> None:
    """Raises BadData for a name given twice."""
    for place, name in enumerate(names):
        if name in names[:place]:
            raise BadData(f"“{name}” is named twice.")


class Records:
    """An open table. What goes wrong in the database is raised as BadData, without the values its own messages quote."""

    def __init__(self, database: duckdb.DuckDBPyConnection, shown: str) -> None:
        self._database, self._shown = database, shown

    def frame(self, statement: str) -> pd.DataFrame:
        with self._speaking():
            found: pd.DataFrame = self._database.execute(statement).df()
            return found

    def lists(self, statement: str) -> dict[str, list[Any]]:
        """Columns of plain Python values: for hundreds of cells no frame need be made, nor pandas imported."""
        with self._speaking():
            done = self._database.execute(statement)
            names = [field[0] for field in done.description]
            rows = done.fetchall()
        return {name: [row[place] for row in rows] for place, name in enumerate(names)}

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        import duckdb

        try:
            yield
        except duckdb.OutOfMemoryException:
            raise BadData(f"{self._shown}: there are too many cells for memory. Group by less.") from None
        except duckdb.Error:
            raise BadData(f"{self._shown}: cannot be read to the end.") from None


@contextmanager
def opened(
    files: Path | Sequence[Path], wanted: Sequence[str], numeric: Sequence[str], threads: int | None
) -> Iterator[Records]:
    """The rows of all files. Columns are matched by name and take the widest type that any file holds; CSV files are
    read twice, since a type guessed from the first rows would round what comes later. Raises BadData for files
    that cannot be read or have no rows, for a file given twice, a column that is not there and one of `numeric` that
    holds no numbers.
    """
    import duckdb  # a sixth of a second, for this module alone

    paths = [files] if isinstance(files, Path) else list(files)
    shown = ", ".join(path.name for path in paths)
    if len({path.resolve() for path in paths}) < len(paths):
        raise BadData(f"{shown}: a file is named twice.")
    # No extension is fetched or loaded, nothing is spilled to disk: rows of children stay where they are.
    config: dict[str, Any] = {
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "temp_directory": "",
        "enable_external_file_cache": False,
    }
    if threads is not None:
        if threads < 1:
            raise BadData(f"The number of threads must be at least 1, not {threads}.")
        config["threads"] = threads
    with duckdb.connect(":memory:", config=config) as database:
        try:
            table = _table(database, paths)
            table.create_view("records")
        except duckdb.Error:
            raise BadData(f"{shown}: cannot be read.") from None
        _all_held(wanted, table.columns)
        kinds = dict(zip(table.columns, table.types, strict=True))
        records = Records(database, shown)
        if records.lists("SELECT COUNT(*) AS n FROM records")["n"] == [0]:
            raise BadData(f"{shown}: there are no rows.")
        for name in numeric:
            if str(kinds[name]).split("(")[0].lower() not in NUMERIC:
                if records.lists(f"SELECT COUNT({column(name)}) AS n FROM records")["n"] == [0]:  # noqa: S608 - quoted
                    raise BadData(f"“{name}” is missing in every row.")
                raise BadData(
                    f"“{name}” has to be numeric, but {shown} holds {str(kinds[name]).lower()}: a word where a "
                    "number is missing, perhaps. Leave the cell empty there."
                )
        yield records


def _table(database: duckdb.DuckDBPyConnection, paths: Sequence[Path]) -> duckdb.DuckDBPyRelation:
    names, kinds = [_literal(path) for path in paths], {path.suffix.lower() for path in paths}
    if kinds == {".parquet"}:
        return database.read_parquet(names, union_by_name=True, hive_partitioning=False)
    if kinds == {".csv"}:
        return database.read_csv(
            names, header=True, sample_size=-1, union_by_name=True, hive_partitioning=False
        )
    raise BadData("Give Parquet files or CSV files, ending in .parquet or .csv, and not both.")


def _literal(path: Path) -> str:
    """The path as a pattern that matches nothing else."""
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in str(path))


def _all_held(wanted: Sequence[str], held: Sequence[str]) -> None:
    import difflib

    for name in wanted:
        if name not in held:
            near = difflib.get_close_matches(name, held, n=1)
            raise BadData(f"There is no column “{name}”." + (f" Did you mean “{near[0]}”?" if near else ""))
