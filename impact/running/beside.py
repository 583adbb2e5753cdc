"""Models beside the main ones: random effects of children, hurdle and Tobit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from impact import censored, hurdle, panels
from impact.columns import Floats
from impact.errors import BadData
from impact.estimate import Note
from impact.plans import AnalysisPlan
from impact.running.answers import Answer, Line, renamed, with_terms
from impact.running.inputs import Inputs
from impact.running.samples import Sample

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["hurdles", "random_effects", "tobit"]

SITES_IGNORED = Note(
    "sites_ignored",
    "The error takes children as independent of each other. Children of one site are not, so it is too small.",
)
BY_SITE = "clustered by site"


def _design(frame: pd.DataFrame, sample: Sample) -> tuple[Floats, list[str]]:
    """Treatment, periods and sites (all but the first of each), and covariates."""
    frame, covariates = with_terms(frame, sample)
    columns, names = [frame["treated"].to_numpy(dtype=np.float64)], ["treated"]
    for kind in ("period", "site"):
        for label in sorted(frame[kind].unique())[1:]:
            columns.append((frame[kind] == label).to_numpy(dtype=np.float64))
            names.append(f"{kind} {label}")
    columns += [frame[name].to_numpy(dtype=np.float64) for name in covariates]
    return np.column_stack(columns), [*names, *covariates]


def random_effects(frame: pd.DataFrame, sample: Sample, analysis: AnalysisPlan, inputs: Inputs) -> Answer:
    """A random effect of each child beside site and period effects: the protocols' model for repeated absence rates."""
    import pandas as pd

    if not sample.is_repeated:
        raise BadData(
            f"The outcome “{sample.outcome.id}” has one row a child, so children have no random effect."
        )
    design, names = _design(frame, sample)
    table = pd.DataFrame(design, columns=names).assign(
        value=frame["value"].to_numpy(dtype=np.float64), child=frame["child"].to_numpy()
    )
    found = panels.random_effects(table, outcome="value", covariates=names, unit="child")
    own = next(one for one in found.clustered if one.name == "treated")
    diagnostics: dict[str, float | str | None] = {
        "standard deviation between children": found.sigma_unit,
        "standard deviation of the errors": found.sigma_error,
    }
    line = Line(own, sample.unit, "clustered by child")
    return Answer((line,), frame["site"].nunique(), diagnostics, (), (*found.notes, SITES_IGNORED))


def hurdles(frame: pd.DataFrame, sample: Sample, analysis: AnalysisPlan, inputs: Inputs) -> Answer:
    """Any days at all, and how many: a negative binomial hurdle with the average effect of both together."""
    design, names = _design(frame, sample)
    found = hurdle.hurdle(
        frame["value"], design, names, distribution="negbin", effect_of="treated", cluster=frame["site"]
    )
    zero = next(one for one in found.zero if one.name == "treated")
    many = next(one for one in found.count if one.name == "treated")
    lines = [
        Line(renamed(zero, "treated: any"), "log-odds", BY_SITE),
        Line(renamed(many, "treated: how many"), "log of the mean", BY_SITE),
    ]
    if found.average_effect is not None:
        lines.insert(0, Line(renamed(found.average_effect, "treated"), sample.unit, BY_SITE))
    diagnostics: dict[str, float | str | None] = {
        "log-likelihood": found.log_likelihood,
        "theta": found.theta,
    }
    return Answer(tuple(lines), frame["site"].nunique(), diagnostics, (), found.notes)


def tobit(frame: pd.DataFrame, sample: Sample, analysis: AnalysisPlan, inputs: Inputs) -> Answer:
    """Days that were cut at the end of the window, by a normal model of the days that were not seen."""
    if "censored" not in frame:
        raise BadData(f"The outcome “{sample.outcome.id}” is not censored, so a Tobit model has no use.")
    design, names = _design(frame, sample)
    # Only who was cut has a limit of their own: the number of days at which they were cut.
    right = np.where(frame["censored"], frame["value"], np.inf).astype(np.float64)
    value = frame["value"].to_numpy(dtype=np.float64)
    # Days on plans pile up at nil, which the model takes for a limit; days of a plan do not.
    left = 0.0 if (value == 0).any() else None
    found = censored.tobit(value, design, names, left=left, right=right, cluster=frame["site"])
    lines = tuple(Line(one, sample.unit, BY_SITE) for one in found.coefficients if one.name == "treated")
    n_cut = found.n_right
    share = None if 0 < n_cut < inputs.plan.smallest_count else 100 * n_cut / len(frame)
    diagnostics: dict[str, float | str | None] = {
        "log-likelihood": found.log_likelihood,
        "share cut at the end of the window, percent": share,
    }
    return Answer(lines, frame["site"].nunique(), diagnostics, (), found.notes)
