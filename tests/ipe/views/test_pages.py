"""The shell's pages: what they show, what their forms do, and that longer lists cost no more queries."""

import datetime as dt
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from ipe import audit, members
from ipe.models import (
    AuditEvent,
    ContextEvent,
    Evaluation,
    Indicator,
    Job,
    Member,
    Phase,
    ResearchQuestion,
    Site,
    Team,
    Threshold,
    User,
)
from tests.conftest import make_member, make_user

HTMX = {"HX-Request": "true"}


def at(name, **kwargs):
    return reverse(name, kwargs={"slug": "trial", **kwargs})


def words(response):
    """The page's text without its tags."""
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


# Lists --------------------


def _sites(study, n):
    site = Site.objects.create(evaluation=study, code=f"s{n}", name=f"Site {n}")
    for phase in study.phases.all():
        site.waves.create(phase=phase)


def _teams(study, n):
    site = study.sites.get(code="B")
    Team.objects.create(site=site, code=f"t{n}", name=f"Team {n}", parent=site.teams.first())


def _phases(study, n):
    Phase.objects.create(evaluation=study, code=f"p{n}", name=f"Phase {n}")


def _events(study, n):
    site = study.sites.first()
    ContextEvent.objects.create(
        evaluation=study, site=site, happened_on=dt.date(2026, 1, 1), title=f"Event {n}"
    )


def _questions(study, n):
    parent = study.questions.first()
    ResearchQuestion.objects.create(evaluation=study, code=f"q{n}", text=f"Question {n}", parent=parent)


def _indicators(study, n):
    question = ResearchQuestion.objects.create(evaluation=study, code=f"q{n}", text=f"Question {n}")
    row = Indicator.objects.create(evaluation=study, code=f"i{n}", title=f"Indicator {n}", question=question)
    Threshold.objects.create(indicator=row, phase=study.phases.get(code="3m"), value=70)


def _members(study, n):
    make_member(study, make_user(f"m{n}@example.org", f"Member {n}"), "researcher", study.sites.first())
    members.invite(
        study,
        by=User.objects.get(email="lead@example.org"),
        email=f"i{n}@example.org",
        role="researcher",
        all_sites=False,
        sites=[study.sites.first()],
    )


def _audit(study, n):
    audit.record("study.changed", study, by=make_user(f"a{n}@example.org", f"Actor {n}"), evaluation=study)


def _jobs(study, n):
    lead = User.objects.get(email="lead@example.org")
    Job.objects.create(
        name="surveys.ingest", subject_id=study.pk, evaluation=study, asked_by=lead, key=f"j{n}"
    )


def _studies(study, n):
    other = Evaluation.objects.create(slug=f"study-{n}", title=f"Study {n}")
    make_member(other, User.objects.get(email="lead@example.org"), "evaluation_lead")


@pytest.mark.parametrize(
    ("page", "make"),
    [
        ("sites", _sites),
        ("teams", _teams),
        ("phases", _phases),
        ("events", _events),
        ("questions", _questions),
        ("indicators", _indicators),
        ("members", _members),
        ("audit", _audit),
        ("jobs", _jobs),
        ("overview", _sites),
        ("overview", _events),
        ("overview", _jobs),
        ("studies", _studies),
        ("account", _studies),
    ],
)
def test_three_rows_cost_no_more_queries_than_one(study, lead, login, page, make):
    client = login(lead)
    url = reverse(page) if page in {"studies", "account"} else at(page)
    make(study, 1)
    client.get(url)  # the first request of a session writes it
    counts = []
    for more in ((), (2, 3)):
        for n in more:
            make(study, n)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert client.get(url).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]


@pytest.mark.parametrize("page", ["sites", "teams", "events"])
def test_members_of_one_site_see_only_its_rows(study, site_a, site_b, other_site, login, page):
    for site in (site_a, site_b):
        ContextEvent.objects.create(
            evaluation=study, site=site, happened_on=dt.date(2026, 1, 1), title=f"Inspection of {site.name}"
        )
    text = words(login(other_site).get(at(page)))
    assert ("Brindlemere" in text, "Ashcombe" in text) == (True, False)


def test_overview_of_one_site_shows_nothing_of_another(study, site_a, other_site, login):
    ContextEvent.objects.create(
        evaluation=study, site=site_a, happened_on=dt.date(2026, 1, 1), title="Inspection of Ashcombe"
    )
    text = words(login(other_site).get(at("overview")))
    assert ("Brindlemere" in text, "Ashcombe" in text) == (True, False)


def test_studies_lists_own_studies_only(study, lead, login):
    Evaluation.objects.create(slug="secret", title="Secret study")
    text = words(login(lead).get(reverse("studies")))
    assert ("The trial" in text, "Secret" in text) == (True, False)


def test_empty_study_offers_the_next_step_to_who_can_take_it(study, lead, researcher, login):
    study.sites.all().delete()
    assert at("sites") in login(lead).get(at("overview")).content.decode()
    assert "Enter sites" not in words(login(researcher).get(at("overview")))


# Forms --------------------


def test_errors_stand_in_a_summary_linked_to_the_fields(study, lead, login):
    response = login(lead).post(at("site-add"), {"code": "", "name": "", "order": "0"})
    page = response.content.decode()
    assert response.status_code == 400
    assert '<a href="#id_code">Enter a code.</a>' in page
    assert '<a href="#id_name">Enter a name.</a>' in page
    assert "<title>Error: Add a site" in page
    assert re.search(
        r'<input[^>]+name="code"[^>]+aria-invalid="true"[^>]+aria-describedby="[^"]*id_code_error', page
    )
    assert 'id="id_code_error"' in page


def test_error_of_an_act_stands_at_its_field(study, site_a, lead, login):
    team = site_a.teams.get(code="north")
    child = site_a.teams.get(code="team-1")
    response = login(lead).post(
        at("team-edit", pk=team.pk),
        {"site": site_a.pk, "code": "north", "name": "North", "parent": child.pk},
    )
    assert response.status_code == 400
    assert (
        '<a href="#id_parent">This one already stands below it; choose another.</a>'
        in response.content.decode()
    )


def test_radio_group_is_named_by_its_legend_and_error_leads_to_the_first(study, lead, login):
    page = login(lead).post(at("member-invite"), {"email": "x@example.org"}).content.decode()
    assert "<legend>Role</legend>" in page
    assert 'href="#id_role_0"' in page
    assert 'id="id_role_0"' in page


@pytest.mark.parametrize(
    ("one", "data", "shown"),
    [
        (
            "site",
            {"code": "C", "name": "Calderholt", "order": 2, "live_planned_on": "2027-01-01"},
            "Calderholt",
        ),
        ("phase", {"code": "36m", "name": "36 months", "order": 4, "offset_months": 36}, "36 months"),
        ("event", {"happened_on": "2026-06-01", "title": "New guidance"}, "New guidance"),
        ("question", {"code": "1", "text": "Does it <b>help</b>?", "order": 0}, "&lt;b&gt;help"),
        (
            "indicator",
            {
                "code": "1a",
                "title": "O'Brien’s ‮test‬ 🙂",
                "unit": "percent",
                "output_class": "survey",
                "order": 0,
            },
            "O&#x27;Brien’s ‮test‬ 🙂",
        ),
    ],
)
def test_adding_a_row_shows_it(study, lead, login, one, data, shown):
    client = login(lead)
    response = client.post(at(f"{one}-add"), data, follow=True)
    assert response.status_code == 200
    assert shown in response.content.decode()
    assert AuditEvent.objects.count() == 1


def test_changing_a_row_begins_with_what_is_there(study, lead, login):
    row = study.phases.get(code="3m")
    client = login(lead)
    assert 'value="3 months"' in client.get(at("phase-edit", pk=row.pk)).content.decode()
    client.post(
        at("phase-edit", pk=row.pk), {"code": "3m", "name": "Three months", "order": 1, "offset_months": 3}
    )
    row.refresh_from_db()
    assert row.name == "Three months"


def test_removing_previews_in_counts_and_then_removes(study, site_b, lead, login):
    client = login(lead)
    url = at("site-remove", pk=site_b.pk)
    text = words(client.get(url))
    assert ("2 teams" in text, "4 waves" in text) == (True, True)
    client.post(url)
    assert not study.sites.filter(code="B").exists()


def test_removing_a_team_with_children_says_why_not(site_a, lead, login):
    text = words(login(lead).get(at("team-remove", pk=site_a.teams.get(code="north").pk)))
    assert "cannot be removed" in text


@pytest.mark.row("SC-01")
def test_live_dates_ask_before_future_phases_follow(study, site_a, lead, login):
    client, url = login(lead), at("site-live-dates", pk=site_a.pk)
    dates = {"live_planned_on": "2025-10-01", "live_actual_on": "2025-12-01", "live_analysis_on": ""}
    asked = client.post(url, dates)
    site_a.refresh_from_db()
    assert site_a.live_actual_on == dt.date(2025, 11, 1)
    assert "24 months" in words(asked)
    unanswered = client.post(url, {**dates, "step": "2"})
    assert (unanswered.status_code, "Choose whether they move." in words(unanswered)) == (400, True)
    assert "24 months" in words(unanswered)
    client.post(url, {**dates, "step": "2", "waves": "follow"})
    site_a.refresh_from_db()
    assert site_a.live_actual_on == dt.date(2025, 12, 1)
    assert AuditEvent.objects.get().counts == {"waves_moved": 1}


def test_live_dates_without_future_phases_are_saved_at_once(study, site_a, lead, login):
    site_a.waves.filter(phase__code="24m").delete()
    dates = {"live_planned_on": "2025-10-01", "live_actual_on": "2025-12-01", "live_analysis_on": ""}
    login(lead).post(at("site-live-dates", pk=site_a.pk), dates)
    site_a.refresh_from_db()
    assert site_a.live_actual_on == dt.date(2025, 12, 1)


def test_wave_of_a_site_is_set(study, site_a, lead, login):
    phase = study.phases.get(code="24m")
    url = at("wave-edit", site=site_a.pk, phase=phase.pk)
    login(lead).post(url, {"is_planned": "on", "starts_on": "2027-11-01", "ends_on": "2027-12-24"})
    assert site_a.waves.get(phase=phase).ends_on == dt.date(2027, 12, 24)


@pytest.mark.row("TH-02")
def test_threshold_with_a_gap_between_bands_is_refused_in_words(study, lead, login):
    row = Indicator.objects.create(evaluation=study, code="1a", title="Useful")
    phase = study.phases.get(code="12m")
    data = {"phase": phase.pk, "scope": "overall", "comparator": "at_least", "value": "70"}
    client, url = login(lead), at("threshold-add", pk=row.pk)
    refused = client.post(url, {**data, "bands": "Go: at least 70\nStop: below 60"})
    assert refused.status_code == 400
    assert (
        '<a href="#id_bands">There is a gap: no band holds values from 60 to below 70.</a>'
        in refused.content.decode()
    )
    client.post(url, {**data, "bands": "Go: at least 70\nStop: below 70"})
    made = row.thresholds.get()
    assert made.bands == [{"name": "Go", "at_least": "70"}, {"name": "Stop", "below": "70"}]
    edit = client.get(at("threshold-edit", pk=row.pk, threshold=made.pk)).content.decode()
    assert "Go: at least 70\nStop: below 70" in edit


def test_changed_threshold_shows_before_after_and_reason(study, lead, login):
    row = Indicator.objects.create(evaluation=study, code="1a", title="Useful")
    phase = study.phases.get(code="12m")
    made = Threshold.objects.create(indicator=row, phase=phase, value=70)
    client = login(lead)
    data = {
        "phase": phase.pk,
        "scope": "overall",
        "comparator": "at_least",
        "value": "75",
        "reason": "Agreed in May.",
    }
    text = words(client.post(at("threshold-edit", pk=row.pk, threshold=made.pk), data, follow=True))
    assert "≥ 70 ≥ 75 Agreed in May." in text


def test_study_settings_are_read_by_all_and_changed_by_the_lead(study, lead, writer, login):
    page = login(writer).get(at("settings")).content.decode()
    assert "<form" not in page.split("<main", 1)[1].split("</main>")[0]
    client = login(lead)
    form = client.get(at("settings")).context["form"]
    data = {name: value for name, value in form.initial.items() if value not in (None, False)}
    assert client.post(at("settings"), {**data, "smallest_count_survey": 5}).status_code == 302
    study.refresh_from_db()
    assert study.smallest_count_survey == 5


def test_new_study_leads_to_its_overview(lead, study, login):
    User.objects.filter(pk=lead.pk).update(may_create_studies=True)
    response = login(lead).post(reverse("study-new"), {"title": "Second", "slug": "second"})
    assert response.headers["Location"] == "/s/second/"


# People --------------------


def test_invitation_link_is_shown_once_and_lets_somebody_new_join(study, lead, login, client):
    page = login(lead).post(
        at("member-invite"), {"email": "new@example.org", "role": "researcher", "all_sites": "on"}
    )
    link = re.search(r"http://testserver(/invitations/[^<\s]+)", page.content.decode())[1]
    assert link.rsplit("/", 2)[1] not in login(lead).get(at("members")).content.decode()
    assert "Join The trial" in words(client.get(link))
    weak = client.post(link, {"name": "Nia New", "password": "short"})
    assert (weak.status_code, 'href="#id_password"' in weak.content.decode()) == (400, True)
    assert client.post(link, {"name": "Nia New", "password": "seven quiet herons"}).status_code == 302
    assert Member.objects.get(user__email="new@example.org").role == "researcher"
    assert client.get(link).status_code == 404


def test_signed_in_invitee_joins_with_one_button(study, lead, outsider, login, client):
    _, token = members.invite(study, by=lead, email=outsider.email, role="report_writer", all_sites=True)
    link = reverse("invitation", kwargs={"token": token})
    assert "You have an account already" in words(client.get(link))
    assert client.post(link).status_code == 403
    assert "another address" in words(login(lead).get(link))
    assert login(outsider).post(link).headers["Location"] == at("overview")


def test_member_page_changes_sites(study, lead, researcher, site_b, login):
    member = researcher.memberships.get()
    login(lead).post(at("member-edit", pk=member.pk), {"role": "researcher", "sites": [site_b.pk]})
    assert list(member.sites.all()) == [site_b]


def test_last_lead_is_told_why_not(study, lead, login):
    member = lead.memberships.get()
    response = login(lead).post(at("member-remove", pk=member.pk))
    assert (response.status_code, "needs an evaluation lead" in words(response)) == (409, True)


# Audit, jobs, account --------------------


def test_audit_filters_and_answers_a_fragment(study, lead, login):
    audit.record("study.changed", study, by=lead, evaluation=study)
    audit.record("site.added", study.sites.first(), by=lead, evaluation=study)
    client = login(lead)
    whole = client.get(at("audit"), {"action": "site.added"})
    assert [event.action for event in whole.context["page_obj"]] == ["site.added"]
    part = client.get(at("audit"), {"action": "site.added"}, headers=HTMX)
    assert (b"<html" in whole.content, b"<html" in part.content) == (True, False)
    assert "site.added" in words(part)
    assert list(client.get(at("audit"), {"until": "2026-11-20"}).context["page_obj"]) == []
    assert client.get(at("audit"), {"since": "yesterday", "by": "x"}).status_code == 200


def test_audit_of_another_study_is_not_shown(study, lead, login):
    other = Evaluation.objects.create(slug="other", title="Other")
    audit.record("release.made", other, by=lead, evaluation=other)
    assert "release.made" not in words(login(lead).get(at("audit")))


def test_audit_tells_whether_the_chain_is_whole(study, data_protection, login):
    audit.record("study.changed", study, by=data_protection, evaluation=study)
    client = login(data_protection)
    assert "The chain is whole: 1 event." in words(client.post(at("audit-verify")))
    with connection.cursor() as cursor:
        cursor.execute("UPDATE ipe_auditevent SET action = 'nothing.happened'")
    assert "The chain breaks at event" in words(client.post(at("audit-verify")))


def test_job_page_polls_until_the_job_has_ended(study, lead, login):
    _jobs(study, 1)
    job = Job.objects.get()
    client, url = login(lead), reverse("job", kwargs={"pk": job.pk})
    page = client.get(url)
    assert ('hx-trigger="every 2s"' in page.content.decode(), "Stop this job" in words(page)) == (True, True)
    assert b"<html" not in client.get(url, headers=HTMX).content
    client.post(reverse("job-cancel", kwargs={"pk": job.pk}))
    page = client.get(url)
    assert ("hx-trigger" in page.content.decode(), "Stop this job" in words(page)) == (False, False)
    assert "Stopped before it wrote anything" in words(page)


def test_failed_job_says_what_happened(study, lead, login):
    _jobs(study, 1)
    Job.objects.update(state="failed", error="row 12: the value 9 is not on the scale")
    assert "row 12: the value 9" in words(
        login(lead).get(reverse("job", kwargs={"pk": Job.objects.get().pk}))
    )


def test_appearance_is_kept_in_cookies_and_unknown_values_are_dropped(study, lead, login):
    client = login(lead)
    client.post(reverse("appearance"), {"theme": "dark", "reading": "large", "shortcuts": "off"})
    page = client.get(at("overview")).content.decode()
    assert 'data-theme="dark" data-reading="large" data-shortcuts="off"' in page
    client.cookies["desk_theme"] = '"><script>'
    assert 'script>"' not in client.get(at("overview")).content.decode().split("<head>")[0]
    assert client.cookies["desk_reading"]["httponly"]


def test_own_name_is_changed(lead, study, login):
    login(lead).post(reverse("account"), {"name": "Lena L."})
    lead.refresh_from_db()
    assert lead.name == "Lena L."


def test_every_page_has_a_skip_link_a_heading_and_a_way_out(study, lead, login):
    page = login(lead).get(at("overview")).content.decode()
    assert page.index('href="#main"') < page.index("<nav")
    assert len(re.findall(r"<h1>", page)) == 1
    assert reverse("account_logout") in page
