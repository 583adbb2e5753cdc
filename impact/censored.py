"""Tobit: a linear model of an outcome that is only known to lie beyond a limit, below, above or both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from exports.digits import printed
from impact.columns import Floats, clustered, matrix, numbers, same_length
from impact.errors import BadData, NotIdentified
from impact.estimate import Estimate, Note, wald
from impact.information import (
    EQUAL,
    PART,
    Top,
    alike,
    climb,
    independent,
    inverted,
    orthonormal,
    standard_errors,
    standardised,
)
from impact.separation import separating

__all__ = ["Tobit", "tobit"]


@dataclass(frozen=True)
class Tobit:
    """Coefficients of the latent outcome, the constant first, and average marginal effects on the observed outcome."""

    coefficients: tuple[Estimate, ...]
    log_scale: Estimate
    average_effects: tuple[Estimate, ...]
    covariance: Floats  # of the coefficients and the log of the scale, in that order
    log_likelihood: float
    n_left: int
    n_right: int
    n_between: int
    notes: tuple[Note, ...]


def tobit(
    outcome: npt.ArrayLike,
    covariates: npt.ArrayLike,
    names: Sequence[str],
    *,
    left: npt.ArrayLike | None = 0.0,
    right: npt.ArrayLike | None = None,
    cluster: npt.ArrayLike | None = None,
    level: float = 0.95,
) -> Tobit:
    """y* = α + xβ + σe with e normal; a row at its left limit says y* ≤ left, one at its right limit y* ≥ right.

    Maximum likelihood by Newton's method in Olsen's parameters (β/σ, 1/σ), in which the likelihood is concave. Average
    effects on E(y) are β times the mean probability of lying between the limits, by the delta method. Sources: Tobin
    (1958), Econometrica 26:24, doi:10.2307/1907382; Olsen (1978), Econometrica 46:1211; McDonald and Moffitt (1980), Review
    of Economics and Statistics 62:318. Checked against R `censReg` and `AER::tobit` (one and two limits).

    `outcome` has shape (n,), `covariates` (n, k) without a constant; missing values raise BadData; there are no weights. Each
    limit is one number, None, or an array (n,): days observed until the data were cut off differ by child. A row beyond
    its limit raises BadData. `cluster` gives a sandwich times G/(G - 1) and t on G - 1; without it rows are independent,
    and a note says so. Raises NotIdentified where every row is at a limit, a column is collinear, or a group of
    rows is wholly at a limit so that a coefficient runs away.
    """
    y, x = numbers(outcome, "outcome"), matrix(covariates, names)
    same_length(len(y), {name: x[:, place] for place, name in enumerate(names)})
    limits = _limit(left, len(y), -np.inf, "left"), _limit(right, len(y), np.inf, "right")
    side = _sides(y, *limits)
    y = np.where(side < 0, limits[0], np.where(side > 0, limits[1], y))
    design, labels = np.column_stack([np.ones(len(y)), x]), ["constant", *names]
    independent(design, labels)
    z, back = standardised(design)
    # In standard units, so that neither an offset nor the unit of the outcome costs digits.
    centre, spread = float(y.mean()), float(y.std())
    standard = (y - centre) / spread
    rows, start, whole = _orthogonal(z, standard)
    top = climb(
        lambda p: _derivatives(p, rows, side),
        start,
        lambda step: float(np.abs(rows @ step).max()),
        refuse=lambda _: _no_runaway(np.column_stack([-z, standard]), side, labels),
    )
    p, inner, inverse, df, notes = _given_back(top, whole, cluster)
    to_beta = _delta(p, back, spread)
    covariance = to_beta @ inner @ to_beta.T
    n_between = int((side == 0).sum())
    if n_between == len(y):
        notes = (*notes, Note("nothing_censored", "No row is at a limit, so this is a linear model."))
    beta = spread * (back @ p[:-1]) / p[-1]
    beta[0] += centre
    found = zip(
        [*labels, "log scale"],
        [*beta, np.log(spread / p[-1])],
        standard_errors(to_beta, inner, inverse),
        strict=True,
    )
    estimates = [wald(*each, df, level=level) for each in found]
    ends = [(limit - centre) / spread for limit in limits]
    effects = _average_effects(p, z, ends, spread * np.diag(back), inner, inverse)
    return Tobit(
        tuple(estimates[:-1]),
        estimates[-1],
        tuple(wald(name, *effect, df, level=level) for name, effect in zip(names, effects, strict=True)),
        covariance,
        top.value + n_between * float(np.log(whole[-1, -1] / spread)),
        int((side < 0).sum()),
        int((side > 0).sum()),
        n_between,
        notes,
    )


def _orthogonal(z: Floats, y: Floats) -> tuple[Floats, Floats, Floats]:
    """Rows for which the predictor is rows @ p, least squares as a start, and Olsen's parameters (β/σ, 1/σ) = whole @ p.

    Columns are orthonormal and the outcome is what least squares leaves of it, so that a close fit costs no digits.
    """
    q, turn = orthonormal(z)
    b = q.T @ y / len(y)
    left = y - q @ b
    scale = float(left.std())
    if scale < PART:  # of the outcome's own spread
        raise NotIdentified("The covariates determine the outcome exactly.")
    k = z.shape[1]
    whole = np.zeros((k + 1, k + 1))
    whole[:k, :k], whole[:k, k], whole[k, k] = turn, turn @ b / scale, 1 / scale
    return np.column_stack([-q, left / scale]), np.eye(k + 1)[k], whole


def _limit(limit: npt.ArrayLike | None, n: int, absent: float, name: str) -> Floats:
    found = np.asarray(absent if limit is None else limit, dtype=np.float64)
    if found.ndim > 1 or (found.ndim == 1 and len(found) != n) or np.isnan(found).any():
        raise BadData(f"The {name} limit must be one number or one for each row, none missing.")
    return np.broadcast_to(found, (n,))


def _sides(y: Floats, low: Floats, high: Floats) -> npt.NDArray[np.int64]:
    """-1 at the left limit, 1 at the right, 0 between. A row that lies off its limit by rounding lies at it."""
    if (low >= high).any():
        raise BadData("Each left limit must lie below its right limit.")
    # Of a row's own size, or of the middle one of those that are not nil; one wrong row would set the largest.
    size = np.abs(y)
    rounding = EQUAL * np.maximum(size, np.median(size[size > 0]) if (size > 0).any() else 0.0)
    beyond = (y < low - rounding) | (y > high + rounding)
    if beyond.any():
        row = int(np.argmax(beyond))
        raise BadData(
            f"The outcome in row {row + 1} is {printed(y[row], 'g')}, beyond its limit. Set such rows to the limit."
        )
    side = np.where(y <= low + rounding, -1, np.where(y >= high - rounding, 1, 0))
    if (side != 0).sum() == len(y):
        raise NotIdentified("Every row is at a limit, so the size of the outcome is unknown.")
    if alike(y):
        raise NotIdentified("The outcome is the same in every row.")
    return side


def _derivatives(p: Floats, rows: Floats, side: npt.NDArray[np.int64]) -> tuple[float, Floats, Floats]:
    """Log-likelihood, its gradient by row (n, k + 1) and its Hessian, at Olsen's parameters."""
    from scipy.special import log_ndtr  # keeps `import impact.censored` light

    a, gamma = rows @ p, float(p[-1])
    if gamma <= 0:
        return -np.inf, np.empty(0), np.empty(0)
    outward = np.where(side < 0, a, -a)
    log_tail = log_ndtr(outward)
    ratio = np.exp(-0.5 * a * a - 0.5 * np.log(2 * np.pi) - log_tail)
    free = side == 0
    log_likelihood = float(log_tail[~free].sum() - 0.5 * (a[free] @ a[free] + free.sum() * np.log(2 * np.pi)))
    first = np.where(free, -a, np.where(side < 0, ratio, -ratio))
    second = np.where(free, -1.0, -ratio * (ratio + outward))
    gradients = rows * first[:, None]
    gradients[free, -1] += 1 / gamma
    hessian = rows.T @ (rows * second[:, None])
    hessian[-1, -1] -= free.sum() / gamma**2
    return log_likelihood + int(free.sum()) * float(np.log(gamma)), gradients, hessian


def _no_runaway(rows: Floats, side: npt.NDArray[np.int64], labels: list[str]) -> None:
    """A row at a limit likes its predictor to move outwards without end; one between the limits has its place. Nor has 1/σ a
    best value where the rows between are met exactly."""
    outward = np.where(side < 0, 1.0, -1.0)[:, None] * rows
    sharper = np.eye(len(labels) + 1)[-1:]
    if separating(np.vstack([outward[side != 0], sharper]), [*labels, "1/σ"], level=rows[side == 0]):
        raise NotIdentified(
            "A group of rows is wholly at a limit, so one of the coefficients has no finite estimate."
        )


def _delta(p: Floats, back: Floats, spread: float) -> Floats:
    """The derivative of (β, log σ) in the outcome's units by Olsen's standardised parameters."""
    k = len(p) - 1
    matrix_ = np.zeros((k + 1, k + 1))
    matrix_[:k, :k] = spread * back / p[-1]
    matrix_[:k, k] = -spread * (back @ p[:k]) / p[-1] ** 2
    matrix_[k, k] = -1 / p[-1]
    return matrix_


def _given_back(
    top: Top, whole: Floats, cluster: npt.ArrayLike | None
) -> tuple[Floats, Floats, Floats, float | None, tuple[Note, ...]]:
    """Olsen's parameters on the standardised columns, their covariance and the inverse of their information, df, and notes."""
    inverse = inverted(top.information)
    own = whole @ inverse @ whole.T
    if cluster is None:
        note = Note("rows_independent", "Standard errors treat the rows as independent of each other.")
        return whole @ top.p, own, own, None, (note,)
    middle, df, notes = clustered(top.scores, cluster)
    return whole @ top.p, whole @ (inverse @ middle @ inverse) @ whole.T, own, df, notes


def _average_effects(
    p: Floats, z: Floats, ends: list[Floats], units: Floats, inner: Floats, inverse: Floats
) -> list[tuple[float, float]]:
    """Value and standard error for each covariate. In Olsen's parameters, so that an offset costs no digits."""
    from scipy.special import ndtr  # keeps `import impact.censored` light

    share, drift = 0.0, np.zeros(len(p))
    for sign, end in zip((-1, 1), ends, strict=True):
        a = np.where(np.isinf(end), end, p[-1] * np.where(np.isinf(end), 0.0, end) - z @ p[:-1])
        density = np.exp(-0.5 * a * a) / np.sqrt(2 * np.pi)
        share += sign * float(ndtr(a).mean())
        drift[:-1] -= sign * (z.T @ density) / len(z)
        drift[-1] += sign * float((density * np.where(np.isinf(end), 0.0, end)).mean())
    found = []
    for place in range(1, len(p) - 1):
        slope = p[place] / p[-1] * drift
        slope[place] += share / p[-1]
        slope[-1] -= p[place] / p[-1] ** 2 * share
        value, (error,) = p[place] / p[-1] * share, standard_errors(slope[None], inner, inverse)
        found.append((float(units[place] * value), float(units[place] * error)))
    return found
