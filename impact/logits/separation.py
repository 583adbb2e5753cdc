"""Whether a linear combination of columns predicts a binary outcome perfectly, so that no estimate exists."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from impact.columns import Floats
from impact.errors import NotIdentified

__all__ = ["refuse_separation"]


def refuse_separation(signed: Floats, names: Sequence[str]) -> None:
    """Raises NotIdentified, naming columns, where some b ≠ 0 has signed @ b ≥ 0 everywhere and > 0 somewhere.

    `signed` (n, k) are the rows times +1 for outcome 1 and -1 for outcome 0, or within-stratum differences of cases
    less controls. Quasi-complete separation counts. The linear programme maximises the sum of signed @ b over |b| ≤ 1.
    Source: Konis 2007, Linear programming algorithms for detecting separated data, Oxford thesis.
    """
    from scipy.optimize import linprog  # a third of a second to import, and hardly ever wanted

    size = np.sqrt((signed**2).mean(axis=0))
    rows = np.unique(np.round(signed / np.where(size > 0, size, 1), 12), axis=0)
    found = linprog(-rows.sum(axis=0), A_ub=-rows, b_ub=np.zeros(len(rows)), bounds=(-1, 1), method="highs")
    if found.status != 0 or -found.fun <= 1e-7:
        return
    guilty = [name for name, b in zip(names, found.x, strict=True) if abs(b) > 1e-7]
    varying = [n for n in guilty if np.ptp(np.abs(signed[:, list(names).index(n)])) > 0] or guilty
    shown = ", ".join(f"“{name}”" for name in varying[:5]) + (" …" if len(varying) > 5 else "")
    raise NotIdentified(
        f"The outcome is predicted perfectly for some rows by {shown}: no finite estimate exists. Merge rare "
        "categories, or leave out the rows that are predicted."
    )
