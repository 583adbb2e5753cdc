"""The sealed sets of respondents behind published counts: written once, read to compare, thinned by
withdrawals.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Iterable, Mapping

from ipe import vault
from ipe.models import Evaluation
from releases.differencing import Published, with_rests
from releases.models import Release


def _where(release: Release) -> str:
    return f"releases_release.sealed_sets:{release.pk}"


def seal_sets(release: Release, sets: Mapping[str, frozenset[str]]) -> bytes:
    """The sets by digest, each person written once."""
    people = sorted(frozenset().union(*sets.values()))
    number = {person: place for place, person in enumerate(people)}
    cells = {digest: sorted(number[person] for person in members) for digest, members in sets.items()}
    text = json.dumps({"people": people, "cells": cells}, separators=(",", ":"))
    return vault.seal(vault.evaluation_scope(release.evaluation_id), text, where=_where(release))


def open_sets(releases: Iterable[Release]) -> dict[Release, dict[str, frozenset[str]]]:
    """The sets of each release by digest, keys read once for all."""
    each = [release for release in releases if release.sealed_sets]
    texts = vault.open_many(
        [
            (vault.evaluation_scope(release.evaluation_id), bytes(release.sealed_sets), _where(release))
            for release in each
        ]
    )
    opened = {}
    for release, text in zip(each, texts, strict=True):
        held = json.loads(text) if text else {"people": [], "cells": {}}
        people = held["people"]
        opened[release] = {
            digest: frozenset(people[place] for place in members) for digest, members in held["cells"].items()
        }
    return opened


def published(evaluation: Evaluation) -> list[Published]:
    """Every count of every release whose respondents are known, and the rest of its whole."""
    releases = Release.objects.filter(evaluation=evaluation).only(
        "id", "number", "evaluation", "sealed_sets", "wholes"
    )
    return [
        Published(digest, release.label, people)
        for release, sets in open_sets(releases).items()
        for digest, people in with_rests(sets, release.wholes).items()
    ]


def belongs(respondent: str, ids: Collection[str]) -> bool:
    """Is this respondent one of `ids`, in whatever wave? See `publishing` for how respondents are named."""
    return respondent in ids or respondent.partition("@")[0] in ids


def counting(evaluation: Evaluation, ids: Collection[str]) -> list[Release]:
    """Releases that counted any of these people."""
    releases = Release.objects.filter(evaluation=evaluation).order_by("number")
    return [
        release
        for release, sets in open_sets(releases).items()
        if any(belongs(person, ids) for people in sets.values() for person in people)
    ]


def forget(releases: Iterable[Release], ids: Collection[str]) -> int:
    """Put a random stand-in for each of these people into the sets; returns how many releases changed.

    The published count still has them, so the set must keep its size: without the stand-in, the same count
    made again without the person would pass as unchanged and the difference would tell their answer.
    """
    n_changed = 0
    for release, sets in open_sets(releases).items():
        gone = {person for people in sets.values() for person in people if belongs(person, ids)}
        if not gone:
            continue
        stand_ins = {person: f"withdrawn:{secrets.token_hex(8)}" for person in gone}
        thinned = {
            digest: frozenset(stand_ins.get(person, person) for person in people)
            for digest, people in sets.items()
        }
        release.sealed_sets = seal_sets(release, thinned)
        release.save(update_fields=["sealed_sets"])
        n_changed += 1
    return n_changed
