"""Copies of the demo data of versions that are out: each is a folder named for its version.

It holds the whole installation twice, as it stands on SQLite and on PostgreSQL (database, key store, encrypted files),
the master key that was made for both and guards invented people alone, and what the application read in them.
"""

from __future__ import annotations

import base64
import contextlib
import json
import secrets
import tomllib
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.installation import ROOT, Installation
from tests.upgrades import dumps

HERE = Path(__file__).parent
DATABASES = ("sqlite", "postgresql")
KEY = "master-key-of-this-copy-only.txt"
RECORD = "contents.json"
DUMP = "database.sql"
NOTICE = """\
# Made for the copy of the demo data in this folder. It opens nothing else, and guards invented people alone.
MASTER_KEY={key}
"""


def present_version() -> str:
    version: str = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    return version


@dataclass(frozen=True)
class Copy:
    folder: Path

    @property
    def version(self) -> str:
        return self.folder.name

    @property
    def master_key(self) -> str:
        return (self.folder / KEY).read_text().rpartition("MASTER_KEY=")[2].strip()

    @property
    def record(self) -> dict[str, Any]:
        """`contents`, alike on both databases, and the `head` of the audit chain on each."""
        read: dict[str, Any] = json.loads((self.folder / RECORD).read_text())
        return read

    def make_key(self) -> str:
        key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
        (self.folder / KEY).write_text(NOTICE.format(key=key))
        return key

    def keep(self, here: Installation, database: str) -> None:
        """Put everything that an installation holds into the copy. Nothing may be running in it."""
        with zipfile.ZipFile(
            self.folder / f"{database}.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=9
        ) as kept:
            for folder in (here.var, here.keys):
                for path in sorted(folder.rglob("*")):
                    if path.is_file():
                        _add(kept, str(path.relative_to(here.home)), path.read_bytes())
            if not here.is_sqlite:
                _add(kept, DUMP, dumps.dump(here.settings["DATABASE_URL"]).encode())

    def restore(self, home: Path, database: str, server: str = "") -> Installation:
        """A new installation with the data and the key of the copy; one on PostgreSQL has a database on `server`."""
        here = Installation.new(home)
        with contextlib.ExitStack() as failing:
            failing.callback(here.close)
            if database == "postgresql":
                here.make_database(server, template="template1")
            here.master_key = self.master_key
            with zipfile.ZipFile(self.folder / f"{database}.zip") as kept:
                kept.extractall(home)
            if not here.is_sqlite:
                dumps.restore((home / DUMP).read_text(), here.settings["DATABASE_URL"])
            failing.pop_all()
        return here


def _add(kept: zipfile.ZipFile, name: str, data: bytes) -> None:
    """Without the time of day, so that the same data give the same bytes."""
    entry = zipfile.ZipInfo(name)
    entry.compress_type = zipfile.ZIP_DEFLATED
    kept.writestr(entry, data)


def copies() -> list[Copy]:
    """All of them, the oldest version first."""
    found = [Copy(path.parent) for path in HERE.glob(f"*/{RECORD}")]
    return sorted(found, key=lambda copy: [int(part) for part in copy.version.split(".")])
