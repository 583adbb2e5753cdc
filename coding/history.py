"""Undo and redo from an append-only log: which event comes next, worked out by replaying the kinds.

An event is something done, or the undoing or redoing of an earlier event. Nothing in the log is ever changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

EventKind = Literal["do", "undo", "redo"]
DEPTH = 200
"""How many of a person's latest events are replayed: the limit of undo."""


class Logged(NamedTuple):
    """`of` is the event undone or redone; None for something done."""

    id: int
    kind: EventKind
    of: int | None


@dataclass(frozen=True, slots=True)
class Stacks:
    """Ids of events that can be undone and redone, the next one last."""

    undo: tuple[int, ...]
    redo: tuple[int, ...]

    @property
    def next_undo(self) -> int | None:
        return self.undo[-1] if self.undo else None

    @property
    def next_redo(self) -> int | None:
        return self.redo[-1] if self.redo else None


def stacks(events: Iterable[Logged]) -> Stacks:
    """Replay, oldest first. Doing something new empties the redo side, as in every editor.

    An undo or redo whose event lies before the events given is passed over.
    """
    undo: list[int] = []
    redo: list[int] = []
    for event in events:
        if event.kind == "do":
            undo.append(event.id)
            redo.clear()
        elif event.kind == "undo" and event.of in undo:
            undo.remove(event.of)
            redo.append(event.of)
        elif event.kind == "redo" and event.of in redo:
            redo.remove(event.of)
            undo.append(event.of)
    return Stacks(tuple(undo), tuple(redo))
