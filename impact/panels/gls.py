"""Hansen's feasible GLS for site-by-period data with fixed effects and serially correlated errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from exports.digits import printed
from impact.clusters import ClusterFit, ClusterSums, crv1, demeaned, fit, small_sample_notes
from impact.columns import Floats, Ints, groups, named, numbers, weights
from impact.errors import BadData, NotIdentified
from impact.estimate import Estimate, Note, student
from impact.information import PART, independent, left_over, orthonormal, standardised, varying

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["GlsFit", "cell_means", "feasible_gls"]

NEAR_UNIT_ROOT = 0.98


@dataclass(frozen=True, eq=False)
class GlsFit:
    """GLS estimates with errors clustered by site, t(G-1), and with model errors (right if the AR model is).

    `autoregression` (p,) is what the weights used, `uncorrected` (p,) what least squares residuals gave.
    """

    clustered: tuple[Estimate, ...]
    model: tuple[Estimate, ...]
    autoregression: Floats
    uncorrected: Floats
    fitted: ClusterFit
    notes: tuple[Note, ...]

    def __getitem__(self, name: str) -> Estimate:
        for estimate in self.clustered:
            if estimate.name == name:
                return estimate
        raise BadData(f"The model has no covariate “{name}”.")


def cell_means(
    frame: pd.DataFrame,
    *,
    outcome: str,
    site: str,
    period: str,
    covariates: Sequence[str] = (),
    weight: str | None = None,
) -> pd.DataFrame:
    """One row for each site and period: the (weighted) mean outcome, adjusted to the overall mean of the covariates.

    y_ist = x'γ + cell effect + error by least squares; the cell's value is ȳ_st - (x̄_st - x̄)'γ: the first of Hansen's
    two steps. Columns: site, period, outcome and `n`. Missing values are refused. Raises BadData; NotIdentified for
    covariates that are collinear within cells.
    """
    import pandas as pd

    y, w = (
        numbers(named(frame, outcome), outcome),
        weights(_maybe(frame, weight), len(frame), weight or "weights"),
    )
    keys = frame[[site, period]].drop_duplicates().sort_values([site, period], ignore_index=True)
    groups(named(frame, site), site)
    groups(named(frame, period), period)
    codes = frame[[site, period]].merge(keys.reset_index(names="cell"), how="left")["cell"].to_numpy()
    adjusted = y
    if covariates:
        x = np.column_stack([numbers(named(frame, name), name) for name in covariates])
        whole, x = x, x - x[0]  # a mean of numbers from a billion on would be rounded
        x = x - np.average(x, axis=0, weights=w)
        dx, root = demeaned(x, codes, w), np.sqrt(w)
        for name, varies in zip(covariates, varying(dx, whole), strict=True):
            if not varies:
                raise NotIdentified(f"“{name}” does not vary within any “{site}” and “{period}”.")
        independent(dx * root[:, None], list(covariates), whole=whole * root[:, None])
        z, back = standardised(dx)
        q, turn = orthonormal(z, w)
        adjusted = y - x @ (back @ turn @ (q.T @ (w * demeaned(y, codes, w))) / len(q))
    means = np.bincount(codes, w * adjusted) / np.bincount(codes, w)
    return pd.DataFrame(keys.assign(**{outcome: means, "n": np.bincount(codes)}))


def feasible_gls(
    frame: pd.DataFrame,
    *,
    outcome: str,
    covariates: Sequence[str],
    site: str,
    period: str,
    order: int = 1,
    corrects_bias: bool = True,
    level: float = 0.95,
) -> GlsFit:
    """y_st = x'b + site + period effects + v_st, v_st = Σ_j α_j v_s,t-j + η_st, by GLS with estimated α.

    One row for each site and period (`cell_means` makes them from persons). α̂ regresses least squares residuals on
    their p lags, pooled over sites; site effects bias it by about -(1+α)/T, so it is replaced by the α whose probability
    limit for many sites and these T equals α̂: Σ(MΓM)_{t-,t-}⁻¹Σ(MΓM)_{t-,t} with Γ(α) the stationary covariance and M
    the demeaning within a site. Rows are then whitened by the Cholesky factor of Γ, first periods included. Cells count
    alike whatever their size. Where no stationary α fits, its largest root is set to 0.98 with a note.
    Source: Hansen 2007, doi:10.1016/j.jeconom.2006.07.011, sections 3 and 4; the use with few clusters: Brewer,
    Crossley and Joyce 2018, doi:10.1515/jem-2017-0005. No other program has it: checked by simulation.

    Raises BadData for duplicated cells and gaps in a site (named); NotIdentified for collinear covariates and sites with
    too few periods for the order.
    """
    y, x, names, codes, labels = _design(frame, outcome, covariates, site, period)
    size = np.bincount(codes)
    if order < 1 or size.min() < order + 2:
        short = labels[int(np.argmin(size))]
        raise NotIdentified(f"“{short}” has {size.min()} periods: too few for errors of order {order}.")
    uncorrected = _autoregression(left_over(x, y)[0], codes, order, float(np.abs(y).max()))
    alpha, notes = (uncorrected, ()) if not corrects_bias else _corrected(uncorrected, size)
    alpha, more = _stationary(alpha)
    white_y, white_x = y.copy(), x.copy()
    lower = np.linalg.cholesky(_covariance(alpha, int(size.max())))
    for code in range(
        len(labels)
    ):  # rows are sorted, and a shorter series has the leading block as its factor
        here = codes == code
        factor = lower[: size[code], : size[code]]
        white_y[here], white_x[here] = np.linalg.solve(factor, y[here]), np.linalg.solve(factor, x[here])
    fitted = fit(ClusterSums.from_rows(white_y, white_x, names, labels[codes]))
    df = fitted.n_rows - fitted.n_parameters
    clustered = tuple(crv1(fitted, name, level=level) for name in covariates)
    spread = np.sqrt(np.diag(fitted.bread) * fitted.residual_sum / df)
    model = tuple(
        student(name, fitted.value(name), float(spread[names.index(name)]), df, level=level)
        for name in covariates
    )
    notes = (*small_sample_notes(fitted.n_clusters), *notes, *more)
    return GlsFit(clustered, model, alpha, uncorrected, fitted, notes)


def _maybe(frame: pd.DataFrame, name: str | None) -> pd.Series | None:
    return None if name is None else named(frame, name)


def _design(
    frame: pd.DataFrame, outcome: str, covariates: Sequence[str], site: str, period: str
) -> tuple[Floats, Floats, list[str], Ints, npt.NDArray[np.object_]]:
    """Outcome and columns sorted by site and period, centred; dummies of both; codes and labels of sites."""
    codes, labels = groups(named(frame, site), site)
    place, dates = groups(named(frame, period), period)
    order = np.lexsort((place, codes))
    codes, place = codes[order], place[order]
    step, same = np.diff(place), codes[1:] == codes[:-1]
    for bad, what in ((same & (step == 0), "more than one row in"), (same & (step > 1), "a gap after")):
        if bad.any():
            row = int(np.argmax(bad))
            raise BadData(f"“{labels[codes[row]]}” has {what} {period} {dates[place[row]]}.")
    if not covariates:
        raise BadData("Name at least one covariate, the treatment for example.")
    x = np.column_stack([numbers(named(frame, name), name)[order] for name in covariates])
    y = numbers(named(frame, outcome), outcome)[order]
    names = [
        "constant",
        *(f"{period} {d}" for d in dates[1:]),
        *(f"{site} {s}" for s in labels[1:]),
        *covariates,
    ]
    effects = np.column_stack(
        [
            np.ones(len(y)),
            place[:, None] == np.arange(1, len(dates)),
            codes[:, None] == np.arange(1, len(labels)),
        ]
    )
    independent(np.hstack([effects, x]), names)
    full = np.hstack([effects, x - x.mean(axis=0)])
    return y - y.mean(), full, names, codes, labels


def _autoregression(e: Floats, codes: Ints, order: int, size: float) -> Floats:
    """α̂ of residuals on their lags within sites."""
    rows = np.arange(order, len(e))
    rows = rows[codes[rows] == codes[rows - order]]
    lags = np.column_stack([e[rows - j] for j in range(1, order + 1)])
    if np.abs(lags).max() <= PART * size:
        raise NotIdentified("The model fits perfectly: no residuals are left to correlate.")
    # Lags that repeat each other share one answer.
    found: Floats = np.linalg.lstsq(lags, e[rows], rcond=PART)[0]
    return found


def _covariance(alpha: Floats, n: int) -> Floats:
    """The (n, n) covariance of a stationary AR(p) with unit innovations, by solving the Yule-Walker equations."""
    p = len(alpha)
    system, right = np.eye(p + 1), np.zeros(p + 1)
    right[0] = 1.0
    for lag in range(p + 1):
        for j in range(1, p + 1):
            system[lag, abs(lag - j)] -= alpha[j - 1]
    gamma = list(np.linalg.solve(system, right))
    while len(gamma) < n:
        gamma.append(float(alpha @ np.array(gamma[-1 : -p - 1 : -1])))
    distance = np.abs(np.arange(n)[:, None] - np.arange(n))
    found: Floats = np.array(gamma)[distance]
    return found


def _limit(alpha: Floats, size: Ints) -> Floats:
    """What α̂ tends to with many sites of these lengths, each demeaned."""
    p = len(alpha)
    left, right = np.zeros((p, p)), np.zeros(p)
    for n, count in zip(*np.unique(size, return_counts=True), strict=True):
        m = np.eye(n) - 1 / n
        g = m @ _covariance(alpha, int(n)) @ m
        for t in range(p, n):
            back = np.arange(t - 1, t - p - 1, -1)
            left += count * g[np.ix_(back, back)]
            right += count * g[back, t]
    found: Floats = np.asarray(np.linalg.solve(left, right), dtype=np.float64)
    return found


def _corrected(found: Floats, size: Ints) -> tuple[Floats, tuple[Note, ...]]:
    """The α whose limit is `found`, by Newton's method with numerical derivatives."""
    alpha, nudge = found.copy(), 1e-6
    for _ in range(60):
        here = _limit(alpha, size)
        slope = np.column_stack(
            [(_limit(alpha + nudge * e, size) - here) / nudge for e in np.eye(len(alpha))]
        )
        ahead, stopped = _stationary(alpha + np.linalg.solve(slope, found - here))
        if np.abs(ahead - alpha).max() < 1e-8:
            return ahead, stopped
        alpha = ahead
    return alpha, (Note("bias_correction", "The bias correction of the autoregression did not settle."),)


def _stationary(alpha: Floats) -> tuple[Floats, tuple[Note, ...]]:
    """α with its roots drawn in where one is 0.98 or more: α_j·c^j has every root times c."""
    roots = np.abs(np.roots(np.concatenate([[1.0], -alpha])))
    largest = float(roots.max()) if roots.size else 0.0
    if largest <= NEAR_UNIT_ROOT + PART:  # a root that was drawn in stays where it is
        return alpha, ()
    shrink = (NEAR_UNIT_ROOT / largest) ** np.arange(1, len(alpha) + 1)
    text = (
        f"Errors are nearly a random walk (root {printed(largest, '.2f')}); the weights use {NEAR_UNIT_ROOT}. "
        "Consider differences."
    )
    return alpha * shrink, (Note("near_unit_root", text),)
