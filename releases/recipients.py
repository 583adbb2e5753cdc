"""Who has a released file, and whether they were told when it was recalled."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db import transaction
from django.utils import timezone

from ipe import audit, roles, vault
from ipe.errors import Invalid, NotReady, Refused
from ipe.models import User
from releases.models import Recall, Recipient, Release

_LONGEST = 200


def cleaned(given: Iterable[str]) -> tuple[str, ...]:
    """Names without blanks around them, each once.

    Raises
        Invalid: One is longer than a name can be.
    """
    names = tuple(dict.fromkeys(name for each in given if (name := " ".join(each.split()))))
    if any(len(name) > _LONGEST for name in names):
        raise Invalid(
            "Name one recipient at a time.", fields={"who": f"At most {_LONGEST} characters for a recipient."}
        )
    return names


def write(release: Release, names: Sequence[str], *, by: User | None) -> list[Recipient]:
    """The rows, inside the caller's transaction and under the caller's permission."""
    made = []
    for name in names:
        recipient = Recipient(release=release, added_by=by)
        recipient.sealed_who = vault.seal(
            vault.evaluation_scope(release.evaluation_id), name, where=_where(recipient)
        )
        recipient.save(force_insert=True)
        made.append(recipient)
    return made


def _where(recipient: Recipient) -> str:
    return f"releases_recipient.sealed_who:{recipient.pk}"


def names(release: Release, recipients: Sequence[Recipient]) -> list[str]:
    """Who they are, keys read once."""
    scope = vault.evaluation_scope(release.evaluation_id)
    opened = vault.open_many([(scope, bytes(each.sealed_who), _where(each)) for each in recipients])
    return [name if name is not None else "erased" for name in opened]


def may_add(user: User, release: Release) -> bool:
    """Report writers at every release they see, others at what they made themselves."""
    if roles.may(user, "releases.make", release.evaluation, release.site):
        return True
    return release.made_by_id == user.pk and any(
        roles.may(user, verb, release.evaluation, release.site)
        for verb in ("releases.read", "releases.own_schedule")
    )


def may_tell(user: User, release: Release) -> bool:
    """Whoever may add recipients, the data protection lead and the evaluation lead."""
    verbs = ("audit.edit", "releases.approve")
    return may_add(user, release) or any(
        roles.may(user, verb, release.evaluation, release.site) for verb in verbs
    )


def add(release: Release, who: str, *, by: User) -> Recipient:
    """Record that somebody has the file; somebody listed already is left as they are.

    Raises
        Refused: Neither a report writer nor the maker of the release.
        Invalid: Nobody is named.
    """
    if not may_add(by, release):
        raise Refused("Only a report writer, or whoever made the release, adds recipients.")
    wanted = cleaned([who])
    if not wanted:
        raise Invalid("Say who has the file.", fields={"who": "Say who has the file."})
    with transaction.atomic():
        Release.objects.select_for_update().get(pk=release.pk)
        listed: list[Recipient] = list(release.recipients.all())
        for recipient, name in zip(listed, names(release, listed), strict=True):
            if name.casefold() == wanted[0].casefold():
                return recipient
        made = write(release, wanted, by=by)[0]
        audit.record("releases.recipient_add", release, by=by, evaluation=release.evaluation)
    return made


def tell(recipient: Recipient, *, by: User) -> Recipient:
    """Record that this recipient was told of the recall; the recall is settled with the last of them. Told
    twice is told once.

    Raises
        Refused: The role does not include it.
        NotReady: The release is not recalled.
    """
    release = recipient.release
    _require_tell(by, release)
    with transaction.atomic():
        Release.objects.select_for_update().get(pk=release.pk)
        waiting = list(release.recalls.filter(settled_at=None))
        if not waiting and recipient.told_at is None:
            raise NotReady("This release is not recalled; there is nothing to tell.")
        recipient.refresh_from_db()
        if not waiting or (recipient.told_at and recipient.told_at >= max(each.asked_at for each in waiting)):
            return recipient
        recipient.told_at, recipient.told_by = timezone.now(), by
        recipient.save(update_fields=["told_at", "told_by"])
        audit.record("releases.recipient_told", release, by=by, evaluation=release.evaluation)
        if not untold(release):
            _settle(waiting, by=by)
    return recipient


def untold(release: Release) -> list[Recipient]:
    """Recipients who have not been told since the latest recall that waits."""
    waiting = [each.asked_at for each in release.recalls.all() if each.settled_at is None]
    if not waiting:
        return []
    return [each for each in release.recipients.all() if not each.told_at or each.told_at < max(waiting)]


def settle(release: Release, *, by: User) -> int:
    """Close the recalls of a release of which nobody (else) has a copy; returns how many were closed.

    Raises
        Refused: The role does not include it.
        NotReady: Recipients are listed who were not told.
    """
    _require_tell(by, release)
    with transaction.atomic():
        Release.objects.select_for_update().get(pk=release.pk)
        if n := len(untold(release)):
            who = "1 recipient has" if n == 1 else f"{n} recipients have"
            raise NotReady(f"{who} not been told yet. Tell them first.")
        waiting = list(release.recalls.filter(settled_at=None))
        if waiting:
            _settle(waiting, by=by)
            audit.record(
                "releases.recall_settled",
                release,
                by=by,
                evaluation=release.evaluation,
                counts={"recalls": len(waiting)},
            )
    return len(waiting)


def _require_tell(by: User, release: Release) -> None:
    if not may_tell(by, release):
        raise Refused("Your role does not include telling recipients of a recall.")


def _settle(waiting: Sequence[Recall], *, by: User) -> None:
    for recall in waiting:
        recall.settled_at, recall.settled_by = timezone.now(), by
        recall.save(update_fields=["settled_at", "settled_by"])
