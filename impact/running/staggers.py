"""Means of sites and periods: estimators for staggered starts, feasible GLS, and the analysis of variance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from exports.digits import printed
from impact import anova, panels, staggered
from impact.bundles import Figures, kept
from impact.errors import NotIdentified
from impact.estimate import Estimate, Note
from impact.plans import AnalysisPlan
from impact.running.answers import Answer, Line, base_of, bases_by_time, event_study, point
from impact.running.inputs import Inputs
from impact.running.samples import Sample, period_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["bacon", "callaway_santanna", "fgls", "sun_abraham", "variance"]


def _cells(frame: pd.DataFrame, sample: Sample) -> pd.DataFrame:
    """One row a site and period: (weighted) mean of value (a binary one in percent) and treated, first (NaN: never), n."""
    scale = 100.0 if sample.outcome.is_binary else 1.0
    weight = frame["weight"] if sample.is_weighted else np.ones(len(frame))
    summed = (
        frame.assign(n=weight, value=scale * frame["value"] * weight, treated=frame["treated"] * weight)
        .groupby(["site", "period"], as_index=False)
        .agg(value=("value", "sum"), treated=("treated", "sum"), first=("first", "first"), n=("n", "sum"))
    )
    means: pd.DataFrame = summed.assign(
        value=summed["value"] / summed["n"],
        treated=summed["treated"] / summed["n"],
        period=summed["period"].astype(np.float64),
    )
    return means


def _inside(inputs: Inputs, analysis: AnalysisPlan) -> tuple[Note, ...]:
    """A note where a site goes live within a period, which these estimators take as treated from its first day."""
    import pandas as pd

    trial = inputs.plan.trial
    lives = pd.Series([pd.Timestamp(s.live.used) for s in inputs.sites.sites if s.live.used])
    if analysis.periods == "financial_year":
        within = ~((lives.dt.month == 4) & (lives.dt.day == 1))
    else:
        day_before = lives - pd.Timedelta(days=1)
        months = trial.period_months
        within = period_of(lives, trial.opens_on, months) == period_of(day_before, trial.opens_on, months)
    if not within.any():
        return ()
    text = (
        f"{int(within.sum())} sites go live within a period. The whole period counts as treated, which draws the effect of "
        "the first period towards zero."
    )
    return (Note("starts_inside_periods", text),)


def bacon(frame: pd.DataFrame, sample: Sample, analysis: AnalysisPlan, inputs: Inputs) -> Answer:
    """The comparisons behind two-way fixed effects, and how much weight each kind has."""
    found = staggered.bacon(
        _cells(frame, sample), outcome="value", unit="site", period="period", first="first", never=None
    )
    smallest, is_binary = inputs.plan.smallest_count, sample.outcome.is_binary
    starts = frame["first"].fillna(np.inf)
    bases = {float(str(key)): base_of(part, is_binary=is_binary) for key, part in frame.groupby(starts)}
    rows = []
    for one in found.comparisons:
        is_small = min(bases.get(one.treated, smallest), bases.get(one.control, smallest)) < smallest
        estimate = None if is_small else kept(one.estimate)
        rows.append((one.kind.replace("_", " "), kept(one.weight), estimate))
    diagnostics: dict[str, float | str | None] = {}
    for kind, (weight, mean) in found.by_kind.items():
        diagnostics[f"{kind.replace('_', ' ')}: weight"] = weight
        diagnostics[f"{kind.replace('_', ' ')}: mean estimate"] = mean
    figures = (Figures(kind="bacon", columns=("kind", "weight", "estimate"), rows=tuple(rows)),)
    notes = (*found.notes, *_inside(inputs, analysis))
    line = Line(point("two-way fixed effects", found.twfe), sample.unit)
    return Answer((line,), frame["site"].nunique(), diagnostics, figures, notes)


def callaway_santanna(frame: pd.DataFrame, sample: Sample, analysis: AnalysisPlan, inputs: Inputs) -> Answer:
    """Group-time effects against sites that never go live, averaged simply and by time since the start."""
    effects = staggered.group_time_effects(
        _cells(frame, sample),
        outcome="value",
        unit="site",
        period="period",
        first="first",
        never=None,
        method="regression",
    )
    simple, dynamic = (staggered.aggregate(effects, kind) for kind in ("simple", "dynamic"))
    lines = (
        Line(_named(simple.overall, "average of group-time effects"), sample.unit),
        Line(_named(dynamic.overall, "average over time since the start"), sample.unit),
    )
    figures = (_by_time(dynamic.parts, frame, sample, inputs),)
    notes = (*effects.notes, *_inside(inputs, analysis))
    return Answer(lines, frame["site"].nunique(), {}, figures, notes)


def _named(estimate: Estimate, name: str) -> Estimate:
    from dataclasses import replace

    return replace(estimate, name=name)


def _by_time(parts: dict[float, Estimate], frame: pd.DataFrame, sample: Sample, inputs: Inputs) -> Figures:
    bases = bases_by_time(frame, is_binary=sample.outcome.is_binary)
    rows = [(float(when), one, bases.get(int(when), 0)) for when, one in parts.items()]
    return event_study(rows, inputs.plan.smallest_count)


def sun_abraham(frame: pd.DataFrame, sample: Sample, analysis: AnalysisPlan, inputs: Inputs) -> Answer:
    """The interaction-weighted estimator."""
    found = staggered.sun_abraham(
        _cells(frame, sample),
        outcome="value",
        unit="site",
        period="period",
        first="first",
        never=None,
        weight="n",
    )
    figures = (_by_time(found.by_time, frame, sample, inputs),)
    notes = (*found.notes, *_inside(inputs, analysis))
    return Answer(
        (Line(_named(found.att, "average effect on the treated"), sample.unit),),
        found.n_clusters,
        {},
        figures,
        notes,
    )


def fgls(frame: pd.DataFrame, sample: Sample, analysis: AnalysisPlan, inputs: Inputs) -> Answer:
    """Hansen's two steps: cell means adjusted for covariates, then GLS with autoregressive errors."""
    scaled = frame.assign(value=(100.0 if sample.outcome.is_binary else 1.0) * frame["value"])
    # Columns that do not vary within any cell belong to the second step, and have no place in the first.
    inner = [
        name for name in sample.covariates if scaled.groupby(["site", "period"])[name].nunique().max() > 1
    ]
    weight = "weight" if sample.is_weighted else None
    means = panels.cell_means(
        scaled, outcome="value", site="site", period="period", covariates=inner, weight=weight
    )
    shares = _cells(frame, sample)[["site", "period", "treated"]]
    means = means.merge(shares.astype({"period": means["period"].dtype}), on=["site", "period"])
    found = panels.feasible_gls(means, outcome="value", covariates=["treated"], site="site", period="period")
    lines = (
        Line(found.clustered[0], sample.unit, "clustered"),
        Line(found.model[0], sample.unit, "of the model"),
    )
    diagnostics: dict[str, float | str | None] = {
        f"autoregression, lag {lag}": float(value) for lag, value in enumerate(found.autoregression, start=1)
    }
    return Answer(lines, frame["site"].nunique(), diagnostics, (), found.notes)


def variance(frame: pd.DataFrame, sample: Sample, analysis: AnalysisPlan, inputs: Inputs) -> Answer:
    """Means of sites and periods by group and period: type III analysis of variance, and the groups in each period.

    The outcomes analysis of the Signs of Safety evaluation (2020, appendix 9). Its caveat is in the notes.
    """
    means = _cells(frame, sample)
    group = means["first"].notna().map({True: "sites that go live", False: "comparison sites"})
    if group.nunique() < 2:
        raise NotIdentified("The analysis of variance needs sites that go live and sites that do not.")
    found = anova.two_way(
        means["value"], group, means["period"], names=("group", "period"), unit=means["site"]
    )
    gap = anova.tukey(means["value"], group, order=["comparison sites", "sites that go live"])[0]
    by_group = Estimate(
        "sites that go live less comparison sites",
        gap.difference, np.nan, None, np.nan, gap.p_value, gap.low, gap.high,
    )  # fmt: skip
    rows: list[tuple[str | float | None, ...]] = [
        (one.name, one.sum_squares, float(one.df), one.f, one.p_value) for one in found.sources
    ]
    rows.append(("error", found.error.sum_squares, float(found.error.df), None, None))
    for when in sorted(means["period"].unique()):
        own = means["period"] == when
        if own.sum() > 2 and group[own].nunique() == 2:
            line = anova.one_way(means.loc[own, "value"], group[own], unit=means.loc[own, "site"]).sources[0]
            rows.append(
                (
                    f"group, in period {printed(when, 'g')}",
                    line.sum_squares,
                    float(line.df),
                    line.f,
                    line.p_value,
                )
            )
    finite = tuple(tuple(v if isinstance(v, str) else kept(v) for v in row) for row in rows)
    table = Figures(kind="anova", columns=("source", "sum_of_squares", "df", "f", "p"), rows=finite)
    return Answer((Line(by_group, sample.unit, "Tukey"),), means["site"].nunique(), {}, (table,), found.notes)
