"""Each model of a plan on a sample: what it estimates, in one shape."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from impact import censored, covariates, did, hurdle, panels, staggered, wedge
from impact.bundles import Figures
from impact.clusters import ErrorTable
from impact.errors import BadData, NotIdentified
from impact.estimate import Estimate, Note
from impact.plans import AnalysisPlan
from impact.randomisation import allowed_orders
from impact.running.inputs import Inputs
from impact.running.samples import Sample

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Answer", "answer"]


@dataclass(frozen=True)
class Answer:
    """Estimates with their units, the number of clusters, single diagnostics, figures for plots, and notes."""

    results: tuple[tuple[Estimate, str], ...]
    n_clusters: int
    diagnostics: dict[str, float | str | None] = field(default_factory=dict)
    figures: tuple[Figures, ...] = ()
    notes: tuple[Note, ...] = ()


def answer(sample: Sample, analysis: AnalysisPlan, inputs: Inputs) -> Answer:
    """The answer of the analysis' model. With imputations it is pooled by Rubin's rules over the completed frames."""
    ask = _MODELS[analysis.model]
    answers = [ask(frame, sample, analysis, inputs) for frame in sample.frames]
    return answers[0] if len(answers) == 1 else _pooled(answers)


def _pooled(answers: Sequence[Answer]) -> Answer:
    results = []
    for place, (first, scale) in enumerate(answers[0].results):
        own = [found.results[place][0] for found in answers]
        if any(not one.std_error > 0 for one in own):
            raise NotIdentified(
                f"“{first.name}” has no standard error in some imputation, so it cannot be pooled."
            )
        df = min((one.df for one in own if one.df is not None), default=math.inf)
        pooled = covariates.rubin(
            [one.value for one in own],
            [one.std_error**2 for one in own],
            complete_df=df,
            name=first.name,
            level=first.level,
        )
        results.append((pooled.estimate, scale))
    note = Note("pooled", f"Pooled over {len(answers)} imputations; diagnostics are those of the first.")
    return Answer(
        tuple(results),
        answers[0].n_clusters,
        answers[0].diagnostics,
        answers[0].figures,
        (*answers[0].notes, note),
    )


# Stepped wedge


def _wedge(
    kind: Literal["logit", "linear"],
) -> Callable[[pd.DataFrame, Sample, AnalysisPlan, Inputs], Answer]:
    def ask(frame: pd.DataFrame, sample: Sample, analysis: AnalysisPlan, inputs: Inputs) -> Answer:
        prepared = _prepared(frame, sample, analysis, inputs)
        if analysis.effect == "immediate":
            found = wedge.immediate(prepared, model=kind, nodes=analysis.nodes)
        elif analysis.effect == "by_time_since":
            found = wedge.by_exposure(prepared, model=kind, nodes=analysis.nodes)
        elif analysis.effect == "readiness":
            high = [site.code for site in inputs.sites.sites if site.readiness == "high"]
            high = [code for code in high if code in set(frame["site"])]
            found = wedge.by_readiness(prepared, high, model=kind, nodes=analysis.nodes)
        else:
            raise BadData(f"A stepped-wedge model has no effect “{analysis.effect}”.")
        return _wedge_answer(found, kind, sample)

    return ask


def _prepared(frame: pd.DataFrame, sample: Sample, analysis: AnalysisPlan, inputs: Inputs) -> wedge.Wedge:
    treated, notes = _treatment(frame, analysis, inputs)
    is_repeated = sample.outcome.coding == "absence"
    names = sample.covariates
    columns = frame[list(names)].to_numpy(dtype=np.float64)
    if is_repeated:  # the protocol: an indicator of the term and the time since the referral
        terms = [f"term {term}" for term in sorted(frame["term"].unique())[1:]]
        more = [(frame["term"] == int(name.split()[1])).to_numpy(dtype=np.float64) for name in terms]
        columns = np.column_stack([columns, *more, frame["days_since"].to_numpy(dtype=np.float64)])
        names = (*names, *terms, "days since referral")
    return wedge.prepare(
        frame["value"],
        frame["site"],
        frame["period"],
        treated=treated,
        covariates=columns if names else None,
        names=names,
        person=frame["child"] if is_repeated else None,
        individual=analysis.treatment != "at_referral",
        notes=notes,
    )


def _treatment(
    frame: pd.DataFrame, analysis: AnalysisPlan, inputs: Inputs
) -> tuple[pd.Series, tuple[Note, ...]]:
    if analysis.treatment == "at_referral":
        return frame["treated"], ()
    trial = inputs.plan.trial
    found = wedge.treated_by_open_time(
        inputs.table("referrals"),
        {site.code: site.live.used for site in inputs.sites.sites},
        rule="half" if analysis.treatment == "half_open_time" else "four_weeks",
        opens_on=trial.opens_on,
        closes_on=trial.closes_on,
    )
    return frame["child"].map(found.frame.set_index("child")["treated"]), found.notes


def _wedge_answer(found: wedge.WedgeEffect, kind: str, sample: Sample) -> Answer:
    own_scale = "log-odds" if kind == "logit" else _unit(sample)
    results = [(estimate, own_scale) for estimate in found.effects]
    if kind == "logit":
        results += [(estimate, found.unit) for estimate in found.points]
    diagnostics: dict[str, float | str | None] = {
        "standard deviation between sites": found.sd_cluster,
        "intracluster correlation": found.icc,
        "log-likelihood": found.log_likelihood,
    }
    if found.sd_person is not None:
        diagnostics["standard deviation between children"] = found.sd_person
    figures: tuple[Figures, ...] = ()
    if found.exposure_test is not None:
        diagnostics["test of equal effects over time, p"] = found.exposure_test.p_value
        steps = [e for e in found.effects if e.name.startswith("exposure")]
        rows = tuple((float(e.name.split()[1]) - 1, e.value, e.low, e.high) for e in steps)
        figures = (Figures(kind="event_study", columns=("period", "value", "low", "high"), rows=rows),)
    return Answer(tuple(results), found.n_clusters, diagnostics, figures, found.notes)


def _unit(sample: Sample) -> str:
    return {"plan_duration": "days", "days_on_plans": "days", "absence": "percentage points"}.get(
        sample.outcome.coding, "share"
    )


def _permutation(frame: pd.DataFrame, sample: Sample, analysis: AnalysisPlan, inputs: Inputs) -> Answer:
    """The effect of the model without covariates under every order that readiness allowed."""
    kind: Literal["logit", "linear"] = "logit" if sample.outcome.is_binary else "linear"
    bare = Sample(sample.outcome, (frame,), (), sample.left_out, ())
    prepared = _prepared(frame, bare, analysis, inputs)
    strata: dict[str, list[str]] = {"high": [], "low": [], "": []}  # the readier go first
    for site in inputs.sites.sites:
        if site.code in set(frame["site"]):
            strata[site.readiness or ""].append(site.code)
    allowed = allowed_orders({level: codes for level, codes in strata.items() if codes})
    found = wedge.permutation(prepared, allowed, statistic=kind)
    estimate = Estimate(
        "treated", found.statistic, math.nan, None, math.nan, found.p_value, math.nan, math.nan
    )
    rows = tuple(
        (value, float(order == found.observed))
        for value, order in zip(found.distribution, found.allowed, strict=True)
    )
    return Answer(
        ((estimate, "log-odds" if kind == "logit" else _unit(sample)),),
        len(prepared.clusters),
        {"smallest p that the allowed orders can give": found.floor, "allowed orders": float(found.n_orders)},
        (Figures(kind="permutation", columns=("statistic", "observed"), rows=rows),),
        found.notes,
    )


# Difference-in-differences


def _columns(sample: Sample, analysis: AnalysisPlan) -> did.Columns:
    is_repeated = sample.outcome.coding == "absence"
    return did.Columns(
        outcome="value",
        site="site",
        period="period",
        treated="treated",
        covariates=sample.covariates,
        weight="weight" if sample.is_weighted else None,
        person=None if is_repeated or sample.is_weighted else "child",
        is_personal=analysis.treatment != "at_referral",
    )


def _did(frame: pd.DataFrame, sample: Sample, analysis: AnalysisPlan, inputs: Inputs) -> Answer:
    columns, seed = _columns(sample, analysis), inputs.plan.seed
    treated, notes = _treatment(frame, analysis, inputs)
    frame = frame.assign(treated=treated.astype(np.float64))
    figures: tuple[Figures, ...] = ()
    if analysis.effect == "leads_and_lags":
        since = (frame["period"] - frame["first"]).dropna()
        found: did.Did = did.event_study(
            frame,
            columns,
            first="first",
            n_leads=min(4, int(-since.min())),
            n_lags=min(4, int(since.max())),
            seed=seed,
        )
        figures = (_leads_and_lags(found),)
    elif analysis.effect == "placebo":
        found = did.placebo(frame, columns, first="first", shift=1, seed=seed)
    elif analysis.effect == "dose":
        found = did.dose(frame.assign(score=_score(frame, inputs)), columns, score="score", seed=seed)
    elif analysis.effect == "immediate":
        found = did.effect(frame, columns, seed=seed)
    else:
        raise BadData(f"A difference-in-differences model has no effect “{analysis.effect}”.")
    scale = "share" if sample.outcome.is_binary else _unit(sample)
    results: list[tuple[Estimate, str]] = []
    diagnostics: dict[str, float | str | None] = {"treated sites": float(found.n_treated)}
    gathered = [*notes, *found.notes]
    for name, table in found.terms.items():
        results.append((_named(table.crv1, name), scale))
        gathered.extend(table.notes)
        diagnostics |= _other_errors(name, table)
    return Answer(tuple(results), found.n_sites, diagnostics, figures, tuple(gathered))


def _named(estimate: Estimate, name: str) -> Estimate:
    from dataclasses import replace

    return replace(estimate, name=name)


def _other_errors(name: str, table: ErrorTable) -> dict[str, float | str | None]:
    """What stands beside the CRV1 of the result."""
    return {
        f"{name}: CR2 standard error": table.cr2.std_error,
        f"{name}: CR2 degrees of freedom": table.cr2.df,
        f"{name}: CR2 p": table.cr2.p_value,
        f"{name}: CV3 standard error": table.cv3.std_error,
        f"{name}: CV3 p": table.cv3.p_value,
        f"{name}: wild bootstrap p": None if table.wild is None else table.wild.p_value,
        f"{name}: smallest p of the wild bootstrap": None if table.wild is None else table.wild.floor,
    }


def _leads_and_lags(found: did.Did) -> Figures:
    rows: list[tuple[float, float, float, float]] = [(-1.0, 0.0, 0.0, 0.0)]
    for name, table in found.terms.items():
        word, number = name.rstrip("+").split()
        when = -float(number) if word == "lead" else float(number)
        rows.append((when, table.crv1.value, table.crv1.low, table.crv1.high))
    return Figures(kind="event_study", columns=("period", "value", "low", "high"), rows=tuple(sorted(rows)))


def _score(frame: pd.DataFrame, inputs: Inputs) -> pd.Series:
    """Embeddedness in the last phase that has one, by site; missing elsewhere."""
    scores: dict[str, float] = {}
    for site in inputs.sites.sites:
        known = [score.embeddedness for score in site.scores if score.embeddedness is not None]
        if known:
            scores[site.code] = known[-1]
    missing = sorted(set(frame.loc[frame["treated"] > 0, "site"]) - set(scores))
    if missing:
        raise BadData(f"The file of site periods has no embeddedness score of the site “{missing[0]}”.")
    return frame["site"].map(scores)


def _did_logit(frame: pd.DataFrame, sample: Sample, analysis: AnalysisPlan, inputs: Inputs) -> Answer:
    columns = _columns(sample, analysis)
    treated, notes = _treatment(frame, analysis, inputs)
    frame = frame.assign(treated=treated.astype(np.float64))
    rate, is_called_for = did.baseline_rate(frame, columns)
    found = did.logit_effect(frame, columns)
    points = _scaled(found.average_effect, 100.0, "average effect on the treated")
    called = "yes" if is_called_for else "no: the rate lies between 5% and 95%"
    return Answer(
        ((found.log_odds, "log-odds"), (points, "percentage points")),
        found.n_sites,
        {"rate before treatment, percent": 100 * rate, "logit called for": called},
        (),
        (*notes, *found.notes),
    )


def _scaled(estimate: Estimate, factor: float, name: str) -> Estimate:
    from dataclasses import replace

    return replace(
        estimate,
        name=name,
        value=factor * estimate.value,
        std_error=factor * estimate.std_error,
        low=factor * estimate.low,
        high=factor * estimate.high,
    )


def _cells(frame: pd.DataFrame) -> pd.DataFrame:
    """Means of sites and periods, as the estimators of staggered starts want them."""
    made: pd.DataFrame = frame.groupby(["site", "period"], as_index=False).agg(
        value=("value", "mean"), first=("first", "first"), n=("value", "size")
    )
    # Periods count from 1 here: a first period of 0 says never.
    return made.assign(period=made["period"] + 1.0, first=(made["first"] + 1.0).fillna(0.0))


def _bacon(frame: pd.DataFrame, sample: Sample, analysis: AnalysisPlan, inputs: Inputs) -> Answer:
    found = staggered.bacon(_cells(frame), outcome="value", unit="site", period="period", first="first")
    rows = tuple((one.kind.replace("_", " "), one.weight, one.estimate) for one in found.comparisons)
    diagnostics: dict[str, float | str | None] = {}
    for kind, (weight, mean) in found.by_kind.items():
        diagnostics[f"{kind.replace('_', ' ')}: weight"] = weight
        diagnostics[f"{kind.replace('_', ' ')}: mean estimate"] = mean
    estimate = Estimate(
        "two-way fixed effects", found.twfe, math.nan, None, math.nan, math.nan, math.nan, math.nan
    )
    figures = (Figures(kind="bacon", columns=("kind", "weight", "estimate"), rows=rows),)
    return Answer(((estimate, _share(sample)),), frame["site"].nunique(), diagnostics, figures, found.notes)


def _share(sample: Sample) -> str:
    return "share" if sample.outcome.is_binary else _unit(sample)


def _callaway_santanna(frame: pd.DataFrame, sample: Sample, analysis: AnalysisPlan, inputs: Inputs) -> Answer:
    effects = staggered.group_time_effects(
        _cells(frame), outcome="value", unit="site", period="period", first="first", method="regression"
    )
    simple = staggered.aggregate(effects, "simple")
    dynamic = staggered.aggregate(effects, "dynamic")
    rows = tuple((when, one.value, one.low, one.high) for when, one in sorted(dynamic.parts.items()))
    figures = (Figures(kind="event_study", columns=("period", "value", "low", "high"), rows=rows),)
    results = ((simple.overall, _share(sample)), (dynamic.overall, _share(sample)))
    return Answer(results, frame["site"].nunique(), {}, figures, effects.notes)


def _sun_abraham(frame: pd.DataFrame, sample: Sample, analysis: AnalysisPlan, inputs: Inputs) -> Answer:
    found = staggered.sun_abraham(
        _cells(frame), outcome="value", unit="site", period="period", first="first", weight="n"
    )
    rows = tuple((when, one.value, one.low, one.high) for when, one in sorted(found.by_time.items()))
    figures = (Figures(kind="event_study", columns=("period", "value", "low", "high"), rows=rows),)
    return Answer(((found.att, _share(sample)),), found.n_clusters, {}, figures, found.notes)


def _fgls(frame: pd.DataFrame, sample: Sample, analysis: AnalysisPlan, inputs: Inputs) -> Answer:
    means = panels.cell_means(
        frame,
        outcome="value",
        site="site",
        period="period",
        covariates=["treated", *sample.covariates],
        weight="weight" if sample.is_weighted else None,
    )
    names = ["treated", *(name for name in sample.covariates if means[name].nunique() > 1)]
    found = panels.feasible_gls(means, outcome="value", covariates=names, site="site", period="period")
    results = tuple((one, _share(sample)) for one in (found.clustered[0], found.model[0]))
    diagnostics: dict[str, float | str | None] = {
        f"autoregression, lag {lag}": float(value) for lag, value in enumerate(found.autoregression, start=1)
    }
    return Answer(results, frame["site"].nunique(), diagnostics, (), found.notes)


# Models beside


def _design(frame: pd.DataFrame, sample: Sample, *, sites: bool = True) -> tuple[np.ndarray, list[str]]:
    """Treatment, periods, sites (all but the first of each) and covariates."""
    columns, names = [frame["treated"].to_numpy(dtype=np.float64)], ["treated"]
    for kind in ("period", *(["site"] if sites else [])):
        for label in sorted(frame[kind].unique())[1:]:
            columns.append((frame[kind] == label).to_numpy(dtype=np.float64))
            names.append(f"{kind} {label}")
    columns += [frame[name].to_numpy(dtype=np.float64) for name in sample.covariates]
    return np.column_stack(columns), [*names, *sample.covariates]


def _hurdle(frame: pd.DataFrame, sample: Sample, analysis: AnalysisPlan, inputs: Inputs) -> Answer:
    design, names = _design(frame, sample)
    found = hurdle.hurdle(frame["value"], design, names, distribution="negbin", effect_of="treated")
    zero = next(one for one in found.zero if one.name == "treated")
    days = next(one for one in found.count if one.name == "treated")
    results = [
        (_named(zero, "treated: any"), "log-odds"),
        (_named(days, "treated: how many"), "log of the mean"),
    ]
    if found.average_effect is not None:
        results.insert(0, (_named(found.average_effect, "treated"), _unit(sample)))
    diagnostics: dict[str, float | str | None] = {
        "log-likelihood": found.log_likelihood,
        "theta": found.theta,
    }
    return Answer(tuple(results), frame["site"].nunique(), diagnostics, (), found.notes)


def _tobit(frame: pd.DataFrame, sample: Sample, analysis: AnalysisPlan, inputs: Inputs) -> Answer:
    if "censored" not in frame:
        raise BadData(f"The outcome “{sample.outcome.id}” is not censored, so a Tobit model has no use.")
    design, names = _design(frame, sample)
    # Only who was cut has a limit of their own: the number of days at which they were cut.
    right = np.where(frame["censored"], frame["value"], np.inf).astype(np.float64)
    value = frame["value"].to_numpy(dtype=np.float64)
    found = censored.tobit(value, design, names, left=None, right=right)
    own = [one for one in found.coefficients if one.name == "treated"]
    results = tuple((one, _unit(sample)) for one in own)
    diagnostics: dict[str, float | str | None] = {
        "log-likelihood": found.log_likelihood,
        "share censored, percent": 100 * found.n_right / len(frame),
    }
    return Answer(results, frame["site"].nunique(), diagnostics, (), found.notes)


_MODELS: dict[str, Callable[[pd.DataFrame, Sample, AnalysisPlan, Inputs], Answer]] = {
    "wedge_logit": _wedge("logit"),
    "wedge_linear": _wedge("linear"),
    "permutation": _permutation,
    "did": _did,
    "did_logit": _did_logit,
    "bacon": _bacon,
    "callaway_santanna": _callaway_santanna,
    "sun_abraham": _sun_abraham,
    "fgls": _fgls,
    "hurdle": _hurdle,
    "tobit": _tobit,
}
