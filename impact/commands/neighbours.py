"""The command `match`: which local authorities moved like a treated one before it began."""

from __future__ import annotations

import argparse
from collections.abc import Hashable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exports.digits import printed, snapped
from impact.commands import printing
from impact.commands.printing import tell
from impact.errors import BadData

if TYPE_CHECKING:
    import pandas as pd

    from exports.table import Table
    from impact.trends import TrendMatch


def add(commands: Any) -> None:
    """`match`."""
    match = commands.add_parser("match", help="comparison authorities by trends", allow_abbrev=False)
    match.add_argument(
        "file",
        type=Path,
        help="CSV: a row for each authority, its code first, then a column for each quarter in order of time",
    )
    match.add_argument(
        "--treated",
        action="append",
        required=True,
        metavar="CODE[=QUARTER]",
        help="a treated authority and the quarter in which it began; only quarters before that are compared",
    )
    match.add_argument(
        "--quarters", type=int, metavar="N", help="compare the last N quarters before the start only"
    )
    match.add_argument("--exclude", action="append", default=[], metavar="CODE", help="never a comparator")
    match.add_argument("--neighbours", type=int, default=10, metavar="K", help="default: 10")
    match.add_argument(
        "--standardise",
        choices=("quarter", "pooled"),
        default="quarter",
        help="within each quarter across authorities (default), or over all",
    )
    match.add_argument("--out", type=printing.with_ending(".csv"), metavar="NEIGHBOURS.csv")
    match.add_argument("--plot", type=printing.with_ending(".html"), metavar="SERIES.html")
    match.set_defaults(act=_match)


def _match(chosen: argparse.Namespace) -> int:
    from impact.trends import match_trends

    series = _series(chosen.file)
    found = match_trends(
        series,
        _windows(chosen.treated, [str(column) for column in series.columns], chosen.quarters),
        excluded=chosen.exclude,
        k=chosen.neighbours,
        standardise=chosen.standardise,
    )
    listed = _table(found)
    if chosen.plot:
        _draw(chosen.plot, found, listed)
    printing.csv(chosen.out, listed)
    # Beside the file and not in it: a CSV for programs holds rows alone.
    for one in found:
        tell(f"{one.treated}: {one.n_pool} authorities in the pool, {len(one.quarters)} quarters.")
        for code, why in one.left_out.items():
            tell(f"  {code} is not in it: {why}.")
    for text in dict.fromkeys(note.text for one in found for note in one.notes):
        tell(f"- {text}")
    return 0


def _series(path: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        # Codes are words: 001 is not 1.
        found = pd.read_csv(path, dtype={0: str}, encoding="utf-8-sig")
    except (ValueError, UnicodeDecodeError):
        raise BadData(f"{path.name}: this is not a CSV file in UTF-8.") from None
    if found.shape[1] < 3:
        raise BadData(f"{path.name}: there must be a column of codes and two quarters or more.")
    code = found.columns[0]
    if found[code].isna().any():
        raise BadData(f"“{code}” is missing in row {int(found[code].isna().to_numpy().argmax()) + 1}.")
    series = found.set_index(found[code].str.strip()).drop(columns=code)
    for name, column in series.items():
        if not pd.api.types.is_numeric_dtype(column):
            raise BadData(f"The quarter “{name}” holds something that is not a number.")
    return series


def _windows(treated: list[str], quarters: list[str], n: int | None) -> dict[Hashable, list[Hashable]]:
    """The quarters that are compared for each treated authority."""
    import difflib

    if n is not None and n < 2:
        raise BadData("At least two quarters have to be compared.")
    windows: dict[Hashable, list[Hashable]] = {}
    for given in treated:
        code, equals, start = given.partition("=")
        if code in windows:
            raise BadData(f"The treated authority “{code}” is given twice.")
        if equals and start not in quarters:
            near = difflib.get_close_matches(start, quarters, n=1)
            raise BadData(f"There is no quarter “{start}”." + (f" Did you mean “{near[0]}”?" if near else ""))
        before = quarters[: quarters.index(start)] if equals else quarters
        if n is not None and len(before) < n:
            raise BadData(f"There are only {len(before)} quarters before {code} began.")
        windows[code] = list(before if n is None else before[-n:])
    return windows


def _table(found: tuple[TrendMatch, ...]) -> Table:
    from exports.table import Cell, Column, Table

    columns = [
        Column("treated", "Treated authority"),
        Column("rank", "Rank", "number", decimals=0),
        Column("neighbour", "Neighbour"),
        Column("distance", "Distance", "number", decimals=4),
        Column("is_tied", "Tied with another"),
        Column("n_quarters", "Quarters compared", "number", decimals=0),
        Column("n_pool", "Authorities in the pool", "number", decimals=0),
    ]
    rows: list[list[Cell]] = [
        [
            str(one.treated),
            near.rank,
            str(near.code),
            snapped(near.distance),
            near.is_tied,
            len(one.quarters),
            one.n_pool,
        ]
        for one in found
        for near in one.neighbours
    ]
    return Table.of("Nearest neighbours in trends", columns, rows)


def _draw(path: Path, found: tuple[TrendMatch, ...], listed: Table) -> None:
    from exports.table import Block, Figure, Heading, Paragraph
    from impact import plots

    blocks: list[Block] = []
    for one in found:
        own = [
            (f"{near.rank}. {near.code} ({printed(near.distance, '.3f')})", near.code)
            for near in one.neighbours
        ]
        plot = plots.small_multiples(
            [str(quarter) for quarter in one.quarters],
            (str(one.treated), one.standardised[one.treated]),
            [(label, one.standardised[code]) for label, code in own],
        )
        blocks += [Heading(str(one.treated)), Figure(plot.png, plot.alt, plot.title)]
        blocks += [Paragraph.of(note.text) for note in one.notes]
    printing.page(path, "Nearest neighbours in trends", [*blocks, listed])
