"""Cleared texts made directly as rows, as the transcripts room leaves them."""

from __future__ import annotations

import hashlib
from typing import Any

from django.utils import timezone

from consent.models import Membership, Participant
from transcripts.models import Document, DocumentState, Speaker, SpeakerRole, Turn, Version

SAID = [
    ("Interviewer", "How did the change come about for you?"),
    ("P", "At first it felt like one more thing on top of everything else."),
    ("Interviewer", "And later?"),
    ("P", "The groups helped 😀, because we could bring the hard cases & talk them through."),
    ("P", "I have more time with families now than I had before."),
]


def make_text(
    study: Any,
    wave: Any,
    said: list[tuple[str, str]],
    *,
    people: dict[str, Any] | None = None,
    whole: Any = None,
    kind: str = "interview",
    number: int | None = None,
    state: str = DocumentState.CLEARED,
) -> Version:
    """A version whose turns are `said`: (speaker, words). `people` maps speakers to participants, `whole` owns it all."""
    number = number or Document.objects.filter(evaluation=study).count() + 1
    text = "\n\n".join(f"{speaker}: {words}" for speaker, words in said)
    document = Document.objects.create(
        evaluation=study,
        wave=wave,
        participant=whole,
        number=number,
        kind=kind,
        state=state,
        n_characters=len(text),
    )
    speakers: dict[str, Speaker] = {}
    for speaker, _ in said:
        if speaker not in speakers:
            speakers[speaker] = Speaker.objects.create(
                document=document,
                order=len(speakers),
                label=speaker,
                role=SpeakerRole.INTERVIEWER if speaker == "Interviewer" else SpeakerRole.PARTICIPANT,
                participant=(people or {}).get(speaker, None if speaker == "Interviewer" else whole),
            )
    version = Version.objects.create(
        document=document,
        number=1,
        text=text,
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        n_characters=len(text),
        cleared_at=timezone.now(),
        signed_revision=1,
    )
    turns, at = [], 0
    for ordinal, (speaker, words) in enumerate(said, start=1):
        start = at + len(speaker) + 2
        turns.append(
            Turn(
                version=version,
                ordinal=ordinal,
                start=start,
                end=start + len(words),
                speaker=speakers[speaker],
            )
        )
        at = start + len(words) + 2
    Turn.objects.bulk_create(turns)
    return version


def make_person(
    study: Any, site: Any, code: str, *, wave: Any = None, role: str = "", group: str = ""
) -> Any:
    """A participant, with a standing in a wave when a group is given."""
    person = Participant.objects.create(
        evaluation=study, site=site, code=code, kind="staff", recruitment="consented"
    )
    if group:
        Membership.objects.create(participant=person, wave=wave, group=group, role_title=role)
    return person


def place_of(version: Version, words: str) -> tuple[int, int]:
    """The span of some words of a text; they must stand there once."""
    assert version.text.count(words) == 1
    start = version.text.index(words)
    return start, start + len(words)
