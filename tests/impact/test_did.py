"""Difference-in-differences as plans ask for it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from impact.clusters import ClusterSums, crv1, fit
from impact.did import (
    Columns,
    against_comparators,
    baseline_rate,
    by_time_since,
    common_shock,
    dose,
    effect,
    event_study,
    logit_effect,
    placebo,
    settled,
    triple_difference,
)
from impact.errors import BadData, NotIdentified

COLUMNS = Columns("y", "site", "period", "treated")


def children(
    seed: int = 0, *, sites: int = 12, periods: int = 8, per_cell: int = 20, noise: float = 1.0
) -> pd.DataFrame:
    """Six treated sites that start in periods 3 to 5, each with a comparator that carries its dates."""
    rng = np.random.default_rng(seed)
    site = np.repeat(np.arange(sites), periods * per_cell)
    period = np.tile(np.repeat(np.arange(periods), per_cell), sites)
    half = sites // 2
    start = (3 + np.arange(half) % 3)[site % half]
    pilot = site < half
    frame = pd.DataFrame(
        {
            "site": [f"S{s:02d}" for s in site],
            "period": period,
            "pilot": pilot.astype(float),
            "start": start,
            "first": np.where(pilot, start, np.nan),
            "post": (period >= start).astype(float),
            "treated": (pilot & (period >= start)).astype(float),
            "age": rng.uniform(0, 18, len(site)),
            "score": np.where(pilot, 1.0 + site, np.nan),
            "rated": ((site + period) % 3 == 0).astype(float),
            "shock": ((period + site) % 2).astype(float),
            "kind": np.where(site % 2, "similar", "none"),
            "w": rng.uniform(0.5, 2, len(site)),
        }
    )
    level = rng.normal(size=sites)[site] + 0.3 * period + 0.05 * frame["age"]
    return frame.assign(base=level + noise * rng.normal(size=len(site)))


def exact(frame: pd.DataFrame, truth: np.ndarray | pd.Series) -> pd.DataFrame:
    """The outcome without any error: effects must come back as they went in."""
    codes = frame["site"].str[1:].astype(int)
    return frame.assign(y=0.5 * codes + 0.2 * frame["period"] ** 2 + 0.05 * frame["age"] + truth)


def test_effect_is_that_of_dummies_and_of_pyfixest() -> None:
    frame = children().assign(y=lambda f: f["base"] + 0.5 * f["treated"])
    found = effect(frame, replace(COLUMNS, covariates=("age",), weight="w"))
    dummies = pd.get_dummies(frame[["site", "period"]].astype(str), drop_first=True).astype(float)
    x = np.column_stack([frame[["treated", "age"]], np.ones(len(frame)), dummies])
    names = ["treated", "age", "one", *dummies.columns]
    expected = crv1(
        fit(ClusterSums.from_rows(frame["y"], x, names, frame["site"], weight=frame["w"])), "treated"
    )
    table = found.terms["treated"]
    assert (table.crv1.value, table.crv1.std_error) == pytest.approx(
        (expected.value, expected.std_error), rel=1e-8
    )
    assert abs(table.crv1.value - 0.5) < 3 * table.crv1.std_error
    assert (found.n_sites, found.n_treated, found.n_rows) == (12, 6, 12 * 8 * 20)
    assert table.wild is not None
    assert found.notes == ()
    assert table.cr2.std_error > 0
    assert table.cv3.std_error > 0


def test_effect_by_hand_with_two_groups_and_two_periods() -> None:
    # means: treated 3 → 8, comparators 1 → 2; the difference of differences is 5 - 1 = 4
    rows = [
        ("a", 0, 2),
        ("a", 1, 7),
        ("b", 0, 4),
        ("b", 1, 9),
        ("c", 0, 0),
        ("c", 1, 2),
        ("d", 0, 2),
        ("d", 1, 2),
    ]
    frame = pd.DataFrame(rows, columns=["site", "period", "y"]).assign(
        treated=lambda f: (f["site"].isin(["a", "b"]) & (f["period"] == 1)).astype(float)
    )
    found = effect(frame, COLUMNS)
    assert found.terms["treated"].crv1.value == pytest.approx(4, abs=1e-12)
    assert "few_treated" in [note.code for note in found.terms["treated"].notes]


def test_effect_without_site_effects_is_the_first_equation_of_004() -> None:
    frame = children(3).assign(y=lambda f: f["base"] + 0.5 * f["treated"])
    used = replace(COLUMNS, post="post", site_effects=False)
    found = effect(frame, used)
    assert set(found.fitted.sums.names) >= {"pilot", "post", "treated", "period 7"}
    assert "S03" not in " ".join(found.fitted.sums.names)


def test_post_that_period_effects_absorb_is_left_out_with_a_note() -> None:
    frame = children().assign(y=lambda f: f["base"])
    frame["post"] = (frame["period"] >= 4).astype(float)
    frame["treated"] = frame["post"] * frame["pilot"]
    found = effect(frame, replace(COLUMNS, post="post"))
    assert [note.code for note in found.notes] == ["absorbed"]


def test_event_study_returns_each_lag() -> None:
    frame = children()
    since = frame["period"] - frame["first"]
    truth = np.where(since >= 0, 1.0 + since.clip(upper=2), 0.0)
    frame = exact(frame, truth).assign(
        y=lambda f: f["y"] + 1e-6 * np.random.default_rng(0).normal(size=len(f))
    )
    found = event_study(frame, replace(COLUMNS, covariates=("age",)), first="first", n_leads=3, n_lags=2)
    values = {name: table.crv1.value for name, table in found.terms.items()}
    expected = {"lead 3+": 0, "lead 2": 0, "lag 0": 1, "lag 1": 2, "lag 2+": 3}
    assert values == pytest.approx(expected, abs=1e-4)
    assert found.n_leads == 2
    assert found.leads_test is not None
    assert found.leads_test.df == 2
    assert "staggered_leads" in [note.code for note in found.notes]


def test_event_study_finds_trends_that_were_not_equal() -> None:
    frame = children(1, noise=0.1).assign(y=lambda f: f["base"] + 0.4 * f["pilot"] * f["period"])
    found = event_study(frame, COLUMNS, first="first", n_leads=3, n_lags=1)
    assert found.leads_test is not None
    assert found.leads_test.p_value < 0.01
    assert found.n_insignificant_leads < found.n_leads


def test_event_study_notes_a_lag_that_one_site_identifies() -> None:
    frame = children(2).assign(y=lambda f: f["base"])
    frame.loc[frame["site"] == "S00", ["start", "first"]] = 1
    frame["treated"] = (frame["period"] >= frame["first"]).astype(float)
    found = event_study(frame, COLUMNS, first="first", n_leads=2, n_lags=6)
    assert "one_cluster" in [note.code for note in found.terms["lag 6+"].notes]


def test_event_study_passes_over_a_settling_in_time() -> None:
    frame = children(10, periods=10).assign(ends=lambda f: f["start"] + 2)
    kept = settled(frame, period="period", starts="start", ends="ends")
    kept["treated"] = kept["post"] * kept["pilot"]
    kept["opened"] = kept["ends"].where(kept["pilot"] == 1)
    kept = exact(kept, 1.5 * kept["treated"]).assign(
        y=lambda f: f["y"] + 1e-6 * np.random.default_rng(0).normal(size=len(f))
    )
    used = replace(COLUMNS, covariates=("age",))
    with pytest.raises(NotIdentified, match="at lead 1"):
        event_study(kept, used, first="opened", n_leads=5, n_lags=1)
    found = event_study(kept, used, first="opened", n_leads=5, n_lags=1, reference=-3)
    values = {name: table.crv1.value for name, table in found.terms.items()}
    assert values == pytest.approx({"lead 5+": 0, "lead 4": 0, "lag 0": 1.5, "lag 1+": 1.5}, abs=1e-4)
    assert "unobserved_times" in [note.code for note in found.notes]


def test_placebo_is_nil_and_uses_early_rows_alone() -> None:
    frame = children(4)
    frame = exact(frame, 9.0 * frame["treated"]).assign(
        y=lambda f: f["y"] + 1e-6 * np.random.default_rng(0).normal(size=len(f))
    )
    found = placebo(frame, replace(COLUMNS, covariates=("age",)), first="first", shift=2)
    assert found.question == "placebo"
    assert found.terms["placebo"].crv1.value == pytest.approx(0, abs=1e-5)
    assert found.n_rows < len(frame)
    with pytest.raises(BadData, match="at least one period"):
        placebo(frame, COLUMNS, first="first", shift=0)


def test_common_shock_returns_the_interaction() -> None:
    frame = children(5)
    frame = exact(frame, 2.0 * frame["shock"] + 0.7 * frame["shock"] * frame["pilot"])
    frame["y"] += 1e-6 * np.random.default_rng(0).normal(size=len(frame))
    used = replace(COLUMNS, post="post", covariates=("age",))
    found = common_shock(frame, used, shock="shock")
    assert found.terms["shock × pilot"].crv1.value == pytest.approx(0.7, abs=1e-4)
    assert found.n_rows == int(frame["post"].sum())
    everywhere = common_shock(frame.assign(shock=(frame["period"] == 6).astype(float)), used, shock="shock")
    assert "absorbed" in [note.code for note in everywhere.notes]
    with pytest.raises(BadData, match="name the column “post”"):
        common_shock(frame, COLUMNS, shock="shock")


@pytest.mark.parametrize("post", [None, "post"])
def test_triple_difference_returns_both_effects(post: str | None) -> None:
    frame = children(6)
    truth = 1.0 * frame["treated"] + 0.6 * frame["treated"] * frame["rated"] + 0.3 * frame["rated"]
    truth += 0.2 * frame["pilot"] * frame["rated"]
    frame = exact(frame, truth).assign(
        y=lambda f: f["y"] + 1e-6 * np.random.default_rng(0).normal(size=len(f))
    )
    found = triple_difference(frame, replace(COLUMNS, post=post, covariates=("age",)), by="rated")
    values = {name: table.crv1.value for name, table in found.terms.items()}
    expected = {"treated": 1.0, "treated × rated": 0.6, "treated where rated": 1.6}
    assert values == pytest.approx(expected, abs=1e-4)


def test_triple_difference_by_a_fixed_property_leaves_out_what_sites_absorb() -> None:
    frame = children(6).assign(rated=lambda f: (f["kind"] == "none").astype(float), y=lambda f: f["base"])
    found = triple_difference(frame, replace(COLUMNS, post="post"), by="rated")
    note = next(note for note in found.notes if note.code == "absorbed")
    assert "rated, pilot × rated" in note.text


def test_dose_is_scaled_by_the_highest_score() -> None:
    frame = children(7)
    frame = exact(frame, frame["treated"] * frame["score"].fillna(0) * 0.5)
    frame["y"] += 1e-6 * np.random.default_rng(0).normal(size=len(frame))
    found = dose(frame, replace(COLUMNS, covariates=("age",)), score="score")
    assert found.terms["score × treated"].crv1.value == pytest.approx(3.0, abs=1e-4)  # 0.5 × the highest, 6
    with pytest.raises(BadData, match="“score” is missing"):
        dose(frame.assign(score=np.nan), COLUMNS, score="score")
    with pytest.raises(BadData, match="zero or more"):
        dose(frame.assign(score=-1.0), COLUMNS, score="score")


def test_kinds_of_comparators_have_their_sign_turned() -> None:
    frame = children(8)
    truth = np.where(frame["pilot"] == 1, 0.0, np.where(frame["kind"] == "none", -2.0, -1.0)) * frame["post"]
    frame = exact(frame, truth).assign(
        y=lambda f: f["y"] + 1e-6 * np.random.default_rng(0).normal(size=len(f))
    )
    found = against_comparators(frame, replace(COLUMNS, post="post", covariates=("age",)), kind="kind")
    values = {name: table.crv1.value for name, table in found.terms.items()}
    assert values == pytest.approx({"against none": 2.0, "against similar": 1.0}, abs=1e-4)
    with pytest.raises(BadData, match="one value only"):
        against_comparators(frame.assign(kind="none"), replace(COLUMNS, post="post"), kind="kind")


def test_post_that_contradicts_treatment_is_refused() -> None:
    frame = children().assign(y=lambda f: f["base"])
    used = replace(COLUMNS, post="post")
    with pytest.raises(BadData, match="Row 61 is treated, but “post” is 0"):
        effect(frame.assign(post=frame["post"] * (frame["period"] > 6)), used)
    with pytest.raises(BadData, match="“post” must be 0 or 1"):
        effect(frame.assign(post=frame["post"] * 2), used)
    with pytest.raises(BadData, match="“kind” is missing for a comparator"):
        against_comparators(frame.assign(kind=None), used, kind="kind")


def test_settling_in_leaves_out_the_time_between() -> None:
    frame = children().assign(ends=lambda f: f["start"] + 2, y=lambda f: f["base"])
    kept = settled(frame, period="period", starts="start", ends="ends")
    gone = frame.loc[~frame.index.isin(kept.index)]
    assert set((gone["period"] - gone["start"]).unique()) == {0, 1}
    assert ((kept["post"] == 1) == (kept["period"] >= kept["ends"])).all()
    used = replace(COLUMNS, post="post")
    found = effect(kept.assign(treated=kept["post"] * kept["pilot"]), used)
    assert "gaps" in [note.code for note in found.notes]
    alone = frame.assign(start=frame["first"], ends=frame["first"] + 2)
    assert (
        settled(alone, period="period", starts="start", ends="ends")["post"][frame["pilot"] == 0] == 0
    ).all()
    with pytest.raises(BadData, match="lies before"):
        settled(frame.assign(ends=0), period="period", starts="start", ends="ends")
    with pytest.raises(BadData, match="both be filled"):
        settled(frame.assign(ends=frame["first"]), period="period", starts="start", ends="ends")


def test_logit_effect_gives_the_change_in_probability_over_treated_rows() -> None:
    rng = np.random.default_rng(9)
    frame = children(9, per_cell=60)
    p = 1 / (1 + np.exp(2.2 - 0.1 * frame["period"] - 0.8 * frame["treated"]))
    frame["y"] = (rng.random(len(frame)) < p).astype(float)
    rate, is_rare = baseline_rate(frame, COLUMNS)
    assert (0.05 < rate < 0.2, is_rare) == (True, False)
    found = logit_effect(frame, COLUMNS)
    assert abs(found.log_odds.value - 0.8) < 3 * found.log_odds.std_error
    treated = frame["treated"] == 1
    without = 1 / (1 + np.exp(2.2 - 0.1 * frame["period"][treated]))
    assert (
        abs(found.average_effect.value - (p[treated] - without).mean()) < 3 * found.average_effect.std_error
    )
    linear = effect(frame, COLUMNS).terms["treated"].crv1.value
    assert found.average_effect.value == pytest.approx(linear, abs=0.03)


def test_logit_effect_refuses_a_site_without_events() -> None:
    frame = children(9).assign(y=lambda f: (f["base"] > 1).astype(float))
    frame.loc[frame["site"] == "S07", "y"] = 0.0
    with pytest.raises(NotIdentified, match="“site S07”"):
        logit_effect(frame, COLUMNS)


def test_a_site_that_switches_back_is_named() -> None:
    frame = children().assign(y=0.0)
    frame.loc[(frame["site"] == "S01") & (frame["period"] == 7), "treated"] = 0
    with pytest.raises(BadData, match="“S01” is untreated again in 7, though treated from 4"):
        effect(frame, COLUMNS)


def test_personal_treatment_may_differ_within_a_period() -> None:
    frame = children().assign(y=lambda f: f["base"])
    frame["treated"] *= np.random.default_rng(0).random(len(frame)) < 0.5
    assert effect(frame, replace(COLUMNS, is_personal=True)).n_treated == 6
    with pytest.raises(BadData, match="untreated again"):
        effect(frame, COLUMNS)


def test_no_treated_site_and_one_treated_site_are_refused() -> None:
    frame = children().assign(y=lambda f: f["base"])
    with pytest.raises(NotIdentified, match="0 throughout"):
        effect(frame.assign(treated=0.0), COLUMNS)
    with pytest.raises(NotIdentified, match="Only one site is treated"):
        effect(frame.assign(treated=frame["treated"] * (frame["site"] == "S02")), COLUMNS)


def test_treatment_everywhere_at_once_is_collinear_with_periods() -> None:
    frame = children().assign(y=lambda f: f["base"], treated=lambda f: (f["period"] > 3).astype(float))
    with pytest.raises(NotIdentified, match="“treated” is collinear with"):
        effect(frame, COLUMNS)


def test_a_site_always_treated_and_gaps_bring_notes() -> None:
    frame = children().assign(y=lambda f: f["base"])
    frame.loc[frame["site"] == "S00", "treated"] = 1.0
    frame = frame.loc[~((frame["site"] == "S09") & (frame["period"] == 2))]
    assert [note.code for note in effect(frame, COLUMNS).notes] == ["always_treated", "gaps"]


def test_a_person_twice_is_named() -> None:
    frame = children().assign(y=lambda f: f["base"], child=lambda f: np.arange(len(f)))
    frame.loc[5, "child"] = 2
    with pytest.raises(BadData, match="1 rows repeat somebody of “child”, first in row 6"):
        effect(frame, replace(COLUMNS, person="child"))


def test_contradicting_starts_are_refused() -> None:
    frame = children().assign(y=lambda f: f["base"])
    with pytest.raises(BadData, match="“S00” is treated before its start"):
        event_study(frame.assign(first=frame["first"] + 1), COLUMNS, first="first", n_leads=2, n_lags=1)
    late = frame.assign(first=frame["first"].where(frame["period"] < 7, 1.0))
    with pytest.raises(BadData, match="more than one value of “first”"):
        event_study(late, COLUMNS, first="first", n_leads=2, n_lags=1)
    with pytest.raises(BadData, match="a reference before the start"):
        event_study(frame, COLUMNS, first="first", n_leads=1, n_lags=1)
    with pytest.raises(NotIdentified, match="ask for fewer"):
        event_study(frame, COLUMNS, first="first", n_leads=7, n_lags=1)


def test_misspelt_columns_and_missing_values_are_named() -> None:
    frame = children().assign(y=lambda f: f["base"])
    with pytest.raises(BadData, match="Did you mean “treated”"):
        effect(frame, replace(COLUMNS, treated="treatd"))
    frame.loc[3, "y"] = np.nan
    with pytest.raises(BadData, match="first in row 4"):
        effect(frame, COLUMNS)
    with pytest.raises(BadData, match="“treated” must be 0 or 1, unless treatment is personal"):
        effect(frame.assign(treated=2.0), COLUMNS)
    with pytest.raises(BadData, match="“treated” must lie between 0 and 1"):
        effect(frame.assign(treated=2.0), replace(COLUMNS, is_personal=True))


@pytest.mark.slow
def test_intervals_cover_with_twelve_sites() -> None:
    covered = {"crv1": 0, "cr2": 0, "cv3": 0}
    trials = 60
    for seed in range(trials):
        frame = children(seed, per_cell=3)
        drift = np.random.default_rng(10_000 + seed).normal(0, 0.5, (12, 8))
        codes = frame["site"].str[1:].astype(int)
        table = effect(frame.assign(y=frame["base"] + drift[codes, frame["period"]]), COLUMNS).terms[
            "treated"
        ]
        for name in covered:
            found = getattr(table, name)
            covered[name] += found.low < 0 < found.high
    for name, count in covered.items():  # three Monte Carlo errors of .95 in 60 trials are .084
        assert count / trials == pytest.approx(0.95, abs=0.085), name


def test_effects_by_time_since_the_start_come_back_without_error():
    """Effects of 1, 2 and 3 in the first, second and third period under treatment, and no noise."""
    rows = [(s, t) for s in range(8) for t in range(5)]
    frame = pd.DataFrame(rows, columns=["site", "period"])
    frame["first"] = frame["site"].map({0: 2.0, 1: 2.0, 2: 3.0, 3: 3.0})
    since = frame["period"] - frame["first"]
    frame["treated"] = (since >= 0).astype(float)
    effect = (since + 1).where(since >= 0, 0.0)
    frame["y"] = effect + frame["site"] + 0.5 * frame["period"]
    rng = np.random.default_rng(1)
    frame["y"] += 1e-9 * rng.normal(size=len(frame))
    found = by_time_since(frame, Columns("y", "site", "period", "treated"), first="first")
    values = {name: table.crv1.value for name, table in found.terms.items()}
    expected = {"exposure 1": 1, "exposure 2": 2, "exposure 3": 3, "time-averaged": 2}
    assert values == pytest.approx(expected, abs=1e-7)
    assert not any("0.333" in note.text for note in found.terms["time-averaged"].notes)


def test_effects_by_time_need_a_second_period_under_treatment():
    frame = pd.DataFrame([(s, t) for s in range(6) for t in range(3)], columns=["site", "period"])
    frame["first"] = frame["site"].map({0: 2.0, 1: 2.0})
    frame["treated"] = (frame["period"] >= frame["first"]).astype(float)
    frame["y"] = np.arange(len(frame)) % 5
    with pytest.raises(NotIdentified, match="more than one period"):
        by_time_since(frame, Columns("y", "site", "period", "treated"), first="first")
