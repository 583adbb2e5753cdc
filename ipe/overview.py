"""The picture of a study: sites by phases, in each cell how far every method is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ipe.rooms import Due, Progress, Retention
from ipe.words import Method

# Short enough for a cell; the long word stands in the accessible text.
SHORT: dict[str, str] = {
    Method.ADMIN_DATA: "Admin data",
    Method.SURVEY: "Survey",
    Method.INTERVIEW: "Interviews",
    Method.FOCUS_GROUP: "Groups",
    Method.OBSERVATION: "Observed",
    Method.DOCUMENT_REVIEW: "Documents",
}
DOTS_AT_MOST = 5


@dataclass(frozen=True)
class Line:
    """One method in one cell. `target` None: no number was planned. `marks` draw small numbers as dots."""

    label: str
    long_label: str
    n_done: int
    n_booked: int
    target: int | None
    is_due: bool
    is_overdue: bool
    url: str

    @property
    def marks(self) -> tuple[str, ...]:
        """A dot for each piece of work: done, booked, or still to arrange; none where figures are clearer."""
        if self.target is None or not 0 < self.target <= DOTS_AT_MOST or self.n_done > self.target:
            return ()
        n_booked = min(self.n_booked, self.target - self.n_done)
        n_todo = self.target - self.n_done - n_booked
        return ("done",) * self.n_done + ("booked",) * n_booked + ("todo",) * n_todo

    @property
    def figure(self) -> str:
        return str(self.n_done) if self.target is None else f"{self.n_done}/{self.target}"

    @property
    def is_complete(self) -> bool:
        return self.target is not None and self.n_done >= self.target


@dataclass(frozen=True)
class Cell:
    """A wave on the picture: `blank` in words where nothing is to be done, else its window and methods."""

    blank: str = ""
    window: str = ""
    is_now: bool = False
    lines: tuple[Line, ...] = field(default=())


def _line(row: Progress) -> Line:
    return Line(
        SHORT.get(row.method, row.method),
        str(Method(row.method).label) if row.method in Method.values else row.method,
        row.n_done,
        row.n_booked,
        row.target,
        row.is_due,
        row.is_overdue,
        row.url,
    )


def month(day: dt.date) -> str:
    """Nov 2026"""
    return f"{day:%b %Y}"


def _window(starts_on: dt.date | None, ends_on: dt.date | None) -> str:
    if starts_on is None:
        return "no dates yet"
    if ends_on is None or (ends_on.year, ends_on.month) == (starts_on.year, starts_on.month):
        return month(starts_on)
    first = f"{starts_on:%b}" if ends_on.year == starts_on.year else month(starts_on)
    return f"{first} – {month(ends_on)}"


def cells(
    waves: Iterable[Any], progress: Iterable[Progress], *, today: dt.date
) -> dict[tuple[Any, Any], Cell]:
    """The cell of each wave, by (site id, phase id); methods stand in one order everywhere."""
    order = {method: place for place, method in enumerate(Method.values)}
    lines: dict[tuple[Any, Any], list[Line]] = {}
    for row in sorted(progress, key=lambda row: order.get(row.method, len(order))):
        lines.setdefault((row.site_id, row.phase_id), []).append(_line(row))
    return {
        (wave.site_id, wave.phase_id): Cell(
            blank="" if wave.is_planned else "not planned",
            window=_window(wave.starts_on, wave.ends_on),
            is_now=bool(wave.starts_on and wave.starts_on <= today <= (wave.ends_on or wave.starts_on)),
            lines=tuple(lines.get((wave.site_id, wave.phase_id), ())),
        )
        for wave in waves
    }


def kept_too_long(rows: Iterable[Retention]) -> list[Due]:
    """What retention reaches, as work: overdue since the day on which it should have gone."""
    return [
        Due(f"Still kept: {row.n_rows} {row.data_class} ({row.rule})", row.url, row.due_on, is_overdue=True)
        for row in rows
    ]


@dataclass(frozen=True)
class Waiting:
    """What waits, by when."""

    overdue: list[Due]
    this_week: list[Due]
    later: list[Due]

    def __bool__(self) -> bool:
        return bool(self.overdue or self.this_week or self.later)


def waiting(items: Iterable[Due], *, today: dt.date) -> Waiting:
    """Sorted into overdue, due within seven days from today (or without a date), and later."""
    found = Waiting([], [], [])
    for item in items:
        if item.is_overdue or (item.due_on is not None and item.due_on < today):
            found.overdue.append(item)
        elif item.due_on is None or item.due_on <= today + dt.timedelta(days=7):
            found.this_week.append(item)
        else:
            found.later.append(item)
    return found
