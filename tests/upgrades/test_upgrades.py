"""The data of every version that is out open in this one: restored, migrated, read as a person reads them."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sqlite3
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from findings.demo.people import FIELDWORK, LEAD, PASSWORD
from tests import databases
from tests.conftest import required
from tests.faults.conftest import postgres_server
from tests.faults.installation import Installation, beside, new_name, on_server
from tests.upgrades import dumps
from tests.upgrades.copies import DATABASES, KEY, Copy, copies, present_version
from tests.upgrades.making import ASK, NotMade, make

# Each test has databases of its own, whatever the suite runs on.
pytestmark = [pytest.mark.real_clock, pytest.mark.once]

MOST_BYTES = 20_000_000
PERSON = "Marion Oakes"


def server() -> str:
    """A PostgreSQL on which databases can be made, or the test is skipped by name."""
    if not os.environ.get("TEST_POSTGRES_URL"):
        required("postgres", "needs a PostgreSQL server, and TEST_POSTGRES_URL names none")
    return postgres_server()


@pytest.fixture(
    params=[(copy, database) for copy in copies() for database in DATABASES],
    ids=lambda p: f"{p[0].version}-{p[1]}",
)
def restored(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Copy, str, Installation]]:
    """A copy, the database it is of, and the installation that it was restored to, not yet migrated."""
    copy, database = request.param
    here = copy.restore(tmp_path / "home", database, server() if database == "postgresql" else "")
    try:
        yield copy, database, here
    finally:
        here.close()


def test_copy_of_an_earlier_version_is_upgraded_and_opens(restored: tuple[Copy, str, Installation]) -> None:
    copy, database, here = restored
    record = copy.record
    here.manage("migrate_all", "--verbosity", "0")
    n_events, code = record["head"][database]
    assert "the chain is whole" in here.command("audit", "verify", "--kept", str(n_events), code)
    contents, head = here.ask(ASK)
    assert schema(here) == schema_of_new(database)
    assert schema_of_file(here.key_store) == schema_of_file(databases.sqlite_template()["keys"])
    # A later version may have tables of its own.
    contents["rows"] = {label: contents["rows"].get(label) for label in record["contents"]["rows"]}
    assert contents == record["contents"]
    assert head == [n_events, code]

    here.start_web()
    lead = here.visitor(LEAD, PASSWORD)
    assert "Merrowdale" in lead.get("/s/demo/").text
    fieldwork = here.visitor(FIELDWORK, PASSWORD)
    people = set(
        re.findall(r"/s/demo/consent/people/([0-9a-f-]{36})/", fieldwork.get("/s/demo/consent/").text)
    )
    shown = [fieldwork.post(f"/s/demo/consent/people/{pk}/contact/").text for pk in people]
    assert [PERSON in page for page in shown].count(True) == 1


def schema(here: Installation) -> dict[str, list[str]]:
    """What there is of tables, columns, indexes and constraints: each as words, in an order that says nothing."""
    if here.is_sqlite:
        return schema_of_file(here.database)
    return schema_on_server(here.settings["DATABASE_URL"])


def schema_of_new(database: str) -> dict[str, list[str]]:
    """The same of a database that was migrated from nothing."""
    if database == "sqlite":
        return schema_of_file(databases.sqlite_template()["default"])
    name = new_name()
    try:
        databases.postgres_copy(server(), name)
        return schema_on_server(beside(server(), name))
    finally:
        on_server(server(), f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def schema_of_file(file: Path) -> dict[str, list[str]]:
    with contextlib.closing(sqlite3.connect(file)) as line:
        found = line.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    return {name: sorted(re.split(r",(?![^()]*\))", sql)) for name, sql in found}


def schema_on_server(url: str) -> dict[str, list[str]]:
    """Columns with types, defaults and what they refuse; indexes; constraints; triggers."""
    found: dict[str, list[str]] = {}
    with psycopg.connect(url) as line:
        for table, words in line.execute(
            """
            WITH ours AS (SELECT oid, relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r')
            SELECT relname, concat_ws(' ', attname, format_type(atttypid, atttypmod), attnotnull, attidentity,
                                      pg_get_expr(adbin, adrelid))
            FROM ours JOIN pg_attribute ON attrelid = ours.oid LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
            WHERE attnum > 0 AND NOT attisdropped
            UNION ALL SELECT relname, pg_get_indexdef(indexrelid) FROM ours JOIN pg_index ON indrelid = ours.oid
            UNION ALL SELECT relname, concat_ws(' ', conname, pg_get_constraintdef(pg_constraint.oid))
            FROM ours JOIN pg_constraint ON conrelid = ours.oid
            UNION ALL SELECT relname, pg_get_triggerdef(pg_trigger.oid)
            FROM ours JOIN pg_trigger ON tgrelid = ours.oid WHERE NOT tgisinternal
            """
        ):
            # A dump that was read in again says the same with other casts and brackets.
            plain = re.sub(r"::[a-z ]+(\(\d+\))?(\[\])?|[()]", "", words)
            found.setdefault(table, []).append(plain)
    return {table: sorted(words) for table, words in found.items()}


def test_copy_opens_with_no_other_key(restored: tuple[Copy, str, Installation]) -> None:
    here = restored[2]
    here.master_key = Installation(here.home).master_key
    with pytest.raises(AssertionError, match="Tampered"):
        here.ask(ASK)


def test_copy_that_cannot_be_restored_leaves_no_database(tmp_path: Path) -> None:
    on, mark = server(), f"half restored {uuid.uuid4().hex}"
    marked = "SELECT count(*) FROM pg_shdescription WHERE description = %s"
    shutil.copy(copies()[0].folder / KEY, tmp_path / KEY)
    remark = f"EXECUTE format('COMMENT ON DATABASE %I IS %L', current_database(), '{mark}');"
    with zipfile.ZipFile(tmp_path / "postgresql.zip", "w") as kept:
        kept.writestr("database.sql", f"DO $$BEGIN {remark} END$$;\nCOPY nobody (id) FROM stdin;\n\\.\n")
    with pytest.raises(psycopg.errors.UndefinedTable):
        Copy(tmp_path).restore(tmp_path / "home", "postgresql", on)
    assert on_server(on, marked, mark) == 0


def test_copies_begin_with_the_first_version_that_has_one_and_are_small() -> None:
    assert copies()[0].version == "0.2.0"
    for copy in copies():
        assert sum(path.stat().st_size for path in copy.folder.iterdir()) < MOST_BYTES


@pytest.mark.slow  # loads the demo on both databases: three quarters of a minute
def test_copy_is_made_alike_a_second_time(tmp_path: Path) -> None:
    if shutil.which("pg_dump") is None:
        required("postgres", "pg_dump is missing; it comes with the client programs of PostgreSQL")
    on = server()
    made = make(tmp_path, server=on)
    assert made.version == present_version()
    kept = next((copy for copy in copies() if copy.version == made.version), made)
    assert made.record["contents"] == kept.record["contents"]
    assert kept is made or made.master_key != kept.master_key
    with pytest.raises(NotMade, match="keeps the copy it has"):
        make(tmp_path, server=on)


DUMP = """\
-- Dumped by pg_dump
\\restrict abc
SET statement_timeout = 0;
SET transaction_timeout = 0;
SET client_encoding = 'UTF8';
SELECT pg_catalog.set_config('search_path', '', false);
CREATE TABLE public.words (said text, id integer);
COPY public.words (said, id) FROM stdin;
SET apart from the others\t1
\\N\t2
\\.

CREATE TABLE public.nobody ();
COPY public.nobody  FROM stdin;
\\.
ALTER TABLE public.words ADD PRIMARY KEY (id);
\\unrestrict abc
"""


def test_portable_dump_loses_settings_and_no_row() -> None:
    lines = dumps.portable(DUMP).split("\n")
    gone = [line for line in DUMP.split("\n") if line not in lines]
    assert gone == [
        "\\restrict abc",
        "SET statement_timeout = 0;",
        "SET transaction_timeout = 0;",
        "\\unrestrict abc",
    ]
    assert dumps.portable(dumps.portable(DUMP)) == dumps.portable(DUMP)


def test_parts_of_a_dump_keep_every_character_of_a_row() -> None:
    rows = "1\ta\x0bb\u2028c\x85d\n2\tCOPY x FROM stdin;\n"
    first, second = dumps.parts(f"SELECT 1;\nCOPY public.t (a, b) FROM stdin;\n{rows}\\.\nSELECT 2;\n")
    assert first == dumps.Part("SELECT 1;", "COPY public.t (a, b) FROM stdin;", rows)
    assert second == dumps.Part("SELECT 2;\n")
