# ruff: noqa: F811 - fixtures of the room are taken by name
"""The review of identifiers in a real browser: by keyboard, by selecting words, narrow and dark."""

from __future__ import annotations

import os

import pytest
from django.urls import reverse

from tests.transcripts.conftest import (  # noqa: F401 - fixtures
    INTERVIEW,
    cleared,
    in_review,
    person,
    upload,
)
from transcripts.models import Replacement

expect = pytest.importorskip("playwright.sync_api", reason="needs Playwright").expect

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True, databases=["default", "keys"]),
]
SHOTS = os.environ.get("SHOTS", "")


def address(name, study, document=None):
    kwargs = {"slug": study.slug} | ({"pk": document.pk} if document is not None else {})
    return reverse(f"transcripts:{name}", kwargs=kwargs)


def looked_at(one, name):
    assert one.axe() == []
    assert one.overflow() <= 0
    assert one.problems == []
    if SHOTS:
        one.page.screenshot(path=f"{SHOTS}/{name}.png", full_page=True)


def test_identifiers_are_decided_by_keyboard(desk, study, in_review, fieldwork):
    document = in_review(fieldwork)
    n = Replacement.objects.filter(document=document).undecided().count()
    one = desk(fieldwork)
    one.go(address("review", study, document))
    keyboard = one.page.keyboard
    keyboard.press("j")
    keyboard.press("k")
    keyboard.press("a")
    expect(one.page.locator(".beside [role=status] strong")).to_have_text(str(n - 1))
    keyboard.press("r")
    expect(one.page.locator(".beside [role=status] strong")).to_have_text(str(n - 2))
    one.settle()
    first, second = Replacement.objects.filter(document=document)[:2]
    assert (first.status, second.status) == ("accepted", "rejected")
    assert one.problems == []


def test_words_are_added_by_selecting_them(desk, study, in_review, fieldwork):
    text = INTERVIEW.replace("I hope he stays", "😀 I hope the oddball stays")
    document = in_review(fieldwork, text)
    one = desk(fieldwork)
    one.go(address("review", study, document))
    one.page.evaluate(
        """() => {
          const run = [...document.querySelectorAll('.transcript [data-start]')].find(e => e.textContent.includes('oddball'));
          const at = run.textContent.indexOf('oddball');
          const range = document.createRange();
          range.setStart(run.firstChild, at); range.setEnd(run.firstChild, at + 7);
          getSelection().removeAllRanges(); getSelection().addRange(range);
        }"""
    )
    expect(one.page.locator("form[data-selection] [name=words]")).to_have_value("oddball")
    form = one.page.locator("form[data-selection]")
    form.locator("[name=text]").fill("a man")
    form.get_by_role("button", name="Replace these words").click()
    expect(one.page.locator(".beside [role=status]")).to_contain_text("Replaced: 1 place.")
    one.settle()
    row = Replacement.objects.get(document=document, found_by="hand")
    assert text[row.start : row.end] == "oddball"
    assert one.problems == []


@pytest.mark.slow(lands=True)
def test_every_page_of_the_job_is_accessible_narrow_and_dark(
    desk, study, upload, in_review, cleared, fieldwork, researcher
):
    first = upload(fieldwork)
    second = in_review(fieldwork, INTERVIEW.replace("begin", "end"))
    third = cleared(fieldwork, INTERVIEW.replace("begin", "go"))
    one = desk(fieldwork)
    for name, document in (
        ("list", None),
        ("import", None),
        ("turns", first),
        ("review", second),
        ("clear", second),
        ("redact", third),
    ):
        one.go(address(name, study, document))
        looked_at(one, name)
    reader = desk(researcher, width=320, dark=True)
    reader.go(address("read", study, third))
    looked_at(reader, "read-narrow")
    narrow = desk(fieldwork, width=320, dark=True)
    for name, document in (("list", None), ("turns", first), ("review", second), ("redact", third)):
        narrow.go(address(name, study, document))
        looked_at(narrow, f"{name}-narrow")


def test_what_is_decided_stays_in_view_beside_a_long_text_on_a_narrow_screen(
    desk, study, upload, in_review, fieldwork
):
    first, second = upload(fieldwork), in_review(fieldwork, INTERVIEW * 40)
    one = desk(fieldwork, width=360)
    one.go(address("review", study, second))
    expect(one.page.locator("#decide-heading")).to_be_in_viewport()
    one.page.evaluate("scrollTo(0, document.documentElement.scrollHeight / 2)")
    expect(one.page.locator("#decide-heading")).to_be_in_viewport()
    one.go(address("turns", study, first))
    for control in one.page.locator(".speakers select").all():
        assert control.bounding_box()["width"] > 120
    assert one.problems == []
