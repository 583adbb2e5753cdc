"""Who would be in two places at once: pure, over half-open intervals of aware moments."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

TRAVEL = dt.timedelta(minutes=30)


@dataclass(frozen=True)
class Slot:
    """An activity's time and people. `names` says how each id is called in a message."""

    code: str
    starts_at: dt.datetime
    ends_at: dt.datetime
    is_in_person: bool
    researchers: frozenset[UUID] = frozenset()
    participants: frozenset[UUID] = frozenset()
    names: Mapping[UUID, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Clash:
    """One person who is taken. `code` is empty where the other activity may not be named."""

    who: str
    code: str
    is_travel: bool = False

    def __str__(self) -> str:
        other = f" ({self.code})" if self.code else ""
        if self.is_travel:
            minutes = int(TRAVEL.total_seconds() // 60)
            return f"{self.who} has less than {minutes} minutes between this and another activity{other}."
        return f"{self.who} is booked for another activity at this time{other}."


def overlap(
    one: tuple[dt.datetime, dt.datetime], other: tuple[dt.datetime, dt.datetime], *, gap: dt.timedelta
) -> bool:
    """Whether two half-open intervals overlap or lie closer than `gap`; touching ends with no gap do not."""
    return one[0] < other[1] + gap and other[0] < one[1] + gap


def clashes(slot: Slot, others: Iterable[Slot]) -> list[Clash]:
    """Everybody of `slot` who is also in one of `others` at the time (SC-02).

    Researchers need `TRAVEL` between two activities when both are in person; participants only must not
    overlap.
    """
    found: list[Clash] = []
    times = (slot.starts_at, slot.ends_at)
    for other in others:
        theirs = (other.starts_at, other.ends_at)
        overlaps = overlap(times, theirs, gap=dt.timedelta())
        near = slot.is_in_person and other.is_in_person and overlap(times, theirs, gap=TRAVEL)
        if overlaps:
            shared = (slot.researchers & other.researchers) | (slot.participants & other.participants)
        elif near:
            shared = slot.researchers & other.researchers
        else:
            continue
        found += [Clash(slot.names.get(who, "Somebody"), other.code, not overlaps) for who in shared]
    return sorted(found, key=lambda clash: (clash.who, clash.code))
