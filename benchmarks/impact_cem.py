"""Coarsened exact matching of 1,000,000 children on 10 covariates against one pandas groupby of the same int8 keys.

Ours finds strata, weights and counts; the groupby only numbers and sizes the groups. Both run in one process, in turn, warm;
the ratio of their processor time should be at most 2. Run with `python -m benchmarks.impact_cem`.
"""

from __future__ import annotations

import sys
from typing import Any

from benchmarks import figures
from benchmarks.figures import Figure, Found
from benchmarks.pairs import in_turn

N_ROWS, LEVELS, ROUNDS, TARGET = 1_000_000, (2, 2, 2, 3, 3, 4, 4, 5, 5, 6), 9, 2.0


def measure() -> dict[str, Any]:
    import numpy as np
    import pandas as pd

    from impact.coarsening import match

    random = np.random.default_rng(8)
    keys = pd.DataFrame(
        {f"c{i}": random.integers(0, k, N_ROWS).astype(np.int8) for i, k in enumerate(LEVELS)}
    )
    treated = random.integers(0, 2, N_ROWS)
    n_strata = match(treated, keys, rule="exact").n_strata
    assert n_strata == len(keys.groupby(list(keys.columns)).size())
    pairs = in_turn(
        lambda: match(treated, keys, rule="exact"),
        lambda: keys.groupby(list(keys.columns)).size(),
        rounds=ROUNDS,
    )
    peer = f"one groupby of pandas {pd.__version__}"
    return Found(
        f"coarsened exact matching of {N_ROWS:,} × {len(LEVELS)}",
        [Figure("matching", pairs.ratio, TARGET, peer, ours=pairs.ours, theirs=pairs.theirs)],
        figures.versions("numpy", "pandas"),
        {"strata": n_strata},
    ).sent()


if __name__ == "__main__":
    sys.exit(figures.run(measure))
