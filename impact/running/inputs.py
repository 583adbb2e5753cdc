"""The files that a plan reads, each read once and remembered by its hash."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from impact import outcomes, site_periods
from impact.cohorts import Cohort, first_referrals
from impact.errors import BadData
from impact.outcomes import Coded
from impact.plans import OutcomePlan, Plan
from impact.site_periods import SitePeriods

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Inputs", "coded"]


class Inputs:
    """Tables by their names in the plan, and the file of site periods."""

    def __init__(self, plan: Plan, plan_folder: Path, data_folder: Path) -> None:
        self.plan, self.folder = plan, data_folder
        self.hashes: dict[str, str] = {}
        self._read: dict[str, pd.DataFrame] = {}
        path = plan_folder / plan.site_periods
        self.sites: SitePeriods = site_periods.read(path)
        self.hashes[path.name] = _hash(path)

    def table(self, name: str) -> pd.DataFrame:
        """A table of the plan. Raises BadData where the plan names no file, or the file cannot be read."""
        if name not in self._read:
            filename = getattr(self.plan.tables, name)
            if filename is None:
                raise BadData(f"The plan names no file for the table “{name}”, which an outcome needs.")
            self._read[name] = self._table(self.folder / filename)
        return self._read[name]

    def _table(self, path: Path) -> pd.DataFrame:
        import pandas as pd  # half a second that reading a plan need not pay

        try:
            found = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
        except (OSError, ValueError):
            raise BadData(f"{path.name}: cannot be read.") from None
        self.hashes[path.name] = _hash(path)
        if path.suffix == ".csv" and "factors" in found.columns:
            # A list in one cell of a CSV file is written with semicolons.
            found["factors"] = (
                found["factors"].fillna("").str.split(";").map(lambda parts: [p.strip() for p in parts])
            )
        return found

    def known_sites(self, codes: pd.Series) -> None:
        """Raises BadData for a site of the data that the file of site periods lacks, with the nearest one there is."""
        known = [site.code for site in self.sites.sites]
        for code in codes.unique():
            if code not in known:
                near = difflib.get_close_matches(str(code), known, n=1)
                hint = f" Did you mean “{near[0]}”?" if near else ""
                raise BadData(f"The site “{code}” is not in {self.plan.site_periods}.{hint}")


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def coded(inputs: Inputs, outcome: OutcomePlan) -> tuple[Coded, dict[str, int]]:
    """The outcome as the plan codes it, and how many children the cohort left out beforehand and why."""
    trial = inputs.plan.trial
    if outcome.coding == "reunified":
        found = outcomes.reunified(
            inputs.table("children"),
            inputs.table("care"),
            opens_on=trial.opens_on,
            closes_on=trial.closes_on,
            oldest=outcome.oldest,
            months=outcome.months or 18,
            data_until=trial.data_until,
        )
        return found, {}
    cohort = first_referrals(
        inputs.table("referrals"),
        inputs.table("children"),
        opens_on=trial.opens_on,
        closes_on=trial.closes_on,
        oldest=outcome.oldest,
        assessments=inputs.table("assessments") if outcome.factors else None,
        factors=outcome.factors,
    )
    return _CODINGS[outcome.coding](inputs, cohort, outcome), cohort.left_out


def _months(outcome: OutcomePlan) -> dict[str, int]:
    """The window, where the plan sets one; otherwise the coding's own."""
    return {} if outcome.months is None else {"months": outcome.months}


def _looked_after(inputs: Inputs, cohort: Cohort, outcome: OutcomePlan) -> Coded:
    until = inputs.plan.trial.data_until
    return outcomes.looked_after(cohort, inputs.table("care"), data_until=until, **_months(outcome))


def _started_plan(inputs: Inputs, cohort: Cohort, outcome: OutcomePlan) -> Coded:
    until = inputs.plan.trial.data_until
    return outcomes.started_plan(cohort, inputs.table("plans"), data_until=until, **_months(outcome))


def _returned(inputs: Inputs, cohort: Cohort, outcome: OutcomePlan) -> Coded:
    return outcomes.returned(
        cohort,
        inputs.table("plans"),
        inputs.table("care"),
        data_until=inputs.plan.trial.data_until,
        gap_days=outcome.gap_days,
        leave_out_care=outcome.leave_out_care,
        **_months(outcome),
    )


def _plan_duration(inputs: Inputs, cohort: Cohort, outcome: OutcomePlan) -> Coded:
    until = inputs.plan.trial.data_until
    return outcomes.plan_duration(
        cohort, inputs.table("plans"), cap_months=outcome.months or 24, data_until=until
    )


def _days_on_plans(inputs: Inputs, cohort: Cohort, outcome: OutcomePlan) -> Coded:
    return outcomes.days_on_plans(
        cohort,
        inputs.table("plans"),
        months=outcome.months or 36,
        kinds=outcome.kinds,
        data_until=inputs.plan.trial.data_until,
    )


def _care_proceedings(inputs: Inputs, cohort: Cohort, outcome: OutcomePlan) -> Coded:
    return outcomes.care_proceedings(
        cohort,
        inputs.table("meetings"),
        inputs.table("proceedings"),
        start_within=outcome.months or 18,
        data_until=inputs.plan.trial.data_until,
    )


def _re_referred(inputs: Inputs, cohort: Cohort, outcome: OutcomePlan) -> Coded:
    until = inputs.plan.trial.data_until
    return outcomes.re_referred(cohort, inputs.table("referrals"), data_until=until, **_months(outcome))


def _kinship_first(inputs: Inputs, cohort: Cohort, outcome: OutcomePlan) -> Coded:
    until = inputs.plan.trial.data_until
    return outcomes.kinship_first(cohort, inputs.table("care"), data_until=until, months=outcome.months or 18)


def _absence(inputs: Inputs, cohort: Cohort, outcome: OutcomePlan) -> Coded:
    return outcomes.absence(cohort, inputs.table("sessions"))


_CODINGS: dict[str, Callable[[Inputs, Cohort, OutcomePlan], Coded]] = {
    "looked_after": _looked_after,
    "started_plan": _started_plan,
    "returned": _returned,
    "plan_duration": _plan_duration,
    "days_on_plans": _days_on_plans,
    "care_proceedings": _care_proceedings,
    "re_referred": _re_referred,
    "kinship_first": _kinship_first,
    "absence": _absence,
}
