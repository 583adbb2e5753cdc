"""The stepped-wedge analysis: published effects, second programs, treatment definitions and what must be said beside a number."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import special

from impact import wedge
from impact.errors import BadData, NotIdentified
from impact.randomisation import allowed_orders
from tests.impact import integrated

SITES = ("A", "B", "C", "D", "E")
STARTS = {site: step for step, site in enumerate(SITES, start=1)}
ALLOWED = allowed_orders({"high": ["A", "B"], "low": ["C", "D", "E"]})


def codes(result):
    return {note.code for note in result.notes}


def trial(seed=4, size=150, effect=-0.5, growth=0.0, base=-1.0, sd=0.2):
    """Five sites, six periods, a covariate; `growth` is added to the log-odds for each period of exposure after the first."""
    r = np.random.default_rng(seed)
    site, period = np.repeat(SITES, 6 * size), np.tile(np.repeat(np.arange(6), size), 5)
    age = r.normal(size=len(site))
    treated = wedge.treated_from(site, period, STARTS)
    exposure = np.where(treated == 1, period - np.array([STARTS[s] for s in site]), 0)
    own = dict(zip(SITES, r.normal(0, sd, 5), strict=True))
    eta = base + 0.05 * period + 0.2 * age + effect * treated + growth * exposure
    eta += np.array([own[s] for s in site])
    y = (r.random(len(site)) < 1 / (1 + np.exp(-eta))).astype(float)
    return y, site, period, treated, age[:, None]


def prepared(**options):
    y, site, period, treated, age = trial(**options)
    return wedge.prepare(y, site, period, treated=treated, covariates=age, names=["age"])


def columns_of(period, *treatment):
    """Ones, the periods but the first, and what is given: the model's design, by hand."""
    parts = [np.ones(len(period)), *(period == t for t in np.unique(period)[1:]), *treatment]
    return np.column_stack(parts).astype(float)


def cells(**options):
    """A trial by rows without covariates, prepared and as it is, and as counts, which scipy is quick with."""
    y, site, period, treated, _ = trial(sd=0.6, **options)
    rows = pd.DataFrame({"site": site, "period": period, "treated": treated, "y": y})
    rows["since"] = (rows["period"] - rows["site"].map(STARTS) + 1).clip(lower=0)
    by = ["site", "period", "treated", "since"]
    counts = rows.groupby(by, as_index=False)["y"].agg(events="sum", trials="size")
    return wedge.prepare(y, site, period, treated=treated), rows, counts


def by_scipy(counts, *treatment):
    """The maximum, with the likelihood of rows, in which events come in one order and not in every one."""
    found = integrated.maximum(
        counts["events"],
        columns_of(counts["period"].to_numpy(), *treatment),
        counts["site"],
        trials=counts["trials"],
        laplace=True,
    )
    orders = np.log(special.comb(counts["trials"], counts["events"])).sum()
    return found._replace(log_likelihood=found.log_likelihood - orders)


def test_immediate_effect_equals_scipy():
    data, _, counts = cells()
    expected, found = by_scipy(counts, counts["treated"]), wedge.immediate(data)
    assert found.effects[0].value == pytest.approx(expected.coefficients[-1], abs=5e-5)
    assert found.effects[0].std_error == pytest.approx(expected.errors[-1], rel=1e-3)
    assert (found.sd_cluster, found.log_likelihood) == pytest.approx(
        (expected.sd, expected.log_likelihood), abs=5e-5
    )
    assert found.unit == "percentage points"


def test_time_since_treatment_equals_scipy():
    data, rows, counts = cells(growth=-0.2)
    expected = by_scipy(counts, *(counts["since"] == k for k in range(1, 6)))
    simple = by_scipy(counts, counts["treated"])
    assert data.exposure.tolist() == rows["since"].tolist()
    found = wedge.by_exposure(data)
    *single, average = found.effects
    assert [effect.value for effect in single] == pytest.approx(expected.coefficients[-5:], abs=5e-5)
    mean = np.r_[np.zeros(6), np.full(5, 0.2), 0]
    assert average.name == "time-averaged"
    assert average.value == pytest.approx(expected.coefficients[-5:].mean(), abs=5e-5)
    assert average.std_error == pytest.approx(np.sqrt(mean @ expected.covariance @ mean), rel=1e-3)
    ratio = 2 * (expected.log_likelihood - simple.log_likelihood)
    assert (found.exposure_test.statistic, found.exposure_test.df) == (pytest.approx(ratio, abs=1e-5), 4)
    assert "exposure_replaces_treatment" in codes(found)


def test_published_example_equals_lme4(reference, published):
    frame = published("sw_data_example_s")
    data = wedge.prepare(frame["outcome_bin"], frame["cluster"], frame["period"], treated=frame["trt"])
    simple = reference["glmm_sw_example_IT"]
    found = wedge.immediate(data)
    assert found.effects[0].value == pytest.approx(simple["trt"], abs=simple["tol"])
    assert found.effects[0].std_error == pytest.approx(simple["se"], abs=simple["tol"])
    assert (found.sd_cluster, found.log_likelihood) == pytest.approx(
        (simple["sd"], simple["ll"]), abs=simple["tol"]
    )
    assert 5 < found.points[0].value < 12  # 0.39 in log-odds near a rate of 0.6

    expected = reference["glmm_sw_example_ETI"]
    assert data.exposure.tolist() == frame["s"].tolist()
    found = wedge.by_exposure(data)
    assert [effect.value for effect in found.effects[:-1]] == pytest.approx(
        expected["delta"], abs=expected["tol"]
    )
    average = found.effects[-1]
    assert (average.value, average.std_error) == pytest.approx(
        (expected["TATE"], expected["se"]), abs=expected["tol"]
    )
    assert found.exposure_test.statistic == pytest.approx(2 * (expected["ll"] - simple["ll"]), abs=1e-4)


def test_linear_model_equals_statsmodels():
    _, site, period, treated, _ = trial(size=40)
    r = np.random.default_rng(9)
    own = dict(zip(SITES, r.normal(0, 0.8, 5), strict=True))
    y = 2 + 0.1 * period - 0.5 * treated + np.array([own[s] for s in site]) + r.normal(size=len(site))
    data = wedge.prepare(y, site, period, treated=treated)
    found = wedge.immediate(data, model="linear")
    other = sm.MixedLM(y, columns_of(period, treated), groups=site).fit(method="powell", ftol=1e-14)
    assert found.effects[0].value == pytest.approx(other.fe_params[-1], abs=1e-6)
    assert found.effects[0].std_error == pytest.approx(other.bse_fe[-1], rel=0.05)  # see test_mixed
    assert found.unit == "units of the outcome"
    assert found.points[0] == found.effects[0].__class__(**{**vars(found.effects[0]), "name": "treated"})
    growing = wedge.by_exposure(data, model="linear")
    assert growing.effects[-1].value == pytest.approx(np.mean([e.value for e in growing.effects[:-1]]))


def test_points_of_logit_and_linear_model_agree_where_the_rate_is_moderate():
    data = prepared(size=600)
    logit, linear = wedge.immediate(data), wedge.immediate(data, model="linear")
    assert logit.points[0].value == pytest.approx(linear.points[0].value, abs=0.5)
    assert linear.points[0].value == pytest.approx(100 * linear.effects[0].value)
    assert "linear_probability" in codes(linear)


def test_points_average_over_children_by_hand():
    data = prepared()
    found = wedge.immediate(data)
    b = {c.name: c.value for c in found.coefficients}
    nodes, mass = np.polynomial.hermite_e.hermegauss(40)
    mass = mass / mass.sum()
    eta = b["constant"] + b["age"] * data.covariates[:, 0]
    eta = eta + np.array([0, *(b[f"period {t}"] for t in range(1, 6))])[data.period]
    u = found.sd_cluster * nodes[:, None]
    rates = [(mass[:, None] / (1 + np.exp(-(eta + u + t * b["treated"])))).sum(axis=0).mean() for t in (1, 0)]
    assert found.points[0].value == pytest.approx(100 * (rates[0] - rates[1]), abs=1e-9)
    assert found.points[0].low < found.points[0].value < found.points[0].high


def test_immediate_effect_misleads_where_effects_grow():
    data = prepared(size=500, effect=-0.3, growth=-0.4, seed=2)
    simple, growing = wedge.immediate(data), wedge.by_exposure(data)
    truth = np.mean([-0.3 - 0.4 * s for s in range(5)])
    average = growing.effects[-1]
    assert abs(average.value - truth) < 4 * average.std_error
    assert simple.effects[0].value > truth + 0.2
    assert growing.exposure_test.p_value < 0.001
    assert "exposure_of_one_cluster" in codes(growing)  # only the first site reaches the fifth period


def test_few_clusters_are_warned_of_beside_every_effect():
    data = prepared()
    for found in (wedge.immediate(data), wedge.by_exposure(data), wedge.by_readiness(data, ["A", "B"])):
        assert "few_clusters" in codes(found)
        assert found.n_clusters == 5


def test_readiness_by_hand_with_one_rate_each():
    # High: 30% falls to 20%; low: 30% to 25%. Rates are the same in every period, so the model fits them exactly.
    rows = []
    for site, start in STARTS.items():
        for period in range(6):
            events = 60 if period < start else (40 if site in "AB" else 50)
            rows += [(site, period, float(period >= start), float(k < events)) for k in range(200)]
    frame = pd.DataFrame(rows, columns=["site", "period", "treated", "y"])
    data = wedge.prepare(frame["y"], frame["site"], frame["period"], treated=frame["treated"])
    found = wedge.by_readiness(data, ["A", "B"])
    assert [e.name for e in found.effects] == ["low readiness", "high readiness", "difference, high less low"]
    logit = np.log([0.25 / 0.75, 0.2 / 0.8]) - np.log(0.3 / 0.7)
    assert [e.value for e in found.effects] == pytest.approx([*logit, logit[1] - logit[0]], abs=1e-6)
    assert [p.value for p in found.points] == pytest.approx([-5, -10, -5], abs=1e-4)
    low, high, difference = (p.std_error for p in found.points)
    assert abs(low - high) < difference < low + high
    linear = wedge.by_readiness(data, ["A", "B"], model="linear")
    assert [p.value for p in linear.points] == pytest.approx([-5, -10, -5], abs=1e-4)
    assert "readiness_exploratory" in codes(found)


def test_readiness_that_names_no_group_is_refused():
    data = prepared()
    with pytest.raises(BadData, match="“Z” is not a cluster"):
        wedge.by_readiness(data, ["A", "Z"])
    for high in ([], list(SITES)):
        with pytest.raises(BadData, match="of high readiness and some of low"):
            wedge.by_readiness(data, high)


def test_persons_enter_the_linear_model_only():
    y, site, period, treated, _ = trial(size=40)
    person = np.arange(len(y)) // 2
    r = np.random.default_rng(1)
    days = 5 * y + r.normal(size=len(y)) + r.normal(size=len(y) // 2)[person]
    data = wedge.prepare(days, site, period, treated=treated, person=person)
    found = wedge.immediate(data, model="linear")
    assert found.sd_person > 0
    with pytest.raises(BadData, match="outcome of 0 and 1"):
        wedge.immediate(data)
    with pytest.raises(BadData, match="no random intercept for persons"):
        wedge.immediate(wedge.prepare(y, site, period, treated=treated, person=person))


def test_treated_from_compares_periods_by_their_own_order():
    starts = {"A": dt.date(2021, 7, 1), "B": None}
    days = [dt.date(2021, 6, 30), dt.date(2021, 7, 1), dt.date(2023, 1, 1)]
    assert wedge.treated_from(["A", "A", "B"], days, starts).tolist() == [0, 1, 0]
    with pytest.raises(BadData, match="no start for the cluster “C”"):
        wedge.treated_from(["C"], [1], {"A": 1})


def test_site_that_switches_back_is_refused():
    y, site, period, treated, _ = trial(size=20)
    treated[(site == "B") & (period == 4)] = 0
    with pytest.raises(BadData, match=r"“B” switches back: it has treated rows in period 2 .* in period 4"):
        wedge.prepare(y, site, period, treated=treated)
    assert wedge.prepare(y, site, period, treated=treated, individual=True).treated.sum() == treated.sum()


def test_start_within_a_period_is_allowed():
    y, site, period, treated, _ = trial(size=20)
    treated[np.flatnonzero((site == "B") & (period == 2))[:5]] = 0
    data = wedge.prepare(y, site, period, treated=treated)
    assert data.exposure[(site == "B") & (period == 5)].tolist() == [4] * 20
    with pytest.raises(BadData, match="differs within a period"):
        wedge.permutation(data, ALLOWED)


def test_what_the_design_lacks_is_noted():
    y, site, period, treated, _ = trial(size=30)
    never = np.where(site == "E", 0, treated)
    assert "cluster_without_change" in {n.code for n in wedge.prepare(y, site, period, treated=never).notes}
    one = np.where(site == "A", treated, 0)
    assert {"one_treated_cluster", "cluster_without_change"} <= {
        n.code for n in wedge.prepare(y, site, period, treated=one).notes
    }
    keep = ~((site == "C") & (period == 2))
    gap = wedge.prepare(y[keep], site[keep], period[keep], treated=treated[keep])
    assert "gaps" in codes(gap)
    assert "gaps" in codes(wedge.immediate(gap))


def test_treatment_that_is_the_same_for_all_is_refused():
    y, site, period, _, _ = trial(size=30)
    with pytest.raises(NotIdentified, match="“treated” is zero in every row"):
        wedge.immediate(wedge.prepare(y, site, period, treated=np.zeros(len(y))))
    with pytest.raises(NotIdentified, match="“treated” is determined by the columns before it"):
        wedge.immediate(wedge.prepare(y, site, period, treated=(period >= 3).astype(float)))
    last = ((site == "A") & (period == 5)).astype(float)
    with pytest.raises(NotIdentified, match="more than one period"):
        wedge.by_exposure(wedge.prepare(y, site, period, treated=last))


def test_bad_rows_are_named():
    y, site, period, treated, age = trial(size=10)
    with pytest.raises(BadData, match=r"“treated” must be 0 or 1; row 1 holds 0\.5"):
        wedge.prepare(y, site, period, treated=treated + 0.5)
    with pytest.raises(BadData, match="“treated” has 2 rows"):
        wedge.prepare(y, site, period, treated=[0, 1])
    with pytest.raises(BadData, match="may not be named “treated”"):
        wedge.prepare(y, site, period, treated=treated, covariates=age, names=["treated"])
    age[3] = np.nan
    with pytest.raises(BadData, match="“age” is missing or infinite in 1 rows, first in row 4"):
        wedge.prepare(y, site, period, treated=treated, covariates=age, names=["age"])
    with pytest.raises(BadData, match="“logit” or “linear”"):
        wedge.immediate(wedge.prepare(y, site, period, treated=treated), model="probit")


def test_permutation_with_each_statistic():
    data = prepared(size=200, effect=-1.5)
    for statistic in ("logit", "linear", "cells"):
        found = wedge.permutation(data, ALLOWED, statistic=statistic)
        assert found.observed == SITES
        assert (found.p_value, found.floor) == (pytest.approx(1 / 12), pytest.approx(1 / 12))
        assert "never_at_5_percent" in codes(found)
    effect = wedge.immediate(data).effects[0].value
    assert wedge.permutation(data, ALLOWED).statistic == pytest.approx(effect, abs=1e-6)
    with pytest.raises(BadData, match="“logit”, “linear” or “cells”"):
        wedge.permutation(data, ALLOWED, statistic="rank")


def test_permutation_needs_one_start_for_each_site():
    y, site, period, treated, _ = trial(size=20)
    same = wedge.treated_from(site, period, {**STARTS, "B": 1})
    with pytest.raises(BadData, match="start in the same period"):
        wedge.permutation(wedge.prepare(y, site, period, treated=same), ALLOWED)
    never = np.where(site == "E", 0, treated)
    with pytest.raises(BadData, match="“E” never starts"):
        wedge.permutation(wedge.prepare(y, site, period, treated=never), ALLOWED)


def referrals(*rows):
    frame = pd.DataFrame(rows, columns=["child", "site", "referred_on", "closed_on"])
    return frame.assign(
        referred_on=pd.to_datetime(frame["referred_on"]), closed_on=pd.to_datetime(frame["closed_on"])
    )


OPEN = {"opens_on": dt.date(2020, 1, 1), "closes_on": dt.date(2023, 1, 1)}
LIVE = {"A": dt.date(2020, 7, 1), "B": None}


def test_half_of_open_time_by_hand():
    table = referrals(
        ("half", "A", "2020-05-30", "2020-08-02"),  # the protocol's example: 64 days, of which 32 from 1 July
        ("less", "A", "2020-05-29", "2020-08-02"),  # 65 days, 32 treated
        ("never", "B", "2020-05-30", "2021-08-02"),
        ("open", "A", "2022-12-30", None),  # open to the end of the trial: 2 days
        ("twice", "A", "2020-06-21", "2020-07-01"),  # 10 days before
        ("twice", "A", "2020-06-26", "2020-07-11"),  # 5 of these 15 are covered by the first; 10 treated
        ("early", "A", "2019-12-01", "2020-01-05"),  # 4 days in the period
        ("before", "A", "2019-12-01", "2020-01-01"),  # none
        ("sameday", "A", "2020-07-01", "2020-07-01"),  # counts as one day
    )
    found = wedge.treated_by_open_time(table, LIVE, rule="half", **OPEN)
    frame = found.frame.set_index("child")
    assert frame["days_open"].to_dict() == {
        "early": 4,
        "half": 64,
        "less": 65,
        "never": 429,
        "open": 2,
        "sameday": 1,
        "twice": 20,
    }
    assert frame["days_treated"].to_dict() == {
        "early": 0,
        "half": 32,
        "less": 32,
        "never": 0,
        "open": 2,
        "sameday": 1,
        "twice": 10,
    }
    assert frame.query("treated == 1").index.tolist() == ["half", "open", "sameday", "twice"]
    assert [note.code for note in found.notes] == ["immortal_time"]


def test_four_weeks_by_hand():
    table = referrals(
        ("enough", "A", "2020-06-01", "2020-07-29"),  # 28 days from 1 July
        ("short", "A", "2020-06-01", "2020-07-28"),
        ("sum", "A", "2020-07-01", "2020-07-15"),
        ("sum", "A", "2021-03-01", "2021-03-15"),
        ("moved", "B", "2020-06-01", "2021-07-29"),
    )
    found = wedge.treated_by_open_time(table, LIVE, rule="four_weeks", **OPEN).frame.set_index("child")
    assert found["treated"].to_dict() == {"enough": 1, "moved": 0, "short": 0, "sum": 1}


def test_caveat_of_open_time_travels_with_the_effect():
    y, site, period, treated, _ = trial(size=40)
    r = np.random.default_rng(0)
    treated = np.where(r.random(len(y)) < 0.05, 1 - treated, treated)
    note = wedge.treated_by_open_time(
        referrals(("x", "A", "2020-05-30", "2020-08-02")), LIVE, rule="half", **OPEN
    ).notes
    found = wedge.immediate(wedge.prepare(y, site, period, treated=treated, individual=True, notes=note))
    assert "immortal_time" in codes(found)


def test_referrals_that_cannot_be_are_refused():
    with pytest.raises(BadData, match="close before they open, first in row 1"):
        wedge.treated_by_open_time(
            referrals(("x", "A", "2020-05-30", "2020-05-02")), LIVE, rule="half", **OPEN
        )
    with pytest.raises(BadData, match="no live date for the site “C”"):
        wedge.treated_by_open_time(
            referrals(("x", "C", "2020-05-30", "2020-06-02")), LIVE, rule="half", **OPEN
        )
    with pytest.raises(BadData, match="Did you mean “refered_on”"):
        wedge.treated_by_open_time(
            referrals().rename(columns={"referred_on": "refered_on"}), LIVE, rule="half", **OPEN
        )
    with pytest.raises(BadData, match="“half” or “four_weeks”"):
        wedge.treated_by_open_time(referrals(), LIVE, rule="third", **OPEN)


def test_children_of_the_embedding_period_are_left_out():
    days = pd.to_datetime(["2021-05-31", "2021-06-01", "2021-08-31", "2021-09-01", "2021-07-01"])
    found = wedge.outside_embedding(
        days, ["A", "A", "A", "A", "B"], {"A": (dt.date(2021, 6, 1), dt.date(2021, 9, 1))}
    )
    assert found.keep.tolist() == [True, False, False, True, True]
    assert found.left_out == {"A": 2}
    assert "2 of 5 children" in found.notes[0].text


def test_embedding_windows_that_cannot_be_are_refused():
    days = pd.to_datetime(["2021-05-31"])
    window = (dt.date(2021, 6, 1), dt.date(2021, 9, 1))
    with pytest.raises(BadData, match="“B” belongs to no site"):
        wedge.outside_embedding(days, ["A"], {"B": window})
    with pytest.raises(BadData, match="ends before it starts"):
        wedge.outside_embedding(days, ["A"], {"A": window[::-1]})
    with pytest.raises(BadData, match="“referred_on” of the children is missing"):
        wedge.outside_embedding(pd.to_datetime(["2021-05-31", None]), ["A", "A"], {"A": window})


@pytest.mark.slow
def test_coverage_with_five_sites_is_short_of_its_claim():
    # Not asserted to be 95%: the warning about few clusters says why. Only gross failure would fall outside.
    inside = points = 0
    trials = 80
    for seed in range(trials):
        found = wedge.immediate(prepared(seed=seed, size=100))
        inside += found.effects[0].low <= -0.5 <= found.effects[0].high
        points += found.points[0].low < 0
    share = inside / trials
    print(f"coverage {share:.3f}, Monte Carlo error {np.sqrt(share * (1 - share) / trials):.3f}")
    assert share > 0.85
    assert points > 0.5 * trials
