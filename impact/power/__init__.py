"""What a design can detect: stepped wedges by formula and by simulation, and clustered difference-in-differences."""

from impact.power.differences import (
    DidPower,
    autocorrelation_behind,
    did_minimum_effect,
    did_power,
    did_readings,
    did_size_needed,
)
from impact.power.trials import SimulatedPower, simulate_power
from impact.power.wedges import (
    READINGS,
    Known,
    Outcome,
    Reading,
    WedgePower,
    closed_form_variance,
    copies_needed,
    minimum_effect,
    size_needed,
    treatment_variance,
    wedge_power,
)

__all__ = [
    "READINGS",
    "DidPower",
    "Known",
    "Outcome",
    "Reading",
    "SimulatedPower",
    "WedgePower",
    "autocorrelation_behind",
    "closed_form_variance",
    "copies_needed",
    "did_minimum_effect",
    "did_power",
    "did_readings",
    "did_size_needed",
    "minimum_effect",
    "simulate_power",
    "size_needed",
    "treatment_variance",
    "wedge_power",
]
