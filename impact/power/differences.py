"""What a clustered difference-in-differences detects, under each plain reading of a printed calculation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from exports.digits import printed
from impact.errors import BadData, NotIdentified
from impact.power.wedges import both_tails
from impact.ties import TIE, ceiling


@dataclass(frozen=True)
class DidPower:
    """What a clustered difference-in-differences detects, in standard deviations (d) and, for a rate, in points of 0 to 1."""

    label: str
    minimum_d: float
    minimum_points: float
    n_treated: int
    n_control: int
    n_before: float
    n_after: float
    cell_size: float
    icc: float
    autocorrelation: float
    df: int | None


def did_minimum_effect(
    *,
    n_treated: int,
    n_control: int,
    n_before: float,
    n_after: float,
    cell_size: float,
    icc: float,
    autocorrelation: float,
    baseline: float | None = None,
    alpha: float = 0.05,
    target: float = 0.8,
    use_t: bool = False,
    label: str = "",
) -> DidPower:
    """(z_{1-α/2} + z_target) √[(1/G₁ + 1/G₀)(1/T₀ + 1/T₁){ICC(1 - r) + (1 - ICC)/m}] standard deviations.

    m children of each cluster and period, different ones each time; r is the correlation of a cluster's own effect between
    periods. r = 1: a fixed effect of the cluster, which differencing removes; r = 0: each year brings an effect of its own.
    `use_t` replaces both quantiles by those of t on G - 2. Staggered starts are ignored. Periods may be averages.
    Source: Teerenstra et al., Stat. Med. 31 (2012) 2169-2178; Hooper et al., Stat. Med. 35 (2016) 4718-4728. Checked against
    generalised least squares on the full covariance.
    """
    if min(n_treated, n_control) < 1 or min(n_before, n_after, cell_size) <= 0:
        raise BadData("Clusters, periods and children must be above zero on both sides.")
    if not (0 <= icc < 1 and 0 <= autocorrelation <= 1):
        raise BadData("The ICC must lie in [0, 1) and the autocorrelation in [0, 1].")
    df = n_treated + n_control - 2 if use_t else None
    if df == 0:
        raise NotIdentified("Two clusters leave no degree of freedom for t.")
    variance = (1 / n_treated + 1 / n_control) * (1 / n_before + 1 / n_after)
    variance *= icc * (1 - autocorrelation) + (1 - icc) / cell_size
    d = both_tails(alpha, target, df) * math.sqrt(variance)
    points = math.nan if baseline is None else d * math.sqrt(baseline * (1 - baseline))
    return DidPower(
        label, d, points, n_treated, n_control, n_before, n_after, cell_size, icc, autocorrelation, df
    )


def did_power(d: float, design: DidPower, *, alpha: float = 0.05, target: float = 0.8) -> float:
    """Power for an effect of `d` standard deviations: F(|d| / SE - q) + F(-|d| / SE - q), F normal or t as in the design.

    `alpha` and `target` are those that `design` was made with. Source as `did_minimum_effect`.
    """
    from scipy import stats  # costs half of `import numpy`, and is wanted only here

    distribution = stats.norm() if design.df is None else stats.t(design.df)
    shift = abs(d) / design.minimum_d * both_tails(alpha, target, design.df)
    q = float(distribution.ppf(1 - alpha / 2))
    return float(distribution.cdf(shift - q) + distribution.cdf(-shift - q))


def did_size_needed(d: float, design: DidPower, *, alpha: float = 0.05, target: float = 0.8) -> int:
    """The fewest children per cluster and period of `design` with power `target` for `d`; its own cell size does not count.

    Raises NotIdentified where no number is enough, because clusters drift apart by more than `d` allows.
    """
    factor = (1 / design.n_treated + 1 / design.n_control) * (1 / design.n_before + 1 / design.n_after)
    left = (d / both_tails(alpha, target, design.df)) ** 2 / factor
    left -= design.icc * (1 - design.autocorrelation)
    if left <= TIE * abs(design.icc):
        raise NotIdentified("No number of children reaches this power; the design needs more clusters.")
    return max(1, ceiling((1 - design.icc) / left))


def autocorrelation_behind(d: float, design: DidPower, *, alpha: float = 0.05, target: float = 0.8) -> float:
    """The r at which `design` would detect exactly `d`; NaN where no r from 0 to 1 does."""
    factor = (1 / design.n_treated + 1 / design.n_control) * (1 / design.n_before + 1 / design.n_after)
    needed = (d / both_tails(alpha, target, design.df)) ** 2 / factor - (1 - design.icc) / design.cell_size
    r = 1 - needed / design.icc if design.icc > 0 else math.nan
    return r if 0 <= r <= 1 else math.nan


def did_readings(
    *,
    n_treated: int,
    n_controls: Sequence[int],
    n_periods: int,
    cell_size: float,
    icc: float,
    baseline: float,
) -> tuple[DidPower, ...]:
    """Every plain reading of a printed clustered difference-in-differences, for the numbers of comparison clusters in question.

    Seed protocol 001 prints 0.116 d (2.3 points) for 5 clusters, 3 years of 5,200 children, rate 0.04 and ICC 0.01566: none of
    these gives it. A fixed effect of the cluster alone gives less than a third, an effect of its own in each year twice as much;
    a correlation between years of about 0.8 would (see `autocorrelation_behind`), but the protocol names none.
    """
    found = []
    for n_control in n_controls:
        for before in (n_periods / 2, *range(1, n_periods)):
            for r, what in ((1.0, "fixed cluster effect"), (0.0, "cluster effect new each period")):
                for use_t in (False, True):
                    when = f"{printed(before, 'g')}+{printed(n_periods - before, 'g')} periods"
                    label = f"{n_treated}+{n_control} clusters, {when}, {what}"
                    found.append(
                        did_minimum_effect(
                            n_treated=n_treated,
                            n_control=n_control,
                            n_before=before,
                            n_after=n_periods - before,
                            cell_size=cell_size,
                            icc=icc,
                            autocorrelation=r,
                            baseline=baseline,
                            use_t=use_t,
                            label=f"{label}, {'t' if use_t else 'z'}",
                        )
                    )
    return tuple(found)
