"""Rows of a 0/1 outcome or of counts, checked, and collapsed to the patterns of cluster and covariates that occur."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from exports.digits import printed
from impact.columns import Floats, Ints, groups, matrix, numbers, same_length
from impact.errors import BadData, NotIdentified
from impact.information import independent

__all__ = ["Data", "Patterns", "collapse", "prepared"]


@dataclass(frozen=True)
class Patterns:
    """Rows that share cluster and covariates, summed: `events` of `trials` (m,), `x` (m, k), `cluster` codes (m,) ascending."""

    events: Floats
    trials: Floats
    x: Floats
    cluster: Ints


def collapse(events: Floats, trials: Floats, x: Floats, cluster: Ints) -> Patterns:
    """Sum rows with the same cluster and covariates. Exact: the likelihood changes by a constant that is added back.

    Shapes: (n,), (n,), (n, k), (n,) codes. Rows are compared bit by bit; a hash only brings equal rows together.
    """
    keys = np.column_stack([cluster.astype(np.float64), x]) + 0.0  # turns -0.0 into 0.0
    mixed = np.zeros(len(keys), dtype=np.uint64)
    for column in keys.T:
        mixed = (mixed ^ np.ascontiguousarray(column).view(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    order = np.lexsort((mixed, cluster))
    same = (mixed[order][1:] == mixed[order][:-1]) & (cluster[order][1:] == cluster[order][:-1])
    arranged = keys[order]
    if not (arranged[1:][same] == arranged[:-1][same]).all():  # two different rows share a hash: sort in full
        order = np.lexsort(keys.T[::-1])
        arranged = keys[order]
        same = (arranged[1:] == arranged[:-1]).all(axis=1)
    first = np.flatnonzero(np.r_[True, ~same])
    return Patterns(
        events=np.add.reduceat(events[order], first),
        trials=np.add.reduceat(trials[order], first),
        x=np.ascontiguousarray(arranged[first, 1:]),
        cluster=cluster[order][first],
    )


@dataclass(frozen=True)
class Data:
    patterns: Patterns
    labels: npt.NDArray[np.object_]
    n_rows: int
    constant: float  # Σ log C(n, y) of the rows as given


def prepared(
    outcome: npt.ArrayLike,
    x: npt.ArrayLike,
    cluster: npt.ArrayLike,
    names: Sequence[str],
    trials: npt.ArrayLike | None,
) -> Data:
    y, columns = numbers(outcome, "outcome"), matrix(x, names)
    n = np.ones(len(y)) if trials is None else numbers(trials, "trials")
    codes, labels = groups(cluster, "cluster")
    same_length(len(y), {"the covariates": columns[:, 0], "cluster": codes.astype(float), "trials": n})
    bad = (y < 0) | (y > n) | (y != np.floor(y)) | (n != np.floor(n)) | (n < 1)
    if bad.any():
        row = int(np.argmax(bad))
        allowed = (
            "0 or 1"
            if trials is None
            else f"a whole number from 0 to its trials ({printed(n[row], 'g')}, at least 1)"
        )
        raise BadData(f"“outcome” must be {allowed}; row {row + 1} holds {printed(y[row], 'g')}.")
    if len(labels) < 2:
        raise NotIdentified("All rows are in one cluster; a random intercept needs at least two.")
    if y.sum() in (0, n.sum()):
        raise NotIdentified("Every outcome is the same, so no coefficient of a logit is finite.")
    patterns = collapse(y, n, columns, codes)
    independent(patterns.x, names)
    if trials is None:
        return Data(patterns, labels, len(y), 0.0)
    from scipy.special import gammaln  # wanted only here

    constant = float((gammaln(n + 1) - gammaln(y + 1) - gammaln(n - y + 1)).sum())
    return Data(patterns, labels, round(float(n.sum())), constant)
