import numpy as np
import pytest
import statsmodels.api as sm
from scipy import optimize, stats
from statsmodels.tools.numdiff import approx_hess

from impact.censored import tobit
from impact.errors import BadData, NotIdentified

NAMES = ["age", "yearsmarried", "religiousness", "occupation", "rating"]


def values(estimates):
    return [estimate.value for estimate in estimates]


@pytest.fixture
def affairs(published):
    return published("affairs")


@pytest.fixture
def simulated():
    rng = np.random.default_rng(7)
    x = rng.normal(size=(600, 2))
    latent = 1 + x @ [1.5, -0.5] + rng.normal(0, 2, 600)
    return x, latent


def test_tobit_one_limit_published(reference, affairs):
    expected = reference["tobit_affairs"]
    found = tobit(affairs.affairs, affairs[NAMES], NAMES)
    assert values((*found.coefficients, found.log_scale)) == pytest.approx(
        expected["left0"], abs=expected["tol"]
    )
    assert found.log_likelihood == pytest.approx(expected["ll"], abs=expected["tol"])
    assert (found.n_left, found.n_right, found.n_between) == (451, 0, 150)
    assert [note.code for note in found.notes] == ["rows_independent"]


def test_tobit_two_limits_published(reference, affairs):
    expected = reference["tobit_affairs"]
    found = tobit(np.minimum(affairs.affairs, 4), affairs[NAMES], NAMES, right=4)
    assert values((*found.coefficients, found.log_scale)) == pytest.approx(
        expected["two_limit_0_4"], abs=expected["tol"]
    )
    assert found.log_likelihood == pytest.approx(expected["ll2"], abs=expected["tol"])


def test_tobit_second_program(simulated):
    x, latent = simulated
    y = np.clip(latent, 0, 3)
    design = np.column_stack([np.ones(600), x])

    def loss(p):
        mean, sd = design @ p[:3], np.exp(p[3])
        between = stats.norm.logpdf(y, mean, sd)
        return -np.where(
            y == 0, stats.norm.logcdf(0, mean, sd), np.where(y == 3, stats.norm.logsf(3, mean, sd), between)
        ).sum()

    peer = optimize.minimize(loss, np.zeros(4), method="BFGS")
    found = tobit(y, x, ["a", "b"], left=0, right=3)
    assert values((*found.coefficients, found.log_scale)) == pytest.approx(peer.x.tolist(), abs=1e-4)
    assert found.log_likelihood >= -peer.fun - 1e-9
    errors = [e.std_error for e in (*found.coefficients, found.log_scale)]
    peer_errors = np.sqrt(np.diag(np.linalg.inv(approx_hess(peer.x, loss))))
    assert errors == pytest.approx(peer_errors.tolist(), rel=1e-3)


def test_tobit_average_effects_by_differences(simulated):
    x, latent = simulated
    found = tobit(np.clip(latent, 0, 3), x, ["a", "b"], left=0, right=3)
    alpha, *slopes = values(found.coefficients)
    sigma = np.exp(found.log_scale.value)

    def mean_observed(moved):
        mean = alpha + moved @ slopes
        low, high = (0 - mean) / sigma, (3 - mean) / sigma
        inside = stats.norm.cdf(high) - stats.norm.cdf(low)
        middle = mean * inside + sigma * (stats.norm.pdf(low) - stats.norm.pdf(high))
        return (middle + 3 * stats.norm.sf(high)).mean()

    for place, effect in enumerate(found.average_effects):
        step = np.eye(2)[place] * 1e-5
        assert effect.value == pytest.approx(
            (mean_observed(x + step) - mean_observed(x - step)) / 2e-5, rel=1e-6
        )
        assert effect.std_error < found.coefficients[place + 1].std_error


def test_tobit_average_effect_error_by_numeric_delta(simulated):
    x, latent = simulated
    found = tobit(np.clip(latent, 0, 3), x, ["a", "b"], left=0, right=3)
    p = np.array(values((*found.coefficients, found.log_scale)))

    def effect(p):
        mean, sigma = p[0] + x @ p[1:3], np.exp(p[3])
        return p[1] * (stats.norm.cdf((3 - mean) / sigma) - stats.norm.cdf(-mean / sigma)).mean()

    slope = optimize.approx_fprime(p, effect, 1e-7)
    assert found.average_effects[0].std_error == pytest.approx(
        np.sqrt(slope @ found.covariance @ slope), rel=1e-5
    )


def test_tobit_nothing_censored_is_least_squares(simulated):
    x, latent = simulated
    found = tobit(latent, x, ["a", "b"], left=None)
    peer = sm.OLS(latent, sm.add_constant(x)).fit()
    assert values(found.coefficients) == pytest.approx(peer.params.tolist())
    assert found.log_likelihood == pytest.approx(peer.llf)
    assert values(found.average_effects) == pytest.approx(values(found.coefficients[1:]))
    assert "nothing_censored" in {note.code for note in found.notes}


def test_tobit_limit_by_row(simulated):
    x, latent = simulated
    cutoff = np.where(np.arange(600) % 2, 2.0, 4.0)
    found = tobit(np.clip(latent, None, cutoff), x, ["a", "b"], left=None, right=cutoff)
    assert found.n_right == int((latent >= cutoff).sum())
    assert values(found.coefficients) == pytest.approx([1, 1.5, -0.5], abs=0.35)


def test_tobit_offset_of_a_billion(simulated):
    x, latent = simulated
    y = np.clip(latent, 0, 3)
    plain, moved = tobit(y, x, ["a", "b"], right=3), tobit(y, x + np.array([1e9, 0]), ["a", "b"], right=3)
    assert values(moved.coefficients[1:]) == pytest.approx(values(plain.coefficients[1:]), rel=1e-5)
    assert moved.log_likelihood == pytest.approx(plain.log_likelihood, abs=1e-5)


def test_tobit_units_of_the_outcome(simulated):
    x, latent = simulated
    y = np.clip(latent, 0, 3)
    plain, days = tobit(y, x, ["a", "b"], right=3), tobit(y * 365, x, ["a", "b"], right=3 * 365)
    assert values(days.coefficients) == pytest.approx([365 * v for v in values(plain.coefficients)])
    assert days.log_scale.std_error == pytest.approx(plain.log_scale.std_error)
    assert days.log_likelihood == pytest.approx(plain.log_likelihood - plain.n_between * np.log(365))


def test_tobit_clusters_by_hand(simulated):
    x, latent = simulated
    y, cluster = latent, np.arange(600) % 6
    found = tobit(y, x, ["a", "b"], left=None, cluster=cluster)
    peer = sm.OLS(y, sm.add_constant(x)).fit(
        cov_type="cluster", cov_kwds={"groups": cluster, "use_correction": False}
    )
    assert [e.std_error for e in found.coefficients] == pytest.approx((peer.bse * np.sqrt(6 / 5)).tolist())
    assert found.coefficients[1].df == 5
    assert "few_clusters" in {note.code for note in found.notes}


@pytest.mark.parametrize(
    ("y", "options", "error"),
    [
        ([-1, 0, 1, 2], {}, "beyond its limit"),
        ([0, 1, 2, 5], {"right": 4}, "row 4"),
        ([0, 1, np.nan, 5], {}, "outcome"),
        ([0, 1, 2, 3], {"right": -1}, "below its right"),
        ([0, 1, 2, 3], {"left": [0, 0]}, "left limit"),
        ([0, 1, 2, 3], {"right": np.nan}, "right limit"),
        ([0, 1, 2], {}, "rows"),
    ],
)
def test_tobit_bad_input(y, options, error):
    with pytest.raises(BadData, match=error):
        tobit(y, [[1.0], [2], [3], [5]], ["x"], **options)


@pytest.mark.parametrize(
    ("y", "x", "error"),
    [
        ([0, 0, 0, 0, 0, 0], [1, 2, 3, 5, 2, 4], "Every row is at a limit"),
        ([1, 2, 3, 4, 0, 0], [1, 1, 1, 1, 1, 1], "“x”"),
    ],
)
def test_tobit_not_identified(y, x, error):
    with pytest.raises(NotIdentified, match=error):
        tobit(y, np.array(x, float)[:, None], ["x"])


def test_tobit_group_wholly_at_the_limit(simulated):
    x, latent = simulated
    y = np.clip(latent, 0, None)
    y[:50] = 0
    with pytest.raises(NotIdentified, match="no finite estimate"):
        tobit(y, np.column_stack([x, np.arange(600) < 50]), ["a", "b", "site"])


def test_tobit_collinear(simulated):
    x, latent = simulated
    with pytest.raises(NotIdentified, match="“c”"):
        tobit(latent, np.column_stack([x, x.sum(axis=1)]), ["a", "b", "c"], left=None)


def test_tobit_exact_fit(simulated):
    x, _ = simulated
    with pytest.raises(NotIdentified, match="exactly"):
        tobit(1 + x[:, 0], x, ["a", "b"], left=None)


def test_tobit_dummies_of_the_clusters_are_flagged(simulated):
    x, latent = simulated
    cluster = np.arange(600) % 4
    dummies = np.eye(4)[cluster][:, 1:]
    found = tobit(latent, np.column_stack([x, dummies]), list("abcde"), left=None, cluster=cluster)
    assert "more_coefficients_than_clusters" in {note.code for note in found.notes}
    with pytest.raises(NotIdentified, match="two clusters"):
        tobit(latent, x, ["a", "b"], left=None, cluster=np.zeros(600))


@pytest.mark.slow
def test_tobit_covers():
    rng, runs = np.random.default_rng(11), 600
    inside = 0
    for _ in range(runs):
        x = rng.normal(size=(300, 1))
        y = np.clip(0.5 + x[:, 0] + rng.normal(size=300), 0, 2)
        slope = tobit(y, x, ["x"], right=2).coefficients[1]
        inside += slope.low <= 1 <= slope.high
    assert inside / runs == pytest.approx(0.95, abs=3 * (0.05 * 0.95 / runs) ** 0.5)


@pytest.mark.row("ST-08")
@pytest.mark.parametrize("wrong", [1e12, 1e14])
def test_one_wrong_row_brings_no_other_to_the_limit(simulated, wrong):
    x, latent = simulated
    y = np.append(np.maximum(latent, 0), wrong)
    found = tobit(y, np.vstack([x, x[:1]]), ["a", "b"], left=0)
    assert found.n_left == (latent <= 0).sum()


def test_row_off_its_limit_by_rounding_lies_at_it(simulated):
    x, latent = simulated
    signs = np.where(np.arange(600) % 2, 1, -1)
    found = tobit(np.where(latent > 0, latent, 1e-17 * signs), x, ["a", "b"], left=0)
    assert found.n_left == (latent <= 0).sum()
