"""5,000,000 children collapsed to binomial cells and a stepped-wedge logit fitted, against the collapse alone.

From a Parquet file, in one process, warm; the ratio of the median times should be at most 5. Run with
`python -m benchmarks.impact_collapse`.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.apart import apart, versions
from benchmarks.children import write_did

N_ROWS, RUNS, TARGET = 5_000_000, 7, 5.0
COVARIATES = ("c0", "c3", "c4", "c6", "c7")


def collapse_and_fit(path: str) -> dict[str, float]:
    import numpy as np

    from impact.cells import binomial
    from impact.glmm import random_intercept_logit

    start = time.perf_counter()
    cells = binomial(Path(path), outcome="event", by=["la", "year", "treated", *COVARIATES])
    middle = time.perf_counter()
    years = cells["year"].to_numpy()
    later = np.unique(years)[1:]
    names = ["one", *(f"year {year}" for year in later), "treated", *COVARIATES]
    x = np.column_stack(
        [np.ones(len(cells)), years[:, None] == later, cells["treated"], cells[list(COVARIATES)]]
    )
    fit = random_intercept_logit(cells["events"], x, cells["la"], names=names, trials=cells["trials"])
    assert fit.n_rows == N_ROWS
    return {
        "collapse": middle - start,
        "both": time.perf_counter() - start,
        "patterns": fit.n_patterns,
        "log_likelihood": fit.log_likelihood,
    }


def main() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "children.parquet"
        write_did(path, N_ROWS)
        found = apart(collapse_and_fit, str(path), runs=RUNS)
    warm = found.answers[1:]
    collapse, both = (statistics.median(answer[part] for answer in warm) for part in ("collapse", "both"))
    return {
        "benchmark": f"collapse of {N_ROWS:,} rows and fit / collapse alone",
        "patterns": found.answer["patterns"],
        "collapse_seconds": round(collapse, 3),
        "both_seconds": round(both, 3),
        "first_seconds": round(found.first_seconds, 3),
        "peak_mb": round(found.peak_mb),
        "ratio": round(both / collapse, 2),
        "target": TARGET,
        "is_met": both <= TARGET * collapse,
        "versions": versions("numpy", "duckdb", "pandas"),
    }


if __name__ == "__main__":
    print(json.dumps(main()))
