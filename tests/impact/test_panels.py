"""Fixed effects, random effects, Hausman's test and Hansen's feasible GLS."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from impact.clusters import cr2, crv1
from impact.errors import BadData, NotIdentified
from impact.panels import between, cell_means, fixed_effects, hausman, random_effects, within

Published = Callable[[str], pd.DataFrame]
GRUNFELD: dict[str, Any] = {"outcome": "inv", "covariates": ["value", "capital"], "unit": "firm"}
TWO_WAY: dict[str, Any] = {"outcome": "y", "covariates": ["d"], "site": "s", "period": "t"}


def serial(
    seed: int, *, sites: int = 30, periods: int = 8, alpha: tuple[float, ...] = (0.6,)
) -> pd.DataFrame:
    """Half the sites start at a random period; the effect is 1 and errors are stationary AR(p)."""
    rng = np.random.default_rng(seed)
    burn, p = 60, len(alpha)
    e = rng.normal(size=(sites, burn + periods))
    for t in range(p, burn + periods):
        e[:, t] += sum(a * e[:, t - j - 1] for j, a in enumerate(alpha))
    first = np.where(np.arange(sites) < sites // 2, rng.integers(2, periods - 1, sites), 99)
    s, t = np.repeat(np.arange(sites), periods), np.tile(np.arange(periods), sites)
    d = (t >= first[s]).astype(float)
    y = e[:, burn:].ravel() + d + rng.normal(size=sites)[s] + 0.1 * t
    return pd.DataFrame({"s": s, "t": t, "d": d, "y": y})


def test_twfe_mpdta_matches_pyfixest(published: Published, reference: dict[str, Any]) -> None:
    frame, expected = published("mpdta"), reference["twfe_mpdta"]
    frame["d"] = ((frame["first.treat"] > 0) & (frame["year"] >= frame["first.treat"])).astype(float)
    found = fixed_effects(frame, outcome="lemp", covariates=["d"], site="countyreal", period="year")
    fitted = found.fitted
    assert fitted.sums.absorbed == 500
    # pyfixest leaves out the county effects, nested in the clusters, but for one
    error = crv1(fitted, "d", n_parameters=fitted.n_parameters - 500 + 1)
    assert (error.value, error.std_error) == pytest.approx(
        (expected["beta"], expected["se_pyfixest"]), abs=expected["tol"]
    )


def test_grunfeld_random_effects_and_hausman_match_plm(
    published: Published, reference: dict[str, Any]
) -> None:
    expected, frame = reference["grunfeld_re_hausman_bg"], published("grunfeld")
    fixed, random = within(frame, **GRUNFELD), random_effects(frame, **GRUNFELD)
    assert random.names == ("constant", "value", "capital")
    assert [e.value for e in random.estimates] == pytest.approx(expected["re"], abs=expected["tol"])
    assert [e.std_error for e in random.estimates] == pytest.approx(expected["re_se"], abs=expected["tol"])
    assert random.theta == pytest.approx((expected["theta"],) * 2, abs=expected["tol"])
    test = hausman(fixed, random)
    assert (test.statistic, test.p_value) == pytest.approx(
        (expected["hausman_chi2"], expected["hausman_p"]), abs=expected["tol"]
    )
    assert test.df == 2


def test_random_effects_of_an_unbalanced_panel_match_linearmodels(published: Published) -> None:
    from linearmodels import RandomEffects

    frame = published("grunfeld").drop(index=[3, 4, 25, 60, 61, 62, 63, 199])
    indexed = frame.set_index(["firm", "year"])
    theirs = RandomEffects(indexed["inv"], indexed[["value", "capital"]].assign(constant=1.0)).fit(
        small_sample=True
    )
    ours = random_effects(frame, **GRUNFELD)
    for name in ours.names:
        assert ours[name].value == pytest.approx(theirs.params[name], rel=1e-8)
        assert ours[name].std_error == pytest.approx(theirs.std_errors[name], rel=1e-8)
    assert ours.theta[0] < ours.theta[1]


def test_within_and_between_match_linearmodels(published: Published) -> None:
    from linearmodels import BetweenOLS, PanelOLS

    frame = published("grunfeld")
    indexed = frame.set_index(["firm", "year"])
    x = indexed[["value", "capital"]]
    one = PanelOLS(indexed["inv"], x, entity_effects=True).fit()
    two = BetweenOLS(indexed["inv"], x.assign(constant=1.0)).fit()
    for ours, theirs in ((within(frame, **GRUNFELD), one), (between(frame, **GRUNFELD), two)):
        for name in ours.names:
            assert ours[name].value == pytest.approx(theirs.params[name], rel=1e-8)
            assert ours[name].std_error == pytest.approx(theirs.std_errors[name], rel=1e-8)


def test_fixed_effects_of_persons_with_weights_match_pyfixest() -> None:
    import pyfixest as pf

    rng = np.random.default_rng(1)
    frame = serial(3).loc[lambda f: f.index.repeat(rng.integers(1, 5, len(f)))].reset_index(drop=True)
    frame["age"], frame["w"] = rng.normal(size=len(frame)), rng.uniform(0.3, 3, len(frame))
    frame["y"] += rng.normal(size=len(frame)) + 0.3 * frame["age"]
    ours = fixed_effects(frame, outcome="y", covariates=["d", "age"], site="s", period="t", weight="w")
    with warnings.catch_warnings():  # pyfixest uses pandas in ways that pandas 3.1 deprecates
        warnings.simplefilter("ignore")
        theirs = pf.feols("y ~ d + age | s + t", frame, vcov={"CRV1": "s"}, weights="w")
    for name in ("d", "age"):
        found = crv1(ours.fitted, name, n_parameters=ours.fitted.n_parameters - 29)
        assert found.value == pytest.approx(float(theirs.coef()[name]), rel=1e-8)
        assert found.std_error == pytest.approx(float(theirs.se()[name]), rel=1e-7)


def test_fixed_effects_swept_out_or_as_dummies_are_the_same() -> None:
    frame = serial(1)
    one = fixed_effects(frame, **TWO_WAY, site_effects="swept")
    two = fixed_effects(frame, **TWO_WAY, site_effects="dummies")
    assert one["d"].value == pytest.approx(two["d"].value, rel=1e-9)
    assert one["d"].std_error == pytest.approx(two["d"].std_error, rel=1e-9)
    assert cr2(one.fitted, "d").df == pytest.approx(cr2(two.fitted, "d").df or 0, rel=1e-7)


def test_fixed_effects_refuse_what_effects_absorb() -> None:
    frame = serial(1).assign(ever=lambda f: (f["s"] < 15).astype(float), year=lambda f: f["t"] * 1.0)
    with pytest.raises(NotIdentified, match="“ever” is collinear"):
        fixed_effects(frame, **(TWO_WAY | {"covariates": ["d", "ever"]}))
    with pytest.raises(NotIdentified, match="“year” is collinear"):
        fixed_effects(frame, **(TWO_WAY | {"covariates": ["d", "year"]}))
    with pytest.raises(BadData, match="sites are the clusters"):
        fixed_effects(frame.assign(c=frame["s"] // 2), **TWO_WAY, cluster="c", site_effects="swept")
    with pytest.raises(BadData, match="Name at least one"):
        fixed_effects(frame, **(TWO_WAY | {"covariates": []}))
    with pytest.raises(BadData, match="Did you mean"):
        fixed_effects(frame, **(TWO_WAY | {"covariates": ["dd"]}))


def test_within_leaves_out_what_never_varies_and_says_so(published: Published) -> None:
    frame = published("grunfeld").assign(size=lambda f: f["firm"] ** 2.0)
    found = within(frame, **(GRUNFELD | {"covariates": ["value", "size"]}))
    assert found.names == ("value",)
    assert found.notes[0].code == "constant_within_units"
    with pytest.raises(NotIdentified, match="No covariate varies"):
        within(frame, **(GRUNFELD | {"covariates": ["size"]}))
    with pytest.raises(NotIdentified, match="“twice”"):
        within(frame.assign(twice=2 * frame["value"]), **(GRUNFELD | {"covariates": ["value", "twice"]}))


def test_random_effects_without_unit_variance_are_pooled() -> None:
    rng = np.random.default_rng(0)
    unit = np.repeat(np.arange(20), 5)
    y = rng.normal(size=100)
    y -= np.bincount(unit, y)[unit] / 5  # no unit differs from another
    frame = pd.DataFrame({"unit": unit, "y": y, "x": rng.normal(size=100)})
    found = random_effects(frame, outcome="y", covariates=["x"], unit="unit")
    assert found.sigma_unit == 0
    assert found.theta == (0.0, 0.0)
    assert "no_unit_variance" in [note.code for note in found.notes]
    slope = np.linalg.lstsq(np.column_stack([np.ones(100), frame["x"]]), y, rcond=None)[0][1]
    assert found["x"].value == pytest.approx(slope)


def test_random_effects_offset_of_a_billion_changes_nothing(published: Published) -> None:
    frame = published("grunfeld")
    near = random_effects(frame, **GRUNFELD)
    far = random_effects(frame.assign(value=frame["value"] + 1e9), **GRUNFELD)
    for name in ("value", "capital"):
        assert far[name].value == pytest.approx(near[name].value, rel=1e-5)
        assert far[name].std_error == pytest.approx(near[name].std_error, rel=1e-5)


def test_hausman_that_does_not_exist_is_refused() -> None:
    frame = serial(5).assign(x=lambda f: np.random.default_rng(1).normal(size=len(f)) * (f["t"] > 6))
    fixed = within(frame, outcome="y", covariates=["d", "x"], unit="s")
    random = random_effects(frame, outcome="y", covariates=["d", "x"], unit="s")
    worse = type(random)(**(vars(random) | {"covariance": random.covariance * 10}))
    with pytest.raises(NotIdentified, match="does not exist"):
        hausman(fixed, worse)


def test_random_effects_need_enough_units(published: Published) -> None:
    frame = published("grunfeld")
    with pytest.raises(NotIdentified, match="only one “firm”"):
        random_effects(frame[frame["firm"] == 1], **GRUNFELD)
    with pytest.raises(NotIdentified, match="too few"):
        random_effects(frame[frame["firm"] <= 3], **GRUNFELD)


def test_cell_means_with_covariates_are_the_cell_effects() -> None:
    rng = np.random.default_rng(2)
    frame = serial(2, sites=6, periods=4).loc[lambda f: f.index.repeat(7)].reset_index(drop=True)
    frame["age"] = rng.normal(10, 3, len(frame))
    frame["y"] += 0.5 * frame["age"] + rng.normal(size=len(frame))
    found = cell_means(frame, outcome="y", site="s", period="t", covariates=["age"])
    assert (found["n"] == 7).all()
    cells = (frame["s"].to_numpy()[:, None] * 10 + frame["t"].to_numpy()[:, None]) == (
        found["s"] * 10 + found["t"]
    ).to_numpy()
    centred = (frame["age"] - frame["age"].mean()).to_numpy()
    b = np.linalg.lstsq(np.column_stack([cells, centred]).astype(float), frame["y"].to_numpy(), rcond=None)[0]
    assert found["y"].to_numpy() == pytest.approx(b[:-1], abs=1e-9)
    plain = cell_means(frame, outcome="y", site="s", period="t")
    assert plain["y"].to_numpy() == pytest.approx(frame.groupby(["s", "t"])["y"].mean().to_numpy())
