"""Logistic regression with a normal random intercept for each cluster, by Laplace or adaptive Gauss–Hermite quadrature."""

from impact.glmm.fits import LogitFit, average_effect, random_intercept_logit
from impact.glmm.patterns import Patterns, collapse

__all__ = ["LogitFit", "Patterns", "average_effect", "collapse", "random_intercept_logit"]
