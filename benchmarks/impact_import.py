"""`import impact` against `import numpy`, each in fresh interpreters in turn; processor time, ratio at most 2.

Also the families that people import, of which the dearest is named: they hold their heavy imports back until a function
wants them. Run with `python -m benchmarks.impact_import`.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from typing import Any

from benchmarks import figures
from benchmarks.apart import ROOT
from benchmarks.figures import Figure, Found

RUNS, TARGET = 15, 2.0
FAMILIES = ("cells", "clusters", "coarsening", "did", "glmm", "outcomes", "power", "wedge")
TIMED = "import time; t = time.process_time(); import {}; print(time.process_time() - t)"


def seconds(module: str) -> float:
    command = [sys.executable, "-c", TIMED.format(module)]
    return float(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)


def measure() -> dict[str, Any]:
    modules = ["numpy", "impact", *(f"impact.{family}" for family in FAMILIES)]
    taken: dict[str, list[float]] = {module: [] for module in modules}
    for turn in range(RUNS + 1):  # the first turn fills the disk's cache
        for module in modules:
            found = seconds(module)
            if turn:
                taken[module].append(found)
    median = {module: statistics.median(values) for module, values in taken.items()}
    ratio = {
        module: statistics.median(ours / theirs for ours, theirs in zip(values, taken["numpy"], strict=True))
        for module, values in taken.items()
    }
    dearest = max(modules[2:], key=lambda module: ratio[module])
    versions = figures.versions("numpy")
    peer = f"import numpy {versions['numpy']}"
    return Found(
        "starting the impact library",
        [
            Figure(
                "import impact", ratio["impact"], TARGET, peer, ours=median["impact"], theirs=median["numpy"]
            ),
            Figure(
                f"import {dearest}, the dearest family",
                ratio[dearest],
                None,
                peer,
                ours=median[dearest],
                theirs=median["numpy"],
            ),
        ],
        versions,
    ).sent()


if __name__ == "__main__":
    sys.exit(figures.run(measure))
