"""What releases answer to the other rooms' questions."""

from __future__ import annotations

import datetime as dt

from django.db.models import Q
from django.urls import reverse

from ipe.models import Evaluation, User
from ipe.rooms import Due, Effect, Erasure, Hit, NavPage, Room
from releases.models import Recall, Release
from releases.recalling import recall
from releases.recipients import may_tell


def erase(erasure: Erasure) -> list[Effect]:
    """Releases that quoted or counted the person, to be recalled. Only "delete" reaches what has left."""
    if erasure.scope != "delete":
        return []
    found = recall(
        erasure.evaluation,
        participant=erasure.participant,
        by=erasure.by,
        at=erasure.at,
        keeps_aggregates=erasure.after_cut_off,
        is_dry_run=erasure.dry_run,
    )
    return [
        Effect("releases_quoting", "releases with their words to recall", found.n_quoted),
        Effect("releases_counting", "releases with counts of them to recall", found.n_counted),
    ]


def due(evaluation: Evaluation, user: User, today: dt.date) -> list[Due]:
    """Recalls of which somebody has still to be told."""
    waiting = (
        Recall.objects.visible_to(user)
        .filter(release__evaluation=evaluation, settled_at=None)
        .select_related("release__evaluation", "release__site")
    )
    found: dict[object, Due] = {}
    for each in waiting:
        if each.release_id not in found and may_tell(user, each.release):
            found[each.release_id] = Due(
                label=f"Tell whoever has release {each.release.label}: it {each.get_cause_display()}",
                url=reverse("releases:release", kwargs={"slug": evaluation.slug, "pk": each.release_id}),
                site_id=each.release.site_id,
            )
    return list(found.values())


def find(evaluation: Evaluation, needle: str) -> list[Hit]:
    """Releases whose own words hold the string: title, purpose, filter or the definition of a count."""
    words = (
        Q(title__icontains=needle)
        | Q(purpose__icontains=needle)
        | Q(filter_text__icontains=needle)
        | Q(cells__definition__icontains=needle)
    )
    return [
        Hit(
            room="releases",
            label=f"Release {release.label}",
            url=reverse("releases:release", kwargs={"slug": evaluation.slug, "pk": release.pk}),
            verb="releases.read",
            site_id=release.site_id,
            is_of_every_site=release.site_id is None,
        )
        for release in Release.objects.filter(words, evaluation=evaluation).distinct()
    ]


ROOM = Room(
    name="releases",
    label="Releases",
    order=20,
    pages=(NavPage("Releases", "releases:releases", ("releases.read", "releases.own_schedule"), 110),),
    owns=frozenset({"releases.QuotedPerson"}),
    erase=erase,
    due=due,
    find=find,
)
