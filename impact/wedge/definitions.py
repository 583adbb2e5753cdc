"""Other definitions of treatment, and children who entered while the programme was being brought in."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from impact.columns import named
from impact.errors import BadData
from impact.estimate import Note

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FOUR_WEEKS", "OpenTime", "Outside", "outside_embedding", "treated_by_open_time"]

FOUR_WEEKS = 28

IMMORTAL_TIME = Note(
    "immortal_time",
    "This definition of treatment uses what happened after the referral. A child has to stay open long enough to be counted as "
    "treated, and what keeps a referral open, or closes it, is tied to the outcome (immortal time). Read it as a description, "
    "not as an effect.",
)


@dataclass(frozen=True)
class OpenTime:
    """`frame`: child, days_open, days_treated and treated (0/1), one row a child. Print its note with every result."""

    frame: pd.DataFrame
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class Outside:
    """Which rows to keep, shape (n,), and how many of each site were left out."""

    keep: npt.NDArray[np.bool_]
    left_out: dict[str, int]
    notes: tuple[Note, ...]


def treated_by_open_time(
    referrals: pd.DataFrame,
    live: Mapping[str, dt.date | None],
    *,
    rule: Literal["half", "four_weeks"],
    opens_on: dt.date,
    closes_on: dt.date,
) -> OpenTime:
    """“half”: treated if at least half of a child's open days in the trial period fell on or after the site's live date.
    “four_weeks”: if at least 28 of them did.

    `referrals`: child, site, referred_on, closed_on (missing while open), every referral of a child. Days run from the
    referral to the day before closing, at least one; they are cut to `opens_on` up to the day before `closes_on`, and a day on
    which two referrals are open counts once. A site without a live date (None) treats nobody. Children without an open day in
    the period are not in the answer. Raises BadData for a site that `live` does not name, a referral that closes before it
    opens, and missing dates. Source: treatment definitions of the stepped-wedge protocol (64 days open, 32 after: treated).
    """
    import pandas as pd

    from impact.cohorts import days  # needs pandas, which costs more than the rest of this package

    if rule not in ("half", "four_weeks"):
        raise BadData(f"The rule must be “half” or “four_weeks”, not “{rule}”.")
    start = days(referrals, "referred_on", table="referrals")
    end = days(referrals, "closed_on", table="referrals", may_be_open=True).fillna(pd.Timestamp(closes_on))
    backwards = (days(referrals, "closed_on", table="referrals", may_be_open=True) < start).to_numpy()
    if backwards.any():
        raise BadData(
            f"{int(backwards.sum())} referrals close before they open, first in row {backwards.argmax() + 1}."
        )
    site = named(referrals, "site")
    unknown = sorted(set(site) - set(live))
    if unknown:
        raise BadData(f"There is no live date for the site “{unknown[0]}”; give None if it never goes live.")
    from_live = pd.to_datetime(site.map(dict(live)))
    first, last = pd.Timestamp(opens_on), pd.Timestamp(closes_on)
    end = end.where(end > start, start + pd.Timedelta(days=1))
    spells = pd.DataFrame(
        {
            "child": named(referrals, "child"),
            "start": start.where(start > first, first),
            "end": end.where(end < last, last),
        }
    )
    after = spells.assign(start=spells["start"].where(spells["start"] > from_live, from_live))
    total, treated = _days_covered(spells), _days_covered(after.dropna())
    frame = pd.DataFrame({"days_open": total})
    frame["days_treated"] = treated.reindex(frame.index).fillna(0).astype(int)
    enough = (
        2 * frame["days_treated"] >= frame["days_open"]
        if rule == "half"
        else frame["days_treated"] >= FOUR_WEEKS
    )
    frame["treated"] = enough.astype(float)
    return OpenTime(frame.reset_index(), (IMMORTAL_TIME,))


def outside_embedding(
    referred_on: npt.ArrayLike, site: npt.ArrayLike, windows: Mapping[str, tuple[dt.date, dt.date]]
) -> Outside:
    """Which children were not referred while their site was bringing the programme in: from the first day, before the second.

    Shapes: (n,) both. A site without a window keeps everybody. Raises BadData for a window that ends before it starts or that
    belongs to no site in the data, and for missing dates. Source: sensitivity analysis of the difference-in-differences
    protocol.
    """
    import pandas as pd

    from impact.cohorts import days  # needs pandas, as above

    entry = days(pd.DataFrame({"referred_on": referred_on}), "referred_on", table="the children")
    where = np.asarray(site).astype(str)
    if len(where) != len(entry):
        raise BadData(f"“site” has {len(where)} rows, “referred_on” has {len(entry)}.")
    keep = np.ones(len(entry), dtype=bool)
    left_out = {}
    for name, (first, until) in windows.items():
        if name not in where:
            raise BadData(f"The embedding window of “{name}” belongs to no site in the data.")
        if until <= first:
            raise BadData(f"The embedding window of “{name}” ends before it starts.")
        inside = (where == name) & ((entry >= pd.Timestamp(first)) & (entry < pd.Timestamp(until))).to_numpy()
        left_out[name] = int(inside.sum())
        keep &= ~inside
    text = f"{int((~keep).sum())} of {len(keep)} children entered while their site was embedding the programme and are left out."
    return Outside(keep, left_out, (Note("embedding_left_out", text),))


def _days_covered(spells: pd.DataFrame) -> pd.Series:
    """Days covered by at least one spell, by child; spells without a day are dropped."""
    found = spells[spells["end"] > spells["start"]].sort_values(["child", "start"], kind="stable")
    # What an earlier spell already covers is counted there.
    covered = found.groupby("child")["end"].cummax().groupby(found["child"]).shift()
    begin = found["start"].where(covered.isna() | (covered < found["start"]), covered)
    return (found["end"] - begin).dt.days.clip(lower=0).groupby(found["child"]).sum()
