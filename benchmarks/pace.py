"""How fast this machine is beside the one on which the limits were set: 1.00 is as fast, 2.00 takes twice as long.

A fixed piece of work of the kinds that a page does: records, sorting, text put together, JSON, SQLite. It calls nothing of
ours, so that it stays the same when the application becomes faster, and its time is the processor's.

Each benchmark runs between two paces. A limit in seconds is multiplied by their mean; where they differ by more than 15%
something else disturbed the machine, and the benchmark is run again, `TRIES` times at most.
Run with `python -m benchmarks.pace`, which prints the number alone.
"""

from __future__ import annotations

import gc
import json
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from operator import itemgetter
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).parents[1]
RUNS, TRIES, APART_BY = 9, 3, 0.15
N_CODINGS, N_TEXTS, N_CODES = 18_000, 50, 60
# Set once, so that this prints what the team's older unit prints, in which 0.152 s is 1.00: both ran in fresh interpreters,
# in turn, 60 times, on a machine of two cores (AMD EPYC, Python 3.11.7). This work took 1.062 times as long as that one in
# the median pair (quartiles 1.024 and 1.097). Records, text, JSON, inserts and selects have about the same shares in both.
SECONDS_AT_ONE = 0.1614

Found = TypeVar("Found")


class Restless(Exception):
    """The machine never kept its pace for the length of a benchmark."""


def work() -> float:
    """Processor seconds of the fixed piece of work. Changing anything here makes another unit: set `SECONDS_AT_ONE` anew."""
    begun = time.process_time()
    codings = [
        {
            "text": f"D-{number % N_TEXTS:02d}",
            "span": [number * 7919 % 300_000, number * 7919 % 300_000 + 20 + number % 380],
            "code": number * 31 % N_CODES,
            "coder": "AB"[number % 2],
        }
        for number in range(N_CODINGS)
    ]
    by_text: dict[str, list[str]] = {}
    for coding in sorted(codings, key=itemgetter("code")):
        said = f"<li class='c{coding['code']}' title='{coding['span'][0]}'>{coding['coder']} & others</li>"
        by_text.setdefault(coding["text"], []).append(said.replace("&", "&amp;"))
    page = "".join(f"<ul>{''.join(items)}</ul>" for _, items in sorted(by_text.items()))
    read = json.loads(json.dumps(codings))
    with sqlite3.connect(":memory:") as rows:
        rows.execute("CREATE TABLE coding (id INTEGER PRIMARY KEY, text TEXT, code INT, page INT)")
        rows.execute("CREATE INDEX coding_by_text ON coding (text, code)")
        new = ((number, row["text"], row["code"], len(page)) for number, row in enumerate(read))
        rows.executemany("INSERT INTO coding VALUES (?, ?, ?, ?)", new)
        for number in range(N_TEXTS):
            placed = "SELECT id, code, page FROM coding WHERE text = ? ORDER BY code, id"
            rows.execute(placed, (f"D-{number:02d}",)).fetchall()
        for code in range(0, N_CODES, 3):  # no index on codes: a scan each
            rows.execute("SELECT text, id FROM coding WHERE code = ? ORDER BY text", (code,)).fetchall()
    rows.close()
    return time.process_time() - begun


def here() -> float:
    """The pace, in this process: the median of several runs, so that one disturbed run says nothing."""
    gc.collect()
    return statistics.median(work() for _ in range(RUNS)) / SECONDS_AT_ONE


def now() -> float:
    """The pace, in an interpreter of its own: among a benchmark's million objects the collector would work longer."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.pace"], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
    )
    return float(done.stdout)


def is_steady(before: float, after: float) -> bool:
    """Whether two paces differ by at most 15% of the faster one."""
    return max(before, after) <= (1 + APART_BY) * min(before, after) + 1e-9


def scaled(seconds: float, paces: tuple[float, float]) -> float:
    """A limit in seconds, as it holds on a machine of these paces before and after."""
    return seconds * (paces[0] + paces[1]) / 2


def steadily(
    measure: Callable[[], Found], *, pace: Callable[[], float] = now, tries: int = TRIES
) -> tuple[Found, list[tuple[float, float]]]:
    """What `measure` found while the machine kept its pace, and (before, after) of each try; the last one counts.

    Raises
    ------
    Restless
        The two paces of each of `tries` runs differed by more than 15%.
    """
    seen: list[tuple[float, float]] = []
    for _ in range(tries):
        before = pace()
        found = measure()
        seen.append((before, pace()))
        if is_steady(*seen[-1]):
            return found, seen
    paces = ", ".join(f"{before:.2f} and {after:.2f}" for before, after in seen)
    raise Restless(
        f"The machine was too restless: before and after each of {tries} runs its paces were {paces}, "
        f"which is more than {APART_BY:.0%} apart. Run it again when nothing else runs."
    )


if __name__ == "__main__":
    print(f"{here():.2f}")
