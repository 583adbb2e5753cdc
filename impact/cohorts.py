"""Who is in the analysis, from tables of events: first referrals in the trial period, ages, and what was left out and why.

Dates are days. A window of n months opens on its first day and closes before the same day n months later, cut to the
month's last day: 18 months from 31 August 2021 close before 28 February 2023.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from impact.columns import named
from impact.errors import BadData

if TYPE_CHECKING:
    import datetime as dt

__all__ = [
    "Cohort",
    "completed_years",
    "days",
    "first_referrals",
    "months_after",
    "periods_of_care",
    "spells",
]

_REST = "\x1f"  # a name that no column has
FAR_OFF = pd.Timestamp("2200-01-01")  # where an open spell is said to end while spells are compared
# A child may be referred before birth; a date of birth later than this after the referral is a mistake.
LONGEST_BEFORE_BIRTH = pd.Timedelta(days=300)


@dataclass(frozen=True)
class Cohort:
    """One row a child in `frame`: child, site, referred_on, birth_on, age (completed years), age_months.

    `left_out` says for how many referred children each reason applied; the reasons exclude each other.
    """

    frame: pd.DataFrame
    left_out: dict[str, int]


def days(frame: pd.DataFrame, name: str, *, table: str, may_be_open: bool = False) -> pd.Series:
    """A column of dates without times. Raises BadData that names table, column and row for what is no date.

    Words are dates as year-month-day only: 03/04/2021 is April in one country and March in another. Bare numbers are none.
    """
    column = named(frame, name)
    try:
        if pd.api.types.is_numeric_dtype(column) and column.notna().any():
            raise TypeError
        found = pd.to_datetime(column, errors="raise", format="ISO8601").dt.normalize()
        if found.dt.tz is not None:
            raise TypeError
    except (ValueError, TypeError, AttributeError):
        text = f"“{name}” of {table} holds something that is not a date such as 2021-04-30."
        raise BadData(text) from None
    if not may_be_open and found.isna().any():
        row = int(found.isna().to_numpy().argmax()) + 1
        raise BadData(
            f"“{name}” of {table} is missing in {int(found.isna().sum())} rows, first in row {row}."
        )
    return found


def months_after(dates: pd.Series, months: int) -> pd.Series:
    """The day on which a window of so many months closes."""
    return dates + pd.DateOffset(months=months)


def spells(frame: pd.DataFrame, *, table: str) -> pd.DataFrame:
    """child, started_on, ended_on (NaT while open) and all other columns, by child, start and end.

    Spells of the same days go by what else is recorded of them, so that the order of the file chooses no placement.
    Raises BadData for a spell that ends before it starts. A spell is half-open: its last day is not counted.
    """
    found = frame.assign(
        child=named(frame, "child"),
        started_on=days(frame, "started_on", table=table),
        ended_on=days(frame, "ended_on", table=table, may_be_open=True),
    )
    backwards = (found["ended_on"] < found["started_on"]).to_numpy()
    if backwards.any():
        raise BadData(
            f"{int(backwards.sum())} rows of {table} end before they start, first row {backwards.argmax() + 1}."
        )
    keys = ["child", "started_on", "ended_on"]
    alike = found.duplicated(keys, keep=False)
    others = [found[name] for name in sorted(found.columns, key=str) if name not in keys]
    if not alike.any() or not others:
        return found.sort_values(keys, kind="stable", ignore_index=True)
    rest = ["\x1f".join(map(str, row)) if same else "" for same, *row in zip(alike, *others, strict=True)]
    ordered = found.assign(**{_REST: rest}).sort_values([*keys, _REST], kind="stable", ignore_index=True)
    return ordered.drop(columns=_REST)


def periods_of_care(episodes: pd.DataFrame) -> pd.DataFrame:
    """Episodes of care joined to periods: an episode that begins on the day another ends is the same period.

    Local authorities record a new episode at every change of placement or legal status (SSDA903 return), which is
    no new entry into care. Each period keeps its first episode's `placement` and the `end_reason` of the one that ends
    last, where there are such columns. An open episode ends nothing: later episodes of the child belong to its period.
    """
    found = spells(episodes, table="care episodes")
    end = found["ended_on"].fillna(FAR_OFF)
    before = end.groupby(found["child"]).cummax().groupby(found["child"]).shift()
    period = (before.isna() | (found["started_on"] > before)).cumsum()
    keep = [name for name in ("child", "started_on", "placement") if name in found.columns]
    joined = found.loc[~period.duplicated(), keep].set_index(period[~period.duplicated()])
    # The row that ends last, not the one that starts last: a short episode may lie inside a longer one.
    last = found.assign(end=end).sort_values("end", kind="stable").groupby(period).tail(1)
    last = last.set_index(period[last.index])
    joined["ended_on"] = last["ended_on"]
    if "end_reason" in found.columns:
        joined["end_reason"] = last["end_reason"]
    return joined.reset_index(drop=True)


def completed_years(birth: pd.Series, on: pd.Series) -> pd.Series:
    """Age in completed years; somebody born on 29 February has their birthday on 1 March in other years."""
    before = (on.dt.month < birth.dt.month) | ((on.dt.month == birth.dt.month) & (on.dt.day < birth.dt.day))
    years: pd.Series = on.dt.year - birth.dt.year - before.astype(int)
    return years


def _completed_months(birth: pd.Series, on: pd.Series) -> pd.Series:
    months: pd.Series = (on.dt.year - birth.dt.year) * 12 + on.dt.month - birth.dt.month
    months -= (on.dt.day < birth.dt.day).astype(int)
    return months


def first_referrals(
    referrals: pd.DataFrame,
    children: pd.DataFrame,
    *,
    opens_on: dt.date,
    closes_on: dt.date,
    oldest: int,
    assessments: pd.DataFrame | None = None,
    factors: Collection[str] = (),
) -> Cohort:
    """Each child's first referral on or after `opens_on` and before `closes_on`, aged up to `oldest` at that time.

    `referrals`: child, site, referred_on. `children`: child, birth_on, one row each. With `factors`, a referral counts
    only if an assessment of it (`assessments`: child, referred_on, factors as a list) found one of them; earlier ones
    are passed over, as the trial's fifth secondary outcome wants. A child referred before birth counts as aged 0.

    Raises BadData for a child without a row or with two, for a birth more than 300 days after a referral, and for a
    child referred at two sites on the same first day.
    """
    found = referrals.assign(
        child=named(referrals, "child"),
        site=named(referrals, "site"),
        referred_on=days(referrals, "referred_on", table="referrals"),
    )[["child", "site", "referred_on"]].drop_duplicates()
    everybody = found["child"].nunique()
    found = found[
        found["referred_on"].between(pd.Timestamp(opens_on), pd.Timestamp(closes_on), inclusive="left")
    ]
    in_period = found["child"].nunique()
    if factors:
        if assessments is None:
            raise BadData("Factors were named, but there is no table of assessments to find them in.")
        found = found.merge(_with_factor(assessments, factors), on=["child", "referred_on"])
    with_factor = found["child"].nunique()
    first = found[found["referred_on"] == found.groupby("child")["referred_on"].transform("min")]
    _one_site(first)
    first = _with_ages(first, children)
    too_old = first["age"] > oldest
    left_out = {
        "referred outside the trial period": everybody - in_period,
        "no assessment found one of the factors": in_period - with_factor,
        f"older than {oldest}": int(too_old.sum()),
    }
    return Cohort(first[~too_old].reset_index(drop=True), {why: n for why, n in left_out.items() if n})


def _with_factor(assessments: pd.DataFrame, factors: Collection[str]) -> pd.DataFrame:
    wanted = set(factors)
    has_one = named(assessments, "factors").map(lambda listed: bool(wanted & set(listed)))
    found = assessments.assign(referred_on=days(assessments, "referred_on", table="assessments"))
    return found.loc[has_one, ["child", "referred_on"]].drop_duplicates()


def _one_site(first: pd.DataFrame) -> None:
    twice = first["child"].duplicated(keep=False)
    if twice.any():
        raise BadData(
            f"{first.loc[twice, 'child'].nunique()} children were referred at two sites on the day of their first"
            " referral. Say in the data which site the referral belongs to."
        )


def _with_ages(first: pd.DataFrame, children: pd.DataFrame) -> pd.DataFrame:
    born = children.assign(
        child=named(children, "child"), birth_on=days(children, "birth_on", table="children")
    )
    if born["child"].duplicated().any():
        raise BadData(
            f"{int(born['child'].duplicated().sum())} children stand twice in the table of children."
        )
    known = first.merge(born[["child", "birth_on"]], on="child", how="left")
    if known["birth_on"].isna().any():
        raise BadData(
            f"{int(known['birth_on'].isna().sum())} referred children are not in the table of children."
        )
    late = known["birth_on"] > known["referred_on"] + LONGEST_BEFORE_BIRTH
    if late.any():
        raise BadData(f"{int(late.sum())} children were born more than 300 days after their referral.")
    age = completed_years(known["birth_on"], known["referred_on"]).clip(lower=0)
    months = _completed_months(known["birth_on"], known["referred_on"]).clip(lower=0)
    return known.assign(age=age, age_months=months)
