"""Checks of what comes in: numbers finite, lengths equal, clusters and weights usable. Each error names the column."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from exports.digits import printed
from impact.errors import BadData, NotIdentified
from impact.estimate import Note, few_clusters

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Floats",
    "Ints",
    "clustered",
    "groups",
    "matrix",
    "named",
    "numbers",
    "outcome_01",
    "same_length",
    "weights",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def numbers(values: npt.ArrayLike, name: str) -> Floats:
    """A float array of shape (n,) without NaN or infinity. Raises BadData that names the first bad row, from 1."""
    try:
        found = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise BadData(f"“{name}” holds something that is not a number.") from None
    if found.ndim != 1:
        raise BadData(f"“{name}” must be one column; it has {found.ndim} dimensions.")
    if found.size == 0:
        raise BadData(f"“{name}” is empty.")
    bad = ~np.isfinite(found)
    if bad.any():
        row = int(np.argmax(bad)) + 1
        raise BadData(f"“{name}” is missing or infinite in {int(bad.sum())} rows, first in row {row}.")
    return found


def matrix(values: npt.ArrayLike, names: Sequence[str]) -> Floats:
    """A float array of shape (n, k) whose k columns are named. Raises BadData as `numbers` does."""
    found = np.asarray(values, dtype=np.float64)
    if found.ndim != 2 or found.shape[1] != len(names):
        raise BadData(f"The covariates have shape {found.shape}, but {len(names)} names were given.")
    for place, name in enumerate(names):
        numbers(found[:, place], name)
    return found


def groups(values: npt.ArrayLike, name: str) -> tuple[Ints, npt.NDArray[np.object_]]:
    """Codes 0…G-1 of shape (n,) and the G labels in sorted order. Raises BadData for a missing label."""
    found = np.asarray(values)
    if found.ndim != 1:
        raise BadData(f"“{name}” must be one column.")
    missing = np.array([v is None or v != v for v in found.tolist()], dtype=bool)
    if missing.any():
        raise BadData(
            f"“{name}” is missing in {int(missing.sum())} rows, first in row {int(np.argmax(missing)) + 1}."
        )
    labels, codes = np.unique(found, return_inverse=True)
    return np.ravel(codes).astype(np.int64), labels.astype(object)


def weights(values: npt.ArrayLike | None, n: int, name: str = "weights") -> Floats:
    """Weights of shape (n,), ones where none are given. Raises BadData unless every weight is above zero."""
    if values is None:
        return np.ones(n)
    found = numbers(values, name)
    same_length(n, {name: found})
    if (found <= 0).any():
        row = int(np.argmax(found <= 0)) + 1
        raise BadData(
            f"“{name}” must be above zero; row {row} holds {printed(found[row - 1], 'g')}. Leave such rows out."
        )
    return found


def outcome_01(values: npt.ArrayLike, name: str) -> Floats:
    """A binary outcome of shape (n,), 0 or 1. Raises BadData for anything else."""
    found = numbers(values, name)
    bad = (found != 0) & (found != 1)
    if bad.any():
        row = int(np.argmax(bad)) + 1
        raise BadData(f"“{name}” must be 0 or 1; row {row} holds {printed(found[row - 1], 'g')}.")
    return found


def same_length(n: int, columns: dict[str, Floats]) -> None:
    """Raises BadData for a column that has not n rows."""
    for name, column in columns.items():
        if len(column) != n:
            raise BadData(f"“{name}” has {len(column)} rows, the outcome has {n}.")


def clustered(scores: Floats, cluster: npt.ArrayLike) -> tuple[Floats, float, tuple[Note, ...]]:
    """The middle of a sandwich, G/(G - 1) Σ_g s_g s_g', its G - 1 degrees of freedom, and the notes that go with it.

    `scores` (n, k) are gradients of the log-likelihood by row, s_g their sums by cluster. Raises NotIdentified for one cluster.
    """
    codes, labels = groups(cluster, "cluster")
    same_length(len(scores), {"cluster": codes.astype(float)})
    n = len(labels)
    if n < 2:
        raise NotIdentified("Clustered standard errors need at least two clusters.")
    sums = np.zeros((n, scores.shape[1]))
    np.add.at(sums, codes, scores)
    notes = few_clusters(n)
    if scores.shape[1] >= n:
        text = f"{scores.shape[1]} coefficients from {n} clusters: standard errors of dummies of the clusters mean nothing."
        notes = (*notes, Note("more_coefficients_than_clusters", text))
    return sums.T @ sums * n / (n - 1), float(n - 1), notes


def named(frame: pd.DataFrame, name: str) -> pd.Series:
    """A column of a frame. Raises BadData that suggests the nearest name."""
    if name in frame.columns:
        return frame[name]
    near = difflib.get_close_matches(name, [str(c) for c in frame.columns], n=1)
    hint = f" Did you mean “{near[0]}”?" if near else ""
    raise BadData(f"There is no column “{name}”.{hint}")
