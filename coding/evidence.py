"""Which codings are the evidence of which cell: codings in a case, under a subtheme and its codes.

Pure arithmetic over spans. A case reaches a stretch of a version: a whole document (an interview, a group, a
site) or the turns of one speaker (a member of a focus group). A coding belongs to a case when it touches one of
these stretches.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID


class Evidence(NamedTuple):
    """One coding: where it stands, under which code, and when somebody last changed it."""

    id: int
    version: UUID
    start: int
    end: int
    code: UUID
    changed_at: datetime


class Reach:
    """The stretches of each version that belong to a case."""

    def __init__(self) -> None:
        self._whole: dict[Hashable, set[Hashable]] = defaultdict(set)
        self._turns: dict[Hashable, list[tuple[int, int, Hashable]]] = defaultdict(list)
        self._starts: dict[Hashable, list[int]] = {}

    def add_document(self, version: Hashable, case: Hashable) -> None:
        self._whole[version].add(case)

    def add_turns(self, version: Hashable, case: Hashable, turns: Iterable[tuple[int, int]]) -> None:
        self._turns[version] += [(start, end, case) for start, end in turns]
        self._starts.pop(version, None)

    def cases(self, version: Hashable, start: int, end: int) -> set[Hashable]:
        """The cases to which a span of a version belongs."""
        found = set(self._whole.get(version, ()))
        turns = self._turns.get(version)
        if not turns:
            return found
        ends = self._starts.get(version)
        if ends is None:
            # Turns do not overlap, so sorting by end sorts by start as well (two cases may share a turn).
            turns.sort(key=lambda turn: turn[1])
            ends = self._starts[version] = [turn[1] for turn in turns]
        at = bisect_left(ends, start + 1)
        while at < len(turns) and turns[at][0] < end:
            found.add(turns[at][2])
            at += 1
        return found


def by_cell(
    codings: Iterable[Evidence], reach: Reach, columns_of: Mapping[Hashable, Sequence[Hashable]]
) -> dict[tuple[Hashable, Hashable], list[Evidence]]:
    """(case, column) → its codings in order of place. `columns_of` names the columns that each code feeds."""
    cells: dict[tuple[Hashable, Hashable], list[Evidence]] = defaultdict(list)
    for coding in codings:
        columns = columns_of.get(coding.code)
        if not columns:
            continue
        for case in reach.cases(coding.version, coding.start, coding.end):
            for column in columns:
                cells[(case, column)].append(coding)
    return cells


@dataclass(frozen=True, slots=True)
class Staleness:
    """What happened to a cell's evidence after its summary was saved: ids of codings."""

    new: tuple[int, ...]
    changed: tuple[int, ...]
    gone: tuple[int, ...]

    def __bool__(self) -> bool:
        return bool(self.new or self.changed or self.gone)

    @property
    def words(self) -> str:
        parts = [(self.new, "new"), (self.changed, "changed"), (self.gone, "gone")]
        return ", ".join(f"{len(ids)} {word}" for ids, word in parts if ids)


def staleness(now: Iterable[Evidence], seen: Iterable[int], charted_at: datetime | None) -> Staleness:
    """Compare the evidence of a cell with what its author saw (`seen`) when the summary was last saved."""
    known = set(seen)
    current = list(now)
    ids = {coding.id for coding in current}
    changed = tuple(
        coding.id
        for coding in current
        if coding.id in known and charted_at is not None and coding.changed_at > charted_at
    )
    return Staleness(
        tuple(coding.id for coding in current if coding.id not in known),
        changed,
        tuple(sorted(known - ids)),
    )


def uncovered(now: Iterable[Evidence], links: Iterable[tuple[Hashable, int, int]]) -> list[Evidence]:
    """Codings of a cell that no quote link of its summary touches."""
    linked = list(links)
    return [
        coding
        for coding in now
        if not any(v == coding.version and s < coding.end and coding.start < e for v, s, e in linked)
    ]
