"""Plans: what is refused, what the hash covers, and whether a plan is the registered one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from impact import plans, site_periods
from impact.errors import BadDocument

PLAN = """schema: 1
study: trial
title: A trial
protocol: Version 2
seed: 7
site_periods: sites.yaml
trial: {opens_on: 2020-01-01, closes_on: 2023-01-01, data_until: 2026-01-31}
tables: {children: children.parquet, referrals: referrals.parquet, care: care.parquet}
readings:
  - {point: 18 or 24 months, taken: 18 months, because: the table goes before the text}
outcomes:
  - {id: looked-after, coding: looked_after, oldest: 12, months: 18}
analyses:
  - {id: primary, role: primary, outcomes: [looked-after], model: wedge_logit}
  - {id: permuted, role: sensitivity, outcomes: [looked-after], model: permutation}
multiplicity: {method: hochberg, analyses: [primary, permuted]}
"""


def written(tmp_path, text):
    path = tmp_path / "plan.yaml"
    path.write_text(text)
    return path


def test_a_plan_is_read_and_hashed_the_same_however_it_is_spaced(tmp_path):
    plan = plans.read(written(tmp_path, PLAN))
    spaced = plans.read(written(tmp_path, PLAN.replace("seed: 7", "# the seed\n\nseed:    7")))
    assert plan.sha256 == spaced.sha256
    assert plan.is_as_registered is None
    assert plan.outcomes[0].is_binary


def test_the_hash_tells_a_change_and_leaves_out_registration_and_deviations(tmp_path):
    plan = plans.read(written(tmp_path, PLAN))
    registered = f"registration: {{where: the register, on: 2020-01-01, sha256: {plan.sha256}}}\n"
    deviations = "deviations:\n  - {what: later data, why: the return was late, on: 2024-05-01}\n"
    assert plans.read(written(tmp_path, PLAN + registered + deviations)).is_as_registered is True
    changed = PLAN.replace("months: 18", "months: 24") + registered
    assert plans.read(written(tmp_path, changed)).is_as_registered is False


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        ("title: A trial", "titel: A trial", r"line 3, titel: there is no such key\. Did you mean “title”"),
        ("model: permutation", "model: permutaton", r"line 15, analyses\.1\.model: .*'permutation'"),
        (
            "outcomes: [looked-after], model: wedge",
            "outcomes: [looked_after], model: wedge",
            "which is not in the plan",
        ),
        ("id: permuted", "id: primary", "analyses: “primary” stands twice"),
        ("[primary, permuted]", "[primary, permutation]", "multiplicity names the analysis “permutation”"),
        ("role: sensitivity", "role: primary", "exactly one analysis"),
        ("closes_on: 2023-01-01", "closes_on: 2019-01-01", "line 7, trial: .*have to follow one another"),
        ("care: care.parquet", "care: ../care.parquet", r"tables\.care: has to be the name of a \.parquet"),
        ("oldest: 12", "oldest: -1", r"outcomes\.0\.oldest: .*greater than or equal to 0"),
        ("seed: 7\n", "seed: 7\nsmallest_count: 5\n", "smallest_count: .*greater than or equal to 10"),
    ],
)
def test_a_faulty_plan_is_refused_with_line_and_key(tmp_path, before, after, complaint):
    assert before in PLAN
    with pytest.raises(BadDocument, match=complaint):
        plans.read(written(tmp_path, PLAN.replace(before, after)))


# The page that describes every key

PAGE = (Path(__file__).resolve().parents[2] / "docs/impact/plans.md").read_text(encoding="utf-8")
PAGE_OF_OUTCOMES = Path(__file__).resolve().parents[2] / "docs/impact/outcomes.md"
EXAMPLES = dict(re.findall(r"^```yaml\n# (\w+)\.yaml\n(.*?)^```", PAGE, re.M | re.S))


def test_the_examples_of_the_page_are_read(tmp_path):
    plan = plans.read(written(tmp_path, EXAMPLES["plan"]))
    (tmp_path / "sites.yaml").write_text(EXAMPLES["sites"])
    sites = site_periods.read(tmp_path / "sites.yaml")
    codes = {site.code for site in sites.sites}
    assert {code for pairs in plan.matching.pairs.values() for code in pairs} <= codes
    assert plan.is_as_registered is False  # nobody registers nil


@pytest.mark.parametrize(("model", "example"), [(plans.Plan, "plan"), (site_periods.SitePeriods, "sites")])
def test_the_page_shows_and_explains_every_key(model, example):
    schema = model.model_json_schema()
    parts = [schema, *schema.get("$defs", {}).values()]
    keys = {key for part in parts for key in part.get("properties", {})}
    shown = set(re.findall(r"\b(\w+):", EXAMPLES[example]))
    assert keys - shown == set()
    explained = {word for words in re.findall(r"`([^`]+)`", PAGE) for word in re.findall(r"\w+", words)}
    tables = set(plans.Tables.model_fields)  # on the page of outcomes
    assert keys - explained - tables - {"sites"} == set()


def test_the_page_names_every_model_and_effect():
    for word in (*get_args(plans.Model), *get_args(plans.Effect)):
        assert f"`{word}`" in PAGE
    outcomes = PAGE_OF_OUTCOMES.read_text(encoding="utf-8")
    for word in get_args(plans.Coding):
        assert f"| `{word}` |" in outcomes
    for table in plans.Tables.model_fields:
        assert f"| `{table}` |" in outcomes


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        ("model: tobit, effect: dose", "“tobit” cannot answer “dose”"),
        ("model: did, effect: readiness", "“did” cannot answer “readiness”"),
        ("model: hurdle, treatment: four_weeks", "“four_weeks” goes with the immediate effect of"),
        (
            "model: did, effect: placebo, treatment: half_open_time",
            "“half_open_time” goes with the immediate",
        ),
        ("model: wedge_logit, matched: true", "“wedge_logit” knows no weights"),
        ("model: did, effect: triple_difference", "“by” goes with"),
        ("model: did, by: rated_good", "“by” goes with"),
        ("model: did, site_effects: false", "matched pairs in the model “did” alone"),
        ("model: wedge_linear, nodes: 9", "“nodes” goes with “wedge_logit”"),
        ("model: did, shift: 2", "“shift” goes with “placebo”"),
        ("model: did, score: fidelity", "“score” goes with “dose”"),
    ],
)
def test_a_key_that_no_model_would_heed_is_refused(tmp_path, keys, complaint):
    text = PLAN.replace("model: permutation", keys)
    with pytest.raises(BadDocument, match=complaint):
        plans.read(written(tmp_path, text))


def test_a_yes_or_no_has_no_outliers(tmp_path):
    text = PLAN.replace("months: 18}", "months: 18, above: 1}")
    with pytest.raises(BadDocument, match="“looked-after” is no amount"):
        plans.read(written(tmp_path, text))
