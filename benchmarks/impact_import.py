"""`import impact` against `import numpy`, each in fresh interpreters in turn; the ratio of the medians should be at most 2.

Also the families that people import, of which the dearest is named: they hold their heavy imports back until a function
wants them. Run with `python -m benchmarks.impact_import`.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from typing import Any

from benchmarks.apart import ROOT, versions

RUNS, TARGET = 15, 2.0
FAMILIES = ("cells", "clusters", "coarsening", "did", "glmm", "outcomes", "power", "wedge")
TIMED = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"


def seconds(module: str) -> float:
    command = [sys.executable, "-c", TIMED.format(module)]
    return float(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)


def main() -> dict[str, Any]:
    modules = ["numpy", "impact", *(f"impact.{family}" for family in FAMILIES)]
    taken: dict[str, list[float]] = {module: [] for module in modules}
    for turn in range(
        RUNS + 1
    ):  # in turn, so that a busy minute strikes all alike; the first fills the disk's cache
        for module in modules:
            found = seconds(module)
            if turn:
                taken[module].append(found)
    median = {module: statistics.median(values) for module, values in taken.items()}
    dearest = max(modules[2:], key=lambda module: median[module])
    return {
        "benchmark": "import impact / import numpy",
        "impact_seconds": round(median["impact"], 4),
        "numpy_seconds": round(median["numpy"], 4),
        "ratio": round(median["impact"] / median["numpy"], 3),
        "dearest_family": dearest,
        "ratio_of_dearest": round(median[dearest] / median["numpy"], 2),
        "target": TARGET,
        "is_met": median["impact"] <= TARGET * median["numpy"],
        "versions": versions("numpy"),
    }


if __name__ == "__main__":
    print(json.dumps(main()))
