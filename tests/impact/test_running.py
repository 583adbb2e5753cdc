"""Plans carried out from tables of events to a bundle and its report, on simulated data with known effects."""

from __future__ import annotations

import datetime as dt
import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from impact import bundles, plans, reports, running, simulator, site_periods
from impact.errors import BadData
from impact.running import carrying_out

SHIPPED = Path(running.__file__).parents[1] / "shipped"
MADE = dt.datetime(2026, 11, 25, 12, 0, tzinfo=dt.UTC)
EFFECTS = simulator.Effects()

SITES = """schema: 1
study: small
sites:
  - {code: north, readiness: high, live: {planned: 2020-07-01}, embedding: {from: 2020-04-01, until: 2020-07-01}}
  - {code: south, readiness: low, live: {planned: 2021-01-01}, embedding: {from: 2020-10-01, until: 2021-01-01}}
  - {code: east, readiness: low, live: {planned: 2021-07-01}}
  - {code: west, live: {}}
  - {code: far, live: {}}
"""
PLAN = """schema: 1
study: small
title: A small study
protocol: Version 1
seed: 5
site_periods: sites.yaml
trial: {opens_on: 2020-01-01, closes_on: 2022-01-01, data_until: 2024-12-31}
tables:
  children: children.parquet
  referrals: referrals.parquet
  assessments: assessments.parquet
  plans: plans.parquet
  care: care.parquet
  sessions: sessions.parquet
  site_months: site_months.parquet
covariates:
  columns: [{name: sex, kind: category}, {name: ethnicity, kind: category}, {name: age, kind: number}]
matching:
  pairs: {all: {north: [west], south: [far], east: [west, far]}}
  columns: [sex, age]
  cutpoints: {age: [0, 6, 12]}
  within: before_and_after
outcomes:
  - {id: looked-after, coding: looked_after, oldest: 12}
  - {id: started-plan, coding: started_plan, oldest: 12}
  - {id: absence, coding: absence, oldest: 12}
  - {id: kinship, coding: kinship_first, oldest: 12}
analyses:
  - {id: primary, role: primary, outcomes: [looked-after], model: wedge_logit}
"""


def analysis(**keys):
    return "  - {" + ", ".join(f"{key}: {value}" for key, value in keys.items()) + "}\n"


def folder(at: Path, *, text=PLAN, sites=SITES, n_children=3_000, seed=1, kind="parquet", **effects):
    """A plan, its sites and data for it."""
    at.mkdir(parents=True, exist_ok=True)
    (at / "plan.yaml").write_text(text)
    (at / "sites.yaml").write_text(sites)
    plan, periods = plans.read(at / "plan.yaml"), site_periods.read(at / "sites.yaml")
    study = simulator.of_plan(plan, periods, n_children=n_children, base_rate=0.06)
    simulator.save(
        simulator.make(study, seed=seed, effects=simulator.Effects(**effects)), at / "data", kind=kind
    )
    return at


def run(at: Path) -> bundles.Bundle:
    return running.run(at / "plan.yaml", at / "data")


def found(bundle, which, outcome=None):
    return next(a for a in bundle.analyses if a.id == which and outcome in (None, a.outcome))


def shipped(
    at: Path,
    name: str,
    n_children: int,
    *,
    base_rate=0.06,
    imputations=2,
    seed=1,
    analyses: Sequence[str] = (),
) -> bundles.Bundle:
    """A shipped plan, or some of its analyses, on data of its shape. Two imputations do for a test."""
    shutil.copytree(SHIPPED / name, at)
    text = (at / "plan.yaml").read_text().replace("imputations: 5", f"imputations: {imputations}")
    if analyses:
        whole = yaml.safe_load(text)
        whole["analyses"] = [one for one in whole["analyses"] if one["id"] in analyses]
        text = yaml.safe_dump(whole, sort_keys=False)
    (at / "plan.yaml").write_text(text)
    plan, periods = plans.read(at / "plan.yaml"), site_periods.read(at / "sites.yaml")
    study = simulator.of_plan(plan, periods, n_children=n_children, base_rate=base_rate)
    simulator.save(simulator.make(study, seed=seed), at / "data")
    return run(at)


def near(bundle, which, outcome, truth, place=0):
    """Within three standard errors of the truth."""
    result = found(bundle, which, outcome).results[place]
    return abs(result.value - truth) < 3 * result.std_error


def nothing_of_children(bundle):
    page = reports.html(bundle, made_at=MADE).decode()
    words = re.sub(r"base64,[A-Za-z0-9+/=]+", "", page)
    return not re.search(r"\bc\d{7}\b", bundle.model_dump_json() + words)


# The shipped plans


@pytest.mark.parametrize("name", sorted(path.name for path in SHIPPED.iterdir() if path.is_dir()))
def test_every_shipped_plan_reads_with_its_sites_and_says_how_it_read_the_protocol(name):
    plan = plans.read(SHIPPED / name / "plan.yaml")
    assert plan.study == name == site_periods.read(SHIPPED / name / plan.site_periods).study
    assert plan.readings


@pytest.mark.row("000-09")
def test_the_trial_of_family_safeguarding_runs_and_finds_what_was_put_in(tmp_path):
    bundle = shipped(tmp_path / "plan", "family-safeguarding-trial", 8_000)
    assert [a.id for a in bundle.analyses if a.failed] == []
    assert near(bundle, "primary", "looked-after", EFFECTS.looked_after_log_odds)
    assert near(bundle, "secondary-binary", "re-referred", EFFECTS.re_referred_log_odds)
    assert near(bundle, "secondary-continuous", "absence", EFFECTS.absence_points)
    assert near(bundle, "secondary-continuous", "plan-duration", EFFECTS.plan_days)
    permuted = found(bundle, "permutation")
    assert permuted.diagnostics["smallest p that the allowed orders can give"] == pytest.approx(1 / 12)
    assert len(bundle.multiplicity) == 6
    assert nothing_of_children(bundle)


@pytest.mark.slow  # a minute: every analysis of the longest plan; the tests before and after it run plans that are shorter
def test_the_difference_in_differences_of_family_valued_runs_and_finds_what_was_put_in(tmp_path):
    bundle = shipped(tmp_path / "plan", "family-valued-did", 9_000)
    assert {a.id: a.failed for a in bundle.analyses if a.failed} == {}
    assert near(bundle, "primary", "looked-after", EFFECTS.looked_after_log_odds)
    assert near(bundle, "secondary", "absence", EFFECTS.absence_points)
    assert near(bundle, "absence-random-effects", "absence", EFFECTS.absence_points)
    assert near(bundle, "placebo", "looked-after", 0.0)
    assert near(bundle, "common-shock", "looked-after", 0.0)
    primary = found(bundle, "primary")
    assert primary.n_clusters == 15
    assert found(bundle, "trailblazer").n_clusters == 16
    assert primary.diagnostics["L1 after matching"] < primary.diagnostics["L1 before matching"]
    assert nothing_of_children(bundle)


def test_signs_of_safety_runs_and_finds_what_was_put_in(tmp_path):
    bundle = shipped(tmp_path / "plan", "signs-of-safety-did", 5_000, base_rate=0.15)
    assert {f"{a.id}: {a.outcome}": a.failed for a in bundle.analyses if a.failed} == {}
    assert near(bundle, "primary", "assessment-days", EFFECTS.assessment_days)
    assert near(bundle, "limit-310", "assessment-days-310", EFFECTS.assessment_days)
    variance = found(bundle, "outcomes-analysis", "assessment-days")
    assert "units_recur" in {note.code for note in variance.notes}
    assert [row[0] for row in variance.figures[0].rows[:3]] == ["group", "period", "group × period"]
    assert found(bundle, "ofsted", "re-referred").results[0].name == "treated"
    assert nothing_of_children(bundle)


# What holds of every plan


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    more = [
        analysis(
            id="embedding",
            role="sensitivity",
            outcomes="[looked-after]",
            model="wedge_logit",
            leave_out_embedding="true",
        ),
        analysis(
            id="no-north",
            role="sensitivity",
            outcomes="[looked-after]",
            model="wedge_logit",
            leave_out_sites="[north]",
        ),
        analysis(id="did", role="sensitivity", outcomes="[looked-after]", model="did", matched="true"),
        analysis(
            id="plan", role="secondary", outcomes="[started-plan, absence]", model="did", matched="true"
        ),
        analysis(id="no-tobit", role="sensitivity", outcomes="[looked-after]", model="tobit"),
        analysis(id="late", role="exploratory", outcomes="[started-plan]", model="did"),
    ]
    return folder(tmp_path_factory.mktemp("small") / "study", text=PLAN + "".join(more))


@pytest.fixture(scope="module")
def told(small):
    return run(small)


def test_the_same_plan_and_data_give_the_same_bundle(small, told, tmp_path):
    one, two = told, run(small)
    assert one.sha256 == two.sha256
    bundles.write(one, tmp_path / "results.json")
    assert bundles.read(tmp_path / "results.json") == one


def test_csv_and_parquet_give_the_same_results(small, told, tmp_path):
    text = (small / "plan.yaml").read_text().replace(".parquet", ".csv")
    other = folder(tmp_path / "csv", text=text, kind="csv")
    one, two = told, run(other)
    assert [a.model_dump() for a in one.analyses] == [a.model_dump() for a in two.analyses]
    assert one.data != two.data


def test_an_analysis_that_fails_says_why_and_the_rest_goes_on(told):
    bundle = told
    failed = found(bundle, "no-tobit")
    assert failed.failed == "The outcome “looked-after” is not censored, so a Tobit model has no use."
    assert failed.results == ()
    assert found(bundle, "late").failed is None
    assert "Could not be estimated: The outcome" in reports.html(bundle, made_at=MADE).decode()


def test_embedding_windows_and_sites_are_left_out(small, told):
    bundle = told
    primary, embedding = found(bundle, "primary"), found(bundle, "embedding")
    referrals = pd.read_parquet(small / "data" / "referrals.parquet").drop_duplicates("child")
    inside = referrals["site"].map({"north": "2020-04-01", "south": "2020-10-01"})
    start = pd.to_datetime(inside)
    in_window = (referrals["referred_on"] >= start) & (
        referrals["referred_on"] < start + pd.DateOffset(months=3)
    )
    # A tenth is too old, and none of those is in either sample.
    assert primary.n_rows.n - embedding.n_rows.n == pytest.approx(0.9 * in_window.sum(), rel=0.15)
    assert found(bundle, "no-north").n_clusters == primary.n_clusters - 1 == 4


def test_differences_show_four_standard_errors(told):
    lines = found(told, "did").results
    assert [line.error.split(",")[0] for line in lines] == ["CRV1", "CR2", "CV3", "wild bootstrap"]
    assert len({line.value for line in lines}) == 1
    assert lines[0].scale == "percentage points"


@pytest.mark.row("001-06")
def test_the_sample_of_pairs_is_weighted_to_the_treated_sites(told):
    diagnostics = found(told, "did").diagnostics
    assert diagnostics["children of treated sites matched, percent"] > 95
    assert diagnostics["L1 after matching"] < diagnostics["L1 before matching"]


def test_small_counts_and_what_rests_on_them_are_hidden(tmp_path):
    text = PLAN + analysis(id="kin", role="secondary", outcomes="[kinship]", model="did")
    bundle = run(folder(tmp_path, text=text, n_children=1_000))
    kin = found(bundle, "kin")
    assert {result.status for result in kin.results} == {"hidden"}
    assert all(result.value is None and result.p_value is None for result in kin.results)
    counts = [*(s.n for s in bundle.samples), *(n for s in bundle.samples for n in s.left_out.values())]
    assert all(one.n is None or one.n == 0 or one.n >= 10 for one in counts)
    trends = found(bundle, "primary").figures[0]
    assert any(row[2] is None for row in trends.rows)


def test_diagnostics_and_plots_go_with_a_hidden_estimate(tmp_path):
    text = PLAN + analysis(id="kin", role="secondary", outcomes="[kinship]", model="did", matched="true")
    kin = found(run(folder(tmp_path, text=text, n_children=1_000)), "kin")
    assert {result.status for result in kin.results} == {"hidden"}
    assert set(kin.diagnostics.values()) == {None}
    assert kin.figures == ()


def test_words_that_leave_hold_no_small_counts_and_no_rows():
    discreet = carrying_out._discreet
    assert discreet("3 of 151 treated rows have no match.", 10) == "a few of 151 treated rows have no match."
    assert discreet("28 of 1,151 rows were dropped.", 10) == "28 of 1,151 rows were dropped."
    assert discreet("“x” is missing in 2 rows, first in row 7.", 10) == "“x” is missing in a few rows."
    assert discreet("There are only 5 clusters.", 10) == "There are only 5 clusters."


def test_effects_by_time_are_hidden_one_by_one(tmp_path):
    """2,000 children: the sites that go live have few events in a single period."""
    text = PLAN + analysis(
        id="steps", role="sensitivity", outcomes="[looked-after]", model="did", effect="by_time_since"
    )
    lines = found(run(folder(tmp_path, text=text, n_children=2_000)), "steps")
    shown = {line.name: line.status for line in lines.results}
    assert shown["time-averaged"] == "released"
    assert shown["exposure 3"] == "hidden"
    figure = {row[0]: row[1] for row in lines.figures[0].rows}
    assert figure[2.0] is None


def test_sizes_that_would_give_away_a_small_count_by_subtraction_are_hidden():
    assert bundles.unlike([5_000, 5_000, 4_996, 4_980, 4_989], 10) == {5_000, 4_980}
    assert bundles.unlike([12, 5, 0], 10) == {12, 0}


def test_a_hidden_reason_is_never_hidden_alone(tmp_path):
    """Three children in care when they were referred: their number is a total less all the others."""
    at = folder(tmp_path)
    care = pd.read_parquet(at / "data" / "care.parquet")
    referrals = pd.read_parquet(at / "data" / "referrals.parquet").drop_duplicates("child")
    free = referrals[~referrals["child"].isin(care["child"])].head(3)
    before = pd.DataFrame(
        {
            "child": free["child"],
            "started_on": free["referred_on"] - pd.Timedelta(days=40),
            "ended_on": free["referred_on"] + pd.Timedelta(days=40),
            "placement": "U6",
            "end_reason": "E8",
        }
    )
    pd.concat([care, before]).to_parquet(at / "data" / "care.parquet")
    left_out = run(at).samples[0].left_out
    assert left_out["in care when referred"].n is None
    assert sum(one.n is None for one in left_out.values()) >= 2


@pytest.mark.row("001-11")
def test_imputed_covariates_are_pooled_and_repeatable(tmp_path):
    text = PLAN.replace("kind: number}]", "kind: number}]\n  missing: imputation\n  imputations: 3")
    at = folder(tmp_path, text=text)
    one, two = run(at), run(at)
    assert one.sha256 == two.sha256
    primary = found(one, "primary")
    assert primary.failed is None
    assert "pooled" in {note.code for note in primary.notes}
    marked = found(run(folder(tmp_path / "marked")), "primary").results[0]
    assert primary.results[0].value == pytest.approx(marked.value, abs=0.1)
    assert primary.results[0].value != marked.value


def test_a_covariate_that_is_missing_too_often_is_left_out_before_matching(tmp_path):
    at = folder(
        tmp_path,
        text=PLAN.replace(
            "outcomes: [looked-after], model: wedge_logit",
            "outcomes: [looked-after], model: did, matched: true",
        ),
    )
    children = pd.read_parquet(at / "data" / "children.parquet")
    children.loc[children.index % 3 == 0, "ethnicity"] = None
    children.to_parquet(at / "data" / "children.parquet")
    dropped = [note.text for note in found(run(at), "primary").notes if note.code == "covariates_dropped"]
    assert len(dropped) == 1
    assert dropped[0].endswith("lack them: ethnicity.")


# Bad input


def test_a_missing_table_is_named(tmp_path):
    at = folder(tmp_path)
    (at / "data" / "care.parquet").unlink()
    assert (
        found(run(at), "primary").failed == "care.parquet: there is no such file in the folder of the data."
    )
    (at / "data" / "referrals.parquet").unlink()
    with pytest.raises(BadData, match=r"referrals\.parquet: there is no such file"):
        run(at)


def test_a_misspelt_site_suggests_the_nearest(tmp_path):
    at = folder(tmp_path)
    (at / "sites.yaml").write_text(SITES.replace("code: north", "code: nord"))
    with pytest.raises(BadData, match=r"the site “north” is not in sites\.yaml\. Did you mean “nord”\?"):
        run(at)


@pytest.mark.parametrize(
    ("before", "after"),
    [("east: [west, far]", "east: [west, fir]"), ("id: primary,", "id: primary, leave_out_sites: [fir],")],
)
def test_a_misspelt_site_of_the_plan_suggests_the_nearest(tmp_path, before, after):
    at = folder(tmp_path, n_children=50)
    (at / "plan.yaml").write_text(PLAN.replace(before, after))
    with pytest.raises(
        BadData, match=r"the plan: the site “fir” is not in sites\.yaml\. Did you mean “far”\?"
    ):
        run(at)


def test_a_misspelt_column_suggests_the_nearest(tmp_path):
    at = folder(tmp_path)
    (at / "plan.yaml").write_text(PLAN.replace("{name: ethnicity", "{name: etnicity"))
    assert found(run(at), "primary").failed == "There is no column “etnicity”. Did you mean “ethnicity”?"


def test_a_file_that_is_no_table_is_refused(tmp_path):
    at = folder(tmp_path)
    (at / "data" / "children.parquet").write_text("child;site")
    with pytest.raises(BadData, match=r"children\.parquet: cannot be read"):
        run(at)


def test_identifiers_may_be_numbers_in_one_table_and_words_in_another(tmp_path):
    at = folder(tmp_path)
    words = run(at)
    for name in ("children", "referrals", "care"):
        path = at / "data" / f"{name}.parquet"
        table = pd.read_parquet(path)
        numbers = table["child"].str[1:].astype("int64")
        table.assign(child=numbers.astype(str) if name == "care" else numbers).to_parquet(path)
    assert found(run(at), "primary").results == found(words, "primary").results


def test_a_missing_identifier_is_refused_with_its_row(tmp_path):
    at = folder(tmp_path)
    path = at / "data" / "referrals.parquet"
    table = pd.read_parquet(path)
    table.loc[6, "child"] = None
    table.to_parquet(path)
    with pytest.raises(BadData, match=r"referrals\.parquet: “child” is missing in 1 rows, first in row 7"):
        run(at)


def test_dates_of_other_countries_are_refused_instead_of_guessed(tmp_path):
    at = folder(tmp_path, text=PLAN.replace(".parquet", ".csv"), kind="csv")
    path = at / "data" / "referrals.csv"
    table = pd.read_csv(path, dtype=str)
    table["referred_on"] = pd.to_datetime(table["referred_on"]).dt.strftime("%d/%m/%Y")
    table.to_csv(path, index=False)
    assert "holds something that is not a date such as 2021-04-30" in found(run(at), "primary").failed


def test_a_site_that_goes_live_is_no_comparison(tmp_path):
    text = PLAN.replace("north: [west]", "north: [south]").replace("wedge_logit}", "did, matched: true}")
    bundle = run(folder(tmp_path, text=text))
    assert found(bundle, "primary").failed == "“south” goes live itself, so it is no comparison for “north”."


# Large data, and how often intervals hold the truth


@pytest.mark.slow
def test_the_trial_at_full_size(tmp_path):
    bundle = shipped(tmp_path / "plan", "family-safeguarding-trial", 51_000)
    assert [a.id for a in bundle.analyses if a.failed] == []
    assert near(bundle, "primary", "looked-after", EFFECTS.looked_after_log_odds)
    assert near(bundle, "time-since", "looked-after", EFFECTS.looked_after_log_odds)
    assert near(bundle, "secondary-binary", "re-referred", EFFECTS.re_referred_log_odds)
    assert near(bundle, "secondary-continuous", "absence", EFFECTS.absence_points)
    assert near(bundle, "secondary-continuous", "plan-duration", EFFECTS.plan_days)


@pytest.mark.slow
def test_the_difference_in_differences_at_full_size(tmp_path):
    # Every analysis of the plan runs above on fewer children; here those whose truth is known.
    few = ["primary", "secondary", "trailblazer", "placebo"]
    bundle = shipped(tmp_path / "plan", "family-valued-did", 100_000, base_rate=0.04, analyses=few)
    assert {a.id: a.failed for a in bundle.analyses if a.failed} == {}
    primary = found(bundle, "primary")
    assert near(bundle, "primary", "looked-after", EFFECTS.looked_after_log_odds)
    assert near(bundle, "trailblazer", "looked-after", EFFECTS.looked_after_log_odds)
    assert primary.diagnostics["logit called for"] == "yes"
    assert near(bundle, "secondary", "absence", EFFECTS.absence_points)
    assert near(bundle, "placebo", "looked-after", 0.0)


COVERAGE_SITES = "schema: 1\nstudy: coverage\nsites:\n" + "".join(
    f"  - {{code: s{n:02}" + (f", live: {{planned: 2021-{1 + n:02}-01}}" if n < 6 else "") + "}\n"
    for n in range(12)
)
COVERAGE_ANALYSES = {
    "wedge-logit": {"model": "wedge_logit"},
    "wedge-linear": {"model": "wedge_linear"},
    "difference": {"model": "did"},
    "logit": {"model": "did_logit"},
    "feasible-gls": {"model": "fgls"},
    "callaway-santanna": {"model": "callaway_santanna"},
    "sun-abraham": {"model": "sun_abraham"},
    "absence-wedge": {"model": "wedge_linear", "outcomes": "[absence]"},
    "absence-random-effects": {"model": "random_effects", "outcomes": "[absence]"},
    "days-tobit": {"model": "tobit", "outcomes": "[plan-days]"},
    "days-hurdle": {"model": "hurdle", "outcomes": "[plan-days]"},
}
# CR2 with Satterthwaite's degrees of freedom claims its level with few clusters; the others are printed only.
CLAIMS = {"difference, CR2, treated, percentage points"}
NO_EFFECTS = (
    "looked_after_log_odds",
    "started_plan_log_odds",
    "re_referred_log_odds",
    "plan_days",
    "absence_points",
)


def coverage_plan():
    lines = [
        analysis(
            id=name,
            role="sensitivity" if n else "primary",
            **{"outcomes": "[looked-after]", "covariates": "false", **keys},
        )
        for n, (name, keys) in enumerate(COVERAGE_ANALYSES.items())
    ]
    outcomes = PLAN[PLAN.index("outcomes:") : PLAN.index("analyses:")]
    outcomes += "  - {id: plan-days, coding: days_on_plans, oldest: 12, months: 18, kinds: [cpp, cin]}\n"
    return PLAN[: PLAN.index("covariates:")] + outcomes + "analyses:\n" + "".join(lines)


@pytest.mark.slow
def test_coverage_of_every_interval(tmp_path, capsys):
    """60 data sets of 2,000 children in 6 + 6 sites without any effect: how many intervals at 95% hold nil."""
    held: dict[str, list[bool]] = {}
    for seed in range(60):
        at = folder(
            tmp_path / str(seed),
            text=coverage_plan(),
            sites=COVERAGE_SITES,
            n_children=2_000,
            seed=seed,
            **dict.fromkeys(NO_EFFECTS, 0.0),
        )
        for one in run(at).analyses:
            assert one.failed is None
            for line in one.results:
                if line.low is not None and line.high is not None:
                    label = ", ".join(filter(None, (one.id, line.error.split(",")[0], line.name, line.scale)))
                    held.setdefault(label, []).append(line.low <= 0 <= line.high)
    with capsys.disabled():
        print("\nShare of 95% intervals that hold the truth (Monte Carlo error), 12 sites, no effect")
        for label, hits in held.items():
            share = np.mean(hits)
            error = np.sqrt(share * (1 - share) / len(hits))
            print(f"  {label:75} {share:.3f} ({error:.3f}) of {len(hits)}")
    for label in CLAIMS:
        assert np.mean(held[label]) >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / len(held[label]))


def test_the_bundle_is_plain_json_that_other_programs_read(told, tmp_path):
    bundles.write(told, tmp_path / "results.json")
    plain = json.loads((tmp_path / "results.json").read_text())
    assert plain["schema"] == 2
    assert {"name", "scale", "error", "value", "low", "high", "status"} <= set(
        plain["analyses"][0]["results"][0]
    )
