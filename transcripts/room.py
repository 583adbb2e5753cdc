"""What the transcripts room answers to the port."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING

from django.db.models import Count, Min, Model
from django.urls import reverse

from ipe.models import Site, Wave
from ipe.rooms import Assigned, Due, Hit, Move, NavPage, Retention, Room
from transcripts import sealing
from transcripts.erasing import withdraw
from transcripts.identifiers import places_of
from transcripts.models import Document, DocumentState, Entity, Original, Speaker, Version
from transcripts.rights import may_open

if TYPE_CHECKING:
    from ipe.models import Evaluation, User

NAME = "transcripts"
LABEL = "Transcripts"


def move(moved: Move) -> int:
    """Turns move inside `clearing.next_version`, with the version that they belong to; nothing else here is
    anchored to a text."""
    return 0


def due(evaluation: Evaluation, user: User, today: dt.date) -> list[Due]:
    """Documents whose turns or identifiers wait for this person; for those who may edit originals, not for
    those who only erase."""
    rows = (
        Document.objects.filter(evaluation=evaluation)
        .awaiting()
        .with_original_for(user, "originals.edit")
        .select_related("wave__site", "evaluation")
    )
    found = []
    for row in rows:
        if row.state == DocumentState.IMPORTED:
            words, page = "check turns and speakers", "transcripts:turns"
        else:
            words, page = "review identifiers", "transcripts:review"
        url = reverse(page, kwargs={"slug": evaluation.slug, "pk": row.pk})
        found.append(Due(f"{row.code}: {words}", url, site_id=row.wave.site_id))
    return found


def find(evaluation: Evaluation, needle: str) -> list[Hit]:
    """Cleared texts, originals with their titles and labels, and names of entities that hold the words.
    Labels name the place only."""
    if not needle.strip():
        return []

    def url(page: str, document: Document) -> str:
        return reverse(f"transcripts:{page}", kwargs={"slug": evaluation.slug, "pk": document.pk})

    hits = [
        Hit(
            LABEL,
            f"{row.document.code}, cleared text",
            url("read", row.document),
            "text.read",
            row.document.wave.site_id,
        )
        for row in Version.objects.current().of(evaluation).select_related("document__wave")
        if places_of(row.text, needle)
    ]
    originals = list(
        Original.objects.filter(document__evaluation=evaluation)
        .select_related("document__wave")
        .order_by("document__number")
    )
    texts, titles = sealing.texts_of(originals), sealing.titles_of(originals)
    for row in originals:
        if places_of(texts.get(row.document_id, ""), needle) or places_of(
            titles.get(row.document_id, ""), needle
        ):
            hits.append(
                Hit(
                    LABEL,
                    f"{row.document.code}, original (sealed, for as long as it is kept)",
                    url("review", row.document),
                    "originals.read",
                    row.document.wave.site_id,
                )
            )
    speakers: dict[Document, list[Speaker]] = {}
    for speaker in Speaker.objects.filter(
        document__evaluation=evaluation, sealed_label__isnull=False
    ).select_related("document__wave"):
        speakers.setdefault(speaker.document, []).append(speaker)
    for document, rows in speakers.items():
        if any(places_of(label, needle) for label in sealing.labels_of(document, rows).values()):
            hits.append(
                Hit(
                    LABEL,
                    f"{document.code}, a speaker’s label (sealed)",
                    url("review", document),
                    "originals.read",
                    document.wave.site_id,
                )
            )
    called = sealing.names_by_entity(evaluation)
    holders = [pk for pk, names in called.items() if any(places_of(name, needle) for name in names)]
    for entity in Entity.objects.filter(pk__in=holders).select_related("participant"):
        hits.append(
            Hit(
                LABEL,
                f"the key of {entity.pseudonym} (sealed)",
                reverse("transcripts:list", kwargs={"slug": evaluation.slug}),
                "contacts.read",
                entity.participant.site_id if entity.participant else None,
            )
        )
    return hits


def retain(evaluation: Evaluation, today: dt.date) -> list[Retention]:
    """Originals whose date of keeping is over."""
    over = Original.objects.filter(document__evaluation=evaluation, keep_until__lt=today)
    counted = over.aggregate(n=Count("id"), first=Min("keep_until"))
    if not counted["n"]:
        return []
    url = reverse("transcripts:list", kwargs={"slug": evaluation.slug}) + "?original=due"
    return [
        Retention(
            "original transcripts",
            "destroy after the date set at import",
            counted["first"],
            counted["n"],
            url,
        )
    ]


def assigned(user: User) -> Assigned:
    """Documents that are assigned to the person and not yet cleared."""
    rows = Document.objects.filter(assigned_to=user).awaiting().select_related("evaluation", "wave__site")
    return Assigned(documents=frozenset(row.pk for row in rows if may_open(user, row)))


def evidence(row: Model) -> Mapping[str, int]:
    if isinstance(row, Wave):
        return {"transcripts": Document.objects.filter(wave=row).count()}
    if isinstance(row, Site):
        return {"transcripts": Document.objects.filter(wave__site=row).count()}
    return {}


ROOM = Room(
    name=NAME,
    label=LABEL,
    order=50,
    pages=(NavPage(LABEL, "transcripts:list", ("originals.read", "originals.add", "text.read"), 40),),
    owns=frozenset(
        f"transcripts.{name}"
        for name in (
            "Document",
            "Original",
            "OriginalTurn",
            "Speaker",
            "Entity",
            "EntityName",
            "Replacement",
            "Version",
            "Turn",
        )
    ),
    erase=withdraw,
    move=move,
    due=due,
    find=find,
    retain=retain,
    assigned=assigned,
    evidence=evidence,
)
