"""Taking a transcript in: the file is read and sealed, its turns and speakers are proposed, a person corrects
and confirms them.

Until `confirm_turns` a document can be dropped without a trace; from then on its turns are fixed and its
identifiers are reviewed.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction
from django.db.models import F, Max

from consent.contact import known_names
from consent.models import Participant
from ipe import audit, roles, vault
from ipe.errors import Conflict, Invalid, NotFound, NotReady
from transcripts import sealing, turns
from transcripts.finding import find_identifiers
from transcripts.identifiers import folded
from transcripts.models import Document, DocumentKind, DocumentState, OriginalTurn, Speaker, SpeakerRole
from transcripts.reading import read_file
from transcripts.rights import require_open

if TYPE_CHECKING:
    from fieldwork.models import Activity
    from ipe.models import Evaluation, User, Wave

INTERVIEWERS = re.compile(
    r"(?:int|interviewer|i|iv|ivr|researcher|res|facilitator|fac|moderator|mod|observer|q|question)"
    r"\W*\d{0,2}(?:\s*\([^()]*\))?$",
    re.IGNORECASE,
)
MAX_SPEAKERS = 60


@transaction.atomic
def import_document(
    evaluation: Evaluation,
    *,
    wave: Wave,
    kind: str,
    title: str,
    file_name: str,
    data: bytes,
    by: User,
    activity: Activity | None = None,
    participant: Participant | None = None,
    assigned_to: User | None = None,
    keep_until: dt.date | None = None,
    style: str | None = None,
) -> Document:
    """Seal a transcript and propose its turns. A researcher who imports is assigned to it.

    With `participant` the whole document is that person's interview and is sealed under their key.

    Raises
        Refused, NotFound: No right to add originals at the wave's site.
        BadFile: The file cannot be used. Conflict: the study has this text already.
        Invalid: Activity, participant or assignee belong elsewhere.
    """
    roles.require(by, "originals.add", evaluation, wave.site)
    _check_place(evaluation, wave, kind, activity, participant, assigned_to)
    if not title.strip():
        raise Invalid("Give the document a title.", fields={"title": "Give the document a title."})
    read = read_file(file_name, data)
    # The site is part of it: whether another site has this text is not this site's to know.
    content = vault.index(vault.evaluation_scope(evaluation), f"{wave.site_id}:{read.text}")
    same = Document.objects.filter(evaluation=evaluation, content_index=content).first()
    if same is not None:
        known = Document.objects.visible_to(by).filter(pk=same.pk).exists()
        where = f"It is {same.code}." if known else "Ask the fieldwork lead of the site."
        told = f"This text is already at this site. {where}"
        raise Conflict(told, fields={"file": told})
    highest = Document.objects.filter(evaluation=evaluation).aggregate(n=Max("number"))["n"] or 0
    document = Document(
        evaluation=evaluation,
        wave=wave,
        kind=kind,
        activity=activity,
        participant=participant,
        number=highest + 1,
        assigned_to=assigned_to or (by if roles.may(by, "text.edit", evaluation, wave.site) else None),
        imported_by=by,
        content_index=content,
        n_characters=len(read.text),
    )
    document.full_clean(exclude=["content_index"])
    document.save(force_insert=True)
    sealing.keep_original(
        document,
        title=title.strip(),
        text=read.text,
        data=data,
        file_name=file_name,
        file_format=read.kind,
        encoding=read.encoding,
        keep_until=keep_until,
    )
    n_turns = _propose(document, read.text, style)
    audit.record(
        "document.imported",
        document,
        by=by,
        evaluation=evaluation,
        counts={"characters": len(read.text), "turns": n_turns},
    )
    return document


def _check_place(
    evaluation: Evaluation,
    wave: Wave,
    kind: str,
    activity: Activity | None,
    participant: Participant | None,
    assigned_to: User | None,
) -> None:
    if wave.site.evaluation_id != evaluation.pk:
        raise NotFound("There is no such wave in this study.")
    if not wave.is_planned:
        raise Invalid(
            "Nothing is planned at this site in this phase.", fields={"wave": "Choose a planned wave."}
        )
    if activity is not None and activity.wave_id != wave.pk:
        raise Invalid(
            "The activity is of another wave.", fields={"activity": "Choose an activity of this wave."}
        )
    if participant is not None:
        if participant.site_id != wave.site_id or participant.is_erased:
            raise Invalid(
                "The participant is of another site.", fields={"participant": "Choose a person of this site."}
            )
        if kind != DocumentKind.INTERVIEW:
            raise Invalid(
                "Only an interview is one person's.",
                fields={"participant": "Leave this empty, or choose “Interview”."},
            )
    if assigned_to is not None and not roles.may(assigned_to, "text.edit", evaluation, wave.site):
        raise Invalid(
            "Only researchers of the site review.",
            fields={"assigned_to": "Choose a researcher of this site."},
        )


# --- turns and speakers, until they are confirmed ---


def _propose(document: Document, text: str, style: str | None) -> int:
    """Read turns and speakers anew, in the caller's transaction."""
    reading = turns.read(text, style)
    OriginalTurn.objects.filter(document=document).delete()
    Speaker.objects.filter(document=document).delete()
    by_name: dict[str, Speaker] = {}
    interviewers = participants = 0
    for order, name in enumerate(list(reading.speakers)[:MAX_SPEAKERS]):
        is_interviewer = bool(INTERVIEWERS.fullmatch(name))
        interviewers, participants = interviewers + is_interviewer, participants + (not is_interviewer)
        speaker = Speaker(
            document=document,
            order=order,
            role=SpeakerRole.INTERVIEWER if is_interviewer else SpeakerRole.PARTICIPANT,
            label=f"INT{interviewers if interviewers > 1 else ''}"
            if is_interviewer
            else f"Speaker {participants}",
        )
        sealing.seal_label(speaker, name)
        by_name[name] = speaker
    Speaker.objects.bulk_create(by_name.values())
    _write_turns(document, reading.turns, {name: row.pk for name, row in by_name.items()})
    _map_obvious(document, by_name)
    return len(reading.turns)


def _map_obvious(document: Document, by_name: Mapping[str, Speaker]) -> None:
    """A label that is a participant's code or full name is that participant; the one other voice of an
    interview is its person's."""
    others = [row for row in by_name.values() if row.role == SpeakerRole.PARTICIPANT]
    site = document.wave.site
    codes = {
        p.code.casefold(): p
        for p in Participant.objects.filter(evaluation_id=document.evaluation_id, site=site)
    }
    full: dict[str, list[str]] = {}
    for name, code in known_names(document.evaluation, site=site):
        if " " in folded(name):
            full.setdefault(folded(name), []).append(code)
    for name, speaker in by_name.items():
        person = codes.get(name.casefold())
        if person is None and len(full.get(folded(name), [])) == 1:
            person = codes[full[folded(name)][0].casefold()]
        if person is None and document.participant is not None and others == [speaker]:
            person = document.participant
        if person is not None and not any(row.participant_id == person.pk for row in others):
            speaker.participant, speaker.label, speaker.role = person, person.code, SpeakerRole.PARTICIPANT
            speaker.save(update_fields=["participant", "label", "role"])


def _write_turns(document: Document, parsed: Sequence[turns.Turn], speakers: Mapping[str, UUID]) -> None:
    OriginalTurn.objects.bulk_create(
        [
            OriginalTurn(
                document=document,
                ordinal=n,
                start=turn.start,
                end=turn.end,
                label_start=turn.label[0] if turn.label else None,
                label_end=turn.label[1] if turn.label else None,
                speaker_id=speakers.get(turn.speaker or ""),
                at_ms=turn.at_ms,
            )
            for n, turn in enumerate(parsed, 1)
        ],
        batch_size=500,
    )


def _parsed(document: Document) -> tuple[turns.Turn, ...]:
    """The stored turns as the parser gives them, each speaker named by id."""
    return tuple(
        turns.Turn(
            row.start,
            row.end,
            (row.label_start, row.label_end)
            if row.label_start is not None and row.label_end is not None
            else None,
            str(row.speaker_id) if row.speaker_id else None,
            row.at_ms,
        )
        for row in OriginalTurn.objects.filter(document=document)
    )


def _rewrite(document: Document, parsed: Sequence[turns.Turn]) -> None:
    OriginalTurn.objects.filter(document=document).delete()
    ids = {str(pk): pk for pk in Speaker.objects.filter(document=document).values_list("pk", flat=True)}
    _write_turns(document, parsed, ids)


def _opened(document: Document, by: User) -> Document:
    """The locked document, when its turns may still be corrected by this person."""
    held: Document = (
        Document.objects.select_for_update().select_related("evaluation", "wave__site").get(pk=document.pk)
    )
    require_open(by, held, "originals.edit")
    if held.state != DocumentState.IMPORTED:
        raise NotReady("The turns of this document are confirmed and cannot be changed any more.")
    return held


def _changed(document: Document, action: str, by: User, **counts: int) -> Document:
    Document.objects.filter(pk=document.pk).update(revision=F("revision") + 1)
    audit.record(action, document, by=by, evaluation=document.evaluation, counts=counts)
    document.refresh_from_db()
    return document


@transaction.atomic
def read_again(document: Document, *, style: str, by: User) -> Document:
    """Propose turns and speakers anew in another style; corrections made so far are lost.

    Raises
        Invalid: No such style. NotReady: already confirmed. Refused, NotFound: no right to this original.
    """
    held = _opened(document, by)
    if style not in turns.STYLES:
        raise Invalid("Choose one of the styles.", fields={"style": "Choose one of the styles."})
    n = _propose(held, sealing.text_of(sealing.original_of(held)), style)
    return _changed(held, "document.turns_read", by, turns=n)


@dataclass(frozen=True)
class SpeakerChoice:
    """What the user says of one proposed speaker. `same_as` merges it into another; `is_speaker` False makes
    its label text."""

    speaker: UUID
    role: str = SpeakerRole.PARTICIPANT
    participant: UUID | None = None
    same_as: UUID | None = None
    is_speaker: bool = True


@transaction.atomic
def set_speakers(document: Document, choices: Sequence[SpeakerChoice], *, by: User) -> Document:
    """Roles, participants, merges and labels that are none, all at once.

    Raises
        Invalid: A speaker of another document, a person twice or of another site, a merge into something
        merged away.
        NotReady: already confirmed. Refused, NotFound: no right to this original.
    """
    held = _opened(document, by)
    rows = {row.pk: row for row in Speaker.objects.filter(document=held)}
    if any(c.speaker not in rows or (c.same_as is not None and c.same_as not in rows) for c in choices):
        raise NotFound("There is no such speaker in this document.")
    gone = {c.speaker for c in choices if c.same_as is not None or not c.is_speaker}
    if any(c.same_as in gone or c.same_as == c.speaker for c in choices):
        raise Invalid("A speaker can be merged only into one that stays.")
    _merge_labels(held, choices, rows)
    for choice in choices:
        if choice.same_as is not None:
            OriginalTurn.objects.filter(document=held, speaker_id=choice.speaker).update(
                speaker_id=choice.same_as
            )
        elif not choice.is_speaker:
            _rewrite(held, turns.without_label(_parsed(held), str(choice.speaker)))
    Speaker.objects.filter(document=held, pk__in=gone).delete()
    kept = [c for c in choices if c.speaker not in gone]
    _name(held, kept, {c.speaker: rows[c.speaker] for c in kept})
    return _changed(held, "document.speakers_set", by, speakers=len(kept), removed=len(gone))


def _merge_labels(document: Document, choices: Sequence[SpeakerChoice], rows: Mapping[UUID, Speaker]) -> None:
    """Who stays answers to the labels of those merged into them: the text may call them by either."""
    labels = sealing.labels_of(document, rows.values())
    for choice in choices:
        if choice.same_as is not None and choice.speaker in labels:
            both = [labels.get(choice.same_as, ""), labels[choice.speaker]]
            labels[choice.same_as] = "\n".join(label for label in both if label)
            sealing.seal_label(rows[choice.same_as], labels[choice.same_as])
            rows[choice.same_as].save(update_fields=["sealed_label"])


def _name(document: Document, choices: Sequence[SpeakerChoice], rows: Mapping[UUID, Speaker]) -> None:
    """Give every kept speaker its role, person and the label that readers see."""
    wanted = [c.participant for c in choices if c.participant is not None]
    if len(set(wanted)) != len(wanted):
        raise Invalid("Two speakers are the same person. Merge them into one.")
    people = {
        person.pk: person
        for person in Participant.objects.filter(
            pk__in=wanted, evaluation_id=document.evaluation_id, site=document.wave.site
        ).exclude(status="erased")
    }
    if len(people) != len(wanted):
        raise Invalid("Choose people of the document's site.")
    # Two steps, so that labels can change places without meeting.
    Speaker.objects.filter(pk__in=rows).update(label=F("id"))
    interviewers = others = 0
    for choice in sorted(choices, key=lambda c: rows[c.speaker].order):
        row = rows[choice.speaker]
        row.role = SpeakerRole(choice.role)
        row.participant = people.get(choice.participant) if choice.participant else None
        if row.role == SpeakerRole.INTERVIEWER:
            row.participant = None
            interviewers += 1
            row.label = f"INT{interviewers if interviewers > 1 else ''}"
        elif row.participant is not None:
            row.label = row.participant.code
        else:
            others += 1
            row.label = f"Speaker {others}"
        row.full_clean(exclude=["sealed_label"], validate_unique=False, validate_constraints=False)
        row.save(update_fields=["role", "participant", "label"])


@transaction.atomic
def set_turn_speaker(document: Document, *, ordinal: int, speaker: Speaker | None, by: User) -> Document:
    """Say who speaks in one turn; a label that stands before it keeps being replaced."""
    held = _opened(document, by)
    if speaker is not None and speaker.document_id != held.pk:
        raise NotFound("There is no such speaker in this document.")
    n = OriginalTurn.objects.filter(document=held, ordinal=ordinal).update(speaker=speaker)
    if not n:
        raise NotFound("There is no such turn in this document.")
    return _changed(held, "document.turn_corrected", by, turns=n)


@transaction.atomic
def add_speaker(document: Document, *, ordinal: int, by: User) -> Speaker:
    """Somebody whom no label names says this turn; who it is, is said with the other speakers.

    Raises
        Invalid: There are as many speakers as a document may have. NotFound: no such turn.
        NotReady: already confirmed. Refused, NotFound: no right to this original.
    """
    held = _opened(document, by)
    rows = Speaker.objects.filter(document=held)
    labels = set(rows.values_list("label", flat=True))
    if len(labels) >= MAX_SPEAKERS:
        raise Invalid(f"A document has at most {MAX_SPEAKERS} speakers.")
    free = next(f"Speaker {n}" for n in range(1, len(labels) + 2) if f"Speaker {n}" not in labels)
    last = rows.aggregate(last=Max("order"))["last"]
    speaker = Speaker(document=held, order=0 if last is None else last + 1, label=free)
    speaker.full_clean(exclude=["sealed_label"])
    speaker.save(force_insert=True)
    set_turn_speaker(held, ordinal=ordinal, speaker=speaker, by=by)
    return speaker


@transaction.atomic
def join_turn(document: Document, *, ordinal: int, by: User) -> Document:
    """Join a turn to the one before it; its label becomes part of what is said and is reviewed like any other
    words."""
    return _reshape(document, by, ordinal, lambda parsed, text: turns.joined(parsed, ordinal - 1))


@transaction.atomic
def split_turn(document: Document, *, ordinal: int, at: int, by: User) -> Document:
    """Cut a turn in two at a code point offset of the text."""
    return _reshape(document, by, ordinal, lambda parsed, text: turns.split(text, parsed, ordinal - 1, at))


Turns = tuple[turns.Turn, ...]


def _reshape(document: Document, by: User, ordinal: int, change: Callable[[Turns, str], Turns]) -> Document:
    held = _opened(document, by)
    text = sealing.text_of(sealing.original_of(held))
    before = _parsed(held)
    if not 1 <= ordinal <= len(before):
        raise NotFound("There is no such turn in this document.")
    try:
        parsed = change(before, text)
    except ValueError as error:
        raise Invalid(str(error)) from None
    if turns.problems(parsed, len(text)):
        raise Invalid("The turns would overlap.")
    _rewrite(held, parsed)
    return _changed(held, "document.turn_corrected", by, turns=len(parsed))


@transaction.atomic
def assign(document: Document, *, to: User | None, by: User) -> Document:
    """Give the review to a researcher of the site, or to nobody.

    Raises
        Refused, NotFound: Only people with the right to all originals of the site assign.
        Invalid: The person is no researcher of the site.
    """
    held: Document = (
        Document.objects.select_for_update().select_related("evaluation", "wave__site").get(pk=document.pk)
    )
    roles.require(by, "originals.edit", held.evaluation, held.wave.site)
    if to is not None and not roles.may(to, "text.edit", held.evaluation, held.wave.site):
        raise Invalid(
            "Choose a researcher of this site.", fields={"assigned_to": "Choose a researcher of this site."}
        )
    held.assigned_to = to
    held.save(update_fields=["assigned_to"])
    audit.record("document.assigned", held, by=by, evaluation=held.evaluation, fields=["assigned_to"])
    return held


@transaction.atomic
def confirm_turns(document: Document, *, by: User) -> Document:
    """Fix the turns and begin the review: suggestions are made at once.

    Raises
        NotReady: No turn at all, or confirmed before. Refused, NotFound: no right to this original.
    """
    held = _opened(document, by)
    n_turns = OriginalTurn.objects.filter(document=held).count()
    if not n_turns:
        raise NotReady("No turn was found. Choose another way of reading the text.")
    held.state = DocumentState.IN_REVIEW
    held.save(update_fields=["state"])
    _changed(held, "document.turns_confirmed", by, turns=n_turns)
    find_identifiers(held, by=by)
    # Not before: the text may speak of somebody by a label that no turn has any more.
    used = OriginalTurn.objects.filter(document=held).values("speaker")
    Speaker.objects.filter(document=held).exclude(pk__in=used.exclude(speaker=None)).delete()
    held.refresh_from_db()
    return held


@transaction.atomic
def drop(document: Document, *, by: User) -> None:
    """Take back an import whose turns were never confirmed: row, sealed text and file go."""
    held = _opened(document, by)
    audit.record("document.dropped", held, by=by, evaluation=held.evaluation)
    sealing.destroy(sealing.original_of(held))
    held.delete()
