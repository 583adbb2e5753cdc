"""5,000,000 children collapsed to binomial cells and a stepped-wedge logit fitted, against the collapse alone.

From a Parquet file, in one process, warm; the ratio of processor time, all threads together, should be at most 5. Run with
`python -m benchmarks.impact_collapse`.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import figures
from benchmarks.apart import apart
from benchmarks.children import write_did
from benchmarks.figures import Figure, Found
from benchmarks.pairs import Pairs

N_ROWS, RUNS, TARGET = 5_000_000, 7, 5.0
COVARIATES = ("c0", "c3", "c4", "c6", "c7")


def collapse_and_fit(path: str) -> dict[str, float]:
    import numpy as np

    from impact.cells import binomial
    from impact.glmm import random_intercept_logit

    start = time.process_time()
    cells = binomial(Path(path), outcome="event", by=["la", "year", "treated", *COVARIATES])
    middle = time.process_time()
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
        "both": time.process_time() - start,
        "patterns": fit.n_patterns,
        "log_likelihood": fit.log_likelihood,
    }


def measure() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "children.parquet"
        write_did(path, N_ROWS)
        found = apart(collapse_and_fit, str(path), runs=RUNS)
    pairs = Pairs([(answer["both"], answer["collapse"]) for answer in found.answers[1:]])
    return Found(
        f"collapse of {N_ROWS:,} rows and a fit of the cells",
        [
            Figure(
                "collapse and fit",
                pairs.ratio,
                TARGET,
                "our collapse alone",
                ours=pairs.ours,
                theirs=pairs.theirs,
            )
        ],
        figures.versions("numpy", "duckdb", "pandas"),
        {"patterns": found.answer["patterns"], **found.shown()},
    ).sent()


if __name__ == "__main__":
    sys.exit(figures.run(measure))
