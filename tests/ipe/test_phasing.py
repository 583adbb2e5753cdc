import datetime as dt

import pytest

from ipe.phasing import Moved, Window, add_months, moved_windows

TODAY = dt.date(2026, 11, 21)


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        (dt.date(2026, 1, 15), 3, dt.date(2026, 4, 15)),
        (dt.date(2026, 8, 31), 6, dt.date(2027, 2, 28)),
        (dt.date(2027, 8, 31), 6, dt.date(2028, 2, 29)),
        (dt.date(2026, 2, 1), -3, dt.date(2025, 11, 1)),
        (dt.date(2026, 12, 31), 12, dt.date(2027, 12, 31)),
        (dt.date(2026, 5, 5), 0, dt.date(2026, 5, 5)),
    ],
)
def test_add_months(day, months, expected):
    assert add_months(day, months) == expected


def moved(*windows, before=dt.date(2026, 9, 1), after=dt.date(2026, 10, 1)):
    return moved_windows(windows, live_before=before, live_after=after, today=TODAY)


def test_future_window_keeps_its_lateness_and_length():
    late = Window("12m", 12, dt.date(2027, 9, 8), dt.date(2027, 10, 31))
    assert moved(late) == [Moved("12m", dt.date(2027, 9, 8), dt.date(2027, 10, 8), dt.date(2027, 11, 30))]


def test_window_without_last_day_stays_without():
    assert moved(Window("3m", 3, dt.date(2026, 12, 1), None)) == [
        Moved("3m", dt.date(2026, 12, 1), dt.date(2027, 1, 1), None)
    ]


@pytest.mark.parametrize(
    "window",
    [
        Window("begun", 3, TODAY, dt.date(2027, 1, 1)),
        Window("past", -3, dt.date(2026, 6, 1), dt.date(2026, 7, 1)),
        Window("own dates", None, dt.date(2027, 6, 1), None),
        Window("no dates", 12, None, None),
    ],
)
def test_what_has_begun_or_has_its_own_dates_stays(window):
    assert moved(window) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [(None, dt.date(2026, 9, 1)), (dt.date(2026, 9, 1), None), (dt.date(2026, 9, 1), dt.date(2026, 9, 1))],
)
def test_nothing_moves_without_two_different_dates(before, after):
    assert moved(Window("12m", 12, dt.date(2027, 9, 1), None), before=before, after=after) == []
