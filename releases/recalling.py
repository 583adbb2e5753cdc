"""What a withdrawal means for files that have left: they are listed to be recalled, and the person is taken
out.

Rooms whose answers are anonymous know which responses were the person's; they call `recall` with the ids of
those responses before they delete them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Q

from consent.models import Participant
from ipe import audit
from ipe.models import Evaluation, User
from releases import ledger
from releases.models import QuotedPerson, Recall, Release, State


@dataclass(frozen=True)
class Recalled:
    """How many releases quoted and how many counted the person."""

    n_quoted: int
    n_counted: int


def recall(
    evaluation: Evaluation,
    *,
    participant: Participant | None = None,
    respondents: Collection[str] = (),
    by: User | None,
    at: dt.datetime,
    keeps_aggregates: bool = False,
    is_dry_run: bool = False,
) -> Recalled:
    """Ask for the recall of every release that quoted or counted this person, and take the person out of it.

    With `keeps_aggregates` (a withdrawal after the cut-off) releases that only counted them are not recalled.
    In sealed sets a random stand-in takes the person's place. Called by a withdrawal, which asked for
    permission. Safe to repeat: what was taken out is not found again.
    """
    ids = frozenset(respondents) | ({str(participant.pk)} if participant else frozenset())
    quoted = list(
        Release.objects.filter(evaluation=evaluation, quoted__participant=participant).distinct()
        if participant
        else []
    )
    counted = ledger.counting(evaluation, ids)
    to_recall = [] if keeps_aggregates else counted
    outcome = Recalled(len(quoted), len(to_recall))
    if is_dry_run:
        return outcome
    with transaction.atomic():
        for cause, releases in ((Recall.Cause.QUOTED, quoted), (Recall.Cause.COUNTED, to_recall)):
            for release in releases:
                _ask(release, cause, at)
        if participant:
            QuotedPerson.objects.filter(participant=participant).delete()
        ledger.forget(counted, ids)
        for release in {release.pk: release for release in [*quoted, *to_recall]}.values():
            audit.record("releases.recall", release, by=by, evaluation=evaluation)
    return outcome


def reword(evaluation: Evaluation, said: Collection[str], instead: str) -> int:
    """Put other words in place of a withdrawn person's own where the ledger names what left (a code called after
    them). Part of a withdrawal, in its transaction. Returns how many releases changed.
    """
    n_changed = 0
    for words in sorted(said, key=len, reverse=True):
        for release in Release.objects.filter(evaluation=evaluation).filter(
            Q(title__contains=words) | Q(purpose__contains=words) | Q(filter_text__contains=words)
        ):
            for name in ("title", "purpose", "filter_text"):
                setattr(release, name, getattr(release, name).replace(words, instead))
            release.save(update_fields=["title", "purpose", "filter_text"])
            n_changed += 1
    return n_changed


def _ask(release: Release, cause: str, at: dt.datetime) -> None:
    Recall.objects.create(release=release, cause=cause, asked_at=at)
    release.state = State.RECALLED
    release.save(update_fields=["state"])
