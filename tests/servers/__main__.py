"""`start`, `stop` and `remove`: the command behind `make services`, and the one that `.ci/run` uses."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

from tests.servers import programs
from tests.servers.answering import answers
from tests.servers.programs import KINDS, NAMES, Unavailable
from tests.servers.recipes import DEFAULTS, VARIABLES
from tests.servers.running import Servers

FOLDER = Path(__file__).resolve().parents[2] / "var" / "services"


def say(text: str) -> None:
    """To a person: standard output holds nothing but the addresses."""
    print(text, file=sys.stderr, flush=True)


def already_answering(kind: str) -> str | None:
    """The address that the environment gives, or else the usual one, where such a server answers there."""
    given = os.environ.get(VARIABLES[kind])
    try:
        for url in filter(None, (given, DEFAULTS[kind])):
            if answers(url):
                return url
    except ValueError as wrong:
        raise Unavailable(f"{VARIABLES[kind]}: {wrong}") from None
    return None


def start(folder: Path, kinds: list[str], *, where_none_answers: bool) -> None:
    """Install what is missing, start what does not run, and print each address as a line of an environment."""
    addresses: dict[str, str] = {}
    if where_none_answers:
        addresses = {kind: url for kind in kinds if (url := already_answering(kind))}
    wanted = [kind for kind in kinds if kind not in addresses]
    if absent := programs.missing(wanted):
        say(f"Installing {', '.join(NAMES[kind] for kind in absent)}.")
        programs.install(absent)
    servers, begun = Servers(folder), []
    if wanted:
        with servers.alone():
            try:
                for kind in wanted:
                    addresses[kind], is_new = servers.start(kind)
                    begun += [kind] if is_new else []
                    say(f"{NAMES[kind]} {'started' if is_new else 'runs already'}.")
            except BaseException:  # all of them, or none more than before
                for kind in begun:
                    servers.stop(kind)
                raise
    for kind in kinds:
        print(f"{VARIABLES[kind]}={addresses[kind]}", flush=True)


def stop(folder: Path, kinds: list[str]) -> None:
    if not folder.is_dir():
        say("None of them runs.")
        return
    servers = Servers(folder)
    with servers.alone():
        for kind in kinds:
            say(f"{NAMES[kind]} {'stopped' if servers.stop(kind) else 'does not run'}.")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.servers", description=__doc__)
    parser.add_argument("what", choices=["start", "stop", "remove"])
    parser.add_argument(
        "kinds", nargs="*", metavar="KIND", help=f"{', '.join(KINDS)}; all of them when none is named"
    )
    parser.add_argument(
        "--in", dest="folder", type=Path, default=FOLDER, help="their folder (default: var/services)"
    )
    parser.add_argument(
        "--where-none-answers",
        action="store_true",
        help="start only those for which no server answers at TEST_…_URL or at the usual address",
    )
    given = parser.parse_intermixed_args(arguments)
    if unknown := [kind for kind in given.kinds if kind not in KINDS]:
        parser.error(f"“{unknown[0]}” is none of {', '.join(KINDS)}.")
    kinds = given.kinds or list(KINDS)
    try:
        if given.what == "start":
            start(given.folder, kinds, where_none_answers=given.where_none_answers)
        elif given.what == "stop":
            stop(given.folder, kinds)
        elif given.folder.is_dir():
            Servers(given.folder).remove()
    except Unavailable as reason:
        say(str(reason))
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that a start which is ended cleans up
    sys.exit(main())
