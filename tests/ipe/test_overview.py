import datetime as dt
import uuid
from dataclasses import dataclass, field

import pytest

from ipe.overview import cells, kept_too_long, waiting
from ipe.rooms import Due, Progress, Retention

TODAY = dt.date(2026, 11, 21)
SITE, PHASE = uuid.uuid4(), uuid.uuid4()


@dataclass
class Wave:
    starts_on: dt.date | None = dt.date(2026, 11, 1)
    ends_on: dt.date | None = dt.date(2026, 12, 31)
    is_planned: bool = True
    site_id: uuid.UUID = field(default=SITE)
    phase_id: uuid.UUID = field(default=PHASE)


def cell(wave, *progress):
    return cells([wave], progress, today=TODAY)[SITE, PHASE]


def row(method="interview", **values):
    return Progress(SITE, PHASE, method, **{"n_done": 0, **values})


def test_methods_stand_in_the_order_of_the_design_whatever_room_told_first():
    found = cell(Wave(), row("interview"), row("survey"), row("admin_data"))
    assert [line.long_label for line in found.lines] == ["Administrative data", "Staff survey", "Interview"]


@pytest.mark.parametrize(
    ("values", "marks", "figure"),
    [
        ({"n_done": 1, "n_booked": 1, "target": 3}, ("done", "booked", "todo"), "1/3"),
        ({"n_done": 2, "n_booked": 5, "target": 3}, ("done", "done", "booked"), "2/3"),
        ({"n_done": 4, "target": 3}, (), "4/3"),
        ({"n_done": 7, "target": 12}, (), "7/12"),
        ({"n_done": 54}, (), "54"),
        ({"n_done": 0, "target": 0}, (), "0/0"),
    ],
)
def test_small_numbers_are_dots_and_others_figures(values, marks, figure):
    (line,) = cell(Wave(), row(**values)).lines
    assert (line.marks, line.figure) == (marks, figure)


@pytest.mark.parametrize(
    ("wave", "window", "is_now"),
    [
        (Wave(), "Nov – Dec 2026", True),
        (Wave(dt.date(2026, 12, 1), dt.date(2027, 1, 9)), "Dec 2026 – Jan 2027", False),
        (Wave(dt.date(2026, 11, 21), None), "Nov 2026", True),
        (Wave(dt.date(2026, 3, 1), dt.date(2026, 3, 9)), "Mar 2026", False),
        (Wave(None, None), "no dates yet", False),
    ],
)
def test_window_in_words(wave, window, is_now):
    found = cell(wave)
    assert (found.window, found.is_now, found.blank) == (window, is_now, "")


def test_wave_that_is_not_planned_is_blank():
    assert cell(Wave(is_planned=False)).blank == "not planned"


def test_waiting_is_sorted_by_when():
    late = Due("late", "/1", TODAY - dt.timedelta(days=1))
    flagged = Due("flagged", "/2", None, is_overdue=True)
    today, week = Due("today", "/3", TODAY), Due("week", "/4", TODAY + dt.timedelta(days=7))
    dateless, later = Due("some day", "/5"), Due("later", "/6", TODAY + dt.timedelta(days=8))
    found = waiting([late, flagged, today, week, dateless, later], today=TODAY)
    assert (found.overdue, found.this_week, found.later) == (
        [late, flagged],
        [today, week, dateless],
        [later],
    )
    assert not waiting([], today=TODAY)


def test_what_is_kept_too_long_is_overdue_even_on_its_day():
    items = kept_too_long([Retention("recordings", "destroyed when checked", TODAY, 3, url="/there/")])
    assert waiting(items, today=TODAY).overdue == [
        Due("Still kept: 3 recordings (destroyed when checked)", "/there/", TODAY, is_overdue=True)
    ]
