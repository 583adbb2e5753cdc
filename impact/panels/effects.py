"""Least squares with site and period effects, individual and site covariates, weights and clustered errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from impact.clusters import ClusterFit, ClusterSums, crv1, fit, small_sample_notes
from impact.columns import groups, named, numbers
from impact.errors import BadData
from impact.estimate import Estimate, Note

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PanelFit", "fixed_effects"]

MANY_SITES = 100  # beyond it site effects are swept out instead of entering as dummies


@dataclass(frozen=True, eq=False)
class PanelFit:
    """Estimates of the covariates with CRV1 errors; `fitted` answers for the other standard errors."""

    estimates: tuple[Estimate, ...]
    fitted: ClusterFit
    n_rows: int
    n_clusters: int
    notes: tuple[Note, ...]

    def __getitem__(self, name: str) -> Estimate:
        for estimate in self.estimates:
            if estimate.name == name:
                return estimate
        raise BadData(f"The model has no covariate “{name}”.")


def fixed_effects(
    frame: pd.DataFrame,
    *,
    outcome: str,
    covariates: Sequence[str],
    site: str,
    period: str | None = None,
    cluster: str | None = None,
    weight: str | None = None,
    site_effects: Literal["dummies", "swept", "none"] | None = None,
    level: float = 0.95,
) -> PanelFit:
    """y = x'b + site effect + period effect + error by (weighted) least squares; errors CRV1 with t(G-1).

    One row is a person, or a site and period: any number of rows a cell. Covariates are numeric columns, of persons
    or of sites. Clusters are the sites unless `cluster` names a column. The first site and period are the reference.
    Site effects enter as dummies, or with more than 100 sites that are also the clusters are swept out, which gives
    the same but leaves CR2 with weights unavailable; “none” leaves them out. Missing values are refused. Checked
    against pyfixest and linearmodels.

    Raises BadData for missing values, unusable weights, misspelt columns; NotIdentified for collinear covariates.
    """
    if not covariates:
        raise BadData("Name at least one covariate, the treatment for example.")
    codes, sites = groups(named(frame, site), site)
    sweeps = site_effects == "swept" or (site_effects is None and cluster is None and len(sites) > MANY_SITES)
    if sweeps and cluster is not None:
        raise BadData("Site effects can be swept out only where the sites are the clusters.")
    # effects come before covariates, so that a covariate is blamed for collinearity and not a dummy
    design, names = [np.ones(len(codes))], ["constant"]
    of_sites = [] if sweeps or site_effects == "none" else [site]
    for column in [*([] if period is None else [period]), *of_sites]:
        place, labels = groups(named(frame, column), column)
        design += [(place == level_of).astype(float) for level_of in range(1, len(labels))]
        names += [f"{column} {label}" for label in labels[1:]]
    design += [numbers(named(frame, name), name) for name in covariates]
    sums = ClusterSums.from_rows(
        numbers(named(frame, outcome), outcome),
        np.column_stack(design),
        [*names, *covariates],
        named(frame, cluster or site),
        weight=None if weight is None else named(frame, weight),
    )
    fitted = fit(sums.within() if sweeps else sums)
    estimates = tuple(crv1(fitted, name, level=level) for name in covariates)
    notes = small_sample_notes(fitted.n_clusters)
    return PanelFit(estimates, fitted, fitted.n_rows, fitted.n_clusters, notes)
