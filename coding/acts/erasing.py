"""What a withdrawal takes out of codings and matrices."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from coding.models import (
    Case,
    Cell,
    CellHistory,
    CellState,
    Code,
    CodeRevision,
    Coding,
    CodingEvent,
    Memo,
    QuoteLink,
)
from ipe.rooms import Effect
from releases.recalling import reword
from transcripts.models import Turn, Version

if TYPE_CHECKING:
    from consent.models import Participant

RENAMED = "Name withdrawn"


@dataclass
class Reached:
    """What of one person stands in this room: ids only."""

    codings: set[int] = field(default_factory=set)
    cases: set[UUID] = field(default_factory=set)
    cells: set[UUID] = field(default_factory=set)
    quoting_cells: set[UUID] = field(default_factory=set)
    memos: set[UUID] = field(default_factory=set)
    in_vivo: set[UUID] = field(default_factory=set)
    versions: set[UUID] = field(default_factory=set)

    def effects(self) -> list[Effect]:
        return [
            Effect("codings", "codings removed", len(self.codings)),
            Effect("matrix_rows", "matrix rows removed", len(self.cases)),
            Effect("cells", "cells of this person erased with their history", len(self.cells)),
            Effect("quoting_cells", "other cells that quoted this person emptied", len(self.quoting_cells)),
            Effect("coding_memos", "memos on this person’s words erased", len(self.memos)),
            Effect("code_names", "code names in this person’s own words withdrawn", len(self.in_vivo)),
        ]


def reached(person: Participant) -> Reached:
    """Everything here that rests on what the person said."""
    found = Reached()
    found.versions = set(Version.objects.filter(document__participant=person).values_list("pk", flat=True))
    turns: dict[UUID, list[tuple[int, int]]] = defaultdict(list)
    shared = Turn.objects.filter(speaker__participant=person).exclude(version_id__in=found.versions)
    for version, start, end in shared.order_by("version", "start").values_list("version_id", "start", "end"):
        turns[version].append((start, end))

    def is_theirs(version: UUID, start: int, end: int) -> bool:
        return version in found.versions or any(s <= start and end <= e for s, e in turns.get(version, ()))

    def touches(version: UUID, start: int, end: int) -> bool:
        return version in found.versions or any(s < end and start < e for s, e in turns.get(version, ()))

    everywhere = Q(version_id__in=[*found.versions, *turns])
    rows = Coding.objects.filter(everywhere).order_by()
    for pk, version, start, end in rows.values_list("pk", "version_id", "start", "end"):
        # What runs over into somebody else's turn stays; the new version's arithmetic cuts it.
        if is_theirs(version, start, end):
            found.codings.add(pk)
    found.memos = _where(Memo.objects.filter(everywhere), touches)
    found.cases = set(Case.objects.filter(participant=person).values_list("pk", flat=True))
    found.cases |= set(Case.objects.filter(document__participant=person).values_list("pk", flat=True))
    found.memos |= set(Memo.objects.filter(case_id__in=found.cases).values_list("pk", flat=True))
    found.cells = set(Cell.objects.filter(case_id__in=found.cases).values_list("pk", flat=True))
    links = QuoteLink.objects.filter(everywhere)
    quoting = _where(links, touches)
    cells = set(QuoteLink.objects.filter(pk__in=quoting).values_list("cell_id", flat=True))
    found.quoting_cells = cells - found.cells
    found.in_vivo = _in_vivo(found, turns)
    # What was noted on a code that only this person's words made is about those words.
    found.memos |= set(Memo.objects.filter(code_id__in=found.in_vivo).values_list("pk", flat=True))
    return found


def _where(rows: Any, holds: Callable[[UUID, int, int], bool]) -> set[UUID]:
    fields = rows.order_by().values_list("pk", "version_id", "start", "end")
    return {pk for pk, version, start, end in fields if holds(version, start, end)}


def _in_vivo(found: Reached, turns: dict[UUID, list[tuple[int, int]]]) -> set[UUID]:
    """Codes that nobody else's text bears and whose name stands in this person's words.

    A single short word ("Time") is everybody's; two words or ten letters count.
    """
    mine = set(Coding.objects.filter(pk__in=found.codings).order_by().values_list("code_id", flat=True))
    elsewhere = (
        Coding.objects.filter(code_id__in=mine)
        .exclude(pk__in=found.codings)
        .order_by()
        .values_list("code_id", flat=True)
    )
    only_mine = mine - set(elsewhere)
    if not only_mine:
        return set()
    said: list[str] = []
    for version, text in Version.objects.filter(pk__in=[*found.versions, *turns]).values_list("pk", "text"):
        if version in found.versions:
            said.append(text.casefold())
        else:
            said += [text[start:end].casefold() for start, end in turns[version]]
    named: set[UUID] = set()
    names = [*Code.objects.filter(pk__in=only_mine).values_list("pk", "name")]
    names += CodeRevision.objects.filter(code_id__in=only_mine).values_list("code_id", "name")
    for pk, name in names:
        if (len(name.split()) > 1 or len(name) >= 10) and any(name.casefold() in text for text in said):
            named.add(pk)
    return named


def erase_person(person: Participant, *, dry_run: bool) -> list[Effect]:
    """Erase, or with `dry_run` count, what rests on a person's words. Part of a withdrawal: the caller has the right.

    Runs before the texts go. Cells of other rows that quoted the person are emptied with their history, because a
    summary around a quote retells it; their state becomes "not started", so that somebody charts them again.
    """
    found = reached(person)
    if not dry_run:
        with transaction.atomic():
            _erase(found)
    return found.effects()


def _erase(found: Reached) -> None:
    _forget(found)
    QuoteLink.objects.filter(Q(cell_id__in=found.quoting_cells | found.cells)).delete()
    Coding.objects.filter(pk__in=found.codings).delete()
    Memo.objects.filter(pk__in=found.memos).delete()
    CellHistory.objects.filter(cell_id__in=found.quoting_cells | found.cells).delete()
    for cell in Cell.objects.filter(pk__in=found.quoting_cells):
        # The version goes on, so that somebody with the old text open is told.
        cell.runs, cell.state, cell.version = [], CellState.NOT_STARTED, cell.version + 1
        cell.evidence, cell.charted_at, cell.updated_by, cell.updated_at = [], None, None, None
        cell.save()
    Cell.objects.filter(pk__in=found.cells).delete()
    Case.objects.filter(pk__in=found.cases).delete()
    for code in Code.objects.filter(pk__in=found.in_vivo).select_related("codebook__evaluation"):
        said = {code.name, *code.revisions.values_list("name", flat=True)}
        code.name, code.definition = f"{RENAMED} {str(code.pk)[:8]}", ""
        code.save(update_fields=["name", "definition"])
        code.revisions.update(name=code.name, definition="", reason="")
        reword(code.codebook.evaluation, said, code.name)


def _forget(found: Reached) -> None:
    """Take the person's codings out of the undo log and out of the evidence that cells remember."""
    CodingEvent.objects.filter(version_id__in=found.versions).delete()
    gone = found.codings
    if not gone:
        return
    for event in CodingEvent.objects.exclude(before={}, after={}).iterator(chunk_size=500):
        before, after = _without(event.before, gone), _without(event.after, gone)
        if (before, after) != (event.before, event.after):
            CodingEvent.objects.filter(pk=event.pk).update(before=before, after=after)
    for cell in Cell.objects.exclude(evidence=[]).iterator(chunk_size=500):
        kept = [coding for coding in cell.evidence if coding not in gone]
        if kept != cell.evidence:
            Cell.objects.filter(pk=cell.pk).update(evidence=kept)


def _without(state: dict[str, Any], gone: Iterable[int]) -> dict[str, Any]:
    if "codings" not in state:
        return state
    lost = set(gone)
    return {**state, "codings": [row for row in state["codings"] if row[0] not in lost]}
