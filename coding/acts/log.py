"""The event log: what was there before and after, as ids and offsets; and the way back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from coding.models import Code, CodeRevision, Coding, CodingEvent, EventKind, snapshot
from ipe.errors import Conflict

if TYPE_CHECKING:
    from uuid import UUID

    from ipe.models import Evaluation, User

Rows = list[list[Any]]
State = dict[str, Rows]


def state(codings: Iterable[Coding] = (), codes: Iterable[Code] = ()) -> State:
    """The rows of an event's `before` or `after`."""
    found: State = {}
    coding_rows = [snapshot(coding) for coding in codings]
    code_rows = [_code_row(code) for code in codes]
    if coding_rows:
        found["codings"] = coding_rows
    if code_rows:
        found["codes"] = code_rows
    return found


def _code_row(code: Code) -> list[Any]:
    return [
        str(code.pk),
        str(code.parent_id) if code.parent_id else None,
        code.level,
        code.order,
        code.retired_at is not None,
        str(code.merged_into_id) if code.merged_into_id else None,
        str(code.revision_id) if code.revision_id else None,
    ]


def add(
    verb: str,
    *,
    evaluation: Evaluation,
    by: User,
    before: State,
    after: State,
    version_id: UUID | None = None,
    kind: str = EventKind.DO,
    of: CodingEvent | None = None,
) -> CodingEvent:
    """Append one event in the caller's transaction."""
    return CodingEvent.objects.create(
        evaluation=evaluation,
        version_id=version_id,
        user=by,
        at=timezone.now(),
        kind=kind,
        of=of,
        verb=verb,
        before=before,
        after=after,
    )


def exchange(now: State, then: State) -> None:
    """Take the rows from `now` to `then`, in the caller's transaction.

    Raises
        Conflict: Somebody changed one of them since; nothing is changed.
    """
    try:
        with transaction.atomic():
            # Codes first when they come back into use, so that codings never stand under a retired code.
            _exchange_codes(now.get("codes", []), then.get("codes", []))
            _exchange_codings(now.get("codings", []), then.get("codings", []))
    except IntegrityError:
        raise Conflict(
            "This cannot be undone or redone any more: the same thing was done again since."
        ) from None


def _exchange_codings(now: Rows, then: Rows) -> None:
    was, wanted = {row[0]: row for row in now}, {row[0]: row for row in then}
    found = {row.pk: row for row in Coding.objects.filter(pk__in=[*was, *wanted]).select_for_update()}
    if any(key not in found or snapshot(found[key])[:6] != row[:6] for key, row in was.items()) or any(
        key in found for key in wanted if key not in was
    ):
        raise Conflict("This cannot be undone or redone any more: a coding was changed since.")
    # A coding under a code that left the codebook would be counted and never be seen.
    codes = {row[4] for key, row in wanted.items() if key not in was or row[4] != was[key][4]}
    if Code.objects.in_use().filter(pk__in=codes, is_codable=True).count() != len(codes):
        raise Conflict(
            "This cannot be undone or redone any more: its code was merged, removed or made a heading since."
        )
    Coding.objects.filter(pk__in=[key for key in was if key not in wanted]).delete()
    moment = timezone.now()
    for key, row in wanted.items():
        if key in was and row[:6] != was[key][:6]:
            _filled(found[key], row, moment).save()
    Coding.objects.bulk_create(
        # What comes back is what it was, so that a cell charted on it is not stale.
        [
            _filled(Coding(pk=key), row, dt.datetime.fromisoformat(row[6]))
            for key, row in wanted.items()
            if key not in was
        ]
    )


def _filled(coding: Coding, row: list[Any], moment: dt.datetime) -> Coding:
    _, version, start, end, code, coder, _ = row
    coding.version_id, coding.start, coding.end = version, start, end
    coding.code_id, coding.coder_id, coding.changed_at = code, coder, moment
    return coding


def _exchange_codes(now: Rows, then: Rows) -> None:
    was, wanted = {row[0]: row for row in now}, {row[0]: row for row in then}
    keys = {*was, *wanted}
    found = {str(code.pk): code for code in Code.objects.filter(pk__in=keys).select_for_update()}
    if any(key not in found or _code_row(found[key]) != row for key, row in was.items()):
        raise Conflict("This cannot be undone or redone any more: a code was changed since.")
    revisions = {
        str(row.pk): row for row in CodeRevision.objects.filter(pk__in=[row[6] for row in then if row[6]])
    }
    moment = timezone.now()
    for key in keys:
        code = found[key]
        if key not in wanted:  # a code that was added: it leaves the tree, its row stays for redo
            if code.codings.exists() or Code.objects.in_use().filter(parent=code).exists():
                raise Conflict("The code that was added is used by now. Merge it into another instead.")
            code.retired_at = moment
            code.save()
            continue
        _, parent, level, order, retired, merged_into, revision = wanted[key]
        code.parent_id, code.level, code.order, code.merged_into_id = parent, level, order, merged_into
        if retired != (code.retired_at is not None):
            code.retired_at = moment if retired else None
        if revision in revisions and revision != str(code.revision_id):
            then_was = revisions[revision]
            code.name, code.definition = then_was.name, then_was.definition
            code.colour, code.is_codable = then_was.colour, then_was.is_codable
            code.revision = then_was
        code.save()
