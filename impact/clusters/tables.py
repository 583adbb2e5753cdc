"""The four standard errors side by side, and the warnings that few clusters call for."""

from __future__ import annotations

import math
from dataclasses import dataclass

from impact.clusters.fitting import ClusterFit, Target
from impact.clusters.variances import cr2, crv1, cv3
from impact.clusters.wild import WildTest, wild_bootstrap
from impact.errors import BadData, NotIdentified
from impact.estimate import Estimate, Note, few_clusters, student

__all__ = ["ErrorTable", "error_table", "small_sample_notes"]

FEW_TREATED = 4


@dataclass(frozen=True)
class ErrorTable:
    """One target with four standard errors. A method that does not exist here has a NaN error (or None) and a note."""

    crv1: Estimate
    cr2: Estimate
    cv3: Estimate
    wild: WildTest | None
    n_clusters: int
    n_treated: int | None
    notes: tuple[Note, ...]


def error_table(
    fitted: ClusterFit,
    target: Target,
    *,
    n_treated: int | None = None,
    n_parameters: int | None = None,
    seed: int = 0,
    n_draws: int = 9_999,
    level: float = 0.95,
) -> ErrorTable:
    """CRV1 with t(G-1), CR2 with Satterthwaite, CV3 and the wild bootstrap of one target, with their warnings.

    `n_treated` is the number of clusters that are ever treated. Where no estimate exists without some cluster, CV3
    is NaN and a note says that CRV1 and CR2 rest on that cluster alone. Raises BadData for an unknown target.
    """
    notes = list(small_sample_notes(fitted.n_clusters, n_treated))
    first = crv1(fitted, target, n_parameters=n_parameters, level=level)
    missing = student(first.name, first.value, math.nan, fitted.n_clusters - 1, level=level)
    second = third = missing
    try:
        second = cr2(fitted, target, level=level)
    except BadData as error:
        notes.append(Note("cr2_missing", str(error)))
    try:
        third = cv3(fitted, target, level=level)
    except NotIdentified as error:
        notes.append(Note("one_cluster", f"{error} CRV1 and CR2 rest on that cluster alone and say little."))
    try:
        wild = wild_bootstrap(fitted, target, seed=seed, n_draws=n_draws, level=level)
        notes.extend(wild.notes)
    except NotIdentified as error:
        wild = None
        notes.append(Note("wild_missing", str(error)))
    return ErrorTable(first, second, third, wild, fitted.n_clusters, n_treated, tuple(notes))


def small_sample_notes(n_clusters: int, n_treated: int | None = None) -> tuple[Note, ...]:
    """What must be printed beside p-values with fewer than ten clusters or fewer than four treated ones.

    The sizes are those of 1,000 simulated panels of ten clusters and six periods with AR(1) errors of .5.
    """
    notes = few_clusters(n_clusters)
    if n_treated is None or n_treated >= FEW_TREATED:
        return notes
    text = (
        f"Only {n_treated} treated clusters: in simulations of 2 treated among 10, CRV1 rejected 12% of true nulls and "
        "CR2 0.3% where 5% was meant. Read the four standard errors together."
    )
    return (*notes, Note("few_treated", text))
