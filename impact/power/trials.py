"""Power by drawing trials and analysing each with the estimator that will be used."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from impact.columns import Floats
from impact.errors import BadData, ImpactError
from impact.estimate import Estimate, Note, few_clusters
from impact.glmm import random_intercept_logit
from impact.mixed import linear_mixed
from impact.power.wedges import checked_design
from impact.ties import is_rejected


@dataclass(frozen=True)
class SimulatedPower:
    """Shares of trials with their Monte Carlo errors. `n_failed` trials gave no estimate and count as not rejecting.

    `effect` is on the estimator's scale (log-odds for the logit, a difference of rates for the linear model), as are `mean`,
    `sd` (of the estimates) and `mean_std_error`; `coverage` is the share of intervals that hold the effect.
    """

    rejected: float
    rejected_error: float
    coverage: float
    coverage_error: float
    effect: float
    mean: float
    sd: float
    mean_std_error: float
    n_trials: int
    n_failed: int
    alpha: float
    seed: int
    notes: tuple[Note, ...]


Estimator = Callable[[Floats, Floats, Floats, Floats, list[str]], Estimate]


def simulate_power(
    design: npt.ArrayLike,
    *,
    cell_size: npt.ArrayLike,
    baseline: float,
    effect: float,
    sd_cluster: float,
    seed: int,
    sd_cell: float = 0.0,
    time_effects: Sequence[float] | None = None,
    clusters: Sequence[str] | None = None,
    estimator: Literal["logit", "linear"] | Estimator = "logit",
    n_trials: int = 500,
    alpha: float = 0.05,
) -> SimulatedPower:
    """Draw trials of a 0/1 outcome from the design and analyse each with the estimator that will be used.

    Events of a cell are binomial with log-odds logit(baseline) + time + u + w + X·(logit(baseline + effect) - logit(baseline)),
    u ~ N(0, sd_cluster²) per cluster and w ~ N(0, sd_cell²) per cluster and period. `baseline` is the rate where u = 0, and
    `icc.latent_sd` turns a latent ICC into `sd_cluster`. An estimator of your own takes events, trials, x, cluster and the names
    of x, the last of which is “treated”, and returns an Estimate. The seed belongs to PCG64. `clusters` name the rows of the
    design: draws then hang on the order of the names, and not on that of the rows. Without them draws hang on the position of
    a row, and the same design with its rows in another order meets other trials.
    """
    x, size = checked_design(design, cell_size)
    if not (0 < baseline < 1 and 0 < baseline + effect < 1):
        raise BadData("The baseline rate and the rate with treatment must lie between 0 and 1.")
    if n_trials < 1 or sd_cluster < 0 or sd_cell < 0:
        raise BadData("Trials must be 1 or more and standard deviations not negative.")
    times = np.zeros(x.shape[1]) if time_effects is None else np.asarray(time_effects, dtype=float)
    if times.shape != (x.shape[1],):
        raise BadData(f"There must be {x.shape[1]} time effects, one for each period.")
    if clusters is not None:
        place = _by_name(clusters, len(x))
        x, size = x[place], size[place]
    log_odds = _logit(baseline + effect) - _logit(baseline)
    seen = ~np.isnan(x)
    cluster, period = (found.astype(float) for found in np.nonzero(seen))
    periods = np.unique(period)[1:]
    rows = np.column_stack([np.ones(len(cluster)), *(period == t for t in periods), x[seen]]).astype(float)
    names = ["one", *(f"period {int(t) + 1}" for t in periods), "treated"]
    trials = np.round(size[seen])
    fit = _ESTIMATORS[estimator] if isinstance(estimator, str) else estimator
    r = np.random.default_rng(seed)
    found: list[tuple[float, float, float, float, float]] = []
    for _ in range(n_trials):
        u = r.normal(0, sd_cluster, len(x))[:, None] + r.normal(0, sd_cell, x.shape)
        eta = _logit(baseline) + times + u + log_odds * np.nan_to_num(x)
        events = r.binomial(trials.astype(int), 1 / (1 + np.exp(-eta[seen]))).astype(float)
        try:
            got = fit(events, trials, rows, cluster, names)
        except ImpactError:
            continue
        found.append((got.value, got.std_error, got.p_value, got.low, got.high))
    truth = effect if estimator == "linear" else log_odds
    return _summary(np.array(found).reshape(-1, 5), truth, n_trials, alpha, seed, len(x))


def _logit(p: float) -> float:
    return math.log(p / (1 - p))


def _by_name(clusters: Sequence[str], n: int) -> list[int]:
    if len(clusters) != n or len(set(clusters)) != n:
        raise BadData(f"Name each of the {n} rows of the design once.")
    return sorted(range(n), key=lambda place: clusters[place])


def _by_logit(y: Floats, n: Floats, x: Floats, g: Floats, names: list[str]) -> Estimate:
    return random_intercept_logit(y, x, g, names=names, trials=n).contrast("treated", {"treated": 1})


def _by_linear(y: Floats, n: Floats, x: Floats, g: Floats, names: list[str]) -> Estimate:
    return linear_mixed(y, x, g, names=names, trials=n).contrast("treated", {"treated": 1})


_ESTIMATORS: dict[str, Estimator] = {"logit": _by_logit, "linear": _by_linear}


def _summary(
    found: Floats, truth: float, n_trials: int, alpha: float, seed: int, n_clusters: int
) -> SimulatedPower:
    value, error, p, low, high = found.T
    rejected = float(is_rejected(p, alpha).sum() / n_trials)
    covered = float(((low <= truth) & (truth <= high)).mean()) if len(found) else math.nan
    failed = n_trials - len(found)
    notes = list(few_clusters(n_clusters))
    if failed:
        text = f"{failed} of {n_trials} trials gave no estimate; they count as not rejecting."
        notes.append(Note("failed_trials", text))
    return SimulatedPower(
        rejected=rejected,
        rejected_error=math.sqrt(rejected * (1 - rejected) / n_trials),
        coverage=covered,
        coverage_error=math.sqrt(covered * (1 - covered) / max(1, len(found))),
        effect=truth,
        mean=float(value.mean()) if len(found) else math.nan,
        sd=float(value.std(ddof=1)) if len(found) > 1 else math.nan,
        mean_std_error=float(error.mean()) if len(found) else math.nan,
        n_trials=n_trials,
        n_failed=failed,
        alpha=alpha,
        seed=seed,
        notes=tuple(notes),
    )
