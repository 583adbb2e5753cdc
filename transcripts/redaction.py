"""After clearance: a missed identifier replaced, or turns taken out. Either makes the next version and
destroys the text before it.

While the original exists its list of replacements says the same as the newest version, so that a later review
begins from there.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from ipe import audit, rooms
from ipe.errors import Conflict, Invalid, NotReady
from transcripts import sealing
from transcripts.clearing import label_edits, next_version, replacement_edits
from transcripts.identifiers import folded, places_of
from transcripts.listing import add_rows, make_way
from transcripts.models import (
    Category,
    Document,
    Entity,
    Original,
    OriginalTurn,
    Replacement,
    ReplacementStatus,
    Turn,
    Version,
)
from transcripts.naming import require_known
from transcripts.offsets import Edit, Mover, Span, apply, is_clear_of, ordered
from transcripts.rendering import bracketed, crosses, render
from transcripts.rights import require_redact

if TYPE_CHECKING:
    from ipe.models import User


@dataclass(frozen=True)
class Plan:
    """What a redaction would do, in counts. `spans` are over the current version; `needle` is what stands
    there now."""

    version_number: int
    spans: tuple[Span, ...]
    needle: str
    n_places: int
    n_turns: int
    n_elsewhere: int


def cleared_version(document: Document) -> Version:
    """The version that codings use now.

    Raises
        NotReady: The document is not cleared.
    """
    version: Version | None = Version.objects.current().open().filter(document=document).first()
    if version is None:
        raise NotReady("This document has no cleared text.")
    return version


def plan(document: Document, *, start: int, end: int, everywhere: bool, by: User) -> Plan:
    """Count what `redact` with the same arguments would replace, and in how many of the other cleared texts that
    this person may read the words stand.

    Raises
        As `redact`.
    """
    require_redact(by, document)
    version = cleared_version(document)
    spans = _spans(version, start, end, everywhere)
    needle = version.text[slice(*spans[0])]
    touched = [
        turn
        for turn in Turn.objects.filter(version=version).values_list("start", "end")
        if not is_clear_of(turn, spans)
    ]
    others = Version.objects.visible_to(by).current().open().of(document.evaluation)
    n_elsewhere = sum(
        bool(places_of(text, needle)) for text in others.exclude(pk=version.pk).values_list("text", flat=True)
    )
    return Plan(version.number, tuple(spans), needle, len(spans), len(touched), n_elsewhere)


def place_of(document: Document, words: str, *, by: User) -> Span:
    """The first place of typed words in the cleared text.

    Raises
        Invalid: They stand nowhere in it. NotReady, Refused, NotFound as `plan`.
    """
    require_redact(by, document)
    found = places_of(cleared_version(document).text, words)
    if not found:
        raise Invalid(
            "These words stand nowhere in the text.", fields={"words": "Type them as they stand in the text."}
        )
    return found[0]


def _spans(version: Version, start: int, end: int, everywhere: bool) -> list[Span]:
    """The selection without blanks at its ends, snapped to whole placeholders, first; then the other places
    with the same words."""
    text = version.text
    if not 0 <= start < end <= len(text):
        raise Invalid("Select words in the text.", fields={"start": "Select words in the text."})
    piece = text[start:end]
    start, end = start + len(piece) - len(piece.lstrip()), end - (len(piece) - len(piece.rstrip()))
    if start >= end:
        raise Invalid(
            "Select at least one character that is not blank.", fields={"start": "Select words in the text."}
        )
    placed = [(int(a), int(b)) for a, b in version.placeholders]
    for a, b in placed:
        if a < end and start < b:
            start, end = min(a, start), max(b, end)
    turns = list(Turn.objects.filter(version=version).values_list("start", "end", "label_start", "label_end"))
    bounds = [(a, b) for a, b, _, _ in turns]
    labels = [(c, d) for _, _, c, d in turns if c is not None and d is not None]
    if crosses((start, end), bounds):
        raise Invalid("Select words within one turn.", fields={"start": "Select words within one turn."})
    if not is_clear_of((start, end), labels):
        raise Invalid(
            "A speaker’s label is changed with the speaker.",
            fields={"start": "Select words outside the label."},
        )
    spans = [(start, end)]
    if everywhere:
        spans += [
            span
            for span in places_of(text, text[start:end])
            if is_clear_of(span, [(start, end), *placed, *labels]) and not crosses(span, bounds)
        ]
    return spans


@dataclass(frozen=True)
class Redacted:
    """The next version, and the places that still hold the words, for a person to finish: those that their role and
    sites include. How many more there are stands in the audit trail."""

    version: Version
    n_replaced: int
    hits: tuple[rooms.Hit, ...]


@transaction.atomic
def redact(
    document: Document,
    *,
    version_number: int,
    start: int,
    end: int,
    category: str,
    by: User,
    entity: Entity | None = None,
    text: str = "",
    everywhere: bool = True,
) -> Redacted:
    """Replace words of the cleared text by an entity's pseudonym or by general words, and make the next
    version.

    Codings, quote links and turns move by arithmetic; the superseded text is destroyed; the result lists
    where the study still holds the words (code names, summaries, memos, other texts).

    Raises
        Conflict: The text changed since it was shown. Invalid: the selection or the replacement is not
        acceptable.
        NotReady: Not cleared. Refused, NotFound: no right to redact at this site.
    """
    held = Document.objects.select_for_update().select_related("evaluation", "wave__site").get(pk=document.pk)
    require_redact(by, held)
    old = cleared_version(held)
    if old.number != version_number:
        raise Conflict("The text has changed since you opened it. Select the words again.")
    spans = _spans(old, start, end, everywhere)
    needle = old.text[slice(*spans[0])]
    shown = _shown(held, entity, text, needle)
    if category not in Category.values:
        raise Invalid("Choose one of the kinds.", fields={"category": "Choose one of the kinds."})
    edits = ordered((Edit(a, b, shown) for a, b in spans), len(old.text))
    Document.objects.filter(pk=held.pk).update(revision=F("revision") + 1)
    held.refresh_from_db(fields=["revision"])
    original = Original.objects.filter(document=held).select_related("file").first()
    if original is None:
        new = next_version(held, old, edits, by=by)
    else:
        new = _through_the_list(held, original, old, edits, category, entity, by)
    if entity is not None and is_clear_of(spans[0], old.placeholders):
        sealing.add_names(entity, [needle])
    left = rooms.found_for(by, held.evaluation, needle)
    audit.record(
        "document.redacted",
        held,
        by=by,
        evaluation=held.evaluation,
        counts={
            "version": new.number,
            "places": len(spans),
            "places left": len(left.hits) + left.n_others,
            "places left beyond their role": left.n_others,
        },
        fields=["text"],
    )
    return Redacted(new, len(spans), left.hits)


def _shown(document: Document, entity: Entity | None, text: str, needle: str) -> str:
    if entity is not None:
        require_known(entity, document)
        return entity.pseudonym
    shown = bracketed(text)
    if not shown or len(shown) > 80:
        raise Invalid(
            "Say what stands in place of the words.",
            fields={"text": "Use a few words, such as “a primary school”."},
        )
    if folded(needle) in folded(shown):
        raise Invalid(
            "The replacement repeats the words it replaces.",
            fields={"text": "Use words that do not identify anyone."},
        )
    return shown


def _through_the_list(
    document: Document,
    original: Original,
    old: Version,
    edits: Sequence[Edit],
    category: str,
    entity: Entity | None,
    by: User,
) -> Version:
    """The same redaction over the original: rows of the list are added (or replaced where a placeholder was
    redacted), the text is rendered anew, and both ways must lead to the same text."""
    text = sealing.text_of(original)
    before = ordered(old.edits)
    back = Mover(before)
    spans = [back.back((edit.start, edit.end)) for edit in edits]
    make_way(document, spans)
    add_rows(
        [
            Replacement(
                id=uuid.uuid4(),
                document=document,
                start=start,
                end=end,
                category=category,
                entity=entity,
                text=edit.text,
                status=ReplacementStatus.ACCEPTED,
                found_by="redaction",
                decided_by=by,
                decided_at=timezone.now(),
            )
            for edit, (start, end) in zip(edits, spans, strict=True)
        ]
    )
    rendered = render(text, replacement_edits(document), label_edits(document))
    return next_version(document, old, edits, by=by, expected=rendered.text, over_original=rendered.edits)


# --- turns of somebody who withdraws ---


def take_out_turns(document: Document, *, speakers: Iterable[uuid.UUID], by: User | None) -> int:
    """Remove every turn of these speakers, with its label, from a text that others keep, in the caller's
    transaction.

    The cleared text gets a next version; the original, if there is one, is cut likewise and its file, which
    cannot be cut, is destroyed. Permission is the caller's: a withdrawal. Returns the number of turns
    removed; done twice it removes nothing.
    """
    held = Document.objects.select_for_update().select_related("evaluation", "wave__site").get(pk=document.pk)
    ids = list(speakers)
    version = Version.objects.current().filter(document=held).first()
    n_removed = 0
    Document.objects.filter(pk=held.pk).update(revision=F("revision") + 1)
    held.refresh_from_db(fields=["revision"])
    original = Original.objects.filter(document=held).select_related("file").first()
    over_original: tuple[Edit, ...] = ()
    if original is not None:
        gone = list(OriginalTurn.objects.filter(document=held, speaker__in=ids))
        if gone:
            n_removed = len(gone)
            before = ordered(version.edits) if version is not None else ()
            cuts = ordered(Edit(*_whole(turn), "") for turn in gone)
            over_original = _cut_original(held, original, cuts, before)
    if version is not None:
        turns = list(Turn.objects.filter(version=version, speaker__in=ids))
        if turns:
            n_removed = max(n_removed, len(turns))
            cuts = ordered(Edit(*_whole(turn), "") for turn in turns)
            expected = apply(sealing.text_of(original), over_original) if original is not None else None
            next_version(held, version, cuts, by=by, expected=expected, over_original=over_original)
    if n_removed:
        audit.record(
            "document.turns_removed", held, by=by, evaluation=held.evaluation, counts={"turns": n_removed}
        )
    return n_removed


def _whole(turn: Turn | OriginalTurn) -> Span:
    """A turn with its label. The label stands before what was said, maybe with a time code between them."""
    return (turn.label_start if turn.label_start is not None else turn.start), turn.end


def _cut_original(
    document: Document, original: Original, cuts: Sequence[Edit], before: Sequence[Edit]
) -> tuple[Edit, ...]:
    """Cut the original; move its turns and list; return the rendering edits of the cleared text over what is
    left."""
    mover = Mover(cuts)
    sealing.rewrite_text(original, apply(sealing.text_of(original), cuts))
    for row in Replacement.objects.filter(document=document):
        span = mover.span((row.start, row.end))
        if span is None:
            row.delete()
        elif span != (row.start, row.end):
            row.start, row.end = span
            row.save(update_fields=["start", "end"])
    kept = []
    for turn in OriginalTurn.objects.filter(document=document):
        span = mover.span((turn.start, turn.end))
        if span is None:
            continue
        turn.start, turn.end = span
        if turn.label_start is not None and turn.label_end is not None:
            label = mover.span((turn.label_start, turn.label_end))
            turn.label_start, turn.label_end = label if label else (None, None)
        turn.pk = None
        kept.append(turn)
    OriginalTurn.objects.filter(document=document).delete()
    OriginalTurn.objects.bulk_create(kept, batch_size=500)
    left = [
        Edit(span[0], span[1], edit.text) for edit in before if (span := mover.span((edit.start, edit.end)))
    ]
    return ordered(left)
