"""What a benchmark found, judged and printed: one line of JSON with limits, figures, paces, versions, date and machine."""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import json
import os
import platform
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import pace
from benchmarks.apart import apart

DATE = "%Y-%m-%d %H:%M UTC"
SECONDS = "s"  # the unit of a limit that the machine's pace scales


@dataclass(frozen=True)
class Figure:
    """One number and what it may be.

    `measured` is None where the peer is not installed, `limit` None where the number is only shown. `unit` is "×" for a ratio,
    "s" for the processor's seconds (whose limit holds at a pace of 1.00), "" for a plain number. `ours` and `theirs` are what
    a ratio was made of, in `parts`.
    """

    name: str
    measured: float | None
    limit: float | None
    peer: str
    unit: str = "×"
    at_least: bool = False
    ours: float | None = None
    theirs: float | None = None
    parts: str = "s"


@dataclass(frozen=True)
class Found:
    """What one benchmark measured: `what` in words, its figures, versions of packages, and whatever else helps to read them."""

    what: str
    figures: Sequence[Figure]
    versions: dict[str, str]
    details: dict[str, Any] = field(default_factory=dict)

    def sent(self) -> dict[str, Any]:
        """As JSON takes it, for the way out of the process that measured."""
        return asdict(self)

    @classmethod
    def received(cls, sent: dict[str, Any]) -> Found:
        figures = tuple(Figure(**figure) for figure in sent["figures"])
        return cls(sent["what"], figures, sent["versions"], sent["details"])


def judged(figure: Figure, paces: tuple[float, float]) -> dict[str, Any]:
    """The figure with its limit as it holds at these paces, and whether it is met; None where nothing can be said."""
    row = asdict(figure)
    if figure.unit == SECONDS and figure.limit is not None:
        row["limit_at_pace_1"] = figure.limit
        row["limit"] = pace.scaled(figure.limit, paces)
    row["is_met"] = None
    if row["limit"] is not None and figure.measured is not None:
        row["is_met"] = (
            figure.measured >= row["limit"] if figure.at_least else figure.measured <= row["limit"]
        )
    return {key: _rounded(value) for key, value in row.items() if value is not None or key in _ALWAYS}


_ALWAYS = ("measured", "limit", "is_met")


def _rounded(value: Any) -> Any:
    """Four digits: what a measurement of time carries at most."""
    return float(f"{value:.4g}") if isinstance(value, float) else value


def versions(*packages: str) -> dict[str, str]:
    found = {"python": platform.python_version()}
    return found | {package: importlib.metadata.version(package) for package in packages}


def machine() -> dict[str, Any]:
    """Kind of processor, cores, memory and system."""
    information = Path("/proc/cpuinfo")
    kind = platform.processor() or platform.machine()
    if information.exists():
        named = [line for line in information.read_text().splitlines() if line.startswith("model name")]
        kind = named[0].split(":", 1)[1].strip() if named else kind
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return {
        "processor": kind,
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gb": round(memory, 1),
        "system": f"{platform.system()} {platform.machine()}",
    }


def busy_share(seconds: float = 1.0) -> float | None:
    """The share of all cores' time that others use while this process sleeps; None where the system does not tell.

    Not the load average, in which the benchmark before this one would count for minutes.
    """
    counters = Path("/proc/stat")
    if not counters.exists():
        return None

    def read() -> tuple[int, int]:
        ticks = [int(part) for part in counters.read_text().split("\n", 1)[0].split()[1:9]]
        return sum(ticks), ticks[3] + ticks[4]  # idle, and idle while a disk works

    (begun, idle), _, (ended, idle_then) = read(), time.sleep(seconds), read()
    return 1 - (idle_then - idle) / max(ended - begun, 1)


def line(
    name: str,
    found: Found,
    paces: Sequence[tuple[float, float]],
    *,
    at: dt.datetime,
    busy: Sequence[float | None],
    machine: dict[str, Any],
) -> dict[str, Any]:
    """The benchmark's line. `paces` are those of each try, and the figures of the last; `busy` is what others used of the
    processor before and after.
    """
    figures = [judged(figure, paces[-1]) for figure in found.figures]
    verdicts = [figure["is_met"] for figure in figures if figure["limit"] is not None]
    return {
        "benchmark": name,
        "what": found.what,
        "is_met": False if False in verdicts else None if None in verdicts else True,
        "figures": figures,
        "paces": list(paces[-1]),
        "restless_tries": [list(pair) for pair in paces[:-1]],
        "date": at.strftime(DATE),
        "machine": machine,
        "busy_shares": [None if share is None else round(share, 3) for share in busy],
        "versions": found.versions,
        "details": found.details,
    }


def failed(name: str, reason: str, *, at: dt.datetime, machine: dict[str, Any]) -> dict[str, Any]:
    """The line of a benchmark that came to no figures."""
    return {
        "benchmark": name,
        "is_met": False,
        "failed": reason,
        "date": at.strftime(DATE),
        "machine": machine,
    }


def run(measure: Callable[[], dict[str, Any]]) -> int:
    """Measure between two paces, print the line, and answer as a process does: 1 where a limit fails, else 0.

    Every try is a process of its own, so that none inherits what the one before loaded.
    """
    name = Path(measure.__code__.co_filename).stem
    at, busy = dt.datetime.now(dt.UTC), [busy_share()]
    try:
        found, paces = pace.steadily(lambda: apart(measure, runs=0).answer)
    except (pace.Restless, subprocess.CalledProcessError) as reason:
        print(json.dumps(failed(name, str(reason), at=at, machine=machine()), ensure_ascii=False), flush=True)
        return 1
    busy.append(busy_share())
    made = line(name, Found.received(found), paces, at=at, busy=busy, machine=machine())
    print(json.dumps(made, ensure_ascii=False), flush=True)
    return 1 if made["is_met"] is False else 0
