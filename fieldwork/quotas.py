"""How far the collection plan is: pure counting over plain records (SC-04)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class Planned:
    """One plan row at one wave. `target` None: everybody, no number. `minimum` None: the plan names none."""

    row_id: UUID
    site_id: UUID
    phase_id: UUID
    method: str
    group: str
    target: int | None
    minimum: int | None = None


@dataclass(frozen=True)
class Counted:
    """One activity, as far as it counts."""

    row_id: UUID | None
    site_id: UUID
    phase_id: UUID
    is_done: bool
    is_booked: bool
    is_overdue: bool
    n_taking_part: int
    withdrawn: frozenset[UUID] = frozenset()


@dataclass(frozen=True)
class Person:
    """One person's place in a wave, and whether they refused or withdrew."""

    person_id: UUID
    site_id: UUID
    phase_id: UUID
    group: str
    has_refused: bool
    has_withdrawn: bool


@dataclass(frozen=True)
class Quota:
    """One cell of the quota grid. `n_open` is what still has to be booked; a withdrawal raises it again."""

    planned: Planned
    n_booked: int
    n_done: int
    n_refused: int
    n_withdrawn: int
    n_overdue: int

    @property
    def n_open(self) -> int:
        return max((self.planned.target or 0) - self.n_booked - self.n_done, 0)

    @property
    def is_below_minimum(self) -> bool:
        return self.planned.minimum is not None and self.n_done < self.planned.minimum

    @property
    def is_complete(self) -> bool:
        return self.planned.target is not None and self.n_done >= self.planned.target


def quotas(
    planned: Iterable[Planned], activities: Iterable[Counted], people: Iterable[Person]
) -> list[Quota]:
    """One Quota for each planned cell, in its order.

    An activity counts as done when it was held and somebody who took part is still in the study: when the
    only person withdraws with deletion, it counts no more. Refusals and withdrawals are of people, once each.
    """
    activities, people = list(activities), list(people)
    found = []
    for plan in planned:
        cell = (plan.site_id, plan.phase_id)
        mine = [a for a in activities if a.row_id == plan.row_id and (a.site_id, a.phase_id) == cell]
        here = [p for p in people if (p.site_id, p.phase_id) == cell and plan.group and p.group == plan.group]
        withdrawn = {p.person_id for p in here if p.has_withdrawn}.union(*(a.withdrawn for a in mine))
        found.append(
            Quota(
                planned=plan,
                n_booked=sum(a.is_booked for a in mine),
                n_done=sum(a.is_done and a.n_taking_part > 0 for a in mine),
                n_refused=len({p.person_id for p in here if p.has_refused}),
                n_withdrawn=len(withdrawn),
                n_overdue=sum(a.is_overdue for a in mine),
            )
        )
    return found
