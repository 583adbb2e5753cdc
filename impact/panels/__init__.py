"""Panels of sites over time: effects of sites and periods, random effects, Hausman's test, GLS with serial correlation."""

from impact.panels.effects import PanelFit, fixed_effects
from impact.panels.gls import GlsFit, cell_means, feasible_gls
from impact.panels.random_effects import HausmanTest, RandomEffects, between, hausman, random_effects, within

__all__ = [
    "GlsFit",
    "HausmanTest",
    "PanelFit",
    "RandomEffects",
    "between",
    "cell_means",
    "feasible_gls",
    "fixed_effects",
    "hausman",
    "random_effects",
    "within",
]
