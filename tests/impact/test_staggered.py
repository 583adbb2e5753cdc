"""Goodman-Bacon, Callaway and Sant'Anna, Sun and Abraham."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from impact.errors import BadData, NotIdentified
from impact.staggered import aggregate, bacon, first_treated, group_time_effects, sun_abraham

Published = Callable[[str], pd.DataFrame]
MPDTA: dict[str, Any] = {"outcome": "lemp", "unit": "countyreal", "period": "year", "first": "first.treat"}
TOY: dict[str, Any] = {"outcome": "y", "unit": "unit", "period": "t", "first": "first"}


def rollout(
    seed: int = 0, *, n: int = 60, periods: int = 6, noise: float = 1.0, never: bool = True
) -> pd.DataFrame:
    """Cohorts that start in 2, 4 and never, effects 1 + time since, a covariate that shifts trends and starts."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    first = rng.choice([2.0, 4.0, np.nan] if never else [2.0, 4.0], n)
    unit, t = np.repeat(np.arange(n), periods), np.tile(np.arange(periods), n)
    since = t - first[unit]
    effect = np.where(since >= 0, 1 + since, 0.0)
    y = rng.normal(size=n)[unit] + 0.5 * t + 0.2 * x[unit] * t + effect + noise * rng.normal(size=n * periods)
    treated = (since >= 0).astype(float)
    return pd.DataFrame(
        {"unit": unit, "t": t, "first": first[unit], "y": y, "x": x[unit], "treated": treated}
    )


def test_bacon_math_reform_matches_bacondecomp(published: Published, reference: dict[str, Any]) -> None:
    found = bacon(
        published("math_reform"), outcome="incearn_ln", unit="state", period="class", first="reformyr_math"
    )
    expected = reference["bacon_math_reform"]
    assert set(found.by_kind) == {"earlier_later", "later_earlier", "treated_untreated"}
    for kind, values in found.by_kind.items():
        assert values == pytest.approx(expected[kind], abs=expected["tol"])
    assert sum(c.weight for c in found.comparisons) == pytest.approx(1, abs=1e-12)
    assert [note.code for note in found.notes] == ["already_treated_controls"]


def test_bacon_matches_diff_diff_with_exact_weights() -> None:
    from diff_diff import BaconDecomposition

    frame = rollout(11)
    theirs = BaconDecomposition(weights="exact").fit(
        frame.assign(g=frame["first"].fillna(0)), outcome="y", unit="unit", time="t", first_treat="g"
    )
    ours = bacon(frame, **TOY)
    assert ours.twfe == pytest.approx(theirs.twfe_estimate, abs=1e-10)
    assert ours.by_kind["treated_untreated"][0] == pytest.approx(
        theirs.total_weight_treated_vs_never, abs=1e-10
    )


def test_bacon_with_the_approximate_weights_of_diff_diff_would_be_far_off() -> None:
    from diff_diff import BaconDecomposition

    frame = rollout(11)
    theirs = BaconDecomposition(weights="approximate").fit(
        frame.assign(g=frame["first"].fillna(0)), outcome="y", unit="unit", time="t", first_treat="g"
    )
    assert (
        abs(theirs.total_weight_treated_vs_never - bacon(frame, **TOY).by_kind["treated_untreated"][0]) > 0.05
    )


@pytest.mark.parametrize("always", [False, True])
@pytest.mark.parametrize("never", [False, True])
def test_bacon_adds_up_to_two_way_fixed_effects(always: bool, never: bool) -> None:
    frame = rollout(1, never=never)
    if always:
        frame.loc[frame["unit"] < 7, "first"] = -3.0
    d = (frame["t"] >= frame["first"]).astype(float)
    dummies = pd.get_dummies(frame[["unit", "t"]].astype(str)).astype(float).to_numpy()
    twfe = np.linalg.lstsq(np.column_stack([d, dummies]), frame["y"].to_numpy(), rcond=None)[0][0]
    found = bacon(frame, **TOY)
    assert found.twfe == pytest.approx(twfe, abs=1e-9)
    assert ("later_always" in found.by_kind) == always


def test_bacon_of_one_cohort_is_the_plain_difference() -> None:
    frame = rollout(2)
    frame = frame[frame["first"] != 4.0]
    found = bacon(frame, **TOY)
    assert [c.kind for c in found.comparisons] == ["treated_untreated"]
    assert found.notes == ()
    with pytest.raises(NotIdentified, match="nothing can be compared"):
        bacon(frame[frame["first"].isna()], **TOY)
    with pytest.raises(NotIdentified, match="nothing can be compared"):
        bacon(frame[frame["first"] == 2], **TOY)


def test_callaway_santanna_mpdta_matches_did(published: Published, reference: dict[str, Any]) -> None:
    expected = reference["cs_mpdta"]
    found = group_time_effects(published("mpdta"), **MPDTA)
    cells = {f"{c.group:g},{c.period:g}": c.estimate.value for c in found.cells}
    assert cells == pytest.approx(expected["attgt"], abs=expected["tol"])
    for kind in ("simple", "group", "dynamic"):
        overall = aggregate(found, kind).overall
        assert (overall.value, overall.std_error) == pytest.approx(expected[kind], abs=expected["tol"])
    events = {f"{e:g}": estimate.value for e, estimate in aggregate(found, "dynamic").parts.items()}
    assert events == pytest.approx(expected["event"], abs=expected["tol"])


@pytest.mark.parametrize("controls", ["never", "not_yet"])
@pytest.mark.parametrize(
    ("method", "theirs"), [("doubly_robust", "dr"), ("regression", "reg"), ("weighting", "ipw")]
)
def test_callaway_santanna_with_covariates_matches_moderndid(
    published: Published, method: Any, theirs: str, controls: Any
) -> None:
    import moderndid

    frame = published("mpdta")
    other = moderndid.att_gt(
        data=frame.rename(columns={"first.treat": "g"}),
        yname="lemp",
        tname="year",
        idname="countyreal",
        gname="g",
        xformla="~lpop",
        est_method=theirs,
        control_group="nevertreated" if controls == "never" else "notyettreated",
        boot=False,
    )
    ours = group_time_effects(frame, **MPDTA, covariates=["lpop"], method=method, controls=controls)
    expected = {
        (g, t): (a, s)
        for g, t, a, s in zip(other.groups, other.times, other.att_gt, other.se_gt, strict=True)
    }
    for cell in ours.cells:
        found = (cell.estimate.value, cell.estimate.std_error)
        assert found == pytest.approx(expected[cell.group, cell.period], abs=1e-7), (cell.group, cell.period)


def test_callaway_santanna_doubly_robust_matches_diff_diff(published: Published) -> None:
    from diff_diff import CallawaySantAnna

    frame = published("mpdta").rename(columns={"first.treat": "g"})
    theirs = CallawaySantAnna(estimation_method="dr", control_group="not_yet_treated").fit(
        frame, outcome="lemp", unit="countyreal", time="year", first_treat="g", covariates=["lpop"]
    )
    ours = group_time_effects(frame, **(MPDTA | {"first": "g"}), covariates=["lpop"], controls="not_yet")
    for cell in ours.cells:
        expected = theirs.group_time_effects[cell.group, cell.period]
        found = (cell.estimate.value, cell.estimate.std_error)
        # its propensity score stops short of convergence: two cells of twelve differ by 3e-6, from moderndid too
        assert found == pytest.approx((expected["effect"], expected["se"]), abs=5e-6)


# diff-diff announces that aggregation will become a step of its own
@pytest.mark.filterwarnings("ignore:CallawaySantAnna.fit")
def test_overall_att_of_diff_diff_is_the_simple_one_whatever_is_asked(published: Published) -> None:
    from diff_diff import CallawaySantAnna

    frame = published("mpdta").rename(columns={"first.treat": "g"})
    theirs = CallawaySantAnna().fit(
        frame, outcome="lemp", unit="countyreal", time="year", first_treat="g", aggregate="event_study"
    )
    ours = group_time_effects(frame, **(MPDTA | {"first": "g"}))
    assert theirs.overall_att == pytest.approx(aggregate(ours, "simple").overall.value, abs=1e-10)
    assert theirs.overall_att != pytest.approx(aggregate(ours, "dynamic").overall.value, abs=0.01)


def test_callaway_santanna_methods_agree_without_covariates(published: Published) -> None:
    frame = published("mpdta")
    one, two = (group_time_effects(frame, **MPDTA, method=m) for m in ("regression", "weighting"))
    assert [c.estimate for c in one.cells] == [c.estimate for c in two.cells]


def test_callaway_santanna_by_hand() -> None:
    # from period 0 to 1 the treated rise by 5 and 3, the never treated by 1 and 2: 4 - 1.5
    y = {"a": (0, 5), "b": (1, 4), "c": (0, 1), "d": (3, 5)}
    frame = pd.DataFrame(
        [(u, t, v, 1.0 if u in "ab" else np.nan) for u, p in y.items() for t, v in enumerate(p)]
    )
    frame.columns = pd.Index(["unit", "t", "y", "first"])
    found = group_time_effects(frame, **TOY)
    cell = found.cells[0]
    assert cell.estimate.value == pytest.approx(2.5, abs=1e-12)
    assert cell.estimate.std_error == pytest.approx(
        np.sqrt(1 / 2 + 0.25 / 2), abs=1e-12
    )  # variances over n, as did
    assert [note.code for note in found.notes] == ["small_group"]


def test_callaway_santanna_universal_base_keeps_the_period_before_start() -> None:
    frame = rollout(3, noise=0.0).assign(y=lambda f: f["y"] - 0.2 * f["x"] * f["t"])
    found = group_time_effects(frame, **TOY, base="universal")
    assert {c.base for c in found.cells if c.group == 4} == {3.0}
    for cell in found.cells:
        truth = 1 + cell.period - cell.group if cell.period >= cell.group else 0
        assert cell.estimate.value == pytest.approx(truth, abs=1e-9)


def test_callaway_santanna_calendar_and_group_parts() -> None:
    frame = rollout(3, noise=0.0).assign(y=lambda f: f["y"] - 0.2 * f["x"] * f["t"])
    found = group_time_effects(frame, **TOY)
    groups = aggregate(found, "group").parts
    assert {g: round(e.value, 9) for g, e in groups.items()} == {2.0: 2.5, 4.0: 1.5}
    calendar = aggregate(found, "calendar").parts
    assert [round(calendar[t].value, 9) for t in (2.0, 3.0)] == [1.0, 2.0]


def test_callaway_santanna_weights_count_as_copies() -> None:
    frame = rollout(5)
    frame["w"] = 1.0 + (frame["unit"] % 2)
    twice = pd.concat([frame, frame[frame["w"] == 2].assign(unit=lambda f: f["unit"] + 1000)])
    one = aggregate(group_time_effects(frame, **TOY, weight="w", covariates=["x"]), "dynamic").overall
    two = aggregate(group_time_effects(twice, **TOY, covariates=["x"]), "dynamic").overall
    assert one.value == pytest.approx(two.value, abs=1e-9)


def test_callaway_santanna_clusters_widen_errors_of_copies() -> None:
    frame = rollout(6).assign(la=lambda f: f["unit"])
    copies = pd.concat([frame.assign(unit=frame["unit"] + 1000 * k) for k in range(3)])
    one = aggregate(group_time_effects(frame, **TOY)).overall
    three = aggregate(group_time_effects(copies, **TOY, cluster="la")).overall
    assert (three.value, three.std_error) == pytest.approx((one.value, one.std_error), rel=1e-9)


def test_callaway_santanna_without_never_treated() -> None:
    frame = rollout(7, never=False)
    with pytest.raises(NotIdentified, match="not yet treated"):
        group_time_effects(frame, **TOY)
    found = group_time_effects(frame, **TOY, controls="not_yet")
    assert {note.code for note in found.notes} == {"no_controls"}
    assert {(c.group, c.period) for c in found.cells if c.period >= c.group} == {(2.0, 2.0), (2.0, 3.0)}


def test_callaway_santanna_leaves_out_units_always_treated() -> None:
    frame = rollout(8)
    frame.loc[frame["unit"] < 5, "first"] = -1.0
    assert "always_treated" in [note.code for note in group_time_effects(frame, **TOY).notes]


def test_callaway_santanna_refuses_perfect_prediction_and_collinearity() -> None:
    frame = rollout(9)
    frame["sign"] = frame["x"] + 20 * (frame["first"] == 2.0)
    with pytest.raises(NotIdentified, match=r"Group 2, period 1: .*predicted perfectly.*“sign”"):
        group_time_effects(frame, **TOY, covariates=["sign"])
    frame["double"] = 2 * frame["x"]
    with pytest.raises(NotIdentified, match="“double”"):
        group_time_effects(frame, **TOY, covariates=["x", "double"])


def test_callaway_santanna_offset_of_a_billion_changes_nothing() -> None:
    frame = rollout(9)
    near = group_time_effects(frame, **TOY, covariates=["x"])
    far = group_time_effects(frame.assign(x=frame["x"] + 1e9), **TOY, covariates=["x"])
    for one, two in zip(near.cells, far.cells, strict=True):
        assert two.estimate.value == pytest.approx(one.estimate.value, abs=1e-6)
        assert two.estimate.std_error == pytest.approx(one.estimate.std_error, abs=1e-6)


def test_sun_abraham_mpdta_matches_fixest(published: Published, reference: dict[str, Any]) -> None:
    expected = reference["sunab_mpdta"]
    found = sun_abraham(published("mpdta"), **MPDTA)
    assert (found.att.value, found.att.std_error) == pytest.approx(expected["att"], abs=expected["tol"])
    for time, values in expected["period"].items():
        estimate = found.by_time[float(time)]
        assert (estimate.value, estimate.std_error) == pytest.approx(values, abs=expected["tol"])
    assert found.n_clusters == 500


def test_sun_abraham_matches_the_saturated_model_of_pyfixest(published: Published) -> None:
    import warnings

    import pyfixest as pf

    frame = published("mpdta")
    with warnings.catch_warnings():  # pyfixest uses pandas in ways that pandas 3.1 deprecates
        warnings.simplefilter("ignore")
        theirs = pf.event_study(
            frame, yname="lemp", idname="countyreal", tname="year", gname="first.treat",
            att=False, cluster="countyreal", estimator="saturated",
        ).aggregate()  # fmt: skip
    ours = sun_abraham(frame, **MPDTA).by_time
    for time, row in theirs.iterrows():
        if float(str(time)) in ours:
            assert ours[float(str(time))].value == pytest.approx(row["Estimate"], abs=1e-7)


def test_sun_abraham_without_never_treated_uses_the_last_cohort() -> None:
    frame = rollout(3, noise=0.0, never=False).assign(y=lambda f: f["y"] - 0.2 * f["x"] * f["t"])
    frame["y"] += 1e-7 * np.random.default_rng(0).normal(size=len(frame))
    found = sun_abraham(frame, **TOY)
    assert [note.code for note in found.notes] == ["last_cohort_control"]
    assert [round(found.by_time[e].value, 5) for e in (0.0, 1.0)] == [1, 2]
    assert set(found.by_time) == {-2.0, 0.0, 1.0}
    with pytest.raises(NotIdentified, match="from the first period on"):
        sun_abraham(frame.assign(first=-1.0), **TOY)
    with pytest.raises(NotIdentified, match="one cohort only"):
        sun_abraham(frame.assign(first=3.0), **TOY)


def test_first_treated_reads_an_indicator_and_refuses_switching_back() -> None:
    frame = rollout(1)
    found = first_treated(frame, unit="unit", period="t", treated="treated")
    assert np.array_equal(np.where(np.isinf(found), np.nan, found), frame["first"], equal_nan=True)
    unit = int(frame.loc[frame["first"] == 2, "unit"].iloc[0])
    frame.loc[(frame["unit"] == unit) & (frame["t"] == 5), "treated"] = 0.0
    with pytest.raises(BadData, match=f"“{unit}” is untreated again in t 5, though treated from 2"):
        first_treated(frame, unit="unit", period="t", treated="treated")
    with pytest.raises(BadData, match="must be 0 or 1"):
        first_treated(frame.assign(treated=2.0), unit="unit", period="t", treated="treated")


@pytest.mark.parametrize("how", [bacon, group_time_effects])
def test_gaps_and_duplicates_are_named(how: Callable[..., Any]) -> None:
    frame = rollout(1)
    with pytest.raises(BadData, match="unit “3” in t 2 is missing"):
        how(frame[(frame["unit"] != 3) | (frame["t"] != 2)], **TOY)
    with pytest.raises(BadData, match="unit “4” in t 1 occurs more than once"):
        how(pd.concat([frame, frame[(frame["unit"] == 4) & (frame["t"] == 1)]]), **TOY)


@pytest.mark.parametrize("how", [bacon, group_time_effects, sun_abraham])
def test_starts_that_cannot_be_read_are_refused(how: Callable[..., Any]) -> None:
    frame = rollout(1)
    with pytest.raises(BadData, match="cannot mean “never treated”"):
        how(frame.assign(first=frame["first"].fillna(0)), **TOY)
    changed = frame.assign(first=frame["first"].where(frame["t"] < 3, 5.0))
    with pytest.raises(BadData, match="more than one value of “first”"):
        how(changed, **TOY)
    with pytest.raises(BadData, match="“y” is missing"):
        how(frame.assign(y=np.nan), **TOY)


@pytest.mark.slow
def test_callaway_santanna_intervals_cover() -> None:
    covered = naive = 0
    trials = 150
    for seed in range(trials):
        frame = rollout(seed, n=150)
        truth = 2.5  # by time since treatment, 0 to 3: mean of 1, 2, 3, 4
        with_x = aggregate(group_time_effects(frame, **TOY, covariates=["x"]), "dynamic").overall
        covered += with_x.low < truth < with_x.high
        naive += abs(bacon(frame, **TOY).twfe - truth)
    assert covered / trials == pytest.approx(0.95, abs=0.054)  # three Monte Carlo errors
    assert naive / trials > 0.3  # two-way fixed effects are off where effects grow
