"""Least squares from sums per cluster, and the direction in coefficient space that a question asks about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from impact.clusters.sums import ClusterSums
from impact.columns import Floats
from impact.errors import BadData, NotIdentified
from impact.information import EQUAL, determined, inverted
from impact.separation import listed

__all__ = ["ClusterFit", "Target", "fit"]

Target = str | Mapping[str, float]  # one column, or a weighted sum of columns


@dataclass(frozen=True, eq=False)
class ClusterFit:
    """(Weighted) least squares of k columns over G clusters.

    `coefficients` (k,) are those of the sums, hence with centred columns the constant is the value at the centres;
    `value` gives any coefficient as of the columns before centring. `bread` (k, k) is (X'WX)⁻¹, `scores`
    (G, k) are X_g'W(y - Xb), and `sizes` (G, k) those of the numbers that the scores are differences of.
    """

    sums: ClusterSums
    coefficients: Floats
    bread: Floats
    scores: Floats
    sizes: Floats
    residual_sum: float

    @property
    def n_rows(self) -> int:
        """The number of rows behind the sums."""
        return round(float(self.sums.n.sum()))

    @property
    def n_clusters(self) -> int:
        """The number of clusters G."""
        return len(self.sums.labels)

    @property
    def n_parameters(self) -> int:
        """Columns and absorbed effects together."""
        return len(self.sums.names) + self.sums.absorbed

    def direction(self, target: Target) -> Floats:
        """The contrast (k,) over the centred coefficients. Raises BadData for an unknown column."""
        wanted = {target: 1.0} if isinstance(target, str) else dict(target)
        names = self.sums.names
        contrast = np.zeros(len(names))
        for name, weight in wanted.items():
            if name not in names:
                raise BadData(f"The model has no column “{name}”.")
            contrast[names.index(name)] += weight
        if self.sums.constant is not None:
            at_zero = contrast[names.index(self.sums.constant)]
            for name, centre in self.sums.centres.items():
                contrast[names.index(name)] -= at_zero * centre
        if not contrast.any():
            raise BadData("The target asks for nothing: all its weights are zero.")
        return contrast

    def along(self, a: Floats) -> Floats:
        """a'X_g'We_g of each cluster, shape (G,); nil throughout where it is no more than the rounding of what it is made of,
        as where the columns meet the outcome without error or clusters have nothing to say of a."""
        part: Floats = self.scores @ a
        return part if np.abs(part).max() > EQUAL * (self.sizes @ np.abs(a)).max() else np.zeros_like(part)

    def value(self, target: Target) -> float:
        """The estimate of a target."""
        shift = 0.0
        if self.sums.constant is not None:
            wanted = {target: 1.0} if isinstance(target, str) else target
            shift = wanted.get(self.sums.constant, 0.0) * self.sums.outcome_centre
        return float(self.direction(target) @ self.coefficients) + shift


def fit(sums: ClusterSums) -> ClusterFit:
    """b = (Σ X_g'WX_g)⁻¹ Σ X_g'Wy_g.

    Raises NotIdentified that names collinear columns (a column of zeros, one that others add up to, or one whose
    variation is lost beside its size: centre it), and fewer than two clusters or no more rows than columns.
    Checked against statsmodels OLS and WLS.
    """
    if len(sums.labels) < 2:
        raise NotIdentified(
            "There is only one cluster: nothing can be said about variation between clusters."
        )
    total, moment = sums.xx.sum(0), sums.xy.sum(0)
    _refuse_collinear(total, sums)
    if sums.n.sum() <= len(sums.names) + sums.absorbed:
        raise NotIdentified("The model has as many parameters as rows.")
    bread = inverted(total)
    b = bread @ moment
    b += bread @ (moment - total @ b)  # one step of refinement wins back the digits that the inverse lost
    scores = sums.xy - np.einsum("gij,j->gi", sums.xx, b)
    sizes = np.abs(sums.xy) + np.einsum("gij,j->gi", np.abs(sums.xx), np.abs(b))
    residual = float(sums.yy.sum() - 2 * b @ moment + b @ total @ b)
    if (np.abs(scores) <= EQUAL * sizes).all():  # the columns meet the outcome without error
        scores, residual = np.zeros_like(scores), 0.0
    return ClusterFit(sums, b, bread, scores, sizes, max(residual, 0.0))


def _refuse_collinear(total: Floats, sums: ClusterSums) -> None:
    """In the order given; the first column that those before it determine is named with its partners."""
    size, names = np.diag(total), sums.names
    if (size <= 0).any():
        raise NotIdentified(f"“{names[int(np.argmax(size <= 0))]}” is zero in every row.")
    scale = np.sqrt(size)
    found = determined(
        total / np.outer(scale, scale), np.ones(len(size)) if sums.whole is None else sums.whole / size
    )
    if found is not None:
        place, parts = found
        # Columns have unit length here; a constant beside columns centred from far away has a part that is rounding.
        partners = [names[i] for i in np.flatnonzero(np.abs(parts) > 1e-4)]
        raise NotIdentified(
            f"“{names[place]}” is collinear with {listed(partners)}. Drop one of them; or, if it is a large number that "
            "varies little, subtract its mean before the sums are made."
        )
