from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ipe.errors import DomainError
from ipe.models import Evaluation, User
from ipe.protocol.problems import ProtocolRefused
from ipe.protocol.study import export_protocol, import_protocol, preview_protocol


class Command(BaseCommand):
    help = "Import a study from a protocol file, or export a study as one. See docs/protocol-file.md."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        taken = actions.add_parser("import", help="Create or update the study that a file describes.")
        taken.add_argument("file", type=Path, metavar="FILE.yaml")
        taken.add_argument("--preview", action="store_true", help="Only say what would change.")
        taken.add_argument(
            "--by",
            metavar="EMAIL",
            help="The account that imports; needed to change thresholds and readings.",
        )
        taken.add_argument(
            "--reason", default="", help="Why thresholds or readings change after data arrived."
        )
        given = actions.add_parser("export", help="Write a study's protocol file.")
        given.add_argument("slug")
        given.add_argument(
            "--out", type=Path, metavar="FILE", help="Where to write; standard output without it."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["action"] == "import":
                self._import(**options)
            else:
                self._export(options["slug"], options["out"])
        except ProtocolRefused as error:
            raise CommandError("\n".join(map(str, error.problems))) from None
        except DomainError as error:
            raise CommandError(error.message) from None

    def _import(self, *, file: Path, preview: bool, by: str | None, reason: str, **_: Any) -> None:
        try:
            data = file.read_bytes()
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror}.") from None
        who = None
        if by is not None:
            who = User.objects.filter(email__iexact=by, is_active=True).first()
            if who is None:
                raise CommandError("There is no active account with this e-mail address.")
        act = preview_protocol if preview else import_protocol
        report = act(data, by=who, filename=file.name, reason=reason)
        would = "would be " if preview else ""
        self.stdout.write(f"{report.evaluation.slug}: {would}{'created' if report.is_new else 'updated'}")
        for line in report.changes:
            self.stdout.write(
                f"  {line.label}: {line.added} added, {line.changed} changed, {line.removed} removed"
            )
        if not report.changes:
            self.stdout.write("  nothing changes")
        if report.is_new and who is None and not preview:
            self.stdout.write(
                f"Nobody works on it yet. “manage.py invite EMAIL --study {report.evaluation.slug}” invites its lead."
            )

    def _export(self, slug: str, out: Path | None) -> None:
        study = Evaluation.objects.filter(slug=slug).first()
        if study is None:
            raise CommandError(f"There is no study “{slug}”.")
        data = export_protocol(study)
        if out is None:
            self.stdout.write(data.decode(), ending="")
        else:
            out.write_bytes(data)
            self.stdout.write(f"{out}: {len(data)} bytes")
