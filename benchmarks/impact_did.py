"""Difference-in-differences of 5,000,000 children with 10 covariates in one Parquet file, ours against pyfixest.

Both answer from the file: ours reads it in one pass of a database and gives CRV1, CR2, CV3 and the exact wild bootstrap;
pyfixest gives CRV1 of the frame that pandas read. Each runs in its own process, warm, in rounds of one after the other, so
that a busy minute strikes both. Time is the processor's, all threads together; the ratio is the median over rounds of that
of the median runs. Pyfixest's runs come in two kinds, one half as long as the other, so that the ratio of the quickest runs
is shown too; and one that counts for pyfixest the fit alone. Memory is that of the first answer, since pyfixest's grows with
each. Both must agree on the coefficient to 1e-8. Run with `python -m benchmarks.impact_did`.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import figures
from benchmarks.apart import apart
from benchmarks.children import COVARIATES, N_TREATED, write_did
from benchmarks.figures import Figure, Found

N_ROWS, ROUNDS, OUR_RUNS, THEIR_RUNS = 5_000_000, 3, 8, 3
FASTER, LEANER, DIFFERENT = 10, 25, 1e-8


def ours(path: str) -> dict[str, float]:
    from impact.did import Columns, effect_in_files

    columns = Columns("y", "la", "year", "treated", covariates=tuple(COVARIATES))
    found = effect_in_files(Path(path), columns)
    assert found.n_treated == N_TREATED
    table = found.terms["treated"]
    assert table.wild is not None
    return {
        "value": table.crv1.value,
        "crv1": table.crv1.std_error,
        "cr2": table.cr2.std_error,
        "cr2_df": table.cr2.df or 0.0,
        "cv3": table.cv3.std_error,
        "wild_p": table.wild.p_value,
    }


def pyfixest_crv1(path: str) -> dict[str, float]:
    import pandas as pd
    import pyfixest

    start = time.process_time()
    frame = pd.read_parquet(path, columns=["y", "la", "year", "treated", *COVARIATES])
    middle = time.process_time()
    formula = f"y ~ treated + {' + '.join(COVARIATES)} | la + year"
    fit = pyfixest.feols(formula, frame, vcov={"CRV1": "la"})
    return {
        "value": float(fit.coef()["treated"]),
        "crv1": float(fit.se()["treated"]),
        "reading": middle - start,
        "fitting": time.process_time() - middle,
    }


def measure() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "children.parquet")
        write_did(Path(path), N_ROWS)
        rounds = [
            (apart(ours, path, runs=OUR_RUNS), apart(pyfixest_crv1, path, runs=THEIR_RUNS))
            for _ in range(ROUNDS)
        ]
    versions = figures.versions("numpy", "duckdb", "pyarrow", "pandas", "pyfixest")
    peer = f"pyfixest {versions['pyfixest']}, CRV1 alone"
    mine, theirs = [round_[0] for round_ in rounds], [round_[1] for round_ in rounds]
    ours_taken, theirs_taken = [found.median for found in mine], [found.median for found in theirs]
    fitting = [statistics.median(run["fitting"] for run in found.answers[1:]) for found in theirs]
    our_peak, their_peak = [found.first_peak_mb for found in mine], [found.first_peak_mb for found in theirs]

    def ratio(above: list[float], below: list[float]) -> float:
        return statistics.median(a / b for a, b in zip(above, below, strict=True))

    difference = max(abs(a.answer["value"] - b.answer["value"]) for a, b in rounds)
    return Found(
        f"difference-in-differences of {N_ROWS:,} × {len(COVARIATES)} from Parquet with four standard errors",
        [
            Figure(
                "reading and fitting, peer to ours",
                ratio(theirs_taken, ours_taken),
                FASTER,
                peer,
                at_least=True,
                ours=statistics.median(ours_taken),
                theirs=statistics.median(theirs_taken),
            ),
            Figure(
                "the same, quickest run of each",
                ratio([found.best for found in theirs], [found.best for found in mine]),
                None,
                peer,
                ours=statistics.median(found.best for found in mine),
                theirs=statistics.median(found.best for found in theirs),
            ),
            Figure(
                "peer’s fit without its reading, to ours with it",
                ratio(fitting, ours_taken),
                None,
                peer,
                ours=statistics.median(ours_taken),
                theirs=statistics.median(fitting),
            ),
            Figure(
                "memory at most, peer to ours",
                min(b / a for a, b in zip(our_peak, their_peak, strict=True)),
                LEANER,
                peer,
                at_least=True,
                ours=statistics.median(our_peak),
                theirs=statistics.median(their_peak),
                parts="MB",
            ),
            Figure("difference of the coefficients", difference, DIFFERENT, peer, unit=""),
        ],
        versions,
        {"ours": [found.shown() for found in mine], "pyfixest": [found.shown() for found in theirs]},
    ).sent()


if __name__ == "__main__":
    sys.exit(figures.run(measure))
