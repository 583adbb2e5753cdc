"""The commands that take a plan: run it, check it, make data of its shape."""

from __future__ import annotations

import argparse
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from impact.commands import printing
from impact.commands.printing import WIDTH, number, say
from impact.errors import BadData, BadDocument

if TYPE_CHECKING:
    from impact.bundles import Analysis, Bundle
    from impact.plans import Plan
    from impact.site_periods import SitePeriods


PLAN_HELP = "a plan, or the name of one that is shipped, such as family-safeguarding-trial"


def _plan(text: str) -> Path:
    """The file of that path, or the shipped plan of that name."""
    path, shipped = Path(text), Path(__file__).parents[1] / "shipped" / text / "plan.yaml"
    return shipped if not path.exists() and shipped.is_file() else path


def add(commands: Any) -> None:
    """`run`, `check` and `simulate`."""
    run = commands.add_parser("run", help="carry out a plan on its data", allow_abbrev=False)
    run.add_argument("plan", type=_plan, help=PLAN_HELP)
    run.add_argument("--data", type=Path, required=True, metavar="DIR", help="the folder of the tables")
    run.add_argument("--out", type=printing.with_ending(".json"), required=True, metavar="RESULTS.json")
    run.add_argument("--report", type=printing.with_ending(".html", ".docx"), metavar="REPORT.html|.docx")
    run.add_argument("--quiet", action="store_true", help="do not say what is being done")
    run.set_defaults(act=_run)
    check = commands.add_parser("check", help="validate a plan, print its hash", allow_abbrev=False)
    check.add_argument("plan", type=_plan, help=PLAN_HELP)
    check.add_argument("--data", type=Path, metavar="DIR", help="also look for every table and column")
    check.add_argument("--json", action="store_true")
    check.set_defaults(act=_check)
    simulate = commands.add_parser("simulate", help="invent data of a plan's shape", allow_abbrev=False)
    simulate.add_argument("plan", type=_plan, help=PLAN_HELP)
    simulate.add_argument("--out", type=Path, required=True, metavar="DIR")
    simulate.add_argument("--seed", type=int, required=True)
    simulate.add_argument("--children", type=int, default=51_000, help="default: 51000")
    simulate.add_argument("--rate", type=printing.finite, default=0.05, help="looked after without treatment")
    simulate.set_defaults(act=_simulate)


def _run(chosen: argparse.Namespace) -> int:
    from impact import bundles, running

    if not chosen.data.is_dir():
        raise BadData(f"There is no folder “{chosen.data}”.")
    bundle = running.run(chosen.plan, chosen.data, say=None if chosen.quiet else printing.tell)
    bundles.write(bundle, chosen.out)
    if chosen.report:
        chosen.report.write_bytes(_report(bundle, chosen.report.suffix.lower()))
    _print_bundle(bundle)
    say(f"\nBundle {bundle.sha256} in {chosen.out}.")
    say(f"Id {bundle.id}: the same plan, data, seed and software give it on every machine.")
    return 1 if any(analysis.failed for analysis in bundle.analyses) else 0


def _report(bundle: Bundle, ending: str) -> bytes:
    import datetime as dt

    from impact import reports

    made_at = dt.datetime.now(dt.UTC).replace(microsecond=0)
    return (
        reports.docx(bundle, made_at=made_at) if ending == ".docx" else reports.html(bundle, made_at=made_at)
    )


def _print_bundle(bundle: Bundle) -> None:
    say(bundle.title)
    if bundle.registered_sha256 not in (None, bundle.plan_sha256):
        say("The plan was CHANGED after its registration; deviations are listed in the bundle.")
    numbered: dict[str, int] = {}
    rows = [_summary(analysis, numbered, bundle.smallest_count) for analysis in bundle.analyses]
    say()
    printing.table(
        (
            "analysis",
            "outcome",
            "rows",
            "sites",
            "first result",
            "value",
            "unit",
            "95% from",
            "to",
            "p",
            "notes",
        ),
        rows,
    )
    if numbered:
        say("\nRead beside them:")
    for text, place in numbered.items():
        say(textwrap.fill(text, WIDTH, initial_indent=f"[{place}] ", subsequent_indent="    "))
    for analysis in bundle.analyses:
        if analysis.failed:
            say(f"\nFAILED {analysis.id}, {analysis.outcome}: {analysis.failed}")


def _summary(analysis: Analysis, numbered: dict[str, int], smallest: int) -> tuple[str, ...]:
    for note in analysis.notes:
        numbered.setdefault(note.text, len(numbered) + 1)
    marks = " ".join(f"[{numbered[note.text]}]" for note in analysis.notes)
    base = f"below {smallest}" if analysis.n_rows.n is None else f"{analysis.n_rows.n:,}"
    head = (analysis.id, analysis.outcome)
    if analysis.failed or not analysis.results:
        return (*head, "–", "–", "FAILED" if analysis.failed else "–", *["–"] * 5, marks)
    first = analysis.results[0]
    if first.status == "hidden":
        return (*head, base, str(analysis.n_clusters), first.name, "[c]", first.scale, *["[c]"] * 3, marks)
    numbers = (number(value) for value in (first.low, first.high, first.p_value))
    return (
        *head,
        base,
        str(analysis.n_clusters),
        first.name,
        number(first.value),
        first.scale,
        *numbers,
        marks,
    )


def _check(chosen: argparse.Namespace) -> int:
    from impact import plans, site_periods

    plan = plans.read(chosen.plan)
    sites = site_periods.read(chosen.plan.parent / plan.site_periods)
    faults = _strangers(plan, sites)
    if chosen.data is not None:
        from impact.commands.needed import faults_of

        faults += faults_of(plan, chosen.data)
    if faults:
        raise BadDocument("\n".join(f"{chosen.plan.name}: {fault}" for fault in faults))
    if chosen.json:
        printing.as_json(_as_plain(plan, sites, has_data=chosen.data is not None))
    else:
        _print_plan(plan, sites, has_data=chosen.data is not None)
    return 0


def _strangers(plan: Plan, sites: SitePeriods) -> list[str]:
    """Sites that the plan names and the file of site periods lacks."""
    import difflib

    known = [site.code for site in sites.sites]
    named = {code for analysis in plan.analyses for code in analysis.leave_out_sites}
    for pairs in plan.matching.pairs.values() if plan.matching else ():
        named |= {code for site, others in pairs.items() for code in (site, *others)}
    faults = []
    for code in sorted(named - set(known)):
        near = difflib.get_close_matches(code, known, n=1)
        hint = f" Did you mean “{near[0]}”?" if near else ""
        faults.append(f"the site “{code}” is not in {plan.site_periods}.{hint}")
    return faults


def _as_plain(plan: Plan, sites: SitePeriods, *, has_data: bool) -> dict[str, Any]:
    return {
        "study": plan.study,
        "title": plan.title,
        "sha256": plan.sha256,
        "is_as_registered": plan.is_as_registered,
        "registration": plan.registration.model_dump(mode="json") if plan.registration else None,
        "sites": {site.code: site.live.used for site in sites.sites},
        "analyses": [f"{analysis.role}: {analysis.id}" for analysis in plan.analyses],
        "readings": [reading.model_dump(mode="json") for reading in plan.readings],
        "deviations": [deviation.model_dump(mode="json") for deviation in plan.deviations],
        "tables_and_columns_are_there": True if has_data else None,
    }


def _print_plan(plan: Plan, sites: SitePeriods, *, has_data: bool) -> None:
    say(plan.title)
    say(f"Hash to register: {plan.sha256}")
    if plan.registration is None:
        say("The plan is not registered.")
    elif plan.is_as_registered:
        say(f"Registered on {plan.registration.on} at {plan.registration.where}, and unchanged since.")
    else:
        say(f"CHANGED after its registration on {plan.registration.on} at {plan.registration.where}.")
        say(f"Registered hash:  {plan.registration.sha256}")
    lives = sorted(site.live.used for site in sites.sites if site.live.used)
    when = f" from {lives[0]} to {lives[-1]}" if lives else ""
    say(f"Sites: {len(sites.sites)}, of which {len(lives)} go live{when}.")
    say(f"Outcomes: {', '.join(outcome.id for outcome in plan.outcomes)}.")
    say(f"Analyses: {', '.join(f'{analysis.id} ({analysis.role})' for analysis in plan.analyses)}.")
    if plan.readings:
        say("\nHow open points of the protocol were read:")
    for reading in plan.readings:
        because = f" Because: {reading.because}" if reading.because else ""
        _item(f"{reading.point}: {reading.taken}.{because}".replace("..", "."))
    if plan.deviations:
        say("\nDeviations after registration:")
    for deviation in plan.deviations:
        _item(f"{deviation.on}: {deviation.what}. Why: {deviation.why}".replace("..", "."))
    if has_data:
        say("\nEvery table and column that the outcomes need is there.")


def _item(text: str) -> None:
    say(textwrap.fill(text, WIDTH, initial_indent="- ", subsequent_indent="  "))


def _simulate(chosen: argparse.Namespace) -> int:
    from impact import plans, simulator, site_periods

    plan = plans.read(chosen.plan)
    sites = site_periods.read(chosen.plan.parent / plan.site_periods)
    if chosen.seed < 0:
        raise BadData(f"The seed must be a whole number from 0, not {chosen.seed}.")
    study = simulator.of_plan(plan, sites, n_children=chosen.children, base_rate=chosen.rate)
    tables = simulator.make(study, seed=chosen.seed)
    chosen.out.mkdir(parents=True, exist_ok=True)
    made = []
    for name, filename in plan.tables.model_dump().items():
        if filename is None:
            continue
        path = chosen.out / filename
        frame = tables[name]
        if path.suffix == ".parquet":
            frame.to_parquet(path, index=False)
        else:
            if "factors" in frame:
                frame = frame.assign(factors=frame["factors"].str.join("; "))
            frame.to_csv(path, index=False)
        made.append((filename, f"{len(frame):,}"))
    say(f"Invented data: {chosen.children:,} children in {len(study.sites)} sites, seed {chosen.seed}.")
    printing.table(("file", "rows"), made)
    return 0
