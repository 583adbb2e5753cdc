"""Difference-in-differences of a plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from exports.digits import printed
from impact import did
from impact.bundles import Figures
from impact.clusters import ErrorTable
from impact.errors import BadData
from impact.estimate import Estimate, Note
from impact.plans import AnalysisPlan
from impact.running.answers import Answer, Line, bases_by_time, event_study, renamed, with_terms
from impact.running.inputs import Inputs
from impact.running.samples import Sample

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["difference", "logit"]

MOST_TIMES = 4  # leads and lags further out are taken together
SHORT = 3  # up to so many terms show every standard error


def difference(frame: pd.DataFrame, sample: Sample, analysis: AnalysisPlan, inputs: Inputs) -> Answer:
    """Linear; effects on a binary outcome are in percentage points."""
    bases = bases_by_time(frame, is_binary=sample.outcome.is_binary)
    frame, columns = _columns(frame, sample, analysis)
    diagnostics: dict[str, float | str | None] = {}
    if sample.outcome.is_binary:
        rate, _ = did.baseline_rate(frame, columns)
        diagnostics["rate before treatment, percent"] = 100 * rate
        frame = frame.assign(value=100.0 * frame["value"])
    found = _asked(frame, columns, analysis, inputs)
    figures: tuple[Figures, ...] = ()
    diagnostics["treated sites"] = float(found.n_treated)
    if isinstance(found, did.EventStudy):
        diagnostics["insignificant leads"] = float(found.n_insignificant_leads)
        diagnostics["leads"] = float(found.n_leads)
        if found.leads_test is not None:
            diagnostics["all leads nil, p"] = found.leads_test.p_value
    terms = dict(found.terms)
    if analysis.effect in {"leads_and_lags", "by_time_since"}:
        figures = (_figure(terms, bases, inputs.plan.smallest_count),)
    if "time-averaged" in terms:  # it counts, and comes first
        terms = {"time-averaged": terms.pop("time-averaged"), **terms}
    lines = [
        Line(estimate, sample.unit, error, _base(name, bases))
        for name, table in terms.items()
        for error, estimate in _errors(name, table, is_short=len(terms) <= SHORT)
    ]
    notes = [note for table in terms.values() for note in table.notes]
    return Answer(tuple(lines), found.n_sites, diagnostics, figures, (*found.notes, *notes, *_own(analysis)))


def _columns(frame: pd.DataFrame, sample: Sample, analysis: AnalysisPlan) -> tuple[pd.DataFrame, did.Columns]:
    frame, names = with_terms(frame, sample)
    has_post = not analysis.site_effects or analysis.effect in {"common_shock", "against_comparators"}
    return frame, did.Columns(
        outcome="value",
        site="site",
        period="period",
        treated="treated",
        post="post" if has_post else None,
        covariates=names,
        weight="weight" if sample.is_weighted else None,
        person=None if sample.is_repeated or sample.is_weighted else "child",
        is_personal=analysis.treatment != "at_referral",
        site_effects=analysis.site_effects,
    )


def _asked(frame: pd.DataFrame, columns: did.Columns, analysis: AnalysisPlan, inputs: Inputs) -> did.Did:
    seed, effect = inputs.plan.seed, analysis.effect
    if effect == "leads_and_lags":
        since = (frame["period"] - frame["first"]).dropna()
        if since.empty:
            raise BadData("No site of the sample goes live, so there are no leads and lags.")
        leads, lags = (min(MOST_TIMES, max(0, int(end))) for end in (-since.min(), since.max()))
        return did.event_study(frame, columns, first="first", n_leads=leads, n_lags=lags, seed=seed)
    if effect == "by_time_since":
        return did.by_time_since(frame, columns, first="first", seed=seed)
    if effect == "placebo":
        return did.placebo(frame, columns, first="first", shift=analysis.shift, seed=seed)
    if effect == "dose":
        scored = frame.assign(**{analysis.score: _score(frame, analysis.score, inputs)})
        return did.dose(scored, columns, score=analysis.score, seed=seed)
    if analysis.by is not None:
        frame = frame.rename(columns={"by": analysis.by})
        if effect == "triple_difference":
            return did.triple_difference(frame, columns, by=analysis.by, seed=seed)
        if effect == "common_shock":
            return did.common_shock(frame, columns, shock=analysis.by, seed=seed)
        return did.against_comparators(frame, columns, kind=analysis.by, seed=seed)
    return did.effect(frame, columns, seed=seed)


def _own(analysis: AnalysisPlan) -> tuple[Note, ...]:
    if analysis.effect != "placebo":
        return ()
    text = f"A placebo: the start is set {analysis.shift} periods too early, and there should be no effect."
    return (Note("placebo", text),)


def _errors(name: str, table: ErrorTable, *, is_short: bool) -> list[tuple[str, Estimate]]:
    """CRV1 first, then CR2; with few terms also CV3 and the wild bootstrap."""
    found = [
        (f"CRV1, t({table.n_clusters - 1})", renamed(table.crv1, name)),
        ("CR2, Satterthwaite", renamed(table.cr2, name)),
    ]
    if is_short:
        found.append((f"CV3, t({table.n_clusters - 1})", renamed(table.cv3, name)))
        if table.wild is not None:
            wild = table.wild
            bare = Estimate(
                name, wild.value, np.nan, None, wild.statistic, wild.p_value, wild.low, wild.high, wild.level
            )
            found.append((f"wild bootstrap, smallest p {printed(wild.floor, '.2g')}", bare))
    return found


def _when(name: str) -> int | None:
    """Periods since the start that a term stands for."""
    word, _, number = name.rstrip("+").partition(" ")
    if not number.isdigit():
        return None
    return {"lead": -int(number), "lag": int(number), "exposure": int(number) - 1}.get(word)


def _base(name: str, bases: Mapping[int, int]) -> int | None:
    when = _when(name)
    if when is None:
        return None
    if not name.endswith("+"):
        return bases.get(when, 0)
    return sum(n for k, n in bases.items() if (k <= when if when < 0 else k >= when))


def _figure(terms: Mapping[str, ErrorTable], bases: Mapping[int, int], smallest: int) -> Figures:
    rows = [
        (float(when), table.crv1, _base(name, bases) or 0)
        for name, table in terms.items()
        if (when := _when(name)) is not None
    ]
    if any(when < 0 for when, _, _ in rows):
        nil = Estimate("reference", 0.0, 0.0, None, 0.0, 1.0, 0.0, 0.0)
        rows.append((-1.0, nil, smallest))
    return event_study(rows, smallest)


def _score(frame: pd.DataFrame, name: str, inputs: Inputs) -> pd.Series:
    """The score in the last phase that has one, by site; missing elsewhere."""
    scores: dict[str, float] = {}
    for site in inputs.sites.sites:
        known = [found for score in site.scores if (found := getattr(score, name)) is not None]
        if known:
            scores[site.code] = known[-1]
    missing = sorted(set(frame.loc[frame["treated"] > 0, "site"]) - set(scores))
    if missing:
        raise BadData(f"The file of site periods has no {name} score of the site “{missing[0]}”.")
    return frame["site"].map(scores)


def logit(frame: pd.DataFrame, sample: Sample, analysis: AnalysisPlan, inputs: Inputs) -> Answer:
    """Logistic, with the average effect on the treated in percentage points, which costs need."""
    frame, columns = _columns(frame, sample, analysis)
    rate, is_called_for = did.baseline_rate(frame, columns)
    found = did.logit_effect(frame, columns)
    average = found.average_effect
    points = replace(
        average,
        name="average effect on the treated",
        **{part: 100 * getattr(average, part) for part in ("value", "std_error", "low", "high")},
    )
    error = f"clustered, t({found.n_sites - 1})"
    return Answer(
        (Line(found.log_odds, "log-odds", error), Line(points, "percentage points", error)),
        found.n_sites,
        {
            "rate before treatment, percent": 100 * rate,
            "logit called for": "yes" if is_called_for else "no: the rate lies between 5% and 95%",
            "treated sites": float(found.n_treated),
        },
        (),
        found.notes,
    )
