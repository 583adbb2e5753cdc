"""Sums over few numbers: shares, families of tests, pools, costs, outliers; and what a reader of tables can work out."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd

from exports.attack import Sum, bounds
from exports.disclosure import Equation, Rule, attributed, narrowed, protect, protect_all, protect_document
from exports.table import Attribution, Column, Count, Document, Hidden, Quote, Run, Share, Table, across, down
from impact.costs import (
    Cost,
    StaffTime,
    Training,
    appraise,
    avoided_cases,
    deflate,
    discount_factors,
    rates_on,
    schedule,
)
from impact.estimate import few_clusters, normal, student, wald, without_rounding
from impact.multiplicity import hochberg
from impact.outliers import beyond, interquartile
from impact.pooling import dersimonian_laird, inverse_variance
from impact.proportions import difference, proportion
from tests.impact.everywhere.registry import Tables, case

Frame = pd.DataFrame


@case(lambda: pd.DataFrame({"item": list("abcd"), "count": [0, 3, 56, 70], "n": [12, 70, 70, 70]}))
def shares(frame: Frame, _: list[str]) -> Any:
    pairs = {item: (count, n) for item, count, n in frame[["item", "count", "n"]].itertuples(index=False)}
    return {
        "wilson": {item: proportion(*pair) for item, pair in pairs.items()},
        "exact": {item: proportion(*pair, method="exact") for item, pair in pairs.items()},
        "differences": {f"{a}{b}": difference(*pairs[a], *pairs[b]) for a, b in ("ab", "bc", "cd", "dd")},
    }


@case(
    lambda: pd.DataFrame(
        {"item": list("abcdef"), "share": [0.01, 0.02, 0.05, 0.0166666666666666, 0.025, 0.3]}
    )
)
def families(frame: Frame, _: list[str]) -> Any:
    found = hochberg(frame["share"], frame["item"].tolist(), family_size=7)
    rows = zip(found.names, found.adjusted, found.is_rejected, strict=True)
    return {
        "rows": {name: (adjusted, is_rejected) for name, adjusted, is_rejected in rows},
        "notes": found.notes,
    }


def at_the_limit() -> Frame:
    """p-values whose multiples are .05 exactly, as printed ones often are; the product of floats lies beside it."""
    return pd.DataFrame({"item": list("abc"), "share": [0.05 / 3, 0.025, 0.05]})


@case(at_the_limit)
def families_at_the_limit(frame: Frame, _: list[str]) -> Any:
    found = hochberg(frame["share"], frame["item"].tolist())
    rows = zip(found.names, found.adjusted, found.is_rejected, strict=True)
    return {name: (adjusted, is_rejected) for name, adjusted, is_rejected in rows}


def estimates() -> Frame:
    return pd.DataFrame(
        {
            "name": ["trial", "before and after", "third", "fourth"],
            "value": [-0.021, -0.034, 0.004, -0.011],
            "std_error": [0.012, 0.009, 0.02, 0.015],
        }
    )


@case(estimates)
def pools(frame: Frame, _: list[str]) -> Any:
    options = {"names": frame["name"].tolist()}
    columns = (frame["value"] * 10, frame["std_error"] * 10)
    found = {
        "correlated": inverse_variance(*columns, correlation=0.3, **options),
        "apart": inverse_variance(*columns, correlation=0.0, **options),
        "random": dersimonian_laird(*columns, **options),
    }
    weights = {
        kind: dict(zip([one.name for one in pool.inputs], pool.weights, strict=True))
        for kind, pool in found.items()
    }
    kept = ("estimate", "inputs", "q", "q_df", "q_p_value", "i_squared_share", "tau_squared", "notes")
    return {kind: {name: getattr(pool, name) for name in kept} for kind, pool in found.items()} | {
        "weights": weights
    }


@case(estimates)
def one_estimate(frame: Frame, _: list[str]) -> Any:
    found = {}
    for name, value, error in frame[["name", "value", "std_error"]].itertuples(index=False):
        found[name] = (
            normal(name, value, error),
            student(name, value, error, 7),
            wald(name, value, error, None),
        )
    nil = [without_rounding(value, 0.1) for value in ((0.1 + 0.2) - 0.3, 0.1 - 0.1, 1e-11)]
    return {"found": found, "nil": nil, "cautions": few_clusters(len(frame))}


def years() -> Tables:
    year = np.arange(6)
    items = pd.DataFrame(
        {
            "name": ["manager", "worker", "course", "rooms", "bid"],
            "kind": ["staff", "staff", "training", "start_up", "prerequisite"],
            "year": [0, 1, 1, 0, 0],
            "pounds": [31.7, 24.9, 210.1, 80_000.3, 12_000.7],
        }
    )
    by_year = pd.DataFrame(
        {
            "year": year,
            "pounds": 90_000.1 / (1 + year),
            "value": 40_000.7 * (1 + year),
            "index": 100 * 1.021**year,
        }
    )
    return {"items": items, "years": by_year}


@case(years)
def costs(tables: Tables, _: list[str]) -> Any:
    by_year = tables["years"].sort_values("year")
    index = dict(zip(by_year["year"], by_year["index"], strict=True))
    real = deflate(tables["years"]["pounds"], tables["years"]["year"].tolist(), index, base_year=0)
    listed = []
    for name, kind, year, pounds in tables["items"][["name", "kind", "year", "pounds"]].itertuples(
        index=False
    ):
        if kind == "staff":
            listed.append(StaffTime(name, year, 1_000.0, pounds, 0.2))
        elif kind == "training":
            listed.append(Training(name, year, 300, 2, pounds_per_day=pounds))
        else:
            listed.append(Cost(name, year, pounds, kind))
    effect = normal("effect", -0.02, 0.008)
    return {
        "real": dict(zip(tables["years"]["year"].tolist(), real.tolist(), strict=True)),
        "appraisal": appraise(by_year["pounds"], by_year["value"], on=dt.date(2026, 1, 31)),
        "factors": discount_factors(100),
        "rates": rates_on(dt.date(2020, 1, 1)).source,
        "schedule": schedule(listed, n_years=6, n_authorities=3),
        "benefit": avoided_cases(effect, n_children_per_year=1_700, pounds_per_case=60_000.1),
    }


def lengths() -> Frame:
    """Working days with ties at the quartiles, and values that lie on the fence: 30 + 1.5 × 20 and its lower side."""
    r = np.random.default_rng(2)
    values = np.concatenate([np.repeat([10.0, 30.0], 30), r.uniform(11, 29, 40), [60.0, 60.0, -20.0, 95.0]])
    return pd.DataFrame({"id": np.arange(len(values)), "x": values})


@case(lengths)
def outliers(frame: Frame, _: list[str]) -> Any:
    def kept(found: Any) -> Any:
        return found, frozenset(frame.loc[~found.keep, "id"].tolist())

    rules = {
        f"{sides} {quartiles}": interquartile(frame["x"], sides=sides, quartiles=quartiles)
        for sides, quartiles in (("upper", "linear"), ("both", "weibull"), ("both", "hazen"))
    }
    found = {name: kept(one) for name, one in (rules | {"hand": beyond(frame["x"], 60.0)}).items()}
    names = ("low", "high", "lower_quartile", "upper_quartile", "n_dropped", "dropped_share", "notes")
    return {name: ({n: getattr(one, n) for n in names}, gone) for name, (one, gone) in found.items()}


def survey() -> Frame:
    """Counts by site and answer, some small, that add up across and down."""
    return pd.DataFrame(
        {
            "site": ["Ash", "Birch", "Cedar", "Oak"],
            "yes": [12, 4, 33, 21],
            "no": [30, 25, 8, 19],
            "none": [11, 3, 14, 40],
        }
    )


def alike(frame: Frame) -> Frame:
    """Every other count the same, so that nothing but the place tells which cell to hide beside a small one."""
    return frame.assign(**{name: frame[name].where(frame[name] < 10, 20) for name in ("yes", "no", "none")})


@case(survey, hard={"alike": alike})
def disclosure(frame: Frame, _: list[str]) -> Any:
    answers = ["yes", "no", "none"]
    columns = [
        Column("site", "Site"),
        *(Column(name, name, "count", part_of="all") for name in answers),
        Column("all", "All", "count"),
        Column("percent", "Yes %", "percent", depends=("yes", "all")),
    ]
    rows = [
        [site, *map(Count, counts), Count(sum(counts)), Share(counts[0], sum(counts))]
        for site, *counts in frame[["site", *answers]].itertuples(index=False)
    ]
    totals = [sum(int(n) for n in frame[name]) for name in answers]
    rows.append(["Total", *map(Count, totals), Count(sum(totals)), Share(totals[0], sum(totals))])
    relations = across(range(len(rows)), total="all", parts=answers) + down(
        [*answers, "all"], total=len(rows) - 1, parts=range(len(frame))
    )
    table = Table.of("Answers", columns, rows, relations=relations)
    rule = Rule(10, quote_minimum_group=5)
    quote = Quote((Run("It helped."),), Attribution("Worker, Ash", 3, "Worker"))
    document, together = protect_document(Document("Answers", (table, quote)), rule)
    alone, (both, _) = protect(table, rule), protect_all([table, table], rule)

    def cells(found: Any) -> dict[str, dict[str, str]]:
        heads = [column.key for column in found.columns]
        return {str(row[0]): dict(zip(heads, map(str, row), strict=True)) for row in found.rows}

    hidden = [count for count in alone.counts if count.is_hidden]
    known = {count.digest: count.value for count in alone.counts if not count.is_hidden}
    wholes = dict(alone.wholes)
    return {
        "alone": cells(alone.table),
        "both": cells(both.table),
        "together": cells(together[0].table),
        "quote": document.blocks[1].attribution.text,
        "attribution": str(attributed(Attribution("Worker, Ash", 3), rule) == Hidden("c")),
        "reasons": {count.definition: count.reason for count in alone.counts},
        "narrowed": narrowed(known, [c.digest for c in hidden], alone.equations, wholes, 10),
    }


@case(survey)
def attack(frame: Frame, _: list[str]) -> Any:
    shown: dict[str, int] = {}
    hidden, sums = [], []
    for site, yes, no, none in frame[["site", "yes", "no", "none"]].itertuples(index=False):
        counts = {f"{site} yes": yes, f"{site} no": no, f"{site} none": none}
        hidden += [name for name, count in counts.items() if count < 13]
        shown |= {name: count for name, count in counts.items() if count >= 13} | {
            f"{site} all": yes + no + none
        }
        sums.append(Sum(f"{site} all", tuple(counts)))
    for answer in ("yes", "no", "none"):
        shown[f"Total {answer}"] = int(frame[answer].sum())
        sums.append(Sum(f"Total {answer}", tuple(f"{site} {answer}" for site in frame["site"])))
    found = bounds(shown, hidden, sums)
    equations = [Equation(each.total, each.parts) for each in sums]
    return {
        "bounds": {name: (bound.low, bound.high) for name, bound in found.items()},
        "narrowed": frozenset(narrowed(shown, hidden, equations, {}, 5)),
    }
