"""Run the benchmarks, each in a process of its own and between two paces, and print one line of JSON each.

python -m benchmarks                                    all of them; exit code 1 where a limit fails
python -m benchmarks matrix_xlsx apply_code             some of them
python -m benchmarks --write docs/performance.md        all of them, and the page's table from their lines
python -m benchmarks --lines FILE --write PAGE          nothing is run: the table from lines that were kept
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks import BENCHMARKS, page
from benchmarks.apart import ROOT


def ran(names: Iterable[str]) -> tuple[list[dict[str, Any]], int]:
    """The lines of these benchmarks, printed as they come, and 1 if one of them failed."""
    lines, failed = [], 0
    for name in names:
        command = [sys.executable, "-m", f"benchmarks.{name}"]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
        sys.stdout.write(done.stdout)
        sys.stdout.flush()
        failed |= int(done.returncode != 0)
        lines += page.lines_of(done.stdout)
    return lines, failed


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure the speeds that we promise."
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of {', '.join(BENCHMARKS)}")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="write the figures into this page")
    parser.add_argument("--lines", type=Path, metavar="FILE", help="read lines of JSON instead of measuring")
    asked = parser.parse_args(arguments)
    if unknown := [name for name in asked.names if name not in BENCHMARKS]:
        parser.error(f"There is no benchmark “{unknown[0]}”. There are: {', '.join(BENCHMARKS)}.")
    if asked.names and asked.lines:
        parser.error("Name benchmarks to measure or a file of lines to read, not both.")
    if asked.names and asked.write:
        parser.error(
            "The page holds a whole run. Keep the lines of several runs in a file and give it as --lines."
        )
    if asked.lines:
        lines = page.lines_of(asked.lines.read_text())
        if not lines:
            parser.error(f"{asked.lines} holds no line of a benchmark.")
        failed = int(any(line["is_met"] is False for line in lines))
    else:
        lines, failed = ran(asked.names or BENCHMARKS)
    if asked.write:
        asked.write.write_text(page.written(asked.write.read_text(), lines))
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
