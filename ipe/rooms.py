"""The room port: the few questions that need an answer from every room.

`ipe` and `consent` ask here and import no room above them. Each app registers its `ROOM` (in its `room.py`) from
`AppConfig.ready`. Every answer is optional; the defaults say nothing.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from django.db.models import Model
    from pydantic import BaseModel

    from ipe.models import Evaluation, User


@dataclass(frozen=True)
class NavPage:
    """A place in the left navigation: shown to people for whom any of `verbs` holds."""

    label: str
    url_name: str
    verbs: tuple[str, ...]
    order: int
    key: str = ""
    icon: str = ""


@dataclass(frozen=True)
class Erasure:
    """What a withdrawal asks every room to erase. With `dry_run` the room only counts.

    scope "contact": no further contact; "future": nothing from future phases; "delete": delete what can be deleted.
    `participant` is a consent.Participant. `after` is the moment from which activities count as future.
    """

    evaluation: Evaluation
    participant: Any
    scope: Literal["contact", "future", "delete"]
    by: User
    at: dt.datetime
    dry_run: bool = False
    after_cut_off: bool = False


@dataclass(frozen=True)
class Effect:
    """One line of a withdrawal's preview or receipt: "interviews cancelled", 2. `code` is stable, for the receipt."""

    code: str
    label: str
    count: int
    is_pending: bool = False


@dataclass(frozen=True)
class Edit:
    """Code points [start, end) of the old text become `text`."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Move:
    """A new version replaces an old one by known edits, sorted and disjoint; everything anchored moves by arithmetic."""

    old: Any
    new: Any
    edits: tuple[Edit, ...]
    by: User | None


@dataclass(frozen=True)
class Due:
    """Something that waits to be done."""

    label: str
    url: str
    due_on: dt.date | None = None
    site_id: uuid.UUID | None = None
    is_overdue: bool = False


@dataclass(frozen=True)
class Hit:
    """A place where a searched string stands. The label names the place, never the text.

    That a place holds a name tells whose it is: `verb` and `site_id` say who may know of it (no site: whoever
    has the verb; `is_of_every_site`: whoever has it everywhere).
    """

    room: str
    label: str
    url: str
    verb: str
    site_id: uuid.UUID | None = None
    is_of_every_site: bool = False


@dataclass(frozen=True)
class Progress:
    """How far one method is at one site in one phase. `target` None: no number was planned."""

    site_id: uuid.UUID
    phase_id: uuid.UUID
    method: str
    n_done: int
    target: int | None = None
    n_booked: int = 0
    is_due: bool = False
    is_overdue: bool = False
    url: str = ""


@dataclass(frozen=True)
class Retention:
    """Rows of one data class that are due to be deleted."""

    data_class: str
    rule: str
    due_on: dt.date
    n_rows: int
    url: str


@dataclass(frozen=True)
class Assigned:
    """What a researcher may see because it was assigned to them, by id."""

    participants: frozenset[uuid.UUID] = frozenset()
    documents: frozenset[uuid.UUID] = frozenset()


class Section(Protocol):
    """A part of the protocol file that a room reads and writes. `model` checks it; `read` gives what `write` takes."""

    name: str
    model: type[BaseModel]

    def read(self, evaluation: Evaluation) -> Any: ...
    def write(self, evaluation: Evaluation, section: Any, report: Any) -> None: ...


@dataclass(frozen=True)
class Room:
    name: str
    label: str
    order: int
    pages: tuple[NavPage, ...] = ()
    # Models that reach a participant or a document version, declared so that none is forgotten by an erasure.
    owns: frozenset[str] = frozenset()
    erase: Callable[[Erasure], list[Effect]] = lambda erasure: []
    move: Callable[[Move], int] = lambda move: 0
    due: Callable[[Evaluation, User, dt.date], list[Due]] = lambda evaluation, user, today: []
    find: Callable[[Evaluation, str], list[Hit]] = lambda evaluation, needle: []
    retain: Callable[[Evaluation, dt.date], list[Retention]] = lambda evaluation, today: []
    assigned: Callable[[User], Assigned] = lambda user: Assigned()
    progress: Callable[[Evaluation, User, dt.date], list[Progress]] = lambda evaluation, user, today: []
    protocol_section: Section | None = None
    # Tells the shell whether evidence hangs on a row of the study design: label -> count.
    evidence: Callable[[Model], Mapping[str, int]] = field(default=lambda row: {})


_rooms: dict[str, Room] = {}


def register(room: Room) -> None:
    """Called once per process by each app; a second room of the same name is a mistake."""
    if room.name in _rooms and _rooms[room.name] is not room:
        raise RuntimeError(f"two rooms are called {room.name}")
    _rooms[room.name] = room


def all_rooms() -> list[Room]:
    """Every room, from the bottom of the house to the top."""
    return sorted(_rooms.values(), key=lambda room: room.order)


def erase(erasure: Erasure) -> list[Effect]:
    """Every room's effects, from the top of the house down: what quotes goes before what is quoted."""
    return [effect for room in reversed(all_rooms()) for effect in room.erase(erasure)]


def move(moved: Move) -> int:
    return sum(room.move(moved) for room in all_rooms())


def find(evaluation: Evaluation, needle: str) -> list[Hit]:
    """Every place in the study. To show them to somebody, ask `found_for`."""
    return [hit for room in all_rooms() for hit in room.find(evaluation, needle)]


@dataclass(frozen=True)
class Found:
    """The places that a person may know of, and how many more there are; that number is for the audit trail only."""

    hits: tuple[Hit, ...]
    n_others: int


def found_for(user: User, evaluation: Evaluation, needle: str) -> Found:
    """The places of a string that this person's role and sites include."""
    from ipe import roles  # roles asks the port what was assigned

    reached = {verb: roles.sites_for(user, verb, evaluation) for verb in roles.VERBS}
    places = find(evaluation, needle)

    def may_know(hit: Hit) -> bool:
        sites = reached[hit.verb]  # None: every site; empty: none
        if hit.site_id is None and not hit.is_of_every_site:
            return roles.may(user, hit.verb, evaluation)
        return sites is None or hit.site_id in sites

    kept = tuple(hit for hit in places if may_know(hit))
    return Found(kept, len(places) - len(kept))


def due(evaluation: Evaluation, user: User, today: dt.date) -> list[Due]:
    found = [item for room in all_rooms() for item in room.due(evaluation, user, today)]
    return sorted(found, key=lambda item: (not item.is_overdue, item.due_on or dt.date.max, item.label))


def retained(evaluation: Evaluation, today: dt.date) -> list[Retention]:
    return [row for room in all_rooms() for row in room.retain(evaluation, today)]


def progress(evaluation: Evaluation, user: User, today: dt.date) -> list[Progress]:
    return [row for room in all_rooms() for row in room.progress(evaluation, user, today)]


def assigned(user: User) -> Assigned:
    answers = [room.assigned(user) for room in all_rooms()]
    return Assigned(
        frozenset().union(*(answer.participants for answer in answers)),
        frozenset().union(*(answer.documents for answer in answers)),
    )


def sections() -> dict[str, Section]:
    return {
        room.protocol_section.name: room.protocol_section for room in all_rooms() if room.protocol_section
    }


def evidence(row: Model) -> dict[str, int]:
    """What hangs on a row of the study design, by plain label; empty when it may be removed."""
    return {label: n for room in all_rooms() for label, n in room.evidence(row).items() if n}
