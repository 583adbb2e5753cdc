"""Whether some combination of columns is followed by the outcome without exception, so that no estimate is finite."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from impact.columns import Floats
from impact.information import PART, alike

__all__ = ["constants", "listed", "separating"]


def separating(
    rising: Floats, names: Sequence[str], *, level: Floats | None = None, mute: Sequence[int] = ()
) -> tuple[str, ...]:
    """A smallest set of columns with some b ≠ 0 for which rising @ b ≥ 0 everywhere and > 0 somewhere; empty if there is none.

    `rising` (m, k) are what a likelihood likes to see grow: for a logit the rows times +1 for outcome 1 and -1 for outcome
    0, or within strata each case less each control. `level` (l, k) must stay: level @ b = 0. Along such a b the likelihood
    never stops growing, and where there is none it has a top. Complete and quasi-complete separation both count.

    The linear programme maximises the sum of rising @ b over |b| ≤ 1, with the columns turned to be orthonormal over the rows.
    Its solution lies on the edge of that box where there is separation and at the origin where there is none, since any
    multiple of a b is a b: nothing lies between, but for the 1e-7 by which the programme lets a row contradict. The set is
    smallest in that no column can be left out; of several such sets the names decide, never the order of rows or columns.
    The columns at `mute`, constants and thresholds, help out in most combinations and explain none: they are not named.
    Source: Konis 2007, Linear programming algorithms for detecting separated data, Oxford thesis; Albert and Anderson
    1984, doi:10.1093/biomet/71.1.1; for the smallest set Junker 2004, QuickXplain, AAAI-04:167.
    """
    held = np.empty((0, len(names))) if level is None else level
    size = np.sqrt((np.vstack([rising, held]) ** 2).mean(axis=0))
    size = np.where(size > 0, size, 1.0)
    up, still = (np.unique(np.round(rows / size, 12), axis=0) for rows in (rising, held))

    def separated(chosen: Sequence[int]) -> bool:
        return _is_separated(up[:, list(chosen)], still[:, list(chosen)])

    def smallest(kept: list[int], rest: list[int], *, has_grown: bool) -> list[int]:
        if has_grown and separated(kept):
            return []
        if len(rest) == 1:
            return rest
        half = len(rest) // 2
        late = smallest(kept + rest[:half], rest[half:], has_grown=True)
        return smallest(kept + late, rest[:half], has_grown=bool(late)) + late

    places = sorted(range(len(names)), key=lambda place: (place not in mute, names[place]))
    if not separated(places):
        return ()
    found = smallest([], places, has_grown=False)
    telling = [place for place in found if place not in mute] or found
    return tuple(sorted(names[place] for place in telling))


def constants(x: Floats) -> list[int]:
    """The places of the columns of a design (n, k) that are one number throughout."""
    return [place for place, column in enumerate(x.T) if alike(column)]


def listed(names: Sequence[str]) -> str:
    """Names for a message: five at most."""
    return ", ".join(f"“{name}”" for name in names[:5]) + (" …" if len(names) > 5 else "")


def _is_separated(up: Floats, still: Floats) -> bool:
    from scipy.optimize import linprog  # a third of a second to import, and hardly ever wanted

    if len(still):
        _, size, turn = np.linalg.svd(still, full_matrices=True)
        rank = int((size > PART * max(1.0, size[0])).sum())
        up = up @ turn[rank:].T
    if not up.size:
        return False
    left, size, _ = np.linalg.svd(up, full_matrices=False)
    if size[0] <= PART:
        return False
    rows = left[:, size > PART * size[0]] * np.sqrt(len(up))
    found = linprog(-rows.sum(axis=0), A_ub=-rows, b_ub=np.zeros(len(rows)), bounds=(-1, 1), method="highs")
    return bool(found.status == 0 and np.abs(found.x).max() > 0.5)
