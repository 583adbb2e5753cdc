"""Power and smallest effects of stepped wedges, complete or not, by the variance of generalised least squares."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from exports.digits import printed
from impact.columns import Floats
from impact.errors import BadData, NotIdentified
from impact.estimate import Note, few_clusters
from impact.ties import ceiling, reaches

Reading = Literal["total", "within", "mean", "midpoint"]
READINGS: dict[str, str] = {
    "total": "p(1-p) is the total variance, of which the ICC lies between clusters",
    "within": "p(1-p) is the variance within clusters; that between them is ICC / (1 - ICC) of it",
    "mean": "the total variance is the mean of those at the rates without and with treatment",
    "midpoint": "the total variance is that at the mean of the two rates (the rule of swCRTdesign)",
}


@dataclass(frozen=True)
class Outcome:
    """An outcome by its ICC and either its baseline rate (0/1) or its standard deviation; `reading` says which variance that is.

    Raises BadData for an ICC outside [0, 1), a rate outside (0, 1), or a reading that needs a rate.
    """

    icc: float
    baseline: float | None = None
    sd: float | None = None
    reading: Reading = "total"

    def __post_init__(self) -> None:
        if not 0 <= self.icc < 1:
            raise BadData(f"An intracluster correlation must lie from 0 to below 1, not {self.icc}.")
        if (self.baseline is None) == (self.sd is None):
            raise BadData("Give either the baseline rate or the standard deviation of the outcome.")
        if self.baseline is not None and not 0 < self.baseline < 1:
            raise BadData(f"The baseline rate must lie between 0 and 1, not {self.baseline}.")
        if self.sd is not None and not (self.sd > 0 and math.isfinite(self.sd)):
            raise BadData(f"The standard deviation must be above 0, not {self.sd}.")
        if self.reading not in READINGS:
            raise BadData(f"The variance reading must be one of {', '.join(READINGS)}, not “{self.reading}”.")
        if self.sd is not None and self.reading in ("mean", "midpoint"):
            raise BadData(f"The reading “{self.reading}” needs a baseline rate.")

    def variances(self, effect: float) -> tuple[float, float]:
        """Within and between clusters, where treatment changes the outcome by `effect`."""
        if self.sd is not None:
            total = self.sd**2
        else:
            p = self.baseline or 0.0
            q = p + effect
            if self.reading in ("mean", "midpoint") and not 0 < q < 1:
                raise BadData(
                    f"An effect of {printed(effect, 'g')} takes the rate {printed(p, 'g')} outside 0 to 1."
                )
            total = {
                "mean": (p * (1 - p) + q * (1 - q)) / 2,
                "midpoint": (p + effect / 2) * (1 - p - effect / 2),
            }.get(self.reading, p * (1 - p))
        if self.reading == "within":
            return total, self.icc / (1 - self.icc) * total
        return (1 - self.icc) * total, self.icc * total

    @property
    def limits(self) -> tuple[float, float]:
        """How far treatment can lower and raise the outcome."""
        return (math.inf, math.inf) if self.baseline is None else (self.baseline, 1 - self.baseline)


@dataclass(frozen=True)
class Known:
    """The variances themselves, within clusters and between them."""

    within: float
    between: float
    reading: str = "known"

    def variances(self, effect: float) -> tuple[float, float]:
        """As given, whatever the effect."""
        return self.within, self.between

    @property
    def limits(self) -> tuple[float, float]:
        """None."""
        return math.inf, math.inf


Spread = Outcome | Known


@dataclass(frozen=True)
class WedgePower:
    """What a design detects. `minimum_increase` and `minimum_decrease` differ where the variance depends on the effect; NaN
    where no possible effect is large enough. `other_readings` gives them (and the power) under each reading of the variance.
    """

    effect: float | None
    power: float | None
    minimum_increase: float
    minimum_decrease: float
    std_error: float
    alpha: float
    target: float
    reading: str
    n_clusters: int
    n_periods: int
    n_total: float
    other_readings: dict[str, tuple[float, float]]
    notes: tuple[Note, ...]


def treatment_variance(
    design: npt.ArrayLike, *, cell_size: npt.ArrayLike, within: float, between: float
) -> float:
    """Variance of the treatment effect by generalised least squares on cluster-period means, with period effects.

    `design` (clusters, periods) holds 1 with treatment, 0 without (fractions where it is phased in), NaN where no data are
    collected; `cell_size` is children per cluster and period, a number or the same shape. The covariance of a cluster's means
    is diag(within / size) + between. Raises NotIdentified where periods and treatment cannot be told apart.
    Source: Hussey & Hughes, Contemp. Clin. Trials 28 (2007) 182-191, equation 6. Checked against their closed form and R
    swCRTdesign.
    """
    x, size = checked_design(design, cell_size)
    if not (within > 0 and between >= 0):
        raise BadData("The variance within clusters must be above 0 and that between them not negative.")
    n_periods = x.shape[1]
    information: Floats = np.zeros((n_periods + 1, n_periods + 1))
    for row, n in zip(x, size, strict=True):
        seen = ~np.isnan(row)
        z = np.column_stack([np.eye(n_periods)[seen], row[seen]])
        weight = n[seen] / within
        w = z.T @ weight
        information += (z.T * weight) @ z - between / (1 + between * weight.sum()) * np.outer(w, w)
    used = np.diag(information) > 0
    used[-1] = True
    periods, cross = information[:-1, :-1][np.ix_(used[:-1], used[:-1])], information[:-1, -1][used[:-1]]
    left = float(information[-1, -1] - cross @ np.linalg.lstsq(periods, cross, rcond=1e-12)[0])
    if left <= 1e-10 * max(float(information[-1, -1]), 1e-300):
        raise NotIdentified(
            "No period has clusters both with and without treatment, so no effect can be told from time."
        )
    return 1 / left


def closed_form_variance(design: npt.ArrayLike, *, cell_size: float, within: float, between: float) -> float:
    """I s²(s² + Tτ²) / ((IU - W)s² + (U² + ITU - TW - IV)τ²), s² = within / size: complete designs of equal cells only.

    U is the sum of the design, W that of squared period sums, V that of squared cluster sums (Hussey & Hughes 2007, p. 185).
    """
    x, _ = checked_design(design, cell_size)
    if np.isnan(x).any() or not np.isin(x, (0, 1)).all():
        raise BadData("The closed form needs a complete design of 0 and 1.")
    clusters, periods = x.shape
    s2 = within / cell_size
    u, w, v = x.sum(), float((x.sum(axis=0) ** 2).sum()), float((x.sum(axis=1) ** 2).sum())
    below = (clusters * u - w) * s2 + (u**2 + clusters * periods * u - periods * w - clusters * v) * between
    if below <= 0:
        raise NotIdentified(
            "No period has clusters both with and without treatment, so no effect can be told from time."
        )
    return float(clusters * s2 * (s2 + periods * between) / below)


def wedge_power(
    design: npt.ArrayLike,
    *,
    cell_size: npt.ArrayLike,
    outcome: Spread,
    effect: float | None = None,
    alpha: float = 0.05,
    target: float = 0.8,
) -> WedgePower:
    """Power Φ(|effect| / SE - z) + Φ(-|effect| / SE - z) for `effect`, and the effects that have the power `target`.

    Two-sided test of size `alpha` by the normal distribution. The smallest effects (z + z_target)·SE leave the far tail out, as
    is usual (it is below 1e-6 there). See `treatment_variance` for
    `design` and `cell_size`. The protocol's design (5 clusters, 6 periods, 1,700 a cell, rate 0.06, ICC 0.00722) gives 0.010476
    by total and 0.010514 by within variance. Checked against R swCRTdesign's README (power 0.7861896).
    """
    x, size = checked_design(design, cell_size)
    z = both_tails(alpha, target)

    def error(d: float, spread: Spread) -> float:
        within, between = spread.variances(d)
        return math.sqrt(treatment_variance(x, cell_size=size, within=within, between=between))

    def minimum(spread: Spread) -> tuple[float, float]:
        down, up = spread.limits
        return _smallest(lambda d: error(d, spread), z, up), _smallest(lambda d: error(-d, spread), z, down)

    up, down = minimum(outcome)
    others: dict[str, tuple[float, float]] = {}
    if isinstance(outcome, Outcome):
        possible: tuple[Reading, ...] = ("total", "within")
        if outcome.baseline is not None:
            possible += ("mean", "midpoint")
        for name in possible:
            others[name] = minimum(replace(outcome, reading=name))
    std_error = error(effect or 0.0, outcome)
    notes = few_clusters(len(x)) + _power_notes(x, outcome)
    return WedgePower(
        effect=effect,
        power=None if effect is None else _power(effect, std_error, alpha),
        minimum_increase=up,
        minimum_decrease=down,
        std_error=std_error,
        alpha=alpha,
        target=target,
        reading=outcome.reading,
        n_clusters=len(x),
        n_periods=x.shape[1],
        n_total=float(size[~np.isnan(x)].sum()),
        other_readings=others,
        notes=notes,
    )


def minimum_effect(
    design: npt.ArrayLike, *, cell_size: npt.ArrayLike, outcome: Spread
) -> tuple[float, float]:
    """The smallest increase and decrease that a two-sided 5% test detects with power 0.8."""
    found = wedge_power(design, cell_size=cell_size, outcome=outcome)
    return found.minimum_increase, found.minimum_decrease


def size_needed(
    design: npt.ArrayLike, *, effect: float, outcome: Spread, alpha: float = 0.05, target: float = 0.8
) -> int:
    """The fewest children per cluster and period with power `target`. Raises NotIdentified where no number is enough."""
    z = both_tails(alpha, target)
    within, between = outcome.variances(effect)

    def enough(n: int) -> bool:
        error = math.sqrt(treatment_variance(design, cell_size=n, within=within, between=between))
        return bool(reaches(abs(effect), error * z))

    if effect == 0 or not enough(10**9):
        raise NotIdentified(
            "No number of children per cluster reaches this power; the design needs more clusters."
        )
    low, high = 0, 1
    while not enough(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def copies_needed(
    design: npt.ArrayLike,
    *,
    effect: float,
    cell_size: npt.ArrayLike,
    outcome: Spread,
    alpha: float = 0.05,
    target: float = 0.8,
) -> int:
    """How many times the clusters of the design are needed: r copies divide the variance by r."""
    if effect == 0:
        raise NotIdentified("No number of clusters detects an effect of zero.")
    within, between = outcome.variances(effect)
    variance = treatment_variance(design, cell_size=cell_size, within=within, between=between)
    return ceiling(variance * (both_tails(alpha, target) / effect) ** 2)


def checked_design(design: npt.ArrayLike, cell_size: npt.ArrayLike) -> tuple[Floats, Floats]:
    """The design and its cell sizes as arrays of one shape. Raises BadData for anything that is not a design."""
    x = np.asarray(design, dtype=np.float64)
    if x.ndim != 2 or len(x) < 2:
        raise BadData("A design is a table of clusters by periods, with two clusters or more.")
    seen = ~np.isnan(x)
    if not seen.any() or ((x < 0) | (x > 1))[seen].any():
        raise BadData("A design holds 0 without treatment, 1 with it, and NaN where no data are collected.")
    size = np.asarray(cell_size, dtype=np.float64)
    if size.shape not in ((), x.shape):
        raise BadData(f"The cell sizes must be one number or have the shape of the design, {x.shape}.")
    size = np.broadcast_to(size, x.shape)
    if not (np.isfinite(size[seen]).all() and (size[seen] > 0).all()):
        raise BadData("Every cell that is observed needs a size above zero.")
    return x, size


def both_tails(alpha: float, target: float, df: int | None = None) -> float:
    """z_{1-α/2} + z_target, or the quantiles of t on `df`. Raises BadData for shares that are no test."""
    from scipy import stats  # costs half of `import numpy`, and is wanted only here

    if not (0 < alpha < 1 and alpha < target < 1):
        raise BadData("The size of the test must lie between 0 and 1, and the power above it and below 1.")
    distribution = stats.norm() if df is None else stats.t(df)
    return float(distribution.ppf(1 - alpha / 2) + distribution.ppf(target))


def _power(effect: float, std_error: float, alpha: float) -> float:
    from scipy import stats  # costs half of `import numpy`, and is wanted only here

    z, shift = float(stats.norm.ppf(1 - alpha / 2)), abs(effect) / std_error
    return float(stats.norm.cdf(shift - z) + stats.norm.cdf(-shift - z))


def _smallest(error: Callable[[float], float], z: float, limit: float) -> float:
    """The d with d = z · error(d); NaN where it lies beyond the limit."""
    from scipy.optimize import brentq  # 0.3 s, wanted only here

    if math.isinf(limit):
        return z * error(0.0)
    low, high = 1e-12, limit * (1 - 1e-9)
    if z * error(high) > high:
        return math.nan
    return float(brentq(lambda d: z * error(d) - d, low, high, xtol=1e-14))


def _power_notes(x: Floats, outcome: Spread) -> tuple[Note, ...]:
    notes = []
    if isinstance(outcome, Outcome):
        text = f"Variance reading: {READINGS[outcome.reading]}. Print the other readings beside it."
        notes.append(Note("variance_reading", text))
    if np.isnan(x).any():
        notes.append(Note("incomplete_design", "Cells without data carry no weight."))
    return tuple(notes)
