"""Every estimator once, on small data made from a seed, so that tests can ask it the same question in other circumstances."""

from tests.impact.everywhere import children, designs, figures, models  # noqa: F401 - they fill the registry
from tests.impact.everywhere.registry import CASES, Case

__all__ = ["CASES", "Case"]
