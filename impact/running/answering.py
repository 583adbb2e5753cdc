"""Which model answers, and how answers of several imputations become one."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from impact import covariates
from impact.errors import NotIdentified
from impact.estimate import Note
from impact.plans import AnalysisPlan
from impact.running import beside, differences, staggers, wedges
from impact.running.answers import Answer
from impact.running.inputs import Inputs
from impact.running.samples import Sample

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["answer"]


def answer(sample: Sample, analysis: AnalysisPlan, inputs: Inputs) -> Answer:
    """The answer of the analysis' model. With imputations it is pooled by Rubin's rules over the completed frames."""
    ask = _MODELS[analysis.model]
    answers = [ask(frame, sample, analysis, inputs) for frame in sample.frames]
    return answers[0] if len(answers) == 1 else _pooled(answers)


def _pooled(answers: Sequence[Answer]) -> Answer:
    """Lines without a standard error (a wild bootstrap, say) cannot be pooled and are left out."""
    lines, skipped = [], []
    # A standard error may be lacking in one imputation, so lines are told apart by what they are.
    known = [
        {(line.estimate.name, line.scale, line.error): line.estimate for line in found.lines}
        for found in answers
    ]
    for first in answers[0].lines:
        key = (first.estimate.name, first.scale, first.error)
        own = [lines_of[key] for lines_of in known if key in lines_of]
        if len(own) < len(answers) or any(not one.std_error > 0 for one in own):
            skipped.append(f"{first.estimate.name} ({first.error})" if first.error else first.estimate.name)
            continue
        df = min((one.df for one in own if one.df is not None), default=math.inf)
        pooled = covariates.rubin(
            [one.value for one in own],
            [one.std_error**2 for one in own],
            complete_df=df,
            name=first.estimate.name,
            level=first.estimate.level,
        )
        lines.append(replace(first, estimate=pooled.estimate))
    if not lines:
        raise NotIdentified("No estimate has a standard error in every imputation, so none can be pooled.")
    text = f"Pooled over {len(answers)} imputations; diagnostics and figures are those of the first."
    notes = [Note("pooled", text)]
    if skipped:
        notes.append(Note("not_pooled", f"Without standard errors to pool: {', '.join(skipped)}."))
    return replace(answers[0], lines=tuple(lines), notes=(*answers[0].notes, *notes))


_MODELS: dict[str, Callable[[pd.DataFrame, Sample, AnalysisPlan, Inputs], Answer]] = {
    "wedge_logit": wedges.wedge_model("logit"),
    "wedge_linear": wedges.wedge_model("linear"),
    "permutation": wedges.permutation,
    "did": differences.difference,
    "did_logit": differences.logit,
    "bacon": staggers.bacon,
    "callaway_santanna": staggers.callaway_santanna,
    "sun_abraham": staggers.sun_abraham,
    "fgls": staggers.fgls,
    "anova": staggers.variance,
    "random_effects": beside.random_effects,
    "hurdle": beside.hurdles,
    "tobit": beside.tobit,
}
