"""One row a child (absence: a child and term) with outcome, time, treatment and covariates, ready for a model."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from impact import wedge
from impact.bundles import Figures
from impact.errors import BadData
from impact.estimate import Note
from impact.plans import AnalysisPlan, Covariate, OutcomePlan
from impact.running.inputs import Inputs
from impact.running.joining import completed, screened, site_month
from impact.running.pairs import paired

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Sample", "drawn", "period_of"]


@dataclass(frozen=True)
class Sample:
    """What a model reads. `frames` is one frame, or one for each imputation; `covariates` are its numeric columns.

    Columns of each frame: child, site, referred_on, value, period (0, 1, …), treated (as the analysis defines it), first
    (the site's first treated period, NaN for comparisons), what the outcome adds, the covariates, `by` where the
    analysis asks for it, and with matching pair, post and weight.
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

    @property
    def unit(self) -> str:
        """The unit of effects on the outcome."""
        is_percent = self.outcome.is_binary or self.outcome.coding == "absence"
        return "percentage points" if is_percent else "days"

    @property
    def is_repeated(self) -> bool:
        """Whether a child has several rows."""
        return self.outcome.coding == "absence"


def drawn(inputs: Inputs, outcome: OutcomePlan, analysis: AnalysisPlan) -> Sample:
    """The sample of an outcome under the exclusions and covariates of an analysis. Raises BadData."""
    found, notes = inputs.coded(outcome)
    frame, left_out = found.frame, dict(found.left_out)
    if analysis.referred_from is not None:
        early = frame["referred_on"].dt.date < analysis.referred_from
        left_out[f"before {analysis.referred_from}"] = int(frame.loc[early, "child"].nunique())
        frame = frame[~early]
    if analysis.leave_out_sites:
        gone = frame["site"].isin(analysis.leave_out_sites)
        left_out["at a site that is left out"] = int(frame.loc[gone, "child"].nunique())
        frame = frame[~gone]
    if analysis.leave_out_embedding:
        frame, lost = _without_embedding(frame, inputs)
        left_out["referred while the programme was embedding"] = lost
    if frame.empty:
        raise BadData(f"Nobody is left for the outcome “{outcome.id}”.")
    frame, more = _timed(frame.reset_index(drop=True), inputs, analysis)
    notes = (*notes, *more)
    if analysis.by is not None:
        frame = _with_by(frame, analysis.by, inputs)
    kept: list[Covariate] = []
    if analysis.has_covariates and inputs.plan.covariates.columns:
        frame, kept, more = screened(frame, inputs)
        notes = (*notes, *more)
    diagnostics: dict[str, float | str | None] = {}
    figures: tuple[Figures, ...] = ()
    if analysis.matched:
        # Covariates step aside: a column may serve both, as it is for the model and coarsened for the matching.
        aside = {covariate.name: f"model: {covariate.name}" for covariate in kept}
        settles = analysis.leave_out_embedding and not analysis.site_effects
        pairs = paired(
            frame.rename(columns=aside),
            outcome.id,
            inputs,
            left_out=analysis.leave_out_sites,
            settles=settles,
        )
        frame = pairs.frame.rename(columns={new: old for old, new in aside.items()})
        left_out["without a match (each pair of sites counted)"] = pairs.n_lost
        diagnostics, figures, notes = pairs.diagnostics, pairs.figures, (*notes, *pairs.notes)
    frames: tuple[pd.DataFrame, ...] = (frame,)
    names: tuple[str, ...] = ()
    if kept:
        frames, names, more = completed(frame, kept, inputs)
        notes = (*notes, *more)
    left_out = {why: n for why, n in left_out.items() if n}
    return Sample(outcome, frames, names, left_out, notes, analysis.matched, diagnostics, figures)


def period_of(dates: pd.Series, opens: dt.date, months: int) -> pd.Series:
    """The period of each date, from 0: whole steps of so many months since `opens`, by the calendar."""
    passed = (dates.dt.year - opens.year) * 12 + dates.dt.month - opens.month - (dates.dt.day < opens.day)
    periods: pd.Series = passed // months
    return periods


def _timed(
    frame: pd.DataFrame, inputs: Inputs, analysis: AnalysisPlan
) -> tuple[pd.DataFrame, tuple[Note, ...]]:
    """period, treated and first, with the notes of a treatment that is each child's own."""
    import pandas as pd

    trial = inputs.plan.trial
    opens, months = trial.opens_on, trial.period_months
    if analysis.periods == "financial_year":
        opens, months = dt.date(opens.year - (opens.month < 4), 4, 1), 12
    lives = {s.code: pd.Timestamp(s.live.used) if s.live.used else pd.NaT for s in inputs.sites.sites}
    live = pd.to_datetime(frame["site"].map(lives))
    first = period_of(live.dropna(), opens, months).reindex(frame.index)
    treated = (live.notna() & (frame["referred_on"] >= live)).astype(np.float64)
    notes: tuple[Note, ...] = ()
    if analysis.treatment != "at_referral":
        own = wedge.treated_by_open_time(
            inputs.table("referrals"),
            {site.code: site.live.used for site in inputs.sites.sites},
            rule="half" if analysis.treatment == "half_open_time" else "four_weeks",
            opens_on=trial.opens_on,
            closes_on=trial.closes_on,
        )
        treated, notes = frame["child"].map(own.frame.set_index("child")["treated"]), own.notes
        if treated.isna().any():
            raise BadData(
                "Some children have no open referral in the trial period to judge their treatment by."
            )
    period = period_of(frame["referred_on"], opens, months).astype(np.int64)
    return frame.assign(period=period, treated=treated, first=first.astype(np.float64)), notes


def _without_embedding(frame: pd.DataFrame, inputs: Inputs) -> tuple[pd.DataFrame, int]:
    there = set(frame["site"])
    windows = {
        site.code: (site.embedding.from_, site.embedding.until)
        for site in inputs.sites.sites
        if site.embedding and site.code in there
    }
    if not windows:
        raise BadData("No site of the sample has an embedding window in the file of site periods.")
    found = wedge.outside_embedding(frame["referred_on"], frame["site"], windows)
    return frame[found.keep], int(frame.loc[~found.keep, "child"].nunique())


def _with_by(frame: pd.DataFrame, name: str, inputs: Inputs) -> pd.DataFrame:
    if "by" in frame.columns:
        raise BadData("A column of the sample is already named “by”.")
    return frame.assign(by=site_month(frame, inputs, name))
