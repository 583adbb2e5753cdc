"""The complier average effect: what the programme did where being assigned to it made the difference."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from exports.digits import printed
from impact.columns import Floats, groups, matrix, numbers, same_length
from impact.errors import BadData, NotIdentified
from impact.estimate import Estimate, Note, few_clusters, student
from impact.information import PART, alike, independent, left_over

__all__ = ["ComplierEffect", "complier_effect"]


@dataclass(frozen=True)
class ComplierEffect:
    """`effect` = `assigned_on_outcome` / `assigned_on_received`. `robust_low` to `robust_high` is the Anderson–Rubin interval,
    which stays valid when assignment hardly moves receipt; infinite where the data exclude nothing that far out."""

    effect: Estimate
    assigned_on_outcome: Estimate
    assigned_on_received: Estimate
    first_stage_f: float
    robust_low: float
    robust_high: float
    n_rows: int
    n_clusters: int
    notes: tuple[Note, ...]


def complier_effect(
    outcome: npt.ArrayLike,
    received: npt.ArrayLike,
    assigned: npt.ArrayLike,
    cluster: npt.ArrayLike,
    *,
    covariates: npt.ArrayLike | None = None,
    names: Sequence[str] = (),
    level: float = 0.95,
) -> ComplierEffect:
    """Two-stage least squares with one instrument. With ỹ, d̃, z̃ the residuals on a constant and the covariates:

    b = z̃'ỹ / z̃'d̃ (Wald's ratio), e = ỹ - b·d̃,  V(b) = c Σ_g (Σ_{i∈g} z̃e)² / (z̃'d̃)²,  c = G/(G-1)·(N-1)/(N-k), t on G - 1.
    The Anderson–Rubin interval holds every b whose z̃'(ỹ - b·d̃) is within t·√(c Σ_g(Σ z̃r)²) of 0, r the residual of ỹ - b·d̃ on z̃.

    Shapes: `outcome`, `received` (what reached the child: 0/1, a share or a dose), `assigned` (by the protocol), `cluster` (n,);
    `covariates` (n, k) without a constant, such as period and cluster dummies, named by `names`. Missing values raise BadData;
    no weights. It is the effect on compliers if assignment works only through receipt and makes nobody receive less.
    Raises NotIdentified for collinear columns, one cluster, or an assignment unrelated to receipt.
    Source: Angrist, Imbens & Rubin, JASA 91 (1996) 444-455; Anderson & Rubin, Ann. Math. Stat. 20 (1949) 46-63.
    Checked by hand and against linearmodels IV2SLS (clustered, debiased).
    """
    y, d, z = numbers(outcome, "outcome"), numbers(received, "received"), numbers(assigned, "assigned")
    codes, labels = groups(cluster, "cluster")
    extra = np.empty((len(y), 0)) if covariates is None else matrix(covariates, names)
    same_length(
        len(y), {"received": d, "assigned": z, "cluster": codes.astype(float), "covariates": extra[:, :1]}
    )
    if not 0 < level < 1:
        raise BadData(f"The confidence level must lie between 0 and 1, not {level}.")
    if len(labels) < 2:
        raise NotIdentified("All rows are in one cluster; cluster-robust errors need at least two.")
    if alike(d):
        raise NotIdentified("“received” is the same in every row.")
    ones = np.ones((len(y), 1))
    independent(np.column_stack([ones, extra, z]), ["constant", *names, "assigned"])
    received_by = np.abs(d).max()
    y, d, z = left_over(np.column_stack([ones, extra]), y - y.mean(), d - d.mean(), z - z.mean())
    zz, zd, zy = float(z @ z), float(z @ d), float(z @ y)
    if np.abs(d).max() <= PART * received_by or abs(zd) <= PART * math.sqrt(zz * float(d @ d)):
        raise NotIdentified("Assignment is unrelated to receipt, so nobody can be called a complier.")
    n_columns, n_clusters = extra.shape[1] + 2, len(labels)
    if len(y) <= n_columns:
        raise NotIdentified(f"There are {n_columns} coefficients and only {len(y)} rows.")
    small = n_clusters / (n_clusters - 1) * (len(y) - 1) / (len(y) - n_columns)

    def by_cluster(residual: Floats) -> Floats:
        return np.bincount(codes, z * residual, n_clusters).astype(float)

    def estimate(name: str, value: float, residual: Floats, below: float) -> Estimate:
        error = math.sqrt(small * float((by_cluster(residual) ** 2).sum())) / abs(below)
        return student(name, value, error, n_clusters - 1, level=level)

    effect = estimate("complier average effect", zy / zd, y - zy / zd * d, zd)
    on_outcome = estimate("assigned on outcome", zy / zz, y - zy / zz * z, zz)
    on_received = estimate("assigned on received", zd / zz, d - zd / zz * z, zz)
    low, high = _anderson_rubin(
        zy, zd, by_cluster(y - zy / zz * z), by_cluster(d - zd / zz * z), small, n_clusters, level
    )
    exact = on_received.std_error <= PART * abs(on_received.value)
    if exact:  # what is left of the error is rounding
        on_received = student(on_received.name, on_received.value, 0.0, n_clusters - 1, level=level)
    f = math.inf if exact else (on_received.value / on_received.std_error) ** 2
    return ComplierEffect(
        effect=effect,
        assigned_on_outcome=on_outcome,
        assigned_on_received=on_received,
        first_stage_f=f,
        robust_low=low,
        robust_high=high,
        n_rows=len(y),
        n_clusters=n_clusters,
        notes=few_clusters(n_clusters) + _notes(f, low, high),
    )


def _anderson_rubin(
    zy: float, zd: float, of_y: Floats, of_d: Floats, small: float, n_clusters: int, level: float
) -> tuple[float, float]:
    """The b with (zy - b·zd)² ≤ t²c Σ_g(of_y - b·of_d)²: a quadratic in b, an interval only where its leading term is above 0."""
    from scipy import stats  # costs half of `import numpy`, and is wanted only here

    reach = small * float(stats.t.ppf(0.5 + level / 2, n_clusters - 1)) ** 2
    a = zd**2 - reach * float(of_d @ of_d)
    b = zy * zd - reach * float(of_y @ of_d)
    c = zy**2 - reach * float(of_y @ of_y)
    if a <= 0:
        return -math.inf, math.inf
    root = math.sqrt(max(0.0, b * b - a * c))
    return (b - root) / a, (b + root) / a


def _notes(f: float, low: float, high: float) -> tuple[Note, ...]:
    text = "The effect on compliers holds only if assignment works through receipt alone and makes nobody receive less."
    notes = [Note("complier_assumptions", text)]
    if f < 10:
        text = (
            f"Assignment moves receipt weakly (F = {printed(f, '.1f')}, below 10): read the Anderson–Rubin interval, "
            "not the Wald one."
        )
        notes.append(Note("weak_first_stage", text))
    if math.isinf(low) or math.isinf(high):
        notes.append(
            Note(
                "unbounded_interval",
                "The Anderson–Rubin interval has no finite end: the data cannot bound it.",
            )
        )
    return tuple(notes)
