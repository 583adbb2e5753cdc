"""Counts of different releases held against each other: what can be learned by taking one from the other
(SD-09).

Pure computing. A new count is refused when an earlier one counts almost the same people: when one set lies
inside the other and 1 to k-1 people are in the larger only, or when the same cell was published for a set
that differs by 1 to k-1 people. A set that was published as it is tells nothing new, in whatever table it
stands. Who shows a part and its whole shows the rest as well ("20 of 50" counts 30 others), so that rests are
held against counts and rests alike.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Published:
    """A count shown in some release: which cell, which release (its label), which people."""

    digest: str
    release: str
    respondents: frozenset[str]


@dataclass(frozen=True, slots=True)
class Clash:
    """A new cell whose people differ too little from an earlier one's."""

    digest: str
    release: str
    n_people: int


_REST = "rest of "


def with_rests(sets: Mapping[str, frozenset[str]], wholes: Mapping[str, str]) -> dict[str, frozenset[str]]:
    """The sets by digest, and beside each part whose whole is among them the people in the whole alone."""
    rests = {
        _REST + part: sets[whole] - sets[part]
        for part, whole in wholes.items()
        if part in sets and whole in sets
    }
    return {**sets, **rests}


def cell_of(digest: str) -> str:
    """The digest of the cell that a set belongs to, be it the cell's own or its rest."""
    return digest.removeprefix(_REST)


def clashes(
    new: Sequence[tuple[str, frozenset[str]]], earlier: Iterable[Published], smallest: int
) -> list[Clash]:
    """At most one clash for each new cell, the first found.

    Sets are compared by size first: a nested pair that differs by fewer than `smallest` has sizes as close,
    so that few pairs are ever looked at member by member.
    """
    by_size: dict[int, list[Published]] = defaultdict(list)
    by_digest: dict[str, list[Published]] = defaultdict(list)
    known: set[frozenset[str]] = set()
    for each in earlier:
        by_size[len(each.respondents)].append(each)
        by_digest[each.digest].append(each)
        known.add(each.respondents)
    found = []
    for digest, people in new:
        if people in known:
            continue
        clash = _same_cell(digest, people, by_digest[digest], smallest) or _nested(
            digest, people, by_size, smallest
        )
        if clash:
            found.append(clash)
    return found


def _same_cell(
    digest: str, people: frozenset[str], earlier: Sequence[Published], smallest: int
) -> Clash | None:
    for each in earlier:
        if 0 < (n := len(people ^ each.respondents)) < smallest:
            return Clash(digest, each.release, n)
    return None


def _nested(
    digest: str, people: frozenset[str], by_size: dict[int, list[Published]], smallest: int
) -> Clash | None:
    for size in range(max(0, len(people) - smallest + 1), len(people) + smallest):
        for each in by_size.get(size, ()):
            # The empty set lies inside every other; that few people are counted is the smallest count's
            # matter.
            if not people or not each.respondents:
                continue
            if people < each.respondents or each.respondents < people:
                return Clash(digest, each.release, abs(len(people) - size))
    return None
