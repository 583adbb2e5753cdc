"""Invented children of trials and of difference-in-differences, made by numpy from a fixed seed and written in chunks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

CHUNK = 100_000
LEVELS = (2, 2, 2, 3, 3, 4, 5, 6)  # of the discrete covariates c0 … c7
COVARIATES = [*(f"c{i}" for i in range(len(LEVELS))), "x0", "x1"]
N_SITES, N_PERIODS, N_TREATED = 10, 6, 5


def _did_chunks(n_rows: int, seed: int) -> Iterator[dict[str, np.ndarray]]:
    random = np.random.default_rng(seed)
    level, drift = random.normal(0, 0.3, N_SITES), random.normal(0, 0.05, (N_SITES, N_PERIODS))
    for start in range(0, n_rows, CHUNK):
        n = min(CHUNK, n_rows - start)
        site, year = random.integers(0, N_SITES, n), random.integers(0, N_PERIODS, n)
        found = {"la": site, "year": 2018 + year}
        found["treated"] = ((site < N_TREATED) & (year >= N_PERIODS // 2)).astype(np.int64)
        found |= {f"c{i}": random.integers(0, k, n) for i, k in enumerate(LEVELS)}
        found |= {f"x{i}": random.normal(10 * i, 1, n) for i in range(2)}
        mean = level[site] + drift[site, year] - 0.01 * found["treated"] + 0.02 * year
        mean += 0.03 * found["c3"] - 0.02 * found["c7"] + 0.05 * found["x0"] + 0.01 * found["x1"]
        found["y"] = mean + random.normal(0, 1, n)
        found["event"] = (random.random(n) < 1 / (1 + np.exp(2.5 - mean))).astype(np.int64)
        yield found


def write_did(path: Path, n_rows: int, *, seed: int = 11) -> None:
    """`n_rows` children of ten authorities in six years with ten covariates, a number `y` and a rare `event`, of eight
    bytes each, as pandas makes them from a CSV file.
    """
    import pyarrow as pa  # 60 MB that nobody who only wants the names of columns should hold
    import pyarrow.parquet as pq

    writer = None
    for chunk in _did_chunks(n_rows, seed):
        table = pa.table(chunk)
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    if writer:
        writer.close()


def write_wedge(path: Path, per_cell: int = 1_700, *, seed: int = 4) -> list[str]:
    """The trial's shape as CSV: five sites in six periods, `per_cell` children each, one more site treated a period.

    Columns: `y`, `site` and a design of nineteen columns: one, five periods, treatment, and twelve covariates, the last of
    them continuous, so that no two rows are alike. Returns the names of the design's columns.
    """
    random = np.random.default_rng(seed)
    n_sites, n_periods = 5, 6
    site = np.repeat(np.arange(n_sites), n_periods * per_cell)
    period = np.tile(np.repeat(np.arange(n_periods), per_cell), n_sites)
    n = len(site)
    design = {"one": np.ones(n)}
    design |= {f"p{k}": (period == k).astype(float) for k in range(1, n_periods)}
    design["treated"] = (period > site).astype(float)
    design |= {
        f"b{i}": (random.random(n) < share).astype(float) for i, share in enumerate(np.linspace(0.1, 0.5, 11))
    }
    design["age"] = np.round(random.normal(0, 1, n), 6)
    sd = np.linspace(-1, 1, n_sites) * 0.15
    eta = (
        -2.75 + sd[site] + 0.05 * period - 0.3 * design["treated"] + 0.1 * design["age"] + 0.2 * design["b3"]
    )
    y = random.random(n) < 1 / (1 + np.exp(-eta))
    table = np.column_stack([y, site, *design.values()])
    kinds = ["%d", "%d", *["%d"] * (len(design) - 1), "%.6f"]
    np.savetxt(path, table, fmt=kinds, delimiter=",", header="y,site," + ",".join(design), comments="")
    return list(design)
