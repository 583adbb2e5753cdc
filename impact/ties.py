"""Numbers that are equal but for rounding. Wherever `impact` compares, ranks or chooses, it asks here.

Values that are equal on paper come out of a computer a few units of the last digit apart, and on another processor, with other
threads or with the rows in another order they come out the other way round. So two values are a tie where they differ by at
most `TIE`, one part in 10⁹ of what they are measured against: a thousand times the rounding of a long sum, and far below
anything that data can tell apart.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

__all__ = ["ROUNDING", "TIE", "ceiling", "is_nil", "is_rejected", "levels", "near_of", "reaches", "size_of"]

TIE = 1e-9
ROUNDING = 1e-12
"""The part of a number's own size that is no more than rounding. A column of large numbers that vary little has ties of it."""

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


def size_of(*values: npt.ArrayLike) -> float:
    """The largest of the finite values without its sign; 0 without any."""
    whole = _finite(*values)
    return float(np.abs(whole).max()) if whole.size else 0.0


def near_of(*values: npt.ArrayLike) -> float:
    """How far apart ties of these values may be: one part in 10⁹ of their range, or their rounding where that is more."""
    whole = _finite(*values)
    return max(TIE * float(np.ptp(whole)), ROUNDING * size_of(whole)) if whole.size else 0.0


def is_nil(value: float, *, size: float) -> bool:
    """Whether the value is nothing but rounding beside numbers of this size."""
    return abs(value) <= TIE * size


def reaches(values: npt.ArrayLike, limit: float, *, near: float | None = None) -> Bools:
    """Which values are not below the limit, ties among those that are not. Shape as `values`.

    `near` is how far below it a tie may be: one part in 10⁹ of the largest of the values and the limit, unless given.
    """
    found = np.asarray(values, dtype=np.float64)
    return np.asarray(found >= limit - (TIE * size_of(found, limit) if near is None else near))


def ceiling(value: float) -> int:
    """The next whole number upwards; a value that ties with a whole number is that number."""
    return math.ceil(value - TIE * max(1.0, abs(value)))


def is_rejected(p_value: npt.ArrayLike, alpha: float) -> Bools:
    """Whether a hypothesis is rejected at alpha, as it is where the p-value is alpha but for rounding. Shape as `p_value`."""
    return np.asarray(np.asarray(p_value, dtype=np.float64) <= alpha * (1 + TIE))


def levels(values: npt.ArrayLike, *, near: npt.ArrayLike) -> Ints:
    """0 for the least value, 1 for the next, and so on along the last axis; ties share a level. Shape as `values`.

    A value ties with the next smaller one where it is at most `near` above it, one number or one for each value, so that a
    chain of ties is one level.
    """
    found = np.asarray(values, dtype=np.float64)
    order = np.argsort(found, axis=-1, kind="stable")
    reach = np.broadcast_to(np.asarray(near, dtype=np.float64), found.shape)
    with np.errstate(invalid="ignore"):  # from infinity to infinity there is no step
        steps = (
            np.diff(np.take_along_axis(found, order, -1), axis=-1)
            > np.take_along_axis(reach, order, -1)[..., 1:]
        )
    level = np.zeros(found.shape, dtype=np.int64)
    level[..., 1:] = np.cumsum(steps, axis=-1)
    told = np.empty(found.shape, dtype=np.int64)
    np.put_along_axis(told, order, level, -1)
    return told


def _finite(*values: npt.ArrayLike) -> Floats:
    found = [np.asarray(each, dtype=np.float64).ravel() for each in values]
    whole = np.concatenate(found) if found else np.zeros(0)
    return whole[np.isfinite(whole)]
