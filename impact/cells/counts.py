"""Binomial cells: how many rows share the same values, and in how many of them the outcome is 1."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from impact.cells.records import as_written, column, opened, unlike
from impact.errors import BadData

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["binomial", "binomial_sql", "repeated", "repeated_sql", "write"]

COUNTS = ("trials", "events")


def binomial_sql(outcome: str, by: Sequence[str]) -> str:
    """The statement of `binomial`: each cell's columns in order, then trials, events, and how many outcomes were neither
    0 nor 1."""
    keys, y = [column(name) for name in by], column(outcome)
    shown = ", ".join(f"{key} AS key{place}" for place, key in enumerate(keys))
    return (
        f"SELECT {shown}, COUNT(*) AS trials, SUM(CASE WHEN {y} = 1 THEN 1 ELSE 0 END) AS events,\n"
        f"  SUM(CASE WHEN {y} = 1 OR {y} = 0 THEN 0 ELSE 1 END) AS others\n"
        f"FROM records GROUP BY {', '.join(keys)} ORDER BY {', '.join(str(place + 1) for place in range(len(keys)))}"
    )


def binomial(
    files: Path | Sequence[Path], *, outcome: str, by: Sequence[str], threads: int | None = None
) -> pd.DataFrame:
    """Rows with the same values of all columns `by`, summed: those columns, `trials` and `events`; sorted.

    Exact for any logit whose covariates are `by`: the likelihood changes by a constant. Raises BadData for an outcome
    other than 0 and 1 and for a missing value (NULL or NaN) in a column of `by`.
    """
    if not by:
        raise BadData("Name at least one column to group by.")
    unlike([*by, outcome])
    for name in set(by) & set(COUNTS):
        raise BadData(f"“{name}” is what the counts are called. Give that column another name.")
    with opened(files, by, [outcome], threads) as records:
        cells = records.frame(binomial_sql(outcome, by))
        is_text = records.is_text
    odd = int(cells.pop("others").sum())
    cells.columns = [*by, *COUNTS]
    if odd:
        raise BadData(f"“{outcome}” must be 0 or 1; {odd} rows hold something else or nothing.")
    for name in by:
        gaps = int(cells.loc[cells[name].isna(), "trials"].sum())
        if gaps:
            raise BadData(f"“{name}” is missing in {gaps} rows.")
    if is_text:
        cells = cells.assign(**{name: as_written(cells[name].tolist()) for name in by})
        cells = cells.sort_values(list(by), ignore_index=True)
    return cells.astype({"trials": np.int64, "events": np.int64})


def repeated_sql(name: str) -> str:
    """The statement of `repeated`."""
    key = column(name)
    return f"SELECT COUNT({key}) - COUNT(DISTINCT {key}) AS repeated, COUNT(*) - COUNT({key}) AS gaps FROM records"  # noqa: S608 - quoted


def repeated(files: Path | Sequence[Path], name: str, *, threads: int | None = None) -> int:
    """How many rows repeat an earlier row's value of a column, such as a person's id. Raises BadData for missing ones."""
    with opened(files, [name], [], threads) as records:
        found = records.lists(repeated_sql(name))
    if found["gaps"][0]:
        raise BadData(f"“{name}” is missing in {found['gaps'][0]} rows.")
    return int(found["repeated"][0])


def write(cells: pd.DataFrame, path: Path, *, smallest: int = 10) -> int:
    """Write binomial cells as CSV without those in which trials, events or non-events are fewer than `smallest`.

    What is left out cannot be told from the file; its number is returned. Totals published elsewhere can give a single
    left-out cell away, and rare outcomes lose most of their cells: a table for readers, not for estimating. Raises
    BadData for a smallest count below 2.
    """
    if smallest < 2:
        raise BadData("The smallest count must be at least 2.")
    least = cells[["trials", "events"]].min(axis=1).combine(cells["trials"] - cells["events"], min)
    cells[least >= smallest].to_csv(path, index=False)
    return int((least < smallest).sum())
