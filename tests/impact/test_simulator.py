"""Simulated data: the same for the same seed, of the stated shape, with the stated effects."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from impact import cohorts, outcomes, plans, simulator, site_periods
from impact.errors import BadData

UNTIL = dt.date(2027, 1, 1)


@pytest.fixture(scope="module")
def trial():
    return simulator.make(simulator.stepped_wedge(20_000), seed=3)


def first(tables, study):
    return cohorts.first_referrals(
        tables["referrals"],
        tables["children"],
        opens_on=study.opens_on,
        closes_on=study.closes_on,
        oldest=study.oldest,
    )


def test_the_same_seed_gives_the_same_tables():
    study = simulator.stepped_wedge(500)
    one, two, other = (simulator.make(study, seed=seed) for seed in (1, 1, 2))
    assert all(one[name].equals(two[name]) for name in one)
    assert not one["care"].equals(other["care"])


def test_tables_survive_being_written_and_read(tmp_path):
    made = simulator.make(simulator.stepped_wedge(200), seed=1)
    simulator.save(made, tmp_path)
    read = {path.stem: pd.read_parquet(path) for path in tmp_path.glob("*.parquet")}
    assert sorted(read) == sorted(made)
    assert read["plans"].equals(made["plans"])
    assert [list(f) for f in read["assessments"]["factors"][:5]] == made["assessments"]["factors"][
        :5
    ].tolist()


def test_a_tenth_is_too_old_and_six_in_a_hundred_become_looked_after(trial):
    study = simulator.stepped_wedge(20_000)
    cohort = first(trial, study)
    assert cohort.left_out["older than 12"] / 20_000 == pytest.approx(0.1, abs=0.01)
    found = outcomes.looked_after(cohort, trial["care"], data_until=UNTIL)
    assert found.frame["value"].mean() == pytest.approx(0.058, abs=0.01)


def test_the_known_effect_is_there():
    """A large effect shows as the difference of log-odds; three standard errors of it are about 0.3."""
    study = simulator.stepped_wedge(30_000)
    made = simulator.make(
        study, seed=8, effects=simulator.Effects(looked_after_log_odds=-1.0, plan_days=-100)
    )
    cohort = first(made, study)
    lives = dict(zip(study.sites, map(pd.Timestamp, study.lives), strict=True))
    found = outcomes.looked_after(cohort, made["care"], data_until=UNTIL).frame
    treated = found["referred_on"] >= found["site"].map(lives)
    rates = found.groupby(treated)["value"].mean()
    assert np.log(rates[True] / (1 - rates[True])) - np.log(rates[False] / (1 - rates[False])) < -0.6
    stays = outcomes.plan_duration(cohort, made["plans"], data_until=UNTIL).frame
    days = stays.groupby(stays["referred_on"] >= stays["site"].map(lives))["value"].mean()
    assert days[True] - days[False] == pytest.approx(-100, abs=20)


def test_comparison_sites_never_go_live():
    study = simulator.difference_in_differences(1_000)
    assert [live is None for live in study.lives] == [False] * 5 + [True] * 10


@pytest.mark.parametrize("change", [{"n_children": 3}, {"base_rate": 1.0}, {"lives": ()}])
def test_an_impossible_study_is_refused(change):
    study = simulator.stepped_wedge(100)
    with pytest.raises(BadData):
        simulator.Study(**{**study.__dict__, **change})


def test_the_study_of_a_plan_has_its_sites_dates_and_oldest_age():
    folder = Path(simulator.__file__).parent / "shipped" / "family-valued-did"
    plan, sites = plans.read(folder / "plan.yaml"), site_periods.read(folder / "sites.yaml")
    study = simulator.of_plan(plan, sites, n_children=500, base_rate=0.04)
    assert (study.opens_on, study.closes_on, study.oldest) == (plan.trial.opens_on, plan.trial.closes_on, 17)
    assert sum(live is None for live in study.lives) == 10
    made = simulator.make(study, seed=1)
    assert set(made["children"]["site"]) <= set(study.sites)
    wanted = {c.name for c in plan.covariates.columns if c.of == "site"}
    assert wanted <= set(made["site_months"].columns)
