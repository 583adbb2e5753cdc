"""When phases fall: offsets in months from a site's live date, and what moves when that date moves."""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass


def add_months(day: dt.date, months: int) -> dt.date:
    """The same day of the month, or the month's last where it is shorter: 31 Aug + 6 is 28 (29) Feb."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return dt.date(year, month + 1, min(day.day, last))


@dataclass(frozen=True)
class Window:
    """The dates of one phase at one site; `offset_months` None where the phase has dates of its own."""

    key: object
    offset_months: int | None
    starts_on: dt.date | None
    ends_on: dt.date | None


@dataclass(frozen=True)
class Moved:
    """A window before and after."""

    key: object
    starts_before: dt.date
    starts_on: dt.date
    ends_on: dt.date | None


def moved_windows(
    windows: Iterable[Window], *, live_before: dt.date | None, live_after: dt.date | None, today: dt.date
) -> list[Moved]:
    """The windows that lie in the future and follow the live date, with their new dates.

    A window keeps its distance in days from the date that its offset gives, and its length: who planned
    to start a week late still starts a week late. What has begun, and what has dates of its own, stays.
    """
    if live_before is None or live_after is None or live_before == live_after:
        return []
    moved = []
    for window in windows:
        if window.offset_months is None or window.starts_on is None or window.starts_on <= today:
            continue
        shift = add_months(live_after, window.offset_months) - add_months(live_before, window.offset_months)
        ends_on = window.ends_on + shift if window.ends_on else None
        moved.append(Moved(window.key, window.starts_on, window.starts_on + shift, ends_on))
    return moved
