"""Breusch and Godfrey's test for series and panels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from statsmodels.stats.diagnostic import acorr_breusch_godfrey

from impact.errors import BadData, NotIdentified
from impact.panels import random_effects
from impact.serial import breusch_godfrey, panel_breusch_godfrey

Published = Callable[[str], pd.DataFrame]
NAMES = ["value", "capital"]


def test_firm_one_matches_lmtest_and_statsmodels(published: Published, reference: dict[str, Any]) -> None:
    expected = reference["grunfeld_re_hausman_bg"]
    firm = published("grunfeld").query("firm == 1")
    x = sm.add_constant(firm[NAMES].to_numpy())
    found = breusch_godfrey(firm["inv"], x, ["one", *NAMES])
    assert (found.statistic, found.p_value) == pytest.approx(
        (expected["bgtest_firm1_lag1"], expected["bgtest_p"]), abs=expected["tol"]
    )
    for lags in (1, 3):
        theirs = acorr_breusch_godfrey(
            sm.OLS(firm["inv"].to_numpy(), x).fit(), nlags=lags, result_object=False
        )
        one = breusch_godfrey(firm["inv"], x, ["one", *NAMES], lags=lags)
        two = breusch_godfrey(firm["inv"], x, ["one", *NAMES], lags=lags, form="F")
        assert (one.statistic, one.p_value, two.statistic, two.p_value) == pytest.approx(theirs, abs=1e-9)


def test_grunfeld_panel_matches_plm(published: Published, reference: dict[str, Any]) -> None:
    expected, frame = reference["grunfeld_re_hausman_bg"], published("grunfeld")
    panel = (frame["inv"], frame[NAMES], NAMES, frame["firm"], frame["year"])
    twenty, one = panel_breusch_godfrey(*panel), panel_breusch_godfrey(*panel, lags=1)
    assert twenty.lags == 20
    assert twenty.statistic == pytest.approx(expected["pbgtest_fe_20"], abs=expected["tol"])
    assert one.statistic == pytest.approx(expected["pbgtest_fe_1"], abs=expected["tol"])


def test_panel_rows_may_come_in_any_order(published: Published) -> None:
    frame = published("grunfeld")
    mixed = frame.sample(frac=1, random_state=3)
    one, two = (
        panel_breusch_godfrey(f["inv"], f[NAMES], NAMES, f["firm"], f["year"], lags=1) for f in (frame, mixed)
    )
    assert one.statistic == pytest.approx(two.statistic, abs=1e-9)


def test_lags_across_units_are_plms_convention_and_can_stop_there(published: Published) -> None:
    frame = published("grunfeld")
    panel = (frame["inv"], frame[NAMES], NAMES, frame["firm"], frame["year"])
    one, two = (panel_breusch_godfrey(*panel, lags=1, across_units=b) for b in (True, False))
    assert one.statistic != pytest.approx(two.statistic, abs=1e-3)
    assert one.notes != two.notes
    # by hand: residuals of the within model on themselves lagged within firms
    mean = frame.groupby("firm")[["inv", *NAMES]].transform("mean")
    y, x = (frame["inv"] - mean["inv"]).to_numpy(), (frame[NAMES] - mean[NAMES]).to_numpy()
    e = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
    lag = pd.Series(e).groupby(frame["firm"].to_numpy()).shift(1).fillna(0).to_numpy()
    wide = np.column_stack([x, lag])
    left = e - wide @ np.linalg.lstsq(wide, e, rcond=None)[0]
    assert two.statistic == pytest.approx(200 * (1 - left @ left / (e @ e)), abs=1e-9)


def test_random_effects_panel_uses_theta(published: Published) -> None:
    frame = published("grunfeld")
    theta = random_effects(frame, outcome="inv", covariates=NAMES, unit="firm").theta[0]
    x, names = sm.add_constant(frame[NAMES].to_numpy()), ["one", *NAMES]
    found = panel_breusch_godfrey(frame["inv"], x, names, frame["firm"], frame["year"], lags=1, theta=theta)
    assert found.p_value < 1e-6
    assert found.statistic != pytest.approx(42.0854, abs=0.01)


def test_white_noise_is_rejected_as_often_as_the_level_says() -> None:
    rng = np.random.default_rng(0)
    x = np.column_stack([np.ones(100), rng.normal(size=100)])
    share = np.mean(
        [breusch_godfrey(rng.normal(size=100), x, ["one", "x"]).p_value < 0.05 for _ in range(600)]
    )
    assert share == pytest.approx(0.05, abs=0.027)  # three Monte Carlo errors


def test_gaps_duplicates_and_columns_without_variation_are_named(published: Published) -> None:
    frame = published("grunfeld")

    def run(f: pd.DataFrame, names: list[str] = NAMES) -> None:
        panel_breusch_godfrey(f["inv"], f[names], names, f["firm"], f["year"])

    with pytest.raises(BadData, match="“2” occurs with a gap after time 1940"):
        run(frame[(frame["firm"] != 2) | (frame["year"] != 1941)])
    with pytest.raises(BadData, match="“2” occurs twice at time 1941"):
        run(pd.concat([frame, frame[(frame["firm"] == 2) & (frame["year"] == 1941)]]))
    with pytest.raises(NotIdentified, match="“size” does not vary within any unit"):
        run(frame.assign(size=frame["firm"] ** 2.0), ["value", "size"])
    with pytest.raises(NotIdentified, match="“twice”"):
        run(frame.assign(twice=2 * frame["value"]), ["value", "twice"])


def test_too_many_lags_and_perfect_fits_are_refused(published: Published) -> None:
    firm = published("grunfeld").query("firm == 1")
    x = sm.add_constant(firm[NAMES].to_numpy())
    for lags in (0, 17):
        with pytest.raises(BadData, match=f"{lags} lags cannot be tested"):
            breusch_godfrey(firm["inv"], x, ["one", *NAMES], lags=lags)
    with pytest.raises(NotIdentified, match="fits perfectly"):
        breusch_godfrey(x @ [1, 2, 3], x, ["one", *NAMES])
    with pytest.raises(BadData, match="“outcome” is missing"):
        breusch_godfrey(firm["inv"].where(firm["year"] != 1940), x, ["one", *NAMES])
