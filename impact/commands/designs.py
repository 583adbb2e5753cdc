"""The commands before a study: what a design can detect, and the order in which sites go live."""

from __future__ import annotations

import argparse
import csv
import dataclasses
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from exports.digits import printed
from impact.commands import printing
from impact.commands.printing import finite, number, say
from impact.errors import BadData, NotIdentified

if TYPE_CHECKING:
    from impact.columns import Floats
    from impact.power import DidPower, Outcome, WedgePower


def add(commands: Any) -> None:
    """`power wedge`, `power did` and `randomise`."""
    power = commands.add_parser("power", help="what a design can detect", allow_abbrev=False)
    kinds = power.add_subparsers(title="designs", metavar="DESIGN", required=True)
    _add_wedge(kinds.add_parser("wedge", help="a stepped wedge, complete or not", allow_abbrev=False))
    _add_did(kinds.add_parser("did", help="a clustered difference-in-differences", allow_abbrev=False))
    order = commands.add_parser("randomise", help="draw the roll-out order", allow_abbrev=False)
    order.add_argument(
        "--stratum",
        action="append",
        required=True,
        metavar="NAME=SITE,SITE",
        help="sites that may change places; strata go live in the order given",
    )
    order.add_argument("--seed", type=int, required=True)
    order.add_argument("--list-orders", action="store_true", help="also print every allowed order")
    order.add_argument("--json", action="store_true")
    order.set_defaults(act=_randomise)


def _add_test(command: Any) -> None:
    command.add_argument("--alpha", type=finite, default=0.05)
    command.add_argument(
        "--power", type=finite, default=0.8, help="what the smallest effect has; default 0.8"
    )
    command.add_argument("--json", action="store_true")


def _add_wedge(command: Any) -> None:
    command.add_argument("--clusters", type=int, default=5, help="default: 5")
    command.add_argument("--periods", type=int, help="default: one more than clusters")
    command.add_argument(
        "--design", type=Path, metavar="FILE.csv", help="rows of 0, 1 and nothing, in place of the two above"
    )
    command.add_argument("--cell-size", type=finite, required=True, help="children per cluster AND period")
    outcome = command.add_mutually_exclusive_group(required=True)
    outcome.add_argument("--baseline", type=finite, help="the rate without treatment, 0 to 1")
    outcome.add_argument("--sd", type=finite, help="the standard deviation of a continuous outcome")
    command.add_argument("--icc", type=finite, required=True)
    command.add_argument("--reading", choices=("total", "within", "mean", "midpoint"), default="total")
    command.add_argument("--effect", type=finite, help="also print the power and the size for this effect")
    _add_test(command)
    command.set_defaults(act=_wedge)


def _add_did(command: Any) -> None:
    command.add_argument("--treated", type=int, required=True, help="treated clusters")
    command.add_argument("--controls", type=int, required=True, help="comparison clusters")
    command.add_argument("--before", type=finite, required=True, help="periods before")
    command.add_argument("--after", type=finite, required=True, help="periods after")
    command.add_argument("--cell-size", type=finite, required=True, help="children per cluster AND period")
    command.add_argument("--icc", type=finite, required=True)
    command.add_argument("--baseline", type=finite, help="the rate without treatment, 0 to 1")
    command.add_argument(
        "--autocorrelation",
        type=finite,
        help="of a cluster's own effect between periods; both ends are printed",
    )
    command.add_argument("--effect", type=finite, help="in standard deviations; also print power and size")
    command.add_argument("--t", action="store_true", help="quantiles of t on clusters - 2")
    _add_test(command)
    command.set_defaults(act=_did)


def _wedge(chosen: argparse.Namespace) -> int:
    from impact.power import Outcome, wedge_power

    design = _design(chosen)
    outcome = Outcome(icc=chosen.icc, baseline=chosen.baseline, sd=chosen.sd, reading=chosen.reading)
    found = wedge_power(
        design,
        cell_size=chosen.cell_size,
        outcome=outcome,
        effect=chosen.effect,
        alpha=chosen.alpha,
        target=chosen.power,
    )
    readings = _readings(chosen, design, outcome, found)
    if chosen.json:
        printing.as_json({"taken": found, "readings": readings})
    else:
        _print_wedge(found, readings)
    return 0


def _readings(
    chosen: argparse.Namespace, design: Floats, outcome: Outcome, found: WedgePower
) -> list[dict[str, Any]]:
    """Every reading of the variance, whichever was taken; with an effect also its power and what it needs."""
    from impact.power import READINGS, Reading, copies_needed, size_needed, wedge_power

    test = {"alpha": chosen.alpha, "target": chosen.power}
    rows = []
    name: Reading
    for name in (reading for reading in get_args(Reading) if reading in found.other_readings):
        up, down = found.other_readings[name]
        row: dict[str, Any] = {"reading": name, "smallest_increase": up, "smallest_decrease": down}
        if chosen.effect is not None:
            size = {"effect": chosen.effect, "outcome": dataclasses.replace(outcome, reading=name), **test}
            cell = {"cell_size": chosen.cell_size, **size}
            row["power"] = wedge_power(design, **cell).power
            row["cell_size_needed"] = _or_none(lambda size=size: size_needed(design, **size))
            row["copies_needed"] = _or_none(lambda cell=cell: copies_needed(design, **cell))
        rows.append({**row, "means": READINGS[name], "is_taken": name == found.reading})
    return rows


def _or_none(ask: Any) -> int | None:
    """A size, or None where no number of children or clusters is enough."""
    try:
        return int(ask())
    except NotIdentified:
        return None


def _design(chosen: argparse.Namespace) -> Floats:
    import numpy as np

    from impact.randomisation import treatment_matrix

    if chosen.design is None:
        if chosen.clusters < 2:
            raise BadData("A stepped wedge needs two clusters or more.")
        return treatment_matrix(range(1, chosen.clusters + 1), chosen.periods or chosen.clusters + 1)
    with chosen.design.open(newline="", encoding="utf-8-sig") as file:
        rows = [row for row in csv.reader(file) if row]
    try:
        return np.array([[float(cell) if cell.strip() else math.nan for cell in row] for row in rows])
    except ValueError:
        raise BadData(
            f"{chosen.design.name}: a design has one row for each cluster and one column for each period, with 1, 0 "
            "or nothing in each."
        ) from None


def _print_wedge(found: WedgePower, readings: list[dict[str, Any]]) -> None:
    say(
        f"Stepped wedge of {found.n_clusters} clusters and {found.n_periods} periods, "
        f"{number(found.n_total)} children in all."
    )
    say(
        f"Two-sided test at {number(found.alpha)} by the normal distribution, power {number(found.target)}.\n"
    )
    header = ["reading of the variance", "smallest increase", "smallest decrease"]
    if found.effect is not None:
        header += [f"power for {number(found.effect)}", "children a cell needed", "times the clusters needed"]
    rows = []
    for row in readings:
        line = [row["reading"] + (" (taken)" if row["is_taken"] else "")]
        line += [printed(row[key], ".6f") for key in ("smallest_increase", "smallest_decrease")]
        if found.effect is not None:
            line += [
                printed(row["power"], ".4f"),
                number(row["cell_size_needed"]),
                number(row["copies_needed"]),
            ]
        rows.append(line)
    printing.table(header, rows)
    say()
    for row in readings:
        say(f"{row['reading']}: {row['means']}.")
    printing.notes(note for note in found.notes if note.code != "variance_reading")


def _did(chosen: argparse.Namespace) -> int:
    from impact.estimate import few_clusters

    found = _ends(chosen)
    notes = few_clusters(chosen.treated + chosen.controls)
    if chosen.json:
        printing.as_json({"readings": found, "notes": notes})
        return 0
    say(
        f"Difference-in-differences of {chosen.treated} treated and {chosen.controls} comparison clusters,\n"
        f"{number(chosen.before)} periods before and {number(chosen.after)} after.\n"
    )
    header = ["own effect of a cluster", "correlation", "smallest d", "in percentage points"]
    if chosen.effect is not None:
        header += [f"power for d = {number(chosen.effect)}", "children a cell needed"]
    printing.table(header, [_did_row(row, chosen.effect is not None) for row in found])
    printing.notes(notes)
    return 0


def _ends(chosen: argparse.Namespace) -> list[dict[str, Any]]:
    """The design with the correlation that was given, and at both ends of what is possible."""
    from impact.power import did_minimum_effect, did_power, did_size_needed

    given = [] if chosen.autocorrelation is None else [("as given", chosen.autocorrelation)]
    ends = [("a cluster's own effect never changes", 1.0), ("it is new in each period", 0.0)]
    test = {"alpha": chosen.alpha, "target": chosen.power}
    found: list[dict[str, Any]] = []
    for label, r in (*given, *ends):
        design = did_minimum_effect(
            n_treated=chosen.treated,
            n_control=chosen.controls,
            n_before=chosen.before,
            n_after=chosen.after,
            cell_size=chosen.cell_size,
            icc=chosen.icc,
            autocorrelation=r,
            baseline=chosen.baseline,
            use_t=chosen.t,
            label=label,
            **test,
        )
        row: dict[str, Any] = {"design": design, "power": None, "cell_size_needed": None}
        if chosen.effect is not None:
            row["power"] = did_power(chosen.effect, design, **test)
            row["cell_size_needed"] = _or_none(
                lambda design=design: did_size_needed(chosen.effect, design, **test)
            )
        found.append(row)
    return found


def _did_row(row: dict[str, Any], has_effect: bool) -> list[str]:
    design: DidPower = row["design"]
    line = [design.label, number(design.autocorrelation), printed(design.minimum_d, ".4f")]
    line.append("–" if math.isnan(design.minimum_points) else printed(100 * design.minimum_points, ".2f"))
    if has_effect:
        line += [printed(row["power"], ".4f"), number(row["cell_size_needed"])]
    return line


def _randomise(chosen: argparse.Namespace) -> int:
    from impact.randomisation import randomise

    strata: dict[str, list[str]] = {}
    for given in chosen.stratum:
        name, equals, sites = given.partition("=")
        if not equals or not name.strip():
            raise BadData(f"“{given}” is no stratum; write NAME=SITE,SITE.")
        if name.strip() in strata:
            raise BadData(f"The stratum “{name.strip()}” is given twice.")
        strata[name.strip()] = [site.strip() for site in sites.split(",") if site.strip()]
    found = randomise(strata, seed=chosen.seed)
    if chosen.json:
        plain = printing.plain(found)
        printing.as_json(plain if chosen.list_orders else {**plain, "allowed": None})
        return 0
    say(f"Order: {' → '.join(found.order)}")
    say(f"Seed {found.seed}, {found.method}.")
    listed = [f"{name} ({', '.join(sites)})" for name, sites in found.strata]
    say(f"Strata, in the order of going live: {'; '.join(listed)}.")
    say(
        f"Order {found.number} of {found.n_allowed:,} allowed ones."
        if found.number
        else f"{found.n_allowed:,} allowed orders."
    )
    if chosen.list_orders:
        say()
        for place, order in enumerate(found.allowed, start=1):
            say(f"{place:>4}  {' → '.join(order)}")
    printing.notes(found.notes)
    return 0
