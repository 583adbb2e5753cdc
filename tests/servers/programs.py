"""Where the servers' programs are, and how they get there: by apt, on Debian, as root."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

KINDS = ("postgres", "redis", "rabbitmq")
NAMES = {"postgres": "PostgreSQL", "redis": "Redis", "rabbitmq": "RabbitMQ"}
PACKAGES = {"postgres": "postgresql", "redis": "redis-server", "rabbitmq": "rabbitmq-server"}
PROGRAMS = {
    "postgres": ("initdb", "postgres"),
    "redis": ("redis-server",),
    "rabbitmq": ("rabbitmq-server", "epmd"),
}
# Debian keeps these off the path: PostgreSQL by version, and RabbitMQ behind a wrapper that refuses folders of one's own.
FOLDERS = ("/usr/lib/postgresql/*/bin", "/usr/lib/rabbitmq/bin")
SYSTEM = ("/usr/local/sbin", "/usr/sbin", "/sbin")
POLICY = Path("/usr/sbin/policy-rc.d")
CLUSTERS = Path("/etc/postgresql-common/createcluster.conf")


class Unavailable(Exception):
    """A server cannot be had here; the message says what to do."""


def find(program: str, *, root: Path = Path("/"), path: str | None = None) -> Path | None:
    """The newest of Debian's own folders that has the program, or else the first on the path."""
    for pattern in FOLDERS:
        found = [each / program for each in root.glob(pattern.lstrip("/")) if (each / program).is_file()]
        if found:
            return max(found, key=lambda each: [int(n) for n in re.findall(r"\d+", str(each.parent))[-1:]])
    places = os.pathsep.join([path if path is not None else os.environ.get("PATH", os.defpath), *SYSTEM])
    there = shutil.which(program, path=places)
    return Path(there) if there else None


def paths(kind: str) -> dict[str, Path]:
    """Where each program of a kind of server is.

    Raises
    ------
    Unavailable
        One is not here.
    """
    found = {program: find(program) for program in PROGRAMS[kind]}
    if absent := [program for program, path in found.items() if path is None]:
        raise Unavailable(f"{NAMES[kind]} needs {' and '.join(absent)}, which is not installed here.")
    return {program: path for program, path in found.items() if path is not None}


def missing(kinds: Iterable[str]) -> list[str]:
    """The kinds of server of which a program is not here."""
    return [kind for kind in kinds if not all(find(program) for program in PROGRAMS[kind])]


def obstacle(kinds: Iterable[str], *, is_root: bool, has_apt: bool) -> str | None:
    """Why these cannot be installed here, and what a person does about it; None where they can."""
    if is_root and has_apt:
        return None
    kinds = list(kinds)
    packages = " ".join(PACKAGES[kind] for kind in kinds)
    names = ", ".join(NAMES[kind] for kind in kinds)
    if has_apt:
        return (
            f"Not installed here: {names}. As root this command installs what is missing; or have somebody run "
            f"“apt-get install --no-install-recommends {packages}” and run it again."
        )
    programs = ", ".join(program for kind in kinds for program in PROGRAMS[kind])
    return (
        f"Not installed here: {names}. This command installs them on Debian and Ubuntu, as root. Elsewhere install them "
        f"yourself, so that these programs are on the path, and run it again: {programs}."
    )


@contextlib.contextmanager
def nothing_starts(policy: Path = POLICY) -> Iterator[None]:
    """Packages that are installed meanwhile start no service; a policy that stands there already is left alone."""
    if policy.exists():
        yield
        return
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    try:
        yield
    finally:
        policy.unlink()


@contextlib.contextmanager
def no_cluster(settings: Path = CLUSTERS) -> Iterator[None]:
    """PostgreSQL that is installed meanwhile makes no database of the machine's; the settings are put back."""
    before = settings.read_text()
    settings.write_text(before + "\ncreate_main_cluster = false\n")
    try:
        yield
    finally:
        settings.write_text(before)


def install(kinds: list[str]) -> None:
    """Install the packages of these kinds, and start and enable nothing of the machine's.

    Raises
    ------
    Unavailable
        No root or no apt, or apt fails: what it said last.
    """
    why = obstacle(kinds, is_root=os.geteuid() == 0, has_apt=shutil.which("apt-get") is not None)
    if why:
        raise Unavailable(why)
    apt("update")
    with contextlib.ExitStack() as meanwhile:
        meanwhile.enter_context(nothing_starts())
        if "postgres" in kinds:
            apt("install", "postgresql-common")  # brings the settings that say whether a database is made
            meanwhile.enter_context(no_cluster())
        apt("install", *(PACKAGES[kind] for kind in kinds))
    if Path("/run/systemd/system").is_dir():
        units = [PACKAGES[kind] for kind in kinds]
        subprocess.run(["systemctl", "--quiet", "disable", *units], check=False, stdout=subprocess.DEVNULL)


def apt(command: str, *packages: str) -> None:
    options = ["--yes", "--no-install-recommends"] if command == "install" else []
    run = subprocess.run(
        ["apt-get", "--quiet=2", command, *options, *packages],
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode:
        said = "\n".join((run.stdout + run.stderr).splitlines()[-10:])
        raise Unavailable(f"“apt-get {' '.join([command, *packages])}” failed:\n{said}")
