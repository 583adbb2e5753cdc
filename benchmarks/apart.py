"""One method in a process of its own: what it answered, the processor's time it took, and how much memory it held at most."""

from __future__ import annotations

import importlib
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Apart:
    """`cpu` are the processor's seconds of each run after the first, `seconds` the clock's, which a busy machine stretches;
    `first_seconds` and `first_peak_mb` are of the first run, imports included."""

    answers: list[Any]
    first_seconds: float
    first_peak_mb: float
    seconds: list[float]
    cpu: list[float]
    peak_mb: float

    @property
    def answer(self) -> Any:
        return self.answers[-1]

    @property
    def best(self) -> float:
        """Processor seconds of the quickest warm run, all threads together."""
        return min(self.cpu)

    @property
    def median(self) -> float:
        return statistics.median(self.cpu)

    def shown(self) -> dict[str, float]:
        return {
            "best": round(self.best, 3),
            "median": round(self.median, 3),
            "best_by_the_clock": round(min(self.seconds), 3),
            "first_by_the_clock": round(self.first_seconds, 3),
            "first_peak_mb": round(self.first_peak_mb),
            "peak_mb": round(self.peak_mb),
        }


def apart(method: Callable[..., Any], *arguments: str | int, runs: int = 5) -> Apart:
    """Call a function of a module with `arguments`, once to warm up and `runs` times, in a fresh interpreter.

    The function returns what it found, which JSON must be able to hold; what it prints is not shown.
    """
    module = "benchmarks." + Path(method.__code__.co_filename).stem  # its own name is “__main__”
    command = [sys.executable, "-m", "benchmarks.apart", module, method.__name__, str(runs)]
    done = subprocess.run(
        [*command, json.dumps(arguments)], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
    )
    return Apart(**json.loads(done.stdout.splitlines()[-1]))


def peak_mb() -> float:
    """The most memory this process has held, in MB of 10⁶ bytes.

    Linux hands a parent's peak on to its children in getrusage, hence the kernel's own count where there is one.
    """
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) * 1024 / 1e6
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def _main(module: str, name: str, runs: str, arguments: str) -> None:
    begun = time.perf_counter()
    method = getattr(importlib.import_module(module), name)
    taken, cpu, answers, peaks = [], [], [], []
    for _ in range(int(runs) + 1):
        start, used = time.perf_counter() if taken else begun, time.process_time()
        answers.append(method(*json.loads(arguments)))
        taken.append(time.perf_counter() - start)
        cpu.append(time.process_time() - used)
        peaks.append(peak_mb())
    found = Apart(answers, taken[0], peaks[0], taken[1:], cpu[1:], peaks[-1])
    print(json.dumps(asdict(found)))


if __name__ == "__main__":
    _main(*sys.argv[1:])
