"""Servers of a folder's own: started, found again by a later command, and ended."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.servers import programs
from tests.servers.answering import answers
from tests.servers.processes import Process, as_user, begin, wait_for
from tests.servers.programs import NAMES, Unavailable
from tests.servers.recipes import RECIPES, USERS, Recipe, unfinished


def free_ports(n: int) -> list[int]:
    """Ports of 127.0.0.1 on which nobody listens, all different."""
    with contextlib.ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(n)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def are_free(ports: Sequence[int]) -> bool:
    for port in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True


def user_of(kind: str) -> str | None:
    """Who runs a server: oneself, or for root the system user that its package brings.

    PostgreSQL refuses to run as root; the others need no such power.

    Raises
    ------
    Unavailable
        Root without that user.
    """
    if os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam(USERS[kind])
    except KeyError:
        raise Unavailable(
            f"{NAMES[kind]} is not run as root, and there is no system user “{USERS[kind]}” to run it. Install Debian’s "
            "package, which brings the user, or run this command as another user than root."
        ) from None
    return USERS[kind]


def give(path: Path, user: str | None) -> None:
    if user:
        shutil.chown(path, user, pwd.getpwnam(user).pw_gid)


def may_enter(folder: Path, user: str) -> bool:
    return subprocess.run(["test", "-x", folder], check=False, **as_user(user)).returncode == 0


@dataclass(frozen=True)
class Running:
    """What is remembered of a server that was started; without processes, what it was before it was stopped."""

    url: str
    ports: list[int]
    processes: list[Process]

    @classmethod
    def read(cls, path: Path) -> Running | None:
        """What a file says; None where there is none, or where it was not written to its end."""
        try:
            said = json.loads(path.read_text())
            return cls(said["url"], list(said["ports"]), [Process(**each) for each in said["processes"]])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self)))

    @property
    def is_whole(self) -> bool:
        """Whether each of its processes lives and the server answers."""
        return bool(self.processes) and all(each.is_alive for each in self.processes) and answers(self.url)


class Servers:
    """The servers of one folder: for each a home that its user owns, its log, and beside them what it runs as."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """The folder, made where it is not there, for one command at a time."""
        self._make_folder()
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def start(self, kind: str) -> tuple[str, bool]:
        """The address of a server, and whether it had to be started.

        Raises
        ------
        Unavailable
            A program or a user is missing, or the server does not start: the end of its log.
        """
        before = Running.read(self._state(kind))
        if before is not None and before.is_whole:
            return before.url, False
        self.stop(kind)  # what is left of one that died in part
        user, home, log = user_of(kind), self.folder.resolve() / kind, self._log(kind)
        home.mkdir(mode=0o700, exist_ok=True)
        give(home, user)
        log.write_bytes(b"")
        n_ports = RECIPES[kind].n_ports
        ports = before.ports if before is not None and are_free(before.ports) else free_ports(n_ports)
        recipe = RECIPES[kind].recipe(home, ports, programs.paths(kind))
        environment = {
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "PATH": os.pathsep.join([os.environ.get("PATH", os.defpath), *programs.SYSTEM]),
            **recipe.environment,
        }
        for name, text in recipe.files.items():
            (home / name).write_text(text)
            give(home / name, user)
        if recipe.make and not (home / recipe.made).exists():
            self._prepare(kind, recipe, home=home, environment=environment, user=user)
        processes: list[Process] = []
        try:
            for command in recipe.then:
                processes.append(begin(command, home=home, log=log, environment=environment, user=user))
                Running(recipe.url, ports, processes).write(self._state(kind))
            self._await(kind, recipe.url, processes)
        except BaseException:  # an interrupted start leaves nothing behind either
            self.stop(kind)
            raise
        return recipe.url, True

    def stop(self, kind: str) -> bool:
        """End a server, the last of its processes first; whether there was one to end."""
        found = Running.read(self._state(kind))
        alive = [each for each in found.processes if each.is_alive] if found is not None else []
        for each in reversed(alive):
            each.stop(RECIPES[kind].stopped_by)
        if found is not None:
            # The same address next time, if it is free then.
            Running(found.url, found.ports, []).write(self._state(kind))
        return bool(alive)

    def remove(self) -> None:
        """End them all and remove the folder, and what it is a link to."""
        with self.alone():
            for kind in NAMES:
                self.stop(kind)
        shutil.rmtree(self.folder.resolve(), ignore_errors=True)
        if self.folder.is_symlink():
            self.folder.unlink()

    def _state(self, kind: str) -> Path:
        return self.folder / f"{kind}.json"

    def _log(self, kind: str) -> Path:
        return self.folder / f"{kind}.log"

    def _make_folder(self) -> None:
        """A folder that the servers' users may enter.

        Where one above it is closed to them, as root's home is, it becomes a link to a folder in /var/tmp.
        """
        if self.folder.is_symlink() and not self.folder.exists():
            self.folder.unlink()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o755)
        if os.geteuid() != 0 or may_enter(self.folder.resolve(), "nobody"):
            return
        if any(self.folder.iterdir()):
            raise Unavailable(
                f"The servers’ users may not enter {self.folder}. Remove it, and run this again."
            )
        self.folder.rmdir()
        self.folder.symlink_to(tempfile.mkdtemp(prefix="ipe-services-", dir="/var/tmp"))
        self.folder.chmod(0o755)

    def _prepare(
        self, kind: str, recipe: Recipe, *, home: Path, environment: Mapping[str, str], user: str | None
    ) -> None:
        """Make the folder that a server needs: whole, or not at all."""
        half = home / unfinished(recipe.made)
        shutil.rmtree(half, ignore_errors=True)
        run = subprocess.run(
            list(recipe.make),
            cwd=home,
            env=dict(environment),
            capture_output=True,
            text=True,
            check=False,
            **as_user(user),
        )
        if run.returncode:
            raise Unavailable(f"{NAMES[kind]} cannot be prepared:\n{run.stdout}{run.stderr}")
        half.rename(home / recipe.made)

    def _await(self, kind: str, url: str, processes: Sequence[Process]) -> None:
        def lives() -> bool:
            return all(each.is_alive for each in processes)

        wait_for(lambda: answers(url) or not lives(), seconds=RECIPES[kind].ready_within_seconds)
        if not (lives() and answers(url)):
            last = "\n".join(self._log(kind).read_text(errors="replace").splitlines()[-20:])
            raise Unavailable(f"{NAMES[kind]} does not start. The end of {self._log(kind)}:\n{last}")
