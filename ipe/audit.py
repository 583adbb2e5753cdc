"""The audit trail: append-only, chained by HMAC, written in the transaction of what it records.

An event holds ids, counts and field names. The chain shows a changed, removed or inserted event; somebody who holds
the master key could rebuild it, so the head (`manage.py audit head`) is to be kept in a second place.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.db import models, transaction
from django.utils import timezone

from ipe import crypto, vault
from ipe.models import AuditEvent, AuditHead, Evaluation, User

START = "0" * 64


def _message(event: AuditEvent) -> bytes:
    return json.dumps(
        [
            event.previous,
            event.at.isoformat(),
            str(event.actor_id or ""),
            str(event.evaluation_id or ""),
            event.action,
            event.subject_type,
            event.subject_id,
            event.counts,
            event.fields,
        ],
        sort_keys=True,
    ).encode()


def record(
    action: str,
    subject: models.Model,
    *,
    by: User | None,
    evaluation: Evaluation | None = None,
    counts: Mapping[str, int] | None = None,
    fields: Iterable[str] = (),
) -> AuditEvent:
    """Add one event in the caller's transaction.

    `counts` are whole numbers by name and `fields` names of model fields, so that no content can enter.
    Raises TypeError for anything else.
    """
    counts = dict(counts or {})
    if not all(isinstance(value, int) for value in counts.values()):
        raise TypeError("an audit event holds counts only")
    with transaction.atomic():
        head, _ = AuditHead.objects.select_for_update().get_or_create(id=1, defaults={"code": START})
        event = AuditEvent(
            at=timezone.now(),
            actor_id=by.pk if by else None,
            evaluation=evaluation,
            action=action,
            subject_type=subject._meta.label,
            subject_id=str(subject.pk),
            counts=counts,
            fields=sorted(fields),
            previous=head.code,
        )
        event.code = crypto.code_of(vault.master_key("audit"), _message(event))
        event.save(force_insert=True)
        head.code = event.code
        head.n_events += 1
        head.save()
    return event


@dataclass(frozen=True)
class Verified:
    """The outcome of a check of the chain; `broken_at` is the number of the first event that does not fit."""

    n_events: int
    head: str
    broken_at: int | None

    @property
    def is_whole(self) -> bool:
        return self.broken_at is None


def verify(*, kept: tuple[int, str] | None = None) -> Verified:
    """Follow the chain from its start, in pages so that no read cursor stays open.

    `kept` is an earlier head, as (number of events, code): the chain must still pass through it. Without it a chain
    whose end was cut, and whose head was put back, looks whole.
    """
    previous, number, n_events = START, 0, 0
    key = vault.master_key("audit")
    while page := list(AuditEvent.objects.filter(number__gt=number).order_by("number")[:1000]):
        for event in page:
            if event.previous != previous or crypto.code_of(key, _message(event)) != event.code:
                return Verified(n_events, previous, event.number)
            previous, number, n_events = event.code, event.number, n_events + 1
            if kept and n_events == kept[0] and event.code != kept[1]:
                return Verified(n_events, previous, number)
    if kept and n_events < kept[0]:
        return Verified(n_events, previous, number + 1)
    head = AuditHead.objects.filter(id=1).first()
    expected = (head.code, head.n_events) if head else (START, 0)
    return Verified(n_events, previous, None if expected == (previous, n_events) else number + 1)
