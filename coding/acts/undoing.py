"""Undo and redo: each person's own acts, one document at a time; changes of the codebook by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from coding.acts import log
from coding.acts.applying import open_version
from coding.acts.columns import follow_codebook
from coding.history import DEPTH, Logged, Stacks, stacks
from coding.models import CodingEvent, EventKind
from ipe import audit, roles
from ipe.errors import NotReady

if TYPE_CHECKING:
    from ipe.models import Evaluation, User


def own_stacks(user: User, evaluation: Evaluation, version_id: UUID | None) -> Stacks:
    """What this person can undo and redo in this document (or, without one, in the codebook)."""
    latest = (
        CodingEvent.objects.filter(user=user, evaluation=evaluation)
        .filter(Q(version_id=version_id) if version_id else Q(version__isnull=True))
        .order_by("-id")
        .values_list("id", "kind", "of_id")[:DEPTH]
    )
    return stacks(Logged(id_, cast("Any", kind), of) for id_, kind, of in reversed(latest))


def undo(evaluation: Evaluation, *, version_id: UUID | None, by: User) -> CodingEvent:
    """Take back this person's latest act here. Returns the event that records it.

    Needs text.edit (in a document: at its site; for a merge or removal of a code: at every site).

    Raises
        NotReady: There is nothing to undo. Conflict: somebody changed the same thing since.
    """
    return _turn(evaluation, version_id, by, EventKind.UNDO)


def redo(evaluation: Evaluation, *, version_id: UUID | None, by: User) -> CodingEvent:
    """Do again what was undone last. As `undo` otherwise."""
    return _turn(evaluation, version_id, by, EventKind.REDO)


def _turn(evaluation: Evaluation, version_id: UUID | None, by: User, kind: EventKind) -> CodingEvent:
    with transaction.atomic():
        if version_id is None:
            roles.require(by, "text.edit", evaluation)
        else:
            version = open_version(version_id)
            roles.require(by, "text.edit", version.document.evaluation, version.document.wave.site)
        own = own_stacks(by, evaluation, version_id)
        number = own.next_undo if kind == EventKind.UNDO else own.next_redo
        if number is None:
            raise NotReady(
                "There is nothing to undo." if kind == EventKind.UNDO else "There is nothing to redo."
            )
        event = CodingEvent.objects.get(pk=number)
        if version_id is None and (event.before.get("codings") or event.after.get("codings")):
            roles.require_whole_study(by, "text.edit", evaluation)
        now, then = (event.after, event.before) if kind == EventKind.UNDO else (event.before, event.after)
        log.exchange(now, then)
        if now.get("codes") or then.get("codes"):
            follow_codebook(evaluation.codebook)
        made = log.add(
            event.verb,
            evaluation=evaluation,
            by=by,
            before=now,
            after=then,
            version_id=version_id,
            kind=kind,
            of=event,
        )
        audit.record(
            f"coding.{kind}",
            made,
            by=by,
            evaluation=evaluation,
            counts={"codings": max(len(now.get("codings", [])), len(then.get("codings", [])))},
        )
    return made


def touched_spans(event: CodingEvent) -> list[tuple[int, int]]:
    """Where in its document an event changed something."""
    rows = [*event.before.get("codings", []), *event.after.get("codings", [])]
    return sorted({(row[2], row[3]) for row in rows})
