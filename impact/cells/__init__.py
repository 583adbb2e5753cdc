"""Files larger than memory: one pass by DuckDB into binomial cells or per-cluster cross-products, which are all that the
estimators need.

Each table of cells is one SQL statement in the common core of SQL-92 over a table named “records”, so that another engine
can make it too. Missing values are refused by name, because SUM passes over them in silence. Sums of floats depend on
the order of the rows in their last digits, unless `threads` is 1.
"""

from impact.cells.counts import binomial, binomial_sql, repeated, repeated_sql, write
from impact.cells.moments import CellSums, cluster_cells, cluster_sums, cluster_sums_sql

__all__ = [
    "CellSums",
    "binomial",
    "binomial_sql",
    "cluster_cells",
    "cluster_sums",
    "cluster_sums_sql",
    "repeated",
    "repeated_sql",
    "write",
]
