"""Parquet or CSV files as one table named “records” of a private database, and statements carried out on it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from impact.errors import BadData

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

__all__ = ["Records", "as_written", "column", "opened", "unlike"]

WHOLE = re.compile(r"0|-?[1-9]\d*")
NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?|[nN][aA][nN]")
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


def as_written(values: Sequence[Any]) -> list[Any]:
    """Keys of a CSV file, which are read as text lest a guessed type rounds some: whole numbers where all are written as
    such, else numbers where all are, else the text. Codes with leading zeros stay text, as do numbers that would coincide.
    """
    texts = [value for value in values if value is not None]
    if all(isinstance(value, float) for value in texts):
        whole = all(value.is_integer() and abs(value) < 2**53 for value in texts)
        return [None if v is None else int(v) for v in values] if whole else list(values)
    if not all(isinstance(value, str) and NUMBER.fullmatch(value) for value in texts):
        return list(values)
    kind = int if all(WHOLE.fullmatch(value) for value in texts) else float
    distinct = len({kind(value) for value in texts}) == len(set(texts))
    return [None if v is None else kind(v) for v in values] if distinct else list(values)


class Records:
    """An open table. What goes wrong in the database is raised as BadData, without the values its own messages quote."""

    def __init__(
        self, database: duckdb.DuckDBPyConnection, shown: str, *, is_text: bool, numeric: Sequence[str] = ()
    ) -> None:
        self._database, self._shown, self.is_text, self._numeric = database, shown, is_text, numeric

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
        except duckdb.ConversionException as error:
            guilty = [name for name in self._numeric if f'column "{name}"' in str(error)]
            if not guilty:
                raise BadData(f"{self._shown}: a value does not fit its column.") from None
            raise BadData(f"“{guilty[0]}” has to be numeric, but {self._shown} holds a word there.") from None
        except duckdb.Error:
            raise BadData(f"{self._shown}: cannot be read to the end.") from None


@contextmanager
def opened(
    files: Path | Sequence[Path], keys: Sequence[str], numeric: Sequence[str], threads: int | None
) -> Iterator[Records]:
    """The rows of all files. Columns are matched by name and take the widest type that any file holds. Raises BadData for
    files that cannot be read or have no rows, for a file given twice, a column that is not there and one of `numeric`
    that holds no numbers. Keys of CSV files come as text: see `as_written`.
    """
    import duckdb  # a sixth of a second, for this module alone

    paths = [files] if isinstance(files, Path) else list(files)
    shown = ", ".join(path.name for path in paths)
    if len({path.resolve() for path in paths}) < len(paths):
        raise BadData(f"{shown}: a file is named twice.")
    if threads is not None and threads < 1:
        raise BadData(f"The number of threads must be at least 1, not {threads}.")
    with duckdb.connect(":memory:", config=_settings(threads)) as database:
        try:
            table = _table(database, paths, {})
            _all_held([*keys, *numeric], table.columns)
            kinds = dict(zip(table.columns, map(_kind, table.types), strict=True))
            is_text = paths[0].suffix.lower() == ".csv"
            if is_text:
                types = dict.fromkeys(keys, "VARCHAR")
                types |= {name: "DOUBLE" for name in numeric if kinds[name] in NUMERIC - {"boolean"}}
                table = _table(database, paths, types)
            table.create_view("records")
        except duckdb.Error:
            raise BadData(f"{shown}: cannot be read.") from None
        records = Records(database, shown, is_text=is_text, numeric=numeric)
        if records.lists("SELECT COUNT(*) AS n FROM (SELECT 1 FROM records LIMIT 1) AS head")["n"] == [0]:
            raise BadData(f"{shown}: there are no rows.")
        for name in numeric:
            if kinds[name] not in NUMERIC:
                _refuse_words(records, name, kinds[name], shown)
        yield records


def _settings(threads: int | None) -> dict[str, Any]:
    """No extension is fetched or loaded, and nothing is spilled to disk: rows of children stay where they are."""
    found: dict[str, Any] = {
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "temp_directory": "",
        "enable_external_file_cache": False,
    }
    return found if threads is None else found | {"threads": threads}


def _kind(of: object) -> str:
    return str(of).split("(")[0].lower()


def _refuse_words(records: Records, name: str, kind: str, shown: str) -> None:
    held = f"SELECT COUNT({column(name)}) AS n FROM records"  # noqa: S608 - quoted
    if records.lists(held)["n"] == [0]:
        raise BadData(f"“{name}” is missing in every row.")
    raise BadData(
        f"“{name}” has to be numeric, but {shown} holds {kind}: a word where a number is missing, perhaps. Leave the "
        "cell empty there."
    )


def _table(
    database: duckdb.DuckDBPyConnection, paths: Sequence[Path], types: dict[str, str]
) -> duckdb.DuckDBPyRelation:
    """`types` overrule what the first twenty thousand rows of a CSV suggest: a whole number's type would round a 1.5
    that comes later."""
    names, kinds = [_literal(path) for path in paths], {path.suffix.lower() for path in paths}
    if kinds == {".parquet"}:
        return database.read_parquet(names, union_by_name=True, hive_partitioning=False)
    if kinds == {".csv"}:
        return database.read_csv(
            names, header=True, dtype=types or None, union_by_name=True, hive_partitioning=False
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
