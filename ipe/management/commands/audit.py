from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ipe import audit


class Command(BaseCommand):
    help = "Check the chain of audit events, or print its head to keep in a second place."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=["verify", "head"])
        parser.add_argument(
            "--kept",
            nargs=2,
            metavar=("N", "CODE"),
            help="A head printed earlier: the chain must pass through it.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        checked = audit.verify(kept=self.kept(options["kept"]))
        if options["action"] == "head":
            self.stdout.write(f"{checked.n_events} {checked.head}")
            return
        if not checked.is_whole:
            raise CommandError(f"The chain is broken at event {checked.broken_at}.")
        self.stdout.write(f"{checked.n_events} events, the chain is whole. Head {checked.head}")

    @staticmethod
    def kept(given: list[str] | None) -> tuple[int, str] | None:
        if given is None:
            return None
        if not given[0].isdecimal():
            raise CommandError("Give the number of events and the code, as “audit head” printed them.")
        return int(given[0]), given[1]
