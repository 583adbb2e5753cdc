"""Withdrawal: what one person's leaving reaches, in every room, and the receipt that proves it without
content."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from django.db import transaction
from django.utils import timezone

from consent.models import DeletionLedger, Participant, Withdrawal
from consent.states import Reason, Scope, Status, covers
from ipe import audit, jobs, roles, rooms, vault
from ipe.errors import Invalid, NotFound, Refused
from ipe.models import Evaluation, StoredFile, User
from ipe.rooms import Effect, Erasure

FINISH = "consent.finish_withdrawal"


@dataclass(frozen=True)
class Preview:
    """What withdrawing would do, in counts, with the cut-off rule that applies (CN-15, CN-16)."""

    scope: Scope
    effects: tuple[Effect, ...]
    cut_off_on: dt.date | None
    is_after_cut_off: bool

    @property
    def cut_off_rule(self) -> str:
        if self.scope != Scope.DELETE:
            return "What was collected so far stays in the study; it can still be deleted later on request."
        if self.cut_off_on is None:
            return (
                "The study has no date yet on which aggregated analysis begins, so everything that belongs "
                "to this person alone is deleted."
            )
        day = f"{self.cut_off_on.day} {self.cut_off_on:%b %Y}"
        if self.is_after_cut_off:
            return (
                f"Aggregated analysis began on {day}. Results that already count this person stay, because "
                "a single person can no longer be taken out of them. Every further use stops, and what still "
                "belongs to this person alone is deleted."
            )
        return f"Aggregated analysis begins on {day}. Until then everything of this person can be deleted."


def may_withdraw(participant: Participant, user: User) -> bool:
    return any(
        roles.may(user, verb, participant.evaluation, participant.site)
        for verb in ("consent.edit", "contacts.erase")
    )


def require_right(participant: Participant, by: User) -> None:
    """The fieldwork lead of the site and the data protection lead may record a withdrawal.

    Raises
        Refused, NotFound: Neither.
    """
    if may_withdraw(participant, by):
        return
    roles.require(by, "consent.edit", participant.evaluation, participant.site)
    raise Refused("Your role in this study does not include recording withdrawals.")


def _is_after_cut_off(evaluation: Evaluation, at: dt.datetime) -> bool:
    cut_off = evaluation.analysis_cut_off_on
    return cut_off is not None and timezone.localdate(at) >= cut_off


def _erasure(participant: Participant, scope: str, by: User, at: dt.datetime, *, dry_run: bool) -> Erasure:
    return Erasure(
        evaluation=participant.evaluation,
        participant=participant,
        scope=cast(Any, str(scope)),
        by=by,
        at=at,
        dry_run=dry_run,
        after_cut_off=_is_after_cut_off(participant.evaluation, at),
    )


def preview(participant: Participant, *, scope: str, by: User) -> Preview:
    """Ask every room what a withdrawal would do; changes nothing.

    Raises
        Refused, NotFound: No right to record withdrawals at this site.
        Invalid: No such scope.
    """
    require_right(participant, by)
    if scope not in Scope.values:
        raise Invalid("Choose how far the withdrawal goes.", fields={"scope": "Choose one of the three."})
    at = timezone.now()
    effects = rooms.erase(_erasure(participant, scope, by, at, dry_run=True))
    return Preview(
        scope=Scope(scope),
        effects=tuple(effect for effect in effects if effect.count),
        cut_off_on=participant.evaluation.analysis_cut_off_on,
        is_after_cut_off=_is_after_cut_off(participant.evaluation, at),
    )


def standing_withdrawal(participant: Participant) -> Withdrawal | None:
    """The furthest-reaching withdrawal of a person."""
    rows = list(participant.withdrawals.all())
    return max(rows, key=lambda row: list(Scope).index(Scope(row.scope)), default=None)


@transaction.atomic
def withdraw(participant: Participant, *, scope: str, by: User, reason: str = Reason.NOT_GIVEN) -> Withdrawal:
    """Withdraw a person as far as they wish, in every room, in one transaction.

    With "delete" the person's key goes too: nothing sealed under it opens afterwards. Files and whatever else
    a room does in the background follow as jobs; the receipt is pending until they are done. Repeating it, or
    asking for less than already holds, gives the receipt that stands, and takes up again what had stopped.

    Raises
        Refused, NotFound: No right to record withdrawals at this site.
        Invalid: No such scope or reason.
    """
    require_right(participant, by)
    if scope not in Scope.values:
        raise Invalid("Choose how far the withdrawal goes.", fields={"scope": "Choose one of the three."})
    if reason not in Reason.values:
        raise Invalid(
            "Choose a reason.", fields={"reason": "Choose one of the reasons, or “no reason given”."}
        )
    held = _locked(participant.pk)
    earlier = standing_withdrawal(held)
    if earlier is not None and covers(earlier.scope, scope):
        if earlier.has_stopped:
            _ask_to_finish(earlier)
        return earlier
    at = timezone.now()
    row = _carry_out(held, scope=scope, reason=reason, by=by, at=at, withdrawal_id=uuid.uuid4())
    counts = {effect["code"]: effect["count"] for effect in row.counts}
    audit.record(f"withdrawal.{scope}", held, by=by, evaluation=held.evaluation, counts=counts)
    return row


def _locked(participant_id: uuid.UUID) -> Participant:
    people = Participant.objects.select_for_update(of=("self",)).select_related("evaluation", "site")
    return people.get(pk=participant_id)


def _carry_out(
    held: Participant, *, scope: str, reason: str, by: User, at: dt.datetime, withdrawal_id: uuid.UUID
) -> Withdrawal:
    """Erase, write receipt and ledger, and ask for the job that finishes; in the caller's transaction."""
    erasure = _erasure(held, scope, by, at, dry_run=False)
    effects = rooms.erase(erasure)
    held.status = Status.ERASED if scope == Scope.DELETE else Status.WITHDRAWN
    held.save(update_fields=["status"])
    row = Withdrawal(
        id=withdrawal_id,
        participant=held,
        scope=scope,
        reason=reason,
        cut_off_on=held.evaluation.analysis_cut_off_on,
        is_after_cut_off=erasure.after_cut_off,
        by=by,
        at=at,
        counts=[_line(effect) for effect in effects if effect.count],
    )
    row.full_clean()
    row.save(force_insert=True)
    DeletionLedger.objects.get_or_create(
        withdrawal_id=row.pk,
        defaults={
            "evaluation_id": held.evaluation_id,
            "participant_id": held.pk,
            "scope": scope,
            "reason": reason,
            "by_id": by.pk,
            "at": at,
        },
    )
    if scope == Scope.DELETE:
        vault.destroy_key(vault.participant_scope(held.pk))
        _ask_to_finish(row)
    return row


def _ask_to_finish(row: Withdrawal) -> None:
    # Nobody's own job: whoever recorded the withdrawal could stop it before the bytes are gone.
    person, n_before = row.participant, row.jobs().count()
    key = f"{FINISH}:{row.pk}:{n_before}"
    jobs.enqueue(FINISH, person, by=None, evaluation=person.evaluation, key=key)


def _line(effect: Effect) -> dict[str, Any]:
    """What the receipt keeps of an effect: our own words and a number."""
    return {
        "code": effect.code,
        "label": effect.label,
        "count": effect.count,
        "is_pending": effect.is_pending,
    }


def finish(participant_id: uuid.UUID) -> int:
    """Make sure that key and bytes are gone, also when a process died right after the withdrawal.

    Safe to repeat; returns how many files were taken up again. Runs inside the job's transaction.
    """
    scope = vault.participant_scope(participant_id)
    latest = Withdrawal.objects.filter(participant=participant_id, scope=Scope.DELETE).first()
    if latest is None:
        return 0
    vault.destroy_key(scope)
    evaluation = latest.participant.evaluation_id
    left = StoredFile.objects.filter(scope=scope) | StoredFile.objects.filter(
        evaluation=evaluation, erased_at__gte=latest.at
    )
    files = list(left.distinct())
    for stored in files:
        vault.erase_file(stored)
    return len(files)


# The ledger


def export_ledger() -> list[dict[str, Any]]:
    """Every withdrawal ever carried out, as ids, for keeping beside the backups."""
    return [row.as_record() for row in DeletionLedger.objects.all()]


@dataclass(frozen=True)
class Replayed:
    n_entries: int
    n_repeated: int
    n_without_person: int


def replay_ledger(records: Iterable[Mapping[str, str]] = ()) -> Replayed:
    """Carry out again what a restored backup has brought back (CN-21): its own ledger and the `records` kept
    apart.

    An entry whose receipt stands changes nothing. Keys are destroyed again whether or not the person is
    there.

    Raises
        Invalid: A record is not one of `export_ledger`.
    """
    entries = {row.withdrawal_id: row for row in DeletionLedger.objects.all()}
    for number, record in enumerate(records, start=1):
        row = _entry(record, number)
        entries.setdefault(row.withdrawal_id, row)
    n_repeated = n_without = 0
    for row in sorted(entries.values(), key=lambda entry: entry.at):
        outcome = _replay(row)
        n_repeated += outcome == "repeated"
        n_without += outcome == "without person"
    vault.rewrite_databases()
    return Replayed(len(entries), n_repeated, n_without)


def _entry(record: Mapping[str, str], number: int) -> DeletionLedger:
    try:
        row = DeletionLedger(
            **{
                f"{name}_id": uuid.UUID(record[f"{name}_id"])
                for name in ("evaluation", "participant", "withdrawal", "by")
            },
            scope=Scope(record["scope"]),
            reason=Reason(record["reason"]),
            at=dt.datetime.fromisoformat(record["at"]),
        )
    except (KeyError, ValueError, TypeError) as error:
        raise Invalid(f"Line {number} is not an entry of a deletion ledger.") from error
    if row.at.tzinfo is None:
        raise Invalid(f"Line {number} has a time without a time zone.")
    return row


@transaction.atomic
def _replay(row: DeletionLedger) -> str:
    if row.pk is None:
        row.save(force_insert=True)
    if row.scope == Scope.DELETE:
        vault.destroy_key(vault.participant_scope(row.participant_id))
    if Withdrawal.objects.filter(pk=row.withdrawal_id).exists():
        return "stands"
    if not Participant.objects.filter(pk=row.participant_id).exists():
        return "without person"
    held = _locked(row.participant_id)
    by = User.objects.filter(pk=row.by_id).first()
    if by is None:
        raise NotFound("The person who recorded a withdrawal is not in the restored database.")
    earlier = standing_withdrawal(held)
    if earlier is not None and covers(earlier.scope, row.scope):
        return "stands"
    done = _carry_out(
        held, scope=row.scope, reason=row.reason, by=by, at=row.at, withdrawal_id=row.withdrawal_id
    )
    counts = {line["code"]: line["count"] for line in done.counts}
    audit.record("withdrawal.replayed", held, by=None, evaluation=held.evaluation, counts=counts)
    return "repeated"
