"""Gaps filled several times over, and the estimates pooled."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from impact.columns import Floats, Ints, named, numbers, same_length
from impact.errors import BadData, NotIdentified
from impact.estimate import Estimate, Note, normal, student
from impact.keys import order
from impact.ties import ROUNDING, TIE, is_nil, levels, reaches, size_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Imputed", "Rubin", "impute", "rubin"]


@dataclass(frozen=True)
class Imputed:
    """Completed copies of the frame: they differ only where values were missing."""

    frames: tuple[pd.DataFrame, ...]
    n_missing: Mapping[str, int]
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class Rubin:
    """The pooled estimate, its parts, the relative increase in variance and the fraction of missing information."""

    estimate: Estimate
    within: float
    between: float
    total: float
    relative_increase: float
    missing_information_share: float
    n_imputations: int


def impute(
    frame: pd.DataFrame,
    names: Sequence[str],
    *,
    seed: int | np.random.Generator,
    keys: Sequence[str] = (),
    n_imputations: int = 5,
    n_rounds: int = 10,
    n_donors: int = 5,
) -> Imputed:
    """Chained equations with predictive mean matching: each gap takes the value of a row with a similar prediction.

    For each incomplete column in turn, regress it on the others, draw σ² and β from their posterior, and copy the value of one
    of the `n_donors` complete rows whose fitted value (at the estimate) is nearest to that of the row (at the draw); where
    more rows than that are equally near (see `impact.ties`), of any of those. Words are scored by the first canonical variate of
    their dummies on the predictors. So every imputed value occurs in the data. Sources: van Buuren (2018), Flexible
    Imputation of Missing Data, algorithm 3.3 and section 4.5; van Buuren and Groothuis-Oudshoorn (2011), JSS 45(3),
    doi:10.18637/jss.v045.i03. Checked by simulation, and against statsmodels 0.15 `MICEData`.

    `names` are all columns of the analysis, the outcome included: leaving it out biases effects towards zero. Rows without
    an outcome are left out before. Valid where gaps depend on observed values only (missing at random). The same seed gives
    the same frames. `keys` are columns that together name a row, such as child and term: draws then hang on their order, and
    neither the order of the rows nor that of `names` changes what a row is given. Without keys draws hang on the position of
    a row, and the same rows in another order are given other values. Raises BadData for infinite numbers, fewer than two
    imputations, and keys that are missing or name two rows; NotIdentified for a column of fewer than ten values and where no
    column has a gap.
    """
    place = order(frame, keys) if keys else np.arange(len(frame))
    columns = {name: named(frame, name).iloc[place] for name in sorted(names)}
    gaps = {name: column.isna().to_numpy() for name, column in columns.items() if column.isna().any()}
    if not gaps:
        raise NotIdentified("No column has a gap, so there is nothing to impute.")
    if n_imputations < 2:
        raise BadData("Multiple imputation needs at least two imputations.")
    coded = {name: _coded(column, gaps.get(name)) for name, column in columns.items()}
    rng = np.random.default_rng(seed)
    frames = []
    for _ in range(n_imputations):
        places = _chain(coded, gaps, rng, n_rounds, n_donors)
        filled = frame.copy()
        for name, (rows, donors) in places.items():
            values = frame[name].array.copy()
            values[place[rows]] = values.take(place[donors])
            filled[name] = values
        frames.append(filled)
    notes = (
        Note(
            "missing_at_random",
            "Imputation assumes that gaps depend on observed values only; the data cannot show it.",
        ),
    )
    return Imputed(tuple(frames), {name: int(gap.sum()) for name, gap in gaps.items()}, notes)


def rubin(
    values: npt.ArrayLike,
    variances: npt.ArrayLike,
    *,
    complete_df: float = math.inf,
    name: str = "pooled",
    level: float = 0.95,
) -> Rubin:
    """Q̄ = mean(Q), T = Ū + (1 + 1/m)B, with t on Barnard and Rubin's degrees of freedom.

    λ = (1 + 1/m)B / T, ν_old = (m - 1)/λ², ν_obs = (ν_com + 1)/(ν_com + 3) · ν_com (1 - λ), ν = 1/(1/ν_old + 1/ν_obs); the
    fraction of missing information is (r + 2/(ν + 3))/(r + 1), r = (1 + 1/m)B / Ū. Sources: Rubin (1987), Multiple
    Imputation for Nonresponse in Surveys, p. 76; Barnard and Rubin (1999), Biometrika 86:948. Checked against R
    `mice::pool.scalar`. `values` and `variances` (squared standard errors) have shape (m,); `complete_df` is what the analysis
    would have without gaps (n - k; with clusters, G - 1). Missing numbers and variances not above zero raise BadData, m = 1
    NotIdentified.
    """
    q, u = numbers(values, "estimates"), numbers(variances, "variances")
    same_length(len(q), {"variances": u})
    if (u <= 0).any() or not complete_df > 0:
        raise BadData("Variances and degrees of freedom must be above zero.")
    m = len(q)
    if m < 2:
        raise NotIdentified("Pooling imputations needs at least two.")
    within, between = float(u.mean()), float(q.var(ddof=1))
    extra = (1 + 1 / m) * between
    total = within + extra
    share = extra / total
    old = (m - 1) / share**2 if share > 1e-12 else math.inf
    observed = (
        (complete_df + 1) / (complete_df + 3) * complete_df * (1 - share)
        if math.isfinite(complete_df)
        else math.inf
    )
    df = 1 / (1 / old + 1 / observed) if min(old, observed) < math.inf else math.inf
    increase = extra / within
    information = (increase + 2 / (df + 3)) / (increase + 1)
    value, error = float(q.mean()), math.sqrt(total)
    estimate = (
        normal(name, value, error, level=level)
        if math.isinf(df)
        else student(name, value, error, df, level=level)
    )
    return Rubin(estimate, within, between, total, increase, information, m)


def _coded(column: pd.Series, gap: npt.NDArray[np.bool_] | None) -> tuple[Floats, bool]:
    """Numbers, or category numbers with True; gaps as NaN."""
    import pandas as pd  # half a second that `import impact.covariates` need not pay

    name = str(column.name)
    if pd.api.types.is_numeric_dtype(column):
        values, is_words = column.to_numpy(dtype=np.float64, na_value=np.nan), False
    else:
        codes, _ = pd.factorize(column, sort=True)
        values, is_words = np.where(codes < 0, np.nan, codes.astype(np.float64)), True
    seen = values[~np.isnan(values)]
    if np.isinf(seen).any():
        raise BadData(f"“{name}” holds an infinite number.")
    if gap is not None and len(seen) < 10:
        raise NotIdentified(f"“{name}” has only {len(seen)} values, too few to impute from.")
    return values, is_words


def _chain(
    coded: Mapping[str, tuple[Floats, bool]],
    gaps: Mapping[str, npt.NDArray[np.bool_]],
    rng: np.random.Generator,
    n_rounds: int,
    n_donors: int,
) -> dict[str, tuple[Ints, Ints]]:
    """For each incomplete column its rows with gaps, and the complete row that each takes its value from."""
    donors = {name: rng.choice(np.flatnonzero(~gap), int(gap.sum())) for name, gap in gaps.items()}
    current = {name: values.copy() for name, (values, _) in coded.items()}
    for name, gap in gaps.items():
        current[name][gap] = current[name][donors[name]]
    # Fewest gaps first, so that the others are predicted from more.
    turns = sorted(gaps, key=lambda name: int(gaps[name].sum()))
    # With one incomplete column there is no chain: every round would draw from the same distribution.
    for _ in range(n_rounds if len(turns) > 1 else 1):
        for name in turns:
            gap = gaps[name]
            others = [_columns(current[o], coded[o][1]) for o in current if o != name]
            x = np.column_stack([np.ones(len(gap)), *others])
            y = current[name]
            if coded[name][1]:
                y = _ranked(y[~gap], x[~gap])[y.astype(np.int64)]
            donors[name] = _matched(y, x, gap, rng, n_donors)
            current[name][gap] = current[name][donors[name]]
    return {name: (np.flatnonzero(gap), donors[name]) for name, gap in gaps.items()}


def _columns(values: Floats, is_words: bool) -> Floats:
    if not is_words:
        # A column that varies by its rounding alone says nothing, and must not be blown up to say it.
        centred, spread = values - values.mean(), float(values.std())
        is_constant = spread <= ROUNDING * size_of(values)
        return np.asarray(np.zeros(len(values)) if is_constant else centred / spread)[:, None]
    codes = values.astype(np.int64)
    return np.eye(int(codes.max()) + 1)[codes][:, 1:]


def _ranked(codes: Floats, x: Floats) -> Floats:
    """A score for each category: the first canonical variate of the dummies on the predictors; 0 for the last.

    A variate has no sign of its own: the category furthest from the last one (the first of those as far) is above it.
    """
    n = int(codes.max())
    if n == 0:
        return np.zeros(1)
    dummies = np.eye(n + 1)[codes.astype(np.int64)][:, :n]
    centred, predictors = dummies - dummies.mean(axis=0), x[:, 1:] - x[:, 1:].mean(axis=0)
    # A predictor that others determine leaves a singular value of rounding, whose direction would be arbitrary.
    between = centred.T @ predictors @ np.linalg.lstsq(predictors, centred, rcond=TIE)[0]
    root = np.linalg.inv(np.linalg.cholesky(centred.T @ centred))
    strength, axes = np.linalg.eigh(root @ (between + between.T) @ root.T)
    # Variates that are as strong as the first have no axes of their own, only a space together: of it we take what lies
    # nearest to one category, the first of those that lie nearest.
    tied = axes[:, strength >= strength[-1] - TIE]
    held = (tied * tied).sum(axis=1)
    score = root.T @ (tied @ tied[np.argmax(reaches(held, float(held.max())))])
    far = np.abs(score)
    return np.append(score * np.sign(score[np.argmax(reaches(far, float(far.max())))]), 0.0)


def _matched(
    y: Floats, x: Floats, gap: npt.NDArray[np.bool_], rng: np.random.Generator, n_donors: int
) -> Ints:
    """The complete row that each row with a gap takes its value from."""
    # Shuffled, so that among equal predictions no row is preferred for standing first.
    seen = rng.permutation(np.flatnonzero(~gap))
    cross = x[seen].T @ x[seen]
    cross[np.diag_indices_from(cross)] *= 1 + 1e-8
    # A column that is nil in all complete rows says nothing of them; its coefficient is nil too.
    empty = np.flatnonzero(cross.diagonal() == 0)
    cross[empty, empty] = 1.0
    # Only the order of predictions matters; about their mean they have all their digits.
    y = y - y[seen].mean()
    b = np.linalg.solve(cross, x[seen].T @ y[seen])
    left = y[seen] - x[seen] @ b
    sigma = math.sqrt(float(left @ left) / rng.chisquare(max(1, len(seen) - len(b))))
    drawn = b + sigma * np.linalg.solve(np.linalg.cholesky(cross).T, rng.normal(size=len(b)))
    fitted, target = x[seen] @ b, x[gap] @ drawn
    spread, whole = float(fitted.std()), float(y[seen].std())
    unit = (whole or 1.0) if is_nil(spread, size=whole) else spread
    fitted, target = fitted / unit, target / unit
    # Equal predictions differ by rounding: each takes the value of the first of its level, and stays where it was shuffled to.
    level = levels(fitted, near=TIE)
    by_level = np.argsort(level, kind="stable")
    fitted, level, n = fitted[by_level], level[by_level], len(seen)
    fitted = np.minimum.reduceat(fitted, np.searchsorted(level, np.arange(level[-1] + 1)))[level]
    # One more on each side than is needed, as rounding may move the place of a target that lies on a donor.
    width, k = min(2 * n_donors + 2, n), min(n_donors, n)
    start = np.clip(np.searchsorted(fitted, target) - n_donors - 1, 0, n - width)
    window = start[:, None] + np.arange(width)
    far = np.abs(fitted[window] - target[:, None])
    nearest = np.argsort(levels(far, near=TIE), axis=1, kind="stable")
    rows = np.arange(len(target))
    chosen = window[rows, nearest[rows, rng.integers(0, k, len(target))]]
    # Where more rows than donors have the same prediction, all of them are donors.
    value = fitted[window[rows, nearest[:, 0]]]
    first, last = np.searchsorted(fitted, value, "left"), np.searchsorted(fitted, value, "right")
    among = first + np.floor(rng.random(len(target)) * (last - first)).astype(np.int64)
    chosen = np.where(last - first >= k, among, chosen)
    return np.asarray(seen[by_level[chosen]], dtype=np.int64)
