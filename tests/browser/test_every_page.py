"""axe-core on every page, wide and narrow, light and dark; nothing wider than the window; no console error."""

from __future__ import annotations

import pytest
from playwright.sync_api import Error

from tests.access.table import Row
from tests.browser.conftest import Desk
from tests.test_every_url import ROWS, address, build

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
]

# Pages whose answer is a file, or which are gone after one look.
NO_PAGE = {"account_logout"}
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


def faults(one: Desk, row: Row, url: str) -> list[str]:
    one.problems.clear()
    try:
        answer = one.go(url)
    except Error as refused:
        if "Download is starting" in refused.message:  # a file to keep, and no page
            return []
        raise
    if "text/html" not in answer.headers.get("content-type", ""):
        return []
    found = [f"{row.url}: {line}" for line in one.axe()]
    if one.overflow() > 0:
        found.append(f"{row.url}: {one.overflow()} px wider than the window")
    return found + [f"{row.url}: {line}" for line in one.problems]


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (320, True)])
def test_axe_finds_nothing_on_any_page(desk, width, dark):
    world = build()
    desks: dict[str, Desk] = {}
    found = []
    for row in pages():
        person = who(row)
        one = desks.setdefault(person, None) or desk(world[person], width=width, dark=dark)
        desks[person] = one
        found += faults(one, row, address(row, world))
    assert found == []


def test_sign_in_page_is_accessible(desk, db):
    one = desk()
    one.go("/accounts/login/")
    assert one.axe() == []
    assert one.overflow() <= 0
