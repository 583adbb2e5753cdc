"""The restricted wild cluster bootstrap (WCR) from sums per cluster: all sign changes where they can be counted."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Literal

import numpy as np

from impact.clusters.fitting import ClusterFit, Target
from impact.clusters.variances import title
from impact.columns import Floats
from impact.errors import BadData, NotIdentified
from impact.estimate import Note

__all__ = ["WildTest", "wild_bootstrap"]

TIES = 1e-9  # relative; a draw as extreme as the data but for rounding counts as extreme
WEBB = np.sqrt([0.5, 1.0, 1.5])
ENUMERABLE = 12  # 2¹² sign changes take milliseconds


@dataclass(frozen=True)
class WildTest:
    """A bootstrap test of target = `null`. `floor` is the smallest p-value that this number of clusters or draws allows,
    `n_extreme` the draws at least as extreme as the data, `is_exact` whether all sign changes were enumerated.
    """

    name: str
    statistic: float
    p_value: float
    floor: float
    n_draws: int
    n_extreme: int
    is_exact: bool
    kind: str
    null: float
    notes: tuple[Note, ...]


def wild_bootstrap(
    fitted: ClusterFit,
    target: Target,
    *,
    null: float = 0.0,
    kind: Literal["rademacher", "webb"] = "rademacher",
    n_draws: int = 9_999,
    seed: int = 0,
) -> WildTest:
    """WCR: y* = Xb̃ + v_g ẽ with the null imposed (b̃, ẽ), and p the share of |t*| ≥ |t|, t with CRV1.

    v_g is ±1 (Rademacher), or one of Webb's six points ±√½, ±1, ±√1½. With up to 12 clusters all 2^G sign changes are
    enumerated, the data themselves among them, and the test is exact in the sense of having no simulation error:
    p = count/2^G, floor 2/2^G. Otherwise `n_draws` are drawn from `seed` and p = (1 + count)/(1 + draws).
    Ties within 1e-9 count as extreme: rounding otherwise drops some (.0488 where .0508 is exact). A draw without
    variance counts as extreme. Source: Cameron, Gelbach and Miller 2008, doi:10.1162/rest.90.3.414; Webb 2023,
    doi:10.1111/caje.12661. Checked against pyfixest's and wildboottest's enumeration up to their ties.

    Raises NotIdentified where the restricted scores or the variance vanish, BadData for fewer than 99 draws.
    """
    if kind == "rademacher" and fitted.n_clusters <= ENUMERABLE:
        is_exact, draws = True, np.array(list(itertools.product((1.0, -1.0), repeat=fitted.n_clusters))).T
    else:
        if n_draws < 99:
            raise BadData(f"{n_draws} draws are too few for a bootstrap test; take 999 or more.")
        rng = np.random.default_rng(seed)
        points = np.array([-1.0, 1.0]) if kind == "rademacher" else np.concatenate([-WEBB, WEBB])
        is_exact, draws = False, rng.choice(points, (fitted.n_clusters, n_draws))
    a, shift = fitted.bread @ fitted.direction(target), fitted.value(target) - null
    observed = float(np.sum((fitted.scores @ a) ** 2))
    if not observed > 0:
        raise NotIdentified(f"“{title(target)}” has no variation between clusters left to resample.")
    statistic = shift / np.sqrt(observed)
    found = _statistics(fitted, a, shift, float(fitted.direction(target) @ a), draws)
    n_extreme = int((np.abs(found) >= abs(statistic) * (1 - TIES)).sum())
    total = draws.shape[1]
    p_value = n_extreme / total if is_exact else (1 + n_extreme) / (1 + total)
    lowest = 2 / 2**fitted.n_clusters if kind == "rademacher" else 2 / 6**fitted.n_clusters
    floor = lowest if is_exact else max(lowest, 1 / (1 + total))
    return WildTest(
        title(target), statistic, p_value, floor, total, n_extreme, is_exact, kind, null, _notes(floor)
    )


def _statistics(fitted: ClusterFit, a: Floats, shift: float, own: float, draws: Floats) -> Floats:
    """t* of each draw, shape (draws,): by linearity only the scores under the null are resampled."""
    restricted = fitted.coefficients - a * (shift / own)
    scores = fitted.sums.xy - np.einsum("gij,j->gi", fitted.sums.xx, restricted)
    change = fitted.bread @ (scores.T @ draws)
    parts, lean = scores @ a, fitted.sums.xx @ a
    top = parts @ draws
    below = np.zeros(draws.shape[1])
    for place in range(fitted.n_clusters):
        below += (parts[place] * draws[place] - lean[place] @ change) ** 2
    tiny = below <= 1e-24 * float(parts @ parts)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(tiny, np.inf, top / np.sqrt(below))


def _notes(floor: float) -> tuple[Note, ...]:
    if floor < 0.05:
        return ()
    text = f"With so few clusters the bootstrap p-value cannot fall below {floor:.4f}: it can never reject at 5%."
    return (Note("wild_floor", text),)
