"""Shares of a count with their intervals, and the difference of two. The numerics are statsmodels'."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Literal, SupportsIndex

from impact.errors import BadData

__all__ = ["Difference", "Proportion", "difference", "proportion"]


@dataclass(frozen=True)
class Proportion:
    """A share between 0 and 1 with its interval."""

    count: int
    n: int
    share: float
    low: float
    high: float
    level: float
    method: str


@dataclass(frozen=True)
class Difference:
    """First share less second, with Newcombe's interval and the p-value of the chi-squared test without correction."""

    first: Proportion
    second: Proportion
    value: float
    low: float
    high: float
    p_value: float
    level: float


def proportion(
    count: SupportsIndex,
    n: SupportsIndex,
    *,
    method: Literal["wilson", "exact"] = "wilson",
    level: float = 0.95,
) -> Proportion:
    """Wilson's score interval, or the exact one of Clopper and Pearson.

    Sources: Wilson (1927), JASA 22:209, doi:10.1080/01621459.1927.10502953; Clopper and Pearson (1934), Biometrika 26:404,
    doi:10.1093/biomet/26.4.404. Computed by statsmodels 0.15 `proportion_confint`; checked against R
    `prop.test(correct=FALSE)` and `scipy.stats.binomtest`. At counts of 0 and n the end is exactly 0 or 1. Whole numbers
    only; missing answers are left out of n by the caller. Raises BadData for n < 1 or a count outside 0 … n. For a complete
    census of a finite group there is nothing to infer, and no interval should be printed.
    """
    from statsmodels.stats.proportion import proportion_confint  # 0.9 s, wanted only here

    x, size = _whole(count, "count"), _whole(n, "base")
    if size < 1 or not 0 <= x <= size:
        raise BadData(f"A count must lie between 0 and its base, and the base above 0: {x} of {size}.")
    if not 0 < level < 1:
        raise BadData(f"The confidence level must lie between 0 and 1, not {level}.")
    low, high = proportion_confint(
        x, size, alpha=1 - level, method="wilson" if method == "wilson" else "beta"
    )
    return Proportion(
        x, size, x / size, 0.0 if x == 0 else float(low), 1.0 if x == size else float(high), level, method
    )


def difference(
    first_count: SupportsIndex,
    first_n: SupportsIndex,
    second_count: SupportsIndex,
    second_n: SupportsIndex,
    *,
    level: float = 0.95,
) -> Difference:
    """p1 - p2 with Newcombe's hybrid score interval, and Pearson's chi-squared test.

    Source: Newcombe (1998), Statistics in Medicine 17:873, method 10. Computed from the two Wilson intervals; checked
    against statsmodels 0.15 `confint_proportions_2indep(method="newcomb")` and the paper's 56/70 - 48/80. The groups must be
    independent: rows from a few local authorities are not, and need a clustered model. Where both groups have
    no case, or only cases, the p-value is 1. Raises BadData as `proportion` does.
    """
    from scipy import stats  # costs more than the rest of this module

    one, two = proportion(first_count, first_n, level=level), proportion(second_count, second_n, level=level)
    value = one.share - two.share
    low = value - ((one.share - one.low) ** 2 + (two.high - two.share) ** 2) ** 0.5
    high = value + ((one.high - one.share) ** 2 + (two.share - two.low) ** 2) ** 0.5
    both = (one.count + two.count) / (one.n + two.n)
    variance = both * (1 - both) * (1 / one.n + 1 / two.n)
    p_value = float(stats.chi2.sf(value**2 / variance, 1)) if variance > 0 else 1.0
    return Difference(one, two, value, low, high, p_value, level)


def _whole(value: SupportsIndex, name: str) -> int:
    try:
        return operator.index(value)
    except TypeError:
        raise BadData(f"The {name} must be a whole number, not {value!r}.") from None
