"""Sums per cluster: X'WX, X'Wy and what CR2 with weights wants. They add up over chunks, files and databases."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from impact.columns import Floats, Ints, groups, matrix, numbers, same_length, weights
from impact.errors import BadData, NotIdentified
from impact.information import EQUAL, PART_SQUARED, alike
from impact.ties import TIE

__all__ = ["ClusterSums", "demeaned"]

FAR_FROM_ZERO = (
    10.0  # a column whose mean is so many standard deviations from zero is centred before squaring
)
BLOCKS = ("xx", "xx_plain", "xx_square")
ADDABLE = ("n", "xx", "xy", "yy", "xx_plain", "xy_plain", "xx_square")


def demeaned(values: Floats, codes: Ints, weight: Floats | None = None) -> Floats:
    """`values` of shape (n,) or (n, k) less their (weighted) mean within each group of `codes` 0…G-1."""
    weight = np.ones(len(codes)) if weight is None else weight
    total = np.bincount(codes, weight)
    table = values.reshape(len(codes), -1)
    means = np.empty((len(total), table.shape[1]))
    for place, column in enumerate(table.T):
        means[:, place] = np.bincount(codes, weight * column) / total
    return values - means[codes].reshape(values.shape)


@dataclass(frozen=True, eq=False)
class ClusterSums:
    """Sums over the rows of each of G clusters of a design X with k named columns, an outcome y and weights W.

    `xx` (G, k, k) is X'WX, `xy` (G, k) X'Wy, `yy` (G,) y'Wy and `n` (G,) the number of rows. Where weights are not
    all one (`weighted`), CR2 also needs `xx_plain` X'X, `xy_plain` X'y and `xx_square` X'W²X; nothing else does.
    `centres` were subtracted from columns, by name, and `outcome_centre` from y before anything was squared;
    `constant` names the column of ones that takes them up. `absorbed` counts the effects that `within` swept out, and
    `whole` (k,) are the squares of the columns before that.
    """

    names: tuple[str, ...]
    labels: tuple[Hashable, ...]
    n: Floats
    xx: Floats
    xy: Floats
    yy: Floats
    xx_plain: Floats | None = None
    xy_plain: Floats | None = None
    xx_square: Floats | None = None
    weighted: bool = False
    centres: Mapping[str, float] = field(default_factory=dict)
    outcome_centre: float = 0.0
    constant: str | None = None
    absorbed: int = 0
    whole: Floats | None = None

    def __post_init__(self) -> None:
        g, k = len(self.labels), len(self.names)
        if len(set(self.names)) != k or len(set(self.labels)) != g:
            raise BadData("Each column and each cluster may be named once only.")
        shapes = {"n": (g,), "yy": (g,), "xy": (g, k), "xy_plain": (g, k)} | dict.fromkeys(BLOCKS, (g, k, k))
        for name, shape in shapes.items():
            found = getattr(self, name)
            if found is not None and found.shape != shape:
                raise BadData(f"The sums “{name}” have shape {found.shape}; {shape} was expected.")
            if found is not None and not np.isfinite(found).all():
                raise BadData(f"The sums “{name}” hold a missing or infinite number.")
        if unknown := set(self.centres) - set(self.names):
            raise BadData(f"A centre was given for “{min(unknown)}”, which is no column.")
        if (self.centres or self.outcome_centre) and self.constant not in self.names:
            raise BadData("Columns can be centred only where the design has a column of ones (“constant”).")

    @classmethod
    def from_rows(
        cls,
        outcome: npt.ArrayLike,
        design: npt.ArrayLike,
        names: Sequence[str],
        clusters: npt.ArrayLike,
        *,
        weight: npt.ArrayLike | None = None,
        centres: Mapping[str, float] | None = None,
        outcome_centre: float | None = None,
    ) -> ClusterSums:
        """Sums over rows: outcome (n,), design (n, k) with its column of ones, clusters (n,), weights (n,) above zero.

        Missing values are refused. Where `centres` is None and there is a column of ones, columns whose mean lies
        more than ten standard deviations from zero are centred, so that an offset of 10⁹ costs no digits. Chunks
        that will be added must agree on `centres` and `outcome_centre`: give both. Raises BadData.
        """
        y, x = numbers(outcome, "outcome"), matrix(design, names).copy()
        codes, labels = groups(clusters, "clusters")
        same_length(len(y), {"design": x, "clusters": codes.astype(np.float64)})
        w = weights(weight, len(y))
        columns = dict(zip(names, x.T, strict=True))
        constant = next((name for name, column in columns.items() if np.abs(column - 1).max() <= EQUAL), None)
        if centres is None:
            found = {name: _centre(column) for name, column in columns.items() if constant}
            centres = {name: value for name, value in found.items() if value}
        if outcome_centre is None:
            outcome_centre = _centre(y) if constant else 0.0
        x -= np.array([centres.get(name, 0.0) for name in names])
        order = np.argsort(codes, kind="stable")
        bounds = np.searchsorted(codes[order], np.arange(len(labels) + 1))
        weighted = weight is not None
        moments = _moments(y[order] - outcome_centre, x[order], w[order], bounds, weighted)
        return cls(
            tuple(names),
            tuple(labels.tolist()),
            **moments,
            weighted=weighted,
            centres=dict(centres),
            outcome_centre=outcome_centre,
            constant=constant,
        )

    @classmethod
    def from_sums(
        cls,
        names: Sequence[str],
        labels: Sequence[Hashable],
        *,
        n: npt.ArrayLike,
        xx: npt.ArrayLike,
        xy: npt.ArrayLike,
        yy: npt.ArrayLike,
        weighted: bool = False,
        xx_plain: npt.ArrayLike | None = None,
        xy_plain: npt.ArrayLike | None = None,
        xx_square: npt.ArrayLike | None = None,
        constant: str | None = None,
        centres: Mapping[str, float] | None = None,
        outcome_centre: float = 0.0,
    ) -> ClusterSums:
        """Sums that a database or another machine made; of each xx one triangle is enough, the other being zero.

        Subtract the centres of continuous covariates before squaring: digits that a sum of squares has lost do
        not come back, and `fit` then refuses the column. Raises BadData for shapes, infinities and asymmetry.
        """
        given: dict[str, npt.ArrayLike | None] = {"n": n, "xx": xx, "xy": xy, "yy": yy}
        given |= {"xx_plain": xx_plain, "xy_plain": xy_plain, "xx_square": xx_square}
        arrays: dict[str, Any] = {
            k: None if v is None else np.asarray(v, dtype=np.float64) for k, v in given.items()
        }
        for name in BLOCKS:
            if (block := arrays[name]) is not None and block.ndim == 3:
                arrays[name] = _symmetric(block, name)
        if (arrays["n"] < 1).any():
            raise BadData("A cluster without rows cannot be used: leave it out.")
        return cls(
            tuple(names),
            tuple(labels),
            **arrays,
            weighted=weighted,
            centres=dict(centres or {}),
            outcome_centre=outcome_centre,
            constant=constant,
        )

    def __add__(self, other: ClusterSums) -> ClusterSums:
        """The sums of both, cluster by cluster; a cluster may occur in one of them only. Raises BadData."""
        for name in ("names", "centres", "outcome_centre", "constant", "weighted"):
            if getattr(self, name) != getattr(other, name):
                raise BadData(f"Sums that differ in “{name}” cannot be added.")
        if self.absorbed or other.absorbed:
            raise BadData("Add the chunks first, and sweep the cluster effects out afterwards.")
        labels = tuple(dict.fromkeys((*self.labels, *other.labels)))
        place = {label: i for i, label in enumerate(labels)}

        def added(name: str) -> Any:
            one, two = getattr(self, name), getattr(other, name)
            if one is None or two is None:
                return None
            total = np.zeros((len(labels), *one.shape[1:]))
            for part, own in ((one, self.labels), (two, other.labels)):
                total[[place[label] for label in own]] += part
            return total

        both: dict[str, Any] = {name: added(name) for name in ADDABLE}
        return replace(self, labels=labels, **both)

    def with_cluster_effects(self) -> ClusterSums:
        """The same model with a dummy for each cluster but the first, made from the column of ones. Exact."""
        one, (g, k) = self._place_of_ones(), self.xy.shape

        def wide(block: Floats) -> Floats:
            found = np.zeros((g, k + g - 1, k + g - 1))
            found[:, :k, :k] = block
            for i in range(1, g):
                found[i, :k, k + i - 1] = found[i, k + i - 1, :k] = block[i, one]
                found[i, k + i - 1, k + i - 1] = block[i, one, one]
            return found

        def long(block: Floats) -> Floats:
            return np.hstack([block, (np.eye(g) * block[:, [one]])[:, 1:]])

        names = (*self.names, *(f"effect of {label}" for label in self.labels[1:]))
        return self._rebuilt(names, wide, long)

    def within(self) -> ClusterSums:
        """The same model with an effect of each cluster swept out, for hundreds of clusters. Exact for all but
        CR2 with weights, which refuses such sums. Raises NotIdentified for a column constant within clusters.
        """
        one = self._place_of_ones()
        keep = np.flatnonzero(np.arange(len(self.names)) != one)
        size, sx, sy = self.xx[:, one, one], self.xx[:, one, :], self.xy[:, one]
        xx = self.xx - sx[:, :, None] * sx[:, None, :] / size[:, None, None]
        gone = np.einsum("gjj->j", xx) <= PART_SQUARED * np.einsum("gjj->j", self.xx)
        for place in keep[gone[keep]]:
            raise NotIdentified(
                f"“{self.names[place]}” does not vary within any cluster: the cluster effects absorb it."
            )
        return replace(
            self,
            names=tuple(self.names[place] for place in keep),
            xx=xx[:, keep][:, :, keep],
            xy=(self.xy - sx * (sy / size)[:, None])[:, keep],
            yy=self.yy - sy**2 / size,
            xx_plain=None,
            xy_plain=None,
            xx_square=None,
            centres={},
            outcome_centre=0.0,
            constant=None,
            absorbed=len(self.labels),
            whole=np.einsum("gjj->j", self.xx)[keep],
        )

    def chosen(self, names: Sequence[str]) -> ClusterSums:
        """The sums of the smaller design that holds only these columns, in this order. Raises BadData."""
        for name in names:
            if name not in self.names:
                raise BadData(f"The sums have no column “{name}”.")
        place = [self.names.index(name) for name in names]
        small = self._rebuilt(
            tuple(names), lambda block: block[:, place][:, :, place], lambda block: block[:, place]
        )
        return small

    def _rebuilt(
        self, names: tuple[str, ...], block: Callable[[Floats], Floats], row: Callable[[Floats], Floats]
    ) -> ClusterSums:
        def applied(how: Callable[[Floats], Floats], found: Floats | None) -> Floats | None:
            return None if found is None else how(found)

        return replace(
            self,
            names=names,
            xx=block(self.xx),
            xy=row(self.xy),
            xx_plain=applied(block, self.xx_plain),
            xy_plain=applied(row, self.xy_plain),
            xx_square=applied(block, self.xx_square),
            whole=None if self.whole is None else row(self.whole[None])[0],
            centres={name: value for name, value in self.centres.items() if name in names},
            constant=self.constant if self.constant in names else None,
        )

    def _place_of_ones(self) -> int:
        if self.constant is None or self.constant not in self.names:
            raise BadData("The design has no column of ones from which cluster effects could be made.")
        return self.names.index(self.constant)


def _centre(column: Floats) -> float:
    """The mean, where the column lies so far from zero that squares would lose digits; otherwise 0."""
    mean, spread = float(column.mean()), float(column.std())
    return mean if not alike(column) and abs(mean) > FAR_FROM_ZERO * spread else 0.0


def _moments(y: Floats, x: Floats, w: Floats, bounds: Ints, weighted: bool) -> dict[str, Any]:
    """The sums of rows sorted by cluster; cluster g fills rows bounds[g] to bounds[g + 1]."""
    found: dict[str, list[Any]] = {name: [] for name in ADDABLE}
    for start, stop in pairwise(bounds.tolist()):
        xg, yg, wg = x[start:stop], y[start:stop], w[start:stop]
        xw = xg * wg[:, None] if weighted else xg
        parts = {"n": np.float64(stop - start), "xx": xw.T @ xg, "xy": xw.T @ yg, "yy": (wg * yg) @ yg}
        if weighted:
            parts |= {"xx_plain": xg.T @ xg, "xy_plain": xg.T @ yg, "xx_square": xw.T @ xw}
        for name, value in parts.items():
            found[name].append(value)
    return {name: np.array(values) if values else None for name, values in found.items()}


def _symmetric(blocks: Floats, name: str) -> Floats:
    lower, upper = np.tril(blocks, -1), np.triu(blocks, 1)
    if not lower.any() or not upper.any():
        return blocks + np.swapaxes(lower + upper, 1, 2)
    # A sum that is nil on paper is rounding, of the size of what was added up, and another on either side.
    root = np.sqrt(np.abs(np.diagonal(blocks, axis1=1, axis2=2)))
    size = np.maximum(np.abs(blocks), root[:, :, None] * root[:, None, :])
    if (np.abs(blocks - np.swapaxes(blocks, 1, 2)) > TIE * size).any():
        raise BadData(f"The sums “{name}” are not symmetric.")
    return blocks
