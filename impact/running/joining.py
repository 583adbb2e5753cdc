"""Covariates of a sample: joined from their tables, screened, and made into numbers without gaps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from exports.digits import printed
from impact import covariates
from impact.cohorts import days
from impact.columns import named
from impact.errors import BadData
from impact.estimate import Note
from impact.plans import Covariate
from impact.running.inputs import Inputs

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["completed", "joined", "screened", "site_month"]

AGES = {"age", "age_months"}
ROW = ("pair", "child", "term")  # what names a row of a sample, as far as it has these columns


def joined(frame: pd.DataFrame, inputs: Inputs, wanted: Sequence[Covariate]) -> pd.DataFrame:
    """The frame with these columns. Raises BadData for a name that is taken or that no table has."""
    children = inputs.table("children")
    for covariate in wanted:
        name = covariate.name
        if name in frame.columns:
            raise BadData(f"“{name}” cannot be a covariate: the sample has a column of that name.")
        if name in AGES:
            months = _age_months(frame, children)
            values = months if name == "age_months" else months // 12
        elif covariate.of == "child":
            values = frame["child"].map(
                children.drop_duplicates("child").set_index("child").pipe(named, name)
            )
        elif covariate.of == "referral":
            values = _of_referral(frame, inputs.table("referrals"), name)
        else:
            values = site_month(frame, inputs, name)
        frame = frame.assign(**{name: values})
    return frame


def _of_referral(frame: pd.DataFrame, referrals: pd.DataFrame, name: str) -> pd.Series:
    """The column at the referral that brought the child in; missing where there is none on that day."""
    known = referrals.assign(
        referred_on=days(referrals, "referred_on", table="referrals"), wanted=named(referrals, name)
    ).drop_duplicates(["child", "referred_on"])
    keys = ["child", "referred_on"]
    found = frame[keys].merge(known[[*keys, "wanted"]], on=keys, how="left")
    return found["wanted"].set_axis(frame.index)


def site_month(frame: pd.DataFrame, inputs: Inputs, name: str) -> pd.Series:
    """The newest value of the site from a month that began before the referral."""
    import pandas as pd

    months = inputs.table("site_months")
    months = months.assign(
        month_on=days(months, "month_on", table="site_months").astype("datetime64[ns]"),
        wanted=named(months, name),
    )
    left = frame[["site", "referred_on"]].astype({"referred_on": "datetime64[ns]"}).reset_index()
    newest = pd.merge_asof(
        left.sort_values("referred_on", kind="stable"),
        months[["site", "month_on", "wanted"]].sort_values("month_on", kind="stable"),
        left_on="referred_on",
        right_on="month_on",
        by="site",
        allow_exact_matches=False,
    ).set_index("index")
    return newest["wanted"].reindex(frame.index)


def _age_months(frame: pd.DataFrame, children: pd.DataFrame) -> pd.Series:
    born = days(children, "birth_on", table="children").groupby(children["child"]).first()
    birth = frame["child"].map(born)
    on = frame["referred_on"]
    months: pd.Series = (on.dt.year - birth.dt.year) * 12 + on.dt.month - birth.dt.month
    months -= (on.dt.day < birth.dt.day).astype(int)
    return months.clip(lower=0)


def screened(frame: pd.DataFrame, inputs: Inputs) -> tuple[pd.DataFrame, list[Covariate], tuple[Note, ...]]:
    """The frame with the covariates that are not missing too often, which they are, and a note on those left out.

    The share is that of the sample before matching, as the protocols read.
    """
    plan = inputs.plan.covariates
    frame = joined(frame, inputs, plan.columns)
    found = covariates.screen(frame, [c.name for c in plan.columns], limit_share=plan.drop_above_share)
    gone = [one.name for one in found.dropped]
    notes: tuple[Note, ...] = ()
    if gone:
        text = (
            f"Left out, because more than {printed(100 * plan.drop_above_share, 'g')}% of {len(frame)} rows before any matching "
            f"lack them: {', '.join(gone)}."
        )
        notes = (Note("covariates_dropped", text),)
    return frame.drop(columns=gone), [c for c in plan.columns if c.name not in gone], notes


def completed(
    frame: pd.DataFrame, kept: list[Covariate], inputs: Inputs
) -> tuple[tuple[pd.DataFrame, ...], tuple[str, ...], tuple[Note, ...]]:
    """The frame, or one for each imputation, with numeric covariates without gaps; their names; notes."""
    plan, names = inputs.plan.covariates, [c.name for c in kept]
    if plan.missing == "imputation" and frame[names].isna().any().any():
        made = covariates.impute(
            frame,
            [*names, "value", "treated", "period"],
            seed=inputs.plan.seed,
            keys=[name for name in ROW if name in frame.columns and name not in names],
            n_imputations=plan.imputations,
        )
        designs = [_numeric(filled, kept) for filled in made.frames]
        # A category that one imputation lacks would otherwise be a column that the others do not have.
        shared = tuple(name for name in designs[0][1] if all(name in design[1] for design in designs))
        return tuple(design[0] for design in designs), shared, made.notes
    is_trial = all(site.live.used for site in inputs.sites.sites)
    marked = covariates.missing_indicators(frame, names, is_randomised=is_trial)
    flags = [Covariate(name=name, kind="number") for name in marked.names if name not in names]
    filled, columns = _numeric(_as_frame(marked.values), [*kept, *flags])
    return (filled,), columns, marked.notes


def _as_frame(values: pd.DataFrame | pd.Series) -> pd.DataFrame:
    import pandas as pd

    assert isinstance(values, pd.DataFrame)
    return values


def _numeric(frame: pd.DataFrame, kept: list[Covariate]) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Numbers as they are, and a column for each category but the most frequent; constant columns are left out."""
    made: dict[str, pd.Series] = {}
    for covariate in kept:
        column = frame[covariate.name]
        if covariate.kind == "number":
            try:
                made[covariate.name] = column.astype(np.float64)
            except (TypeError, ValueError):
                raise BadData(f"“{covariate.name}” is a number in the plan, but holds words.") from None
            continue
        words = column.astype(str)
        counts = {str(word): int(n) for word, n in words.value_counts().items()}
        base = min(
            counts, key=lambda word: (-counts[word], word)
        )  # of equally frequent ones the first by name
        made |= {
            f"{covariate.name}: {category}": (words == category).astype(np.float64)
            for category in sorted(counts)
            if category != base
        }
    made = {name: column for name, column in made.items() if column.nunique() > 1}
    return frame.drop(columns=[c.name for c in kept]).assign(**made), tuple(made)
