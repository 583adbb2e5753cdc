"""A new version of a text: everything anchored here moves by arithmetic, never by searching."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import transaction

from coding.models import Cell, CellHistory, CellState, Coding, CodingEvent, Memo, QuoteLink
from coding.runs import parse, stored, without_quotes
from ipe.errors import Conflict
from transcripts.models import Version
from transcripts.offsets import Mover

BATCH = 400


def move_version(old: Version, new: Version, edits: Iterable[Any]) -> int:
    """Move codings, quotes, memos and the undo log from `old` to `new`; what lost all its text goes.

    Part of the act that makes the version: runs in its transaction. Returns how many anchors moved.

    Raises
        Conflict: Some coding would not lie over exactly the text that the edits predict; nothing moves.
    """
    mover = Mover([(edit.start, edit.end, edit.text) for edit in edits])
    with transaction.atomic():
        n = _move_codings(old, new, mover)
        n += _move_memos(old, new, mover)
        n += _move_quotes(old, new, mover)
        _move_events(old, new, mover)
    return n


def _move_codings(old: Version, new: Version, mover: Mover) -> int:
    kept: dict[tuple[int, int, Any, Any], Coding] = {}
    gone: list[int] = []
    for coding in Coding.objects.filter(version=old).order_by("id"):
        span = mover.span((coding.start, coding.end))
        if span is None:
            gone.append(coding.pk)
            continue
        if (
            old.text
            and new.text
            and mover.predicted(old.text, (coding.start, coding.end)) != new.text[slice(*span)]
        ):
            raise Conflict("A coding would not stand over its words in the new version. Nothing was changed.")
        key = (*span, coding.code_id, coding.coder_id)
        if key in kept:  # two passages became one placeholder: the older coding stays
            QuoteLink.objects.filter(coding=coding).update(coding=kept[key])
            gone.append(coding.pk)
            continue
        coding.version, (coding.start, coding.end) = new, span
        kept[key] = coding
    Coding.objects.filter(pk__in=gone).delete()
    Coding.objects.bulk_update(kept.values(), ["version", "start", "end"], batch_size=BATCH)
    return len(kept)


def _move_memos(old: Version, new: Version, mover: Mover) -> int:
    moved, gone = [], []
    for memo in Memo.objects.filter(version=old):
        span = mover.span((memo.start or 0, memo.end or 0))
        if span is None:
            gone.append(memo.pk)
        else:
            memo.version, (memo.start, memo.end) = new, span
            moved.append(memo)
    Memo.objects.filter(pk__in=gone).delete()
    Memo.objects.bulk_update(moved, ["version", "start", "end"], batch_size=BATCH)
    return len(moved)


def _move_quotes(old: Version, new: Version, mover: Mover) -> int:
    moved, gone = [], []
    for link in QuoteLink.objects.filter(version=old):
        span = mover.span((link.start, link.end))
        if span is None:
            gone.append(link)
        else:
            link.version, (link.start, link.end) = new, span
            moved.append(link)
    QuoteLink.objects.bulk_update(moved, ["version", "start", "end"], batch_size=BATCH)
    drop_quotes(gone)
    return len(moved)


def drop_quotes(links: Iterable[QuoteLink]) -> None:
    """Delete quote links and the runs that rest on them, in cells and in their history."""
    rows = list(links)
    lost = {str(link.pk) for link in rows}
    cells = {link.cell_id for link in rows}
    for cell in Cell.objects.filter(pk__in=cells):
        kept = without_quotes(parse(cell.runs), lost)
        if stored(kept) != cell.runs:
            cell.runs, cell.version = stored(kept), cell.version + 1
            if not kept and cell.state in {CellState.CHARTED, CellState.REVIEWED}:
                cell.state = CellState.DRAFT
            cell.save()
    for past in CellHistory.objects.filter(cell_id__in=cells):
        kept = without_quotes(parse(past.runs), lost)
        if stored(kept) != past.runs:
            CellHistory.objects.filter(pk=past.pk).update(runs=stored(kept))
    QuoteLink.objects.filter(pk__in=[link.pk for link in rows]).delete()


def _move_events(old: Version, new: Version, mover: Mover) -> None:
    was, now = str(old.pk), str(new.pk)

    def moved(state: dict[str, Any]) -> dict[str, Any]:
        if "codings" not in state:
            return state
        rows = []
        for id_, version, start, end, *rest in state["codings"]:
            if version != was:
                rows.append([id_, version, start, end, *rest])
                continue
            span = mover.span((start, end))
            if span is not None:
                rows.append([id_, now, *span, *rest])
        return {**state, "codings": rows}

    CodingEvent.objects.filter(version=old).update(version=new)
    for event in CodingEvent.objects.filter(evaluation_id=new.document.evaluation_id).iterator(
        chunk_size=500
    ):
        before, after = moved(event.before), moved(event.after)
        if (before, after) != (event.before, event.after):
            CodingEvent.objects.filter(pk=event.pk).update(before=before, after=after)
