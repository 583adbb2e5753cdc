"""Difference-in-differences as a plan asks for it: one question a function, four standard errors beside each answer."""

from impact.did.answers import Did
from impact.did.design import Columns
from impact.did.events import EventStudy, event_study
from impact.did.large import effect_in_files
from impact.did.questions import (
    against_comparators,
    by_time_since,
    common_shock,
    dose,
    effect,
    placebo,
    triple_difference,
)
from impact.did.rare import LogitDid, baseline_rate, logit_effect
from impact.did.settling import settled

__all__ = [
    "Columns",
    "Did",
    "EventStudy",
    "LogitDid",
    "against_comparators",
    "baseline_rate",
    "by_time_since",
    "common_shock",
    "dose",
    "effect",
    "effect_in_files",
    "event_study",
    "logit_effect",
    "placebo",
    "settled",
    "triple_difference",
]
