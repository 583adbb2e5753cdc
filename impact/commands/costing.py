"""The command `costs`: costs and avoided cases of the average authority, from a small file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exports.digits import printed
from impact.commands import printing
from impact.commands.printing import say

if TYPE_CHECKING:
    from impact.commands.cost_file import CostFile
    from impact.costs import Appraisal, Benefit, Schedule


def add(commands: Any) -> None:
    """`costs`."""
    costs = commands.add_parser("costs", help="benefit-cost ratio and net present value", allow_abbrev=False)
    costs.add_argument("file", type=Path, help="YAML; docs/impact/commands.md shows one")
    costs.add_argument("--json", action="store_true")
    costs.set_defaults(act=_costs)


def _costs(chosen: argparse.Namespace) -> int:
    from impact import documents
    from impact.commands.cost_file import CostFile
    from impact.costs import appraise, avoided_cases, rates_on, schedule
    from impact.estimate import wald

    file = documents.read(chosen.file, CostFile)
    spent = schedule(file.items(), n_years=file.n_years, n_authorities=file.n_authorities)
    benefits = [
        avoided_cases(
            wald(one.outcome, one.change, one.std_error, one.df),
            n_children_per_year=one.children_per_year,
            pounds_per_case=one.pounds_per_case,
            n_years=file.n_years,
            rates=rates_on(file.on),
        )
        for one in file.benefits
    ]
    by_year = {
        "unconditional": [sum(one.by_year[year] for one in benefits) for year in range(file.n_years)],
        "where_significant": [
            sum(one.by_year[year] for one in benefits if one.is_significant) for year in range(file.n_years)
        ],
    }
    appraisals = {name: appraise(spent.by_year, found, on=file.on) for name, found in by_year.items()}
    if chosen.json:
        printing.as_json(
            {"title": file.title, "costs": spent, "benefits": benefits, "appraisals": appraisals}
        )
    else:
        _print(file, spent, benefits, appraisals)
    return 0


def _print(
    file: CostFile, spent: Schedule, benefits: list[Benefit], appraisals: dict[str, Appraisal]
) -> None:
    say(file.title)
    say(
        f"Pounds of the average of {file.n_authorities} authorities, in the prices of year 0, over {file.n_years} years.\n"
    )
    rows = [(name.replace("_", "-"), _pounds(amount)) for name, amount in spent.by_kind.items() if amount]
    printing.table(("costs", "undiscounted"), [*rows, ("all", _pounds(sum(spent.by_year)))])
    say()
    header = ("benefit", "cases avoided a year", "present value", "95% from", "to", "where significant", "p")
    lines = []
    for plan, one in zip(file.benefits, benefits, strict=True):
        whole = one.unconditional
        money = [_pounds(value) for value in (whole.value, whole.low, whole.high, one.where_significant)]
        lines.append(
            (plan.outcome, printed(one.cases_avoided_per_year, ",.1f"), *money, printed(whole.p_value, ".4f"))
        )
    printing.table(header, lines)
    say()
    printing.table(
        ("appraisal", "present cost", "present benefit", "net present value", "benefit-cost ratio"),
        [(name.replace("_", " "), *_appraised(one)) for name, one in appraisals.items()],
    )
    first = next(iter(appraisals.values()))
    say(f"\nDiscount rates: {first.rates.source}.")
    found = [*spent.notes, *(note for one in benefits for note in one.notes)]
    printing.notes([*found, *(note for one in appraisals.values() for note in one.notes)])


def _appraised(one: Appraisal) -> tuple[str, ...]:
    ratio = "–" if one.benefit_cost_ratio is None else printed(one.benefit_cost_ratio, ".3f")
    return (*(_pounds(v) for v in (one.present_cost, one.present_benefit, one.net_present_value)), ratio)


def _pounds(value: float) -> str:
    amount = printed(value, ",.0f")
    return f"-£{amount[1:]}" if amount.startswith("-") else f"£{amount}"
