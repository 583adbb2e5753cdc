"""Tobit: a linear model of an outcome that is only known to lie beyond a limit, below, above or both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from exports.digits import printed
from impact.columns import Floats, clustered, independent, matrix, numbers, same_length, standardised
from impact.errors import BadData, NotIdentified
from impact.estimate import Estimate, Note, wald

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
    design, labels = np.column_stack([np.ones(len(y)), x]), ["constant", *names]
    independent(design, labels)
    z, back = standardised(design)
    # In standard units, so that neither an offset nor the unit of the outcome costs digits.
    centre, spread = float(y.mean()), float(y.std())
    rows = np.column_stack([-z, (y - centre) / spread])
    p = _newton(rows, side, _start(rows))
    log_likelihood, gradients, hessian = _derivatives(p, rows, side)
    inner, df, notes = _covariance(hessian, gradients, cluster)
    to_beta = _delta(p, back, spread)
    covariance = to_beta @ inner @ to_beta.T
    n_between = int((side == 0).sum())
    if n_between == len(y):
        notes = (*notes, Note("nothing_censored", "No row is at a limit, so this is a linear model."))
    beta = spread * (back @ p[:-1]) / p[-1]
    beta[0] += centre
    found = zip(
        [*labels, "log scale"], [*beta, np.log(spread / p[-1])], np.sqrt(np.diag(covariance)), strict=True
    )
    estimates = [wald(*each, df, level=level) for each in found]
    ends = [(limit - centre) / spread for limit in limits]
    effects = _average_effects(p, z, ends, spread * np.diag(back), inner)
    return Tobit(
        tuple(estimates[:-1]),
        estimates[-1],
        tuple(wald(name, *effect, df, level=level) for name, effect in zip(names, effects, strict=True)),
        covariance,
        log_likelihood - n_between * float(np.log(spread)),
        int((side < 0).sum()),
        int((side > 0).sum()),
        n_between,
        notes,
    )


def _start(rows: Floats) -> Floats:
    """Least squares in Olsen's parameters."""
    z, y = -rows[:, :-1], rows[:, -1]
    b = np.linalg.lstsq(z, y, rcond=None)[0]
    scale = float((y - z @ b).std())
    if scale < 1e-10:
        raise NotIdentified("The covariates determine the outcome exactly.")
    return np.append(b, 1.0) / scale


def _limit(limit: npt.ArrayLike | None, n: int, absent: float, name: str) -> Floats:
    found = np.asarray(absent if limit is None else limit, dtype=np.float64)
    if found.ndim > 1 or (found.ndim == 1 and len(found) != n) or np.isnan(found).any():
        raise BadData(f"The {name} limit must be one number or one for each row, none missing.")
    return np.broadcast_to(found, (n,))


def _sides(y: Floats, low: Floats, high: Floats) -> npt.NDArray[np.int64]:
    """-1 at the left limit, 1 at the right, 0 between."""
    if (low >= high).any():
        raise BadData("Each left limit must lie below its right limit.")
    beyond = (y < low) | (y > high)
    if beyond.any():
        row = int(np.argmax(beyond))
        raise BadData(
            f"The outcome in row {row + 1} is {printed(y[row], 'g')}, beyond its limit. Set such rows to the limit."
        )
    side = np.where(y == low, -1, np.where(y == high, 1, 0))
    if (side != 0).sum() == len(y):
        raise NotIdentified("Every row is at a limit, so the size of the outcome is unknown.")
    if np.ptp(y) == 0:
        raise NotIdentified("The outcome is the same in every row.")
    return side


def _derivatives(p: Floats, rows: Floats, side: npt.NDArray[np.int64]) -> tuple[float, Floats, Floats]:
    """Log-likelihood, its gradient by row (n, k + 1) and its Hessian, at Olsen's parameters."""
    from scipy.special import log_ndtr  # keeps `import impact.censored` light

    a, gamma = rows @ p, float(p[-1])
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


def _newton(rows: Floats, side: npt.NDArray[np.int64], p: Floats) -> Floats:
    value, gradients, hessian = _derivatives(p, rows, side)
    for _ in range(200):
        gradient = gradients.sum(axis=0)
        step = np.linalg.solve(-hessian, gradient)
        if gradient @ step < 1e-20 * len(rows):
            return p
        size = 1.0
        while size > 1e-10:
            trial = p + size * step
            if trial[-1] > 0:
                new = _derivatives(trial, rows, side)
                # At the top the likelihood is flat to rounding; a step within that noise is accepted.
                if new[0] >= value - 1e-12 * max(1.0, abs(value)):
                    break
            size /= 2
        else:
            return p
        p, (value, gradients, hessian) = trial, new
    raise NotIdentified("The likelihood has no maximum that could be found; a coefficient may run away.")


def _delta(p: Floats, back: Floats, spread: float) -> Floats:
    """The derivative of (β, log σ) in the outcome's units by Olsen's standardised parameters."""
    k = len(p) - 1
    matrix_ = np.zeros((k + 1, k + 1))
    matrix_[:k, :k] = spread * back / p[-1]
    matrix_[:k, k] = -spread * (back @ p[:k]) / p[-1] ** 2
    matrix_[k, k] = -1 / p[-1]
    return matrix_


def _covariance(
    hessian: Floats, gradients: Floats, cluster: npt.ArrayLike | None
) -> tuple[Floats, float | None, tuple[Note, ...]]:
    size = np.sqrt(np.maximum(np.diag(-hessian), 1e-300))
    if np.linalg.eigvalsh(-hessian / np.outer(size, size)).min() < 1e-13:
        raise NotIdentified(
            "A group of rows is wholly at a limit, so one of the coefficients has no finite estimate."
        )
    inverse = np.asarray(np.linalg.inv(-hessian), dtype=np.float64)
    if cluster is None:
        note = Note("rows_independent", "Standard errors treat the rows as independent of each other.")
        return inverse, None, (note,)
    middle, df, notes = clustered(gradients, cluster)
    return inverse @ middle @ inverse, df, notes


def _average_effects(
    p: Floats, z: Floats, ends: list[Floats], units: Floats, inner: Floats
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
        value, error = p[place] / p[-1] * share, np.sqrt(slope @ inner @ slope)
        found.append((float(units[place] * value), float(units[place] * error)))
    return found
