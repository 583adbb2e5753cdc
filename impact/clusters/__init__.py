"""Linear models with few clusters, from sums per cluster that add up across chunks, tables and machines."""

from impact.clusters.fitting import ClusterFit, fit
from impact.clusters.sums import ClusterSums, demeaned
from impact.clusters.tables import ErrorTable, error_table, small_sample_notes
from impact.clusters.variances import WaldTest, cr2, crv1, cv3, joint
from impact.clusters.wild import WildTest, wild_bootstrap

__all__ = [
    "ClusterFit",
    "ClusterSums",
    "ErrorTable",
    "WaldTest",
    "WildTest",
    "cr2",
    "crv1",
    "cv3",
    "demeaned",
    "error_table",
    "fit",
    "joint",
    "small_sample_notes",
    "wild_bootstrap",
]
