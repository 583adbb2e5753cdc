"""What to do about covariates with gaps and contradictions: drop, indicate, impute and pool; constants, ages, categories."""

from impact.covariates.imputation import Imputed, Rubin, impute, rubin
from impact.covariates.missing import Missingness, Screened, missing_indicators, screen
from impact.covariates.recoded import Recoded
from impact.covariates.recorded import Ages, ages, known_categories, one_value_per_child

__all__ = [
    "Ages",
    "Imputed",
    "Missingness",
    "Recoded",
    "Rubin",
    "Screened",
    "ages",
    "impute",
    "known_categories",
    "missing_indicators",
    "one_value_per_child",
    "rubin",
    "screen",
]
