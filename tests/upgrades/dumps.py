"""PostgreSQL dumps as plain SQL that every server from 15 on reads, restored without any program of PostgreSQL's."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg

# What the rest of a dump depends on. Every other setting is for the comfort of the program that restores it, and a
# newer pg_dump writes some that an older server does not know, such as transaction_timeout.
KEPT = ("SET client_encoding", "SET standard_conforming_strings")


@dataclass(frozen=True)
class Part:
    """Statements to run, then the rows of one table, if any: a COPY statement and what it reads."""

    statements: str
    copy: str = ""
    rows: str = ""


def dump(url: str) -> str:
    """A database as SQL text, without owners and rights; needs pg_dump of the server's version or a newer one."""
    done = subprocess.run(
        ["pg_dump", "--no-owner", "--no-privileges", "--encoding=UTF8", f"--dbname={url}"],
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"pg_dump ended with {done.returncode}: {done.stderr.decode()}")
    return portable(done.stdout.decode())


def portable(text: str) -> str:
    """The dump without settings of its time and without commands of psql."""
    kept = []
    for part in parts(text):
        kept += [line for line in part.statements.split("\n") if not _is_of_its_time(line)]
        if part.copy:
            kept += [part.copy, f"{part.rows}\\."]
    return "\n".join(kept)


def _is_of_its_time(line: str) -> bool:
    return line.startswith("\\") or (line.startswith("SET ") and not line.startswith(KEPT))


def parts(text: str) -> Iterator[Part]:
    """Follow a dump from top to bottom. Not `splitlines`: rows hold characters that it takes for the end of a line."""
    lines = iter(text.split("\n"))
    statements: list[str] = []
    for line in lines:
        if line.startswith("COPY ") and line.endswith(" FROM stdin;"):
            rows = []
            for row in lines:
                if row == "\\.":
                    break
                rows.append(f"{row}\n")
            yield Part("\n".join(statements), line, "".join(rows))
            statements = []
        else:
            statements.append(line)
    yield Part("\n".join(statements))


def restore(text: str, url: str) -> None:
    """Put a dump into an empty database."""
    with psycopg.connect(url, autocommit=True) as line:
        for part in parts(text):
            line.execute(part.statements.encode())
            if part.copy:
                with line.cursor() as cursor, cursor.copy(part.copy.encode()) as copy:
                    copy.write(part.rows)
