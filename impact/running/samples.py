"""One row a child (absence: a child and term) with outcome, time, treatment and covariates, ready for a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from impact import coarsening, covariates
from impact.bundles import Figures
from impact.cohorts import days
from impact.columns import named
from impact.errors import BadData
from impact.estimate import Note
from impact.plans import AnalysisPlan, Covariate, OutcomePlan, Plan
from impact.running.inputs import Inputs, coded

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Sample", "drawn"]


@dataclass(frozen=True)
class Sample:
    """What a model reads. `frames` is one frame, or one for each imputation; `covariates` are its numeric columns.

    Columns of each frame: child, site, referred_on, value, period (0, 1, …), treated, first (the site's first treated
    period, NaN for comparisons), what the outcome adds, and the covariates.
    """

    outcome: OutcomePlan
    frames: tuple[pd.DataFrame, ...]
    covariates: tuple[str, ...]
    left_out: dict[str, int]
    notes: tuple[Note, ...]
    is_weighted: bool = False
    diagnostics: dict[str, float | str | None] = field(default_factory=dict)
    figures: tuple[Figures, ...] = ()

    @property
    def frame(self) -> pd.DataFrame:
        """The first frame, for counts and for models without covariates."""
        return self.frames[0]


def drawn(inputs: Inputs, outcome: OutcomePlan, analysis: AnalysisPlan) -> Sample:
    """The sample of an outcome under the exclusions and covariates of an analysis. Raises BadData."""
    found, left_out = coded(inputs, outcome)
    left_out = {**left_out, **found.left_out}
    inputs.known_sites(found.frame["site"])
    frame = _timed(found.frame, inputs)
    if analysis.leave_out_sites:
        gone = frame["site"].isin(analysis.leave_out_sites)
        left_out["at a site that this analysis leaves out"] = int(gone.sum())
        frame = frame[~gone]
    if analysis.leave_out_embedding:
        gone = _embedding(frame, inputs)
        left_out["referred while the programme was embedding"] = int(gone.sum())
        frame = frame[~gone]
    if frame.empty:
        raise BadData(f"Nobody is left for the outcome “{outcome.id}”.")
    frame = frame.reset_index(drop=True)
    matched = Sample(outcome, (frame,), (), left_out, ())
    if analysis.matched:
        matched = _matched(frame, outcome, left_out, inputs)
    if not analysis.covariates or not inputs.plan.covariates.columns:
        return matched
    frames, names, notes = _with_covariates(matched.frame, inputs)
    return replace(matched, frames=frames, covariates=names, notes=(*matched.notes, *notes))


def period_of(dates: pd.Series, plan: Plan) -> pd.Series:
    """The period of each date, from 0: whole steps of `period_months` since the trial opened, by the calendar."""
    opens = plan.trial.opens_on
    months = (dates.dt.year - opens.year) * 12 + dates.dt.month - opens.month - (dates.dt.day < opens.day)
    periods: pd.Series = months // plan.trial.period_months
    return periods


def _timed(frame: pd.DataFrame, inputs: Inputs) -> pd.DataFrame:
    import pandas as pd

    lives = pd.Series(
        {site.code: pd.Timestamp(site.live.used) if site.live.used else pd.NaT for site in inputs.sites.sites}
    )
    live = frame["site"].map(pd.to_datetime(lives))
    first = period_of(live.dropna(), inputs.plan).reindex(live.index)
    return frame.assign(
        period=period_of(frame["referred_on"], inputs.plan).astype(np.int64),
        treated=(live.notna() & (frame["referred_on"] >= live)).astype(np.float64),
        live_on=live,
        first=first.astype(np.float64),
    )


def _embedding(frame: pd.DataFrame, inputs: Inputs) -> pd.Series:
    """Children who entered in the days between the first steps of the programme and its start."""
    import pandas as pd

    inside = pd.Series(False, index=frame.index)
    for site in inputs.sites.sites:
        if site.embedding:
            window = frame["referred_on"].between(
                pd.Timestamp(site.embedding.from_), pd.Timestamp(site.embedding.until), inclusive="left"
            )
            inside |= (frame["site"] == site.code) & window
    return inside


def _matched(frame: pd.DataFrame, outcome: OutcomePlan, left_out: dict[str, int], inputs: Inputs) -> Sample:
    """Matched children of each treated site and its comparison sites, with the column `weight`.

    A comparison site of two treated sites stands in both pairs, as matching with replacement wants it.
    """
    import pandas as pd

    plan = inputs.plan.matching
    assert plan is not None
    pairs = plan.of(outcome.id)
    if not pairs:
        raise BadData(f"The plan has no matched sites for the outcome “{outcome.id}”.")
    frame = _joined(frame, inputs, extra=plan.columns)
    parts = [
        frame[frame["site"].isin([site, *others])].assign(
            pair=site, is_pilot=(frame["site"] == site).astype(float)
        )
        for site, others in pairs.items()
    ]
    stacked = pd.concat(parts, ignore_index=True)
    keys = stacked[list(plan.columns)].copy()
    for name in keys:
        if not pd.api.types.is_numeric_dtype(keys[name]):
            keys[name] = keys[name].astype(object).where(keys[name].notna(), "Missing")
    found = coarsening.match(
        stacked["is_pilot"],
        keys,
        within=stacked[["pair", "period"]],
        cutpoints=plan.cutpoints,
        rule="exact",
    )
    before = coarsening.balance(stacked["is_pilot"], keys)
    after = coarsening.balance(stacked["is_pilot"], keys, weights=found.weights)
    rows = tuple(
        (one.name, one.standardised_difference, two.standardised_difference)
        for one, two in zip(before, after, strict=True)
    )
    imbalance = [
        coarsening.imbalance(stacked["is_pilot"], keys, cutpoints=plan.cutpoints, weights=w)
        for w in (None, found.weights)
    ]
    lost = int((found.weights == 0).sum())
    kept = stacked.assign(weight=found.weights)[found.weights > 0].reset_index(drop=True)
    return Sample(
        outcome,
        (kept.drop(columns=["is_pilot", *[c for c in plan.columns if c in kept]]),),
        (),
        {**left_out, "without a match (rows of pairs)": lost},
        found.notes,
        is_weighted=True,
        diagnostics={
            "treated children matched, percent": 100 * found.matched_treated_share,
            "L1 before matching": imbalance[0].l1,
            "L1 after matching": imbalance[1].l1,
            "local common support before, percent": imbalance[0].local_common_support_percent,
            "local common support after, percent": imbalance[1].local_common_support_percent,
        },
        figures=(Figures(kind="balance", columns=("covariate", "before", "after"), rows=rows),),
    )


def _with_covariates(
    frame: pd.DataFrame, inputs: Inputs
) -> tuple[tuple[pd.DataFrame, ...], tuple[str, ...], tuple[Note, ...]]:
    plan = inputs.plan.covariates
    frame = _joined(frame, inputs)
    screened = covariates.screen(frame, [c.name for c in plan.columns], limit_share=plan.drop_above_share)
    kept = [c for c in plan.columns if c.name in {one.name for one in screened.kept}]
    names = [c.name for c in kept]
    frame = frame.drop(columns=[one.name for one in screened.dropped])
    if plan.missing == "imputation" and frame[names].isna().any().any():
        made = covariates.impute(
            frame,
            [*names, "value", "treated", "period"],
            seed=inputs.plan.seed,
            n_imputations=plan.imputations,
        )
        designs = [_numeric(filled, kept) for filled in made.frames]
        # A category that one imputation lacks would otherwise be a column that the others do not have.
        shared = tuple(name for name in designs[0][1] if all(name in design[1] for design in designs))
        return tuple(design[0] for design in designs), shared, (*screened.notes, *made.notes)
    is_trial = all(site.live.used for site in inputs.sites.sites)
    marked = covariates.missing_indicators(frame, names, is_randomised=is_trial)
    flags = [Covariate(name=name, kind="number") for name in marked.names if name not in names]
    filled, columns = _numeric(_as_frame(marked.values), [*kept, *flags])
    return (filled,), columns, (*screened.notes, *marked.notes)


def _as_frame(values: pd.DataFrame | pd.Series) -> pd.DataFrame:
    import pandas as pd

    assert isinstance(values, pd.DataFrame)
    return values


def _joined(frame: pd.DataFrame, inputs: Inputs, *, extra: Sequence[str] = ()) -> pd.DataFrame:
    """The covariates of children, and of the newest month of the site before the referral; or the columns `extra`."""
    import pandas as pd

    children, months = inputs.table("children"), None
    wanted = [Covariate(name=name, kind="number") for name in extra] or inputs.plan.covariates.columns
    for covariate in wanted:
        if covariate.name in frame.columns:
            raise BadData(f"“{covariate.name}” cannot be a covariate: the sample has a column of that name.")
        if covariate.name in {"age_months", "age"}:
            months_old = _age_months(frame, children)
            frame = frame.assign(
                **{covariate.name: months_old if covariate.name == "age_months" else months_old // 12}
            )
        elif covariate.of == "child":
            values = children.drop_duplicates("child").set_index("child")
            frame = frame.assign(**{covariate.name: frame["child"].map(named(values, covariate.name))})
        else:
            table = inputs.table("site_months") if months is None else months
            months = table.assign(
                month_on=days(table, "month_on", table="site_months").astype("datetime64[ns]")
            )
            newest = pd.merge_asof(
                frame[["site", "referred_on"]]
                .astype({"referred_on": "datetime64[ns]"})
                .reset_index()
                .sort_values("referred_on"),
                months[["site", "month_on", named(months, covariate.name).name]].sort_values("month_on"),
                left_on="referred_on",
                right_on="month_on",
                by="site",
                allow_exact_matches=False,
            ).set_index("index")
            frame = frame.assign(**{covariate.name: newest[covariate.name]})
    return frame


def _age_months(frame: pd.DataFrame, children: pd.DataFrame) -> pd.Series:
    born = frame["child"].map(children.drop_duplicates("child").set_index("child")["birth_on"])
    months: pd.Series = (frame["referred_on"].dt.year - born.dt.year) * 12
    months += frame["referred_on"].dt.month - born.dt.month
    months -= (frame["referred_on"].dt.day < born.dt.day).astype(int)
    return months.clip(lower=0)


def _numeric(frame: pd.DataFrame, kept: list[Covariate]) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Numbers as they are, and a column for each category but the most frequent; constant columns are left out."""
    made: dict[str, pd.Series] = {}
    for covariate in kept:
        column = frame[covariate.name]
        if covariate.kind == "number":
            made[covariate.name] = column.astype(np.float64)
            continue
        counts = column.value_counts()
        made |= {
            f"{covariate.name}: {category}": (column == category).astype(np.float64)
            for category in sorted(counts.index[1:], key=str)
        }
    made = {name: column for name, column in made.items() if column.nunique() > 1}
    return frame.drop(columns=[c.name for c in kept]).assign(**made), tuple(made)
