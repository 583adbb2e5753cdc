"""The files that a plan reads, each read once and remembered by its hash.

Rows are put in the order of what they hold, so that nothing hangs on where a row or a column stood in its file.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from exports.digits import printed
from impact import outcomes, outliers, site_periods
from impact.cohorts import Cohort, first_referrals
from impact.columns import named
from impact.errors import BadData
from impact.estimate import Note
from impact.keys import in_order
from impact.outcomes import Coded
from impact.plans import OutcomePlan, Plan
from impact.site_periods import SitePeriods

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Inputs"]

KEYS = ("child", "site")


class Inputs:
    """Tables by their names in the plan, and the file of site periods."""

    def __init__(self, plan: Plan, plan_folder: Path, data_folder: Path) -> None:
        self.plan, self.folder = plan, data_folder
        self.hashes: dict[str, str] = {}
        self._read: dict[str, pd.DataFrame] = {}
        self._coded: dict[str, tuple[Coded, tuple[Note, ...]]] = {}
        path = plan_folder / plan.site_periods
        self.sites: SitePeriods = site_periods.read(path)
        self.hashes[path.name] = _hash(path)
        # What everything needs, before any time is spent on one analysis.
        self._known("the plan", _named_sites(plan))
        self.table("children")
        self._known(plan.tables.referrals, named(self.table("referrals"), "site").unique().tolist())

    def table(self, name: str) -> pd.DataFrame:
        """A table of the plan. Raises BadData where the plan names no file, or the file cannot be read."""
        if name not in self._read:
            filename = getattr(self.plan.tables, name)
            if filename is None:
                raise BadData(f"The plan names no file for the table “{name}”, which an outcome needs.")
            self._read[name] = self._table(self.folder / filename)
        return self._read[name]

    def coded(self, outcome: OutcomePlan) -> tuple[Coded, tuple[Note, ...]]:
        """The outcome as the plan codes it, with whom the cohort left out and why; coded once for all analyses."""
        if outcome.id not in self._coded:
            self._coded[outcome.id] = _finished(self, outcome)
        return self._coded[outcome.id]

    def _table(self, path: Path) -> pd.DataFrame:
        import pandas as pd  # half a second that reading a plan need not pay

        try:
            found = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path, dtype=_WORDS)
        except FileNotFoundError:
            raise BadData(f"{path.name}: there is no such file in the folder of the data.") from None
        except (OSError, ValueError):
            raise BadData(f"{path.name}: cannot be read.") from None
        self.hashes[path.name] = _hash(path)
        for name in set(_WORDS) & set(found.columns):
            found[name] = _as_words(found[name], name, path.name)
        if path.suffix == ".csv" and "factors" in found.columns:
            # A list in one cell of a CSV file is written with semicolons.
            found["factors"] = (
                found["factors"].fillna("").str.split(";").map(lambda parts: [p.strip() for p in parts])
            )
        return in_order(found, KEYS)

    def _known(self, where: str, codes: Iterable[str]) -> None:
        """Raises BadData for a site that the file of site periods lacks, with the nearest one there is."""
        known = [site.code for site in self.sites.sites]
        for code in codes:
            if code not in known:
                near = difflib.get_close_matches(code, known, n=1)
                hint = f" Did you mean “{near[0]}”?" if near else ""
                raise BadData(f"{where}: the site “{code}” is not in {self.plan.site_periods}.{hint}")


# Identifiers are words: 0012 is not 12, and a table of numbers has to fit one of words.
_WORDS = {"child": "str", "site": "str"}


def _as_words(column: pd.Series, name: str, file: str) -> pd.Series:
    import pandas as pd  # as in `_table`

    if column.isna().any():
        row = int(column.isna().to_numpy().argmax()) + 1
        raise BadData(f"{file}: “{name}” is missing in {int(column.isna().sum())} rows, first in row {row}.")
    if pd.api.types.is_float_dtype(column):
        if (column % 1 != 0).any():
            raise BadData(f"{file}: “{name}” holds numbers with decimals, which identify nobody.")
        column = column.astype("int64")
    words: pd.Series = column.astype(str)
    return words


def _named_sites(plan: Plan) -> list[str]:
    """Every site that the plan names."""
    found = [code for analysis in plan.analyses for code in analysis.leave_out_sites]
    for pairs in plan.matching.pairs.values() if plan.matching else ():
        found += [code for site, others in pairs.items() for code in (site, *others)]
    return list(dict.fromkeys(found))


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _finished(inputs: Inputs, outcome: OutcomePlan) -> tuple[Coded, tuple[Note, ...]]:
    """The coded outcome, outliers left out and amounts made binary where the plan says so."""
    found, cohort_left_out = _coded(inputs, outcome)
    frame, left_out = found.frame, {**cohort_left_out, **found.left_out}
    notes: tuple[Note, ...] = ()
    if outcome.drop_outliers is not None:
        amount = frame["value"].astype(float)
        rule = outcome.drop_outliers
        far = (
            outliers.interquartile(amount)
            if rule == "interquartile"
            else outliers.beyond(amount, float(rule))
        )
        frame = frame[far.keep].reset_index(drop=True)
        left_out[f"above {printed(far.high, 'g')} (outliers)"] = far.n_dropped
        notes = far.notes
    if outcome.above is not None:
        frame = frame.assign(value=(frame["value"] > outcome.above).astype(int))
    return Coded(found.name, frame, {why: n for why, n in left_out.items() if n}), notes


def _coded(inputs: Inputs, outcome: OutcomePlan) -> tuple[Coded, dict[str, int]]:
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


def _assessment_days(inputs: Inputs, cohort: Cohort, outcome: OutcomePlan) -> Coded:
    until = inputs.plan.trial.data_until
    return outcomes.assessment_days(cohort, inputs.table("assessments"), data_until=until)


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
    "assessment_days": _assessment_days,
}
