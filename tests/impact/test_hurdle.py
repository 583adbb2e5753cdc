import warnings

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from statsmodels.discrete.truncated_model import TruncatedLFNegativeBinomialP, TruncatedLFPoisson

from impact.errors import BadData, NotIdentified
from impact.hurdle import hurdle

NAMES = ["women", "married", "kid5", "phd", "ment"]


def values(estimates):
    return [estimate.value for estimate in estimates]


@pytest.fixture
def chemists():
    """Articles of 900 invented doctoral students: the columns of Long (1990), none of his rows."""
    rng = np.random.default_rng(11)
    n = 900
    frame = pd.DataFrame(
        {
            "women": rng.integers(0, 2, n).astype(float),
            "married": rng.integers(0, 2, n).astype(float),
            "kid5": rng.choice([0.0, 1, 2, 3], n, p=[0.65, 0.2, 0.1, 0.05]),
            "phd": rng.uniform(0.8, 4.8, n),
            "ment": rng.negative_binomial(1, 0.1, n).astype(float),
        }
    )
    chance = 1 / (1 + np.exp(-(0.2 + frame[NAMES] @ [-0.25, 0.3, -0.3, 0.02, 0.08])))
    mean = np.exp(0.6 + frame[NAMES] @ [-0.2, 0.1, -0.15, 0, 0.02])
    more = rng.poisson(rng.gamma(2, mean / 2)).clip(1)
    return frame.assign(art=np.where(rng.uniform(size=n) < chance, more, 0))


@pytest.fixture
def simulated():
    rng = np.random.default_rng(21)
    x = np.column_stack([rng.integers(0, 2, 800), rng.normal(size=800)])
    count = rng.poisson(np.exp(1 + x @ [0.3, 0.2]))
    return np.where(rng.uniform(size=800) < 0.6, count, 0), x


def test_hurdle_published(reference, published):
    expected, frame = reference["hurdle_biochemists"], published("biochem")
    chemists = frame.assign(
        women=(frame.fem == "Women").astype(float), married=(frame.mar == "Married").astype(float)
    )
    found = hurdle(chemists.art, chemists[NAMES], NAMES)
    assert values(found.count) == pytest.approx(expected["count_poisson"], abs=expected["tol"])
    assert values(found.zero) == pytest.approx(expected["zero_logit"], abs=expected["tol"])
    assert found.log_likelihood == pytest.approx(expected["ll_poisson"], abs=expected["tol"])
    assert (found.n_zero, found.n_positive, found.theta) == (275, 640, None)
    found = hurdle(chemists.art, chemists[NAMES], NAMES, distribution="negbin")
    assert found.theta == pytest.approx(expected["theta"], abs=expected["tol"])
    assert found.log_likelihood == pytest.approx(expected["ll_negbin"], abs=expected["tol"])
    assert values(found.zero) == pytest.approx(expected["zero_logit"], abs=expected["tol"])


def test_hurdle_second_program(chemists):
    positive, design = chemists.art > 0, sm.add_constant(chemists[NAMES])
    poisson = TruncatedLFPoisson(chemists.art[positive], design[positive]).fit(
        disp=0, method="newton", maxiter=200
    )
    found = hurdle(chemists.art, chemists[NAMES], NAMES)
    assert values(found.count) == pytest.approx(poisson.params.tolist(), abs=1e-7)
    assert [e.std_error for e in found.count] == pytest.approx(poisson.bse.tolist(), rel=1e-5)
    logit = sm.Logit(positive.astype(int), design).fit(disp=0)
    assert values(found.zero) == pytest.approx(logit.params.tolist(), abs=1e-7)
    assert [e.std_error for e in found.zero] == pytest.approx(logit.bse.tolist(), rel=1e-6)


def test_hurdle_negbin_second_program(chemists):
    positive, design = chemists.art > 0, sm.add_constant(chemists[NAMES])
    model = TruncatedLFNegativeBinomialP(chemists.art[positive], design[positive], p=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its start values step outside the parameter space
        peer = model.fit(disp=0, method="newton", maxiter=500)
    found = hurdle(chemists.art, chemists[NAMES], NAMES, distribution="negbin")
    assert values(found.count) == pytest.approx(peer.params.tolist()[:-1], abs=1e-6)
    assert [e.std_error for e in found.count] == pytest.approx(peer.bse.tolist()[:-1], rel=1e-4)
    assert found.theta == pytest.approx(1 / peer.params.iloc[-1], rel=1e-6)


def test_hurdle_does_not_stop_where_the_peer_stops(chemists):
    positive, design = chemists.art > 0, sm.add_constant(chemists[NAMES])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it did not converge is all the peer says
        short = TruncatedLFPoisson(chemists.art[positive], design[positive]).fit(disp=0)
    logit = sm.Logit(positive.astype(int), design).fit(disp=0)
    ours = hurdle(chemists.art, chemists[NAMES], NAMES).log_likelihood
    assert short.llf + logit.llf < ours - 10


@pytest.mark.parametrize("distribution", ["poisson", "negbin"])
def test_hurdle_average_effect_by_hand(chemists, distribution):
    found = hurdle(chemists.art, chemists[NAMES], NAMES, distribution=distribution, effect_of="women")
    means = []
    for level in (0, 1):
        x = sm.add_constant(chemists[NAMES].assign(women=level), has_constant="add").to_numpy()
        mu = np.exp(x @ values(found.count))
        none = np.exp(-mu) if found.theta is None else (1 + mu / found.theta) ** -found.theta
        means.append((mu / (1 - none) / (1 + np.exp(-x @ values(found.zero)))).mean())
    assert found.average_effect.value == pytest.approx(means[1] - means[0])
    assert 0 < found.average_effect.std_error < 0.2


def test_hurdle_offset_of_a_billion(simulated):
    y, x = simulated
    plain, moved = (hurdle(y, x + np.array([0, offset]), ["a", "b"], effect_of="a") for offset in (0, 1e9))
    assert moved.average_effect.std_error == pytest.approx(plain.average_effect.std_error, rel=1e-5)
    assert values(moved.count[1:]) == pytest.approx(values(plain.count[1:]), rel=1e-4)
    assert moved.log_likelihood == pytest.approx(plain.log_likelihood, abs=1e-5)


def test_hurdle_clusters(simulated):
    y, x = simulated
    cluster = np.arange(800) % 8
    found = hurdle(y, x, ["a", "b"], cluster=cluster)
    peer = sm.Logit((y > 0).astype(int), sm.add_constant(x)).fit(
        disp=0, cov_type="cluster", cov_kwds={"groups": cluster, "use_correction": False}
    )
    assert [e.std_error for e in found.zero] == pytest.approx((peer.bse * np.sqrt(8 / 7)).tolist())
    assert found.zero[0].df == 7
    assert [note.code for note in found.notes] == ["few_clusters"]


@pytest.mark.parametrize("y", [[0, 1.5, 2, 1], [0, -1, 2, 3], [0, np.nan, 1, 2], [0, np.inf, 1, 2]])
def test_hurdle_bad_counts(y):
    with pytest.raises(BadData, match="outcome"):
        hurdle(y, [[1.0], [2], [3], [5]], ["x"])


@pytest.mark.parametrize(
    ("y", "error"),
    [([0, 0, 0, 0], "Every row is zero"), ([1, 2, 3, 1], "No row is zero"), ([0, 1, 1, 1], "is 1")],
)
def test_hurdle_one_part_only(y, error):
    with pytest.raises(NotIdentified, match=error):
        hurdle(y, [[1.0], [2], [3], [5]], ["x"])


def test_hurdle_perfect_prediction_of_any(simulated):
    y, x = simulated
    site = (np.arange(800) < 40).astype(float)
    y = np.where(site == 1, np.maximum(y, 1), y)
    with pytest.raises(
        NotIdentified, match=r"^Whether a count is above 0 is predicted perfectly for some rows by “site”:"
    ):
        hurdle(y, np.column_stack([x, site]), ["a", "b", "site"])


def test_hurdle_ones_only_in_a_site(simulated):
    y, x = simulated
    site = (np.arange(800) < 60).astype(float)
    y = np.where((site == 1) & (y > 0), 1, y)
    with pytest.raises(
        NotIdentified,
        match=r"^Whether a count above 0 is above 1 is predicted perfectly for some rows by “site”:",
    ):
        hurdle(y, np.column_stack([x, site]), ["a", "b", "site"])


def test_hurdle_collinear_among_the_positive(simulated):
    y, x = simulated
    site = ((y == 0) & (np.arange(800) < 100)).astype(float)
    with pytest.raises(NotIdentified, match="“site”"):
        hurdle(y, np.column_stack([x, site]), ["a", "b", "site"])


def test_hurdle_even_counts_are_no_negative_binomial():
    rng = np.random.default_rng(5)
    y = np.where(rng.uniform(size=500) < 0.5, rng.binomial(6, 0.6, 500), 0)
    with pytest.raises(NotIdentified, match="poisson"):
        hurdle(y, rng.normal(size=(500, 1)), ["x"], distribution="negbin")


def test_hurdle_effect_of_unknown_or_continuous(simulated):
    y, x = simulated
    with pytest.raises(BadData, match="“treated”"):
        hurdle(y, x, ["a", "b"], effect_of="treated")
    with pytest.raises(BadData, match="0 or 1"):
        hurdle(y, x, ["a", "b"], effect_of="b")
    with pytest.raises(BadData, match="distribution"):
        hurdle(y, x, ["a", "b"], distribution="normal")


@pytest.mark.slow
def test_hurdle_average_effect_covers():
    rng, runs = np.random.default_rng(31), 400
    inside = 0
    mu, share = np.exp([0.5, 0.8]), 1 / (1 + np.exp(-np.array([0.2, 0.5])))
    truth = np.diff(share * mu / (1 - np.exp(-mu)))[0]
    for _ in range(runs):
        treated = rng.integers(0, 2, 600)
        count = rng.poisson(mu[treated])
        while (zero := count == 0).any():
            count[zero] = rng.poisson(mu[treated[zero]])
        y = np.where(rng.uniform(size=600) < share[treated], count, 0)
        effect = hurdle(y, treated[:, None], ["treated"], effect_of="treated").average_effect
        inside += effect.low <= truth <= effect.high
    assert inside / runs == pytest.approx(0.95, abs=3 * (0.05 * 0.95 / runs) ** 0.5)
