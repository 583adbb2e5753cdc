"""Published fits by lme4 and glmmTMB, the likelihood by numerical integration, and what cannot be estimated."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import integrate, special, stats

from impact import information
from impact.errors import BadData, NotIdentified
from impact.glmm import average_effect, collapse, random_intercept_logit
from impact.glmm.search import Marginal
from tests.impact import integrated


def dummies(values, levels):
    return np.column_stack([np.asarray(values) == level for level in levels]).astype(float)


def wedge(frame, treatment):
    x = np.column_stack([np.ones(len(frame)), dummies(frame["period"], range(2, 7)), treatment])
    return x, ["one", *(f"period {k}" for k in range(2, 7))]


def simulated(seed=5, n_clusters=12, size=80, sd=0.6):
    r = np.random.default_rng(seed)
    cluster = np.repeat(np.arange(n_clusters), size)
    a, b = r.normal(size=len(cluster)), r.integers(0, 2, len(cluster)).astype(float)
    eta = -0.8 + 0.5 * a - 0.4 * b + r.normal(0, sd, n_clusters)[cluster]
    y = (r.random(len(cluster)) < special.expit(eta)).astype(float)
    return y, np.column_stack([np.ones(len(y)), a, b]), cluster, ["one", "a", "b"]


def herds(seed=3):
    """Counts of fifteen herds in up to four periods."""
    r = np.random.default_rng(seed)
    frame = pd.DataFrame({"herd": np.repeat(np.arange(15), 4), "period": np.tile([1, 2, 3, 4], 15)})
    frame = frame[r.random(60) < 0.95].reset_index(drop=True)
    frame["size"] = r.integers(3, 30, len(frame))
    eta = -1.2 - 0.4 * (frame["period"] - 1) + r.normal(0, 0.7, 15)[frame["herd"]]
    frame["incidence"] = r.binomial(frame["size"], special.expit(eta))
    return frame


def by_period(frame):
    x = np.column_stack([np.ones(len(frame)), dummies(frame["period"], [2, 3, 4])])
    return x, ["one", "period 2", "period 3", "period 4"]


@pytest.mark.parametrize(("nodes", "laplace"), [(1, True), (25, False)])
def test_counts_equal_scipy(nodes, laplace):
    frame = herds()
    x, names = by_period(frame)
    expected = integrated.maximum(frame["incidence"], x, frame["herd"], trials=frame["size"], laplace=laplace)
    fit = random_intercept_logit(
        frame["incidence"], x, frame["herd"], names=names, trials=frame["size"], nodes=nodes
    )
    assert fit.coefficients == pytest.approx(expected.coefficients, abs=2e-5)
    assert fit.sd == pytest.approx(expected.sd, abs=2e-5)
    assert fit.log_likelihood == pytest.approx(expected.log_likelihood, abs=1e-7)
    assert np.sqrt(np.diag(fit.covariance)) == pytest.approx(expected.errors, rel=1e-4)
    assert (fit.n_clusters, fit.n_rows, fit.n_events) == (15, frame["size"].sum(), frame["incidence"].sum())


def test_laplace_and_quadrature_differ():
    frame = herds()
    x, names = by_period(frame)
    one, many = (
        random_intercept_logit(
            frame["incidence"], x, frame["herd"], names=names, trials=frame["size"], nodes=nodes
        ).sd
        for nodes in (1, 25)
    )
    assert abs(one - many) > 1e-3  # so that each program above can be told from the other


def test_cbpp_equals_glmmtmb_and_lme4(reference, published):
    frame = published("cbpp")
    x, names = by_period(frame)
    for nodes, name in ((1, "glmm_cbpp_laplace"), (25, "glmm_cbpp_agq25")):
        expected = reference[name]
        fit = random_intercept_logit(
            frame["incidence"], x, frame["herd"], names=names, trials=frame["size"], nodes=nodes
        )
        assert fit.coefficients == pytest.approx(expected["beta"], abs=expected["tol"])
        assert np.sqrt(np.diag(fit.covariance)) == pytest.approx(expected["se"], abs=expected["tol"])
        assert fit.sd == pytest.approx(expected["sd"], abs=expected["tol"])
        if "logLik" in expected:  # that of lme4 with 25 nodes drops a constant
            assert fit.log_likelihood == pytest.approx(expected["logLik"], abs=expected["tol"])
        assert (fit.n_clusters, fit.n_rows, fit.n_events) == (15, 842, 99)


def test_wedge_example_equals_lme4(reference, published):
    expected = reference["glmm_sw_example_IT"]
    frame = published("sw_data_example_s")
    x, names = wedge(frame, frame["trt"])
    fit = random_intercept_logit(frame["outcome_bin"], x, frame["cluster"], names=[*names, "trt"])
    effect = fit.contrast("trt", {"trt": 1})
    found = [effect.value, effect.std_error, fit.sd, fit.log_likelihood]
    assert found == pytest.approx([expected[k] for k in ("trt", "se", "sd", "ll")], abs=expected["tol"])

    expected = reference["glmm_sw_example_ETI"]
    x, names = wedge(frame, dummies(frame["s"], range(1, 6)))
    exposures = [f"exposure {k}" for k in range(1, 6)]
    fit = random_intercept_logit(frame["outcome_bin"], x, frame["cluster"], names=[*names, *exposures])
    average = fit.contrast("TATE", dict.fromkeys(exposures, 0.2))
    assert fit.coefficients[6:] == pytest.approx(expected["delta"], abs=expected["tol"])
    found = [average.value, average.std_error, fit.log_likelihood]
    assert found == pytest.approx([expected[k] for k in ("TATE", "se", "ll")], abs=expected["tol"])


def is_pooled(fit, events, trials, x):
    """Whether a fit without spread is the logit of statsmodels that knows no clusters."""
    rest = np.asarray(trials) - np.asarray(events)
    pooled = sm.GLM(np.column_stack([events, rest]), x, family=sm.families.Binomial()).fit()
    assert (fit.is_boundary, fit.sd) == (True, 0)
    assert "boundary" in [note.code for note in fit.notes]
    assert fit.coefficients == pytest.approx(pooled.params, abs=1e-7)
    assert np.sqrt(np.diag(fit.covariance)) == pytest.approx(pooled.bse, abs=1e-6)
    assert fit.log_likelihood == pytest.approx(pooled.llf, abs=1e-8)


def test_spread_of_zero_is_compared_with_the_pooled_logit():
    # Shares so alike that no herd differs from another by more than the rounding of its counts.
    frame = herds()
    frame["incidence"] = np.round(frame["size"] * (0.5 - 0.1 * frame["period"])).astype(int)
    x, names = by_period(frame)
    fit = random_intercept_logit(frame["incidence"], x, frame["herd"], names=names, trials=frame["size"])
    is_pooled(fit, frame["incidence"], frame["size"], x)


def test_wedge_of_counts_without_spread_equals_lme4(reference, published):
    expected = reference["glmm_sw_binom"]
    frame = published("sw_data_example_binom_s")
    x, names = wedge(frame, frame["trt"])
    fit = random_intercept_logit(
        frame["numerator"], x, frame["cluster"], names=[*names, "trt"], trials=frame["denominator"]
    )
    effect = fit.contrast("trt", {"trt": 1})
    assert [effect.value, effect.std_error] == pytest.approx(
        [expected["IT"], expected["se"]], abs=expected["tol"]
    )
    is_pooled(fit, frame["numerator"], frame["denominator"], x)

    exposures = [f"exposure {k}" for k in range(1, 6)]
    x, names = wedge(frame, dummies(frame["s"], range(1, 6)))
    fit = random_intercept_logit(
        frame["numerator"], x, frame["cluster"], names=[*names, *exposures], trials=frame["denominator"]
    )
    average = fit.contrast("TATE", dict.fromkeys(exposures, 0.2))
    assert [average.value, average.std_error] == pytest.approx(
        [expected["TATE"], expected["TATE_se"]], abs=expected["tol"]
    )


def test_spread_above_zero_is_found_although_zero_is_stationary():
    # The derivative of the likelihood in sd vanishes at sd = 0, where a search on sd itself can stop.
    y, x, cluster, names = simulated()
    fit = random_intercept_logit(y, x, cluster, names=names)
    assert 0.3 < fit.sd < 1.0
    assert fit.log_likelihood > fit.pooled_log_likelihood + 3


def test_likelihood_equals_numerical_integration_for_a_large_spread():
    # With sd near 4 (as in the toenail trial) Laplace is coarse and undamped Newton steps overshoot.
    r = np.random.default_rng(11)
    cluster = np.repeat(np.arange(60), 7)
    time = np.tile(np.arange(7.0), 60)
    y = (r.random(420) < special.expit(-1.5 - 0.4 * time + r.normal(0, 4, 60)[cluster])).astype(float)
    x = np.column_stack([np.ones(420), time])
    fit = random_intercept_logit(y, x, cluster, names=["one", "time"], nodes=100)
    eta = x @ fit.coefficients

    def density(u, rows):
        p = special.expit(eta[rows] + fit.sd * u)
        return np.prod(np.where(y[rows] == 1, p, 1 - p)) * stats.norm.pdf(u)

    total = sum(
        np.log(integrate.quad(density, -9, 9, args=(cluster == g,), epsabs=0, epsrel=1e-10, limit=200)[0])
        for g in range(60)
    )
    assert fit.sd > 3
    assert fit.log_likelihood == pytest.approx(total, abs=2e-5)
    usual = random_intercept_logit(y, x, cluster, names=["one", "time"], nodes=25)
    assert usual.log_likelihood == pytest.approx(total, abs=0.03)
    coarse = random_intercept_logit(y, x, cluster, names=["one", "time"])
    assert coarse.sd > fit.sd + 1
    assert "laplace_coarse" in [note.code for note in coarse.notes]


def test_estimates_are_a_maximum():
    y, x, cluster, names = simulated(seed=8)
    fit = random_intercept_logit(y, x, cluster, names=names, nodes=9)
    patterns = collapse(y, np.ones(len(y)), x, cluster)
    value, slope = Marginal(patterns, patterns.x, 12, 9)(fit.coefficients, fit.sd)
    assert -value == pytest.approx(fit.log_likelihood, abs=1e-9)
    assert np.abs(slope).max() < 1e-2
    at = np.r_[fit.coefficients, fit.sd]
    for place in range(4):
        moved = np.repeat(at[None], 2, axis=0)
        moved[:, place] += [1e-5, -1e-5]
        up, down = (Marginal(patterns, patterns.x, 12, 9)(m[:-1], m[-1])[0] for m in moved)
        assert slope[place] == pytest.approx((up - down) / 2e-5, abs=1e-3)


def test_collapsing_changes_nothing():
    y, x, cluster, names = simulated()
    x[:, 1] = np.round(x[:, 1])
    rows = random_intercept_logit(y, x, cluster, names=names)
    table = pd.DataFrame({"g": cluster, "a": x[:, 1], "b": x[:, 2], "y": y})
    cells = table.groupby(["g", "a", "b"], as_index=False)["y"].agg(["sum", "size"])
    again = random_intercept_logit(
        cells["sum"],
        np.column_stack([np.ones(len(cells)), cells["a"], cells["b"]]),
        cells["g"],
        names=names,
        trials=cells["size"],
    )
    assert rows.n_patterns == len(cells) == again.n_patterns
    assert again.coefficients == pytest.approx(rows.coefficients, abs=1e-10)
    assert again.joint == pytest.approx(rows.joint, rel=1e-8)
    # The likelihood of counts holds the number of ways to order the children; that of rows does not.
    ways = np.log(special.comb(cells["size"], cells["sum"])).sum()
    assert again.log_likelihood - rows.log_likelihood == pytest.approx(ways, abs=1e-8)


def test_collapse_treats_both_zeros_alike_and_keeps_totals():
    x = np.array([[0.0], [-0.0], [1.0], [1.0], [0.0]])
    found = collapse(np.array([1.0, 1, 0, 1, 0]), np.ones(5), x, np.array([0, 0, 0, 0, 1]))
    assert sorted(zip(found.cluster, found.x[:, 0], found.events, found.trials, strict=True)) == [
        (0, 0, 2, 2),
        (0, 1, 1, 2),
        (1, 0, 0, 1),
    ]


def test_row_order_and_labels_do_not_matter():
    y, x, cluster, names = simulated()
    mixed = np.random.default_rng(1).permutation(len(y))
    labels = np.array([f"site {g}" for g in cluster])
    first = random_intercept_logit(y, x, cluster, names=names)
    second = random_intercept_logit(y[mixed], x[mixed], labels[mixed], names=names)
    assert second.coefficients == pytest.approx(first.coefficients, abs=1e-9)
    assert second.cluster_labels[:2] == ("site 0", "site 1")


def test_offset_of_a_covariate_changes_only_the_intercept():
    y, x, cluster, names = simulated()
    moved = x.copy()
    moved[:, 1] += 1e9
    first = random_intercept_logit(y, x, cluster, names=names)
    second = random_intercept_logit(y, moved, cluster, names=names)
    assert second.coefficients[1:] == pytest.approx(first.coefficients[1:], rel=1e-5)
    assert second.log_likelihood == pytest.approx(first.log_likelihood, abs=1e-5)


def test_average_effect_by_hand_without_spread():
    # Two clusters with the same counts: 20 of 100 with treatment, 40 of 100 without. No spread, so the risk difference.
    x = np.array([[1.0, 0], [1, 1], [1, 0], [1, 1]])
    fit = random_intercept_logit(
        [40, 20, 40, 20], x, ["A", "A", "B", "B"], names=["one", "treated"], trials=[100] * 4
    )
    with_it, without = x * [1, 0] + [0, 1], x * [1, 0]
    effect = average_effect(fit, with_it, without)
    assert fit.sd == 0
    assert effect.value == pytest.approx(-20, abs=1e-6)
    assert effect.std_error == pytest.approx(100 * np.sqrt(0.4 * 0.6 / 200 + 0.2 * 0.8 / 200), abs=1e-4)


def test_average_effect_integrates_over_clusters():
    y, x, cluster, names = simulated(sd=1.0)
    fit = random_intercept_logit(y, x, cluster, names=names, nodes=9)
    high, low = x.copy(), x.copy()
    high[:, 2], low[:, 2] = 1, 0
    u = np.random.default_rng(0).normal(0, fit.sd, 20_000)
    at = [special.expit(row @ fit.coefficients + u).mean() for row in (high[0], low[0])]
    one = average_effect(fit, high[:1], low[:1])
    assert one.value == pytest.approx(100 * (at[0] - at[1]), abs=0.1)
    step = 1e-5
    slope = []
    for place in range(4):
        values = []
        for sign in (1, -1):
            b, sd = fit.coefficients.copy(), fit.sd
            if place < 3:
                b[place] += sign * step
            else:
                sd += sign * step
            moved = replace(fit, inner_coefficients=np.linalg.solve(fit.turned.back, b), sd=sd)
            values.append(average_effect(moved, high, low).value)
        slope.append((values[0] - values[1]) / (2 * step))
    error = np.sqrt(np.array(slope) @ fit.joint @ np.array(slope))
    assert average_effect(fit, high, low).std_error == pytest.approx(error, rel=1e-6)


def test_few_clusters_are_warned_of():
    y, x, cluster, names = simulated(n_clusters=5)
    fit = random_intercept_logit(y, x, cluster, names=names)
    assert "few_clusters" in [note.code for note in fit.notes]
    assert "5 clusters" in next(note.text for note in fit.notes if note.code == "few_clusters")
    y, x, cluster, names = simulated(n_clusters=10)
    assert random_intercept_logit(y, x, cluster, names=names).notes == ()


def test_outcomes_all_alike_are_refused():
    y, x, cluster, names = simulated()
    for value in (0, 1):
        with pytest.raises(NotIdentified, match="Every outcome is the same"):
            random_intercept_logit(np.full(len(y), value), x, cluster, names=names)


def test_separation_is_refused_by_name():
    y, x, cluster, names = simulated()
    y[x[:, 2] == 1] = 0
    with pytest.raises(NotIdentified, match="“b” predict some outcomes without error"):
        random_intercept_logit(y, x, cluster, names=names)


def test_perfect_prediction_is_refused():
    _, x, cluster, names = simulated()
    with pytest.raises(NotIdentified, match="“a” predict some outcomes without error"):
        random_intercept_logit((x[:, 1] > 0).astype(float), x, cluster, names=names)


def test_clusters_of_one_outcome_each_are_refused():
    _, x, cluster, names = simulated(n_clusters=4)
    with pytest.raises(NotIdentified):
        random_intercept_logit((cluster < 2).astype(float), x, cluster, names=names)


def test_collinear_columns_are_refused_by_name():
    y, x, cluster, names = simulated()
    twice = np.column_stack([x, 3 * x[:, 1] - 1])
    with pytest.raises(NotIdentified, match="“c” is determined by the columns before it"):
        random_intercept_logit(y, twice, cluster, names=[*names, "c"])
    nothing = np.column_stack([x, np.zeros(len(y))])
    with pytest.raises(NotIdentified, match="“c” is zero in every row"):
        random_intercept_logit(y, nothing, cluster, names=[*names, "c"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"outcome": np.nan}, "“outcome” is missing or infinite in 1 rows, first in row 3"),
        ({"outcome": 0.5}, "“outcome” must be 0 or 1; row 3 holds 0.5"),
        ({"outcome": 2}, "“outcome” must be 0 or 1; row 3 holds 2"),
        ({"a": np.inf}, "“a” is missing or infinite"),
        ({"cluster": None}, "“cluster” is missing in 1 rows, first in row 3"),
    ],
)
def test_bad_values_are_named(change, message):
    y, x, cluster, names = simulated()
    cluster = cluster.astype(object)
    if "outcome" in change:
        y[2] = change["outcome"]
    if "a" in change:
        x[2, 1] = change["a"]
    if "cluster" in change:
        cluster[2] = change["cluster"]
    with pytest.raises(BadData, match=message):
        random_intercept_logit(y, x, cluster, names=names)


def test_more_events_than_trials_are_refused():
    with pytest.raises(BadData, match="row 2 holds 7"):
        random_intercept_logit([1, 7], np.ones((2, 1)), [0, 1], names=["one"], trials=[5, 5])


def test_one_cluster_is_refused():
    with pytest.raises(NotIdentified, match="one cluster"):
        random_intercept_logit([0, 1, 1], np.ones((3, 1)), ["A"] * 3, names=["one"])


def test_unknown_column_in_a_contrast_is_refused():
    y, x, cluster, names = simulated()
    with pytest.raises(BadData, match="no column “c”"):
        random_intercept_logit(y, x, cluster, names=names).contrast("c", {"c": 1})


def test_standardised_columns_take_coefficients_back():
    r = np.random.default_rng(2)
    x = np.column_stack([np.full(50, 2.0), r.normal(5, 3, 50), np.zeros(50), r.normal(size=50)])
    z, back = information.standardised(x)
    b = r.normal(size=4)
    assert x @ (back @ b) == pytest.approx(z @ b, abs=1e-12)
