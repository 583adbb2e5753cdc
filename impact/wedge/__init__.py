"""The analysis of a stepped-wedge trial: effects by question, treatment definitions, permutation over allowed orders."""

from impact.wedge.definitions import OpenTime, Outside, outside_embedding, treated_by_open_time
from impact.wedge.design import Wedge, prepare, treated_from
from impact.wedge.effects import LikelihoodRatio, WedgeEffect, by_exposure, by_readiness, immediate
from impact.wedge.orders import permutation

__all__ = [
    "LikelihoodRatio",
    "OpenTime",
    "Outside",
    "Wedge",
    "WedgeEffect",
    "by_exposure",
    "by_readiness",
    "immediate",
    "outside_embedding",
    "permutation",
    "prepare",
    "treated_by_open_time",
    "treated_from",
]
