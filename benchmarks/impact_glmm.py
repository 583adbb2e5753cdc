"""The stepped-wedge logit with a random intercept on 51,000 children x 19 columns: ours against R's lme4 and glmmTMB.

All fit the same CSV by Laplace with default settings; one column is continuous, so that nothing collapses. Only the fit is
timed, in the processor's time and each program in its own process: ours is warm and the median of several, a peer's is the
quickest of `PEER_RUNS`, each in a new process. Our log-likelihood must not be lower than a peer's by more than 1e-4. A peer
that is not installed is left out by name (Debian: r-base-core, r-cran-lme4, r-cran-glmmtmb). Run with
`python -m benchmarks.impact_glmm`.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import figures
from benchmarks.apart import ROOT, apart
from benchmarks.children import write_wedge
from benchmarks.figures import Figure, Found

RUNS = 9
PEER_RUNS = {"lme4": 1, "glmmTMB": 2}
TARGETS = {"lme4": 60, "glmmTMB": 15}
LOWER_BY = 1e-4


def ours(path: str) -> dict[str, float]:
    import pandas as pd

    from impact.glmm import random_intercept_logit

    children = pd.read_csv(path)
    names = [name for name in children.columns if name not in ("y", "site")]
    y, x, site = children["y"].to_numpy(), children[names].to_numpy(dtype=float), children["site"].to_numpy()
    start, cpu = time.perf_counter(), time.process_time()
    fit = random_intercept_logit(y, x, site, names=names)
    return {
        "seconds": time.perf_counter() - start,
        "cpu": time.process_time() - cpu,
        "log_likelihood": fit.log_likelihood,
        "treated": fit.contrast("treated", {"treated": 1.0}).value,
    }


def has(package: str) -> bool:
    if shutil.which("Rscript") is None:
        return False
    asked = ["Rscript", "-e", f'q(status = !requireNamespace("{package}", quietly = TRUE))']
    return subprocess.run(asked, check=False, capture_output=True).returncode == 0


def peer(package: str, path: str) -> list[dict[str, Any]]:
    command = ["Rscript", str(ROOT / "benchmarks" / "glmm_peers.R"), path, package]
    runs = [
        subprocess.run(command, check=True, capture_output=True, text=True).stdout
        for _ in range(PEER_RUNS[package])
    ]
    return [json.loads(run) for run in runs]


def compared(package: str, runs: list[dict[str, Any]], mine: list[dict[str, Any]]) -> list[Figure]:
    """The figures of one peer; without runs they say that it is not installed."""
    if not runs:
        absent = f"{package}, which is not installed"
        return [Figure(f"fit, {package} to ours", None, TARGETS[package], absent, at_least=True)]
    our_median = statistics.median(run["cpu"] for run in mine)
    their_best = min(run["cpu"] for run in runs)
    peer = f"{package} {runs[0]['version']}"
    behind = runs[0]["log_likelihood"] - mine[0]["log_likelihood"]
    return [
        Figure(
            f"fit, {package} to ours",
            their_best / our_median,
            TARGETS[package],
            peer,
            at_least=True,
            ours=our_median,
            theirs=their_best,
        ),
        Figure(f"log-likelihood of {package} above ours", behind, LOWER_BY, peer, unit=""),
    ]


def measure() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "children.csv")
        columns = write_wedge(Path(path))
        mine = apart(ours, path, runs=RUNS).answers[1:]
        peers = {package: peer(package, path) if has(package) else [] for package in TARGETS}
    runs = [run for found in peers.values() for run in found]
    return Found(
        f"stepped-wedge logit of 51,000 × {len(columns)}",
        [figure for package, found in peers.items() for figure in compared(package, found, mine)],
        figures.versions("numpy") | ({"r": runs[0]["r"]} if runs else {}),
        {
            "ours": round(statistics.median(run["cpu"] for run in mine), 4),
            "ours_by_the_clock": round(statistics.median(run["seconds"] for run in mine), 4),
            "log_likelihood": mine[0]["log_likelihood"],
            "effect_differs_by": {
                package: abs(found[0]["treated"] - mine[0]["treated"])
                for package, found in peers.items()
                if found
            },
        },
    ).sent()


if __name__ == "__main__":
    sys.exit(figures.run(measure))
