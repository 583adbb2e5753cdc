"""The permutation test of a stepped wedge with the model's own effect as statistic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from impact.columns import Floats
from impact.errors import BadData
from impact.mixed import linear_mixed
from impact.permutation import PermutationTest, cell_statistic, logit_statistic, permutation_test
from impact.wedge.design import Wedge, base_columns

__all__ = ["permutation"]

Order = tuple[str, ...]


def permutation(
    wedge: Wedge,
    allowed: Sequence[Order],
    *,
    statistic: Literal["logit", "linear", "cells"] = "logit",
    nodes: int = 1,
) -> PermutationTest:
    """`permutation_test` over the allowed orders with the effect of `immediate` (or of cluster-period means) as statistic.

    Clusters take turns in each other's starting periods; covariates and outcomes stay where they are. Raises BadData where
    treatment is not a matter of cluster and period alone (a start within a period, or a definition by each child's history),
    a cluster never starts, or two clusters start together, since then an order does not say who starts when.
    """
    sites = [str(label) for label in wedge.clusters]
    starts = _starts(wedge, sites)
    observed = tuple(site for _, site in sorted(zip(starts, sites, strict=True)))
    turns = sorted(starts)
    if statistic == "cells":
        shape = (len(sites), len(wedge.periods))
        cell = wedge.cluster * shape[1] + wedge.period
        rows = np.bincount(cell, minlength=shape[0] * shape[1]).reshape(shape)
        total = np.bincount(cell, wedge.outcome, shape[0] * shape[1]).reshape(shape)
        means = np.where(rows > 0, total / np.maximum(rows, 1), np.nan)
        return permutation_test(
            cell_statistic(means, sites=sites, starts=turns), observed=observed, allowed=allowed
        )
    x, names = base_columns(wedge)
    if statistic == "logit":
        by_name = np.array(sites, dtype=object)[wedge.cluster]
        logit = logit_statistic(
            wedge.outcome, x, by_name, wedge.period, names=names, starts=turns, nodes=nodes
        )
        return permutation_test(logit, observed=observed, allowed=allowed)
    if statistic != "linear":
        raise BadData(f"The statistic must be “logit”, “linear” or “cells”, not “{statistic}”.")

    def linear(order: Order) -> float:
        start = dict(zip(order, turns, strict=True))
        treated: Floats = (wedge.period >= np.array([start[s] for s in sites])[wedge.cluster]).astype(float)
        columns = np.column_stack([x, treated])
        fit = linear_mixed(
            wedge.outcome, columns, wedge.cluster, names=[*names, "treated"], person=wedge.person
        )
        return float(fit.coefficients[-1])

    return permutation_test(linear, observed=observed, allowed=allowed)


def _starts(wedge: Wedge, sites: Sequence[str]) -> list[int]:
    """The first treated period of each cluster."""
    starts = []
    for g, site in enumerate(sites):
        when, treated = wedge.period[wedge.cluster == g], wedge.treated[wedge.cluster == g]
        if not treated.any():
            raise BadData(f"The cluster “{site}” never starts, so it has no place in an order.")
        first = int(when[treated == 1].min())
        if (treated != (when >= first)).any():
            raise BadData(
                f"In the cluster “{site}” treatment differs within a period; a permutation test needs whole periods."
            )
        starts.append(first)
    if len(set(starts)) < len(starts):
        raise BadData("Two clusters start in the same period, so an order does not say who starts when.")
    return starts
