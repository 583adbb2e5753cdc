"""Makes a copy of the demo data of the version that stands here: `python -m tests.upgrades.making`.

Run once for a version, when it goes out, and never again: from then on the copy is what that version left behind.
Needs PostgreSQL with pg_dump. Two runs hold the same content; ids, moments, keys and what is sealed under them differ.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.faults.installation import Installation
from tests.upgrades.copies import DATABASES, HERE, RECORD, Copy, present_version

ASK = "from tests.upgrades import contents; answer = [contents.contents(), contents.head()]"
POSTGRES = "postgres://postgres@127.0.0.1:5432/postgres"


class NotMade(Exception):
    """Why there is no copy now."""


def make(into: Path, *, server: str) -> Copy:
    """Load the demo into an empty installation on each database, keep both, and record what they hold.

    Raises
        NotMade: There is one of this version, pg_dump is missing, or the two databases do not hold the same.
    """
    copy = Copy(into / present_version())
    if (copy.folder / RECORD).exists():
        raise NotMade(f"There is a copy of {copy.version}. A version that is out keeps the copy it has.")
    if shutil.which("pg_dump") is None:
        raise NotMade("pg_dump is missing; it comes with the client programs of PostgreSQL.")
    copy.folder.mkdir(parents=True, exist_ok=True)
    key = copy.make_key()
    found = {}
    with tempfile.TemporaryDirectory(prefix="ipe-copy-") as homes:
        for database in DATABASES:
            here = Installation.new(Path(homes) / database)
            here.master_key = key
            if database == "postgresql":
                here.make_database(server, template="template1")
            try:
                found[database] = _loaded(here)
                copy.keep(here, database)
            finally:
                here.close()
    contents, heads = ({name: both[at] for name, both in found.items()} for at in (0, 1))
    if contents["sqlite"] != contents["postgresql"]:
        raise NotMade("The two databases do not hold the same.")
    record = {"version": copy.version, "head": heads, "contents": contents["sqlite"]}
    (copy.folder / RECORD).write_text(json.dumps(record, ensure_ascii=False, indent=1) + "\n")
    return copy


def _loaded(here: Installation) -> Any:
    here.manage("demo", "--no-server")
    read = here.ask(ASK)
    here.stop_all()
    return read


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.upgrades.making",
        description="Make a copy of this version’s demo data, for the tests of upgrades of later versions.",
    )
    parser.add_argument("--into", type=Path, default=HERE, metavar="FOLDER", help="default: tests/upgrades")
    parser.add_argument(
        "--server",
        default=os.environ.get("TEST_POSTGRES_URL") or POSTGRES,
        metavar="URL",
        help="a PostgreSQL on which databases can be made; default: TEST_POSTGRES_URL, else this machine’s",
    )
    given = parser.parse_args()
    try:
        copy = make(given.into, server=given.server)
    except NotMade as error:
        sys.exit(str(error))
    n_bytes = sum(path.stat().st_size for path in copy.folder.iterdir())
    print(f"Made {copy.folder}: the demo data of {copy.version}, {n_bytes / 1e6:.1f} MB.")


if __name__ == "__main__":
    main()
