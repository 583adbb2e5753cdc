"""The protocol's smallest effect, swCRTdesign's power, full covariance matrices as second program, and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from impact.errors import BadData, NotIdentified
from impact.estimate import normal
from impact.icc import latent_sd
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
from impact.randomisation import treatment_matrix

PROTOCOL = treatment_matrix([1, 2, 3, 4, 5], 6)


def dense(design, size, within, between):
    """Generalised least squares with one covariance matrix for all observed cells."""
    seen = ~np.isnan(design)
    cluster, period = np.nonzero(seen)
    sizes = np.broadcast_to(np.asarray(size, float), design.shape)[seen]
    v = np.diag(within / sizes) + between * (cluster[:, None] == cluster)
    z = np.column_stack([period == t for t in np.unique(period)] + [design[seen]]).astype(float)
    return np.linalg.inv(z.T @ np.linalg.inv(v) @ z)[-1, -1]


def test_protocol_smallest_effect_under_each_reading(reference):
    expected = reference["hh_protocol"]
    outcome = Outcome(icc=expected["icc"], baseline=expected["p1"])
    found = wedge_power(PROTOCOL, cell_size=expected["m"], outcome=outcome, effect=0.0105)
    assert found.reading == "total"
    assert found.minimum_increase == pytest.approx(expected["mdes_total_variance"], abs=1e-6)
    assert found.minimum_decrease == pytest.approx(expected["mdes_total_variance"], abs=1e-6)
    assert found.std_error == pytest.approx(expected["se"], abs=1e-9)
    assert found.other_readings["within"] == pytest.approx((expected["mdes_within_variance"],) * 2, abs=1e-6)
    assert found.other_readings["mean"] == pytest.approx((0.010908, 0.010052), abs=1e-6)
    assert found.other_readings["midpoint"] == pytest.approx((0.010910, 0.010054), abs=1e-6)
    for reading in ("total", "within"):  # the printed figure cannot tell these two apart
        assert found.other_readings[reading][0] == pytest.approx(expected["protocol"], abs=expected["tol"])
    assert found.n_total == 51_000
    assert [note.code for note in found.notes] == ["few_clusters", "variance_reading"]


def test_protocol_power_at_three_effects():
    outcome = Outcome(icc=0.00722, baseline=0.06)
    powers = [
        wedge_power(PROTOCOL, cell_size=1700, outcome=outcome, effect=d).power
        for d in (0.0105, 0.0075, 0.015)
    ]
    assert powers == pytest.approx([0.8018, 0.5182, 0.9799], abs=1e-4)  # printed without the far tail


def test_protocol_size_is_per_period():
    # 1,700 in total per cluster would be 283 a period and a smallest effect of 2.5 points.
    up, _ = minimum_effect(PROTOCOL, cell_size=1700 / 6, outcome=Outcome(icc=0.00722, baseline=0.06))
    assert up == pytest.approx(0.02512, abs=1e-5)


def test_without_clustering():
    up, down = minimum_effect(PROTOCOL, cell_size=1700, outcome=Outcome(icc=0, baseline=0.06))
    assert (up, down) == pytest.approx((0.008068, 0.008068), abs=1e-6)


def test_power_of_the_swcrtdesign_readme(reference):
    expected = reference["hh_swPwr_readme"]
    starts = np.repeat([1, 2, 3, 4], expected["clusters"] // expected["steps"])
    middle = (expected["mu0"] + expected["mu1"]) / 2
    found = wedge_power(
        treatment_matrix(starts.tolist(), 5),
        cell_size=expected["n"],
        outcome=Known(within=middle * (1 - middle), between=expected["tau"] ** 2),
        effect=expected["mu1"] - expected["mu0"],
    )
    assert found.power == pytest.approx(expected["power"], abs=expected["tol"])


def test_closed_form_equals_least_squares():
    for between in (0.0, 0.0004, 0.01):
        variance = treatment_variance(PROTOCOL, cell_size=1700, within=0.05, between=between)
        assert variance == pytest.approx(
            closed_form_variance(PROTOCOL, cell_size=1700, within=0.05, between=between), rel=1e-12
        )
        assert variance == pytest.approx(dense(PROTOCOL, 1700, 0.05, between), rel=1e-10)


def test_by_hand_two_clusters_two_periods():
    # One cluster changes: the difference in differences of four means, so 4 within / size, whatever lies between clusters.
    design = [[0, 1], [0, 0]]
    assert treatment_variance(design, cell_size=50, within=2.0, between=9.0) == pytest.approx(
        # GLS also compares clusters in the second period, which between = 9 makes nearly worthless
        dense(np.array(design, float), 50, 2.0, 9.0),
        rel=1e-12,
    )
    assert treatment_variance(design, cell_size=50, within=2.0, between=1e9) == pytest.approx(
        4 * 2 / 50, rel=1e-6
    )
    # without clustering only the second period tells: two means
    assert treatment_variance(design, cell_size=50, within=2.0, between=0) == pytest.approx(2 * 2 / 50)


def test_incomplete_design_with_unequal_cells():
    design = PROTOCOL.copy()
    design[0, 4:], design[4, :2], design[2, 3] = np.nan, np.nan, np.nan
    size = np.arange(30).reshape(5, 6) * 10.0 + 100
    size[2, 3] = np.nan  # the size of a cell without data does not matter
    found = treatment_variance(design, cell_size=size, within=0.06, between=0.001)
    assert found == pytest.approx(dense(design, np.nan_to_num(size, nan=1), 0.06, 0.001), rel=1e-10)
    power = wedge_power(design, cell_size=size, outcome=Outcome(icc=0.01, sd=0.3), effect=0.05)
    assert power.n_total == size[~np.isnan(design)].sum()
    assert "incomplete_design" in [note.code for note in power.notes]
    with pytest.raises(BadData, match="complete design"):
        closed_form_variance(design, cell_size=100, within=1, between=0)


def test_period_without_any_data_is_left_out():
    design = np.column_stack([PROTOCOL, np.full(5, np.nan)])
    assert treatment_variance(design, cell_size=9, within=1, between=0.1) == pytest.approx(
        treatment_variance(PROTOCOL, cell_size=9, within=1, between=0.1)
    )


def test_sizes_needed_are_the_smallest():
    outcome = Outcome(icc=0.00722, baseline=0.06)
    n = size_needed(PROTOCOL, effect=0.0105, outcome=outcome)
    powers = [wedge_power(PROTOCOL, cell_size=m, outcome=outcome, effect=0.0105).power for m in (n, n - 1)]
    assert powers[0] >= 0.8 > powers[1]
    copies = copies_needed(PROTOCOL, effect=0.005, cell_size=1700, outcome=outcome)
    powers = [
        wedge_power(np.tile(PROTOCOL, (k, 1)), cell_size=1700, outcome=outcome, effect=0.005).power
        for k in (copies, copies - 1)
    ]
    assert powers[0] >= 0.8 > powers[1]


def test_size_that_no_number_reaches_is_refused():
    # Half of the clusters treated throughout: more children per cluster do not remove differences between clusters.
    with pytest.raises(NotIdentified, match="more clusters"):
        size_needed([[0, 0], [0, 0], [1, 1], [1, 1]], effect=0.01, outcome=Outcome(icc=0.05, baseline=0.1))
    with pytest.raises(NotIdentified, match="effect of zero"):
        copies_needed(PROTOCOL, effect=0, cell_size=10, outcome=Outcome(icc=0.05, baseline=0.1))


def test_decrease_below_zero_is_not_a_number():
    found = wedge_power(PROTOCOL, cell_size=5, outcome=Outcome(icc=0.01, baseline=0.02))
    assert math.isnan(found.minimum_decrease)
    assert 0.02 < found.minimum_increase < 1


@pytest.mark.parametrize(
    ("design", "message"),
    [
        ([[0, 0], [0, 0]], "told from time"),
        ([[1, 1], [1, 1]], "told from time"),
        ([[0, 1], [0, 1]], "told from time"),
        ([[0, 1], [np.nan, np.nan]], "told from time"),
    ],
)
def test_design_without_comparison_is_refused(design, message):
    with pytest.raises(NotIdentified, match=message):
        treatment_variance(design, cell_size=10, within=1, between=0.1)


@pytest.mark.parametrize(
    ("design", "size"),
    [
        ([[0, 1]], 10),
        ([[0, 2], [0, 1]], 10),
        ([[0, 1], [0, 0]], 0),
        ([[0, 1], [0, 0]], [1, 2, 3]),
        ([0, 1], 10),
    ],
)
def test_what_is_no_design_is_refused(design, size):
    with pytest.raises(BadData):
        treatment_variance(design, cell_size=size, within=1, between=0.1)


@pytest.mark.parametrize(
    "arguments",
    [
        {"icc": 1, "baseline": 0.1},
        {"icc": -0.1, "baseline": 0.1},
        {"icc": 0.1},
        {"icc": 0.1, "baseline": 0.1, "sd": 1},
        {"icc": 0.1, "baseline": 0},
        {"icc": 0.1, "sd": -1},
        {"icc": 0.1, "sd": 1, "reading": "mean"},
        {"icc": 0.1, "baseline": 0.1, "reading": "totl"},
    ],
)
def test_impossible_outcomes_are_refused(arguments):
    with pytest.raises(BadData):
        Outcome(**arguments)


def test_test_that_is_none_is_refused():
    with pytest.raises(BadData, match="size of the test"):
        wedge_power(PROTOCOL, cell_size=10, outcome=Outcome(icc=0.1, sd=1), alpha=0.8, target=0.5)


def test_difference_in_differences_equals_the_full_covariance():
    treated, control, before, after, m, icc, r = 3, 4, 2, 3, 40, 0.05, 0.6
    found = did_minimum_effect(
        n_treated=treated,
        n_control=control,
        n_before=before,
        n_after=after,
        cell_size=m,
        icc=icc,
        autocorrelation=r,
        baseline=0.2,
    )
    clusters, periods = treated + control, before + after
    own = icc * ((1 - r) * np.eye(periods) + r) + (1 - icc) / m * np.eye(periods)
    v = np.kron(np.eye(clusters), own)
    cluster, period = np.divmod(np.arange(clusters * periods), periods)
    z = np.column_stack(
        [cluster == g for g in range(clusters)]
        + [period == t for t in range(1, periods)]
        + [(cluster < treated) & (period >= before)]
    ).astype(float)
    ols = np.linalg.inv(z.T @ z) @ z.T
    error = np.sqrt((ols @ v @ ols.T)[-1, -1])
    assert found.minimum_d == pytest.approx(2.8015852 * error, rel=1e-6)
    assert found.minimum_points == pytest.approx(found.minimum_d * 0.4)
    assert autocorrelation_behind(found.minimum_d, found) == pytest.approx(r)


def test_no_plain_reading_gives_what_seed_001_prints():
    readings = did_readings(
        n_treated=5, n_controls=(5, 10, 15), n_periods=3, cell_size=5200, icc=0.01566, baseline=0.04
    )
    found = [reading.minimum_d for reading in readings]
    assert all(abs(d - 0.116) > 0.004 for d in found)
    fixed = [reading.minimum_d for reading in readings if reading.autocorrelation == 1]
    yearly = [reading.minimum_d for reading in readings if reading.autocorrelation == 0]
    assert max(fixed) < 0.05
    assert min(yearly) > 0.2
    two_before = next(
        x for x in readings if (x.n_control, x.n_before, x.autocorrelation, x.df) == (5, 2, 0, None)
    )
    assert two_before.minimum_d == pytest.approx(0.273, abs=0.001)
    assert autocorrelation_behind(0.116, two_before) == pytest.approx(0.83, abs=0.005)
    assert 0.116 * np.sqrt(0.04 * 0.96) == pytest.approx(0.023, abs=5e-4)  # its points and its d do agree


def test_autocorrelation_that_cannot_be_is_not_a_number():
    design = did_minimum_effect(
        n_treated=5, n_control=5, n_before=1, n_after=1, cell_size=10, icc=0.01, autocorrelation=0
    )
    assert math.isnan(autocorrelation_behind(5.0, design))
    assert math.isnan(autocorrelation_behind(0.01, design))


def test_impossible_difference_in_differences_is_refused():
    good = {
        "n_treated": 5,
        "n_control": 5,
        "n_before": 1,
        "n_after": 2,
        "cell_size": 10,
        "icc": 0.1,
        "autocorrelation": 0.5,
    }
    for name, value in (
        ("n_treated", 0),
        ("n_after", 0),
        ("icc", 1),
        ("autocorrelation", 1.5),
        ("cell_size", -1),
    ):
        with pytest.raises(BadData):
            did_minimum_effect(**{**good, name: value})
    with pytest.raises(NotIdentified, match="degree of freedom"):
        did_minimum_effect(**{**good, "n_treated": 1, "n_control": 1}, use_t=True)


def test_simulation_is_repeated_by_its_seed():
    options = {"cell_size": 300, "baseline": 0.2, "effect": -0.05, "sd_cluster": 0.2, "n_trials": 8}
    first = simulate_power(PROTOCOL, seed=1, **options)
    assert simulate_power(PROTOCOL, seed=1, **options) == first
    assert simulate_power(PROTOCOL, seed=2, **options) != first
    assert first.effect == pytest.approx(math.log(0.15 / 0.85) - math.log(0.2 / 0.8))


def test_simulation_counts_failed_trials_as_not_rejecting():
    found = simulate_power(
        PROTOCOL, cell_size=1, baseline=0.02, effect=0.01, sd_cluster=0, seed=3, n_trials=20
    )
    assert found.n_failed > 0
    assert "failed_trials" in [note.code for note in found.notes]
    assert found.rejected <= 1 - found.n_failed / 20


def test_simulation_takes_an_estimator_of_your_own():
    found = simulate_power(
        PROTOCOL,
        cell_size=50,
        baseline=0.3,
        effect=0.1,
        sd_cluster=0.1,
        seed=4,
        n_trials=3,
        estimator=lambda events, trials, x, cluster, names: normal(names[-1], 1.0, 0.1),
    )
    assert (found.rejected, found.mean) == (1.0, 1.0)


def test_simulation_refuses_impossible_rates():
    options = {"cell_size": 50, "sd_cluster": 0.1, "seed": 1}
    with pytest.raises(BadData):
        simulate_power(PROTOCOL, baseline=0.02, effect=-0.03, **options)
    with pytest.raises(BadData, match="6 time effects"):
        simulate_power(PROTOCOL, baseline=0.2, effect=0.1, time_effects=[0, 0], **options)
    with pytest.raises(BadData):
        simulate_power(PROTOCOL, baseline=0.2, effect=0.1, n_trials=0, **options)


@pytest.mark.slow
@pytest.mark.parametrize("estimator", ["logit", "linear"])
def test_simulated_power_is_near_the_formula(estimator):
    found = simulate_power(
        PROTOCOL,
        cell_size=1700,
        baseline=0.06,
        effect=0.0105,
        sd_cluster=latent_sd(0.00722),
        seed=17,
        n_trials=400,
        estimator=estimator,
    )
    assert abs(found.rejected - 0.8) < 4 * found.rejected_error + 0.02  # .786 in an independent simulation
    assert abs(found.mean / found.effect - 1) < 0.05


@pytest.mark.slow
def test_five_clusters_reject_a_true_null_too_often():
    # .078, and .116 with a cluster-by-period spread of .05, in an independent simulation of 500 trials.
    options = {
        "cell_size": 1700,
        "baseline": 0.06,
        "effect": 0.0,
        "sd_cluster": latent_sd(0.00722),
        "seed": 5,
    }
    plain = simulate_power(PROTOCOL, n_trials=400, **options)
    drifting = simulate_power(PROTOCOL, n_trials=400, sd_cell=0.1, **options)
    assert abs(plain.rejected - 0.078) < 4 * math.sqrt(0.078 * 0.922 / 400) + 4 * math.sqrt(
        0.078 * 0.922 / 500
    )
    assert drifting.rejected > 0.1


PRINTED = {
    "n_treated": 5, "n_control": 5, "n_before": 2, "n_after": 1, "cell_size": 5200, "icc": 0.01566, "autocorrelation": 0.8,
}  # fmt: skip


@pytest.mark.parametrize("use_t", [False, True])
def test_did_power_is_the_target_at_the_smallest_effect(use_t):
    design = did_minimum_effect(**PRINTED, use_t=use_t)
    # The smallest effect leaves the far tail out, which adds up to 0.0003 with t on 8 degrees of freedom.
    assert did_power(design.minimum_d, design) == pytest.approx(0.8, abs=5e-4)
    assert did_power(0, design) == pytest.approx(0.05, abs=1e-12)


def test_did_size_needed_gives_back_the_cell_size():
    design = did_minimum_effect(**PRINTED)
    assert did_size_needed(design.minimum_d, design) == design.cell_size
    with pytest.raises(NotIdentified, match="more clusters"):
        did_size_needed(0.05, design)
