"""What a reader can work out: the least and greatest value of every hidden count, by linear programme.

The attacker knows every count shown, every sum between cells, that a part is no larger than its whole and
that counts are not negative. Checked against the bounds of the pattern in the vignette "Small count frequency
table" of GaussSuppression (search.r-project.org).
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

_TOLERANCE = 1e-6

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Sum(Generic[K]):
    """The parts add up to the total. Cells are named by anything hashable."""

    total: K
    parts: tuple[K, ...]


@dataclass(frozen=True, slots=True)
class Bounds:
    low: float
    high: float

    @property
    def width(self) -> float:
        return self.high - self.low


class Contradiction(ValueError):
    """The shown counts and the sums cannot all be true."""


def bounds(
    shown: Mapping[K, int],
    hidden: Iterable[K],
    sums: Iterable[Sum[K]],
    *,
    wholes: Mapping[K, K] | None = None,
) -> dict[K, Bounds]:
    """Least and greatest value of each hidden cell.

    `wholes` names for a hidden part the cell it is a part of. A cell in a sum that is neither shown nor
    hidden is unknown to the attacker and free. Raises Contradiction when shown counts do not add up.
    """
    targets = dict.fromkeys(hidden)
    found: dict[K, Bounds] = {}
    for unknown, rows, rests in _systems(shown, targets, list(sums), wholes or {}):
        limits, caps, cap_rests = _caps(shown, unknown, wholes or {})
        if not caps and (plain := _of_one_sum(rows, rests, limits)) is not None:
            found |= {cell: plain[place] for cell, place in unknown.items() if cell in targets}
            continue
        for cell, place in unknown.items():
            if cell in targets:
                found[cell] = Bounds(
                    _extreme(place, 1.0, len(unknown), rows, rests, limits, caps, cap_rests),
                    -_extreme(place, -1.0, len(unknown), rows, rests, limits, caps, cap_rests),
                )
    return {cell: found[cell] for cell in targets}


def _systems(
    shown: Mapping[K, int], targets: Mapping[K, None], sums: list[Sum[K]], wholes: Mapping[K, K]
) -> list[tuple[dict[K, int], list[dict[int, float]], list[float]]]:
    """The unknown cells in groups that no sum and no whole connects, each with its equations.

    A programme of many small tables falls apart into many small programmes, which is what keeps it quick.
    """
    parent: dict[K, K] = {}

    def root(cell: K) -> K:
        parent.setdefault(cell, cell)
        while parent[cell] != cell:
            parent[cell] = parent[parent[cell]]
            cell = parent[cell]
        return cell

    def is_unknown(cell: K) -> bool:
        return cell in targets or cell not in shown

    for cell in targets:
        root(cell)
    equations: list[tuple[dict[K, float], float]] = []
    for each in sums:
        terms: dict[K, float] = {}
        rest = 0.0
        for cell, sign in ((each.total, -1.0), *((part, 1.0) for part in each.parts)):
            if is_unknown(cell):
                terms[cell] = terms.get(cell, 0.0) + sign
            else:
                rest -= sign * shown[cell]
        if not terms and abs(rest) > _TOLERANCE:
            raise Contradiction("counts that should add up do not")
        if terms:
            equations.append((terms, rest))
            first, *others = (root(cell) for cell in terms)
            for other in others:
                parent[root(other)] = root(first)
    for part, whole in wholes.items():
        if part in parent and whole in parent and is_unknown(part) and is_unknown(whole):
            parent[root(part)] = root(whole)
    groups: dict[K, tuple[dict[K, int], list[dict[int, float]], list[float]]] = {}
    for cell in list(parent):
        places = groups.setdefault(root(cell), ({}, [], []))[0]
        places[cell] = len(places)
    for terms, rest in equations:
        places, rows, rests = groups[root(next(iter(terms)))]
        rows.append({places[cell]: sign for cell, sign in terms.items()})
        rests.append(rest)
    return [group for group in groups.values() if any(cell in targets for cell in group[0])]


def _of_one_sum(
    rows: list[dict[int, float]], rests: list[float], limits: list[tuple[float, float | None]]
) -> list[Bounds] | None:
    """Bounds by arithmetic where the unknowns stand in one sum with a known total, or in none; else None.

    Most hidden counts of a survey are of this kind, and a linear programme costs milliseconds.
    """
    lows = [low for low, _ in limits]
    highs = [math.inf if high is None else high for _, high in limits]
    if not rows:
        return [Bounds(low, high) for low, high in zip(lows, highs, strict=True)]
    if len(rows) > 1 or any(sign != 1 for sign in rows[0].values()):
        return None
    rest = rests[0]
    if sum(lows) > rest + _TOLERANCE or sum(highs) < rest - _TOLERANCE:
        raise Contradiction("counts that should add up do not")
    return [
        Bounds(
            max(lows[place], rest - sum(highs[:place]) - sum(highs[place + 1 :])),
            min(highs[place], rest - sum(lows[:place]) - sum(lows[place + 1 :])),
        )
        for place in range(len(limits))
    ]


def _caps(
    shown: Mapping[K, int], unknown: Mapping[K, int], wholes: Mapping[K, K]
) -> tuple[list[tuple[float, float | None]], list[dict[int, float]], list[float]]:
    limits: list[tuple[float, float | None]] = [(0.0, None)] * len(unknown)
    caps: list[dict[int, float]] = []
    rests: list[float] = []
    for part, whole in wholes.items():
        if part in unknown and whole in unknown:
            caps.append({unknown[part]: 1.0, unknown[whole]: -1.0})
            rests.append(0.0)
        elif part in unknown and whole in shown:
            limits[unknown[part]] = (0.0, float(shown[whole]))
        elif whole in unknown and part in shown:
            # A whole is at least as large as its largest part that is shown.
            low, high = limits[unknown[whole]]
            limits[unknown[whole]] = (max(low, float(shown[part])), high)
    return limits, caps, rests


def _extreme(
    place: int,
    sign: float,
    n_unknown: int,
    rows: list[dict[int, float]],
    rests: list[float],
    limits: list[tuple[float, float | None]],
    caps: list[dict[int, float]],
    cap_rests: list[float],
) -> float:
    from scipy.optimize import linprog  # a fifth of a second, and only where something is hidden

    objective = np.zeros(n_unknown)
    objective[place] = sign
    answer = linprog(
        objective,
        A_eq=_matrix(rows, n_unknown) if rows else None,
        b_eq=np.array(rests) if rests else None,
        A_ub=_matrix(caps, n_unknown) if caps else None,
        b_ub=np.array(cap_rests) if cap_rests else None,
        bounds=limits,
        method="highs",
    )
    if answer.status == 3:  # unbounded
        return -math.inf
    if answer.status == 2:  # infeasible
        raise Contradiction("counts that should add up do not")
    if answer.status != 0:
        raise RuntimeError(f"the linear programme did not finish: {answer.message}")
    return float(round(answer.fun, 6)) + 0.0  # + 0.0 turns -0.0 into 0.0


def _matrix(rows: list[dict[int, float]], n_unknown: int) -> npt.NDArray[np.float64]:
    matrix = np.zeros((len(rows), n_unknown))
    for number, row in enumerate(rows):
        for place, value in row.items():
            matrix[number, place] = value
    return matrix
