"""An installation with the planted study, made once in a run; every test has a copy of its own.

A test runs once, whatever databases the suite runs on. It is on SQLite unless it is marked `postgres`, where locks and
transactions of a server are what it is about.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests import databases
from tests.conftest import REQUIRED, is_worker, required, run_folder
from tests.faults.installation import Installation, Visitor, new_name, on_server
from tests.faults.planting import ACCOUNTS, PASSWORD

BY_ROLE = {role: email for email, role in reversed(ACCOUNTS.items())}
USUAL = "postgres://postgres@127.0.0.1:5432/postgres"


@dataclass
class Planted:
    """An installation with the study in it; `ids` as `planting.plant` gave them."""

    here: Installation
    ids: dict[str, Any]
    visitors: dict[str, Visitor] = field(default_factory=dict)

    def ask(self, code: str) -> Any:
        return self.here.ask(code)

    def visitor(self, role: str) -> Visitor:
        """Somebody of that role, who signs in once: checking a password takes longer than ten pages."""
        if role not in self.visitors:
            self.visitors[role] = self.here.visitor(BY_ROLE[role], PASSWORD)
        return self.visitors[role]

    def work(self) -> None:
        """Run every waiting job to its end, with the worker that the application has."""
        self.here.command("worker", "--once")


def postgres_server() -> str:
    """The address of the server for tests marked `postgres`; empty where none answers, and SQLite has to do."""
    return server_at(os.environ.get("TEST_POSTGRES_URL", ""))


@functools.cache
def server_at(given: str) -> str:
    """As `postgres_server`. An address that somebody gave is meant: where nobody answers there, the test fails."""
    import psycopg

    try:
        on_server(given or USUAL, "SELECT 1")
    except psycopg.Error as error:
        if given:
            pytest.fail(f"no PostgreSQL takes connections at TEST_POSTGRES_URL: {error}", pytrace=False)
        if "postgres" in REQUIRED:
            required("postgres", "no server answers at the usual address, and TEST_POSTGRES_URL names none")
        return ""
    return given or USUAL


@pytest.fixture(scope="session")
def faults_dir() -> Path:
    folder = run_folder() / "faults"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """The folder of the run is removed with everything in it; what lies on a server goes here."""
    if not is_worker(session.config):
        for note in (run_folder() / "faults").glob("*.json"):
            Installation(note.with_suffix(""), **json.loads(note.read_text())["here"]).close()


@contextlib.contextmanager
def template(folder: Path, server: str) -> Iterator[Planted]:
    """The planted installation of this run, nobody else's while it is held: made by the first that needs it."""
    home = folder / ("template on PostgreSQL" if server else "template")
    note = folder / f"{home.name}.json"
    with (folder / f"{home.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not note.exists():
            shutil.rmtree(home, ignore_errors=True)
            made = plant(home, server)
            kept = {"master_key": made.here.master_key, "secret_key": made.here.secret_key}
            kept |= {"settings": made.here.settings, "server": server}
            note.write_text(json.dumps({"here": kept, "ids": made.ids}))
        noted = json.loads(note.read_text())
        yield Planted(Installation(home, **noted["here"]), noted["ids"])


def plant(home: Path, server: str) -> Planted:
    here = Installation.new(home)
    with contextlib.ExitStack() as failing:
        failing.callback(here.close)
        migrated = databases.sqlite_template()
        shutil.copy(migrated["keys"], here.key_store)
        if server:
            here.use_database(server, new_name())
            databases.postgres_copy(server, here.database_name)
        else:
            shutil.copy(migrated["default"], here.database)
        ids = here.ask("from tests.faults import planting; answer = planting.plant()")
        here.stop_all()
        failing.pop_all()
    return Planted(here, ids)


@pytest.fixture
def planted(faults_dir: Path, request: pytest.FixtureRequest) -> Iterator[Planted]:
    server = postgres_server() if request.node.get_closest_marker("postgres") else ""
    home = Path(tempfile.mkdtemp(prefix=request.node.originalname[:30], dir=faults_dir))
    home.rmdir()
    with template(faults_dir, server) as planted:
        here = planted.here.copy(home)
    try:
        yield Planted(here, planted.ids)
    finally:
        here.close()
        shutil.rmtree(home, ignore_errors=True)
