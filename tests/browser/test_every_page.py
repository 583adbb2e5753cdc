"""axe-core on every page, wide and narrow, light and dark; nothing wider than the window; no console error."""

from __future__ import annotations

import pytest

from tests.access.table import Row
from tests.browser.conftest import Desk
from tests.test_every_url import ROWS, address, build

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
]

# Pages whose answer is a file, or which are gone after one look.
NO_PAGE = {"account_logout"}
LANDS = pytest.mark.slow(lands=True)
N_PARTS = 16  # so that several processes share the walk
PEOPLE = ("lead", "fieldwork", "researcher", "writer", "data_protection")


def who(row: Row) -> str | None:
    """The first role that sees the page; None where nobody does."""
    return next((person for person in PEOPLE if getattr(row, person) == 200), None)


def pages() -> list[Row]:
    seen = {}
    for row in ROWS:
        if row.method == "GET" and row.url not in NO_PAGE and who(row):
            seen.setdefault((row.url, tuple(row.kwargs.items())), row)
    return list(seen.values())


def faults(one: Desk) -> list[str]:
    """Of the page as it stands. Afterwards it is forgotten what the console said."""
    found = one.axe()
    if one.overflow() > 0:
        found.append(f"{one.overflow()} px wider than the window")
    found += one.problems
    one.problems.clear()
    return found


# The first part takes ten seconds and is always walked.
@pytest.mark.parametrize("part", [0, *(pytest.param(n, marks=LANDS) for n in range(1, N_PARTS))])
def test_axe_finds_nothing_on_any_page(desk, part):
    """Each page is loaded once and turned from one kind of window to the other, as a person turns a telephone."""
    world = build()
    desks: dict[str, Desk] = {}
    found = []
    for row in pages()[part::N_PARTS]:
        person, url = who(row), address(row, world)
        if person not in desks:
            desks[person] = desk(world[person])
        one = desks[person]
        if not one.shows(url):
            continue
        for width, dark in ((1280, False), (320, True)):
            one.turn(width, dark=dark)
            found += [f"{row.url}, {width} px: {line}" for line in faults(one)]
    assert found == []


def test_sign_in_page_is_accessible(desk, db):
    one = desk()
    one.go("/accounts/login/")
    assert one.axe() == []
    assert one.overflow() <= 0
