"""Staggered roll-out: what two-way fixed effects average over, and estimators that do not compare treated with treated."""

from impact.staggered.bacon import BaconDecomposition, Comparison, bacon
from impact.staggered.callaway_santanna import (
    Aggregate,
    CellEffect,
    GroupTimeEffects,
    aggregate,
    group_time_effects,
)
from impact.staggered.rollout import first_treated
from impact.staggered.sun_abraham import SunAbraham, sun_abraham

__all__ = [
    "Aggregate",
    "BaconDecomposition",
    "CellEffect",
    "Comparison",
    "GroupTimeEffects",
    "SunAbraham",
    "aggregate",
    "bacon",
    "first_treated",
    "group_time_effects",
    "sun_abraham",
]
