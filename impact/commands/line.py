"""The command `impact`: which words it knows, and how errors become one plain sentence and an exit code.

0: done. 1: an analysis of the plan failed and stands in the bundle with its reason, or two bundles do not agree. 2: something
has to be mended first.
"""

from __future__ import annotations

import argparse
import difflib
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from impact.commands import comparing, costing, designs, estimates, neighbours, plan_files, pooled
from impact.commands.printing import tell
from impact.errors import ImpactError

__all__ = ["main"]

COMMANDS = (
    "run", "check", "simulate", "compare", "power", "randomise", "match", "estimate", "bacon", "pool", "costs",
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the words ask and return the exit code. Never a traceback for what a person can mend."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a pipe on Windows would not know “→”
            stream.reconfigure(encoding="utf-8")
    words = list(sys.argv[1:] if arguments is None else arguments)
    chosen = _parser().parse_args(_with_run(words))
    try:
        code = int(chosen.act(chosen))
        sys.stdout.flush()
        return code
    except ImpactError as error:
        complaint = str(error)
    except (
        BrokenPipeError
    ):  # the reader of our output went away, as `| head` does; nothing more can be told there
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        name = Path(error.filename).name if isinstance(error.filename, str | Path) else "a file"
        complaint = f"{name}: {error.strerror or 'cannot be read or written'}."
    except KeyboardInterrupt:
        complaint = "Stopped."
    tell(complaint)
    return 2


def _with_run(words: list[str]) -> list[str]:
    """A plan as the first word means `run`."""
    if not words or words[0].startswith("-") or words[0] in COMMANDS:
        return words
    near = difflib.get_close_matches(words[0], COMMANDS, n=1)
    if near and not Path(words[0]).exists():
        tell(f"There is no command or plan “{words[0]}”. Did you mean “{near[0]}”?")
        raise SystemExit(2)
    return ["run", *words]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="impact",
        description="Impact evaluation: stepped-wedge trials and difference-in-differences.",
        epilog="“impact PLAN.yaml …” is short for “impact run PLAN.yaml …”.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=_version())
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for family in (plan_files, comparing, designs, neighbours, estimates, pooled, costing):
        family.add(commands)
    return parser


def _version() -> str:
    import importlib.metadata  # costs more than the rest of this module

    try:
        return f"impact {importlib.metadata.version('ipe')}"
    except importlib.metadata.PackageNotFoundError:
        return "impact, from a folder that is not installed"
