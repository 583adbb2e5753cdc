"""The commands on one flat file: one model with its errors and notes (`estimate`), and what a two-way estimate averages."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exports.digits import printed
from impact.commands import printing
from impact.commands.printing import number, say
from impact.errors import BadData

if TYPE_CHECKING:
    import pandas as pd

    from impact.bundles import Analysis, Result
    from impact.staggered import BaconDecomposition


def add(commands: Any) -> None:
    """`estimate` and `bacon`."""
    one = commands.add_parser("estimate", help="one model on one flat file", allow_abbrev=False)
    one.add_argument(
        "file", type=Path, help="CSV or Parquet, one row for each child; it may be larger than memory"
    )
    one.add_argument("--model", choices=("wedge_logit", "wedge_linear", "did"), required=True)
    for role in ("outcome", "site", "period", "treated"):
        one.add_argument(f"--{role}", required=True, metavar="COLUMN")
    one.add_argument("--covariates", nargs="*", default=[], metavar="COLUMN", help="numbers")
    one.add_argument("--weight", metavar="COLUMN", help="of a difference-in-differences")
    one.add_argument("--post", metavar="COLUMN", help="1 after the start, also in comparators (did)")
    one.add_argument("--person", metavar="COLUMN", help="in which nobody may stand twice (did)")
    one.add_argument("--nodes", type=int, default=1, help="quadrature nodes of the logit; 1 is Laplace")
    one.add_argument("--seed", type=int, default=0, help="of the wild bootstrap with more than 12 sites")
    one.add_argument("--level", type=printing.finite, default=0.95)
    one.add_argument(
        "--smallest-count",
        type=int,
        default=10,
        help="smaller counts and what rests on them are hidden; default 10",
    )
    one.add_argument("--json", action="store_true")
    one.set_defaults(act=_estimate)
    bacon = commands.add_parser("bacon", help="the Goodman-Bacon decomposition", allow_abbrev=False)
    bacon.add_argument("file", type=Path, help="CSV or Parquet, one row for each site and period")
    for role in ("outcome", "site", "period", "first"):
        bacon.add_argument(f"--{role}", required=True, metavar="COLUMN")
    bacon.add_argument(
        "--never",
        type=printing.finite,
        default=0,
        help="what the column “first” says of sites never treated; default 0",
    )
    bacon.add_argument("--plot", type=printing.with_ending(".html"), metavar="SCATTER.html")
    bacon.add_argument("--json", action="store_true")
    bacon.set_defaults(act=_bacon)


def _estimate(chosen: argparse.Namespace) -> int:
    from impact.commands import flat

    for name in ("weight", "post", "person"):
        if getattr(chosen, name) and chosen.model != "did":
            raise BadData(f"A stepped-wedge model has no use for “--{name}”; leave it out.")
    if chosen.smallest_count < 2:
        raise BadData("The smallest count must be at least 2.")
    roles = flat.Roles(
        outcome=chosen.outcome,
        site=chosen.site,
        period=chosen.period,
        treated=chosen.treated,
        covariates=tuple(chosen.covariates),
        weight=chosen.weight,
        post=chosen.post,
        person=chosen.person,
    )
    if chosen.model == "did":
        found = flat.difference_in_differences(
            chosen.file, roles, seed=chosen.seed, level=chosen.level, smallest=chosen.smallest_count
        )
    else:
        found = flat.stepped_wedge(
            chosen.file,
            roles,
            model=chosen.model.removeprefix("wedge_"),
            nodes=chosen.nodes,
            level=chosen.level,
            smallest=chosen.smallest_count,
        )
    if chosen.json:
        printing.as_json(found.model_dump(mode="json"))
    else:
        _print(found, chosen.smallest_count)
    return 0


def _print(found: Analysis, smallest: int) -> None:
    n = f"below {smallest}" if found.n_rows.n is None else f"{found.n_rows.n:,}"
    say(f"{found.model} of “{found.outcome}” on {n} rows in {found.n_clusters} sites.\n")
    level = f"{printed(100 * found.results[0].level, 'g')}% from"
    header = ("estimate", "unit", "value", "standard error", "df", level, "to", "p")
    printing.table(header, [_row(result) for result in found.results])
    if found.diagnostics:
        say()
    for name, value in found.diagnostics.items():
        say(f"{name}: {value if isinstance(value, str) else number(value)}")
    printing.notes(found.notes)


def _row(result: Result) -> tuple[str, ...]:
    if result.status == "hidden":
        return (result.name, result.scale, *["[c]"] * 6)
    numbers = (result.value, result.std_error, result.df, result.low, result.high, result.p_value)
    return (result.name, result.scale, *(number(value) for value in numbers))


def _bacon(chosen: argparse.Namespace) -> int:
    from impact.staggered import bacon

    found = bacon(
        _frame(chosen.file, [chosen.outcome, chosen.site, chosen.period, chosen.first]),
        outcome=chosen.outcome,
        unit=chosen.site,
        period=chosen.period,
        first=chosen.first,
        never=chosen.never,
    )
    if chosen.plot:
        _scatter(chosen.plot, found)
    if chosen.json:
        printing.as_json(found)
        return 0
    say(
        f"Two-way fixed effects: {number(found.twfe)}, the weighted mean of {len(found.comparisons)} comparisons.\n"
    )
    kinds = [
        (kind.replace("_", " "), printed(w, ".5f"), number(mean)) for kind, (w, mean) in found.by_kind.items()
    ]
    printing.table(("kind", "weight", "mean estimate"), kinds)
    say()
    printing.table(
        ("kind", "treated from", "compared with", "weight", "estimate"),
        [
            (
                one.kind.replace("_", " "),
                _when(one.treated),
                _when(one.control),
                printed(one.weight, ".5f"),
                number(one.estimate),
            )
            for one in found.comparisons
        ],
    )
    printing.notes(found.notes)
    return 0


def _when(first: float) -> str:
    return "never treated" if first == float("inf") else printed(first, "g")


def _frame(path: Path, columns: list[str]) -> pd.DataFrame:
    import pandas as pd

    from impact.columns import named

    if path.suffix.lower() not in {".csv", ".parquet"}:
        raise BadData(f"{path.name}: give a file that ends in .csv or .parquet.")
    try:
        found = pd.read_parquet(path) if path.suffix.lower() == ".parquet" else pd.read_csv(path)
    except (ValueError, UnicodeDecodeError):
        raise BadData(f"{path.name}: cannot be read.") from None
    return pd.DataFrame({name: named(found, name) for name in columns})


def _scatter(path: Path, found: BaconDecomposition) -> None:
    from exports.table import Block, Column, Figure, Paragraph, Table
    from impact import plots
    from impact.bundles import Figures

    rows = tuple((one.kind.replace("_", " "), one.weight, one.estimate) for one in found.comparisons)
    plot = plots.draw(Figures(kind="bacon", columns=("kind", "weight", "estimate"), rows=rows))
    blocks: list[Block] = [] if plot is None else [Figure(plot.png, plot.alt, plot.title)]
    blocks += [Paragraph.of(f"Two-way fixed effects: {number(found.twfe)}.")]
    blocks += [Paragraph.of(note.text) for note in found.notes]
    columns = [
        Column("kind", "Kind"),
        Column("weight", "Weight", "number", decimals=5),
        Column("estimate", "Estimate", "number", decimals=5),
    ]
    printing.page(path, "Goodman-Bacon decomposition", [*blocks, Table.of("Comparisons", columns, rows)])
