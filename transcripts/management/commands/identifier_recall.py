"""Measure the suggestions on the gold texts and print the page of the documentation, or write it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from transcripts.models import Category
from transcripts.recall import measure, parse, report


class Command(BaseCommand):
    help = "Measure how many identifiers are suggested in the gold texts."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--write", action="store_true", help="write docs/identifier-recall.md")

    def handle(self, *args: Any, **options: Any) -> None:
        base = Path(settings.BASE_DIR)
        gold = base / "tests" / "transcripts" / "gold"
        first, second = (
            measure(parse(file.read_text(encoding="utf-8")) for file in sorted((gold / name).glob("*.txt")))
            for name in ("first", "second")
        )
        words = {choice.value: str(choice.label) for choice in Category}
        page = report(first, second, words)
        if options["write"]:
            (base / "docs" / "identifier-recall.md").write_text(page, encoding="utf-8")
        else:
            self.stdout.write(page, ending="")
