"""Rare and common outcomes: the logistic difference-in-differences, and the baseline rate that calls for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from impact.columns import groups, named, numbers, outcome_01
from impact.did.design import Columns, count_sites, design_notes, refuse_few, treatment
from impact.errors import NotIdentified
from impact.estimate import Estimate, Note
from impact.logits import average_effects, logit

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LogitDid", "baseline_rate", "logit_effect"]


@dataclass(frozen=True, eq=False)
class LogitDid:
    """A logistic difference-in-differences: log odds, and the mean change in probability over treated rows."""

    log_odds: Estimate
    average_effect: Estimate
    n_rows: int
    n_sites: int
    n_treated: int
    notes: tuple[Note, ...]


def baseline_rate(frame: pd.DataFrame, columns: Columns) -> tuple[float, bool]:
    """The share with the outcome among untreated rows of sites treated at some time, and whether a logit is called for:
    outside 5% to 95%, as in the evaluation protocol of Family Valued (footnote 21). Unweighted. Raises NotIdentified
    where no such row exists.
    """
    d = treatment(frame, columns)
    y = outcome_01(named(frame, columns.outcome), columns.outcome)
    codes, sites = groups(named(frame, columns.site), columns.site)
    ever = np.zeros(len(sites), dtype=bool)
    ever[codes[d > 0]] = True
    before = ever[codes] & (d == 0)
    if not before.any():
        raise NotIdentified("No row of a treated site lies before treatment.")
    rate = float(y[before].mean())
    return rate, not 0.05 <= rate <= 0.95


def logit_effect(frame: pd.DataFrame, columns: Columns, *, level: float = 0.95) -> LogitDid:
    """The same model as a logit with site and period dummies, for outcomes rarer than 5% or commoner than 95%.

    The average effect is the mean over treated rows of P(y = 1) with D = 1 less that with D = 0 (Puhani 2012,
    doi:10.1016/j.econlet.2011.11.025), by the delta method: what costs need. Errors are clustered by site, t(G-1).
    Raises as `effect`, and NotIdentified for separation, such as a site or period without any event.
    """
    d = treatment(frame, columns)
    refuse_few(frame, columns, d)
    design, names = [np.ones(len(d))], ["constant"]
    for column in (columns.period, columns.site):
        codes, labels = groups(named(frame, column), column)
        design += [(codes == place).astype(float) for place in range(1, len(labels))]
        names += [f"{column} {label}" for label in labels[1:]]
    design += [numbers(named(frame, name), name) for name in columns.covariates]
    table = np.column_stack([*design, d])
    fitted = logit(
        numbers(named(frame, columns.outcome), columns.outcome),
        table,
        [*names, *columns.covariates, columns.treated],
        weight=None if columns.weight is None else named(frame, columns.weight),
        clusters=named(frame, columns.cluster or columns.site),
        level=level,
    )
    discrete = {columns.treated} if set(np.unique(d).tolist()) <= {0.0, 1.0} else set()
    average = average_effects(fitted, [columns.treated], discrete=discrete, among=d > 0, level=level)[0]
    n_sites, n_treated = count_sites(frame, columns, d)
    notes = (*fitted.notes, *design_notes(frame, columns, d))
    return LogitDid(fitted[columns.treated], average, len(d), n_sites, n_treated, notes)
