"""From a confirmed intake to stored answers: read and map outside, write in the job's one transaction."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace

from django.utils import timezone

from consent.models import Participant
from ipe import audit, crypto, vault
from ipe.errors import Conflict, NotReady
from ipe.models import Team, User

from . import mapping as mappings
from .frames import instrument_spec
from .intake import sheet_of, summary
from .mapping import Given, Read
from .models import Answer, Intake, Item, Response, ScalePoint
from .screening import Skipped

NOT_TAKING_PART = "the person is not, or no longer, in the study"


@dataclass(frozen=True)
class Prepared:
    """A file read and mapped, people matched; `skipped` includes those who withdrew."""

    read: Read
    given: tuple[Given, ...]
    participants: dict[str, uuid.UUID]
    skipped: tuple[Skipped, ...]


def prepare(intake: Intake) -> Prepared:
    """Everything that can be done without writing.

    Raises
        BadFile: The file does not fit its mapping; all faults.
        NotReady: The intake is not waiting to be stored.
    """
    if intake.mapping is None or intake.state != Intake.State.WAITING:
        raise NotReady("This intake is not waiting to be stored.")
    part = mappings.checked(intake.mapping.document)
    spec = instrument_spec(intake.instrument, site=intake.wave.site)
    read = mappings.apply(part, sheet_of(intake), spec)
    mappings.refuse_faults(read.faults, file="the file")
    return _taking_part(Prepared(read, read.given, _participants(intake, read), read.skipped))


def _taking_part(prepared: Prepared) -> Prepared:
    """Without the rows of people who are not among `participants`."""
    given, skipped = [], list(prepared.skipped)
    for one in prepared.given:
        if one.participant and one.participant.casefold() not in prepared.participants:
            skipped.append(Skipped(one.row, NOT_TAKING_PART))
        else:
            given.append(one)
    return replace(prepared, given=tuple(given), skipped=tuple(sorted(skipped, key=lambda s: s.row)))


def _still_taking_part(prepared: Prepared) -> Prepared:
    """Without the rows of people who withdrew since the file was read; the others are held until the commit."""
    named = {one.participant.casefold() for one in prepared.given if one.participant}
    found = {code: pk for code, pk in prepared.participants.items() if code in named}
    rows = Participant.objects.filter(pk__in=found.values()).active().select_for_update()
    active = set(rows.order_by("pk").values_list("pk", flat=True))
    kept = {code: pk for code, pk in found.items() if pk in active}
    return _taking_part(replace(prepared, participants=kept))


def _participants(intake: Intake, read: Read) -> dict[str, uuid.UUID]:
    codes = {one.participant for one in read.given if one.participant}
    if not codes:
        return {}
    people = Participant.objects.filter(site=intake.wave.site).active()
    return {code.casefold(): pk for code, pk in people.values_list("code", "pk")}


class _Keys:
    """Codes that are the same for the same response, and tell nothing: HMAC under a key of the evaluation."""

    def __init__(self, scope: str, intake: Intake) -> None:
        self.key = crypto.derived(vault.ensure_key(scope), "survey respondents")
        self.instrument, self.wave = str(intake.instrument_id), str(intake.wave_id)
        self.seen: dict[str, int] = {}

    def respondent(self, one: Given) -> str:
        """By wave and response id; without one, by content and how often it came before in the file."""
        named = f"id:{one.response_id}" if one.response_id else f"content:{one.content}"
        self.seen[named] = count = self.seen.get(named, 0) + 1
        return self._code(f"{self.instrument}:{self.wave}:{named}:{count}")

    def link(self, one: Given) -> str:
        return (
            self._code(f"{self.instrument}:link:{''.join(one.link.casefold().split())}") if one.link else ""
        )

    def _code(self, text: str) -> str:
        return crypto.code_of(self.key, text.encode("utf-8", "surrogatepass"))


def store(intake: Intake, prepared: Prepared, *, by: User | None, replace: bool) -> dict[str, int]:
    """Write the answers, replace what was stored, destroy the sheet. Inside the job's transaction.

    Raises
        Conflict: The wave got stored answers in the meantime and `replace` was not asked for.
        NotReady: The intake was stored or dropped in the meantime.
    """
    prepared = _still_taking_part(prepared)
    held = Intake.objects.select_for_update(of=("self",)).get(pk=intake.pk)
    if held.state != Intake.State.WAITING:
        raise NotReady("This intake is not waiting to be stored.")
    evaluation = intake.instrument.evaluation
    stored = Intake.objects.stored().filter(instrument=held.instrument, wave=held.wave)
    current = stored.select_for_update(of=("self",)).first()
    if current is not None:
        if not replace:
            raise Conflict("Answers to this instrument are already stored for this wave.")
        current.state, current.superseded_by = Intake.State.SUPERSEDED, held
        current.save(update_fields=["state", "superseded_by"])
    counts = _write(held, prepared, scope=vault.evaluation_scope(evaluation))
    seen = summary(prepared.read)
    held.n_rows, held.n_read = prepared.read.n_rows, len(prepared.given)
    held.n_unfinished = sum(not one.is_finished for one in prepared.given)
    held.skipped = [{"row": s.row, "reason": s.reason} for s in prepared.skipped]
    held.state, held.stored_at = Intake.State.STORED, timezone.now()
    if held.sheet_file is not None:
        vault.erase_file(held.sheet_file)
    held.sheet_file = None
    held.save()
    counts |= {"rows": seen.n_rows, "skipped": len(prepared.skipped), "replaced": int(current is not None)}
    audit.record("surveys.intake_stored", held, by=by, evaluation=evaluation, counts=counts)
    return counts


def _write(intake: Intake, prepared: Prepared, *, scope: str) -> dict[str, int]:
    items = {item.code: item for item in Item.objects.filter(instrument=intake.instrument)}
    points: dict[tuple[object, str], uuid.UUID] = {
        (point.scale_id, point.code): point.pk
        for point in ScalePoint.objects.filter(scale__instrument=intake.instrument)
    }
    teams = {team.code: team.pk for team in Team.objects.filter(site=intake.wave.site)}
    keys = _Keys(scope, intake)
    text_keys = {scope: vault.ensure_key(scope)}
    responses, answers, memberships = [], [], []
    for one in prepared.given:
        participant = prepared.participants.get(one.participant.casefold()) if one.participant else None
        response = Response(
            intake=intake,
            row=one.row,
            respondent_key=keys.respondent(one),
            role=one.role,
            tenure=one.tenure[:120],
            link_key=keys.link(one),
            participant_id=participant,
            is_finished=one.is_finished,
        )
        responses.append(response)
        memberships += [
            Response.teams.through(response_id=response.pk, team_id=teams[code]) for code in one.teams
        ]
        for code, chosen in one.answers.items():
            item = items[code]
            answers += [
                Answer(response=response, item=item, point_id=points[item.scale_id, p])
                for p in sorted(chosen)
            ]
        answers += [Answer(response=response, item=items[code], number=n) for code, n in one.numbers.items()]
        text_scope = vault.participant_scope(participant) if participant else scope
        for code, text in one.texts.items():
            if text_scope not in text_keys:
                text_keys[text_scope] = vault.ensure_key(text_scope)
            answer = Answer(response=response, item=items[code])
            plain = text.encode("utf-8", "surrogatepass")
            answer.text_sealed = crypto.seal(text_keys[text_scope], plain, where=answer.where)
            answers.append(answer)
    Response.objects.bulk_create(responses, batch_size=500)
    Response.teams.through.objects.bulk_create(memberships, batch_size=500)
    Answer.objects.bulk_create(answers, batch_size=500)
    return {"respondents": len(responses), "answers": len(answers)}
