"""The databases of the suite: migrated once, kept until a migration or a model changes, copied for whoever needs one.

Migrating from nothing takes as long as dozens of tests, and every process of a run needs both databases, and so does
every installation of the fault tests. `manage.py migrate_all` therefore makes a template, on SQLite two files beside
pytest's cache and on PostgreSQL a database; the file of a lock lets one process make it while the others wait.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import os
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import django
from django.apps import apps
from django.conf import settings
from django.db import connections

from tests.faults.installation import ROOT, Installation, beside, on_server

KEPT = ROOT / ".pytest_cache" / "databases"
# Thousands of synchronous writes are not what is tested.
MEMORY = Path("/dev/shm")


def in_memory() -> Path | None:
    """The folder of this machine that lies in memory, where there is one."""
    return MEMORY if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) else None


@functools.cache
def fingerprint() -> str:
    """Of everything that decides what an empty database looks like once it is migrated."""
    versions = (django.VERSION, sys.version_info, sqlite3.sqlite_version)
    digest = hashlib.sha256(repr(versions).encode())
    shell = ROOT / "ipe"
    names = ("settings.py", "keystore.py", "tables.py", "management/commands/migrate_all.py")
    files = [shell / name for name in names]
    for app in apps.get_app_configs():
        for pattern in ("migrations/*.py", "models.py", "models/**/*.py"):
            files += sorted(Path(app.path).glob(pattern))
    for file in files:
        digest.update(f"{file.name}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:16]


@contextlib.contextmanager
def locked(what: str) -> Iterator[None]:
    """One process at a time, of all that work in this folder; the system lets go of the lock when one dies."""
    KEPT.mkdir(parents=True, exist_ok=True)
    with (KEPT / f"{what}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def migrate(here: Installation) -> None:
    """Raises AssertionError where a migration or a model was changed meanwhile: of which of them the tables are is not known."""
    here.manage("migrate_all", "--verbosity", "0")
    assert fingerprint.__wrapped__() == fingerprint(), "A migration or a model changed while the tests began."


def sqlite_template() -> dict[str, Path]:
    """The migrated file of each database."""
    place = KEPT / f"sqlite-{fingerprint()}"
    with locked("sqlite"):
        if not place.exists():
            for older in KEPT.glob("sqlite-*"):
                shutil.rmtree(older, ignore_errors=True)
            making = Path(tempfile.mkdtemp(prefix="ipe-migrating-", dir=in_memory()))
            try:
                here = Installation.new(making / "here")
                migrate(here)
                (making / "made").mkdir()
                shutil.copy(here.database, making / "made" / "default")
                shutil.copy(here.key_store, making / "made" / "keys")
                shutil.copytree(making / "made", KEPT / "unfinished", dirs_exist_ok=True)
                (KEPT / "unfinished").rename(place)
            finally:
                shutil.rmtree(making, ignore_errors=True)
    return {"default": place / "default", "keys": place / "keys"}


def postgres_copy(server: str, name: str) -> None:
    """Make a migrated database on a server, and drop those that runs of this clone have left which were cut off.

    It is copied from a template there, whose comment says of which migrations it is.
    """
    template, unfinished = f"{settings.OURS}_template", f"{settings.OURS}_unfinished"
    comment = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s"
    with locked("postgres"):
        drop_those_of_ended_runs(server)
        if on_server(server, comment, template) != fingerprint():
            on_server(server, f'DROP DATABASE IF EXISTS "{unfinished}" WITH (FORCE)')
            on_server(server, f'CREATE DATABASE "{unfinished}" TEMPLATE template1')
            making = Path(tempfile.mkdtemp(prefix="ipe-migrating-", dir=in_memory()))
            try:
                here = Installation.new(making / "here", DATABASE_URL=beside(server, unfinished))
                migrate(here)
            finally:
                shutil.rmtree(making, ignore_errors=True)
            on_server(server, f"COMMENT ON DATABASE \"{unfinished}\" IS '{fingerprint()}'")
            on_server(server, f'DROP DATABASE IF EXISTS "{template}" WITH (FORCE)')
            on_server(server, f'ALTER DATABASE "{unfinished}" RENAME TO "{template}"')
        on_server(server, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')


# --- for the processes of a run ---


def copy_instead_of_migrating(folder: Path) -> None:
    """Let Django's set-up of test databases copy the template, and empty a database on SQLite by copying it again.

    On SQLite a database is a file in `folder`: the threads of the live server have connections of their own, as in the
    application. Of a database in memory they would share one, and now and then meet a table that is locked.
    """
    from django.test import TransactionTestCase

    for alias in connections:
        creation: Any = connections[alias].creation
        if connections[alias].vendor in {"sqlite", "postgresql"}:
            creation.create_test_db = functools.partial(_copied, alias, folder)

    flush = TransactionTestCase._fixture_teardown  # type: ignore[attr-defined]

    def emptied(case: Any) -> None:
        aliases = case._databases_names(include_mirrors=False)
        if any(connections[alias].vendor != "sqlite" for alias in aliases):
            flush(case)
            return
        for alias in aliases:
            restore(alias)

    TransactionTestCase._fixture_teardown = emptied  # type: ignore[attr-defined]


def restore(alias: str) -> None:
    """Bring the SQLite database of this process to what the template holds, whoever has it open."""
    connection = connections[alias]
    connection.ensure_connection()
    last = time.monotonic() + 60

    def in_time(*_: int) -> None:
        if time.monotonic() > last:
            raise TimeoutError("Somebody holds the database of the tests: what they began has not ended.")

    with contextlib.closing(sqlite3.connect(f"file:{sqlite_template()[alias]}?mode=ro", uri=True)) as source:
        source.backup(connection.connection, progress=in_time, sleep=0.05)


def has_ended(run: str) -> bool:
    """Whether the process that began a run is gone; a run is named for it."""
    number = run.partition("x")[0]
    if not number.isdecimal():
        return False
    try:
        os.kill(int(number), 0)
    except OSError as error:
        return isinstance(error, ProcessLookupError)  # or it is somebody else's, and alive
    return False


def drop_those_of_ended_runs(server: str) -> None:
    """The databases that runs of this clone have left which were cut off."""
    every = "SELECT array_agg(datname::text) FROM pg_database WHERE starts_with(datname, %s)"
    for name in on_server(server, every, settings.OURS) or []:
        if has_ended(name.rpartition("_")[2]):
            on_server(server, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _copied(alias: str, folder: Path, **_: Any) -> str:
    """As `create_test_db`: make the database, point the connection at it, give its name."""
    connection = connections[alias]
    connection.close()
    if connection.vendor == "postgresql":
        name = f"{connection.creation._get_test_db_name()}_{os.environ['TEST_RUN']}"
        connection.close_pool()
        postgres_copy(os.environ["DATABASE_URL"], name)
    else:
        folder.mkdir(parents=True, exist_ok=True)
        name = str(folder / f"{os.getpid()}-{alias}.sqlite3")
        shutil.copy(sqlite_template()[alias], name)
    settings.DATABASES[alias]["NAME"] = connection.settings_dict["NAME"] = name
    connection.ensure_connection()
    return name
