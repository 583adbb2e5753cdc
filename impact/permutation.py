"""The exhaustive permutation test of a stepped wedge, over every roll-out order that the randomisation allowed."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from impact.columns import Floats, groups, matrix, numbers, same_length
from impact.errors import BadData, NotIdentified
from impact.estimate import Note
from impact.glmm import collapse, random_intercept_logit
from impact.randomisation import floor_notes
from impact.ties import is_nil, reaches

__all__ = ["PermutationTest", "cell_effect", "cell_statistic", "logit_statistic", "permutation_test"]

Order = tuple[str, ...]
Statistic = Callable[[Order], float]


@dataclass(frozen=True)
class PermutationTest:
    """`distribution` is the statistic of each allowed order, in the order of `allowed`; print `floor` beside `p_value`."""

    statistic: float
    p_value: float
    floor: float
    n_orders: int
    observed: Order
    allowed: tuple[Order, ...]
    distribution: tuple[float, ...]
    notes: tuple[Note, ...]


def permutation_test(statistic: Statistic, *, observed: Order, allowed: Sequence[Order]) -> PermutationTest:
    """p = the share of allowed orders whose |statistic| is not below that of the observed order, itself counted.

    Exact under the null that the order changed no outcome, whatever the model behind the statistic. Ties that rounding has
    parted count, see `impact.ties`. Nothing is drawn, so that there is no seed. The smallest p is 1 over the number of orders:
    1/12 for two sites, then three.
    `statistic` maps an order (site names, first to go live first) to a number; see `cell_statistic`, `logit_statistic`.
    Raises BadData where the observed order is not allowed or one is listed twice; NotIdentified where a statistic is not finite.
    Source: Wang & De Gruttola, Stat. Med. 36 (2017) 2831-2843; Edgington & Onghena, Randomization Tests (2007).
    """
    orders = tuple(tuple(order) for order in allowed)
    if len(set(orders)) != len(orders):
        raise BadData("An allowed order is listed twice, which would change the p-value.")
    if tuple(observed) not in orders:
        raise BadData(
            f"The observed order {' → '.join(observed)} is not among the {len(orders)} allowed orders."
        )
    values = [float(statistic(order)) for order in orders]
    for order, value in zip(orders, values, strict=True):
        if not math.isfinite(value):
            raise NotIdentified(f"The statistic of the order {' → '.join(order)} is not a finite number.")
    own = values[orders.index(tuple(observed))]
    sizes = np.abs(values)
    return PermutationTest(
        statistic=own,
        p_value=float(reaches(sizes, abs(own)).mean()),
        floor=1 / len(orders),
        n_orders=len(orders),
        observed=tuple(observed),
        allowed=orders,
        distribution=tuple(values),
        notes=floor_notes(len(orders)),
    )


def cell_effect(means: npt.ArrayLike, design: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> float:
    """The coefficient of `design` in a regression of cluster-period means on it, clusters and periods.

    Shapes: all (clusters, periods); NaN in `means` leaves a cell out. Unweighted unless `weights` are given. Raises
    NotIdentified where clusters and periods determine the design.
    """
    y, x = np.asarray(means, dtype=np.float64), np.asarray(design, dtype=np.float64)
    if y.ndim != 2 or x.shape != y.shape:
        raise BadData(
            f"The means have shape {y.shape} and the design {x.shape}; both must be clusters by periods."
        )
    w = np.ones(y.shape) if weights is None else np.asarray(weights, dtype=np.float64)
    seen = ~np.isnan(y)
    if w.shape != y.shape or not (np.isfinite(y[seen]).all() and (w[seen] > 0).all()):
        raise BadData("Every observed cell needs a finite mean and a weight above zero.")
    cluster, period = np.nonzero(seen)
    root = np.sqrt(w[seen])
    dummies = np.column_stack(
        [cluster == g for g in range(len(y))] + [period == t for t in range(y.shape[1])]
    )
    scaled = dummies * root[:, None]
    both = np.column_stack([x[seen], y[seen] - y[seen].mean()]) * root[:, None]
    left = both - scaled @ np.linalg.lstsq(scaled, both, rcond=1e-12)[0]
    square = float(left[:, 0] @ left[:, 0])
    if square <= 1e-10 * float((both[:, 0] ** 2).sum()) or square == 0:
        raise NotIdentified("Clusters and periods determine the treatment, so it has no effect of its own.")
    cross = float(left[:, 0] @ left[:, 1])
    # What clusters and periods explain to the last digit leaves rounding, which is no effect of either sign.
    if is_nil(cross, size=math.sqrt(square) * float(np.linalg.norm(both[:, 1]))):
        return 0.0
    return cross / square


def cell_statistic(
    means: npt.ArrayLike,
    *,
    sites: Sequence[str],
    starts: Sequence[int],
    weights: npt.ArrayLike | None = None,
) -> Statistic:
    """`cell_effect` for each order: the k-th site to go live is treated from period `starts[k]` on (counted from 0).

    `sites` name the rows of `means`. A cell without data stays without data in every order, so leave out only cells whose
    absence has nothing to do with treatment.
    """
    y = np.asarray(means, dtype=np.float64)
    if len(sites) != len(y) or len(starts) != len(y) or len(set(sites)) != len(sites):
        raise BadData("There must be one site and one start for each row of means, and no site twice.")
    periods = np.arange(y.shape[1])

    def statistic(order: Order) -> float:
        start = _start_by_site(order, sites, starts)
        return cell_effect(y, (periods >= start[:, None]).astype(float), weights)

    return statistic


def logit_statistic(
    outcome: npt.ArrayLike,
    x: npt.ArrayLike,
    cluster: npt.ArrayLike,
    period: npt.ArrayLike,
    *,
    names: Sequence[str],
    starts: Sequence[int],
    trials: npt.ArrayLike | None = None,
    nodes: int = 1,
) -> Statistic:
    """The treatment's log-odds in `random_intercept_logit` for each order.

    `x` (n, k) holds a column of ones, periods and covariates, but not the treatment; `period` (n,) counts from 0, and the k-th
    site of an order is treated from `starts[k]` on. Rows are collapsed once for all orders. Raises as that function does.
    """
    y, columns, when = numbers(outcome, "outcome"), matrix(x, names), numbers(period, "period")
    n = np.ones(len(y)) if trials is None else numbers(trials, "trials")
    codes, labels = groups(cluster, "cluster")
    same_length(len(y), {"the covariates": columns[:, 0], "period": when, "trials": n})
    patterns = collapse(y, n, np.column_stack([columns, when]), codes)
    sites = [str(label) for label in labels]

    def statistic(order: Order) -> float:
        start = _start_by_site(order, sites, starts)
        treated = (patterns.x[:, -1] >= start[patterns.cluster]).astype(float)
        fit = random_intercept_logit(
            patterns.events,
            np.column_stack([patterns.x[:, :-1], treated]),
            patterns.cluster,
            names=[*names, "treated"],
            trials=patterns.trials,
            nodes=nodes,
        )
        return float(fit.coefficients[-1])

    return statistic


def _start_by_site(order: Order, sites: Sequence[str], starts: Sequence[int]) -> Floats:
    if sorted(order) != sorted(sites) or len(starts) != len(order):
        raise BadData(f"The order {' → '.join(order)} does not name every site once with a start for each.")
    place = dict(zip(order, starts, strict=True))
    return np.array([place[site] for site in sites], dtype=np.float64)
