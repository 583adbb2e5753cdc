"""Uncertainty beside a share: sampling intervals, finite populations, and what silent staff could change.

Pure: counts in, frozen intervals out, as shares between 0 and 1. Checked against statsmodels 0.15
`proportion_confint` and the worked examples of the R package samplingbook (`Sprop`).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import sqrt
from statistics import NormalDist


@dataclass(frozen=True)
class Interval:
    lower: float
    upper: float
    method: str


@dataclass(frozen=True)
class Bounds:
    """The share if every silent person had disagreed (lower) or agreed (upper). Exact."""

    lower: Fraction
    upper: Fraction
    n_silent: int


def _check(count: int, n: int, confidence: float) -> None:
    if n <= 0:
        raise ValueError("an interval needs at least one answer")
    if not 0 <= count <= n:
        raise ValueError("the count must lie between 0 and the base")
    if not 0 < confidence < 1:
        raise ValueError("confidence is a share between 0 and 1")


def wilson(count: int, n: int, *, confidence: float = 0.95) -> Interval:
    """Wilson's score interval (JASA 1927, 22:209), without continuity correction."""
    _check(count, n, confidence)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = count / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    # At the ends the formula is 0 or 1 exactly; floating point would leave a crumb.
    lower = 0.0 if count == 0 else max(0.0, centre - half)
    upper = 1.0 if count == n else min(1.0, centre + half)
    return Interval(lower, upper, "wilson")


def clopper_pearson(count: int, n: int, *, confidence: float = 0.95) -> Interval:
    """The exact binomial interval of Clopper and Pearson (Biometrika 1934, 26:404)."""
    from scipy.stats import beta  # half a second, which no start of the application needs

    _check(count, n, confidence)
    tail = (1 - confidence) / 2
    lower = 0.0 if count == 0 else float(beta.ppf(tail, count, n - count + 1))
    upper = 1.0 if count == n else float(beta.ppf(1 - tail, count + 1, n - count))
    return Interval(lower, upper, "clopper-pearson")


def finite_approximate(count: int, n: int, population: int, *, confidence: float = 0.95) -> Interval:
    """Normal interval for a sample without replacement, as samplingbook `Sprop` prints it, cut to 0..1."""
    _check(count, n, confidence)
    if n < 2 or population < n:
        raise ValueError("the sample needs two answers and cannot be larger than the population")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = count / n
    half = z * sqrt(share * (1 - share) / (n - 1) * (population - n) / population)
    return Interval(max(0.0, share - half), min(1.0, share + half), "finite-approximate")


def finite_exact(count: int, n: int, population: int, *, confidence: float = 0.95) -> Interval:
    """All population counts that neither tail of the hypergeometric rejects, divided by the population.

    Convention: a population count stays when each tail probability (the observed count included) is greater
    than half the allowed error. samplingbook's own convention is one unit wider at either end.
    """
    from scipy.stats import hypergeom  # as in `clopper_pearson`

    _check(count, n, confidence)
    if population < n:
        raise ValueError("the sample cannot be larger than the population")
    tail = (1 - confidence) / 2
    kept = [
        total
        for total in range(count, population - (n - count) + 1)
        if hypergeom.sf(count - 1, population, total, n) > tail
        and hypergeom.cdf(count, population, total, n) > tail
    ]
    return Interval(kept[0] / population, kept[-1] / population, "finite-exact")


def nonresponse_bounds(count: int, base: int, n_silent: int) -> Bounds | None:
    """Worst and best case when the silent would have been in the base; None where nobody could be in it."""
    if not 0 <= count <= base:
        raise ValueError("the count must lie between 0 and the base")
    if n_silent < 0:
        raise ValueError("the number of silent people cannot be negative")
    whole = base + n_silent
    if whole == 0:
        return None
    return Bounds(Fraction(count, whole), Fraction(count + n_silent, whole), n_silent)


def uncertainty(count: int, base: int, n_silent: int | None) -> Interval | None:
    """The interval to print: none for an empty base, and none when all staff answered (a complete census)."""
    if base == 0 or n_silent == 0:
        return None
    return wilson(count, base)
