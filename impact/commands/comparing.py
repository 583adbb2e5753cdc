"""The command `compare`: whether two results bundles say the same, and where they do not."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exports.digits import printed
from impact.commands import printing
from impact.commands.printing import say
from impact.errors import ImpactError

if TYPE_CHECKING:
    from impact.comparison import Comparison, Difference, Input

# The help must not wait for pydantic; a test holds these words against `comparison.TOLERANCE`.
AGREE = (
    "Numbers agree where they differ by at most one part in 1,000,000 (of the number; for an estimate and its interval also of "
    "its standard error; for a test statistic or a p-value outright). That is ten times what a search for an estimate may leave "
    "open on another processor, and one unit in the last of six printed digits. "
)
CODES = "Exit code 0: they agree (inputs that differ are named). 1: they do not. 2: they cannot be compared."
MOST_SHOWN = 60


def add(commands: Any) -> None:
    """`compare`."""
    compare = commands.add_parser(
        "compare",
        help="whether two results bundles say the same",
        description=AGREE + CODES,
        allow_abbrev=False,
    )
    compare.add_argument("first", type=Path, metavar="A.json")
    compare.add_argument("second", type=Path, metavar="B.json")
    compare.add_argument("--json", action="store_true")
    compare.set_defaults(act=_compare)


def _compare(chosen: argparse.Namespace) -> int:
    from impact import bundles, comparison

    try:
        found = comparison.compare(bundles.read(chosen.first), bundles.read(chosen.second))
    except ImpactError as error:
        if chosen.json:  # a program that asked is answered in any case
            printing.as_json({"is_comparable": False, "because": str(error)})
        raise
    if chosen.json:
        printing.as_json({"is_comparable": True, **printing.plain(found)})
    else:
        _print(found, chosen.first.name, chosen.second.name)
    return 0 if found.agrees else 1


def _print(found: Comparison, first: str, second: str) -> None:
    if first == second:  # two folders, say
        first, second = "A", "B"
    if found.inputs:
        say("Inputs that differ:")
        printing.table(("input", first, second), [_input(one) for one in found.inputs])
    elif found.ids[0] == found.ids[1]:
        say(f"The same inputs: both have the id {found.ids[0]}.")
    say()
    many = "number" if found.n_numbers == 1 else "numbers"
    if found.agrees:
        say(f"All {found.n_numbers:,} {many} agree to one part in 1,000,000, and so do all words.")
    else:
        n = len(found.differences)
        say(f"{n:,} {'difference' if n == 1 else 'differences'}, and {found.n_numbers:,} {many} compared:")
        shown = found.differences[:MOST_SHOWN]
        printing.table(("where", first, second, "apart by"), [_difference(one) for one in shown])
        if n > MOST_SHOWN:
            say(f"… and {n - MOST_SHOWN:,} more; --json prints all.")
    if found.furthest:
        least = found.furthest
        say(f"Furthest apart of those that agree: {least.where}, by {printed(least.apart, '.1e')}.")


def _input(one: Input) -> tuple[str, str, str]:
    return (one.name, _short(one.first), _short(one.second))


def _difference(one: Difference) -> tuple[str, str, str, str]:
    apart = "" if one.apart is None else printed(one.apart, ".3g")
    return (one.where, _short(one.first), _short(one.second), apart)


def _short(value: str | int | float | bool | None) -> str:
    """Hashes by their beginning, long words by theirs, numbers with all the digits that a bundle keeps."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return printed(value, ".12g")
    value = str(value)
    is_hash = len(value) == 64 and not set(value) - set("0123456789abcdef")
    return f"{value[:8]}…" if is_hash else value if len(value) <= 60 else f"{value[:59]}…"
