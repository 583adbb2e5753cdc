"""Take in a file of survey answers, or see what taking it in would do."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from ipe import jobs
from ipe.errors import BadFile, DomainError
from ipe.models import Evaluation, Wave
from surveys import intake, mapping
from surveys.frames import instrument_spec
from surveys.models import Instrument, Intake
from surveys.readers import reading


class Command(BaseCommand):
    help = "Survey answers: `survey ingest FILE …` stores a file for one wave, all or nothing."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        commands = parser.add_subparsers(dest="command", required=True)
        ingest = commands.add_parser("ingest", help="store the answers of a CSV, TSV, XLSX or SPSS file")
        ingest.add_argument("file", type=Path)
        ingest.add_argument("--evaluation", required=True, metavar="SLUG")
        ingest.add_argument("--instrument", required=True, metavar="NAME")
        ingest.add_argument("--site", required=True)
        ingest.add_argument("--phase", required=True)
        ingest.add_argument("--mapping", required=True, type=Path, metavar="FILE")
        ingest.add_argument("--eligible", type=_people, metavar="N", help="number of people who were asked")
        ingest.add_argument(
            "--eligible-source", default="", metavar="TEXT", help="where that number comes from"
        )
        ingest.add_argument("--replace", action="store_true", help="replace the answers stored for the wave")
        ingest.add_argument("--preview", action="store_true", help="write nothing, say what would be stored")
        ingest.add_argument("--json", action="store_true", help="answer in JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            answer = self._ingest(options)
        except DomainError as error:
            raise CommandError(error.message) from None
        if options["json"]:
            self.stdout.write(json.dumps(answer, ensure_ascii=False))
            return
        for name, value in answer.items():
            words = ", ".join(f"{v} {k}" for k, v in value.items()) if isinstance(value, dict) else value
            self.stdout.write(f"{name.replace('_', ' ')}: {words}")

    def _ingest(self, options: dict[str, Any]) -> dict[str, Any]:
        instrument, wave = _instrument(options), _wave(options)
        file, mapping_file = options["file"], options["mapping"]
        part = mapping.load(_bytes(mapping_file), file=mapping_file.name)
        if options["preview"]:
            faults = mapping.check_against(part, instrument_spec(instrument, site=wave.site))
            mapping.refuse_faults(faults, file=mapping_file.name)
            sheet = reading.read(file.name, _bytes(file), label=file.name)
            seen = intake.preview_of(sheet, part, instrument, wave)
            intake.refuse_too_few_asked(options["eligible"], seen)
            return _answer("preview", seen)
        # One transaction from the file to the job: when anything is refused, no draft is left behind.
        with transaction.atomic():
            saved = intake.save_mapping(instrument, part=part, by=None, label=mapping_file.name)
            draft = intake.open_intake(
                instrument,
                wave=wave,
                file_name=file.name,
                data=_bytes(file),
                by=None,
                eligible=options["eligible"],
                eligible_source=options["eligible_source"] or _source(options),
                label=file.name,
            )
            intake.choose_mapping(draft, mapping=saved, by=None)
            draft.refresh_from_db()
            seen = intake.preview(draft)
            job = intake.confirm(draft, by=None, replace=options["replace"], label=file.name)
        jobs.load_tasks()
        jobs.run(job.pk)
        job.refresh_from_db()
        if job.state != job.State.DONE:
            raise CommandError(job.error or f"The job is {job.get_state_display().lower()}.")
        return _answer("stored", seen) | {"intake": str(draft.pk), **_skipped_people(draft)}


def _people(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError("give a whole number above nought.")
    return int(text)


def _source(options: dict[str, Any]) -> str:
    return "given at the command line" if options["eligible"] is not None else ""


def _skipped_people(draft: Intake) -> dict[str, Any]:
    """Rows that storing left out beyond the preview: people who are not, or no longer, in the study."""
    draft.refresh_from_db()
    return {"rows_read": draft.n_read, "rows_skipped": draft.n_skipped}


def _answer(state: str, seen: intake.Preview) -> dict[str, Any]:
    return {
        "state": state if not seen.faults else "faulty",
        "rows": seen.n_rows,
        "rows_read": seen.n_read,
        "rows_skipped": seen.n_skipped,
        "skipped": seen.skipped,
        "unfinished_kept": seen.n_unfinished,
        "answers": seen.n_answers,
        "free_texts": seen.n_texts,
        "roles": seen.roles,
        "differences": [f"{d.kind}: {d.field}: {d.message}" for d in seen.differences],
        "faults": [str(fault) for fault in seen.faults],
    }


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        raise BadFile("The file is not there or cannot be read.", file=path.name) from None


def _instrument(options: dict[str, Any]) -> Instrument:
    evaluation = Evaluation.objects.filter(slug=options["evaluation"]).first()
    if evaluation is None:
        raise CommandError(f"There is no study “{options['evaluation']}”.")
    instrument = (
        evaluation.instruments.filter(name=options["instrument"]).select_related("evaluation").first()
    )
    if instrument is None:
        known = ", ".join(evaluation.instruments.values_list("name", flat=True)) or "none"
        raise CommandError(f"The study has no instrument “{options['instrument']}”. It has: {known}.")
    return instrument


def _wave(options: dict[str, Any]) -> Wave:
    wave = (
        Wave.objects.filter(
            site__evaluation__slug=options["evaluation"],
            site__code=options["site"],
            phase__code=options["phase"],
        )
        .select_related("site__evaluation", "phase")
        .first()
    )
    if wave is None:
        raise CommandError(f"Site “{options['site']}” has no phase “{options['phase']}”.")
    return wave
