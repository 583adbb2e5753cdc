"""Which tables and columns the outcomes, covariates and treatments of a plan need, and whether a folder holds them."""

from __future__ import annotations

import difflib
from pathlib import Path

from impact.plans import OutcomePlan, Plan

__all__ = ["faults_of", "needed"]

SPELL = ("child", "started_on", "ended_on")
PLANS, CARE = ("plans", ("kind", *SPELL)), ("care", SPELL)
# As the functions of `impact.outcomes` read them, beside referrals and children.
BY_CODING: dict[str, tuple[tuple[str, tuple[str, ...]], ...]] = {
    "looked_after": (CARE,),
    "started_plan": (PLANS,),
    "returned": (PLANS, CARE),
    "plan_duration": (PLANS,),
    "days_on_plans": (PLANS,),
    "care_proceedings": (("meetings", ("child", "met_on")), ("proceedings", ("child", "issued_on"))),
    "re_referred": (),
    "kinship_first": (("care", (*SPELL, "placement")),),
    "reunified": (("children", ("site",)), ("care", (*SPELL, "end_reason"))),
    "assessment_days": (("assessments", (*SPELL, "referred_on")),),
    "absence": (("sessions", ("child", "term_starts_on", "possible", "unauthorised")),),
}


def needed(plan: Plan) -> dict[str, set[str]]:
    """Columns by table."""
    found: dict[str, set[str]] = {
        "children": {"child", "birth_on"},
        "referrals": {"child", "site", "referred_on"},
    }
    for outcome in plan.outcomes:
        for table, columns in (*BY_CODING[outcome.coding], *_assessed(outcome)):
            found.setdefault(table, set()).update(columns)
    wanted: list[tuple[str, str]] = [(one.name, one.of) for one in plan.covariates.columns]
    wanted += [(name, "child") for name in plan.matching.columns] if plan.matching else []
    wanted += [(analysis.by, "site") for analysis in plan.analyses if analysis.by is not None]
    for name, of in wanted:
        if name not in {"age", "age_months"}:  # computed from the date of birth
            table = {"child": "children", "referral": "referrals", "site": "site_months"}[of]
            found.setdefault(table, {"site", "month_on"}).add(name)
    if any(analysis.treatment != "at_referral" for analysis in plan.analyses):
        found["referrals"].add("closed_on")
    return found


def _assessed(outcome: OutcomePlan) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return (("assessments", ("child", "referred_on", "factors")),) if outcome.factors else ()


def faults_of(plan: Plan, folder: Path) -> list[str]:
    """What is absent, each in a sentence; columns with the nearest name that is there."""
    if not folder.is_dir():
        return [f"there is no folder “{folder.name}”."]
    faults = []
    for table, columns in sorted(needed(plan).items()):
        filename = getattr(plan.tables, table)
        if filename is None:
            faults.append(
                f"the plan names no file for the table “{table}”, which an outcome or covariate needs."
            )
            continue
        held = _columns(folder / filename)
        if held is None:
            faults.append(f"{filename}: is not there or cannot be read.")
            continue
        for column in sorted(columns - set(held)):
            near = difflib.get_close_matches(column, held, n=1)
            hint = f" Did you mean “{near[0]}”?" if near else ""
            faults.append(f"{filename}: there is no column “{column}”.{hint}")
    return faults


def _columns(path: Path) -> list[str] | None:
    """Names only, without reading a row; None for a file that cannot be read."""
    import csv

    try:
        if path.suffix == ".parquet":
            import pyarrow.parquet as pq

            return list(pq.read_schema(path).names)
        with path.open(newline="", encoding="utf-8-sig") as file:
            return next(csv.reader(file), [])
    except (OSError, ValueError):  # what pyarrow raises for a file that is no Parquet is a ValueError
        return None
