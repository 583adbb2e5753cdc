"""An installation of its own, with real processes that can be killed.

It has its own VAR_DIR, key store and database (SQLite, or a database made for it on a PostgreSQL server), an environment
from which nothing of this machine leaks in, and logs that can be read.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

ROOT = Path(__file__).resolve().parents[2]
STARTS_WITHIN = 60.0
IDLE = 1.0  # seconds after which a connection is not used again: the server gives one up after two
READ = [
    "DATABASE_URL",
    "KEY_STORE",
    "BROKER_URL",
    "REDIS_URL",
    "DEBUG",
    "MASTER_KEY_FILE",
    "SECRET_KEY_FILE",
    "ALLOWED_HOSTS",
    "CSRF_TRUSTED_ORIGINS",
    "BEHIND_PROXY",
    "MAX_UPLOAD_MB",
    "EMAIL_BACKEND",
    "DEFAULT_FROM_EMAIL",
    "LOG_LEVEL",
]


class DidNotHappen(AssertionError):
    """Something that should have come about within its time did not."""


def wait_for(what: str, check: Callable[[], Any], *, seconds: float = 30.0, pause: float = 0.05) -> Any:
    """The first true answer of `check`."""
    last = time.monotonic() + seconds
    while time.monotonic() < last:
        if found := check():
            return found
        time.sleep(pause)
    raise DidNotHappen(f"{what}: not within {seconds:.0f} s")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def group_is_empty(group: int) -> bool:
    """Whether no process of a process group is left; zombies that nobody has waited for do not count."""
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, in_group = status.read_text().rpartition(")")[2].split()[:3]
            if int(in_group) == group and state != "Z":
                return False
    return True


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        return json.loads(self.body)


class Visitor:
    """A browser's half of the conversation: one kept-open connection, cookies, the token against forged forms."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.cookies: dict[str, str] = {}
        self.line: http.client.HTTPConnection | None = None
        self.used_at = 0.0

    def close(self) -> None:
        if self.line is not None:
            self.line.close()
            self.line = None

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request. Raises OSError or HTTPException when the server dies over it."""
        sent = {"Host": f"127.0.0.1:{self.port}", **(headers or {})}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if time.monotonic() - self.used_at > IDLE:
            self.close()
        try:
            if self.line is None:
                self.line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            self.line.request(method, path, body=body, headers=sent)
            response = self.line.getresponse()
            data = response.read()
            self.used_at = time.monotonic()
        except (OSError, http.client.HTTPException):
            self.close()
            raise
        for header in response.headers.get_all("Set-Cookie") or []:
            for name, morsel in SimpleCookie(header).items():
                self.cookies[name] = morsel.value
        answer = Answer(response.status, {k.lower(): v for k, v in response.headers.items()}, data)
        if answer.headers.get("connection", "").lower() == "close":
            self.close()
        return answer

    def get(self, path: str, **headers: str) -> Answer:
        return self.request("GET", path, headers=headers)

    def post(
        self,
        path: str,
        fields: Mapping[str, Any] | Sequence[tuple[str, Any]] = (),
        *,
        files: Mapping[str, tuple[str, bytes]] | None = None,
        wants_json: bool = False,
    ) -> Answer:
        headers = {"X-CSRFToken": self.cookies.get("csrf", "")}
        if wants_json:
            headers["Accept"] = "application/json"
        pairs = list(fields.items()) if isinstance(fields, Mapping) else list(fields)
        if files is None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            return self.request("POST", path, urlencode(pairs).encode(), headers)
        edge = uuid.uuid4().hex
        parts = [
            f'--{edge}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
            for name, value in pairs
        ]
        for name, (file_name, data) in files.items():
            head = f'--{edge}\r\nContent-Disposition: form-data; name="{name}"; filename="{file_name}"\r\n'
            parts += [head.encode(), b"Content-Type: application/octet-stream\r\n\r\n", data, b"\r\n"]
        headers["Content-Type"] = f"multipart/form-data; boundary={edge}"
        return self.request("POST", path, b"".join([*parts, f"--{edge}--\r\n".encode()]), headers)

    def sign_in(self, email: str, password: str) -> Visitor:
        self.get("/accounts/login/")
        answer = self.post("/accounts/login/", {"login": email, "password": password})
        if answer.status != 302:
            raise DidNotHappen(f"signing in as {email}: {answer.status}")
        return self


@dataclass
class Installation:
    home: Path
    master_key: str = field(
        default_factory=lambda: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    )
    secret_key: str = field(default_factory=lambda: secrets.token_urlsafe(50))
    settings: dict[str, str] = field(default_factory=dict)
    server: str = ""  # the address of the PostgreSQL server on which its database lies; SQLite when empty
    port: int = field(default_factory=free_port)
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    console: subprocess.Popen[bytes] | None = None

    # --- where things are ---

    @property
    def var(self) -> Path:
        return self.home / "var"

    @property
    def keys(self) -> Path:
        return self.home / "keys"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def database(self) -> Path:
        """The file of the main database; only on SQLite."""
        return self.var / "ipe.sqlite3"

    @property
    def key_store(self) -> Path:
        return self.keys / "keystore.sqlite3"

    @property
    def is_sqlite(self) -> bool:
        return not self.settings.get("DATABASE_URL")

    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
        return {
            **kept,
            **dict.fromkeys(READ, ""),
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(ROOT),
            "PYTHONDONTWRITEBYTECODE": os.environ.get("PYTHONDONTWRITEBYTECODE", ""),
            "DJANGO_SETTINGS_MODULE": "ipe.settings",
            "ENVIRONMENT": "demo",
            "SECRET_KEY": self.secret_key,
            "MASTER_KEY": self.master_key,
            "VAR_DIR": str(self.var),
            "KEY_STORE_DIR": str(self.keys),
            **self.settings,
        }

    # --- making and copying ---

    @classmethod
    def new(cls, home: Path, **settings: str) -> Installation:
        """Empty folders; its database is made by its first `migrate_all`, or stands where the settings say."""
        made = cls(home, settings=settings)
        for folder in (made.var, made.keys, made.logs):
            folder.mkdir(parents=True, mode=0o700)
        return made

    def make_database(self, server: str, template: str) -> None:
        """A database of its own on a server, the copy of another one there."""
        name = new_name()
        on_server(server, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        self.use_database(server, name)

    def use_database(self, server: str, name: str) -> None:
        self.server = server
        self.settings["DATABASE_URL"] = beside(server, name)

    @property
    def database_name(self) -> str:
        """The name of its database on the server; only on PostgreSQL."""
        return urlsplit(self.settings["DATABASE_URL"]).path.lstrip("/")

    def copy(self, home: Path) -> Installation:
        """The same installation once more, independent from now on. Nothing may be running in this one."""
        self.stop_all()
        twin = Installation(home, master_key=self.master_key, secret_key=self.secret_key)
        shutil.copytree(self.var, twin.var)
        shutil.copytree(self.keys, twin.keys)
        twin.logs.mkdir(mode=0o700)
        if not self.is_sqlite:
            twin.make_database(self.server, template=self.database_name)
        return twin

    # --- commands and questions ---

    def manage(self, *arguments: str, fails: bool = False) -> str:
        """Run a command to its end; its output. Raises when it fails, or with `fails` when it does not."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment(),
            capture_output=True,
            timeout=300,
            check=False,
        )
        said = (done.stdout + done.stderr).decode()
        with (self.logs / "commands.log").open("ab") as log:
            log.write(done.stdout + done.stderr)
        if bool(done.returncode) != fails:
            raise DidNotHappen(f"manage.py {' '.join(arguments)} ended with {done.returncode}:\n{said}")
        return said

    def ask(self, code: str) -> Any:
        """Run Python inside the installation; what it leaves in `answer`."""
        if self.console is None or self.console.poll() is not None:
            self.console = self._start("console", "-m", "tests.faults.console", is_piped=True)
        assert self.console.stdin is not None
        assert self.console.stdout is not None
        self.console.stdin.write(json.dumps({"code": code}).encode() + b"\n")
        self.console.stdin.flush()
        line = self.console.stdout.readline()
        if not line:
            self.console.wait(timeout=10)
            raise DidNotHappen(f"the console ended:\n{self.log('console')[-3000:]}")
        reply = json.loads(line)
        if "error" in reply:
            raise AssertionError(reply["error"])
        return reply["answer"]

    def command(self, *arguments: str) -> str:
        """As `manage`, in the process that answers questions: to start one takes longer than most commands."""
        said: str = self.ask(
            "import contextlib, io\nfrom django.core.management import call_command\n"
            f"with contextlib.redirect_stdout(io.StringIO()) as said:\n    call_command(*{arguments!r})\n"
            "answer = said.getvalue()\nprint(answer)"
        )
        return said

    # --- processes ---

    def _start(
        self, name: str, *arguments: str, is_piped: bool = False, before: Callable[[], None] | None = None
    ) -> subprocess.Popen[bytes]:
        pipe = subprocess.PIPE if is_piped else subprocess.DEVNULL
        with (self.logs / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=ROOT,
                env=self.environment(),
                stdin=pipe,
                stdout=subprocess.PIPE if is_piped else log,
                stderr=log,
                start_new_session=True,
                preexec_fn=before,
            )
        self.running[name] = process
        return process

    def launch_web(self, *, workers: int = 1, before: Callable[[], None] | None = None) -> None:
        """Start the web server as the application itself starts it; `start_web` also waits until it answers."""
        command = ("-m", "gunicorn", "ipe.wsgi", "--bind", f"127.0.0.1:{self.port}")
        options = ("--workers", str(workers), "--threads", "4", "--log-level", "warning")
        self._start("web", *command, *options, before=before)

    def start_web(self, *, workers: int = 1, before: Callable[[], None] | None = None) -> None:
        self.launch_web(workers=workers, before=before)
        self.await_web()

    def await_web(self) -> None:
        process = self.running["web"]

        def answers() -> bool:
            if process.poll() is not None:
                raise DidNotHappen(f"the web server ended:\n{self.log('web')[-3000:]}")
            try:
                return Visitor(self.port).get("/health/").status == 200
            except (OSError, http.client.HTTPException):
                return False

        wait_for("the web server answers", answers, seconds=STARTS_WITHIN, pause=0.02)

    def start_worker(self, name: str = "worker", *, pause: float = 0.02) -> subprocess.Popen[bytes]:
        return self._start(name, "manage.py", "worker", "--pause", str(pause))

    def start_celery(self, name: str = "celery") -> subprocess.Popen[bytes]:
        command = ("-m", "celery", "-A", "ipe.celery", "worker", "--loglevel", "INFO", "--concurrency", "1")
        return self._start(name, *command, "--without-gossip", "--without-mingle")

    def kill(self, name: str, with_signal: int = signal.SIGKILL) -> int:
        """End a process and everything it started; -9 unless told otherwise. Returns its exit code."""
        process = self.running.pop(name)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, with_signal)
        code = process.wait(timeout=60)
        wait_for(f"every process of {name} has ended", lambda: group_is_empty(process.pid))
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        if not self.is_sqlite:
            # The server ends what it was in the middle of, a commit too, before it sees that nobody is there.
            wait_for("the database is quiet", self._is_quiet)
        return code

    def _is_quiet(self) -> bool:
        busy = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND state <> 'idle'"
        return bool(on_server(self.server, busy, self.database_name) == 0)

    def stop_all(self) -> None:
        for name in list(self.running):
            self.kill(name)
        self.console = None

    def close(self) -> None:
        """Kill what runs and drop the database made for it."""
        self.stop_all()
        if not self.is_sqlite:
            on_server(self.server, f'DROP DATABASE IF EXISTS "{self.database_name}" WITH (FORCE)')

    def log(self, name: str) -> str:
        path = self.logs / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def visitor(self, email: str = "", password: str = "") -> Visitor:
        made = Visitor(self.port)
        return made.sign_in(email, password) if email else made


def new_name() -> str:
    """The name of a database of this run, by which a later one knows what is left if this one is cut off."""
    whose, run = os.environ.get("TEST_OURS", "faults"), os.environ.get("TEST_RUN", "byhand")
    return f"{whose}_{uuid.uuid4().hex[:12]}_{run}"


def beside(server: str, name: str) -> str:
    """The address of the database of another name on the server of an address."""
    parts = urlsplit(server)
    return urlunsplit((*parts[:2], f"/{name}", *parts[3:]))


def on_server(url: str, statement: str, *values: str) -> Any:
    """Run one statement on a PostgreSQL server; the first value of its answer, if it has one."""
    import psycopg

    with psycopg.connect(url, autocommit=True, connect_timeout=5) as line:
        done = line.execute(statement, values or None)  # type: ignore[call-overload] # names are made here
        row = done.fetchone() if done.description else None
        return row[0] if row else None
