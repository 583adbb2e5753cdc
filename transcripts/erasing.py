"""Destroying: an original whose time is over, a whole document, and what a withdrawal reaches."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from ipe import audit, rooms
from ipe.errors import NotReady
from transcripts import sealing
from transcripts.clearing import empty, next_version
from transcripts.models import (
    Document,
    DocumentState,
    Entity,
    EntityName,
    Original,
    OriginalTurn,
    Replacement,
    ReplacementStatus,
    Speaker,
    Turn,
    Version,
)
from transcripts.offsets import Edit
from transcripts.redaction import take_out_turns
from transcripts.rights import require_open

if TYPE_CHECKING:
    from consent.models import Participant
    from ipe.models import User


@transaction.atomic
def destroy_original(document: Document, *, by: User) -> Document:
    """Destroy the identifying text, its file and its list of replacements; the cleared text stays. Done twice
    it changes nothing.

    Raises
        NotReady: Not cleared: without its original the text would be lost. Refused, NotFound: no right to
        erase originals here.
    """
    held = _locked(document)
    require_open(by, held, "originals.erase")
    original = Original.objects.filter(document=held).select_related("file").first()
    if original is None:
        return held
    if held.state != DocumentState.CLEARED:
        raise NotReady("Clear the document first, or erase it as a whole.")
    _forget_original(held, original)
    audit.record("original.destroyed", held, by=by, evaluation=held.evaluation)
    return held


@transaction.atomic
def erase_document(document: Document, *, by: User) -> Document:
    """Erase a document in every version. Its code stays as a receipt. Done twice it changes nothing.

    Raises
        Refused, NotFound: No right to erase originals at this site.
    """
    held = _locked(document)
    require_open(by, held, "originals.erase")
    return wipe(held, by=by)


def wipe(document: Document, *, by: User | None) -> Document:
    """Erase a document in the caller's transaction, whose permission it is.

    Rooms above are told that the whole text goes, so that what was anchored to it goes by the same arithmetic
    as any redaction.
    """
    held = _locked(document)
    if held.state == DocumentState.ERASED:
        return held
    version = Version.objects.current().filter(document=held).first()
    if version is not None:
        last = next_version(held, version, [Edit(0, len(version.text), "")] if version.text else [], by=by)
        empty(last)
    original = Original.objects.filter(document=held).select_related("file").first()
    if original is not None:
        _forget_original(held, original)
    Replacement.objects.filter(document=held).delete()
    OriginalTurn.objects.filter(document=held).delete()
    Speaker.objects.filter(document=held).delete()
    held.state = DocumentState.ERASED
    held.erased_at = timezone.now()
    held.content_index = None
    held.n_characters = 0
    held.assigned_to = held.activity = held.participant = None
    held.save()
    audit.record("document.erased", held, by=by, evaluation=held.evaluation)
    return held


def _locked(document: Document) -> Document:
    held: Document = (
        Document.objects.select_for_update().select_related("evaluation", "wave__site").get(pk=document.pk)
    )
    return held


def _forget_original(document: Document, original: Original) -> None:
    sealing.destroy(original)
    Replacement.objects.filter(document=document).delete()
    OriginalTurn.objects.filter(document=document).delete()
    # Without the original they lead nowhere; how long each name was is no longer to be known either.
    Version.objects.current().filter(document=document).update(edits=[])
    Speaker.objects.filter(document=document).update(sealed_label=None)


def effects_on_original(document: Document) -> list[rooms.Effect]:
    """What `destroy_original` destroys, in counts."""
    return [
        rooms.Effect(
            "original", "sealed original with its file", Original.objects.filter(document=document).count()
        ),
        rooms.Effect(
            "replacements",
            "entries in its list of replacements",
            Replacement.objects.filter(document=document).count(),
        ),
    ]


def effects_on_document(document: Document) -> list[rooms.Effect]:
    """What `erase_document` destroys, in counts."""
    current = Version.objects.current().filter(document=document)
    return [
        *effects_on_original(document),
        rooms.Effect("versions", "cleared text with everything coded in it", current.count()),
        rooms.Effect(
            "turns",
            "turns",
            Turn.objects.filter(version__in=current).count()
            or OriginalTurn.objects.filter(document=document).count(),
        ),
        rooms.Effect("speakers", "speakers", Speaker.objects.filter(document=document).count()),
    ]


# --- withdrawals ---


def reach_of(participant: Participant) -> tuple[list[Document], list[Document], int]:
    """(their own interviews, texts they share with others, their turns in those): what a withdrawal reaches,
    before it does.

    A document counts as their own when it was imported as theirs, or when they are its only participant.
    """
    spoken = Speaker.objects.filter(participant=participant).values("document")
    involved = (
        Document.objects.filter(pk__in=spoken) | Document.objects.filter(participant=participant)
    ).exclude(state=DocumentState.ERASED)
    own: list[Document] = []
    shared: list[Document] = []
    n_turns = 0
    for document in involved.distinct().select_related("wave__site", "evaluation"):
        alone = document.participant_id == participant.pk or (
            document.kind == "interview"
            and not Speaker.objects.filter(document=document, role="participant")
            .exclude(participant=participant)
            .exists()
        )
        (own if alone else shared).append(document)
        if not alone:
            n_turns += _n_turns(document, participant)
    return own, shared, n_turns


def _n_turns(document: Document, participant: Participant) -> int:
    rows = OriginalTurn.objects.filter(document=document, speaker__participant=participant).count()
    return (
        rows
        or Turn.objects.filter(
            version__document=document, version__emptied_at=None, speaker__participant=participant
        ).count()
    )


def withdraw(erasure: rooms.Erasure) -> list[rooms.Effect]:
    """The room's part of a withdrawal. Only "delete" reaches texts: own interviews go, own turns leave the
    texts of groups.

    Sealed names and labels of the person go with them. The same after the cut-off: what stays then is the
    aggregate, which the rooms above keep and which holds no text.
    """
    if erasure.scope != "delete":
        return []
    person = erasure.participant
    own, shared, n_turns = reach_of(person)
    names = EntityName.objects.filter(entity__participant=person)
    labels = Speaker.objects.filter(participant=person, sealed_label__isnull=False)
    effects = [
        rooms.Effect("transcripts.documents", "own transcripts erased", len(own)),
        rooms.Effect("transcripts.turns", "own turns removed from group transcripts", n_turns),
        rooms.Effect(
            "transcripts.names", "names and speaker labels destroyed", names.count() + labels.count()
        ),
    ]
    if erasure.dry_run:
        return effects
    met = Entity.objects.filter(replacements__document__in=[*own, *shared], participant=None).distinct()
    entities = list(met)
    for document in own:
        wipe(document, by=erasure.by)
    for document in shared:
        speakers = list(Speaker.objects.filter(document=document, participant=person))
        take_out_turns(document, speakers=[row.pk for row in speakers], by=erasure.by)
        Speaker.objects.filter(pk__in=[row.pk for row in speakers]).update(
            sealed_label=None, participant=None
        )
    names.delete()
    Entity.objects.filter(participant=person).update(participant=None)
    _forget_unmentioned(entities)
    return effects


def _forget_unmentioned(entities: Iterable[Entity]) -> None:
    """Let go of the names of people and places that only the erased words spoke of.

    An entity whose pseudonym still stands in a text keeps them: the next text must call it the same.
    """
    for entity in entities:
        texts = Version.objects.current().filter(document__evaluation_id=entity.evaluation_id)
        in_a_list = Replacement.objects.filter(entity=entity, status=ReplacementStatus.ACCEPTED)
        if not in_a_list.exists() and not texts.filter(text__contains=entity.pseudonym).exists():
            EntityName.objects.filter(entity=entity).delete()
