"""What data can say: which columns determine each other, and where a likelihood has its top.

Nothing here asks whether a number came out as zero or the linear algebra broke down: both hang on the last bits, and these on
the processor. A judgement compares with a tolerance far from rounding (1e-16) and from what it must let pass: numbers that
agree to a part in 10^13 count as equal, and numbers that differ by a part in 10^5 as different.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from impact.columns import Floats
from impact.errors import NotIdentified

__all__ = [
    "EQUAL",
    "PART",
    "PART_SQUARED",
    "Likelihood",
    "Top",
    "Turned",
    "alike",
    "climb",
    "determined",
    "independent",
    "inverted",
    "left_over",
    "orthonormal",
    "standard_errors",
    "standardised",
    "undetermined",
    "varying",
]

# Of a number's size: a smaller difference is none. A column that varies by 1e-9 of its size, as one of size one around a
# billion does, is honest and lies two orders above.
EQUAL = 1e-11
# Of a column: what others leave of it, below which it adds nothing.
PART = 1e-9
# The same in sums of squares, which keep half the digits, and what rounding costs there for each part of a combination.
PART_SQUARED, ROUNDING_SQUARED = 1e-12, 1e-14
# Of the largest information in any direction at the start: below it the climb may have been running away.
FAINT = 1e-7
# A step that moves no row's linear predictor by more than this is the last one. Along a direction without a top
# Newton's step stays near one, however far it has gone.
LAST_STEP = 1e-6
STEPS = 80

Bools = npt.NDArray[np.bool_]
# Log-likelihood, its gradient by row (n, k), or of all rows together (1, k), and its Hessian (k, k) at p; minus infinity where
# p is impossible.
Likelihood = Callable[[Floats], tuple[float, Floats, Floats]]


def alike(values: Floats) -> bool:
    """Whether all numbers are the same but for rounding."""
    return bool(np.ptp(values) <= EQUAL * np.abs(values).max())


def varying(x: Floats, whole: Floats) -> Bools:
    """Which columns of `x` (n, k) hold more than the rounding of `whole` (n, k), from which something was subtracted."""
    found: Bools = np.abs(x).max(axis=0) > EQUAL * np.abs(whole).max(axis=0)
    return found


def standardised(x: Floats) -> tuple[Floats, Floats]:
    """Columns z (n, k) with standard deviation 1, and a (k, k) with b = a @ b_z and V = a @ V_z @ a.T.

    They are also centred where one column is constant, so that an offset of 10^9 costs no digits of a slope. A column that
    varies by less than its own rounding error counts as constant. Columns without variation are divided by their size.
    """
    mean, largest = x.mean(axis=0), np.abs(x).max(axis=0)
    constant = np.ptp(x, axis=0) <= EQUAL * largest
    carriers = np.flatnonzero(constant & (largest > 0))
    centre = mean if carriers.size else np.zeros(x.shape[1])
    z = x - np.where(constant, 0.0, centre)
    scale = np.where(constant, largest, np.sqrt((z * z).mean(axis=0)))
    scale[scale == 0] = 1.0
    z /= scale
    back = np.diag(1 / scale)
    if carriers.size:
        carrier = carriers[0]
        others = ~constant
        back[carrier, others] = -centre[others] / scale[others] / mean[carrier]
    return z, back


def orthonormal(z: Floats, weight: Floats | None = None) -> tuple[Floats, Floats]:
    """q = z @ turn with Σ w q q' = n·I, and turn (k, k): b = turn @ b_q. In q only the outcome can make information faint.

    The columns of z must be independent. `weight` (n,) is one where it is left out.
    """
    r = np.linalg.qr(z if weight is None else z * np.sqrt(weight)[:, None], mode="r")
    turn = np.linalg.solve(r, np.eye(z.shape[1])) * np.sqrt(len(z))
    return z @ turn, turn


@dataclass(frozen=True, eq=False)
class Turned:
    """A design in orthonormal columns: q = x @ back, b = back @ b_q. An offset of x costs q no digits, as it would x'Vx."""

    back: Floats
    given: Floats  # one row of x …
    turned: Floats  # … and of q

    @classmethod
    def of(cls, x: Floats, weight: Floats | None = None) -> tuple[Turned, Floats]:
        """And q (n, k), with Σ w q q' = n·I. The columns of x must be independent."""
        z, back = standardised(x)
        q, turn = orthonormal(z, weight)
        return cls(back @ turn, x[0], q[0]), q

    def __call__(self, x: Floats) -> Floats:
        """Other rows of the same columns."""
        return np.asarray((x - self.given) @ self.back + self.turned, dtype=np.float64)


def left_over(x: Floats, *columns: Floats) -> tuple[Floats, ...]:
    """What least squares on x (n, k) leaves of each column (n,). The columns of x may determine each other."""
    z, _ = standardised(x)
    u, size, _ = np.linalg.svd(z, full_matrices=False)
    basis = u[:, size > PART * size[0]]
    return tuple(column - basis @ (basis.T @ column) for column in columns)


def independent(x: Floats, names: Sequence[str], *, whole: Floats | None = None) -> None:
    """Raises NotIdentified that names the first column which the columns before it determine, or that is zero throughout.

    The judgement is a QR decomposition of the standardised columns. A remainder counts as none below 1e-9 of its column, or
    below 1e-11 of the numbers it was made of: the column's own with its offset, and those of the columns it consists of.
    `whole` (any number of rows, k) are the columns before their means within strata were subtracted.
    """
    if x.shape[0] < x.shape[1]:
        raise NotIdentified(
            f"There are {x.shape[1]} coefficients and only {x.shape[0]} rows to estimate them from."
        )
    z, back = standardised(x)
    largest = np.abs(x).max(axis=0)
    if whole is not None:
        largest = np.maximum(largest, np.abs(whole).max(axis=0))
    size = np.where(np.abs(x).max(axis=0) > EQUAL * largest, np.sqrt((z * z).sum(axis=0)), 0.0)
    rounding = EQUAL * largest * np.diag(back)
    unit = np.where(size > 0, z / np.where(size > 0, size, 1.0), 0.0)
    r: Floats = np.asarray(np.linalg.qr(unit, mode="r"), dtype=np.float64)

    def column(place: int, _: Floats) -> tuple[Floats, float]:
        return r[:place, place], abs(float(r[place, place]))

    def least(place: int, parts: Floats) -> float:
        return max(PART, float(np.sqrt(((parts * rounding[:place]) ** 2).sum() + rounding[place] ** 2)))

    found = _first(len(names), column, least)
    if found is not None:
        place, _ = found
        if size[place] == 0:
            raise NotIdentified(f"“{names[place]}” is zero in every row.")
        before = ", ".join(f"“{n}”" for n in names[:place][:6]) + (" …" if place > 6 else "")
        raise NotIdentified(
            f"“{names[place]}” is determined by the columns before it ({before}). Leave it out."
        )


def determined(gram: Floats, whole: Floats) -> tuple[int, Floats] | None:
    """The first column that those before it determine, from cross-products with a unit diagonal, and what it consists of.

    Sums of squares hold half the digits: a remainder counts as none below 1e-12 of the square, or below the rounding of the
    parts it was made of. `whole` (k,) are the squares before anything was swept out of them, one where nothing was. None where
    the columns are independent.
    """
    rounding = np.sqrt(whole)

    def column(place: int, inverse: Floats) -> tuple[Floats, float]:
        above = inverse.T @ gram[:place, place]
        return above, float(np.sqrt(max(0.0, gram[place, place] - above @ above)))

    def least(place: int, parts: Floats) -> float:
        square = ROUNDING_SQUARED * (rounding[place] + np.abs(parts) @ rounding[:place]) ** 2
        return float(np.sqrt(max(PART_SQUARED, square)))

    return _first(len(gram), column, least)


def _first(
    n: int,
    column: Callable[[int, Floats], tuple[Floats, float]],
    least: Callable[[int, Floats], float],
) -> tuple[int, Floats] | None:
    """Along a triangular decomposition, column by column, with the inverse of the triangle so far."""
    inverse = np.zeros((n, n))
    for place in range(n):
        above, left = column(place, inverse[:place, :place])
        parts: Floats = inverse[:place, :place] @ above
        if left <= least(place, parts):
            return place, parts
        inverse[:place, place], inverse[place, place] = -parts / left, 1 / left
    return None


def undetermined(matrix: Floats, least: float = PART) -> Floats | None:
    """The direction in which a symmetric matrix, scaled to a unit diagonal, holds less than `least`; None where there is none.

    A diagonal at or below zero is such a direction by itself. The direction is in the units of the scaled matrix.
    """
    size = np.diag(matrix)
    if not (size > 0).all():
        return np.asarray(np.eye(len(matrix))[int(np.argmin(size))], dtype=np.float64)
    scale = np.sqrt(size)
    values, vectors = np.linalg.eigh(matrix / np.outer(scale, scale))
    return None if values[0] > least else np.asarray(vectors[:, 0], dtype=np.float64)


def inverted(matrix: Floats) -> Floats:
    """The inverse of a symmetric matrix that `undetermined` has let pass, by way of a unit diagonal; symmetric."""
    scale = np.sqrt(np.diag(matrix))
    found = np.linalg.inv(matrix / np.outer(scale, scale)) / np.outer(scale, scale)
    return np.asarray((found + found.T) / 2, dtype=np.float64)


def standard_errors(to: Floats, covariance: Floats, inverse: Floats) -> Floats:
    """√diag(to @ covariance @ to.T) of m combinations, `to` (m, k) of the parameters.

    `inverse` (k, k) is that of the information. A covariance made of sums by cluster that cancel is rounding, and squares hold
    half the digits: an error whose square is below 1e-12 of the one by `inverse` is nil.
    """
    square, own = (np.einsum("mi,ij,mj->m", to, each, to) for each in (covariance, inverse))
    return np.sqrt(np.where(square > PART_SQUARED * own, square, 0.0))


@dataclass(frozen=True)
class Top:
    """The top of a likelihood, with the gradient and the information there."""

    p: Floats
    value: float
    scores: Floats
    information: Floats


def climb(
    likelihood: Likelihood,
    p: Floats,
    reach: Callable[[Floats], float],
    *,
    refuse: Callable[[Floats], None] | None = None,
    leap: float = np.inf,
) -> Top:
    """Newton's method with halving, in coordinates in which columns are orthonormal.

    `reach` says how far a step moves the farthest linear predictor; steps are cut to `leap`. Where the likelihood bends the
    wrong way only the bend's size is used. A step that only moves within the rounding of the likelihood is accepted.

    Where the information in some direction first becomes faint, or at the end steps have not died away, an estimate may be
    running away: then `refuse` is asked with the parameters, and raises where there is no top (see `impact.separation`); else
    the climb goes on. Raises NotIdentified where it ends with something left to gain.
    """
    value, scores, hessian = likelihood(p)
    most, left, is_settled, has_asked = float(np.linalg.eigvalsh(-hessian)[-1]), np.inf, False, False
    for _ in range(STEPS):
        gradient = scores.sum(axis=0)
        bends, axes = np.linalg.eigh(-hessian)
        if refuse is not None and not has_asked and bends[0] <= FAINT * most:
            refuse(p)
            has_asked = True
        bends = np.maximum(np.abs(bends), 1e-12 * np.abs(bends).max())
        step = axes @ (axes.T @ gradient / bends)
        left, far = float(gradient @ step), reach(step)
        is_settled = far <= LAST_STEP
        step, size = step * min(1.0, leap / far if far > 0 else 1.0), 1.0
        while size > 1e-10:
            new = likelihood(p + size * step)
            if new[0] >= value - 1e-12 * max(1.0, abs(value)):
                break
            size /= 2
        else:
            break
        p, (value, scores, hessian) = p + size * step, new
        if is_settled:
            break
    if refuse is not None and not is_settled:
        refuse(p)
    if not is_settled and left > 1e-9 * max(1.0, abs(value)):
        raise NotIdentified("The likelihood has no maximum that the search could confirm.")
    return Top(p, value, scores, -hessian)
