"""Every page of the room for every kind of person, and the job by its pages."""

import datetime as dt
import io

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from consent import withdrawal
from fieldwork.models import Activity, Attempt, Recording
from fieldwork.urls import urlpatterns
from ipe.models import AuditEvent, StoredFile
from releases.models import QuotedPerson, Release
from tests.access import fieldwork as access
from tests.access.table import PEOPLE
from tests.fieldwork.conftest import DAY


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


def test_every_address_stands_in_the_table():
    assert {f"fieldwork:{pattern.name}" for pattern in urlpatterns} == {row.url for row in access.ROWS}


@pytest.mark.parametrize("row", access.ROWS, ids=lambda row: row.url)
def test_answer_for_every_kind_of_person(row, study, people, login):
    world = {"study": study, **people}
    access.build(world)
    kwargs = {name: world[key].pk for name, key in row.kwargs.items()}
    url = reverse(row.url, kwargs={"slug": study.slug, **kwargs})
    got = {}
    for who in reversed(PEOPLE):
        client = login(people[who])
        answer = client.post(url, row.data) if row.method == "POST" else client.get(url)
        got[who] = answer.status_code
        if row.method == "POST" and who == "fieldwork":
            assert client.get(url).status_code == 405
    assert got == {who: getattr(row, who) for who in PEOPLE}


def url(study, name, **kwargs):
    return reverse(f"fieldwork:{name}", kwargs={"slug": study.slug, **kwargs})


def test_schedule_takes_the_same_queries_for_one_row_and_three(study, fieldwork, book, consented, login):
    client, counts = login(fieldwork), []
    client.get(url(study, "schedule"))  # the first request of a session also notes the sign-in
    for n, person in enumerate(consented(3)):
        book([person], starts_at=DAY + dt.timedelta(days=n))
        with CaptureQueriesContext(connections["default"]) as queries:
            assert client.get(url(study, "schedule")).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1] == counts[2]


def test_filters_stand_in_the_address(study, fieldwork, book, consented, login):
    one, two = consented(2)
    book([one])
    book([two], starts_at=DAY + dt.timedelta(days=5), method="observation")
    client = login(fieldwork)

    def listed(**query):
        body = client.get(url(study, "schedule"), query).content.decode()
        return [code for code in ("A-001", "A-002") if f">{code}<" in body]

    assert listed() == ["A-001", "A-002"]
    assert listed(when="overdue") == ["A-001"]
    assert listed(when="upcoming") == ["A-002"]
    assert listed(method="observation") == ["A-002"]
    assert listed(person="p-001") == ["A-001"]
    assert listed(site="B") == []
    body = client.get(url(study, "schedule"), {"sort": "-when"}).content.decode()
    assert body.index("A-002") < body.index("A-001")


def test_activity_page_of_another_site_is_not_there(study, other_site, book, consented, login):
    activity = book(consented())
    assert login(other_site).get(url(study, "activity", pk=activity.pk)).status_code == 404
    assert "A-001" not in login(other_site).get(url(study, "schedule")).content.decode()


def test_book_by_the_page_with_a_clash_accepted(
    study, fieldwork, researcher, consented, plan, wave, site_a, login
):
    one, two = consented(2)
    row, client = plan(), login(fieldwork)
    place = f"{url(study, 'book')}?wave={wave(site_a, '12m').pk}&row={row.pk}"
    assert "P-001" in client.get(place).content.decode()
    data = {
        "plan_row": row.pk,
        "day": "2026-11-25",
        "begins": "14:00",
        "ends": "15:00",
        "place_kind": "home",
        "participants": [one.pk],
        "researchers": [researcher.pk],
    }
    assert client.post(place, data).status_code == 302
    activity = Activity.objects.get()
    assert (activity.starts_at, activity.group) == (
        dt.datetime(2026, 11, 25, 14, tzinfo=dt.UTC),
        "practitioners",
    )
    again = client.post(place, {**data, "participants": [two.pk]})
    assert again.status_code == 400
    assert "Tick to book all the same." in again.content.decode()
    assert client.post(place, {**data, "participants": [two.pk], "accept_clashes": "on"}).status_code == 302


def test_summer_time_is_the_clocks(study, fieldwork, consented, plan, wave, site_a, login):
    (person,) = consented()
    row = plan()
    place = f"{url(study, 'book')}?wave={wave(site_a, '12m').pk}"
    data = {
        "plan_row": row.pk,
        "day": "2027-06-01",
        "begins": "14:00",
        "ends": "15:00",
        "place_kind": "online",
        "participants": [person.pk],
    }
    assert login(fieldwork).post(place, data).status_code == 302
    assert Activity.objects.get().starts_at == dt.datetime(2027, 6, 1, 13, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("day", "begins", "ends", "expected"),
    [
        ("2027-03-28", "00:30", "02:30", "00:30–01:30"),  # one hour: the clocks went forward
        ("2027-03-28", "01:30", "02:00", None),  # begins in the hour that there is not
        ("2027-03-28", "00:30", "01:30", None),
        ("2027-10-31", "01:30", "02:30", "00:30–02:30"),  # two hours: the first of the two half past ones
        ("9999-12-31", "10:00", "11:00", None),
    ],
)
def test_booking_over_a_change_of_the_clocks(
    day, begins, ends, expected, study, fieldwork, consented, plan, wave, site_a, login
):
    (person,) = consented()
    data = {
        "plan_row": plan().pk,
        "day": day,
        "begins": begins,
        "ends": ends,
        "place_kind": "online",
        "participants": [person.pk],
    }
    answer = login(fieldwork).post(f"{url(study, 'book')}?wave={wave(site_a, '12m').pk}", data)
    made = Activity.objects.first()
    got = f"{made.starts_at:%H:%M}–{made.ends_at:%H:%M}" if made else None
    assert (answer.status_code, got) == (302 if expected else 400, expected)


def test_book_at_a_wave_of_another_site(study, fieldwork, site_b, wave, login):
    place = f"{url(study, 'book')}?wave={wave(site_b, '12m').pk}"
    assert login(fieldwork).get(place).status_code == 400


def test_change_done_and_cancel_by_the_page(study, fieldwork, book, consented, login):
    (person,) = consented()
    client, activity = login(fieldwork), book([person])
    data = {
        "day": "2026-11-20",
        "begins": "09:30",
        "ends": "10:30",
        "place_kind": "telephone",
        "participants": [person.pk],
    }
    assert client.post(url(study, "change", pk=activity.pk), data).status_code == 302
    activity.refresh_from_db()
    assert (activity.starts_at.minute, activity.place_kind) == (30, "telephone")
    assert client.post(url(study, "done", pk=activity.pk), {}).status_code == 400
    assert client.post(url(study, "done", pk=activity.pk), {"attended": [person.pk]}).status_code == 302
    assert client.post(url(study, "cancel", pk=activity.pk)).status_code == 400
    activity.refresh_from_db()
    assert activity.state == "done"


@pytest.mark.row("CN-13")
def test_done_by_the_page_names_the_missing_consent(study, fieldwork, book, add, login):
    person = add()
    activity = book([person])
    answer = login(fieldwork).post(url(study, "done", pk=activity.pk), {"attended": [person.pk]})
    assert answer.status_code == 400
    assert "P-001 has no consent that covers 12 months." in answer.content.decode()


@pytest.mark.row("V5.4.1")
def test_recording_by_the_page(study, researcher, fieldwork, book, consented, login):
    activity = book(consented())
    sound = SimpleUploadedFile("Ann Canary.wav", b"RIFF\x00\x00\x00\x00WAVEcanary", content_type="audio/wav")
    assert (
        login(researcher).post(url(study, "recording-add", pk=activity.pk), {"file": sound}).status_code
        == 302
    )
    recording = Recording.objects.get()
    answer = login(fieldwork).post(url(study, "recording-read", pk=recording.pk))
    assert answer.content.endswith(b"WAVEcanary")
    assert "Canary" not in answer["Content-Disposition"]
    assert "Canary" not in str(StoredFile.objects.values().get())


@pytest.mark.row("CN-04")
def test_recording_by_the_page_without_consent(study, fieldwork, book, consented, login):
    activity = book(consented(1, record="no"))
    sound = SimpleUploadedFile("x.wav", b"RIFF\x00\x00\x00\x00WAVEcanary", content_type="audio/wav")
    answer = login(fieldwork).post(url(study, "recording-add", pk=activity.pk), {"file": sound})
    assert answer.status_code == 400
    assert "P-001 said no to “being recorded”" in answer.content.decode()
    assert Recording.objects.count() == 0


def test_recording_that_is_none(study, fieldwork, book, consented, login):
    activity = book(consented())
    for name, data in (("x.wav", b"MZ nonsense"), ("x.exe", b"RIFF"), ("x.mp3", b"")):
        sound = SimpleUploadedFile(name, data)
        answer = login(fieldwork).post(url(study, "recording-add", pk=activity.pk), {"file": sound})
        assert answer.status_code == 400
    assert StoredFile.objects.count() == 0


@pytest.mark.row("000-21")
def test_plan_by_the_page(study, lead, login):
    client = login(lead)
    phases = [phase.pk for phase in study.phases.filter(code__in=["pre", "12m"])]
    data = {
        "code": "leaders",
        "method": "interview",
        "group": "leaders",
        "phases": phases,
        "number": 2,
        "people_each": 1,
    }
    assert client.post(url(study, "plan-add"), data).status_code == 302
    row = study.plan_rows.get()
    assert (
        client.post(url(study, "plan-row", pk=row.pk), {**data, "number": 5, "minimum": 4}).status_code == 302
    )
    row.refresh_from_db()
    assert (row.number, row.phases.count()) == (5, 2)
    body = client.get(url(study, "quotas")).content.decode()
    assert "Interview · Leaders" in body
    assert "not yet</span> 4</td>" in body
    assert client.post(url(study, "plan-remove", pk=row.pk)).status_code == 302
    assert study.plan_rows.count() == 0


def test_plan_page_does_not_replace_a_row_under_a_code_that_is_taken(study, lead, plan, login):
    row = plan(number=7)
    phases = [study.phases.get(code="pre").pk]
    data = {"code": row.code, "method": "observation", "phases": phases, "number": 1, "people_each": 1}
    answer = login(lead).post(url(study, "plan-add"), data)
    assert (answer.status_code, "Another row of the plan has this code." in answer.content.decode()) == (
        400,
        True,
    )
    row.refresh_from_db()
    assert (row.method, row.number) == ("interview", 7)


def test_plan_row_with_activities_keeps_what_they_count_for(study, lead, plan, book, consented, login):
    row = plan(number=1, phases=("pre", "12m"))
    book(consented(), plan_row=row)
    client, place = login(lead), url(study, "plan-row", pk=row.pk)
    pre, twelve = (study.phases.get(code=code).pk for code in ("pre", "12m"))
    data = {
        "code": row.code,
        "method": "interview",
        "group": "practitioners",
        "phases": [pre, twelve],
        "number": 3,
        "people_each": 1,
    }
    for change in ({"method": "observation"}, {"group": "leaders"}, {"phases": [pre]}):
        assert client.post(place, {**data, **change}).status_code == 400
    assert client.post(place, {**data, "phases": [twelve]}).status_code == 302


def test_attempt_by_the_page(study, fieldwork, add, login):
    person = add()
    data = {"channel": "email", "outcome": "no_answer"}
    assert login(fieldwork).post(url(study, "attempt", pk=person.pk), data).status_code == 302
    assert Attempt.objects.get().by == fieldwork


def test_schedule_leaves_as_a_release_with_codes_only(study, fieldwork, book, consented, site_a, login):
    (person,) = consented()
    book([person])
    data = {"site": site_a.pk, "file_format": "xlsx", "purpose": "For the site's business support"}
    answer = login(fieldwork).post(url(study, "export"), data)
    assert answer.status_code == 200
    book_ = openpyxl.load_workbook(io.BytesIO(answer.content))
    cells = [
        str(cell) for sheet in book_ for row in sheet.iter_rows(values_only=True) for cell in row if cell
    ]
    assert {"A-001", "P-001", "09:00", "10:00", "Rosa Researcher"} <= set(cells)
    assert not any("Person 0" in cell for cell in cells)
    release = Release.objects.get()
    assert (release.output_class, QuotedPerson.objects.get().participant) == ("organisational", person)


def test_schedule_of_another_site_does_not_leave(study, fieldwork, site_b, login):
    data = {"site": site_b.pk, "file_format": "xlsx", "purpose": "x"}
    assert login(fieldwork).post(url(study, "export"), data).status_code == 400
    assert Release.objects.count() == 0


def test_overview_shows_the_rooms_progress(study, lead, plan, login):
    plan(number=7)
    body = login(lead).get(reverse("overview", kwargs={"slug": study.slug})).content.decode()
    assert "0/7" in body


def test_person_page_leads_to_the_activities(study, fieldwork, book, consented, login):
    (person,) = consented()
    book([person])
    body = login(fieldwork).get(reverse("consent:person", kwargs={"slug": study.slug, "pk": person.pk}))
    assert f"{url(study, 'schedule')}?person=P-001" in body.content.decode()


@pytest.mark.row("SC-04")
def test_withdrawn_person_opens_the_place_on_the_page(study, fieldwork, book, consented, plan, login):
    (person,) = consented()
    book([person], plan_row=plan(number=1), starts_at=DAY + dt.timedelta(days=3))
    assert ": 0 done of 1, 1 booked" in login(fieldwork).get(url(study, "quotas")).content.decode()
    withdrawal.withdraw(person, scope="contact", by=fieldwork)
    body = login(fieldwork).get(url(study, "quotas")).content.decode()
    assert ": 0 done of 1, due" in body
    assert AuditEvent.objects.filter(action="withdrawal.contact").exists()
