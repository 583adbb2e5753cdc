"""Logistic regression: cluster-robust errors, average marginal effects, conditional logit; separation is refused."""

from impact.logits.conditional import ConditionalFit, conditional_logit
from impact.logits.plain import LogitFit, average_difference, average_effects, logit

__all__ = [
    "ConditionalFit",
    "LogitFit",
    "average_difference",
    "average_effects",
    "conditional_logit",
    "logit",
]
