"""Processes that outlive the command which starts them, and are known again later without mistaking another for them."""

from __future__ import annotations

import contextlib
import os
import pwd
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Process:
    """A process by its number and its beginning, in ticks since the machine was started: numbers are used again."""

    pid: int
    began: int

    @classmethod
    def of(cls, pid: int) -> Process | None:
        """The living process with this number; a zombie, which nobody has waited for, has ended."""
        try:
            text = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return None
        fields = text.rpartition(")")[2].split()
        return None if fields[0] in "ZX" else cls(pid, int(fields[19]))

    @property
    def is_alive(self) -> bool:
        return Process.of(self.pid) == self

    def stop(self, sign: signal.Signals = signal.SIGTERM, *, within_seconds: float = 60.0) -> None:
        """End it by a sign, or by force where it does not heed that.

        The sign is given again and again: RabbitMQ forgets one that reaches it while it starts.
        """
        last = time.monotonic() + within_seconds
        while self.is_alive and time.monotonic() < last:
            self._sign(sign)
            wait_for(lambda: not self.is_alive, seconds=min(2.0, max(0.0, last - time.monotonic())))
        if self.is_alive:
            self._sign(signal.SIGKILL)
            if not wait_for(lambda: not self.is_alive, seconds=10.0):
                raise TimeoutError(f"Process {self.pid} does not end.")

    def _sign(self, sign: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):  # it has ended meanwhile
            os.kill(self.pid, sign)


def begin(
    command: Sequence[str], *, home: Path, log: Path, environment: Mapping[str, str], user: str | None
) -> Process:
    """Start a process in a session of its own, as `user` where one is named, with nothing of our environment."""
    with log.open("ab") as out:
        started = subprocess.Popen(
            list(command),
            cwd=home,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **as_user(user),
        )
    return Process.of(started.pid) or Process(started.pid, -1)


def as_user(user: str | None) -> dict[str, Any]:
    """Arguments of `subprocess` for running as a user; none for running as oneself."""
    if user is None:
        return {}
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


def wait_for(check: Callable[[], bool], *, seconds: float, pause: float = 0.05) -> bool:
    """Whether the check came true within the time."""
    last = time.monotonic() + seconds
    while not check():
        if time.monotonic() > last:
            return False
        time.sleep(pause)
    return True
