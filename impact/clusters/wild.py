"""The restricted wild cluster bootstrap (WCR) from sums per cluster: all sign changes where they can be counted."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from exports.digits import printed
from impact.clusters.fitting import ClusterFit, Target
from impact.clusters.variances import title
from impact.columns import Floats
from impact.errors import BadData, NotIdentified
from impact.estimate import Note, without_rounding
from impact.ties import ROUNDING, TIE

__all__ = ["WildTest", "wild_bootstrap"]

WEBB = np.sqrt([0.5, 1.0, 1.5])
ENUMERABLE = 12  # 2¹² sign changes take milliseconds


@dataclass(frozen=True)
class WildTest:
    """A bootstrap test that the target is `null`, and the interval of values that it does not reject at 1 - `level`.

    `floor` is the smallest p-value that this number of clusters or draws allows, `n_extreme` the draws at least as
    extreme as the data, `is_exact` whether all sign changes were enumerated. Ends of the interval may be infinite.
    """

    name: str
    value: float
    statistic: float
    p_value: float
    low: float
    high: float
    level: float
    null: float
    floor: float
    n_draws: int
    n_extreme: int
    is_exact: bool
    kind: str
    notes: tuple[Note, ...]


def wild_bootstrap(
    fitted: ClusterFit,
    target: Target,
    *,
    null: float = 0.0,
    kind: Literal["rademacher", "webb"] = "rademacher",
    n_draws: int = 9_999,
    seed: int = 0,
    level: float = 0.95,
) -> WildTest:
    """WCR: y* = Xb̃ + v_g ẽ with the null imposed (b̃, ẽ), and p the share of |t*| ≥ |t|, t with CRV1.

    v_g is ±1 (Rademacher), or one of Webb's six points ±√½, ±1, ±√1½. With up to 12 clusters all 2^G sign changes are
    enumerated, the data themselves among them, so that the p-value has no simulation error: p = count/2^G, floor
    2/2^G. Otherwise `n_draws` are drawn from `seed` and p = (1 + count)/(1 + draws); each cluster has its own numbers, by its
    place among the sorted labels, so that the order of rows changes nothing. Ties within 1e-9 count as extreme: rounding
    otherwise drops some (.0488 where .0508 is exact). So does a draw without variance, told by 1e-12 of the data's own. The
    interval inverts the test, searching outwards from the estimate: it holds the values whose p is not below 1 - level.
    Source: Cameron, Gelbach and Miller 2008,
    doi:10.1162/rest.90.3.414; MacKinnon, Nielsen and Webb 2023, doi:10.1002/jae.2969 (from sums); Webb 2023,
    doi:10.1111/caje.12661. Checked against a loop over rows with every change of signs.

    Raises NotIdentified where no variation is left to resample, BadData for fewer than 99 draws and a bad level.
    """
    if not 0 < level < 1:
        raise BadData(f"The confidence level must lie between 0 and 1, not {level}.")
    a = fitted.bread @ fitted.direction(target)
    observed = float(np.sum(fitted.along(a) ** 2))
    value = without_rounding(fitted.value(target), float(np.sqrt(observed)))
    if not observed > 0:
        raise NotIdentified(f"“{title(target)}” has no variation between clusters left to resample.")
    is_exact = kind == "rademacher" and fitted.n_clusters <= ENUMERABLE
    draws = _draws(fitted.n_clusters, kind, n_draws, seed, is_exact)[_places(fitted.sums.labels)]
    curves = _Curves.of(fitted, a, float(fitted.direction(target) @ a), draws, observed)
    total = int(draws.shape[1])

    def p_at(tested: float) -> float:
        count = curves.n_extreme(value - tested)
        return count / total if is_exact else (1 + count) / (1 + total)

    lowest = 2 / 2**fitted.n_clusters if kind == "rademacher" else 2 / 6**fitted.n_clusters
    floor = lowest if is_exact else max(lowest, 1 / (1 + total))
    low, high = (_end(p_at, value, side * np.sqrt(observed), (1 - level) * (1 - TIE)) for side in (-1, 1))
    return WildTest(
        title(target), value, (value - null) / float(np.sqrt(observed)), p_at(null), low, high, level, null, floor,
        total, curves.n_extreme(value - null), is_exact, kind, _notes(floor),
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Curves:
    """t* of each draw as a function of δ = estimate - null: numerator top + δ·tilt, variance q0 + 2δ·q1 + δ²·q2."""

    top: Floats
    tilt: Floats
    q0: Floats
    q1: Floats
    q2: Floats
    observed: float
    moving: float

    @classmethod
    def of(cls, fitted: ClusterFit, a: Floats, own: float, draws: Floats, observed: float) -> _Curves:
        """The scores under the null are those of the fit plus δ·X_g'WX_g·a/own, so that everything is linear in δ."""
        lean = fitted.sums.xx @ a
        steady, moving = fitted.scores, lean / own
        changes = fitted.bread @ (steady.T @ draws), fitted.bread @ (moving.T @ draws)
        parts = steady @ a, moving @ a
        q0, q1, q2 = np.zeros((3, draws.shape[1]))
        for place, signs in enumerate(draws):
            still = parts[0][place] * signs - lean[place] @ changes[0]
            slope = parts[1][place] * signs - lean[place] @ changes[1]
            q0 += still**2
            q1 += still * slope
            q2 += slope**2
        return cls(parts[0] @ draws, parts[1] @ draws, q0, q1, q2, observed, float(parts[1] @ parts[1]))

    def n_extreme(self, delta: float) -> int:
        top, variance = self.top + delta * self.tilt, self.q0 + 2 * delta * self.q1 + delta**2 * self.q2
        # What cancels in the three parts of the variance leaves rounding of the size of what went in.
        own = (np.sqrt(self.observed) + abs(delta) * np.sqrt(self.moving)) ** 2
        # In units of t: where the effect is nil, its t is rounding too, and a draw of nil ties with it.
        limit = abs(delta) / np.sqrt(self.observed) * (1 - TIE) - TIE
        extreme = np.abs(top) >= limit * np.sqrt(np.maximum(variance, 0.0))
        return int((extreme | (variance <= ROUNDING * own)).sum())


def _places(labels: Sequence[Hashable]) -> list[int]:
    """The place of each label among the sorted ones: chunks that were added have their clusters in the order of the chunks."""
    try:
        ordered = sorted(labels)  # type: ignore[type-var]  # labels of two kinds do not compare
    except TypeError:
        ordered = sorted(labels, key=lambda label: (type(label).__name__, str(label)))
    place = {label: at for at, label in enumerate(ordered)}
    return [place[label] for label in labels]


def _draws(g: int, kind: str, n_draws: int, seed: int, is_exact: bool) -> Floats:
    """v_g of each draw, shape (G, draws)."""
    if is_exact:
        return np.array(list(itertools.product((1.0, -1.0), repeat=g))).T
    if n_draws < 99:
        raise BadData(f"{n_draws} draws are too few for a bootstrap test; take 999 or more.")
    points = np.array([-1.0, 1.0]) if kind == "rademacher" else np.concatenate([-WEBB, WEBB])
    return np.random.default_rng(seed).choice(points, (g, n_draws))


def _end(p_at: Callable[[float], float], value: float, step: float, alpha: float) -> float:
    """The value nearest to the estimate, in the direction of `step`, that the test rejects; infinity where none is."""
    inside, outside = value, value + step
    for _ in range(40):
        if p_at(outside) < alpha:
            break
        inside, outside = outside, value + 2 * (outside - value)
    else:
        return float(np.copysign(np.inf, step))
    for _ in range(50):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if p_at(middle) >= alpha else (inside, middle)
    return float(inside)


def _notes(floor: float) -> tuple[Note, ...]:
    if floor < 0.05:
        return ()
    text = f"With so few clusters the bootstrap p-value cannot fall below {printed(floor, '.4f')}: it can never reject at 5%."
    return (Note("wild_floor", text),)
