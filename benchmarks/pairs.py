"""Two things measured in turn in one run, so that whatever else the machine does strikes both alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Pairs:
    """(ours, theirs) of each round."""

    rounds: Sequence[tuple[float, float]]

    @property
    def ours(self) -> float:
        return statistics.median(ours for ours, _ in self.rounds)

    @property
    def theirs(self) -> float:
        return statistics.median(theirs for _, theirs in self.rounds)

    @property
    def ratio(self) -> float:
        """Ours to theirs: the median of the ratios within the rounds, not the ratio of two medians."""
        return statistics.median(ours / theirs for ours, theirs in self.rounds)


def in_turn(ours: Callable[[], Any], theirs: Callable[[], Any], *, rounds: int, warm_up: int = 2) -> Pairs:
    """Processor seconds of this process, call after call; the first `warm_up` rounds do not count."""
    taken: list[tuple[float, float]] = []
    for _ in range(rounds + warm_up):
        marks = [time.process_time()]
        for function in (ours, theirs):
            function()
            marks.append(time.process_time())
        taken.append((marks[1] - marks[0], marks[2] - marks[1]))
    return Pairs(taken[warm_up:])


def seconds_of(pid: int) -> float:
    """Processor seconds that another process has used, all its threads together, to the nanosecond.

    The clock's number is what clock_getcpuclockid(3) answers; /proc counts in hundredths of a second, which is a whole request.
    """
    return time.clock_gettime((~pid << 3) | 2)


def children_of(pid: int) -> list[int]:
    """The processes that this one has started."""
    found = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in found for child in task.read_text().split()]


def worker_of(pid: int) -> int:
    """The one worker of a server that forks."""
    workers = children_of(pid)
    if len(workers) != 1:
        raise RuntimeError(f"the server has {len(workers)} workers, not one")
    return workers[0]
