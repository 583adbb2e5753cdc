"""Outcomes of the trial and difference-in-differences protocols, coded from tables of events.

Sources: the RCT Design Table of the Family Safeguarding trial protocol and Table 1 of the Family Valued protocol (What
Works for Children's Social Care). Where a table and its text differ, the table is followed and the other reading is an
argument. Conventions, the same for every outcome:

* windows and days are half-open, see `impact.cohorts`;
* a child whose window is not over by `data_until` is left out and counted, whatever was seen until then: keeping only
  those who already had the event would raise the rate;
* overlapping spells count once;
* `left_out` gives a count for each reason, and `frame` one row a child (absence: a child and term) with `value`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from impact.cohorts import Cohort, days, months_after, periods_of_care, spells
from impact.columns import named
from impact.errors import BadData

if TYPE_CHECKING:
    import datetime as dt

__all__ = [
    "Coded",
    "absence",
    "assessment_days",
    "care_proceedings",
    "days_on_plans",
    "kinship_first",
    "looked_after",
    "plan_duration",
    "re_referred",
    "returned",
    "reunified",
    "started_plan",
]

KINSHIP = ("U1", "U2", "U3")  # SSDA903: foster placement with a relative or friend
HOME = ("E4A",)  # SSDA903: returned home as part of the care plan


@dataclass(frozen=True)
class Coded:
    """A coded outcome. `frame`: child, site, referred_on, value, and what the outcome adds (`censored`, `term`)."""

    name: str
    frame: pd.DataFrame
    left_out: dict[str, int]


class _Sample:
    """A cohort that shrinks, keeping account of whom it loses."""

    def __init__(self, cohort: Cohort) -> None:
        self.frame = cohort.frame
        self.left_out: dict[str, int] = {}

    def keep(self, which: pd.Series, otherwise: str) -> None:
        gone = int((~which).sum())
        if gone:
            self.left_out[otherwise] = gone
        self.frame = self.frame[which].reset_index(drop=True)

    def follow(self, start: str, months: int, data_until: dt.date) -> pd.Series:
        """The day on which each window closes, after leaving out those whose window is not over."""
        closes = months_after(self.frame[start], months)
        self.keep(closes <= pd.Timestamp(data_until) + pd.Timedelta(days=1), "follow-up not complete")
        return months_after(self.frame[start], months).rename("closes_on")

    def coded(self, name: str, value: pd.Series, **more: pd.Series) -> Coded:
        kept = self.frame[["child", "site", "referred_on"]]
        return Coded(name, kept.assign(value=value.to_numpy(), **more), self.left_out)


def _any(sample: _Sample, events: pd.DataFrame, day: str, since: pd.Series, before: pd.Series) -> pd.Series:
    """For each child of the sample: did an event fall on or after `since` and before `before`?"""
    windows = pd.DataFrame({"child": sample.frame["child"], "since": since, "before": before})
    seen = events[["child", day]].merge(windows, on="child")
    hit = seen.loc[(seen[day] >= seen["since"]) & (seen[day] < seen["before"]), "child"]
    return sample.frame["child"].isin(hit).astype(int)


def looked_after(cohort: Cohort, episodes: pd.DataFrame, *, months: int = 18, data_until: dt.date) -> Coded:
    """1 if a period of care began within the window, from any referral; 0 if not.

    `episodes`: child, started_on, ended_on. Children in care on the day of the referral cannot become looked after and
    are left out. A change of placement is no entry, see `cohorts.periods_of_care`.
    """
    sample, care = _Sample(cohort), periods_of_care(episodes)
    sample.keep(~_in_care(sample, care), "in care when referred")
    closes = sample.follow("referred_on", months, data_until)
    return sample.coded("looked_after", _any(sample, care, "started_on", sample.frame["referred_on"], closes))


def _in_care(sample: _Sample, care: pd.DataFrame) -> pd.Series:
    joined = care.merge(sample.frame[["child", "referred_on"]], on="child")
    is_open = joined["ended_on"].isna() | (joined["ended_on"] > joined["referred_on"])
    inside = joined.loc[(joined["started_on"] < joined["referred_on"]) & is_open, "child"]
    return sample.frame["child"].isin(inside)


def _of_kind(plans: pd.DataFrame, kinds: Collection[str]) -> pd.DataFrame:
    found = spells(plans, table="plans")
    known = set(named(found, "kind").unique())
    if not known <= {"cpp", "cin"}:
        odd = ", ".join(sorted(map(str, known - {"cpp", "cin"})))
        raise BadData(f"“kind” of plans is “cpp” or “cin”; the table also holds: {odd}.")
    return found[found["kind"].isin(kinds)]


def started_plan(cohort: Cohort, plans: pd.DataFrame, *, months: int = 12, data_until: dt.date) -> Coded:
    """1 if a child protection plan began within the window; 0 if not. `plans`: child, kind, started_on, ended_on."""
    sample = _Sample(cohort)
    closes = sample.follow("referred_on", months, data_until)
    begun = _any(sample, _of_kind(plans, ["cpp"]), "started_on", sample.frame["referred_on"], closes)
    return sample.coded("started_plan", begun)


def returned(
    cohort: Cohort,
    plans: pd.DataFrame,
    episodes: pd.DataFrame,
    *,
    months: int = 36,
    data_until: dt.date,
    gap_days: int = 1,
    leave_out_care: bool = False,
) -> Coded:
    """1 if a child protection plan closed after the referral and any plan or care began afterwards, all in the window.

    A plan that begins on the day of the closing is a step down and no return; `gap_days=0` counts it. The protocol's
    table leaves out children who go into care, while its measure counts care as a return: `leave_out_care` is the
    other reading. Children whose plan never closes are coded 0.
    """
    sample, care, every = _Sample(cohort), periods_of_care(episodes), _of_kind(plans, ["cpp", "cin"])
    closes = sample.follow("referred_on", months, data_until)
    if leave_out_care:
        entered = _any(sample, care, "started_on", sample.frame["referred_on"], closes)
        sample.keep(entered == 0, "went into care")
        closes = months_after(sample.frame["referred_on"], months)
    ended = every[(every["kind"] == "cpp") & every["ended_on"].notna()].merge(
        sample.frame[["child", "referred_on"]], on="child"
    )
    first = ended[ended["ended_on"] >= ended["referred_on"]].groupby("child")["ended_on"].min()
    since = sample.frame["child"].map(first) + pd.Timedelta(days=gap_days)
    begun = pd.concat([every[["child", "started_on"]], care[["child", "started_on"]]])
    return sample.coded("returned", _any(sample, begun, "started_on", since, closes))


def plan_duration(
    cohort: Cohort,
    plans: pd.DataFrame,
    *,
    start_within: int = 12,
    cap_months: int = 24,
    data_until: dt.date,
) -> Coded:
    """Days on the first child protection plan that began within `start_within` months of the referral.

    Longer plans are cut at `cap_months` from their start and marked in `censored`. Children without such a plan, and
    plans that could not be followed for the whole time, are left out.
    """
    sample, cpp = _Sample(cohort), _of_kind(plans, ["cpp"])
    limits = pd.DataFrame(
        {
            "child": sample.frame["child"],
            "since": sample.frame["referred_on"],
            "before": months_after(sample.frame["referred_on"], start_within),
        }
    )
    near = cpp.merge(limits, on="child")
    near = near[(near["started_on"] >= near["since"]) & (near["started_on"] < near["before"])]
    first = near.drop_duplicates("child").set_index("child")
    sample.keep(sample.frame["child"].isin(first.index), f"no plan within {start_within} months")
    sample.frame = sample.frame.assign(
        started_on=sample.frame["child"].map(first["started_on"]),
        ended_on=sample.frame["child"].map(first["ended_on"]),
    )
    cap = sample.follow("started_on", cap_months, data_until)
    ended = sample.frame["ended_on"]
    censored = ended.isna() | (ended > cap)
    length = (ended.mask(censored, cap) - sample.frame["started_on"]).dt.days
    return sample.coded("plan_duration", length, censored=censored)


def days_on_plans(
    cohort: Cohort,
    plans: pd.DataFrame,
    *,
    months: int,
    kinds: Collection[str] = ("cpp",),
    data_until: dt.date,
) -> Coded:
    """Days within the window on any plan of these kinds, of every referral; 0 for children without a plan.

    A plan already open at the referral counts from the referral. Days on two plans at once count once. `censored` marks
    children who were on a plan on every day of the window.
    """
    sample = _Sample(cohort)
    closes = sample.follow("referred_on", months, data_until)
    windows = pd.DataFrame(
        {"child": sample.frame["child"], "since": sample.frame["referred_on"], "before": closes}
    )
    found = _of_kind(plans, kinds).merge(windows, on="child")
    found = (
        found.assign(
            start=found["started_on"].clip(lower=found["since"]),
            end=found["ended_on"].fillna(found["before"]).clip(upper=found["before"]),
        )
        .query("end > start")
        .sort_values(["child", "start"], kind="stable")
    )
    # What an earlier plan already covers is counted there.
    covered = found.groupby("child")["end"].cummax().groupby(found["child"]).shift()
    begin = found["start"].where(covered.isna() | (covered < found["start"]), covered)
    spent = (found["end"] - begin).dt.days.clip(lower=0).groupby(found["child"]).sum()
    value = sample.frame["child"].map(spent).fillna(0).astype(int)
    return sample.coded("days_on_plans", value, censored=value >= _length(sample, closes))


def _length(sample: _Sample, closes: pd.Series) -> pd.Series:
    return (closes - sample.frame["referred_on"]).dt.days


def care_proceedings(
    cohort: Cohort,
    meetings: pd.DataFrame,
    proceedings: pd.DataFrame,
    *,
    start_within: int = 18,
    weeks: int = 16,
    data_until: dt.date,
) -> Coded:
    """1 if care proceedings were issued within so many weeks of the first pre-proceedings meeting; 0 if not.

    `meetings`: child, met_on. `proceedings`: child, issued_on. The sample is children whose first meeting after the
    referral fell within `start_within` months of it.
    """
    sample = _Sample(cohort)
    met = meetings.assign(met_on=days(meetings, "met_on", table="pre-proceedings meetings"))
    issued = proceedings.assign(issued_on=days(proceedings, "issued_on", table="care proceedings"))
    joined = met[["child", "met_on"]].merge(sample.frame[["child", "referred_on"]], on="child")
    joined = joined[joined["met_on"] >= joined["referred_on"]]
    first = joined.groupby("child")["met_on"].min()
    met_on = sample.frame["child"].map(first)
    sample.frame = sample.frame.assign(met_on=met_on)
    near = met_on < months_after(sample.frame["referred_on"], start_within)
    sample.keep(near, f"no pre-proceedings within {start_within} months")
    reach = pd.Timedelta(weeks=weeks)
    over = sample.frame["met_on"] + reach <= pd.Timestamp(data_until) + pd.Timedelta(days=1)
    sample.keep(over, "follow-up not complete")
    start = sample.frame["met_on"]
    return sample.coded("care_proceedings", _any(sample, issued, "issued_on", start, start + reach))


def re_referred(cohort: Cohort, referrals: pd.DataFrame, *, months: int = 18, data_until: dt.date) -> Coded:
    """1 if another referral began after the first one and within the window, whatever its reason; 0 if not.

    For repeat referrals after substance misuse, mental health or domestic abuse make the cohort with these `factors`.
    """
    sample = _Sample(cohort)
    later = referrals.assign(referred_on=days(referrals, "referred_on", table="referrals"))
    closes = sample.follow("referred_on", months, data_until)
    since = sample.frame["referred_on"] + pd.Timedelta(days=1)
    return sample.coded("re_referred", _any(sample, later, "referred_on", since, closes))


def kinship_first(
    cohort: Cohort,
    episodes: pd.DataFrame,
    *,
    months: int = 18,
    data_until: dt.date,
    placements: Collection[str] = KINSHIP,
) -> Coded:
    """1 if the first placement of the first period of care was with relatives or friends; 0 if elsewhere.

    `episodes`: child, started_on, ended_on, placement. The sample is children who became looked after in the window.
    """
    sample, care = _Sample(cohort), periods_of_care(episodes)
    sample.keep(~_in_care(sample, care), "in care when referred")
    closes = sample.follow("referred_on", months, data_until)
    entered = _any(sample, care, "started_on", sample.frame["referred_on"], closes)
    sample.keep(entered == 1, "not looked after in the window")
    joined = care.merge(sample.frame[["child", "referred_on"]], on="child")
    first = joined[joined["started_on"] >= joined["referred_on"]].drop_duplicates("child").set_index("child")
    placement = sample.frame["child"].map(named(first, "placement"))
    sample.keep(placement.notna(), "placement not recorded")
    placement = sample.frame["child"].map(first["placement"])
    return sample.coded("kinship_first", placement.isin(list(placements)).astype(int))


def reunified(
    children: pd.DataFrame,
    episodes: pd.DataFrame,
    *,
    opens_on: dt.date,
    closes_on: dt.date,
    oldest: int = 17,
    months: int = 18,
    data_until: dt.date,
    reasons: Collection[str] = HOME,
) -> Coded:
    """1 if the child's first period of care that began in the trial period ended with a return home in the window.

    `children`: child, site, birth_on. `episodes`: child, started_on, ended_on, end_reason. Young people who turn 18 by
    the end of their care, or of the window while still in care, are left out. `referred_on` holds the first day of care.
    """
    from impact.cohorts import first_referrals

    care = periods_of_care(episodes)
    begun = care.rename(columns={"started_on": "referred_on"}).merge(children[["child", "site"]], on="child")
    sample = _Sample(first_referrals(begun, children, opens_on=opens_on, closes_on=closes_on, oldest=oldest))
    closes = sample.follow("referred_on", months, data_until)
    first = care.merge(sample.frame[["child", "referred_on"]], on="child").query("started_on == referred_on")
    first = first.set_index("child")
    ended = sample.frame["child"].map(first["ended_on"])
    adult_on = months_after(sample.frame["birth_on"], 18 * 12)
    sample.keep(adult_on > ended.fillna(closes).clip(upper=closes), "turned 18 in care")
    closes = months_after(sample.frame["referred_on"], months)
    ended = sample.frame["child"].map(first["ended_on"])
    home = sample.frame["child"].map(named(first, "end_reason")).isin(list(reasons))
    return sample.coded("reunified", (home & (ended < closes)).astype(int))


def absence(cohort: Cohort, sessions: pd.DataFrame, *, terms: int = 3) -> Coded:
    """Percent of possible sessions missed without authorisation, in the terms that begin next after the referral.

    `sessions`: child, term_starts_on, possible, unauthorised. The terms are those of the whole table, so that a child
    without a record in one has a gap and not a later term instead. `term` counts 1 to `terms`; `days_since` are the
    days from referral to term. Terms without possible sessions are left out. Raises BadData for more missed than possible.
    """
    found = sessions.assign(term_starts_on=days(sessions, "term_starts_on", table="school sessions"))
    if found.duplicated(["child", "term_starts_on"]).any():
        raise BadData("A child stands twice in the school sessions of one term.")
    if (named(found, "unauthorised") > named(found, "possible")).any() or (found["unauthorised"] < 0).any():
        raise BadData(
            "In the school sessions somebody missed fewer than 0 or more than all possible sessions."
        )
    calendar = pd.Series(sorted(found["term_starts_on"].unique()), dtype=found["term_starts_on"].dtype)
    joined = found.merge(cohort.frame[["child", "site", "referred_on"]], on="child")
    order = calendar.searchsorted(joined["term_starts_on"]) - calendar.searchsorted(
        joined["referred_on"], side="right"
    )
    joined = joined.assign(
        term=order + 1, days_since=(joined["term_starts_on"] - joined["referred_on"]).dt.days
    )
    joined = joined[joined["term"].between(1, terms)]
    empty = joined["possible"] == 0
    kept = joined[~empty].sort_values(["child", "term"], ignore_index=True)
    value = 100 * kept["unauthorised"] / kept["possible"]
    frame = kept[["child", "site", "referred_on", "term", "days_since"]].assign(value=value)
    without = len(set(cohort.frame["child"]) - set(kept["child"]))
    left_out = {"terms without possible sessions": int(empty.sum()), "children without a term": without}
    return Coded("absence", frame, {why: n for why, n in left_out.items() if n})


def assessment_days(cohort: Cohort, assessments: pd.DataFrame, *, data_until: dt.date) -> Coded:
    """Working days (Monday to Friday) from the start to the end of the first assessment after the referral.

    `assessments`: child, referred_on, started_on, ended_on. Bank holidays count, as nobody says which ones a local
    authority keeps. Children without an assessment, or with one that was open at the end of the data, are left out.
    The first outcome of the difference-in-differences in the Signs of Safety evaluation (2020, appendix 10).
    """
    import numpy as np

    sample = _Sample(cohort)
    found = spells(assessments, table="assessments")
    found = found.assign(referred_on=days(found, "referred_on", table="assessments"))
    first = found.drop_duplicates(["child", "referred_on"])[
        ["child", "referred_on", "started_on", "ended_on"]
    ]
    sample.frame = sample.frame.merge(first, on=["child", "referred_on"], how="left")
    sample.keep(sample.frame["started_on"].notna(), "no assessment")
    is_over = sample.frame["ended_on"] <= pd.Timestamp(data_until)
    sample.keep(is_over, "assessment not over")
    start, end = (
        sample.frame[name].to_numpy().astype("datetime64[D]") for name in ("started_on", "ended_on")
    )
    return sample.coded("assessment_days", pd.Series(np.busday_count(start, end)))
