import numpy as np
import pytest
from statsmodels.stats.meta_analysis import combine_effects

from impact.errors import BadData, NotIdentified
from impact.pooling import dersimonian_laird, inverse_variance


def codes(found):
    return {note.code for note in found.notes}


def test_bcg(reference, published):
    expected, bcg = reference["pool_bcg"], published("bcg")
    found = inverse_variance(bcg.yi, np.sqrt(bcg.vi), correlation=0)
    assert [found.estimate.value, found.estimate.std_error] == pytest.approx(
        expected["fe"], abs=expected["tol"]
    )
    assert found.q == pytest.approx(expected["Q"], abs=5e-5)  # printed with four decimals
    assert found.q_df == 12
    found = dersimonian_laird(bcg.yi, np.sqrt(bcg.vi))
    assert [found.estimate.value, found.estimate.std_error] == pytest.approx(
        expected["dl"], abs=expected["tol"]
    )
    assert found.tau_squared == pytest.approx(expected["tau2"], abs=expected["tol"])
    assert sum(found.weights) == pytest.approx(1)


def test_inverse_variance_second_program():
    rng = np.random.default_rng(2)
    values, errors = rng.normal(0, 1, 9), rng.uniform(0.2, 0.9, 9)
    peer = combine_effects(values, errors**2)
    found = inverse_variance(values, errors, correlation=0)
    assert [found.estimate.value, found.estimate.std_error] == pytest.approx(
        peer.summary_frame().loc["fixed effect", ["eff", "sd_eff"]].tolist()
    )
    assert (found.q, found.q_df) == (pytest.approx(peer.q), 8)


def test_dersimonian_laird_second_program():
    rng = np.random.default_rng(2)
    values, errors = rng.normal(0, 1, 9), rng.uniform(0.2, 0.9, 9)
    peer = combine_effects(values, errors**2, method_re="dl").summary_frame().loc["random effect"]
    found = dersimonian_laird(values, errors).estimate
    assert [found.value, found.std_error, found.low] == pytest.approx(
        peer[["eff", "sd_eff", "ci_low"]].tolist()
    )


def test_dersimonian_laird_alike_studies_equal_fixed_effect():
    found = dersimonian_laird([0.1, 0.1, 0.1], [0.2, 0.3, 0.4])
    assert found.tau_squared == 0
    assert found.i_squared_share == 0
    assert "few_studies" in codes(found)
    assert found.estimate == inverse_variance([0.1, 0.1, 0.1], [0.2, 0.3, 0.4], correlation=0).estimate


def test_dersimonian_laird_one_study():
    with pytest.raises(NotIdentified):
        dersimonian_laird([0.1], [0.2])


def test_inverse_variance_pair(reference):
    expected = reference["pool_two"]
    found = inverse_variance(expected["est"], expected["se"], correlation=0)
    estimate = found.estimate
    assert [estimate.value, estimate.std_error] == pytest.approx(
        [expected["pooled"], expected["pooled_se"]], abs=expected["tol"]
    )
    assert [found.q, found.q_p_value] == pytest.approx(
        [expected["Q"], expected["p"]], abs=5e-5
    )  # four decimals
    assert codes(found) == {"a_person_judges"}


def test_inverse_variance_correlation_by_hand(reference):
    (b1, b2), (s1, s2) = reference["pool_two"]["est"], reference["pool_two"]["se"]
    for r in (-0.3, 0.2, 0.5, 0.8):
        variance = s1**2 + s2**2 - 2 * r * s1 * s2  # of the difference
        weight = (s2**2 - r * s1 * s2) / variance
        found = inverse_variance([b1, b2], [s1, s2], correlation=r)
        assert found.weights == pytest.approx((weight, 1 - weight))
        assert found.estimate.value == pytest.approx(weight * b1 + (1 - weight) * b2)
        assert found.estimate.std_error**2 == pytest.approx(s1**2 * s2**2 * (1 - r**2) / variance)
        assert found.q == pytest.approx((b1 - b2) ** 2 / variance)  # the correlation enters Q


def test_inverse_variance_weight_turns_negative_beyond_ratio_of_errors(reference):
    pair = reference["pool_two"]
    ratio = pair["se"][0] / pair["se"][1]
    assert ratio == pytest.approx(0.52, abs=0.005)
    below = inverse_variance(pair["est"], pair["se"], correlation=ratio - 1e-6)
    assert "negative_weight" not in codes(below)
    above = inverse_variance(pair["est"], pair["se"], correlation=ratio + 1e-6)
    assert "negative_weight" in codes(above)
    far = inverse_variance(pair["est"], pair["se"], correlation=0.8)
    assert far.estimate.value > max(pair["est"])
    assert {"negative_weight", "outside_inputs"} <= codes(far)


def test_inverse_variance_matrix_equals_scalar():
    matrix = [[1, 0.3], [0.3, 1]]
    assert inverse_variance([1, 2], [1, 2], correlation=matrix) == inverse_variance(
        [1, 2], [1, 2], correlation=0.3
    )


def test_inverse_variance_needs_a_correlation():
    with pytest.raises(TypeError, match="correlation"):
        inverse_variance([1, 2], [1, 2])


def test_inverse_variance_different_scales():
    with pytest.raises(BadData, match="scale"):
        inverse_variance(
            [0.1, -0.02], [0.1, 0.01], correlation=0, scales=["log odds ratio", "risk difference"]
        )


def test_inverse_variance_one_input():
    found = inverse_variance([0.2], [0.1], correlation=0)
    assert found.estimate.value == 0.2
    assert np.isnan(found.q_p_value)
    assert codes(found) == {"one_input"}


@pytest.mark.parametrize("correlation", [1, -1, 1.5, np.nan, [[1, 0.2], [0.3, 1]], [[1, 0], [0, 2]], [[1]]])
def test_inverse_variance_impossible_correlation(correlation):
    with pytest.raises(BadData, match="correlat"):
        inverse_variance([1, 2], [1, 2], correlation=correlation)


@pytest.mark.parametrize("errors", [[0.1, 0], [0.1, -1], [0.1, np.nan], [0.1], [np.inf, 1]])
def test_inverse_variance_bad_errors(errors):
    with pytest.raises(BadData, match="standard error"):
        inverse_variance([1, 2], errors, correlation=0)


@pytest.mark.slow
def test_inverse_variance_covers_with_correlated_inputs():
    rng = np.random.default_rng(3)
    errors, runs = np.array([0.3, 0.5]), 4_000
    covariance = np.outer(errors, errors) * np.array([[1, 0.4], [0.4, 1]])
    draws = rng.multivariate_normal([0.2, 0.2], covariance, runs)
    inside = [
        e.low <= 0.2 <= e.high for e in (inverse_variance(d, errors, correlation=0.4).estimate for d in draws)
    ]
    assert np.mean(inside) == pytest.approx(0.95, abs=3 * (0.05 * 0.95 / runs) ** 0.5)
