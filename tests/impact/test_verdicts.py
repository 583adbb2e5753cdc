"""What cannot be estimated is refused by every estimator, and what can is not, however rounding falls.

Each case is run as it stands, with rows shuffled, columns in another order, and data moved by a part in 10^13, all with
warnings as errors: the verdict and its words must stay.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest

from impact import anova, wedge
from impact.censored import tobit
from impact.clusters import ClusterSums, crv1, fit
from impact.complier import complier_effect
from impact.did import Columns, effect, logit_effect
from impact.errors import NotIdentified
from impact.glmm import random_intercept_logit
from impact.hurdle import hurdle
from impact.icc import anova_icc
from impact.logits import conditional_logit, logit
from impact.mixed import linear_mixed
from impact.ordinal import ordinal_logit
from impact.panels import between, cell_means, feasible_gls, fixed_effects, random_effects, within
from impact.serial import breusch_godfrey, panel_breusch_godfrey
from impact.staggered import group_time_effects
from impact.trends import nearest_trends

N, SITES, TIMES = 360, 12, 6
SITE, TIME = np.arange(N) % SITES, np.arange(N) // SITES % TIMES
ALONE = {"serial"}  # rows are in order of time, so that they cannot be shuffled


@dataclass(frozen=True)
class Rows:
    """An outcome, covariates by name, and what else belongs to each row."""

    y: np.ndarray
    x: dict[str, np.ndarray]
    site: np.ndarray
    time: np.ndarray
    weight: np.ndarray

    @property
    def design(self) -> np.ndarray:
        return np.column_stack(list(self.x.values()))

    @property
    def names(self) -> list[str]:
        return list(self.x)

    @property
    def with_constant(self) -> tuple[np.ndarray, list[str]]:
        return np.column_stack([np.ones(len(self.y)), self.design]), ["constant", *self.names]

    @property
    def frame(self) -> pd.DataFrame:
        return pd.DataFrame({"y": self.y, "site": self.site, "time": self.time, "w": self.weight, **self.x})

    def taken(self, order: np.ndarray) -> Rows:
        x = {name: column[order] for name, column in self.x.items()}
        return Rows(self.y[order], x, self.site[order], self.time[order], self.weight[order])

    def moved(self, rng: np.random.Generator) -> Rows:
        def by_a_part(values: np.ndarray) -> np.ndarray:
            return values * (1 + 1e-13 * rng.uniform(-1, 1, len(values)))

        whole = bool(np.isin(self.y, (0, 1)).all() or (self.y == np.floor(self.y)).all())
        x = {name: c if np.isin(c, (0, 1)).all() else by_a_part(c) for name, c in self.x.items()}
        return replace(self, y=self.y if whole else by_a_part(self.y), x=x, weight=by_a_part(self.weight))


def rows(kind: str = "linear", seed: int = 1) -> Rows:
    """Rows of 12 sites and 6 periods with an outcome of the kind that an estimator takes."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=N), rng.normal(3, 1, N)
    eta = 0.4 * a - 0.3 * (b - 3) + rng.normal(0, 0.3, SITES)[SITE]
    latent = eta + rng.logistic(size=N)
    y = {
        "linear": latent,
        "binary": (latent > 0).astype(float),
        "ordered": np.digitize(latent, [-1, 0, 1.5]).astype(float),
        "count": np.where(
            latent > -0.5, rng.negative_binomial(2, 2 / (2 + np.exp(1 + 0.3 * eta))) + 0.0, 0.0
        ),
        "limited": np.maximum(latent, 0.0),
    }[kind]
    return Rows(y, {"a": a, "b": b}, SITE, TIME, rng.uniform(0.5, 2, N))


def with_columns(given: Rows, **columns: np.ndarray) -> Rows:
    return replace(given, x={**given.x, **{name: np.asarray(c, dtype=float) for name, c in columns.items()}})


# Estimators: the kind of outcome, and the estimate of the last covariate.
Estimator = Callable[[Rows], float]


def _frame_columns(r: Rows) -> dict[str, object]:
    return {"outcome": "y", "covariates": r.names}


def _panel(r: Rows) -> pd.DataFrame:
    """One row a site and period."""
    return r.frame.groupby(["site", "time"], as_index=False).mean()


def _by_time(r: Rows) -> Rows:
    return r.taken(np.lexsort((r.site, r.time)))


ESTIMATORS: dict[str, tuple[str, Estimator]] = {
    "logit": ("binary", lambda r: logit(r.y, *r.with_constant).estimates[-1].value),
    "weighted logit": (
        "binary",
        lambda r: logit(r.y, *r.with_constant, weight=r.weight, clusters=r.site).estimates[-1].value,
    ),
    "conditional logit": (
        "binary",
        lambda r: conditional_logit(r.y, r.design, r.names, r.site).estimates[-1].value,
    ),
    "ordinal": ("ordered", lambda r: ordinal_logit(r.y, r.design, r.names).coefficients[-1].value),
    "hurdle": ("count", lambda r: hurdle(r.y, r.design, r.names).count[-1].value),
    "negative binomial hurdle": (
        "count",
        lambda r: hurdle(r.y, r.design, r.names, distribution="negbin").count[-1].value,
    ),
    "tobit": ("limited", lambda r: tobit(r.y, r.design, r.names).coefficients[-1].value),
    "glmm": (
        "binary",
        lambda r: random_intercept_logit(
            r.y, r.with_constant[0], r.site, names=r.with_constant[1]
        ).coefficients[-1],
    ),
    "mixed": (
        "linear",
        lambda r: linear_mixed(r.y, r.with_constant[0], r.site, names=r.with_constant[1]).coefficients[-1],
    ),
    "clusters": (
        "linear",
        lambda r: crv1(fit(ClusterSums.from_rows(r.y, *r.with_constant, r.site)), r.names[-1]).value,
    ),
    "weighted clusters": (
        "linear",
        lambda r: (
            crv1(
                fit(ClusterSums.from_rows(r.y, *r.with_constant, r.site, weight=r.weight)), r.names[-1]
            ).value
        ),
    ),
    "swept": (
        "linear",
        lambda r: (
            fixed_effects(r.frame, **_frame_columns(r), site="site", period="time", site_effects="swept")
            .estimates[-1]
            .value
        ),
    ),
    "dummies": (
        "linear",
        lambda r: (
            fixed_effects(r.frame, **_frame_columns(r), site="site", period="time", weight="w")
            .estimates[-1]
            .value
        ),
    ),
    "gls": (
        "linear",
        lambda r: (
            feasible_gls(_panel(r), **_frame_columns(r), site="site", period="time").clustered[-1].value
        ),
    ),
    "cell means": (
        "linear",
        lambda r: float(
            cell_means(r.frame, **_frame_columns(r), site="site", period="time", weight="w")["y"].iloc[0]
        ),
    ),
    "within": ("linear", lambda r: within(r.frame, **_frame_columns(r), unit="site").estimates[-1].value),
    "between": ("linear", lambda r: between(r.frame, **_frame_columns(r), unit="site").estimates[-1].value),
    "random effects": (
        "linear",
        lambda r: random_effects(r.frame, **_frame_columns(r), unit="site").estimates[-1].value,
    ),
    "complier": (
        "linear",
        lambda r: (
            complier_effect(
                r.y,
                r.y + r.x["a"] * r.x["b"],
                r.x["a"],
                r.site,
                covariates=r.design[:, 1:],
                names=r.names[1:],
            ).effect.value
        ),
    ),
    "serial": ("linear", lambda r: breusch_godfrey(r.y, *r.with_constant).statistic),
    "panel serial": (
        "linear",
        lambda r: (
            panel_breusch_godfrey(
                _panel(r)["y"], _panel(r)[r.names], r.names, _panel(r)["site"], _panel(r)["time"], lags=1
            ).statistic
        ),
    ),
}
NAMES = list(ESTIMATORS)
LOGITS = [name for name in NAMES if ESTIMATORS[name][0] == "binary"]


def verdict(run: Estimator, given: Rows) -> tuple[str, float | None]:
    """The words of a refusal, or nothing and the estimate."""
    try:
        return "", float(run(given))
    except NotIdentified as error:
        return str(error), None


def other_orders(
    given: Rows, run: Estimator, name: str, *, orders: int = 6
) -> list[tuple[str, float | None]]:
    """The same rows shuffled, moved, and both."""
    found = []
    for seed in range(orders):
        rng = np.random.default_rng(seed)
        one = given if name in ALONE else given.taken(rng.permutation(len(given.y)))
        found.append(verdict(run, one if seed % 2 else one.moved(rng)))
    return found


def reordered(given: Rows) -> Rows:
    names = given.names
    return replace(given, x={name: given.x[name] for name in [names[0], *names[:0:-1]]})


def assert_same(given: Rows, name: str, run: Estimator, *, orders: int = 6) -> str:
    words, value = verdict(run, given)
    for others, number in other_orders(given, run, name, orders=orders):
        assert others == words
        if value is not None:
            assert number == pytest.approx(value, rel=1e-4, abs=1e-6)
    assert bool(verdict(run, reordered(given))[0]) == bool(words)
    return words


# Separation. Each fault makes the outcome follow a column without exception, in all rows or in some.


def _site_without_events(given: Rows) -> Rows:
    few = (np.arange(N) % 40 < 3).astype(float)
    return with_columns(replace(given, y=np.where(few == 1, 0.0, given.y)), few=few)


def _all_of_a_group(given: Rows) -> Rows:
    few = (np.arange(N) % 30 == 7).astype(float)
    return with_columns(replace(given, y=np.where(few == 1, given.y.max(), given.y)), few=few)


def _complete(given: Rows) -> Rows:
    return with_columns(given, few=given.y + np.random.default_rng(3).uniform(0, 0.9, N))


def _beyond_a_point(given: Rows) -> Rows:
    """Above 1.2 all outcomes are the highest; below, some are too."""
    far = np.random.default_rng(4).normal(size=N)
    return with_columns(
        replace(given, y=np.where(far > 1.2, given.y.max(), given.y)),
        few=np.maximum(far, 1.2),
    )


@pytest.mark.parametrize("fault", [_site_without_events, _all_of_a_group, _complete, _beyond_a_point])
@pytest.mark.parametrize("name", [*LOGITS, "ordinal"])
@pytest.mark.parametrize("orders", [6, pytest.param(60, marks=pytest.mark.slow)])
def test_separation_is_refused_however_rounding_falls(
    name: str, fault: Callable[[Rows], Rows], orders: int
) -> None:
    kind, run = ESTIMATORS[name]
    given = fault(rows(kind))
    words = assert_same(given, name, run, orders=orders)
    assert "“few”" in words
    assert verdict(run, reordered(given))[0] == words


@pytest.mark.parametrize("name", [*LOGITS, "ordinal"])
def test_overlap_of_two_rows_is_no_separation(name: str) -> None:
    """The same column, but one pair of rows contradicts by a hundred-thousandth of its spread."""
    kind, run = ESTIMATORS[name]
    given = rows(kind)
    above = given.y >= max(np.sort(given.y)[N // 2], 1)
    low, high = np.flatnonzero(~above)[0], np.flatnonzero(above)[0]
    few = np.where(above, 1.0, -1.0) * np.random.default_rng(5).uniform(0.5, 2, N)
    few[low], few[high] = 5e-6, -5e-6
    x = {key: np.where(np.arange(N) == high, column[low], column) for key, column in given.x.items()}
    site = np.where(np.arange(N) == high, given.site[low], given.site)
    given = replace(given, x=x, site=site)
    assert assert_same(with_columns(given, few=few), name, run) == ""


@pytest.mark.parametrize("part", ["any", "how many"])
@pytest.mark.parametrize("name", ["hurdle", "negative binomial hurdle"])
def test_runaway_part_of_a_hurdle_is_refused(name: str, part: str) -> None:
    kind, run = ESTIMATORS[name]
    given = rows(kind)
    few = (np.arange(N) % 9 == 2).astype(float)
    y = np.where(few == 1, np.maximum(given.y, 1), given.y)
    if part == "how many":
        y = np.where((few == 1) & (given.y > 0), 1, given.y)
    words = assert_same(with_columns(replace(given, y=y), few=few), name, run)
    asked = "Whether a count is above 0" if part == "any" else "Whether a count above 0 is above 1"
    assert words == f"{asked} is predicted perfectly for some rows by “few”: no finite estimate exists."


@pytest.mark.parametrize("limit", ["left", "right", "slope"])
def test_runaway_group_at_a_limit_is_refused(limit: str) -> None:
    given = rows("limited")
    few = (np.arange(N) % 9 == 2).astype(float)
    y = np.where(few == 1, 0.0 if limit == "left" else 2.0, np.minimum(given.y, 2.0))
    if limit == "slope":  # every row above zero of the column is at the limit, as far as the column goes
        few = np.maximum(np.random.default_rng(6).normal(size=N), 0)
        y = np.where(few > 0, 0.0, np.minimum(given.y, 2.0))

    def run(r: Rows) -> float:
        return tobit(r.y, r.design, r.names, right=2.0).coefficients[-1].value

    words = assert_same(with_columns(replace(given, y=y), few=few), "tobit", run)
    assert "no finite estimate" in words


# Collinearity.


def _columns_of(name: str, given: Rows, c: np.ndarray) -> Rows:
    """The column in sums over cells, where the estimator sees nothing else."""
    return with_columns(given, c=c)


@pytest.mark.parametrize("name", NAMES)
def test_a_column_that_equals_another_is_refused(name: str) -> None:
    kind, run = ESTIMATORS[name]
    given = rows(kind)
    noise = np.random.default_rng(7).uniform(-1, 1, N)
    words = assert_same(_columns_of(name, given, given.x["b"] * (1 + 1e-13 * noise)), name, run)
    assert "“c” is" in words


@pytest.mark.parametrize("name", NAMES)
def test_a_column_that_hardly_differs_from_another_is_estimated(name: str) -> None:
    kind, run = ESTIMATORS[name]
    given = rows(kind)
    noise = np.random.default_rng(8).normal(size=N)
    found = verdict(run, _columns_of(name, given, given.x["b"] + 1e-5 * noise))
    assert found[0] == ""
    for words, _ in other_orders(_columns_of(name, given, given.x["b"] + 1e-5 * noise), run, name):
        assert words == ""


@pytest.mark.parametrize("name", NAMES)
def test_a_sum_of_columns_that_hardly_differ_is_refused(name: str) -> None:
    """d lies in the span of b and c, but only by a factor of 10^4 on what c adds to b."""
    kind, run = ESTIMATORS[name]
    given = rows(kind)
    noise = np.random.default_rng(8).normal(size=N)
    c = given.x["b"] + 1e-4 * noise
    words = assert_same(with_columns(given, c=c, d=given.x["a"] + noise), name, run)
    if name != "complier":
        words = assert_same(with_columns(given, c=c, d=given.x["a"] + (c - given.x["b"]) * 1e4), name, run)
        assert "“d” is" in words


@pytest.mark.parametrize("name", NAMES)
def test_a_constant_that_moves_by_rounding_is_a_constant(name: str) -> None:
    kind, run = ESTIMATORS[name]
    given = rows(kind)
    moved = 7 * (1 + 1e-13 * np.random.default_rng(9).uniform(-1, 1, N))
    words = assert_same(with_columns(given, c=moved), name, run)
    assert "“c” " in words


STRATIFIED = {
    "conditional logit": "does not vary within any stratum",
    "swept": "does not vary within any cluster",
    "dummies": "is collinear with",
    "gls": "is determined by",
    "cell means": "does not vary within any “site” and “time”",
    "panel serial": "does not vary within any unit",
}


@pytest.mark.parametrize("name", STRATIFIED)
def test_rank_lost_within_strata_is_told(name: str) -> None:
    kind, run = ESTIMATORS[name]
    given = rows(kind)
    of_site = np.random.default_rng(10).normal(size=SITES)[SITE]
    words = assert_same(with_columns(given, c=of_site), name, run)
    assert f"“c” {STRATIFIED[name]}" in words
    # A column that equals another within sites, and differs between them
    if name != "cell means":
        words = assert_same(with_columns(given, c=given.x["b"] + 5 * of_site), name, run)
        assert "“c” is" in words


@pytest.mark.parametrize("name", ["weighted logit", "weighted clusters", "dummies", "cell means"])
def test_rank_lost_to_weights_is_told(name: str) -> None:
    """c differs from b in rows of the least weight alone: it still differs. Where it does not, it is refused."""
    kind, run = ESTIMATORS[name]
    given = rows(kind)
    light = np.arange(N) % 6 == 0
    given = replace(given, weight=np.where(light, 1e-3, 1.0))
    noise = np.random.default_rng(11).normal(size=N)
    differs = with_columns(given, c=given.x["b"] + np.where(light, noise, 0.0))
    assert assert_same(differs, name, run) == ""
    words = assert_same(with_columns(given, c=given.x["b"] * (1 + 1e-13 * noise)), name, run)
    assert "“c” is" in words


# Other verdicts that rounding could turn.


def test_an_outcome_met_without_error_has_no_error_to_estimate() -> None:
    given = rows()
    exact = replace(given, y=1 + 2 * given.x["a"] - given.x["b"])
    for name, word in (
        ("mixed", "without error"),
        ("serial", "fits perfectly"),
        ("panel serial", "fits perfectly"),
        ("gls", "fits perfectly"),
        ("random effects", "without error"),
        ("tobit", "exactly"),
    ):
        run = ESTIMATORS[name][1]
        if name == "tobit":
            run = lambda r: tobit(r.y, r.design, r.names, left=None).coefficients[-1].value  # noqa: E731 - a case
        assert word in assert_same(exact, name, run)

    def statistic(r: Rows) -> float:
        return float(np.isnan(crv1(fit(ClusterSums.from_rows(r.y, *r.with_constant, r.site)), "a").statistic))

    assert all(number == 1.0 for _, number in other_orders(exact, statistic, "clusters"))


def test_values_all_alike_stay_alike_when_rounding_moves_them() -> None:
    given = rows()
    for seed in range(20):
        rng = np.random.default_rng(seed)
        alike = 5 * (1 + 1e-13 * rng.uniform(-1, 1, N))
        by_site = (SITE + 3.0) * (1 + 1e-13 * rng.uniform(-1, 1, N))
        for words, refuse in (
            ("does not vary within any cluster", lambda y=by_site: anova_icc(y, SITE)),
            ("does not vary within the groups", lambda y=by_site: anova.one_way(y, SITE)),
            ("no spread", lambda y=alike: anova.t_scores(y)),
            ("values that differ", lambda y=alike: anova.kruskal_wallis(y, SITE)),
            ("is the same in every row", lambda y=alike: tobit(y, given.design, given.names)),
            ("Every outcome is the same", lambda y=alike: ESTIMATORS["mixed"][1](replace(rows(), y=y))),
            ("“received” is the same", lambda y=alike: complier_effect(given.y, y, given.x["a"], SITE)),
            (
                "unrelated to receipt",
                lambda y=by_site: complier_effect(
                    given.y,
                    y,
                    given.x["a"],
                    SITE,
                    covariates=np.eye(SITES)[SITE][:, 1:],
                    names=[f"s{s}" for s in range(1, SITES)],
                ),
            ),
            (
                "same in every authority",
                lambda y=alike: nearest_trends(pd.DataFrame(y[:36].reshape(6, 6)), 0),
            ),
        ):
            with pytest.raises(NotIdentified, match=words):
                refuse()


def test_ties_that_rounding_parts_are_ties() -> None:
    rng = np.random.default_rng(0)
    y, group = rng.integers(0, 5, 60) / 7, np.arange(60) % 3
    moved = y * (1 + 1e-13 * rng.uniform(-1, 1, 60))
    assert anova.kruskal_wallis(moved, group) == anova.kruskal_wallis(y, group)
    two = group < 2
    assert anova.mann_whitney(moved[two], group[two]) == anova.mann_whitney(y[two], group[two])


def test_a_limit_that_rounding_moves_is_met() -> None:
    given = rows("limited")
    y = np.minimum(given.y, 1.7)
    found = tobit(y, given.design, given.names, right=1.7)
    for seed in range(20):
        moved = y * (1 + 1e-13 * np.random.default_rng(seed).uniform(-1, 1, N))
        other = tobit(moved, given.design, given.names, right=1.7)
        assert (other.n_left, other.n_right) == (found.n_left, found.n_right)
        assert other.log_likelihood == pytest.approx(found.log_likelihood, abs=1e-6)


def test_between_effects_of_what_has_one_mean_in_all_units_are_refused() -> None:
    given = with_columns(rows(), c=TIME)
    words = assert_same(given, "between", ESTIMATORS["between"][1])
    assert "“c” is determined by the columns before it" in words
    assert assert_same(given, "random effects", ESTIMATORS["random effects"][1]) == ""


def test_difference_in_differences_of_sites_without_events_is_refused() -> None:
    given = rows("binary")
    treated = ((SITE < 6) & (TIME > 2)).astype(float)
    y = np.where(SITE == 4, 0.0, given.y)
    columns = Columns("y", "site", "time", "treated")

    def run(r: Rows) -> float:
        return logit_effect(
            r.frame.assign(site=r.frame["site"].map("S{:02d}".format)), columns
        ).log_odds.value

    words = assert_same(with_columns(replace(given, y=y), treated=treated), "logit effect", run)
    assert "“site S04”" in words

    def linear(r: Rows) -> float:
        found = effect(r.frame, replace(columns, covariates=tuple(n for n in r.names if n != "treated")))
        return found.terms["treated"].crv1.value

    both = with_columns(rows(), treated=treated, c=np.where(SITE < 6, 2.0, 5.0))
    assert "“c” is collinear with" in assert_same(both, "effect", linear)


def test_stepped_wedge_of_a_period_without_events_is_refused() -> None:
    given = rows("binary")
    treated = (TIME >= SITE % 5 + 1).astype(float)
    y = np.where(TIME == 3, 0.0, given.y)

    def run(r: Rows) -> float:
        rows_ = wedge.prepare(r.y, r.site, r.time, treated=r.x["treated"])
        return wedge.immediate(rows_).effects[0].value

    words = assert_same(with_columns(replace(given, y=y), treated=treated), "wedge", run)
    assert words.startswith("“period 3” predict some outcomes without error")


def test_groups_predicted_perfectly_are_refused_in_staggered_designs() -> None:
    rng = np.random.default_rng(12)
    unit, period = np.repeat(np.arange(60), 5), np.tile(np.arange(1.0, 6), 60)
    first = np.where(np.arange(60) < 20, 3.0, np.where(np.arange(60) < 30, 4.0, np.inf))[unit]
    x = rng.normal(size=60)
    x[:20] = np.abs(x[:20]) + x[20:].max()
    frame = pd.DataFrame({"unit": unit, "period": period, "first": first, "x": x[unit]})
    frame["y"], frame["w"] = rng.normal(size=300) + (period >= first), rng.uniform(1, 2, 60)[unit]
    roles = {"outcome": "y", "unit": "unit", "period": "period", "first": "first", "weight": "w"}
    found = set()
    for seed in range(20):
        shuffled = frame.sample(frac=1, random_state=seed)
        moves = 1 + 1e-13 * np.random.default_rng(seed).uniform(-1, 1, (300, 2))
        shuffled[["x", "w"]] *= moves
        with pytest.raises(NotIdentified) as refused:
            group_time_effects(shuffled, **roles, covariates=["x"])
        found.add(str(refused.value))
        assert group_time_effects(shuffled, **roles).cells[0].n_treated == 20
    assert len(found) == 1
    assert "predicted perfectly for some rows by “x”" in found.pop()


def test_clusters_of_one_outcome_each_are_refused_whatever_the_order() -> None:
    given = rows("binary")
    only = replace(given, y=(SITE < 6).astype(float))
    words = assert_same(only, "glmm", ESTIMATORS["glmm"][1])
    assert "no finite estimate" in words or "could confirm" in words


def test_counts_without_the_spread_of_a_negative_binomial_are_refused() -> None:
    rng = np.random.default_rng(5)
    given = rows("count")
    y = np.where(rng.uniform(size=N) < 0.5, rng.binomial(6, 0.6, N), 0).astype(float)
    words = assert_same(replace(given, y=y), "hurdle", ESTIMATORS["negative binomial hurdle"][1])
    assert "use “poisson”" in words
