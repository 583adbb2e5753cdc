"""Acts on a file of answers before it is stored, and its undoing: open, map, confirm, drop, withdraw.

The file as uploaded is read once and never kept: what stays until it is stored is the sheet without the
columns that identify people, encrypted. Storing itself is a job (`storing`).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from ipe import audit, jobs, roles, vault
from ipe.errors import BadFile, Conflict, Invalid, NotReady
from ipe.models import Job, User, Wave
from ipe.rooms import Effect

from . import mapping as mappings
from .frames import instrument_spec
from .mapping import Difference, Fault, MappingPart, Read
from .models import Answer, Instrument, Intake, Mapping, Response
from .readers import reading, sheet
from .readers.sheet import Sheet


def require_intake(by: User | None, wave: Wave) -> None:
    """`by` is None for the command line, whose user has the machine.

    Raises
        Refused, NotFound: No right to intake at this site.
    """
    if by is not None:
        roles.require(by, "intake.edit", wave.site.evaluation, wave.site)


def validated(row: Intake) -> None:
    """Model constraints, said in words of the error tree."""
    try:
        row.full_clean()
    except ValidationError as error:
        fields = {name: " ".join(found) for name, found in error.message_dict.items() if name != "__all__"}
        raise Invalid(" ".join(error.messages), fields=fields) from None


@transaction.atomic
def open_intake(
    instrument: Instrument,
    *,
    wave: Wave,
    file_name: str,
    data: bytes,
    by: User | None,
    eligible: int | None = None,
    eligible_source: str = "",
    label: str = "the file",
) -> Intake:
    """Read a file and keep its sheet, sealed and without identifying columns, as a draft intake.

    `label` is what errors call the file.
    Raises
        Refused, NotFound: No right to intake at this site.
        Invalid: The wave is another study's or not planned, or the instrument is no survey.
        BadFile: The file cannot be read; names row and column.
    """
    require_intake(by, wave)
    if wave.site.evaluation_id != instrument.evaluation_id:
        raise Invalid("The wave belongs to another study.", fields={"wave": "Choose a wave of this study."})
    if not wave.is_planned:
        raise Invalid(
            "No data collection is planned for this wave.", fields={"wave": "This wave is not planned."}
        )
    if instrument.method != "survey":
        raise Invalid("This instrument is an administrative return; enter its figures on its own page.")
    found = reading.read(file_name, data, label=label)
    if not found.lines:
        raise BadFile("The file has headings but no answers.", file=label)
    scope = vault.evaluation_scope(instrument.evaluation)
    stored = vault.store_file(
        sheet.pack(found), scope=scope, kind="survey-draft", evaluation=instrument.evaluation
    )
    row = Intake(
        instrument=instrument,
        wave=wave,
        file_sha256=hashlib.sha256(data).hexdigest(),
        form=found.form,
        sheet_file=stored,
        removed_columns=len(found.removed),
        n_rows=len(found.lines),
        eligible=eligible,
        eligible_source=eligible_source,
        taken_by=by,
    )
    row.file_name_sealed = vault.seal(scope, file_name, where=row.where)
    validated(row)
    row.save(force_insert=True)
    audit.record(
        "surveys.intake_opened",
        row,
        by=by,
        evaluation=instrument.evaluation,
        counts={"rows": row.n_rows, "columns_removed": row.removed_columns},
    )
    return row


def sheet_of(intake: Intake) -> Sheet:
    """The sheet of an intake that is not stored yet.

    Raises
        NotReady: It was stored or dropped, and its sheet destroyed.
    """
    if intake.sheet_file is None or intake.sheet_file.erased_at is not None:
        raise NotReady("The file of this intake is no longer kept.")
    return sheet.unpack(vault.read_file(intake.sheet_file))


@transaction.atomic
def save_mapping(
    instrument: Instrument, *, part: MappingPart, by: User | None, label: str = "the mapping"
) -> Mapping:
    """Keep a mapping as the next version of its name; the version there is when nothing changed.

    Raises
        BadFile: It names items, points or fields that the instrument does not have.
    """
    if by is not None:
        roles.require(by, "intake.edit", instrument.evaluation)
    if part.instrument and part.instrument != instrument.name:
        raise BadFile("The mapping is for another instrument.", file=label, field="instrument")
    mappings.refuse_faults(mappings.check_against(part, instrument_spec(instrument)), file=label)
    digest = mappings.sha256(part)
    rows = Mapping.objects.filter(instrument=instrument, name=part.name)
    newest = rows.order_by("-version").first()
    if newest is not None and newest.sha256 == digest:
        return newest
    version = (rows.aggregate(last=Max("version"))["last"] or 0) + 1
    row = Mapping(
        instrument=instrument,
        name=part.name,
        version=version,
        document=mappings.as_document(part),
        sha256=digest,
        made_by=by,
    )
    row.full_clean()
    row.save(force_insert=True)
    audit.record(
        "surveys.mapping_saved",
        row,
        by=by,
        evaluation=instrument.evaluation,
        counts={"version": version, "items": len(part.items)},
    )
    return row


@transaction.atomic
def choose_mapping(intake: Intake, *, mapping: Mapping, by: User | None) -> Intake:
    """Read this intake's file with this mapping from now on.

    Raises
        NotReady: The intake is stored, being stored or withdrawn.
        Invalid: The mapping is of another instrument.
    """
    require_intake(by, intake.wave)
    if mapping.instrument_id != intake.instrument_id:
        raise Invalid("The mapping is for another instrument.")
    held = _open(intake)
    held.mapping = mapping
    held.state = Intake.State.DRAFT
    held.save(update_fields=["mapping", "state"])
    audit.record(
        "surveys.mapping_chosen",
        held,
        by=by,
        evaluation=mapping.instrument.evaluation,
        counts={"version": mapping.version},
    )
    return held


def _open(intake: Intake) -> Intake:
    held = Intake.objects.select_for_update(of=("self",)).select_related("job").get(pk=intake.pk)
    if not held.is_open:
        raise NotReady("This intake is being stored or was stored already.")
    return held


@dataclass(frozen=True)
class Preview:
    """What storing a file would do, in counts. `faults` empty: it can be stored."""

    n_rows: int
    n_read: int
    n_unfinished: int
    n_answers: int
    n_texts: int
    skipped: dict[str, int]
    faults: tuple[Fault, ...]
    differences: tuple[Difference, ...]
    roles: dict[str, int] = field(default_factory=dict)
    answered: dict[str, int] = field(default_factory=dict)

    @property
    def n_skipped(self) -> int:
        return sum(self.skipped.values())


def summary(read: Read, differences: tuple[Difference, ...] = ()) -> Preview:
    answered: Counter[str] = Counter()
    for one in read.given:
        answered.update([*one.answers, *one.numbers, *one.texts])
    reasons = Counter(
        s.reason if not s.reason.startswith("same response") else "repeated response" for s in read.skipped
    )
    return Preview(
        n_rows=read.n_rows,
        n_read=len(read.given),
        n_unfinished=sum(not one.is_finished for one in read.given),
        n_answers=sum(one.n_answers for one in read.given),
        n_texts=sum(len(one.texts) for one in read.given),
        skipped=dict(sorted(reasons.items())),
        faults=read.faults,
        differences=differences,
        roles=dict(sorted(Counter(one.role for one in read.given if one.role).items())),
        answered=dict(answered),
    )


def preview_of(found: Sheet, part: MappingPart, instrument: Instrument, wave: Wave) -> Preview:
    """The preview of a sheet under a mapping; nothing is written."""
    spec = instrument_spec(instrument, site=wave.site)
    return summary(mappings.apply(part, found, spec), tuple(mappings.differences(part, found)))


def preview(intake: Intake) -> Preview:
    """The preview of an open intake.

    Raises
        NotReady: It has no mapping yet, or its file is gone.
    """
    if intake.mapping is None:
        raise NotReady("Say first which column is which item.")
    part = mappings.checked(intake.mapping.document)
    return preview_of(sheet_of(intake), part, intake.instrument, intake.wave)


def refuse_too_few_asked(eligible: int | None, seen: Preview) -> None:
    """
    Raises
        Invalid: More respondents than people asked.
    """
    if eligible is not None and eligible < seen.n_read:
        raise Invalid(
            "The file has more respondents than people asked.",
            fields={"eligible": f"The file has {seen.n_read} respondents; this number cannot be smaller."},
        )


@transaction.atomic
def confirm(
    intake: Intake,
    *,
    by: User | None,
    replace: bool = False,
    eligible: int | None = None,
    eligible_source: str = "",
    label: str = "the file",
) -> Job:
    """Ask for an open intake to be stored; the job does it. All or nothing.

    Raises
        NotReady: No mapping yet, or already asked for.
        BadFile: The file does not fit the mapping; every fault with its row and column.
        Conflict: The wave has stored answers and `replace` was not asked for, or has this very file.
        Invalid: More respondents than people asked.
    """
    require_intake(by, intake.wave)
    held = _open(intake)
    seen = preview(held)
    mappings.refuse_faults(seen.faults, file=label)
    if not seen.n_read:
        raise BadFile("No row of the file holds an answer that counts.", file=label)
    current = Intake.objects.stored().filter(instrument=held.instrument, wave=held.wave).first()
    if (
        current is not None
        and current.file_sha256 == held.file_sha256
        and current.mapping_id == held.mapping_id
    ):
        raise Conflict("This file is already stored for this wave.")
    if current is not None and not replace:
        raise Conflict(
            "Answers to this instrument are already stored for this wave.",
            fields={"replace": "Tick to replace the answers that are stored."},
        )
    if eligible is not None:
        held.eligible, held.eligible_source = eligible, eligible_source
    refuse_too_few_asked(held.eligible, seen)
    held.state = Intake.State.WAITING
    evaluation = held.instrument.evaluation
    validated(held)
    held.job = jobs.enqueue(
        "surveys.ingest", held, by=by, evaluation=evaluation, arguments={"replace": bool(replace)}
    )
    held.save()
    audit.record(
        "surveys.intake_confirmed", held, by=by, evaluation=evaluation, counts={"respondents": seen.n_read}
    )
    return held.job


@transaction.atomic
def drop(intake: Intake, *, by: User | None) -> None:
    """Give up an intake that is not stored: its sheet is destroyed and its row goes.

    Raises
        NotReady: It is being stored, or stored.
    """
    require_intake(by, intake.wave)
    held = _open(intake)
    evaluation = held.instrument.evaluation
    if held.sheet_file is not None:
        vault.erase_file(held.sheet_file)
    audit.record("surveys.intake_dropped", held, by=by, evaluation=evaluation, counts={"rows": held.n_rows})
    held.delete()


def withdrawal_effects(intake: Intake) -> list[Effect]:
    """What withdrawing a stored file would delete and bring back, in counts."""
    answers = Answer.objects.filter(response__intake=intake)
    return [
        Effect("responses", "responses deleted", Response.objects.filter(intake=intake).count()),
        Effect("answers", "answers deleted", answers.count()),
        Effect("texts", "of them written in free text", answers.filter(text_sealed__isnull=False).count()),
        Effect("reinstated", "earlier file put back in use", len(_reinstated(intake))),
    ]


def _reinstated(intake: Intake) -> list[Intake]:
    if intake.state != Intake.State.STORED:
        return []
    return list(intake.supersedes.filter(state=Intake.State.SUPERSEDED).order_by("-stored_at")[:1])


@transaction.atomic
def withdraw_intake(intake: Intake, *, by: User | None) -> list[Effect]:
    """Undo a stored file: its answers are deleted, the file it replaced comes back into use. Counts remain.

    Raises
        NotReady: The intake holds no answers (any more).
    """
    require_intake(by, intake.wave)
    held = Intake.objects.select_for_update(of=("self",)).get(pk=intake.pk)
    if held.state not in (Intake.State.STORED, Intake.State.SUPERSEDED):
        raise NotReady("This intake holds no stored answers.")
    effects = withdrawal_effects(held)
    back = _reinstated(held)
    Answer.objects.filter(response__intake=held).delete()
    Response.objects.filter(intake=held).delete()
    # What the withdrawn file had replaced hands on to what replaced the withdrawn file.
    held.supersedes.exclude(pk__in=[row.pk for row in back]).update(superseded_by=held.superseded_by)
    held.state, held.withdrawn_at = Intake.State.WITHDRAWN, timezone.now()
    held.save(update_fields=["state", "withdrawn_at"])
    for row in back:
        row.state, row.superseded_by = Intake.State.STORED, None
        row.save(update_fields=["state", "superseded_by"])
    audit.record(
        "surveys.intake_withdrawn",
        held,
        by=by,
        evaluation=held.instrument.evaluation,
        counts={effect.code: effect.count for effect in effects},
    )
    return effects


@transaction.atomic
def map_columns(intake: Intake, *, part: MappingPart, by: User | None) -> Intake:
    """Save a mapping and read this intake's file with it. Effects and errors of both acts."""
    saved = save_mapping(intake.instrument, part=part, by=by)
    return choose_mapping(intake, mapping=saved, by=by)
