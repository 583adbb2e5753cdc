"""Within, between and random effects estimates of a panel as plm computes them, and Hausman's test between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from impact.clusters import ClusterSums, crv1, demeaned, fit
from impact.columns import Floats, Ints, groups, named, numbers
from impact.errors import BadData, NotIdentified
from impact.estimate import Estimate, Note, few_clusters, student
from impact.information import PART, independent, left_over, standardised, varying

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["HausmanTest", "PanelEstimates", "RandomEffects", "between", "hausman", "random_effects", "within"]


@dataclass(frozen=True, eq=False)
class PanelEstimates:
    """Estimates with model errors, (k, k) `covariance` behind them, and the same with errors clustered by unit."""

    estimates: tuple[Estimate, ...]
    clustered: tuple[Estimate, ...]
    covariance: Floats
    n_units: int
    n_rows: int
    notes: tuple[Note, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The covariates in order."""
        return tuple(estimate.name for estimate in self.estimates)

    def __getitem__(self, name: str) -> Estimate:
        if name not in self.names:
            raise BadData(f"The model has no covariate “{name}”.")
        return self.estimates[self.names.index(name)]


@dataclass(frozen=True, eq=False)
class RandomEffects(PanelEstimates):
    """Random effects: standard deviations between units and of the errors, and the share θ of a unit's mean that is
    taken off, smallest and largest where units differ in length.
    """

    sigma_unit: float
    sigma_error: float
    theta: tuple[float, float]


@dataclass(frozen=True)
class HausmanTest:
    """χ² of the hypothesis that unit effects are unrelated to the covariates in `names`."""

    statistic: float
    df: int
    p_value: float
    names: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Panel:
    y: Floats
    x: Floats
    names: tuple[str, ...]
    codes: Ints
    size: Floats
    centre: Floats  # taken off the covariates, which moves the constant alone

    @classmethod
    def of(cls, frame: pd.DataFrame, outcome: str, covariates: Sequence[str], unit: str) -> _Panel:
        codes, labels = groups(named(frame, unit), unit)
        if not covariates:
            raise BadData("Name at least one covariate.")
        if len(labels) < 2:
            raise NotIdentified(f"There is only one “{unit}”.")
        x = np.column_stack([numbers(named(frame, name), name) for name in covariates])
        independent(np.column_stack([np.ones(len(codes)), x]), ["constant", *covariates])
        y = numbers(named(frame, outcome), outcome)
        centre = x.mean(axis=0)
        return cls(y, x - centre, tuple(covariates), codes, np.bincount(codes).astype(float), centre)

    def varying(self) -> tuple[Floats, Floats, tuple[str, ...]]:
        """The demeaned outcome, and the demeaned covariates that vary within units."""
        x = demeaned(self.x, self.codes)
        whole = self.x + self.centre
        keep = varying(x, whole)
        if not keep.any():
            raise NotIdentified("No covariate varies within units.")
        names = tuple(name for name, k in zip(self.names, keep, strict=True) if k)
        independent(x[:, keep], names, whole=whole[:, keep])
        return demeaned(self.y - self.y.mean(), self.codes), x[:, keep], names


def within(
    frame: pd.DataFrame, *, outcome: str, covariates: Sequence[str], unit: str, level: float = 0.95
) -> PanelEstimates:
    """y_it - ȳ_i on x_it - x̄_i. Model errors s²(X'X)⁻¹ with s² = RSS/(N - n - k) and t; clustered CRV1, t(n-1).

    Covariates that do not vary within units are left out with a note. Missing values are refused. Checked against
    linearmodels PanelOLS. Raises BadData; NotIdentified for collinear covariates.
    """
    panel = _Panel.of(frame, outcome, covariates, unit)
    y, x, names = panel.varying()
    gone = [name for name in covariates if name not in names]
    text = f"{', '.join(gone)} do not vary within units: within units they have no estimate."
    notes = (Note("constant_within_units", text),) if gone else ()
    n = len(panel.size)
    return PanelEstimates(
        *_estimates(y, x, names, panel.codes, len(y) - n - x.shape[1], n, level), n, len(y), notes
    )


def between(
    frame: pd.DataFrame, *, outcome: str, covariates: Sequence[str], unit: str, level: float = 0.95
) -> PanelEstimates:
    """ȳ_i on a constant and x̄_i, one row for each unit; s² = RSS/(n - k - 1); the clustered errors are robust ones.

    Checked against linearmodels BetweenOLS. Raises as `within`.
    """
    panel = _Panel.of(frame, outcome, covariates, unit)
    y, x = _unit_means(panel)
    names = ("constant", *panel.names)
    independent(x + np.append(0.0, panel.centre), names)
    n = len(panel.size)
    return PanelEstimates(
        *_estimates(y, x, names, np.arange(n), n - x.shape[1], 0, level, panel.centre), n, len(panel.y), ()
    )


def random_effects(
    frame: pd.DataFrame, *, outcome: str, covariates: Sequence[str], unit: str, level: float = 0.95
) -> RandomEffects:
    """Swamy and Arora's feasible GLS: y_it - θ_iȳ_i on 1 - θ_i and x_it - θ_ix̄_i, θ_i = 1 - √(σ²_e/(σ²_e + T_iσ²_u)).

    σ²_e from the within regression, RSS/(N - n - k_w). σ²_u from the residuals of the between regression weighted by T_i,
    [Σ T_i·û_i² - (n - k_b)σ²_e]/(N - tr), tr = tr[(X̄'X̄)⁻¹X'ZZ'X] over rows; in balanced panels that is
    RSS_b/(n - k_b) - σ²_e/T. Below zero it is set to zero with a note, and the model is pooled. Model errors are
    s²(X'X)⁻¹ with s² of the transformed rows and t(N - k); clustered ones CRV1 by unit and t(n-1). Source: Swamy and
    Arora 1972, doi:10.2307/1909405; Baltagi and Chang 1994, doi:10.1016/0304-4076(94)90006-X. Checked against plm and
    linearmodels (its small_sample option where units differ in length).

    Missing values are refused. Raises BadData; NotIdentified for collinear covariates and too few units.
    """
    panel = _Panel.of(frame, outcome, covariates, unit)
    dy, dx, _ = panel.varying()
    n, rows = len(panel.size), len(panel.y)
    df = rows - n - dx.shape[1]
    y_mean, x_mean = _unit_means(panel)
    basis = _basis(x_mean + np.append(0.0, panel.centre))
    k = basis.shape[1]
    if df < 1 or n <= k:
        raise NotIdentified(f"{n} units with {rows} rows are too few for {len(covariates)} covariates.")
    error = left_over(dx, dy)[0]
    if np.abs(error).max() <= PART * np.abs(panel.y).max():
        raise NotIdentified(
            "The covariates predict the outcome within units without error, so no variance is left."
        )
    sigma2_e = float(error @ error) / df
    sigma2_u = _unit_variance(panel, y_mean, basis, sigma2_e, n - k)
    notes = few_clusters(n)
    if sigma2_u <= 0:
        text = "The variance between units is estimated as zero or less: the model is pooled least squares."
        sigma2_u, notes = 0.0, (*notes, Note("no_unit_variance", text))
    theta = 1 - np.sqrt(sigma2_e / (sigma2_e + panel.size * sigma2_u))
    pull = theta[panel.codes]
    y = panel.y - pull * y_mean[panel.codes]
    x = np.column_stack([np.ones(rows), panel.x]) - pull[:, None] * x_mean[panel.codes]
    names = ("constant", *panel.names)
    found = _estimates(y, x, names, panel.codes, rows - x.shape[1], 0, level, panel.centre)
    return RandomEffects(
        *found, n, rows, notes, sigma2_u**0.5, sigma2_e**0.5, (float(theta.min()), float(theta.max()))
    )


def hausman(fixed: PanelEstimates, random: RandomEffects) -> HausmanTest:
    """d'(V_within - V_random)⁻¹d over the coefficients that both have, χ² with as many degrees of freedom.

    Source: Hausman 1978, doi:10.2307/1913827. Checked against plm::phtest. It assumes errors without serial correlation
    or unequal variances. Raises NotIdentified where the difference of variances is not positive definite (plm takes the
    absolute value of the statistic there, which has no χ² distribution).
    """
    from scipy import stats

    names = tuple(name for name in fixed.names if name in random.names)
    one, two = [fixed.names.index(n) for n in names], [random.names.index(n) for n in names]
    v = fixed.covariance[np.ix_(one, one)] - random.covariance[np.ix_(two, two)]
    scale = np.sqrt(np.diag(fixed.covariance)[one])
    if np.linalg.eigvalsh(v / np.outer(scale, scale)).min() <= PART:
        raise NotIdentified(
            "The within estimates are not less precise than the random effects ones: Hausman's test does not exist here."
        )
    d = np.array([fixed[name].value - random[name].value for name in names])
    value = float(d @ np.linalg.solve(v, d))
    return HausmanTest(value, len(names), float(stats.chi2.sf(value, len(names))), names)


def _unit_means(panel: _Panel) -> tuple[Floats, Floats]:
    table = np.column_stack([panel.y, np.ones(len(panel.y)), panel.x])
    means = np.column_stack([np.bincount(panel.codes, column) / panel.size for column in table.T])
    return means[:, 0], means[:, 1:]


def _basis(x_mean: Floats) -> Floats:
    """As many combinations of the units' means as do not determine each other: with few units they can."""
    u, size, _ = np.linalg.svd(standardised(x_mean)[0], full_matrices=False)
    return np.asarray(u[:, size > PART * size[0]], dtype=np.float64)


def _unit_variance(panel: _Panel, y_mean: Floats, basis: Floats, sigma2_e: float, df: int) -> float:
    root = np.sqrt(panel.size)[:, None]
    q, _ = np.linalg.qr(root * basis)
    weighted = root[:, 0] * y_mean
    left = weighted - q @ (q.T @ weighted)
    # With Q = √T·X̄·A orthonormal, tr[(X̄'TX̄)⁻¹ X̄'T²X̄] is that of Q'TQ.
    trace = float((panel.size[:, None] * q**2).sum())
    return (float(left @ left) - df * sigma2_e) / (len(panel.y) - trace)


def _estimates(
    y: Floats,
    x: Floats,
    names: tuple[str, ...],
    codes: Ints,
    df: int,
    absorbed: int,
    level: float,
    centre: Floats | None = None,
) -> tuple[tuple[Estimate, ...], tuple[Estimate, ...], Floats]:
    """Least squares of transformed rows: estimates with model errors, with clustered errors, and the covariance."""
    if df < 1:
        raise NotIdentified(f"There are too few rows for {len(names)} coefficients.")
    fitted = fit(ClusterSums.from_rows(y, x, names, codes))
    targets: list[dict[str, float]] = [{name: 1.0} for name in names]
    if centre is not None:
        targets[0] |= {name: -c for name, c in zip(names[1:], centre.tolist(), strict=True)}
    contrasts = np.array([fitted.direction(target) for target in targets])
    residual = y - x @ np.array([fitted.value(name) for name in names])
    covariance = contrasts @ fitted.bread @ contrasts.T * float(residual @ residual) / df
    values = [fitted.value(target) for target in targets]
    errors = np.sqrt(np.diag(covariance)).tolist()
    model = tuple(
        student(name, value, error, df, level=level)
        for name, value, error in zip(names, values, errors, strict=True)
    )
    count = len(names) + absorbed
    clustered = tuple(
        replace(crv1(fitted, target, n_parameters=count, level=level), name=name)
        for name, target in zip(names, targets, strict=True)
    )
    return model, clustered, covariance
