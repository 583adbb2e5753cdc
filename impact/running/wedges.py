"""Stepped-wedge models of a plan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from impact import wedge
from impact.bundles import Figures, kept
from impact.estimate import Estimate
from impact.plans import AnalysisPlan
from impact.randomisation import allowed_orders
from impact.running.answers import Answer, Line, bases_by_time, event_study, point, with_terms
from impact.running.inputs import Inputs
from impact.running.samples import Sample

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["permutation", "wedge_model"]

Kind = Literal["logit", "linear"]


def wedge_model(kind: Kind) -> Callable[[pd.DataFrame, Sample, AnalysisPlan, Inputs], Answer]:
    """The random-intercept model, asked for one effect, effects by time since the start, or by readiness."""

    def ask(frame: pd.DataFrame, sample: Sample, analysis: AnalysisPlan, inputs: Inputs) -> Answer:
        prepared = _prepared(frame, sample, analysis)
        if analysis.effect == "by_time_since":
            found = wedge.by_exposure(prepared, model=kind, nodes=analysis.nodes)
        elif analysis.effect == "readiness":
            there = set(frame["site"])
            high = [s.code for s in inputs.sites.sites if s.readiness == "high" and s.code in there]
            found = wedge.by_readiness(prepared, high, model=kind, nodes=analysis.nodes)
        else:
            found = wedge.immediate(prepared, model=kind, nodes=analysis.nodes)
        return _answer(found, kind, frame, sample, inputs)

    return ask


def _prepared(frame: pd.DataFrame, sample: Sample, analysis: AnalysisPlan) -> wedge.Wedge:
    frame, names = with_terms(frame, sample)
    return wedge.prepare(
        frame["value"],
        frame["site"],
        frame["period"],
        treated=frame["treated"],
        covariates=frame[list(names)].to_numpy(dtype=np.float64) if names else None,
        names=names,
        # The logit has no intercept for children; it takes their rows as they are.
        person=frame["child"] if sample.is_repeated and not sample.outcome.is_binary else None,
        individual=analysis.treatment != "at_referral",
    )


def _answer(
    found: wedge.WedgeEffect, kind: Kind, frame: pd.DataFrame, sample: Sample, inputs: Inputs
) -> Answer:
    bases = bases_by_time(frame, is_binary=sample.outcome.is_binary)

    def line(estimate: Estimate, scale: str) -> Line:
        is_step = estimate.name.startswith("exposure")
        return Line(estimate, scale, base=bases.get(_step(estimate)) if is_step else None)

    lines = [line(one, sample.unit) for one in found.points]
    if kind == "logit":
        lines = [*(line(one, "log-odds") for one in found.effects), *lines]
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
        # The mean over all of the time counts, and comes first.
        lines = sorted(lines, key=lambda one: one.estimate.name != "time-averaged")
        steps = [one for one in found.effects if one.name.startswith("exposure")]
        rows = [(float(_step(one)), one, bases.get(_step(one), 0)) for one in steps]
        figures = (event_study(rows, inputs.plan.smallest_count),)
    return Answer(tuple(lines), found.n_clusters, diagnostics, figures, found.notes)


def _step(estimate: Estimate) -> int:
    """Periods since the start: “exposure 1” is the period of the start itself."""
    return int(estimate.name.split()[1]) - 1


def permutation(frame: pd.DataFrame, sample: Sample, analysis: AnalysisPlan, inputs: Inputs) -> Answer:
    """The effect of the model without covariates under every order that readiness allowed."""
    kind: Kind = "logit" if sample.outcome.is_binary else "linear"
    prepared = _prepared(frame, replace(sample, covariates=()), analysis)
    strata: dict[str, list[str]] = {"high": [], "low": [], "": []}  # the readier go first
    for site in inputs.sites.sites:
        if site.code in set(frame["site"]):
            strata[site.readiness or ""].append(site.code)
    allowed = allowed_orders({level: codes for level, codes in strata.items() if codes})
    found = wedge.permutation(prepared, allowed, statistic=kind)
    rows = tuple(
        (kept(value), float(order == found.observed))
        for value, order in zip(found.distribution, found.allowed, strict=True)
    )
    return Answer(
        (
            Line(
                point("treated", found.statistic, found.p_value),
                "log-odds" if kind == "logit" else sample.unit,
            ),
        ),
        len(prepared.clusters),
        {"smallest p that the allowed orders can give": found.floor, "allowed orders": float(found.n_orders)},
        (Figures(kind="permutation", columns=("statistic", "observed"), rows=rows),),
        found.notes,
    )
