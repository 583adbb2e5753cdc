"""Designs: stepped wedges, difference-in-differences, staggered starts, permutation, randomisation and power."""

from __future__ import annotations

import datetime as dt
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from impact import did, staggered, wedge
from impact.did import Columns
from impact.permutation import cell_effect, cell_statistic, logit_statistic, permutation_test
from impact.power import (
    Known,
    Outcome,
    autocorrelation_behind,
    closed_form_variance,
    copies_needed,
    did_minimum_effect,
    did_power,
    did_readings,
    did_size_needed,
    minimum_effect,
    simulate_power,
    size_needed,
    treatment_variance,
    wedge_power,
)
from impact.randomisation import allowed_orders, floor_notes, n_allowed, randomise, treatment_matrix
from tests.impact.everywhere import data
from tests.impact.everywhere.data import HARD, SCALES, SITES, TWINS
from tests.impact.everywhere.registry import Tables, case

Frame = pd.DataFrame
STARTS = {site: step for step, site in enumerate(SITES[:5], start=1)}
ALLOWED = allowed_orders({"high": SITES[:2], "low": SITES[2:5]})
COLUMNS = Columns("y", "site", "period", "treated", post="post")


def prepared(frame: Frame, names: list[str], *, outcome: str, **more: Any) -> wedge.Wedge:
    treated = wedge.treated_from(frame["site"], frame["period"], STARTS)
    return wedge.prepare(
        frame[outcome],
        frame["site"],
        frame["period"],
        treated=treated,
        covariates=frame[names],
        names=names,
        **more,
    )


@case(data.wedge, covariates=("x", "z"), is_searched=True, hard=HARD, refused=TWINS)
def wedge_by_logit(frame: Frame, names: list[str]) -> Any:
    made = prepared(frame, names, outcome="e")
    return {
        "immediate": wedge.immediate(made),
        "nodes": wedge.immediate(made, nodes=7),
        "exposure": wedge.by_exposure(made),
        "readiness": wedge.by_readiness(made, ["A", "B"]),
    }


@case(data.wedge, covariates=("x", "z"), is_searched=True, hard=HARD | SCALES, refused=TWINS)
def wedge_by_linear_model(frame: Frame, names: list[str]) -> Any:
    made = prepared(frame, names, outcome="y", person=frame["person"])
    return {
        "immediate": wedge.immediate(made, model="linear"),
        "exposure": wedge.by_exposure(replace(made, person=None), model="linear", method="ml"),
        "readiness": wedge.by_readiness(made, ["A", "B"], model="linear"),
    }


@case(lambda: data.wedge(600), covariates=("x",), is_searched=True)
def wedge_by_permutation(frame: Frame, names: list[str]) -> Any:
    continuous, binary = (prepared(frame, names, outcome=outcome) for outcome in ("y", "e"))
    return {
        "cells": wedge.permutation(continuous, ALLOWED, statistic="cells"),
        "linear": wedge.permutation(continuous, ALLOWED, statistic="linear"),
        "logit": wedge.permutation(binary, ALLOWED, statistic="logit"),
    }


def months() -> Tables:
    """Referrals of forty children at three sites, some open and some twice on one day."""
    r = np.random.default_rng(5)
    child = r.integers(0, 40, 90)
    start = pd.Timestamp("2021-01-01") + pd.to_timedelta(r.integers(0, 400, 90), unit="D")
    length = pd.to_timedelta(r.integers(0, 120, 90), unit="D")
    end = pd.Series(start + length).where(pd.Series(r.random(90) < 0.8))
    site = np.array(SITES)[child % 3]
    return {"referrals": pd.DataFrame({"child": child, "site": site, "referred_on": start, "closed_on": end})}


@case(months)
def wedge_treated_by_open_time(tables: Tables, _: list[str]) -> Any:
    referrals = tables["referrals"]
    live = {"A": dt.date(2021, 4, 1), "B": dt.date(2021, 9, 1), "C": None}
    found = {
        rule: wedge.treated_by_open_time(
            referrals, live, rule=rule, opens_on=dt.date(2021, 1, 1), closes_on=dt.date(2022, 3, 1)
        )
        for rule in ("half", "four_weeks")
    }
    outside = wedge.outside_embedding(
        referrals["referred_on"], referrals["site"], {"A": (dt.date(2021, 4, 1), dt.date(2021, 6, 1))}
    )
    kept = referrals.loc[outside.keep].groupby("site").size()
    return {
        "treated": {rule: (one.frame.set_index("child"), one.notes) for rule, one in found.items()},
        "outside": (outside.left_out, outside.notes, kept),
    }


def cells() -> Frame:
    """Mean outcomes of five sites by six periods, one row a site. The first two sites are alike, and so are the last three but
    for the order of sums that made them: whole groups of orders have one statistic, the last bits apart."""
    one, two = np.array([1.0, 2.1, 3.3, 2.7, 4.1, 5.2]), np.array([2.0, 1.1, 1.7, 4.2, 3.9, 6.4])
    rows = [one, (one + 0.7) - 0.7, two, (two * 3) / 3, (two + 0.1) - 0.1]
    frame = pd.DataFrame(rows, columns=[f"t{place}" for place in range(6)])
    return frame.assign(site=list(SITES[:5]))


@case(cells)
def permutation_with_ties(frame: Frame, _: list[str]) -> Any:
    sites, means = frame["site"].tolist(), frame[[f"t{place}" for place in range(6)]].to_numpy()
    statistic = cell_statistic(means, sites=sites, starts=[1, 2, 3, 4, 5])
    found = permutation_test(statistic, observed=SITES[:5], allowed=ALLOWED)
    design = treatment_matrix([STARTS[site] for site in sites], 6)
    weight = 1.0 + frame["site"].map(STARTS).to_numpy()[:, None] + np.arange(6) / 10
    return {
        "test": found,
        "effect": cell_effect(means, design),
        "weighted": cell_effect(means, design, weight),
    }


def without_effect() -> Frame:
    """The same, where sites and periods add up: every order has an effect of nothing but rounding."""
    r = np.random.default_rng(0)
    frame = pd.DataFrame(
        r.normal(size=5)[:, None] + r.normal(size=6), columns=[f"t{place}" for place in range(6)]
    )
    return frame.assign(site=list(SITES[:5]))


@case(without_effect)
def permutation_without_effect(frame: Frame, _: list[str]) -> Any:
    means = frame[[f"t{place}" for place in range(6)]].to_numpy()
    statistic = cell_statistic(means, sites=frame["site"].tolist(), starts=[1, 2, 3, 4, 5])
    found = permutation_test(statistic, observed=SITES[:5], allowed=ALLOWED)
    return {"p": found.p_value, "largest": max(map(abs, found.distribution)) < 1e-12}


@case(lambda: data.wedge(400), covariates=("x",), is_searched=True)
def permutation_by_logit(frame: Frame, names: list[str]) -> Any:
    x = np.column_stack(
        [np.ones(len(frame)), *(frame["period"] == t for t in range(1, 6)), np.round(frame[names], 0)]
    )
    statistic = logit_statistic(
        frame["e"],
        x,
        frame["site"],
        frame["period"],
        names=["one", *(f"period {t}" for t in range(1, 6)), *names],
        starts=[1, 2, 3, 4, 5],
    )
    return permutation_test(statistic, observed=SITES[:5], allowed=ALLOWED)


@case(lambda: pd.DataFrame({"site": list(SITES[:6]), "stratum": list("hhhlll")}))
def randomised_orders(frame: Frame, _: list[str]) -> Any:
    strata = {name: frame.loc[frame["stratum"] == name, "site"].tolist() for name in ("h", "l")}
    drawn = randomise(strata, seed=11)
    return {
        "drawn": " ".join(drawn.order),
        "number": drawn.number,
        "last": " ".join(allowed_orders(strata)[-1]),
        "notes": floor_notes(n_allowed(strata)),
    }


def answers(found: Any) -> Any:
    """What a difference-in-differences says; the fit behind it lies in the order of columns."""
    return {
        name: getattr(found, name)
        for name in ("question", "terms", "n_rows", "n_sites", "n_treated", "notes")
    }


@case(data.people, covariates=("x", "z"), hard=HARD | SCALES | {"alone": data.alone}, refused=TWINS)
def did_effect(frame: Frame, names: list[str]) -> Any:
    columns = replace(COLUMNS, covariates=tuple(names))
    weighted = replace(columns, weight="weight", person="id")
    apart = replace(columns, site_effects=False)
    return [answers(did.effect(frame, one)) for one in (columns, weighted, apart)]


@case(data.people, covariates=("x", "z"), hard={"far": data.far, "near": data.near})
def did_questions(frame: Frame, names: list[str]) -> Any:
    columns = replace(COLUMNS, covariates=tuple(names))
    calm = did.settled(frame, period="period", starts="start", ends="end", post="post")
    found = {
        "time": did.by_time_since(frame, columns, first="first"),
        "placebo": did.placebo(frame, columns, first="first", shift=1),
        "shock": did.common_shock(frame, columns, shock="shock"),
        "triple": did.triple_difference(frame, columns, by="rated"),
        "dose": did.dose(frame, columns, score="score"),
        "kinds": did.against_comparators(frame, columns, kind="kind"),
        "events": did.event_study(frame, columns, first="first", n_leads=2, n_lags=1),
        "settled": did.effect(calm, replace(columns, treated="treated")),
    }
    events = found["events"]
    return {name: answers(one) for name, one in found.items()} | {
        "leads": (events.leads_test, events.n_leads, events.n_insignificant_leads),
        "base": did.baseline_rate(frame, replace(columns, outcome="e")),
    }


@case(data.people, covariates=("x", "z", "w"), is_searched=True, hard=HARD | {"apart": data.apart},
      refused=(*TWINS, "apart"))  # fmt: skip
def did_by_logit(frame: Frame, names: list[str]) -> Any:
    return did.logit_effect(frame, replace(COLUMNS, outcome="e", covariates=tuple(names)))


@case(data.people, covariates=("x", "z"), hard=HARD | SCALES, refused=TWINS)
def did_in_files(frame: Frame, names: list[str]) -> Any:
    columns = replace(COLUMNS, covariates=tuple(names))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.parquet"
        frame.to_parquet(path)
        threads = frame.attrs.get("threads")
        return [
            answers(did.effect_in_files(path, one, threads=threads))
            for one in (columns, replace(columns, weight="weight", person="id"))
        ]


@case(data.panel, hard=SCALES)
def bacon_decomposition(frame: Frame, _: list[str]) -> Any:
    found = staggered.bacon(frame, outcome="y", unit="site", period="period", first="first")
    return {
        "comparisons": {
            f"{c.kind} {c.treated:g} {c.control:g}": (c.estimate, c.weight) for c in found.comparisons
        },
        "kinds": found.by_kind,
        "twfe": found.twfe,
        "notes": found.notes,
    }


@case(data.panel, covariates=("x", "base"), is_searched=True, hard={"far": data.far} | SCALES)
def groups_in_time(frame: Frame, names: list[str]) -> Any:
    answers = {}
    for method, controls, base in (
        ("doubly_robust", "never", "varying"),
        ("regression", "not_yet", "universal"),
        ("weighting", "not_yet", "varying"),
    ):
        found = staggered.group_time_effects(
            frame, outcome="y", unit="site", period="period", first="first", covariates=names,
            method=method, controls=controls, base=base, weight="weight",
            cluster="region" if method == "regression" else None,
        )  # fmt: skip
        answers[method] = {
            "cells": {c.estimate.name: c for c in found.cells},
            "notes": [note.text for note in found.notes],
            "aggregates": {
                k: staggered.aggregate(found, k) for k in ("simple", "group", "dynamic", "calendar")
            },
        }
    return answers


@case(data.panel, hard=SCALES)
def groups_in_time_without_covariates(frame: Frame, _: list[str]) -> Any:
    first = staggered.first_treated(frame, unit="site", period="period", treated="treated")
    made = frame.assign(first=first)
    found = staggered.group_time_effects(made, outcome="y", unit="site", period="period", first="first")
    return {
        "cells": {c.estimate.name: c for c in found.cells},
        "aggregates": {k: staggered.aggregate(found, k) for k in ("simple", "group", "dynamic", "calendar")},
        "sun": staggered.sun_abraham(made, outcome="y", unit="site", period="period", first="first"),
        "weighted": staggered.sun_abraham(
            made, outcome="y", unit="site", period="period", first="first", weight="weight"
        ),
    }


def design() -> Frame:
    """The design of a stepped wedge, one row a cluster, with its cell sizes."""
    starts = np.array([1, 2, 3, 4, 5])
    frame = pd.DataFrame(treatment_matrix(starts.tolist(), 6), columns=[f"t{place}" for place in range(6)])
    return frame.assign(size=170.0 + 10 * starts, site=list(SITES[:5]))


@case(design)
def power_of_wedges(frame: Frame, _: list[str]) -> Any:
    x = frame[[f"t{place}" for place in range(6)]].to_numpy()
    sizes = np.repeat(frame[["size"]].to_numpy(), 6, axis=1)
    outcome = Outcome(baseline=0.06, icc=0.00722)
    return {
        "variance": treatment_variance(x, cell_size=sizes, within=0.05, between=0.0004) * 1e4,
        "closed": closed_form_variance(x, cell_size=170, within=0.05, between=0.0004) * 1e4,
        "power": wedge_power(x, cell_size=sizes, outcome=outcome, effect=0.02),
        "known": wedge_power(x, cell_size=sizes, outcome=Known(0.05, 0.0004), effect=0.02),
        "least": minimum_effect(x, cell_size=sizes, outcome=outcome),
        "size": size_needed(x, effect=0.02, outcome=outcome),
        "copies": copies_needed(x, effect=0.01, cell_size=sizes, outcome=outcome),
    }


@case(
    design,
    in_order="draws go to clusters by their place in the design, which is given by hand",
    is_searched=True,
)
def power_by_simulation(frame: Frame, _: list[str]) -> Any:
    x = frame[[f"t{place}" for place in range(6)]].to_numpy()
    options = {"cell_size": 170, "baseline": 0.2, "effect": 0.05, "sd_cluster": 0.2, "seed": 4, "n_trials": 8}
    return [simulate_power(x, **options, estimator=estimator) for estimator in ("logit", "linear")]


@case(lambda: pd.DataFrame({"n": [5, 10, 20]}))
def power_of_differences(frame: Frame, _: list[str]) -> Any:
    found = {}
    for n in frame["n"].tolist():
        made = did_minimum_effect(
            n_treated=5, n_control=n, n_before=2, n_after=1, cell_size=5200, icc=0.0157, autocorrelation=0.6, baseline=0.04,
        )  # fmt: skip
        d = 1.4 * made.minimum_d
        found[n] = (made, did_power(d, made), did_size_needed(d, made), autocorrelation_behind(d, made))
    readings = did_readings(
        n_treated=5,
        n_controls=sorted(frame["n"].tolist()),
        n_periods=3,
        cell_size=5200,
        icc=0.0157,
        baseline=0.04,
    )
    return {"made": found, "readings": {reading.label: reading.minimum_d for reading in readings}}
