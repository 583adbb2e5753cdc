"""Write the indicators of a study with their verdicts, as they may leave or as the team works with them."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from exports import as_csv, as_xlsx
from exports.table import Cover
from ipe.errors import DomainError
from ipe.models import Evaluation
from ipe.words import OutputClass
from surveys import releasing, results, tables
from surveys.frames import Scope
from surveys.indicators import IndicatorResult


class Command(BaseCommand):
    help = (
        "Indicators against thresholds. “released” (the default) hides small counts, “working” does not. "
        "A released CSV or XLSX file is a release: it stands in the ledger."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("--site", default="")
        parser.add_argument("--phase", default="")
        parser.add_argument("--as", dest="as_", choices=("working", "released"), default="released")
        parser.add_argument("--format", choices=("json", "csv", "xlsx"), default="json")
        parser.add_argument("--out", type=Path)
        parser.add_argument("--class", dest="output_class", choices=OutputClass.values, default="")
        parser.add_argument("--purpose", default="Written from the command line")

    def handle(self, *args: Any, **options: Any) -> None:
        evaluation = Evaluation.objects.filter(slug=options["slug"]).first()
        if evaluation is None:
            raise CommandError(f"There is no study “{options['slug']}”.")
        for name, rows in (("site", evaluation.sites), ("phase", evaluation.phases)):
            if options[name] and not rows.filter(code=options[name]).exists():
                raise CommandError(f"The study has no {name} “{options[name]}”.")
        if options["format"] == "xlsx" and options["out"] is None:
            raise CommandError("A workbook needs a file to go to: --out FILE.")
        try:
            data = self._data(evaluation, options)
        except DomainError as error:
            raise CommandError(error.message) from None
        if options["out"] is not None:
            options["out"].write_bytes(data)
        else:
            self.stdout.write(data.decode(), ending="")

    def _data(self, evaluation: Evaluation, options: dict[str, Any]) -> bytes:
        as_ = options["as_"]
        scope = Scope(evaluation, site=options["site"], phase=options["phase"])
        found = results.computed(scope).results
        if options["output_class"]:
            found = tuple(one for one in found if tables.class_of(one) == options["output_class"])
        if options["format"] == "json":
            rows = tables.as_json(found, results.rows_as(evaluation, found, as_))
            return (json.dumps(rows, ensure_ascii=False, indent=1) + "\n").encode()
        if as_ == "released":
            return self._released(scope, found, options)
        cover = Cover(
            study=evaluation.title,
            made_at=timezone.now(),
            filter=releasing.filter_words(scope),
            rule="None: working figures, not for publication.",
            is_draft=True,
        )
        table = tables.indicator_table(found, cover=cover)
        return as_xlsx.write(table) if options["format"] == "xlsx" else as_csv.write_plain(table)

    def _released(self, scope: Scope, found: Sequence[IndicatorResult], options: dict[str, Any]) -> bytes:
        """One release has one output class, because each has a rule of its own."""
        classes = list(tables.by_class(found)) or [OutputClass.SURVEY.value]
        output_class = OutputClass.SURVEY.value if OutputClass.SURVEY in classes else classes[0]
        if len(classes) > 1:
            others = ", ".join(name for name in classes if name != output_class)
            self.stderr.write(f"Only {output_class} indicators are written; for the rest: --class {others}")
        return releasing.publish_indicators(
            scope,
            by=None,
            output_class=output_class,
            purpose=options["purpose"],
            file_format=options["format"],
        ).data
