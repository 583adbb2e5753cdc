"""Human sign-off: what a person has read and decided becomes a version that codings may use; and later
versions of it.

Every way to a new version goes through `next_version`, which moves everything anchored to the old text by
arithmetic, checks it, and destroys the old text, all in the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from ipe import audit, rooms
from ipe.errors import Conflict, NotReady
from transcripts import sealing
from transcripts.listing import opened
from transcripts.models import (
    Document,
    DocumentState,
    OriginalTurn,
    Replacement,
    ReplacementStatus,
    Speaker,
    Turn,
    Version,
)
from transcripts.offsets import Edit, Mover, Span, apply, ordered, revise, verify
from transcripts.rendering import Rendered, digest, render
from transcripts.rights import require_open

if TYPE_CHECKING:
    from ipe.models import User


@dataclass(frozen=True)
class Readiness:
    """What stands between a document and its clearance."""

    n_undecided: int
    n_accepted: int
    n_rejected: int
    n_unnamed_speakers: int
    n_entities: int

    @property
    def is_ready(self) -> bool:
        return self.n_undecided == 0


def readiness(document: Document) -> Readiness:
    """Counts for the sign-off page. Speakers who are no participant yet do not stop it: not every voice is a
    participant."""
    rows = list(Replacement.objects.filter(document=document).values_list("status", "entity_id"))
    unnamed = Speaker.objects.filter(document=document, role="participant", participant=None).count()
    by_status = [status for status, _ in rows]
    return Readiness(
        n_undecided=by_status.count(ReplacementStatus.SUGGESTED),
        n_accepted=by_status.count(ReplacementStatus.ACCEPTED),
        n_rejected=by_status.count(ReplacementStatus.REJECTED),
        n_unnamed_speakers=unnamed,
        n_entities=len({pk for status, pk in rows if pk and status == ReplacementStatus.ACCEPTED}),
    )


def replacement_edits(document: Document) -> list[Edit]:
    rows = Replacement.objects.filter(document=document, status=ReplacementStatus.ACCEPTED)
    return [Edit(start, end, text) for start, end, text in rows.values_list("start", "end", "text")]


def label_edits(document: Document) -> list[Edit]:
    """Every label that stands in the original gives way to the one that readers see."""
    rows = OriginalTurn.objects.filter(document=document, label_start__isnull=False).select_related("speaker")
    return [
        Edit(row.label_start or 0, row.label_end or 0, row.speaker.label if row.speaker else "Speaker")
        for row in rows
    ]


def rendered(document: Document) -> Rendered:
    """The text as the list makes it now, in memory. For readers of the original only; the caller has checked
    that."""
    original = sealing.text_of(sealing.original_of(document))
    return render(original, replacement_edits(document), label_edits(document))


@transaction.atomic
def clear(document: Document, *, revision: int, by: User) -> Version:
    """Sign off the text and list as read at `revision`, and render the version that codings may use.

    When an earlier version's clearance had lapsed, everything anchored to it moves to the new one and its
    text is destroyed.

    Raises
        NotReady: Suggestions are undecided, or the document is not in review (a second sign-off of the same
        text).
        Conflict: Text or list changed since `revision` was read: the sign-off has lapsed.
        Refused, NotFound: No right to this original.
    """
    held = opened(document, by)
    if held.revision != revision:
        raise Conflict(
            "Something changed since you opened this page, so the sign-off does not hold. "
            "Read the changes and sign again."
        )
    ready = readiness(held)
    if not ready.is_ready:
        raise NotReady(f"{ready.n_undecided} suggestions are still to be decided.")
    original = sealing.text_of(sealing.original_of(held))
    replacements = replacement_edits(held)
    made = render(original, replacements, label_edits(held))
    placeholders = _placeholders(made.edits, {(e.start, e.end) for e in replacements})
    previous = Version.objects.current().filter(document=held).first()
    held.state = DocumentState.CLEARED
    held.save(update_fields=["state"])
    if previous is None:
        version = _write(
            held,
            number=1,
            text=made.text,
            edits=made.edits,
            placeholders=placeholders,
            supersedes=None,
            by=by,
        )
        mover = Mover(made.edits)
        _write_turns(version, [(row, mover) for row in OriginalTurn.objects.filter(document=held)])
    else:
        edits = revise(original, ordered(previous.edits), made.edits)
        version = next_version(
            held,
            previous,
            edits,
            by=by,
            expected=made.text,
            over_original=made.edits,
            placeholders=placeholders,
        )
    audit.record(
        "document.cleared",
        held,
        by=by,
        evaluation=held.evaluation,
        counts={
            "version": version.number,
            "replacements": ready.n_accepted,
            "entities": ready.n_entities,
            "kept": ready.n_rejected,
        },
    )
    return version


@transaction.atomic
def reopen(document: Document, *, by: User) -> Document:
    """Let the clearance lapse, so that text or list can be corrected. Until the next sign-off nobody codes or
    reads the text.

    Raises
        NotReady: Not cleared, or the original was destroyed (redact the cleared text instead).
        Refused, NotFound: No right to the originals of the site.
    """
    held: Document = (
        Document.objects.select_for_update().select_related("evaluation", "wave__site").get(pk=document.pk)
    )
    require_open(by, held, "originals.edit")
    if held.state != DocumentState.CLEARED:
        raise NotReady("Only a cleared document can be opened again.")
    if not hasattr(held, "original"):
        raise NotReady(
            "The original was destroyed, so its review cannot be opened again. "
            "Redact the cleared text instead."
        )
    held.state = DocumentState.IN_REVIEW
    held.revision += 1
    held.save(update_fields=["state", "revision"])
    audit.record("document.clearance_lapsed", held, by=by, evaluation=held.evaluation)
    return held


# --- versions ---


def next_version(
    document: Document,
    old: Version,
    edits: Iterable[Edit],
    *,
    by: User | None,
    expected: str | None = None,
    over_original: Iterable[Edit] = (),
    placeholders: Sequence[Span] | None = None,
) -> Version:
    """Make the next version by known edits of `old`, move turns and whatever rooms anchored, and destroy the
    old text.

    `expected` is the text when it is also known otherwise (rendered from the original): both must be equal.
    In the caller's transaction.
    """
    rows = ordered(edits, len(old.text))
    text = apply(old.text, rows)
    verify(old.text, text, rows)
    if expected is not None and expected != text:
        raise RuntimeError("The edits do not lead to the text that the list of replacements gives.")
    mover = Mover(rows)
    if placeholders is None:
        kept = [span for start, end in old.placeholders if (span := mover.span((start, end)))]
        placeholders = sorted({*kept, *mover.placeholders()})
    new = _write(
        document,
        number=old.number + 1,
        text=text,
        edits=over_original,
        placeholders=placeholders,
        supersedes=old,
        by=by,
    )
    _write_turns(new, [(row, mover) for row in Turn.objects.filter(version=old)])
    moved = rooms.Move(old=old, new=new, edits=tuple(rooms.Edit(e.start, e.end, e.text) for e in rows), by=by)
    rooms.move(moved)
    empty(old)
    return new


def _write(
    document: Document,
    *,
    number: int,
    text: str,
    edits: Iterable[Edit],
    placeholders: Sequence[Span],
    supersedes: Version | None,
    by: User | None,
) -> Version:
    version = Version(
        document=document,
        number=number,
        text=text,
        sha256=digest(text),
        n_characters=len(text),
        edits=[edit.as_list() for edit in edits],
        placeholders=[list(span) for span in placeholders],
        supersedes=supersedes,
        cleared_at=timezone.now(),
        cleared_by=by,
        signed_revision=document.revision,
    )
    version.full_clean()
    version.save(force_insert=True)
    return version


def _write_turns(version: Version, rows: Iterable[tuple[OriginalTurn | Turn, Mover]]) -> None:
    """Turns keep their numbers; one of which nothing is left is not carried over."""
    made = []
    for row, mover in rows:
        span = mover.span((row.start, row.end))
        if span is None:
            continue
        label = None
        if row.label_start is not None and row.label_end is not None:
            label = mover.span((row.label_start, row.label_end))
        made.append(
            Turn(
                version=version,
                ordinal=row.ordinal,
                start=span[0],
                end=span[1],
                label_start=label[0] if label else None,
                label_end=label[1] if label else None,
                speaker_id=row.speaker_id,
                at_ms=row.at_ms,
            )
        )
    Turn.objects.bulk_create(made, batch_size=500)


def _placeholders(edits: Sequence[Edit], of: set[Span]) -> list[Span]:
    """Where replacements (not labels) stand in the rendered text."""
    shown = [edit for edit in edits if edit.text]
    return [
        span
        for edit, span in zip(shown, Mover(edits).placeholders(), strict=True)
        if (edit.start, edit.end) in of
    ]


def empty(version: Version) -> None:
    """Overwrite a text that held an identifier, then empty its row. Its hash goes too: with the next version
    at hand it would tell a guesser when a name is right."""
    rows = Version.objects.filter(pk=version.pk)
    rows.update(text=" " * len(version.text), edits=[], placeholders=[], sha256="")
    rows.update(text="", n_characters=0, emptied_at=timezone.now())
    Turn.objects.filter(version=version).delete()
