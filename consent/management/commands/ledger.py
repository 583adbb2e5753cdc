"""The deletion ledger: export it to keep beside the backups, replay it after a restore."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from consent import withdrawal
from ipe.errors import DomainError


class Command(BaseCommand):
    help = "Export the ledger of withdrawals (ids only), or carry it out again after a restore."

    def add_arguments(self, parser: ArgumentParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True)
        export = acts.add_parser("export", help="write one JSON line for each withdrawal")
        export.add_argument("--out", type=Path, help="a file; standard output without it")
        replay = acts.add_parser("replay", help="erase again what a restored backup brought back")
        replay.add_argument("--from", dest="source", type=Path, help="a file written by “ledger export”")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["act"] == "export":
            self._export(options["out"])
        else:
            self._replay(options["source"])

    def _export(self, out: Path | None) -> None:
        lines = "".join(json.dumps(record) + "\n" for record in withdrawal.export_ledger())
        if out is None:
            self.stdout.write(lines, ending="")
        else:
            out.write_text(lines, encoding="utf-8")

    def _replay(self, source: Path | None) -> None:
        try:
            text = source.read_text(encoding="utf-8") if source is not None else ""
            records = [json.loads(line) for line in text.splitlines() if line.strip()]
        except (OSError, ValueError) as error:
            raise CommandError("The file cannot be read as a deletion ledger.") from error
        try:
            done = withdrawal.replay_ledger(records)
        except DomainError as error:
            raise CommandError(error.message) from error
        self.stdout.write(
            f"{done.n_entries} entries: {done.n_repeated} carried out again, "
            f"{done.n_without_person} without a person in this database."
        )
