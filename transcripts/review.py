"""Deciding what identifies people: a person accepts, rejects or adds each replacement.

Every act here works on the original while the document is in review; each raises the document's revision, so
that a sign-off cannot be of a list that has changed since. The audit trail gets ids and counts.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from consent.contact import known_names
from consent.models import Participant
from ipe import audit
from ipe.errors import Conflict, Invalid, NotFound
from transcripts import sealing
from transcripts.identifiers import folded, places_of, variants
from transcripts.listing import add_rows, changed, label_spans, make_way, opened, turn_spans
from transcripts.models import (
    NAMED_CATEGORIES,
    SEVERAL,
    Category,
    Document,
    Entity,
    Replacement,
    ReplacementStatus,
    Speaker,
)
from transcripts.naming import (
    WORDS,
    candidates,
    entity_of_participant,
    make_entity,
    names_in,
    require_known,
)
from transcripts.offsets import is_clear_of
from transcripts.rendering import bracketed, crosses

if TYPE_CHECKING:
    from ipe.models import User

GENERAL = {
    Category.PHONE: "[phone number]",
    Category.EMAIL: "[e-mail address]",
    Category.POSTCODE: "[postcode]",
    Category.NHS_NUMBER: "[NHS number]",
    Category.NI_NUMBER: "[National Insurance number]",
    Category.BIRTH_DATE: "[date of birth]",
    Category.DATE: "[date]",
    Category.AGE: "[age]",
    Category.JOB: "[job]",
    Category.EVENT: "[event]",
}


# --- decisions ---


@transaction.atomic
def accept(
    replacement: Replacement,
    *,
    by: User,
    category: str = "",
    entity: Entity | None = None,
    word: str = "",
    text: str = "",
    is_new: bool = False,
    everywhere: bool = False,
) -> list[Replacement]:
    """Decide that a span is replaced, and by what.

    By `text` ("a primary school") when the words are to be generalised; with `is_new` or `word` by a new
    entity ([Team manager 2]), whatever `entity` says; by `entity` when one is given; otherwise by the one
    entity of the study that is called so, or a new one when nobody is. `everywhere` decides alike for every undecided span of the
    document with the same words or the same entity.

    Raises
        Conflict: Several entities are called so: one has to be chosen; or the span overlaps another
        replacement.
        Invalid: The replacement repeats the words, or names nobody of this study.
        NotReady: not in review. Refused, NotFound: no right to this original.
    """
    held = opened(replacement.document, by)
    row = _row(held, replacement)
    original = sealing.text_of(sealing.original_of(held))
    surface = original[row.start : row.end]
    if category:
        if category not in Category.values:
            raise Invalid("Choose one of the kinds.", fields={"category": "Choose one of the kinds."})
        if category != row.category:
            row.category, row.entity, row.text = category, None, ""
    made, shown = _resolve(held, row, surface, entity=entity, word=word, text=text, is_new=is_new)
    rows = [row]
    if everywhere:
        rows += [
            other
            for other in Replacement.objects.filter(
                document=held, status=ReplacementStatus.SUGGESTED
            ).exclude(pk=row.pk)
            if folded(original[other.start : other.end]) == folded(surface)
            or (made is not None and other.entity_id == made.pk)
        ]
    now = timezone.now()
    for one in rows:
        _check_free(held, one)
        one.category, one.entity, one.text = row.category, made, shown
        one.status, one.decided_by, one.decided_at = ReplacementStatus.ACCEPTED, by, now
        one.full_clean()
        one.save()
    _decided(held, "replacement.accepted", rows, made, by)
    return rows


def _resolve(
    document: Document,
    row: Replacement,
    surface: str,
    *,
    entity: Entity | None,
    word: str,
    text: str,
    is_new: bool,
) -> tuple[Entity | None, str]:
    """Which entity a span becomes, if any, and the words that stand for it."""
    if text.strip():
        shown = bracketed(text)
        if not shown or folded(surface) in folded(shown):
            raise Invalid(
                "The replacement repeats the words it replaces.",
                fields={"text": "Use words that do not identify anyone."},
            )
        return None, shown
    # The form offers the entity that is most likely meant; whoever types a new one says that it is not.
    if entity is not None and not word.strip():
        if entity.pk != row.entity_id:
            require_known(entity, document)
        sealing.add_names(entity, [surface])
        return entity, entity.pseudonym
    if row.category not in NAMED_CATEGORIES:
        return None, GENERAL[Category(row.category)]
    if not (is_new or word.strip()):
        if row.entity is not None:
            return row.entity, row.entity.pseudonym
        same = candidates(document, row.category, surface)
        if len(same) > 1 or row.found_by == SEVERAL:
            raise Conflict(
                "More than one in this study is called so. Choose which one is meant.",
                fields={"entity": "Choose which one is meant."},
            )
        if same:
            return same[0], same[0].pseudonym
    if word.strip() and folded(surface) in folded(word):
        raise Invalid(
            "The pseudonym repeats the name.", fields={"word": "Use words that do not identify anyone."}
        )
    called = variants(surface) if row.category == Category.PERSON else (surface,)
    # A surname alone, or a town, has no short forms to add; the form met in the text always counts.
    made = make_entity(
        document.evaluation,
        row.category,
        word=word.strip() or WORDS[Category(row.category)],
        called=dict.fromkeys([surface, *called]),
    )
    return made, made.pseudonym


def _row(document: Document, replacement: Replacement) -> Replacement:
    row: Replacement | None = (
        Replacement.objects.filter(pk=replacement.pk, document=document).select_related("entity").first()
    )
    if row is None:
        raise NotFound("There is no such suggestion in this document.")
    return row


def _check_free(document: Document, row: Replacement) -> None:
    others = Replacement.objects.filter(document=document, status=ReplacementStatus.ACCEPTED).exclude(
        pk=row.pk
    )
    if not is_clear_of((row.start, row.end), others.values_list("start", "end")):
        raise Conflict("This overlaps another replacement. Take that one back first.")


def _decided(
    document: Document, action: str, rows: list[Replacement], entity: Entity | None, by: User
) -> None:
    changed(document)
    subject = entity if entity is not None else document
    audit.record(
        action,
        subject,
        by=by,
        evaluation=document.evaluation,
        counts={"replacements": len(rows), "document": document.number},
    )


@transaction.atomic
def reject(
    replacement: Replacement, *, by: User, everywhere: bool = False, reason: str = ""
) -> list[Replacement]:
    """Decide that a span stays as it is: it identifies nobody. `everywhere`: every undecided span with the
    same words.

    Raises
        NotReady: not in review. Refused, NotFound: no right to this original.
    """
    held = opened(replacement.document, by)
    row = _row(held, replacement)
    rows = [row]
    if everywhere:
        original = sealing.text_of(sealing.original_of(held))
        surface = folded(original[row.start : row.end])
        rows += [
            other
            for other in Replacement.objects.filter(
                document=held, status=ReplacementStatus.SUGGESTED
            ).exclude(pk=row.pk)
            if folded(original[other.start : other.end]) == surface
        ]
    Replacement.objects.filter(pk__in=[one.pk for one in rows]).update(
        status=ReplacementStatus.REJECTED, decided_by=by, decided_at=timezone.now(), reason=reason[:20]
    )
    _decided(held, "replacement.rejected", rows, None, by)
    return list(Replacement.objects.filter(pk__in=[one.pk for one in rows]))


@transaction.atomic
def undecide(replacement: Replacement, *, by: User) -> Replacement | None:
    """Take a decision back. A suggestion waits again; a span that was added by hand goes. Done twice it
    changes nothing.

    Raises
        NotReady: not in review. Refused, NotFound: no right to this original.
    """
    held = opened(replacement.document, by)
    row = _row(held, replacement)
    if row.status == ReplacementStatus.SUGGESTED:
        return row
    _decided(held, "replacement.taken_back", [row], row.entity, by)
    if row.found_by == "hand":
        row.delete()
        return None
    row.status, row.decided_by, row.decided_at, row.reason = ReplacementStatus.SUGGESTED, None, None, ""
    row.save(update_fields=["status", "decided_by", "decided_at", "reason"])
    return row


@transaction.atomic
def add(
    document: Document,
    *,
    start: int,
    end: int,
    category: str,
    by: User,
    entity: Entity | None = None,
    word: str = "",
    text: str = "",
    is_new: bool = False,
    everywhere: bool = False,
) -> list[Replacement]:
    """Replace words that nothing had suggested; `everywhere` also each other place in the document with the
    same words.

    White space at the ends of the selection is left out. Suggestions and rejected spans inside the selection
    make way.

    Raises
        Invalid: Nothing selected, outside the text, across turns or inside a speaker's label.
        Conflict: It overlaps a replacement, or several entities are called so. NotReady, Refused, NotFound as
        `accept`.
    """
    held = opened(document, by)
    original = sealing.text_of(sealing.original_of(held))
    if not 0 <= start < end <= len(original):
        raise Invalid("Select words in the text.", fields={"start": "Select words in the text."})
    piece = original[start:end]
    start, end = start + len(piece) - len(piece.lstrip()), end - (len(piece) - len(piece.rstrip()))
    if start >= end:
        raise Invalid(
            "Select at least one character that is not blank.", fields={"start": "Select words in the text."}
        )
    if category not in Category.values:
        raise Invalid("Choose one of the kinds.", fields={"category": "Choose one of the kinds."})
    turns, labels = turn_spans(held), label_spans(held)
    if crosses((start, end), turns):
        raise Invalid("Select words within one turn.", fields={"start": "Select words within one turn."})
    if not is_clear_of((start, end), labels):
        raise Invalid(
            "A speaker’s label is replaced by itself.", fields={"start": "Select words outside the label."}
        )
    accepted = list(
        Replacement.objects.filter(document=held, status=ReplacementStatus.ACCEPTED).values_list(
            "start", "end"
        )
    )
    if not is_clear_of((start, end), accepted):
        raise Conflict("This overlaps another replacement. Take that one back first.")
    spans = [(start, end)]
    if everywhere:
        surface = original[start:end]
        spans += [
            span
            for span in places_of(original, surface)
            if span != (start, end) and is_clear_of(span, [*accepted, *labels]) and not crosses(span, turns)
        ]
    make_way(held, spans)
    rows = [
        Replacement(id=uuid.uuid4(), document=held, start=at, end=until, category=category, found_by="hand")
        for at, until in spans
    ]
    made, shown = _resolve(
        held, rows[0], original[start:end], entity=entity, word=word, text=text, is_new=is_new
    )
    for row in rows:
        row.entity, row.text = made, shown
        row.status, row.decided_by, row.decided_at = ReplacementStatus.ACCEPTED, by, timezone.now()
    add_rows(rows)
    _decided(held, "replacement.added", rows, made, by)
    return rows


@transaction.atomic
def add_words(
    document: Document,
    *,
    words: str,
    category: str,
    by: User,
    entity: Entity | None = None,
    word: str = "",
    text: str = "",
    everywhere: bool = True,
) -> list[Replacement]:
    """`add` for words that are typed instead of selected: at their first free place, or everywhere.

    Raises
        Invalid: The words stand nowhere in the text, or only where they are replaced already; and as `add`.
    """
    held = opened(document, by)
    original = sealing.text_of(sealing.original_of(held))
    accepted = Replacement.objects.filter(document=held, status=ReplacementStatus.ACCEPTED)
    taken = [*accepted.values_list("start", "end"), *label_spans(held)]
    turns = turn_spans(held)
    free = [
        span for span in places_of(original, words) if is_clear_of(span, taken) and not crosses(span, turns)
    ]
    if not free:
        raise Invalid(
            "These words stand nowhere in the text that is still open.",
            fields={"words": "Type them as they stand in the text."},
        )
    start, end = free[0]
    return add(
        held,
        start=start,
        end=end,
        category=category,
        by=by,
        entity=entity,
        word=word,
        text=text,
        everywhere=everywhere,
    )


@transaction.atomic
def map_speaker(speaker: Speaker, *, participant: Participant | None, by: User) -> Speaker:
    """Say which participant a speaker is; their code becomes the label that readers see.

    Raises
        Invalid: The person is of another site, was erased, or is another speaker of this document.
        NotReady: not in review. Refused, NotFound: no right to this original.
    """
    held = opened(speaker.document, by)
    row = Speaker.objects.get(pk=speaker.pk)
    if participant is not None:
        if participant.site_id != held.wave.site_id or participant.is_erased:
            raise Invalid(
                "Choose a person of the document's site.",
                fields={"participant": "Choose a person of this site."},
            )
        if Speaker.objects.filter(document=held, participant=participant).exclude(pk=row.pk).exists():
            raise Invalid(
                "Another speaker of this document is this person.",
                fields={"participant": "Choose another person."},
            )
    others = set(Speaker.objects.filter(document=held).exclude(pk=row.pk).values_list("label", flat=True))
    free = next(f"Speaker {n}" for n in range(1, len(others) + 2) if f"Speaker {n}" not in others)
    before, row.participant = row.participant, participant
    row.role = "participant"
    row.label = participant.code if participant is not None else free
    row.full_clean(exclude=["sealed_label"])
    row.save()
    label = sealing.labels_of(held, [row]).get(row.pk, "")
    called = tuple(dict.fromkeys(form for name in names_in(label) for form in variants(name)))
    if called and before is not None and before != participant:
        _take_back(held, before, called)
    if called and participant is not None:
        _name_after(held, participant, called)
    changed(held)
    audit.record("speaker.mapped", row, by=by, evaluation=held.evaluation, fields=["participant"])
    return row


def _take_back(document: Document, participant: Participant, called: Sequence[str]) -> None:
    """The label was not this person's: what it said of them is forgotten, and its places are decided again."""
    entity = entity_of_participant(participant)
    known = known_names(document.evaluation, site=participant.site)
    own = {folded(form) for name, code in known if code == participant.code for form in variants(name)}
    strange = {folded(form) for form in called} - own
    sealing.forget_names(entity, strange)
    original = sealing.text_of(sealing.original_of(document))
    rows = Replacement.objects.filter(document=document, entity=entity)
    wrong = [row.pk for row in rows if folded(original[row.start : row.end]) in strange]
    rows.filter(pk__in=wrong).update(
        entity=None, text="", status=ReplacementStatus.SUGGESTED, decided_by=None, decided_at=None
    )


def _name_after(document: Document, participant: Participant, called: Sequence[str]) -> None:
    """Undecided places where the document calls the speaker by name are meant for their participant, unless
    somebody else is called so as well."""
    entity = entity_of_participant(participant, called)
    original = sealing.text_of(sealing.original_of(document))
    forms = {folded(form) for form in called}
    meant = {form: candidates(document, Category.PERSON, form) == [entity] for form in forms}
    for row in Replacement.objects.filter(document=document, entity=None).undecided():
        form = folded(original[row.start : row.end])
        if row.category == Category.PERSON and row.found_by != SEVERAL and meant.get(form):
            row.entity, row.text = entity, entity.pseudonym
            row.save(update_fields=["entity", "text"])
