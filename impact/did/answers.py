"""One model fitted, and each of its terms answered with four standard errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from impact.clusters import ClusterFit, ErrorTable, error_table
from impact.columns import Floats
from impact.did.design import (
    Columns,
    absorbed_by_effects,
    count_sites,
    design_notes,
    pilots,
    posts,
    refuse_few,
)
from impact.errors import BadData
from impact.estimate import Note
from impact.panels import fixed_effects

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Did", "answer"]


@dataclass(frozen=True, eq=False)
class Did:
    """Answers by term, each with CRV1, CR2, CV3 and the wild bootstrap; `fitted` answers for other contrasts."""

    question: str
    terms: Mapping[str, ErrorTable]
    fitted: ClusterFit
    n_rows: int
    n_sites: int
    n_treated: int
    notes: tuple[Note, ...]


def answer(
    question: str,
    frame: pd.DataFrame,
    columns: Columns,
    terms: Mapping[str, Floats],
    treated: Floats,
    *,
    nuisance: Mapping[str, Floats] | None = None,
    notes: Sequence[Note] = (),
    seed: int = 0,
) -> Did:
    """Least squares of the outcome on effects, covariates, `post`, nuisance columns and terms; `treated` marks rows
    of treated sites or times and serves to count sites. Raises BadData and NotIdentified.
    """
    refuse_few(frame, columns, treated)
    candidates: dict[str, Floats] = {}
    if not columns.site_effects:
        candidates["pilot"] = pilots(frame, columns)
    if columns.post is not None:
        candidates[columns.post] = posts(frame, columns)
    extra, absorbed = absorbed_by_effects(frame, columns, candidates | dict(nuisance or {}))
    if clash := (set(terms) | set(extra)) & set(columns.covariates):
        raise BadData(f"“{min(clash)}” is named as a covariate, but the model has it already.")
    fitted = fixed_effects(
        frame.assign(**extra, **terms),
        outcome=columns.outcome,
        covariates=[*columns.covariates, *extra, *terms],
        site=columns.site,
        period=columns.period,
        cluster=columns.cluster,
        weight=columns.weight,
        site_effects=None if columns.site_effects else "none",
    ).fitted
    n_sites, n_treated = count_sites(frame, columns, treated)
    tables = {name: error_table(fitted, name, n_treated=n_treated, seed=seed) for name in terms}
    shared = (*notes, *absorbed, *design_notes(frame, columns, treated))
    return Did(question, tables, fitted, fitted.n_rows, n_sites, n_treated, shared)
