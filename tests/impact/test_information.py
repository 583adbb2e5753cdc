"""Rank, information and separation by themselves: each tolerance from both sides, and answers known beforehand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import statsmodels.api as sm

from impact import information
from impact.errors import NotIdentified
from impact.hurdle import hurdle
from impact.information import Turned, climb, determined, independent, left_over, orthonormal, undetermined
from impact.logits import average_effects, logit
from impact.ordinal import ordinal_logit
from impact.separation import constants, separating

N = 200


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize("part", [1e-5, 1e-4, 1e-1])
@pytest.mark.parametrize("offset", [0.0, 5.0])
def test_columns_that_differ_are_independent(rng: np.random.Generator, part: float, offset: float) -> None:
    a, u = rng.normal(size=(2, N))
    independent(np.column_stack([np.ones(N), a + offset, a + part * u + offset]), ["one", "a", "b"])


@pytest.mark.parametrize("part", [0.0, 1e-16, 1e-13, 1e-12])
@pytest.mark.parametrize("offset", [0.0, 5.0, 1e3, 1e9])
def test_columns_that_agree_are_not(rng: np.random.Generator, part: float, offset: float) -> None:
    a, u = rng.normal(size=(2, N))
    b = (a + offset) * (1 + part * u)
    with pytest.raises(NotIdentified, match="“b” is determined by the columns before it"):
        independent(np.column_stack([np.ones(N), a + offset, b]), ["one", "a", "b"])


def test_an_offset_of_a_billion_hides_no_other_column(rng: np.random.Generator) -> None:
    a, b, u = rng.normal(size=(3, N))
    independent(np.column_stack([np.ones(N), a + 1e9, b, b + 1e-5 * u]), ["one", "a", "b", "c"])


def test_a_combination_with_large_parts_is_judged_by_what_it_is_made_of(rng: np.random.Generator) -> None:
    a, b, u = rng.normal(size=(3, N))
    x = np.column_stack([a, a + 1e-4 * u, b + u])
    independent(x, ["a", "b", "c"])
    x[:, 2] = x[:, 0] + 1e4 * (x[:, 1] - x[:, 0])
    for _ in range(20):
        moved = x * (1 + 1e-13 * rng.uniform(-1, 1, x.shape))
        with pytest.raises(NotIdentified, match="“c” is determined"):
            independent(moved, ["a", "b", "c"])


def test_sums_of_squares_tell_what_they_can(rng: np.random.Generator) -> None:
    a, b, u = rng.normal(size=(3, N))

    def judged(*columns: np.ndarray) -> int | None:
        x = np.column_stack(columns)
        x = x / np.sqrt((x**2).sum(axis=0))
        found = determined(x.T @ x, np.ones(x.shape[1]))
        return None if found is None else found[0]

    assert judged(a, b, a + 1e-5 * u) is None
    assert judged(a, b, 3 * a - b) == 2
    assert judged(a, b, a * (1 + 1e-13 * u), u) == 2
    assert judged(a, a + 1e-5 * u, b) is None
    assert judged(a, a + 1e-5 * u, u) == 2  # by then sums have lost what would tell u from the difference


def test_the_undetermined_direction_of_a_matrix(rng: np.random.Generator) -> None:
    x = rng.normal(size=(N, 3)) * [1, 1e6, 1e-6]  # units do not matter
    assert undetermined(x.T @ x) is None
    twice = np.column_stack([x, x[:, 0] * (1 + 1e-13 * rng.normal(size=N))])
    direction = undetermined(twice.T @ twice)
    assert direction is not None
    assert np.abs(direction) == pytest.approx([0.5**0.5, 0, 0, 0.5**0.5], abs=1e-6)
    negative = undetermined(np.diag([1.0, -1e-17, 2.0]))
    assert negative is not None
    assert negative.tolist() == [0, 1, 0]


def test_orthonormal_columns_and_back(rng: np.random.Generator) -> None:
    x = np.column_stack([np.ones(N), rng.normal(size=N) + 1e9, rng.normal(size=N)])
    w, b = rng.uniform(0.1, 2, N), rng.normal(size=3)
    turned, q = Turned.of(x, w)
    assert (q * w[:, None]).T @ q == pytest.approx(N * np.eye(3), abs=1e-6)
    assert turned(x) == pytest.approx(q, abs=1e-6)
    near = x - [0, 1e9, 0]
    turned, q = Turned.of(near, w)
    assert near @ (turned.back @ b) == pytest.approx(q @ b, abs=1e-12)
    plain, turn = orthonormal(near)
    assert near @ turn == pytest.approx(plain, abs=1e-12)


def test_what_least_squares_leaves(rng: np.random.Generator) -> None:
    x = np.column_stack([np.ones(N), rng.normal(size=(N, 2)), np.zeros(N)])
    x[:, 3] = x[:, 1] - x[:, 2]  # a column too many changes nothing
    y = rng.normal(size=N)
    expected = sm.OLS(y, x[:, :3]).fit().resid
    assert left_over(x, y)[0] == pytest.approx(expected, abs=1e-12)


def test_a_climb_ends_on_top_or_says_so() -> None:
    def hill(p: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        return -float(np.cosh(p[0] - 2)), -np.sinh(p[None] - 2), -np.cosh(p[None] - 2)

    top = climb(hill, np.zeros(1), lambda step: float(np.abs(step).max()))
    assert top.p == pytest.approx([2.0], abs=1e-12)
    assert top.information == pytest.approx(np.eye(1))

    def slope(p: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        return float(p[0]), np.ones((1, 1)), -np.full((1, 1), 1e-3)

    with pytest.raises(NotIdentified, match="no maximum"):
        climb(slope, np.zeros(1), lambda step: float(np.abs(step).max()))


def test_a_climb_asks_before_it_runs_away() -> None:
    asked: list[float] = []

    def refuse(p: np.ndarray) -> None:
        asked.append(float(p[0]))
        raise NotIdentified("runs away")

    def endless(p: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        share = 1 / (1 + np.exp(p[0]))
        return float(-np.log1p(np.exp(-p[0]))), np.full((1, 1), share), -np.full((1, 1), share * (1 - share))

    with pytest.raises(NotIdentified, match="runs away"):
        climb(endless, np.zeros(1), lambda step: float(np.abs(step).max()), refuse=refuse)
    # Where the information has fallen to a ten-millionth, long before rounding has a say.
    assert 15 < asked[0] < 20


@pytest.mark.parametrize("gap", [1e-5, 1e-3, 0.1])
def test_overlap_is_no_separation(rng: np.random.Generator, gap: float) -> None:
    y = np.where(np.arange(N) < 100, -1.0, 1.0)
    x = y * rng.uniform(0.1, 2, N)
    x[99], x[100] = gap, -gap  # one of the lower half lies above one of the upper
    assert separating(y[:, None] * np.column_stack([np.ones(N), x]), ["one", "x"]) == ()


@pytest.mark.parametrize("gap", [0.0, 1e-13, -1e-13, 1e-9, 1e-5])
def test_separation_up_to_rounding(rng: np.random.Generator, gap: float) -> None:
    y = np.where(np.arange(N) < 100, -1.0, 1.0)
    x = y * rng.uniform(0.1, 2, N)
    x[99], x[100] = -gap, gap
    assert separating(y[:, None] * np.column_stack([np.ones(N), x]), ["one", "x"]) == ("x",)


def test_the_smallest_set_is_named_whatever_the_order(rng: np.random.Generator) -> None:
    """Two dummies without events each, of which one is enough; a column that separates only beside another."""
    y = np.where(rng.random(N) < 0.5, -1.0, 1.0)
    z, d, e = (rng.random((3, N)) < 0.2).astype(float)
    y = np.where((d == 1) | (e == 1), -1.0, y)
    a, b = rng.normal(size=(2, N))
    columns = {"one": np.ones(N), "a": a, "e": e, "z": z, "d": d}
    mixed = {"one": np.ones(N), "a": a, "b": b, "z": z}
    both = np.where(a + b > 0, 1.0, -1.0)
    for seed in range(20):
        order = np.random.default_rng(seed).permutation(N)
        names = np.random.default_rng(seed).permutation(list(columns)).tolist()
        x = np.column_stack([columns[name] for name in names])
        assert separating((y[:, None] * x)[order], names) == ("d",)
        names = np.random.default_rng(seed).permutation(list(mixed)).tolist()
        x = np.column_stack([mixed[name] for name in names])
        assert sorted(separating((both[:, None] * x)[order], names)) == ["a", "b"]


def test_rows_that_must_stay_level_hold_a_direction(rng: np.random.Generator) -> None:
    d, a = (np.arange(N) < 20).astype(float), rng.normal(size=N)
    x, names = np.column_stack([np.ones(N), a, d]), ["one", "a", "d"]
    free = np.arange(N) >= 20
    assert separating(x[~free], names, level=x[free]) == ("d",)
    free[0] = True  # one row of the group is not at its limit
    assert separating(x[~free], names, level=x[free]) == ()


def test_a_thousand_rare_rows_are_no_separation(rng: np.random.Generator) -> None:
    """Three events in a hundred thousand, one of them in a small group: honest, if imprecise."""
    from impact.logits import logit

    n = 100_000
    d = (np.arange(n) < 50).astype(float)
    y = np.zeros(n)
    y[[3, 40_000, 90_000]] = 1
    found = logit(y, np.column_stack([np.ones(n), d]), ["one", "d"])
    assert found["d"].value == pytest.approx(np.log((1 / 49) / (2 / (n - 52))), rel=1e-6)


def test_tolerances_lie_between_rounding_and_what_must_pass() -> None:
    assert 1e-13 * 10 < information.EQUAL < 1e-9 / 10
    assert 1e-13 * 100 < information.PART < 1e-5 / 100
    assert 1e-16 * 100 < information.PART_SQUARED <= 1e-10 / 100


def test_names_of_a_separating_set_do_not_hang_on_the_order_of_columns(rng: np.random.Generator) -> None:
    a, b = rng.normal(size=(2, N))
    both = np.where(a + b > 0, 1.0, -1.0)
    for columns in ([a, b], [b, a]):
        names = ["a", "b"] if columns[0] is a else ["b", "a"]
        assert separating(both[:, None] * np.column_stack(columns), names) == ("a", "b")


def test_a_column_of_plus_and_minus_one_is_no_constant(rng: np.random.Generator) -> None:
    half = np.where(np.arange(N) % 2 == 0, 1.0, -1.0)
    y = np.where(half > 0, 1.0, np.where(rng.random(N) < 0.5, 1.0, -1.0))
    x = np.column_stack([np.ones(N), half, rng.normal(size=N)])
    for order in ([0, 1, 2], [1, 0, 2], [2, 1, 0]):
        names = [["constant", "half", "z"][place] for place in order]
        mute = constants(x[:, order])
        assert [names[place] for place in mute] == ["constant"]
        assert separating(y[:, None] * x[:, order], names, mute=mute) == ("half",)


@pytest.mark.row("ST-08")
def test_error_of_what_cancels_in_every_cluster_is_nil() -> None:
    """Pairs of twins, one treated and one not, with the same outcome: their scores cancel along the treatment."""
    y = np.repeat([0.0, 1, 1, 0, 1, 1, 0, 1, 0, 1], 2)
    x = np.column_stack([np.ones(20), np.tile([0.0, 1.0], 10)])
    pair = np.repeat(np.arange(10), 2)
    for scale in (1.0, 1e6, 1 / 3):
        found = logit(y, x * [1, scale], ["constant", "treated"], clusters=pair)
        assert found["treated"].std_error == 0
        assert math.isnan(found["treated"].p_value)
        assert found["constant"].std_error > 0.1
        (effect,) = average_effects(found, ["treated"])
        assert effect.std_error == 0
    more = 1 + y  # above zero 1 or 2
    count = np.concatenate([more, np.zeros(20)])
    twice = np.concatenate([x[:, 1], x[:, 1]])
    hurdles = hurdle(count, twice[:, None], ["treated"], distribution="poisson", cluster=np.tile(pair, 2))
    assert (hurdles.zero[1].std_error, hurdles.count[1].std_error) == (0, 0)
    assert hurdles.count[0].std_error > 0
    ordered = ordinal_logit(count, twice[:, None], ["treated"], cluster=np.tile(pair, 2))
    assert ordered.coefficients[0].std_error == 0
