"""Linear regression with normal random intercepts for clusters, and for persons within clusters, from sums alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from impact.columns import Floats, Ints, groups, matrix, numbers, same_length
from impact.errors import BadData, NotIdentified
from impact.estimate import Estimate, Note, few_clusters, normal
from impact.information import PART, PART_SQUARED, Turned, alike, independent, inverted

__all__ = ["MixedFit", "linear_mixed"]

LOWEST, HIGHEST = -23.0, 9.0  # logarithm of a variance relative to the residual's


@dataclass(frozen=True)
class MixedFit:
    """A fitted model. `sd_person` is None without persons; a spread of 0 lies on the boundary and a note says so.

    `icc` is the share of the variance between clusters, var_cluster / (var_cluster + var_person + var_residual). `turned` holds
    the orthonormal columns in which the model was fitted, and `inner` the covariance of their coefficients.
    """

    names: tuple[str, ...]
    coefficients: Floats
    covariance: Floats
    sd_cluster: float
    sd_person: float | None
    sd_residual: float
    icc: float
    log_likelihood: float
    method: str
    n_rows: int
    n_clusters: int
    n_persons: int | None
    level: float
    notes: tuple[Note, ...]
    turned: Turned
    inner: Floats

    @property
    def estimates(self) -> tuple[Estimate, ...]:
        """Every coefficient with Wald z."""
        return tuple(self.contrast(name, {name: 1.0}) for name in self.names)

    def contrast(self, name: str, parts: dict[str, float]) -> Estimate:
        """The sum of coefficients times `parts`, by name of column. Raises BadData for an unknown name."""
        unknown = [part for part in parts if part not in self.names]
        if unknown:
            raise BadData(f"The model has no column “{unknown[0]}”.")
        c = np.array([parts.get(column, 0.0) for column in self.names])
        turned = c @ self.turned.back  # where the covariance has no digits to lose
        error = math.sqrt(turned @ self.inner @ turned)
        return normal(name, float(c @ self.coefficients), error, level=self.level)


def linear_mixed(
    outcome: npt.ArrayLike,
    x: npt.ArrayLike,
    cluster: npt.ArrayLike,
    *,
    names: Sequence[str],
    person: npt.ArrayLike | None = None,
    trials: npt.ArrayLike | None = None,
    method: Literal["reml", "ml"] = "reml",
    level: float = 0.95,
) -> MixedFit:
    """y = x'b + u_cluster + v_person + e, all normal; b and the residual variance profiled out, REML or ML.

    With λ the variances over the residual's, s persons' sums and n their rows, V⁻¹ needs only M'M, Σ ss' by n, and each
    cluster's Σ s by n, where M = [x y]: M'V⁻¹M = M'M - Σ_p λ_v/(1 + nλ_v) ss' - Σ_g λ_u/(1 + λ_u t) rr', r = Σ_p s/(1 + nλ_v),
    t = Σ_p n/(1 + nλ_v). The REML criterion omits ½ log|x'x|, as statsmodels and lme4 do. Standard errors are those of GLS at
    the estimated variances; the tests are Wald z. Source: Laird & Ware, Biometrics 38 (1982) 963-974; Bates & DebRoy,
    J. Multivariate Anal. 91 (2004) 1-17.

    Shapes: `outcome` (n,), `x` (n, k) with its own column of ones, `cluster` and `person` (n,). With `trials` (n,), a row stands
    for that many 0/1 outcomes of which `outcome` are 1 (no persons then). Missing values raise BadData; there are no other
    weights. Raises BadData for a person in two clusters; NotIdentified for collinear columns, one cluster, a constant outcome,
    persons who all have one row, and an outcome that the columns predict without error. Likelihoods compare only with ML.
    Checked against statsmodels MixedLM.
    """
    if method not in ("reml", "ml"):
        raise BadData(f"The method must be “reml” or “ml”, not “{method}”.")
    y, columns = numbers(outcome, "outcome"), matrix(x, names)
    n = np.ones(len(y)) if trials is None else numbers(trials, "trials")
    codes, labels = groups(cluster, "cluster")
    same_length(len(y), {"the covariates": columns[:, 0], "cluster": codes.astype(float), "trials": n})
    if trials is not None and (person is not None or (y < 0).any() or (y > n).any() or (n < 1).any()):
        raise BadData("With trials, the outcome counts from 0 to its trials and there are no persons.")
    persons = None if person is None else _nested(person, codes, len(labels))
    if len(labels) < 2:
        raise NotIdentified("All rows are in one cluster; a random intercept needs at least two.")
    if alike(y / n):
        raise NotIdentified("Every outcome is the same, so there is nothing to explain.")
    independent(columns, names)
    turned, q = Turned.of(columns, n)
    back = turned.back
    carriers = [place for place, column in enumerate(columns.T) if alike(column)]
    centre = float(y.sum() / n.sum()) if carriers else 0.0  # an offset would cost digits of the squares
    sums = _summed(y, n, q, centre, codes, len(labels), persons)
    best = _fitted(sums, method)
    in_units = 2 * float(np.linalg.slogdet(back)[1]) if method == "reml" else 0.0  # x'V⁻¹x in the units given
    b = back @ best.b
    if carriers:
        b[carriers[0]] += centre / columns[0, carriers[0]]
    var_u, var_v = best.ratios[0] * best.variance, best.ratios[1] * best.variance
    return MixedFit(
        names=tuple(names),
        coefficients=b,
        covariance=back @ best.covariance @ back.T,
        sd_cluster=math.sqrt(var_u),
        sd_person=None if persons is None else math.sqrt(var_v),
        sd_residual=math.sqrt(best.variance),
        icc=var_u / (var_u + var_v + best.variance),
        log_likelihood=(in_units - best.criterion) / 2,
        method=method,
        n_rows=round(float(n.sum())),
        n_clusters=len(labels),
        n_persons=None if persons is None else int(persons.max()) + 1,
        level=level,
        notes=few_clusters(len(labels)) + _notes(best.ratios, persons is not None),
        turned=turned,
        inner=best.covariance,
    )


@dataclass(frozen=True)
class _Sums:
    """All that the likelihood needs, with M = [x y]: persons are grouped by their number of rows, of which there are few."""

    n_rows: float
    total: Floats  # M'M (k + 1, k + 1)
    sizes: Floats  # distinct rows per person (s,)
    squares: Floats  # Σ over persons of that size of the outer product of their sums (s, k + 1, k + 1)
    sums: Floats  # Σ of persons' sums by cluster and size (g, s, k + 1)
    persons: Floats  # their number (g, s)
    has_persons: bool


@dataclass(frozen=True)
class _Solution:
    criterion: float  # minus two log-likelihoods
    slope: tuple[float, float]  # of the criterion by the logarithms of the ratios
    ratios: tuple[float, float]
    b: Floats
    covariance: Floats
    variance: float


def _nested(person: npt.ArrayLike, codes: Ints, n_clusters: int) -> Ints:
    found, labels = groups(person, "person")
    same_length(len(codes), {"person": found.astype(float)})
    pairs = np.unique(found * n_clusters + codes) // n_clusters
    twice = pairs[1:][pairs[1:] == pairs[:-1]]
    if twice.size:
        raise BadData(f"The person “{labels[twice[0]]}” has rows in more than one cluster.")
    if len(labels) == len(found):
        raise NotIdentified("Every person has one row, so persons cannot be told from the residual.")
    return found


def _summed(
    y: Floats, n: Floats, x: Floats, centre: float, codes: Ints, n_clusters: int, persons: Ints | None
) -> _Sums:
    """Rows are 0/1 counts where n > 1: then Σ(y - c)² = y - 2cy + nc² since y² = y."""
    m = np.column_stack([x * n[:, None], y - n * centre])
    single = n == 1
    cross = x.T @ m
    square = np.where(single, (y - centre) ** 2, y - 2 * centre * y + n * centre**2).sum()
    total = np.block([[cross[:, :-1], cross[:, -1:]], [cross[:, -1:].T, np.array([[square]])]])
    by_cluster: Floats
    count: Floats
    if persons is None:
        by_cluster = np.stack([np.bincount(codes, column, n_clusters) for column in m.T], axis=-1).astype(
            float
        )
        count = np.bincount(codes, n, n_clusters).astype(float)[:, None]
        none = np.zeros((1, *total.shape))
        return _Sums(float(n.sum()), total, np.ones(1), none, by_cluster[:, None], count, False)
    rows = np.bincount(persons)
    own = np.stack([np.bincount(persons, column) for column in m.T], axis=-1)
    home = np.zeros(len(rows), dtype=np.int64)
    home[persons] = codes
    sizes, kind = np.unique(rows, return_inverse=True)
    squares = np.array([own[kind == s].T @ own[kind == s] for s in range(len(sizes))])
    cell, shape = home * len(sizes) + kind, (n_clusters, len(sizes))
    n_cells = n_clusters * len(sizes)
    by_cluster = np.stack([np.bincount(cell, column, n_cells) for column in own.T], axis=-1).astype(float)
    count = np.bincount(cell, minlength=n_cells).astype(float).reshape(shape)
    return _Sums(
        float(n.sum()), total, sizes.astype(float), squares, by_cluster.reshape(*shape, -1), count, True
    )


def _at(sums: _Sums, ratios: tuple[float, float], method: str) -> _Solution:
    """The profiled criterion at given variance ratios (clusters, persons), its slope, and the coefficients there."""
    of_cluster, of_person = ratios
    shrink = 1 / (1 + sums.sizes * of_person)
    inner = sums.total - np.einsum("s,sij->ij", of_person * shrink, sums.squares)
    r = np.einsum("s,gsi->gi", shrink, sums.sums)
    t = sums.persons @ (sums.sizes * shrink)
    share = of_cluster / (1 + of_cluster * t)
    inner = inner - (r * share[:, None]).T @ r
    log_det = float(-(sums.persons @ np.log(shrink)).sum() + np.log1p(of_cluster * t).sum())
    k = len(inner) - 1
    inverse = inverted(inner[:k, :k])
    b = inverse @ inner[:k, k]
    rss = float(inner[k, k] - b @ inner[:k, k])
    if rss <= PART_SQUARED * sums.total[k, k]:
        raise NotIdentified(
            "The columns predict the outcome without error, so no uncertainty can be estimated."
        )
    df = sums.n_rows - (k if method == "reml" else 0)
    variance = rss / df
    criterion = df * (math.log(2 * math.pi * variance) + 1) + log_det
    if method == "reml":
        criterion -= float(np.linalg.slogdet(inverse)[1])
    # Changes by the logarithm of each ratio.
    bent = -sums.sizes * of_person * shrink**2
    r_bent, t_bent = np.einsum("s,gsi->gi", bent, sums.sums), sums.persons @ (sums.sizes * bent)
    crossed = (r * share[:, None]).T @ r_bent
    changes = (
        (-(r * (share / (1 + of_cluster * t))[:, None]).T @ r, float((share * t).sum())),
        (
            (r * (share**2 * t_bent)[:, None]).T @ r
            - crossed
            - crossed.T
            - np.einsum("s,sij->ij", of_person * shrink**2, sums.squares),
            float(share @ t_bent - (sums.persons @ (bent / shrink)).sum()),
        ),
    )
    along = np.append(-b, 1.0)
    slope = [
        float(along @ of_inner @ along) / variance
        + of_det
        + (float((inverse * of_inner[:k, :k]).sum()) if method == "reml" else 0.0)
        for of_inner, of_det in changes
    ]
    return _Solution(criterion, (slope[0], slope[1]), ratios, b, inverse * variance, variance)


def _fitted(sums: _Sums, method: str) -> _Solution:
    """The best of the interior and of every boundary: a ratio of zero is a candidate of its own, never a limit."""
    edge = _at(sums, (0.0, 0.0), method)
    candidates = [edge, _line(lambda log: _at(sums, (math.exp(log), 0.0), method), 0)]
    if sums.has_persons:
        candidates.append(_line(lambda log: _at(sums, (0.0, math.exp(log)), method), 1))
        candidates.append(_plane(lambda a, b: _at(sums, (math.exp(a), math.exp(b)), method)))
    best = candidates[0]
    for candidate in candidates[1:]:  # from fewest parameters on, so that a tie keeps the boundary
        if candidate.criterion < best.criterion - 1e-7:
            best = candidate
    if max(best.ratios) > math.exp(HIGHEST - 0.1):
        raise NotIdentified(
            "Rows hardly differ within clusters or persons: the residual variance cannot be estimated."
        )
    return best


def _line(at: Callable[[float], _Solution], place: int) -> _Solution:
    """Where the slope crosses zero, which is sharp to rounding, as the bottom of the criterion is not."""
    from scipy.optimize import brentq  # 0.3 s, wanted only for fitting

    grid = np.linspace(LOWEST, HIGHEST, 25)
    lowest = int(np.argmin([at(log).criterion for log in grid]))
    middle, found = float(grid[lowest]), at(float(grid[lowest]))
    other = float(grid[max(0, lowest - 1) if found.slope[place] > 0 else min(24, lowest + 1)])
    if found.slope[place] * at(other).slope[place] >= 0:  # at the end of the grid, or flat
        return found
    return at(float(brentq(lambda log: at(log).slope[place], *sorted((middle, other)), xtol=1e-13)))


def _plane(at: Callable[[float, float], _Solution]) -> _Solution:
    """By search, and then by Newton's steps towards a slope of zero, which is sharp to rounding."""
    from scipy.optimize import minimize  # 0.3 s, wanted only for fitting

    grid = np.linspace(-14, 6, 11)
    start = min((at(a, b).criterion, a, b) for a in grid for b in grid)[1:]
    options = {"xatol": 1e-8, "fatol": 1e-10, "maxiter": 2000}
    bounds = [(LOWEST, HIGHEST)] * 2
    found = minimize(lambda q: at(*q).criterion, start, method="Nelder-Mead", bounds=bounds, options=options)
    q = np.asarray(found.x, dtype=np.float64)
    for _ in range(4):
        bend = np.array(
            [(np.subtract(at(*(q + e)).slope, at(*(q - e)).slope)) / 2e-4 for e in np.eye(2) * 1e-4]
        )
        values, axes = np.linalg.eigh((bend + bend.T) / 2)
        if values[0] <= PART * values[1]:  # on the way to a boundary, where another candidate is as good
            break
        q = q - np.clip(axes @ (axes.T @ np.array(at(*q).slope) / values), -0.1, 0.1)
    return at(*np.clip(q, LOWEST, HIGHEST).tolist())


def _notes(ratios: tuple[float, float], has_persons: bool) -> tuple[Note, ...]:
    notes = []
    for ratio, what, applies in ((ratios[0], "clusters", True), (ratios[1], "persons", has_persons)):
        if applies and ratio == 0:
            text = f"The estimated spread between {what} is zero."
            notes.append(Note("boundary", text))
    return tuple(notes)
