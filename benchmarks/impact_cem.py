"""Coarsened exact matching of 1,000,000 children on 10 covariates against one pandas groupby of the same int8 keys.

Ours finds strata, weights and counts; the groupby only numbers and sizes the groups. Each runs in its own process, warm; the
ratio of the median times should be below 2. Run with `python -m benchmarks.impact_cem`.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from benchmarks.apart import apart, versions

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

N_ROWS, LEVELS, RUNS, TARGET = 1_000_000, (2, 2, 2, 3, 3, 4, 4, 5, 5, 6), 9, 2.0

_made: list[Any] = []


def children() -> tuple[np.ndarray, pd.DataFrame]:
    """Made once a process, so that no time of a warm run goes into it."""
    import numpy as np
    import pandas as pd

    if not _made:
        random = np.random.default_rng(8)
        keys = {f"c{i}": random.integers(0, k, N_ROWS).astype(np.int8) for i, k in enumerate(LEVELS)}
        _made.extend((random.integers(0, 2, N_ROWS), pd.DataFrame(keys)))
    return _made[0], _made[1]


def ours() -> dict[str, float]:
    from impact.coarsening import match

    treated, keys = children()
    start = time.perf_counter()
    found = match(treated, keys, rule="exact")
    return {"seconds": time.perf_counter() - start, "groups": found.n_strata}


def pandas_groupby() -> dict[str, float]:
    _, keys = children()
    start = time.perf_counter()
    sizes = keys.groupby(list(keys.columns)).size()
    return {"seconds": time.perf_counter() - start, "groups": len(sizes)}


def main() -> dict[str, Any]:
    mine, theirs = apart(ours, runs=RUNS), apart(pandas_groupby, runs=RUNS)
    assert mine.answer["groups"] == theirs.answer["groups"]
    seconds = [sorted(answer["seconds"] for answer in found.answers[1:]) for found in (mine, theirs)]
    ratio = seconds[0][RUNS // 2] / seconds[1][RUNS // 2]
    return {
        "benchmark": f"coarsened exact matching of {N_ROWS:,} x {len(LEVELS)}, ours / one pandas groupby",
        "strata": mine.answer["groups"],
        "ours_seconds": {"best": round(seconds[0][0], 3), "median": round(seconds[0][RUNS // 2], 3)},
        "pandas_seconds": {"best": round(seconds[1][0], 3), "median": round(seconds[1][RUNS // 2], 3)},
        "ratio": round(ratio, 2),
        "target": TARGET,
        "is_met": ratio < TARGET,
        "versions": versions("numpy", "pandas"),
    }


if __name__ == "__main__":
    print(json.dumps(main()))
