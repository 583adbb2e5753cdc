"""Every page of the room for every kind of person, and what must never stand on one."""

import datetime as dt

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, reverse

from consent import contact, recruiting, withdrawal
from consent.models import Consent, Participant, RosterDraft
from consent.urls import urlpatterns
from ipe.models import AuditEvent
from tests.access import consent as access
from tests.access.table import PEOPLE

CANARY = "Zoë Ó Briain-Canary"


@pytest.fixture
def people(lead, fieldwork, researcher, writer, data_protection, other_site, outsider):
    return {
        "lead": lead,
        "fieldwork": fieldwork,
        "researcher": researcher,
        "writer": writer,
        "data_protection": data_protection,
        "other_site": other_site,
        "outsider": outsider,
        "anonymous": None,
    }


@pytest.fixture
def world(study, people):
    world = {"study": study, **people}
    access.build(world)
    return world


def address(study, row, world):
    return reverse(row.url, kwargs={"slug": study.slug, **{k: world[v].pk for k, v in row.kwargs.items()}})


def test_every_address_stands_in_the_table():
    named = {f"consent:{pattern.name}" for pattern in urlpatterns if isinstance(pattern, URLPattern)}
    assert named == {row.url for row in access.ROWS}


@pytest.mark.parametrize("row", access.ROWS, ids=lambda row: row.url)
def test_answer_for_every_kind_of_person(row, study, people, world, login):
    url = address(study, row, world)
    got = {}
    for who in reversed(PEOPLE):
        client = login(people[who])
        answer = client.post(url, row.data) if row.method == "POST" else client.get(url)
        got[who] = answer.status_code
    assert got == {who: getattr(row, who) for who in PEOPLE}


@pytest.mark.parametrize("row", [r for r in access.ROWS if r.method == "POST"], ids=lambda row: row.url)
def test_acts_answer_no_get(row, study, fieldwork, world, login):
    assert login(fieldwork).get(address(study, row, world)).status_code == 405


def test_person_page_holds_no_name_until_it_is_revealed(study, fieldwork, add, login):
    person = add(CANARY, details={"email": "canary@example.org", "safe_note": "Ring after six"})
    client = login(fieldwork)
    url = reverse("consent:person", kwargs={"slug": study.slug, "pk": person.pk})
    assert CANARY not in client.get(url).content.decode()
    answer = client.post(reverse("consent:contact-reveal", kwargs={"slug": study.slug, "pk": person.pk}))
    body = answer.content.decode()
    assert CANARY in body
    assert "Ring after six" in body
    assert "no-store" in answer["Cache-Control"]
    assert CANARY not in client.get(url).content.decode()
    event = AuditEvent.objects.get(action="contact.revealed")
    assert (event.actor_id, event.fields) == (fieldwork.pk, ["email", "name", "safe_note"])


def test_reveal_as_fragment(study, fieldwork, add, login):
    person = add(CANARY)
    url = reverse("consent:contact-reveal", kwargs={"slug": study.slug, "pk": person.pk})
    body = login(fieldwork).post(url, headers={"HX-Request": "true"}).content.decode()
    assert CANARY in body
    assert "<html" not in body


def test_researcher_sees_answers_but_neither_consents_nor_contact(study, researcher, add, form, sign, login):
    person = add(CANARY)
    consent = sign(person, form(), quote="no")
    url = reverse("consent:person", kwargs={"slug": study.slug, "pk": person.pk})
    body = login(researcher).get(url).content.decode()
    assert "What P-001 agreed to" in body
    assert str(consent.pk) not in body
    assert "Show contact details" not in body


def test_lists_of_another_site_are_empty(study, other_site, add, login):
    add(CANARY)
    body = login(other_site).get(reverse("consent:people", kwargs={"slug": study.slug})).content.decode()
    assert "P-001" not in body


@pytest.mark.parametrize("name", ["people", "withdrawals"])
def test_list_takes_the_same_queries_for_one_row_and_three(name, study, fieldwork, add, form, sign, login):
    url, client, version = reverse(f"consent:{name}", kwargs={"slug": study.slug}), login(fieldwork), form()
    client.get(url)  # the first request of a session also notes the sign-in
    counts = []
    for n in range(3):
        person = add(f"Person {n}")
        sign(person, version)
        withdrawal.withdraw(person, scope="future", by=fieldwork)
        with CaptureQueriesContext(connections["default"]) as queries:
            assert client.get(url).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1] == counts[2]


def test_filter_and_sort_stand_in_the_address(study, fieldwork, add, login):
    add("One", informed=False)
    add("Two")
    client = login(fieldwork)
    url = reverse("consent:people", kwargs={"slug": study.slug})
    body = client.get(url, {"state": "informed"}).content.decode()
    assert ("P-002" in body, "P-001" in body) == (True, False)
    body = client.get(url, {"sort": "-code"}).content.decode()
    assert body.index("P-002") < body.index("P-001")
    assert "Nobody fits the filter" in client.get(url, {"code": "P-9"}).content.decode()


def test_add_person_by_the_page(study, fieldwork, site_a, login):
    url = reverse("consent:person-add", kwargs={"slug": study.slug})
    data = {
        "name": CANARY,
        "kind": "staff",
        "site": site_a.pk,
        "recruitment": "listed",
        "email": "z@example.org",
    }
    answer = login(fieldwork).post(url, data)
    person = Participant.objects.get()
    assert answer.url == reverse("consent:person", kwargs={"slug": study.slug, "pk": person.pk})
    assert contact.reveal_contact(person, by=fieldwork).name == CANARY


def test_add_person_by_the_page_with_a_bad_address(study, fieldwork, site_a, login):
    url = reverse("consent:person-add", kwargs={"slug": study.slug})
    data = {"name": "N", "kind": "staff", "site": site_a.pk, "recruitment": "listed", "email": "nonsense"}
    answer = login(fieldwork).post(url, data)
    assert answer.status_code == 400
    assert "This is not an e-mail address." in answer.content.decode()
    assert Participant.objects.count() == 0


def test_paste_preview_and_import_by_the_page(study, fieldwork, site_a, login):
    client = login(fieldwork)
    text = f"Name\tE-mail\tRole\tGroup\tTeam\n{CANARY}\tz@example.org\tSocial worker\tPractitioners\tTeam 1\n"
    text += "O'Neil, “Bob” 😀\tb@example.org\tTeam manager\tManagers\t\n"
    data = {
        "kind": "staff",
        "site": site_a.pk,
        "phase": study.phases.get(code="12m").pk,
        "recruitment": "approached",
        "text": text,
    }
    answer = client.post(reverse("consent:roster", kwargs={"slug": study.slug}), data)
    assert answer.status_code == 302
    body = client.get(answer.url).content.decode()
    assert "Import 2 people" in body
    assert "Canary" not in body
    assert Participant.objects.count() == 0
    assert client.post(answer.url).status_code == 302
    assert sorted(Participant.objects.values_list("code", flat=True)) == ["P-001", "P-002"]
    assert client.get(answer.url).status_code == 404
    assert RosterDraft.objects.count() == 0


def test_pasted_list_with_mistakes_names_row_and_column(study, fieldwork, site_a, login):
    client = login(fieldwork)
    data = {
        "kind": "staff",
        "site": site_a.pk,
        "recruitment": "listed",
        "text": "Name,E-mail\nAnn,nonsense\n,x@y.org",
    }
    body = client.post(reverse("consent:roster", kwargs={"slug": study.slug}), data).content.decode()
    assert "Row 2, e-mail: is not an e-mail address." in body
    assert "Row 3, name: is empty." in body
    assert RosterDraft.objects.count() == 0


def test_record_consent_by_the_page(study, fieldwork, add, form, login):
    person, version = add(), form()
    url = reverse("consent:sign", kwargs={"slug": study.slug, "pk": person.pk, "version": version.pk})
    data = {
        "signatory": "own",
        "phases": [study.phases.get(code="12m").pk],
        "mode": "paper",
        "taken_where": "home",
        "taken_at": "2026-11-20T14:30",
        "take_part": "yes",
        "record": "no",
        "quote": "not_asked",
    }
    answer = login(fieldwork).post(url, data)
    consent = Consent.objects.get()
    assert answer.url == reverse("consent:signed", kwargs={"slug": study.slug, "pk": consent.pk})
    assert consent.taken_at == dt.datetime(2026, 11, 20, 14, 30, tzinfo=dt.UTC)
    assert "I agree that the interview is recorded." in login(fieldwork).get(answer.url).content.decode()


def test_withdraw_by_the_page(study, data_protection, add, login):
    person, client = add(CANARY), login(data_protection)
    url = reverse("consent:withdraw", kwargs={"slug": study.slug, "pk": person.pk})
    body = client.get(url, {"scope": "delete"}).content.decode()
    assert "name and contact details erased" in body
    assert "no date yet" in body
    person.refresh_from_db()
    assert person.status == "active"
    answer = client.post(url, {"scope": "delete", "reason": "privacy"})
    assert answer.status_code == 400
    answer = client.post(url, {"scope": "delete", "reason": "privacy", "is_certain": "on"})
    receipt = client.get(answer.url).content.decode()
    assert "Concern about privacy" in receipt
    assert "pending" in receipt
    person.refresh_from_db()
    assert person.status == "erased"


def test_recruitment_step_that_does_not_follow(study, fieldwork, add, login):
    person = add(informed=False)
    url = reverse("consent:recruitment", kwargs={"slug": study.slug, "pk": person.pk})
    answer = login(fieldwork).post(url, {"to": "consented"})
    assert answer.status_code == 409
    assert "Record their answers on a consent form instead" in answer.content.decode()
    assert recruiting.Participant.objects.get().recruitment == "listed"


def test_list_for_a_phase_that_is_not_planned_is_told(study, fieldwork, site_a, wave, login):
    late = wave(site_a, "24m")
    late.is_planned = False
    late.save()
    data = {
        "kind": "staff",
        "site": site_a.pk,
        "phase": late.phase_id,
        "recruitment": "listed",
        "text": "Name,Group\nAnn,managers",
    }
    answer = login(fieldwork).post(reverse("consent:roster", kwargs={"slug": study.slug}), data)
    assert answer.status_code == 400
    assert "This phase is not planned at this site." in answer.content.decode()


def test_receipt_leads_to_the_files_that_had_left(study, fieldwork, data_protection, add, login):
    receipt = withdrawal.withdraw(add(), scope="delete", by=fieldwork)
    page = reverse("consent:receipt", kwargs={"slug": study.slug, "pk": receipt.pk})
    client = login(fieldwork)
    assert "has a copy" not in client.get(page).content.decode()
    recalled = {"code": "releases_quoting", "label": "releases to recall", "count": 1, "is_pending": False}
    receipt.counts.append(recalled)
    receipt.save()
    assert "Whoever has a copy is told by the report writer" in client.get(page).content.decode()
    assert "say who has a copy" in login(data_protection).get(page).content.decode()
