"""From tables of events to rows: cohorts, outcomes, covariates, matching, trends, and cells of files."""

from __future__ import annotations

import datetime as dt
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from impact import cells, cohorts, outcomes
from impact.clusters import crv1, fit
from impact.coarsening import balance, imbalance, match, pretty
from impact.covariates import (
    ages,
    impute,
    known_categories,
    missing_indicators,
    one_value_per_child,
    rubin,
    screen,
)
from impact.trends import match_trends, nearest_trends
from tests.impact.everywhere import data
from tests.impact.everywhere.data import HARD, SCALES, SITES, TWINS
from tests.impact.everywhere.registry import Tables, case

Frame = pd.DataFrame
OPENS, CLOSES, UNTIL = dt.date(2021, 1, 1), dt.date(2022, 7, 1), dt.date(2024, 6, 30)


def events() -> Tables:
    """Eighty children with referrals, plans, care, meetings, assessments and school terms; many on one day."""
    return {name: table.copy() for name, table in _events().items()}


@cache
def _events() -> Tables:
    r = np.random.default_rng(12)
    n = 80
    name = np.array([f"c{i:02d}" for i in range(n)])

    def on(low: str, span: int, size: int) -> pd.Series:
        # Few different days, so that many events fall on one.
        return pd.Series(pd.Timestamp(low) + pd.to_timedelta(14 * r.integers(0, span, size), unit="D"))

    def spells(size: int, **more: Any) -> Frame:
        child, start = r.choice(name, size), on("2020-10-01", 70, size)
        length = pd.to_timedelta(14 * r.integers(0, 20, size), unit="D")
        end = (start + length).where(pd.Series(r.random(size) < 0.85))
        return pd.DataFrame({"child": child, "started_on": start, "ended_on": end} | more)

    referred = pd.DataFrame({"child": r.choice(name, 150), "referred_on": on("2020-10-01", 50, 150)})
    referred["site"] = [SITES[int(child[1:]) % 3] for child in referred["child"]]
    assessed = referred.sample(100, random_state=1)[["child", "referred_on"]].reset_index(drop=True)
    assessed["started_on"] = assessed["referred_on"] + pd.to_timedelta(r.integers(0, 5, 100), unit="D")
    assessed["ended_on"] = assessed["started_on"] + pd.to_timedelta(r.integers(5, 70, 100), unit="D")
    assessed["factors"] = [["abuse"] if one else ["other", "disability"] for one in r.random(100) < 0.5]
    terms = pd.to_datetime(
        ["2021-01-04", "2021-04-19", "2021-09-01", "2022-01-04", "2022-04-19", "2022-09-01"]
    )
    sessions = pd.DataFrame(
        [(child, term) for child in name for term in terms if r.random() < 0.8],
        columns=["child", "term_starts_on"],
    )
    sessions["possible"] = r.choice([0, 60, 70], len(sessions), p=[0.1, 0.4, 0.5])
    sessions["unauthorised"] = (sessions["possible"] * r.random(len(sessions)) / 3).astype(int)
    care = spells(90, placement=r.choice(["U1", "K2", None], 90), end_reason=r.choice(["E4A", "E11"], 90))
    # Some episodes twice, with another placement and another end.
    again = care.head(30).assign(placement=np.array(["K2", "U1", "U3"])[np.arange(30) % 3], end_reason="E4A")
    return {
        "children": pd.DataFrame({"child": name, "site": [SITES[i % 3] for i in range(n)], "birth_on": on("2005-01-01", 420, n)}),
        "referrals": referred,
        "plans": spells(140, kind=r.choice(["cpp", "cin"], 140)),
        "care": pd.concat([care, again], ignore_index=True),
        "meetings": pd.DataFrame({"child": r.choice(name, 90), "met_on": on("2021-01-01", 50, 90)}),
        "proceedings": pd.DataFrame({"child": r.choice(name, 60), "issued_on": on("2021-01-01", 60, 60)}),
        "assessments": assessed,
        "sessions": sessions,
    }  # fmt: skip


def cohort(tables: Tables, **more: Any) -> cohorts.Cohort:
    return cohorts.first_referrals(
        tables["referrals"], tables["children"], opens_on=OPENS, closes_on=CLOSES, oldest=16, **more
    )


def lines(frame: Frame) -> list[str]:
    """The rows as they stand."""
    return [" ".join(map(str, row)) for row in frame.itertuples(index=False)]


@case(events)
def cohort_of_children(tables: Tables, _: list[str]) -> Any:
    found = cohort(tables)
    factors = cohort(tables, assessments=tables["assessments"], factors=["abuse"])
    spells = cohorts.spells(tables["plans"], table="plans")
    care = cohorts.periods_of_care(tables["care"])
    referred = cohorts.days(tables["referrals"], "referred_on", table="referrals")
    born = tables["children"].set_index("child")["birth_on"].reindex(tables["referrals"]["child"])
    born.index = tables["referrals"].index
    years = cohorts.completed_years(born, referred)
    return {
        "cohort": (found.frame.set_index("child"), found.left_out),
        "factors": (factors.frame.set_index("child"), factors.left_out),
        # In the order given back, which later draws and joins hang on.
        "spells": lines(spells[["child", "started_on", "ended_on", "kind"]]),
        "care": lines(care),
        "closes": sorted(cohorts.months_after(referred, 18).astype(str)),
        "years": sorted(years.tolist()),
    }


@case(events)
def coded_outcomes(tables: Tables, _: list[str]) -> Any:
    children = cohort(tables)
    plans, care, until = tables["plans"], tables["care"], {"data_until": UNTIL}
    found = [
        outcomes.looked_after(children, care, **until),
        outcomes.started_plan(children, plans, **until),
        outcomes.returned(children, plans, care, months=18, **until),
        outcomes.plan_duration(children, plans, **until),
        outcomes.days_on_plans(children, plans, months=18, **until),
        outcomes.care_proceedings(children, tables["meetings"], tables["proceedings"], **until),
        outcomes.re_referred(children, tables["referrals"], **until),
        outcomes.kinship_first(children, care, **until),
        outcomes.reunified(tables["children"], care, opens_on=OPENS, closes_on=CLOSES, **until),
        outcomes.assessment_days(
            children, tables["assessments"].drop_duplicates(["child", "referred_on"]), **until
        ),
    ]
    absent = outcomes.absence(children, tables["sessions"])
    return {one.name: (one.frame.set_index("child").drop(columns="site"), one.left_out) for one in found} | {
        "absence": (absent.frame.set_index(["child", "term"]).drop(columns="site"), absent.left_out)
    }


def gaps() -> Frame:
    """Rows with gaps. Half the covariates have few values, so that many donors have one prediction."""
    frame = data.people(200, 6)[["id", "site", "x", "z", "w", "y", "arm", "sex"]]
    r = np.random.default_rng(7)
    frame["band"] = np.digitize(frame["x"], (-0.5, 0.5)).astype(float)
    frame["dose"] = np.round(frame["band"] + frame["w"] + r.integers(0, 3, len(frame)), 0)
    for name, share in (("x", 0.1), ("dose", 0.3), ("arm", 0.15)):
        frame.loc[r.random(len(frame)) < share, name] = np.nan
    return frame


@case(gaps)
def imputations(frame: Frame, _: list[str]) -> Any:
    found = impute(
        frame, ["x", "w", "band", "dose", "arm", "y"], seed=3, n_imputations=2, n_rounds=2, keys=["id"]
    )
    return {
        "frames": [one.set_index("id")[["x", "dose", "arm"]].sort_index() for one in found.frames],
        "missing": found.n_missing,
        "notes": found.notes,
    }


@case(gaps)
def imputations_among_ties(frame: Frame, _: list[str]) -> Any:
    found = impute(frame, ["w", "band", "dose"], seed=3, n_imputations=2, keys=["id"])
    return [one.set_index("id")["dose"].sort_index() for one in found.frames]


@case(
    lambda: pd.DataFrame(
        {"value": [0.41, 0.38, 0.46, 0.39, 0.44], "std_error": [0.11, 0.12, 0.11, 0.1, 0.12]}
    )
)
def rubins_rules(frame: Frame, _: list[str]) -> Any:
    return [rubin(frame["value"], frame["std_error"] ** 2, complete_df=df) for df in (float("inf"), 60.0)]


@case(gaps)
def recorded_covariates(frame: Frame, _: list[str]) -> Any:
    filled = missing_indicators(frame, ["x", "dose", "arm"], is_randomised=False)
    settled = {
        rule: one_value_per_child(frame, "site", column, rule=rule)
        for rule, column in (("agree", "sex"), ("maximum", "dose"))
    }
    born = pd.to_datetime("2010-02-01") + pd.to_timedelta(frame["id"].str.slice(1).astype(int), unit="D")
    happened = pd.Series(pd.Timestamp("2021-03-01"), index=frame.index)
    aged = ages(born, happened)
    known = known_categories(frame["arm"], ["low", "middle"], unknown="missing")
    by_id = frame["id"].tolist()
    return {
        "screen": screen(frame, ["x", "dose", "arm"], limit_share=0.2),
        "filled": (
            filled.values.set_index("id")[["x", "x_is_missing", "dose", "arm"]].sort_index(),
            filled.n_changed,
        ),
        "settled": {
            r: (pd.Series(s.values.array, index=by_id), s.n_changed, s.notes) for r, s in settled.items()
        },
        "ages": (dict(zip(by_id, aged.years.tolist(), strict=True)), aged.notes),
        "known": (dict(zip(by_id, known.values.astype(str).tolist(), strict=True)), known.n_changed),
    }


@case(lambda: data.people(400, 5))
def matching(frame: Frame, _: list[str]) -> Any:
    treated = frame["treated"]
    covariates = frame[["x", "z", "w", "arm"]]
    found = match(treated, covariates, within=frame[["period"]], cutpoints={"x": [-9, -0.5, 0.5, 9]})
    numbers = frame[["x", "z", "w"]]
    weight = dict(zip(frame["id"].tolist(), found.weights.tolist(), strict=True))
    counts = ("n_matched_treated", "n_matched_controls", "n_strata", "n_matched_strata", "notes")
    return {
        "weights": weight,
        "counts": {name: getattr(found, name) for name in counts},
        "before": imbalance(treated, numbers),
        "after": imbalance(treated, numbers, weights=found.weights),
        "balance": balance(treated, numbers, weights=found.weights),
        "cutpoints": pretty(float(frame["x"].min()), float(frame["x"].max()), 9),
    }


def series() -> Frame:
    """Outcomes of twelve authorities in nine quarters; two pairs of them move alike but for rounding."""
    r = np.random.default_rng(10)
    table = np.round(r.normal(size=(12, 9)).cumsum(axis=1) + 20, 1)
    table[3], table[7] = (table[2] + 0.7) - 0.7, table[6]
    frame = pd.DataFrame(table, columns=[f"q{quarter}" for quarter in range(9)])
    return frame.assign(code=[f"E{place:02d}" for place in range(12)])


@case(series)
def trends(frame: Frame, _: list[str]) -> Any:
    quarters = [f"q{quarter}" for quarter in range(9)]
    wide = frame.set_index("code")[quarters]
    found = {
        kind: nearest_trends(wide, "E00", also_treated=["E01"], excluded=["E11"], k=4, standardise=kind)
        for kind in ("quarter", "pooled")
    }
    found |= {
        str(one.treated): one for one in match_trends(wide, {"E02": quarters[:5], "E06": quarters}, k=3)
    }
    return {
        name: {
            "neighbours": {one.rank: (one.code, one.distance, one.is_tied) for one in match_.neighbours},
            "standardised": match_.standardised,
            "left out": match_.left_out,
            "notes": match_.notes,
        }
        for name, match_ in found.items()
    }


@case(data.people, covariates=("x", "z"), hard=HARD | SCALES, refused=TWINS)
def cells_of_files(frame: Frame, names: list[str]) -> Any:
    threads = frame.attrs.get("threads")
    with tempfile.TemporaryDirectory() as folder:
        parts = [Path(folder) / f"{place}.parquet" for place in range(3)]
        for place, path in enumerate(parts):
            frame.iloc[place::3].to_parquet(path)
        keys: dict[str, Any] = {"cluster": "site", "period": "period", "threads": threads}
        sums = cells.cluster_sums(parts, outcome="y", columns=[*names, "w"], weight="weight", **keys)
        by = cells.cluster_cells(parts, outcome="y", columns=names, by=["w"], **keys)
        fitted = {"sums": fit(sums.with_cluster_effects()), "cells": fit(by.sums.with_cluster_effects())}
        counts = cells.binomial(parts, outcome="e", by=["site", "w"], threads=threads)
        left_out = cells.write(counts, Path(folder) / "counts.csv")
        return {
            "estimates": {
                kind: [crv1(one, name) for name in ("w", *sorted(names))] for kind, one in fitted.items()
            },
            "cells": (by.n, by.cells["w"]),
            "labels": sums.labels,
            "binomial": counts.set_index(["site", "w"]),
            "written": (left_out, (Path(folder) / "counts.csv").read_text()),
            "repeated": cells.repeated(parts, "person", threads=threads),
        }


@case(data.people)
def statements(_: Frame, __: list[str]) -> Any:
    return {
        "binomial": cells.binomial_sql("e", ["site", "w"]),
        "repeated": cells.repeated_sql("person"),
        "sums": cells.cluster_sums_sql(
            "y", ["x"], cluster="site", period="period", weight="weight", centres={"x": 1e9 + 0.1}
        ),
    }
