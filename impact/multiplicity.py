"""Several hypotheses at once: Hochberg's adjustment for the family of secondary outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from impact.columns import numbers
from impact.errors import BadData
from impact.estimate import Note
from impact.ties import is_rejected

__all__ = ["Adjusted", "hochberg"]


@dataclass(frozen=True)
class Adjusted:
    """Adjusted p-values in the order given. `family_size` counts the hypotheses that the plan names."""

    names: tuple[str, ...]
    p_values: tuple[float, ...]
    adjusted: tuple[float, ...]
    is_rejected: tuple[bool, ...]
    alpha: float
    family_size: int
    notes: tuple[Note, ...]


def hochberg(
    p_values: npt.ArrayLike,
    names: Sequence[str] | None = None,
    *,
    alpha: float = 0.05,
    family_size: int | None = None,
) -> Adjusted:
    """Hochberg's step-up adjustment: adj(i) = min over j ≥ i of (m - j + 1) p(j), for p(1) ≤ … ≤ p(m).

    Source: Hochberg (1988), Biometrika 75:800, doi:10.1093/biomet/75.4.800. Checked against R 4 `p.adjust` and
    statsmodels 0.15 `multipletests(method="simes-hochberg")`.

    `p_values` has shape (k,). `family_size` m ≥ k is the number of outcomes in the plan: an outcome that could not
    be estimated counts as p = 1, so that losing it never makes the others easier. Controls the family-wise error
    for independent or positively dependent tests, and says so in a note. What is `alpha` but for rounding is rejected.
    Missing p-values raise BadData, as does one outside 0 to 1.
    """
    found = numbers(p_values, "p-values")
    if ((found < 0) | (found > 1)).any():
        raise BadData("A p-value lies outside 0 to 1.")
    if not 0 < alpha < 1:
        raise BadData(f"alpha must lie between 0 and 1, not {alpha}.")
    size = len(found) if family_size is None else family_size
    if size < len(found):
        raise BadData(f"The family has {size} hypotheses, but {len(found)} p-values were given.")
    labels = tuple(names) if names is not None else tuple(str(i + 1) for i in range(len(found)))
    if len(labels) != len(found) or len(set(labels)) != len(labels):
        raise BadData("Give each p-value one name of its own.")
    order = np.argsort(-found, kind="stable")
    multipliers = np.arange(len(found)) + 1 + size - len(found)
    # Starting from 1 is what the absent members of the family contribute.
    steps = np.minimum(1.0, np.minimum.accumulate(multipliers * found[order]))
    adjusted = np.empty(len(found))
    adjusted[order] = steps
    notes = [
        Note(
            "positive_dependence", "Hochberg's adjustment assumes independent or positively dependent tests."
        )
    ]
    if size > len(found):
        notes.append(
            Note("absent_outcomes", f"{size - len(found)} planned outcomes have no p-value and count as 1.")
        )
    return Adjusted(
        labels,
        tuple(found.tolist()),
        tuple(adjusted.tolist()),
        tuple(is_rejected(adjusted, alpha).tolist()),
        alpha,
        size,
        tuple(notes),
    )
