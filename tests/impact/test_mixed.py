"""statsmodels MixedLM as second program, a balanced case in closed form, boundaries and refusals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf
from statsmodels.stats.anova import anova_lm

from impact.errors import BadData, NotIdentified
from impact.mixed import linear_mixed


def pupils(seed=3, n_clusters=8, n_persons=15, sd=(0.7, 0.9)):
    """Persons with one to three rows in clusters of unequal size."""
    r = np.random.default_rng(seed)
    rows = []
    for g in range(n_clusters):
        u = r.normal(0, sd[0])
        for p in range(n_persons + g):
            v = r.normal(0, sd[1])
            rows += [(f"LA {g}", f"{g}-{p}", term, r.normal(), u + v) for term in range(r.integers(1, 4))]
    frame = pd.DataFrame(rows, columns=["cluster", "person", "term", "a", "effect"])
    frame["y"] = 2 + 0.5 * frame["a"] - 0.3 * frame["term"] + frame["effect"] + r.normal(size=len(frame))
    x = np.column_stack([np.ones(len(frame)), frame["a"], frame["term"]])
    return frame, x, ["one", "a", "term"]


def peer(model, reml):
    # statsmodels' own L-BFGS ends on a likelihood of infinity and an intercept of zero on the data of the first test.
    return model.fit(method="powell", reml=reml, ftol=1e-14)


def dense(frame, x, fit):
    """The covariance of generalised least squares and the likelihood, with the full matrix of covariances."""
    y = frame["y"].to_numpy()
    together = frame["cluster"].to_numpy()[:, None] == frame["cluster"].to_numpy()
    same = frame["person"].to_numpy()[:, None] == frame["person"].to_numpy()
    v = fit.sd_cluster**2 * together + (fit.sd_person or 0) ** 2 * same + fit.sd_residual**2 * np.eye(len(y))
    inverse = np.linalg.inv(v)
    information = x.T @ inverse @ x
    b = np.linalg.solve(information, x.T @ inverse @ y)
    left = y - x @ b
    free = len(y) - (x.shape[1] if fit.method == "reml" else 0)
    log_det = np.linalg.slogdet(v)[1] + (np.linalg.slogdet(information)[1] if fit.method == "reml" else 0)
    return b, np.linalg.inv(information), -(free * np.log(2 * np.pi) + log_det + left @ inverse @ left) / 2


@pytest.mark.parametrize("method", ["reml", "ml"])
def test_clusters_equal_statsmodels(method):
    frame, x, names = pupils()
    fit = linear_mixed(frame["y"], x, frame["cluster"], names=names, method=method)
    other = peer(sm.MixedLM(frame["y"], x, groups=frame["cluster"]), method == "reml")
    assert fit.coefficients == pytest.approx(other.fe_params.to_numpy(), abs=1e-6)
    b, covariance, ll = dense(frame, x, fit)
    assert fit.coefficients == pytest.approx(b, abs=1e-10)
    assert fit.covariance == pytest.approx(covariance, rel=1e-9)
    assert fit.log_likelihood == pytest.approx(ll, abs=1e-9)
    # statsmodels inverts the observed information of coefficients and variances together; we and lme4 take GLS.
    assert np.sqrt(np.diag(fit.covariance)) == pytest.approx(other.bse_fe.to_numpy(), rel=1e-3)
    assert fit.sd_cluster**2 == pytest.approx(float(other.cov_re.iloc[0, 0]), rel=1e-3)
    assert fit.sd_residual**2 == pytest.approx(other.scale, rel=1e-5)
    assert fit.log_likelihood == pytest.approx(other.llf, abs=1e-6)
    assert fit.log_likelihood >= other.llf - 1e-8


@pytest.mark.parametrize("method", ["reml", "ml"])
def test_persons_within_clusters_equal_statsmodels(method):
    frame, x, names = pupils(n_clusters=4, n_persons=8)
    fit = linear_mixed(frame["y"], x, frame["cluster"], names=names, person=frame["person"], method=method)
    model = smf.mixedlm(
        "y ~ a + term", frame, groups="cluster", vc_formula={"person": "0 + C(person)"}, re_formula="1"
    )
    other = peer(model, method == "reml")
    assert fit.log_likelihood == pytest.approx(other.llf, abs=1e-5)
    assert fit.log_likelihood >= other.llf - 1e-8
    assert fit.coefficients == pytest.approx(other.fe_params.to_numpy(), abs=1e-4)
    b, covariance, ll = dense(frame, x, fit)
    assert fit.coefficients == pytest.approx(b, abs=1e-10)
    assert fit.covariance == pytest.approx(covariance, rel=1e-9)
    assert fit.log_likelihood == pytest.approx(ll, abs=1e-9)
    assert np.sqrt(np.diag(fit.covariance)) == pytest.approx(other.bse_fe.to_numpy(), rel=0.04)
    assert fit.sd_person**2 == pytest.approx(float(other.vcomp[0]), rel=5e-3)
    assert (fit.n_persons, fit.n_clusters, fit.n_rows) == (frame["person"].nunique(), 4, len(frame))


def test_balanced_clusters_equal_analysis_of_variance():
    # REML on a balanced one-way layout: variances by mean squares.
    r = np.random.default_rng(8)
    batch, y = np.repeat(np.arange(6), 5), np.repeat(r.normal(0, 40, 6), 5) + r.normal(1500, 50, 30)
    table = anova_lm(smf.ols("y ~ C(batch)", pd.DataFrame({"y": y, "batch": batch})).fit())["mean_sq"]
    within, between = table["Residual"], (table["C(batch)"] - table["Residual"]) / 5
    assert between > 0
    fit = linear_mixed(y, np.ones((30, 1)), batch, names=["one"])
    assert (fit.sd_cluster**2, fit.sd_residual**2) == pytest.approx((between, within), rel=1e-5)
    assert fit.coefficients == pytest.approx([y.mean()])
    assert fit.covariance[0, 0] == pytest.approx((between + within / 5) / 6, rel=1e-5)
    assert fit.icc == pytest.approx(between / (between + within), rel=1e-5)


def test_dyestuff_equals_analysis_of_variance(published):
    # The two variances are those that R prints.
    dyes = published("dyestuff")
    fit = linear_mixed(dyes["Yield"], np.ones((30, 1)), dyes["Batch"], names=["one"])
    assert fit.sd_cluster**2 == pytest.approx(1764.05, abs=0.02)
    assert fit.sd_residual**2 == pytest.approx(2451.25, abs=0.02)
    assert fit.coefficients == pytest.approx([1527.5])
    assert fit.covariance[0, 0] == pytest.approx((1764.05 + 2451.25 / 5) / 6, rel=1e-5)
    assert fit.icc == pytest.approx(0.418487, abs=1e-5)


def test_spread_of_zero_equals_least_squares():
    r = np.random.default_rng(1)
    y, g = r.normal(size=120), np.tile(np.arange(12), 10)
    for k in range(12):  # equal means: less spread than chance gives
        y[g == k] -= y[g == k].mean()
    x = np.column_stack([np.ones(120), r.normal(size=120)])
    fit = linear_mixed(y, x, g, names=["one", "a"])
    ols = sm.OLS(y, x).fit()
    assert fit.sd_cluster == 0
    assert [note.code for note in fit.notes] == ["boundary"]
    assert np.sqrt(np.diag(fit.covariance)) == pytest.approx(ols.bse, rel=1e-9)


def test_persons_only_are_a_boundary_of_clusters():
    frame, x, names = pupils(sd=(0.0, 1.0), seed=12)
    flat = frame["y"] - frame.groupby("cluster")["y"].transform("mean")
    fit = linear_mixed(flat, x, frame["cluster"], names=names, person=frame["person"])
    assert fit.sd_cluster == 0
    assert fit.sd_person > 0.5


def test_counts_equal_rows():
    r = np.random.default_rng(6)
    g, t = np.repeat(np.arange(6), 200), np.tile([0.0, 1.0], 600)
    y = (r.random(1200) < 0.2 + 0.1 * t + 0.02 * g).astype(float)
    rows = linear_mixed(y, np.column_stack([np.ones(1200), t]), g, names=["one", "t"])
    cells = (
        pd.DataFrame({"g": g, "t": t, "y": y}).groupby(["g", "t"], as_index=False)["y"].agg(["sum", "size"])
    )
    x = np.column_stack([np.ones(12), cells["t"]])
    counted = linear_mixed(cells["sum"], x, cells["g"], names=["one", "t"], trials=cells["size"])
    assert counted.coefficients == pytest.approx(rows.coefficients, abs=1e-12)
    assert counted.covariance == pytest.approx(rows.covariance, rel=1e-6)
    assert counted.log_likelihood == pytest.approx(rows.log_likelihood, abs=1e-8)


def test_offsets_change_only_the_intercept():
    frame, x, names = pupils()
    moved = x.copy()
    moved[:, 1] += 1e9
    first = linear_mixed(frame["y"], x, frame["cluster"], names=names)
    second = linear_mixed(frame["y"] + 1e6, moved, frame["cluster"], names=names)
    assert second.coefficients[1:] == pytest.approx(first.coefficients[1:], rel=1e-5)
    assert second.sd_cluster == pytest.approx(first.sd_cluster, rel=1e-4)
    assert first.contrast("both", {"a": 1, "term": 2}).value == pytest.approx(
        first.coefficients[1] + 2 * first.coefficients[2]
    )


def test_unusable_data_are_refused():
    frame, x, names = pupils()
    y, g, p = frame["y"].to_numpy(), frame["cluster"].to_numpy(), frame["person"].to_numpy()
    with pytest.raises(NotIdentified, match="“a again” is determined"):
        linear_mixed(y, np.column_stack([x, x[:, 1]]), g, names=[*names, "a again"])
    with pytest.raises(NotIdentified, match="one cluster"):
        linear_mixed(y, x, np.zeros(len(y)), names=names)
    with pytest.raises(NotIdentified, match="Every outcome is the same"):
        linear_mixed(np.ones(len(y)), x, g, names=names)
    with pytest.raises(NotIdentified, match="without error"):
        linear_mixed(x @ [1.0, 2.0, 3.0], x, g, names=names)
    with pytest.raises(NotIdentified, match="Every person has one row"):
        linear_mixed(y, x, g, names=names, person=np.arange(len(y)))
    with pytest.raises(BadData, match="more than one cluster"):
        linear_mixed(y, x, g, names=names, person=np.where(np.arange(len(y)) < 100, "x", p))
    with pytest.raises(BadData, match="“outcome” is missing"):
        linear_mixed(np.where(np.arange(len(y)) == 4, np.nan, y), x, g, names=names)
    with pytest.raises(BadData, match="“reml” or “ml”"):
        linear_mixed(y, x, g, names=names, method="mle")
    with pytest.raises(BadData, match="no column “b”"):
        linear_mixed(y, x, g, names=names).contrast("b", {"b": 1})
    with pytest.raises(BadData, match="counts from 0 to its trials"):
        linear_mixed([1, 7], np.ones((2, 1)), [0, 1], names=["one"], trials=[5, 5])


def test_outcome_that_only_differs_between_clusters_is_refused():
    g = np.repeat(np.arange(6), 10)
    with pytest.raises(NotIdentified):
        linear_mixed(g**2.0, np.ones((60, 1)), g, names=["one"])


@pytest.mark.slow
def test_interval_covers_with_many_clusters():
    r = np.random.default_rng(9)
    g = np.repeat(np.arange(40), 10)
    inside, trials = 0, 500
    for _ in range(trials):
        t = (r.permutation(40) < 20).astype(float)[g]
        y = 0.3 * t + r.normal(0, 0.4, 40)[g] + r.normal(size=400)
        found = linear_mixed(y, np.column_stack([np.ones(400), t]), g, names=["one", "t"]).estimates[1]
        inside += found.low <= 0.3 <= found.high
    assert abs(inside / trials - 0.95) < 4 * np.sqrt(0.95 * 0.05 / trials)
