"""Cluster-robust standard errors from sums: CRV1, CR2 with Satterthwaite degrees of freedom, CV3, and joint tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from exports.digits import printed
from impact.clusters.fitting import ClusterFit, Target
from impact.columns import Floats
from impact.errors import BadData, NotIdentified
from impact.estimate import Estimate, student
from impact.information import EQUAL, PART_SQUARED, undetermined

__all__ = ["WaldTest", "cr2", "crv1", "cv3", "joint", "title", "without_each"]

NOTHING = (
    1e-8  # an eigenvalue of I - H_gg that counts as zero: half way between rounding and one row in a hundred
)


@dataclass(frozen=True)
class WaldTest:
    """A joint test that several targets are zero: F on (df, df_within) degrees of freedom."""

    statistic: float
    df: int
    df_within: int
    p_value: float


def title(target: Target) -> str:
    """How a target is called in results: the column, or its weighted sum."""
    if isinstance(target, str):
        return target
    if isinstance(target, Mapping) and len(target) == 1 and next(iter(target.values())) == 1:
        return next(iter(target))
    return " + ".join(f"{printed(weight, 'g')} {name}" for name, weight in target.items())


def crv1(
    fitted: ClusterFit,
    target: Target,
    *,
    factor: Literal["stata", "clusters"] = "stata",
    n_parameters: int | None = None,
    level: float = 0.95,
) -> Estimate:
    """CRV1: V = c Σ_g (a'X_g'We_g)², a = (X'WX)⁻¹·target, with t on G-1 degrees of freedom.

    c is G/(G-1)·(n-1)/(n-K) (“stata”: what Stata's vce(cluster) uses, clubSandwich's CR1S) or G/(G-1)
    (“clusters”: its CR1). K counts every column and absorbed effect unless `n_parameters` says otherwise: fixest
    and pyfixest leave out effects nested in clusters. Source: Cameron and Miller 2015, doi:10.3368/jhr.50.2.317,
    eq. 12; t(G-1): Brewer, Crossley and Joyce 2018, doi:10.1515/jem-2017-0005. Checked against clubSandwich,
    statsmodels and pyfixest. Raises BadData for an unknown target.
    """
    g, n = fitted.n_clusters, fitted.n_rows
    k = fitted.n_parameters if n_parameters is None else n_parameters
    c = g / (g - 1) * ((n - 1) / (n - k) if factor == "stata" else 1.0)
    part = fitted.along(fitted.bread @ fitted.direction(target))
    return student(title(target), fitted.value(target), float(np.sqrt(c * part @ part)), g - 1, level=level)


def cr2(fitted: ClusterFit, target: Target, *, level: float = 0.95) -> Estimate:
    """CR2 (bias-reduced linearisation) with Satterthwaite degrees of freedom; the working model is independence.

    V = Σ_g (a'X_g'W_gA_ge_g)² with A_g = B_g^(-1/2), B_g = [(I-H)(I-H)']_gg, H = X(X'WX)⁻¹X'W; zero eigenvalues of
    B_g are left out. df = tr(Q)²/tr(Q²), Q_gh = p_g'[(I-H)(I-H)']_gh p_h, p_g = A_gW_gX_ga. All of it lives in the
    span of X_g and W_gX_g, so that sums are enough. Source: Pustejovsky and Tipton 2018,
    doi:10.1080/07350015.2016.1247004, eq. 5, 10, 11. Checked against clubSandwich (lm with and without weights).

    Weights need X'X, X'y and X'W²X, hence not sums from `within`: use `with_cluster_effects`. Raises BadData.
    """
    sums, bread = fitted.sums, fitted.bread
    a = bread @ fitted.direction(target)
    if sums.weighted and (sums.xx_plain is None or sums.xy_plain is None or sums.xx_square is None):
        raise BadData("CR2 with weights needs the sums X'X, X'y and X'W²X beside X'WX and X'Wy.")
    g, k = sums.xy.shape
    variance, own = 0.0, np.zeros(g)
    plain, heavy = np.zeros((g, k)), np.zeros((g, k))  # X_g'p_g and X_g'W_gp_g
    middle = sums.xx.sum(0) if sums.xx_square is None else sums.xx_square.sum(0)
    for place, (root, adjust, residual) in enumerate(_adjusted(fitted)):
        t = adjust @ (root[:, -k:] @ a)
        variance += float(t @ residual) ** 2
        own[place] = t @ t
        plain[place], heavy[place] = root[:, :k].T @ t, root[:, -k:].T @ t
    cross = heavy @ bread @ plain.T
    q = np.diag(own) - cross - cross.T + plain @ bread @ middle @ bread @ plain.T
    if not fitted.along(a).any():
        variance = 0.0
    is_told = np.trace(q) > EQUAL * (a @ middle @ a)
    df = float(np.trace(q) ** 2 / (q**2).sum()) if is_told else float("nan")
    return student(title(target), fitted.value(target), float(np.sqrt(variance)), df, level=level)


@lru_cache(maxsize=4)  # nothing in it depends on the target, and a table of answers asks for many
def _adjusted(fitted: ClusterFit) -> tuple[tuple[Floats, Floats, Floats], ...]:
    """R, A_g and the residuals of each cluster in the coordinates of an orthonormal basis."""
    sums, bread = fitted.sums, fitted.bread
    middle = sums.xx.sum(0) if sums.xx_square is None else sums.xx_square.sum(0)
    kernel = -bread if not sums.weighted else _kernel(bread, middle)
    scale = np.sqrt(np.diag(sums.xx.sum(0)))
    found = []
    for place in range(len(sums.xy)):
        gram, residual, width = _block(fitted, place)
        root, undo = _square_root(gram, np.tile(scale, width))
        values, vectors = np.linalg.eigh(np.eye(len(root)) + root @ kernel @ root.T)
        power = np.where(values > NOTHING, np.maximum(values, NOTHING) ** -0.5, 0.0)
        found.append((root, (vectors * power) @ vectors.T, undo @ residual))
    return tuple(found)


def cv3(
    fitted: ClusterFit,
    target: Target,
    *,
    centre: Literal["estimate", "mean"] = "estimate",
    level: float = 0.95,
) -> Estimate:
    """CV3, the jackknife over clusters: V = (G-1)/G Σ_g (b_(g) - b)², t on G-1 degrees of freedom.

    b_(g) leaves cluster g out and b is the estimate (“estimate”: CV3) or the mean of the b_(g) (“mean”: CV3J).
    pyfixest's CRV3 is another: Σ_g (b_(g) - b)² times its small-sample factor; clubSandwich's CR3 is Σ_g over
    (I - H_gg)⁻¹e_g, without (G-1)/G, and does not exist where an effect belongs to one cluster. Here a column that
    leaving g out empties (its own effect) is dropped from that one fit, which is exact as long as the target can be
    had without it. Source: MacKinnon, Nielsen and Webb 2023, doi:10.1002/jae.2969, eq. 14 and 15. Checked
    against leave-one-out fits. Raises NotIdentified that names a cluster without which there is no estimate.
    """
    left = without_each(fitted, target)
    for label, value in zip(fitted.sums.labels, left, strict=True):
        if not np.isfinite(value):
            raise NotIdentified(
                f"Without cluster “{label}” there is no estimate of “{title(target)}”: no jackknife exists."
            )
    g = fitted.n_clusters
    middle = float(fitted.direction(target) @ fitted.coefficients) if centre == "estimate" else left.mean()
    error = float(np.sqrt((g - 1) / g * ((left - middle) ** 2).sum())) if fitted.scores.any() else 0.0
    return student(title(target), fitted.value(target), error, g - 1, level=level)


def without_each(fitted: ClusterFit, target: Target) -> Floats:
    """The estimate without each cluster in turn, shape (G,); NaN where the other clusters cannot give one."""
    sums, contrast = fitted.sums, fitted.direction(target)
    total, moment = sums.xx.sum(0), sums.xy.sum(0)
    scale = np.sqrt(np.diag(total))
    total, moment, contrast = total / np.outer(scale, scale), moment / scale, contrast / scale
    found = np.full(fitted.n_clusters, np.nan)
    for place in range(fitted.n_clusters):
        rest = total - sums.xx[place] / np.outer(scale, scale)
        right = moment - sums.xy[place] / scale
        full = np.diag(rest) > PART_SQUARED  # columns that only this cluster filled are dropped
        if (contrast[~full] == 0).all():
            found[place] = _solved(rest[np.ix_(full, full)], right[full], contrast[full])
    return found


def _solved(a: Floats, right: Floats, contrast: Floats) -> float:
    """contrast'A⁻¹right; where A is singular, the same of any solution, or NaN where solutions disagree."""
    # With so little on the diagonal the decomposition always exists, and its least pivot tells a singular A by far.
    lower = np.linalg.cholesky(a + 0.1 * PART_SQUARED * np.eye(len(a)))
    if np.diag(lower).min() ** 2 > 100 * PART_SQUARED:
        return float(contrast @ np.linalg.solve(a, right))
    values, vectors = np.linalg.eigh(a)
    vectors, values = vectors[:, values > PART_SQUARED], values[values > PART_SQUARED]
    inside = vectors.T @ contrast
    if np.linalg.norm(contrast - vectors @ inside) > 1e-5 * np.linalg.norm(contrast):
        return float("nan")
    return float(inside @ ((vectors.T @ right) / values))


def joint(fitted: ClusterFit, targets: Sequence[Target], *, n_parameters: int | None = None) -> WaldTest:
    """The F test with CRV1 that q targets are all zero: F = b'V⁻¹b/q on (q, G-1) degrees of freedom, as Stata.

    Raises NotIdentified where q exceeds G-1, the rank that V can have, or V is singular for another reason.
    """
    from scipy import stats

    g, n, q = fitted.n_clusters, fitted.n_rows, len(targets)
    k = fitted.n_parameters if n_parameters is None else n_parameters
    contrasts = np.array([fitted.direction(target) for target in targets])
    parts = np.column_stack([fitted.along(fitted.bread @ c) for c in contrasts]) if q else np.empty((g, 0))
    v = parts.T @ parts * g / (g - 1) * (n - 1) / (n - k)
    if not 0 < q < g or undetermined(v, PART_SQUARED) is not None:
        raise NotIdentified(f"{q} coefficients cannot be tested together with {g} clusters.")
    b = np.array([fitted.value(target) for target in targets])
    f = float(b @ np.linalg.solve(v, b)) / q
    return WaldTest(f, q, g - 1, float(stats.f.sf(f, q, g - 1)))


def _kernel(bread: Floats, middle: Floats) -> Floats:
    """K such that B_g = I + Z_gKZ_g' for Z_g = [X_g, W_gX_g]."""
    return np.block([[bread @ middle @ bread, -bread], [-bread, np.zeros_like(bread)]])


def _block(fitted: ClusterFit, place: int) -> tuple[Floats, Floats, int]:
    """Z_g'Z_g, Z_g'e_g and how many copies of the columns Z_g holds: [X_g, W_gX_g], or X_g where weights are one."""
    sums, b = fitted.sums, fitted.coefficients
    if not sums.weighted:
        return sums.xx[place], fitted.scores[place], 1
    assert sums.xx_plain is not None  # cr2 has refused sums without them
    assert sums.xy_plain is not None
    assert sums.xx_square is not None
    plain, mixed, square = sums.xx_plain[place], sums.xx[place], sums.xx_square[place]
    residual = np.concatenate([sums.xy_plain[place] - plain @ b, fitted.scores[place]])
    return np.block([[plain, mixed], [mixed, square]]), residual, 2


def _square_root(gram: Floats, scale: Floats) -> tuple[Floats, Floats]:
    """R with R'R = Z'Z of full row rank, so that Z = QR, and R⁺' that turns Z'e into Q'e."""
    used = np.flatnonzero(np.diag(gram) > 0)  # of hundreds of dummies a cluster fills few
    part = gram[np.ix_(used, used)] / np.outer(scale[used], scale[used])
    values, vectors = np.linalg.eigh(part)
    keep = values > values[-1] * 1e-12
    root, undo = np.zeros((int(keep.sum()), len(gram))), np.zeros((int(keep.sum()), len(gram)))
    root[:, used] = np.sqrt(values[keep])[:, None] * vectors[:, keep].T * scale[used]
    undo[:, used] = (vectors[:, keep] / np.sqrt(values[keep])).T / scale[used]
    return root, undo
