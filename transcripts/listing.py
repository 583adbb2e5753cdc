"""The list of replacements of one document: who may change it, and what it must keep clear of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.db.models import F

from ipe.errors import NotReady
from transcripts.models import Document, DocumentState, OriginalTurn, Replacement
from transcripts.offsets import Span
from transcripts.rights import require_open

if TYPE_CHECKING:
    from ipe.models import User


def opened(document: Document, by: User) -> Document:
    """The locked document, when this person may change its list of replacements.

    Raises
        Refused, NotFound: No right to this original. NotReady: not in review.
    """
    held: Document = (
        Document.objects.select_for_update().select_related("evaluation", "wave__site").get(pk=document.pk)
    )
    require_open(by, held, "originals.edit")
    if held.state != DocumentState.IN_REVIEW:
        if held.state == DocumentState.CLEARED:
            raise NotReady("This document is cleared. Open its review again, or redact the cleared text.")
        raise NotReady(
            "Confirm the turns first."
            if held.state == DocumentState.IMPORTED
            else "This document was erased."
        )
    return held


def changed(document: Document) -> None:
    Document.objects.filter(pk=document.pk).update(revision=F("revision") + 1)
    document.refresh_from_db(fields=["revision"])


def label_spans(document: Document) -> list[Span]:
    return [
        (start, end)
        for start, end in OriginalTurn.objects.filter(document=document).values_list(
            "label_start", "label_end"
        )
        if start is not None and end is not None
    ]


def turn_spans(document: Document) -> list[Span]:
    return list(OriginalTurn.objects.filter(document=document).values_list("start", "end"))


BATCH = 500  # a word that stands everywhere in a long text is a thousand rows


def make_way(document: Document, spans: Sequence[Span]) -> None:
    """Remove every row of the list that one of the spans overlaps."""
    covered = bytearray(max(end for _, end in spans))
    for start, end in spans:
        covered[start:end] = b"\1" * (end - start)
    rows = Replacement.objects.filter(document=document)
    gone = [pk for pk, start, end in rows.values_list("pk", "start", "end") if any(covered[start:end])]
    for at in range(0, len(gone), BATCH):
        rows.filter(pk__in=gone[at : at + BATCH]).delete()


def add_rows(rows: Sequence[Replacement]) -> None:
    """Rows that differ only in where they stand: what holds for the first holds for all."""
    rows[0].full_clean()
    Replacement.objects.bulk_create(rows, batch_size=BATCH)
