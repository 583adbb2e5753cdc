"""The shell in a real browser: by keyboard, without scripts, swaps under the policy, sign-in in two steps.

That every page passes axe and fits 320 px is tested in test_every_page.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from tests.browser.conftest import axe_finds
from tests.conftest import PASSWORD

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
]


@pytest.fixture
def full_study(study: Any, lead: Any) -> Any:
    """A study with a row of everything that the shell shows."""
    import datetime as dt

    from ipe import audit, members
    from ipe.models import ContextEvent, Indicator, Job, ResearchQuestion, Threshold

    question = ResearchQuestion.objects.create(evaluation=study, code="1", text="Does it reach the families?")
    ResearchQuestion.objects.create(evaluation=study, code="1.1", text="All of them?", parent=question)
    row = Indicator.objects.create(evaluation=study, code="1a", title="Training useful", question=question)
    Threshold.objects.create(indicator=row, phase=study.phases.get(code="12m"), value=70)
    ContextEvent.objects.create(evaluation=study, happened_on=dt.date(2026, 3, 1), title="Inspection")
    members.invite(study, by=lead, email="new@example.org", role="researcher", all_sites=True)
    Job.objects.create(name="surveys.ingest", subject_id=study.pk, evaluation=study, asked_by=lead, key="j")
    audit.record("study.changed", study, by=lead, evaluation=study)
    return study


class Desk:
    """A page of the browser that notes every complaint of the console and every violation of the policy."""

    def __init__(self, page: Any, base: str) -> None:
        self.page, self.base, self.complaints = page, base, []
        page.on("console", lambda told: self.complaints.append(told.text) if told.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def sign_in(self, user: Any) -> None:
        self.open(reverse("account_login"))
        self.page.fill("[name=login]", user.email)
        self.page.fill("[name=password]", PASSWORD)
        self.page.click("main button[type=submit]")
        self.page.wait_for_url(f"{self.base}/")

    def open(self, path: str) -> None:
        self.page.goto(self.base + path)

    def violations(self) -> list[Any]:
        return [(one["id"], one["nodes"][0]["html"]) for one in axe_finds(self.page)]


@pytest.fixture
def desk(chromium: Any, live_server: Any, request: pytest.FixtureRequest) -> Iterator[Desk]:
    options = getattr(request, "param", {})
    context = chromium.new_context(viewport={"width": 1280, "height": 800}, **options)
    yield Desk(context.new_page(), live_server.url)
    context.close()


@pytest.mark.parametrize("desk", [{"forced_colors": "active"}], indirect=True, ids=["forced"])
def test_forced_colours_keep_verdicts_and_the_current_room_visible(
    desk: Desk, full_study: Any, lead: Any
) -> None:
    desk.sign_in(lead)
    desk.open(reverse("overview", kwargs={"slug": full_study.slug}))
    here = desk.page.locator(".side-nav .rooms a[aria-current]")
    assert here.evaluate("el => getComputedStyle(el).borderTopWidth") == "2px"


def test_shortcuts_dialog_rooms_search_rows_and_escape(desk: Desk, full_study: Any, lead: Any) -> None:
    desk.sign_in(lead)
    page, slug = desk.page, {"slug": full_study.slug}
    desk.open(reverse("sites", kwargs=slug))
    page.keyboard.press("?")
    assert page.locator("#shortcuts").evaluate("el => el.open")
    assert "Settings" in page.locator("[data-room-keys]").inner_text()
    page.keyboard.press("Escape")
    assert not page.locator("#shortcuts").evaluate("el => el.open")
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.closest('tr').innerText").startswith("Ashcombe")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.closest('tr').innerText").startswith("Brindlemere")
    page.keyboard.press("k")
    assert page.evaluate("document.activeElement.closest('tr').innerText").startswith("Ashcombe")
    page.keyboard.press("g")
    page.keyboard.press("o")
    page.wait_for_url("**" + reverse("overview", kwargs=slug))
    desk.open(reverse("site-add", kwargs=slug))
    page.fill("#id_name", "g o ? / j")
    assert page.input_value("#id_name") == "g o ? / j"
    page.keyboard.press("Escape")  # leaves the field
    page.keyboard.press("Escape")  # steps back
    page.wait_for_url("**" + reverse("sites", kwargs=slug))
    assert desk.complaints == []


def test_the_slash_reaches_a_filter_of_choices(desk: Desk, full_study: Any, lead: Any) -> None:
    desk.sign_in(lead)
    desk.open(reverse("releases:releases", kwargs={"slug": full_study.slug}))
    desk.page.keyboard.press("/")
    assert desk.page.evaluate("document.activeElement.name") == "output_class"


@pytest.mark.parametrize("name", ["overview", "indicators", "audit"])
def test_a_printed_page_fits_its_paper(desk: Desk, full_study: Any, lead: Any, name: str) -> None:
    """A4 upright less its margins is 672 pixels wide."""
    desk.sign_in(lead)
    desk.open(reverse(name, kwargs={"slug": full_study.slug}))
    desk.page.emulate_media(media="print")
    desk.page.set_viewport_size({"width": 672, "height": 940})
    assert desk.page.evaluate("document.documentElement.scrollWidth") <= 672


def test_shortcuts_can_be_switched_off(desk: Desk, full_study: Any, lead: Any) -> None:
    desk.sign_in(lead)
    desk.open(reverse("account"))
    desk.page.check("input[name=shortcuts][value=off]")
    desk.page.locator("section:has(#looks) button[type=submit]").click()
    desk.page.wait_for_load_state()
    desk.page.keyboard.press("?")
    assert not desk.page.locator("#shortcuts").evaluate("el => el.open")


def test_a_swap_happens_without_a_violation_of_the_policy(desk: Desk, full_study: Any, lead: Any) -> None:
    desk.sign_in(lead)
    page = desk.page
    page.add_init_script(
        "addEventListener('securitypolicyviolation', e => console.error('CSP', e.violatedDirective))"
    )
    desk.open(reverse("audit", kwargs={"slug": full_study.slug}))
    assert page.locator("#events tbody tr").count() == 2
    page.evaluate("window.mark = 1")
    page.select_option("#action", "study.changed")
    expect(page.locator("#events tbody tr")).to_have_count(1)
    assert page.evaluate("window.mark") == 1  # the page was not loaded again
    assert "action=study.changed" in page.url
    assert desk.complaints == []


def test_the_policy_is_strict_and_reported_when_broken(desk: Desk, full_study: Any, lead: Any) -> None:
    """The listener of the test above hears something: an inline script is stopped and told."""
    desk.sign_in(lead)
    desk.page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), {textContent: 'broken = 1'}))"
    )
    assert desk.page.evaluate("window.broken") is None
    assert any("Content Security Policy" in told for told in desk.complaints)


def test_a_job_is_followed_to_its_end_without_loading_the_page(
    desk: Desk, full_study: Any, lead: Any
) -> None:
    from ipe.models import Job

    desk.sign_in(lead)
    job = Job.objects.get()
    desk.open(reverse("job", kwargs={"pk": job.pk}))
    desk.page.evaluate("window.mark = 1")
    Job.objects.update(state="running", n_done=3, n_total=10, message="Reading rows")
    desk.page.get_by_text("3 of 10").wait_for()
    Job.objects.update(state="failed", error="Row 12 is not on the scale.")
    desk.page.get_by_text("Row 12 is not on the scale.").wait_for()
    assert desk.page.evaluate("window.mark") == 1
    time.sleep(2.5)  # one more interval: an ended job is not asked again
    assert desk.page.locator("[hx-trigger]").count() == 0
    assert desk.complaints == []


@pytest.mark.parametrize("desk", [{"java_script_enabled": False}], indirect=True, ids=["no scripts"])
def test_without_scripts_the_menu_opens_and_a_form_is_saved(desk: Desk, full_study: Any, lead: Any) -> None:
    desk.sign_in(lead)
    page, slug = desk.page, {"slug": full_study.slug}
    page.set_viewport_size({"width": 320, "height": 700})
    desk.open(reverse("overview", kwargs=slug))
    assert not page.get_by_role("link", name="Settings").is_visible()
    page.get_by_role("button", name="Menu").click()
    page.get_by_role("link", name="Settings").click()
    page.wait_for_url("**" + reverse("settings", kwargs=slug))
    page.fill("#id_title", "The trial, renamed")
    page.locator("main form button[type=submit]").click()
    assert page.get_by_text("Saved.").is_visible()
    full_study.refresh_from_db()
    assert full_study.title == "The trial, renamed"


def test_errors_take_the_focus_and_lead_to_the_field(desk: Desk, full_study: Any, lead: Any) -> None:
    desk.sign_in(lead)
    desk.open(reverse("site-add", kwargs={"slug": full_study.slug}))
    desk.page.locator("main form button[type=submit]").click()
    expect(desk.page.locator("[data-error-summary]")).to_be_focused()
    desk.page.get_by_role("link", name=re.compile("Enter a code")).click()
    assert desk.page.evaluate("document.activeElement.id") == "id_code"


@pytest.mark.row("V7.5.1")
def test_two_step_sign_in_is_set_up_and_asked_for(desk: Desk, full_study: Any, lead: Any) -> None:
    """The secret is read from the page, as for typing into an app; a used code is not taken again."""
    from allauth.mfa.totp.internal.auth import hotp_value, yield_hotp_counters_from_time

    def code() -> str:
        time.sleep(6 if time.time() % 30 > 24 else 0)  # never at the end of a code's half-minute
        counter = next(iter(yield_hotp_counters_from_time()))
        return f"{hotp_value(secret, counter):06d}"

    def sign_out_and_give_password() -> None:
        page.locator(".side-nav").get_by_role("button", name="Sign out").click()
        page.wait_for_url("**" + reverse("account_login"))
        page.fill("[name=login]", lead.email)
        page.fill("[name=password]", PASSWORD)
        give()
        page.wait_for_url("**" + reverse("mfa_authenticate"))

    def give() -> None:
        page.locator("main form button[type=submit]").first.click()

    desk.sign_in(lead)
    page = desk.page
    desk.open(reverse("mfa_activate_totp"))
    page.fill("[name=password]", PASSWORD)  # a secret is shown only to who has just proved who they are
    give()
    page.get_by_text("I cannot scan it").click()
    secret = page.locator("#totp-secret").inner_text()
    assert page.locator("svg.qr path").get_attribute("d").startswith("M")
    assert desk.violations() == []
    page.fill("[name=code]", code())
    give()
    assert page.locator("#recovery-codes li").count() == 10
    assert desk.violations() == []
    recovery = page.locator("#recovery-codes li").first.inner_text()
    sign_out_and_give_password()
    assert desk.violations() == []
    used = code()
    page.fill("[name=code]", used)
    give()
    page.wait_for_url(f"{desk.base}/")
    sign_out_and_give_password()
    page.fill("[name=code]", used)
    give()
    assert page.locator("[data-error-summary]").is_visible()
    page.fill("[name=code]", recovery)
    give()
    page.wait_for_url(f"{desk.base}/")
