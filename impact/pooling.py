"""One estimate from several: inverse-variance pooling of two designs, and random effects over studies."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from impact.columns import Floats, numbers, same_length
from impact.errors import BadData, NotIdentified
from impact.estimate import Estimate, Note, normal
from impact.ties import TIE, is_nil, near_of

__all__ = ["Pooled", "dersimonian_laird", "inverse_variance"]


@dataclass(frozen=True)
class Pooled:
    """The pooled estimate beside its inputs. `weights` sum to 1; `tau_squared` is 0 without random effects.

    `q` has `q_df` degrees of freedom; its p-value is NaN for a single input. `i_squared_share` is max(0, (Q - df)/Q).
    """

    estimate: Estimate
    inputs: tuple[Estimate, ...]
    weights: tuple[float, ...]
    q: float
    q_df: int
    q_p_value: float
    i_squared_share: float
    tau_squared: float
    notes: tuple[Note, ...]


def inverse_variance(
    values: npt.ArrayLike,
    std_errors: npt.ArrayLike,
    *,
    correlation: float | npt.ArrayLike,
    names: Sequence[str] | None = None,
    scales: Sequence[str] | None = None,
    level: float = 0.95,
) -> Pooled:
    """Generalised least squares of k estimates on a constant: w = V⁻¹1 / 1'V⁻¹1, se² = 1 / 1'V⁻¹1,
    Q = (b - β1)'V⁻¹(b - β1) on k - 1 degrees of freedom, with V = D R D from the standard errors and R.

    Source: Hartung, Knapp and Sinha (2008), Statistical Meta-Analysis, ch. 7, doi:10.1002/9780470386347; without
    correlation Cochran (1954), Biometrics 10:101. Checked against R metafor `rma(method="FE")`.

    `values` and `std_errors` have shape (k,); `correlation` is one number for every pair or a (k, k) matrix, and has
    no default: a trial and a difference-in-differences study of the same children are not independent. `scales`
    says on which scale each estimate is; two different ones raise BadData. With two inputs a weight turns negative
    once the correlation passes the smaller standard error over the larger, and the pool then leaves the range of
    its inputs: both are notes. Whether the designs are aligned is for a person to judge, never Q's p-value alone.

    Raises BadData for missing numbers, standard errors not above zero, or an impossible correlation matrix.
    """
    found, errors, labels = _inputs(values, std_errors, names)
    if scales is not None and (len(scales) != len(found) or len(set(scales)) > 1):
        raise BadData(f"The estimates must share one scale to be pooled, not {', '.join(map(str, scales))}.")
    inverse = np.linalg.inv(_correlations(correlation, len(found)) * np.outer(errors, errors))
    precision = float(inverse.sum())
    weights = inverse.sum(axis=0) / precision
    value = float(weights @ found)
    q = float((found - value) @ inverse @ (found - value))
    return Pooled(
        normal("pooled", value, math.sqrt(1 / precision), level=level),
        tuple(
            normal(*each, level=level) for each in zip(labels, found.tolist(), errors.tolist(), strict=True)
        ),
        tuple(weights.tolist()),
        *_heterogeneity(q, len(found)),
        0.0,
        tuple(_cautions(value, found, weights)),
    )


def dersimonian_laird(
    values: npt.ArrayLike,
    std_errors: npt.ArrayLike,
    *,
    names: Sequence[str] | None = None,
    level: float = 0.95,
) -> Pooled:
    """Random effects by moments: τ² = max(0, (Q - k + 1) / (Σw - Σw²/Σw)) with w = 1/se², then weights 1/(se² + τ²).

    Source: DerSimonian and Laird (1986), Controlled Clinical Trials 7:177, doi:10.1016/0197-2456(86)90046-2. Checked
    against R metafor `rma(method="DL")` and statsmodels 0.15 `combine_effects`. Studies must be independent of each
    other. With fewer than five studies τ² is hardly known, and a note says so. Raises NotIdentified for one study.
    """
    found, errors, labels = _inputs(values, std_errors, names)
    if len(found) < 2:
        raise NotIdentified("Random effects need at least two studies.")
    fixed = 1 / errors**2
    q = float(fixed @ (found - fixed @ found / fixed.sum()) ** 2)
    spread = fixed.sum() - (fixed**2).sum() / fixed.sum()
    excess = q - (len(found) - 1)
    tau_squared = 0.0 if excess < 0 or is_nil(excess, size=q) else excess / float(spread)
    weights = 1 / (errors**2 + tau_squared)
    value = float(weights @ found / weights.sum())
    notes = []
    if len(found) < 5:
        notes.append(
            Note("few_studies", f"The spread between studies is estimated from {len(found)} studies only.")
        )
    return Pooled(
        normal("pooled", value, math.sqrt(1 / float(weights.sum())), level=level),
        tuple(
            normal(*each, level=level) for each in zip(labels, found.tolist(), errors.tolist(), strict=True)
        ),
        tuple((weights / weights.sum()).tolist()),
        *_heterogeneity(q, len(found)),
        tau_squared,
        tuple(notes),
    )


def _inputs(
    values: npt.ArrayLike, std_errors: npt.ArrayLike, names: Sequence[str] | None
) -> tuple[Floats, Floats, tuple[str, ...]]:
    found = numbers(values, "estimates")
    errors = numbers(std_errors, "standard errors")
    same_length(len(found), {"standard errors": errors})
    if (errors <= 0).any():
        raise BadData("Every standard error must be above zero.")
    labels = tuple(names) if names is not None else tuple(str(i + 1) for i in range(len(found)))
    if len(labels) != len(found):
        raise BadData(f"{len(found)} estimates were given, but {len(labels)} names.")
    return found, errors, labels


def _correlations(correlation: float | npt.ArrayLike, k: int) -> Floats:
    given = np.asarray(correlation, dtype=np.float64)
    matrix = np.full((k, k), given) if given.ndim == 0 else given.copy()
    if given.ndim == 0:
        np.fill_diagonal(matrix, 1.0)
    if matrix.shape != (k, k) or not np.isfinite(matrix).all():
        raise BadData(f"The correlation must be one number or a {k} by {k} matrix without gaps.")
    if not np.allclose(matrix, matrix.T) or not np.allclose(np.diag(matrix), 1.0):
        raise BadData("The correlation matrix must be symmetric with ones on its diagonal.")
    if np.linalg.eigvalsh(matrix).min() <= 1e-10:
        raise BadData(
            "No estimates can be correlated in this way; each correlation must lie between -1 and 1."
        )
    return matrix


def _heterogeneity(q: float, k: int) -> tuple[float, int, float, float]:
    from scipy import stats  # costs more than the rest of this module

    if k == 1:
        return 0.0, 0, math.nan, 0.0
    share = max(0.0, (q - (k - 1)) / q) if q > 0 else 0.0
    return q, k - 1, float(stats.chi2.sf(q, k - 1)), share


def _cautions(value: float, found: Floats, weights: Floats) -> list[Note]:
    notes = []
    if len(found) == 1:
        notes.append(Note("one_input", "There is one estimate, so nothing was pooled."))
    else:
        notes.append(
            Note(
                "a_person_judges",
                "Whether these estimates agree is for a person to judge and record; a large p-value of Q is no proof.",
            )
        )
    if (weights < -TIE).any():  # weights sum to 1; one of nil has no sign
        notes.append(
            Note(
                "negative_weight",
                "The correlation is so high that an estimate has a negative weight. Do not use this pool without reasons.",
            )
        )
    near = near_of(found)
    if not found.min() - near <= value <= found.max() + near:
        notes.append(Note("outside_inputs", "The pooled estimate lies outside the range of its inputs."))
    return notes
