import datetime as dt
from types import SimpleNamespace

import pytest
from django.core.exceptions import ValidationError

from consent import contact, recruiting, withdrawal
from fieldwork import booking, room
from fieldwork.frames import quota_grid
from fieldwork.models import Activity, Attempt, Booking
from fieldwork.section import CollectionPlan, PlanPart
from ipe.errors import Invalid, NotFound, NotReady, Refused
from tests.fieldwork.conftest import DAY

NOW = dt.datetime(2026, 11, 21, 10, 0, tzinfo=dt.UTC)
TODAY = NOW.date()


def cell(study, user, site, phase="12m"):
    grid = quota_grid(study, user, NOW)
    by_place = {(w.site.code, w.phase.code): w.pk for w in grid.waves}
    (found,) = [q for (_, wave_id), q in grid.cells.items() if wave_id == by_place[(site.code, phase)]]
    return found


def figures(quota):
    return (
        quota.planned.target,
        quota.n_booked,
        quota.n_done,
        quota.n_open,
        quota.n_refused,
        quota.n_withdrawn,
    )


@pytest.mark.row("SC-04")
def test_quota_counts_booked_done_refused_and_withdrawn(
    study, plan, book, consented, fieldwork, site_a, add, wave, lead
):
    row = plan(number=3)
    one, two = consented(2)
    assert figures(cell(study, lead, site_a)) == (3, 0, 0, 3, 0, 0)
    first = book([one], plan_row=row)
    book([two], plan_row=row, starts_at=DAY + dt.timedelta(days=5))
    assert figures(cell(study, lead, site_a)) == (3, 2, 0, 1, 0, 0)
    booking.mark_done(first, attended=[one], by=fieldwork)
    assert figures(cell(study, lead, site_a)) == (3, 1, 1, 1, 0, 0)
    no = add("No", wave=wave(site_a, "12m"), group="practitioners")
    recruiting.move_recruitment(no, to="declined", by=fieldwork)
    assert figures(cell(study, lead, site_a)) == (3, 1, 1, 1, 1, 0)
    # A withdrawal opens the place again: booked ones at once, done ones with deletion.
    withdrawal.withdraw(two, scope="contact", by=fieldwork)
    assert figures(cell(study, lead, site_a)) == (3, 0, 1, 2, 1, 1)
    withdrawal.withdraw(one, scope="delete", by=fieldwork)
    assert figures(cell(study, lead, site_a)) == (3, 0, 0, 3, 1, 2)


@pytest.mark.row("SC-04")
def test_quota_says_when_the_least_number_is_not_reached(
    study, plan, book, consented, fieldwork, site_a, lead
):
    row = plan(number=3, minimum=1)
    (person,) = consented()
    assert cell(study, lead, site_a).is_below_minimum
    booking.mark_done(book([person], plan_row=row), attended=[person], by=fieldwork)
    assert not cell(study, lead, site_a).is_below_minimum
    withdrawal.withdraw(person, scope="delete", by=fieldwork)
    assert cell(study, lead, site_a).is_below_minimum


@pytest.mark.parametrize(("number", "minimum"), [(2, 3), (None, 1)])
def test_a_least_number_above_the_number_or_without_one_is_refused(plan, number, minimum):
    with pytest.raises(ValidationError, match="The least number goes with a number"):
        plan(number=number, minimum=minimum)


def test_quota_counts_a_refusal_where_it_was_said(
    study, plan, add, form, sign, fieldwork, site_a, wave, lead
):
    plan(number=1, phases=("pre", "12m"))
    person, version = add(), form()
    for phase in ("pre", "12m"):
        recruiting.set_membership(person, wave=wave(site_a, phase), group="practitioners", by=fieldwork)
    sign(person, version, phases=("pre",))
    sign(person, version, phases=("12m",), take_part="no")
    person.refresh_from_db()
    assert person.recruitment == "declined"
    assert figures(cell(study, lead, site_a, "pre"))[4:] == (0, 0)
    assert figures(cell(study, lead, site_a, "12m"))[4:] == (1, 0)


def test_quota_counts_nobody_as_withdrawn_whose_interview_stands(
    study, plan, book, consented, fieldwork, site_a, wave, lead
):
    row = plan(number=1, phases=("12m", "24m"))
    (person,) = consented()
    for phase in ("12m", "24m"):
        recruiting.set_membership(person, wave=wave(site_a, phase), group="practitioners", by=fieldwork)
    booking.mark_done(book([person], plan_row=row), attended=[person], by=fieldwork)
    withdrawal.withdraw(person, scope="future", by=fieldwork)
    assert figures(cell(study, lead, site_a, "12m")) == (1, 0, 1, 0, 0, 0)
    assert figures(cell(study, lead, site_a, "24m")) == (1, 0, 0, 1, 0, 1)


def test_quota_of_another_site_is_not_seen(study, plan, other_site, lead, outsider):
    plan()
    assert {w.site.code for w in quota_grid(study, other_site, NOW).waves} == {"B"}
    assert {w.site.code for w in quota_grid(study, lead, NOW).waves} == {"A", "B"}
    assert quota_grid(study, outsider, NOW).waves == ()


def test_quota_grid_takes_the_same_queries_for_one_and_three(
    study, plan, book, add, consented, fieldwork, site_a, wave, lead, django_assert_num_queries
):
    people = consented(3)
    row = plan()
    quota_grid(study, lead, NOW)  # reads the roles of the person once
    for n, person in enumerate(people):
        book([person], plan_row=row, starts_at=DAY + dt.timedelta(days=n))
        refused = add(f"No {n}", wave=wave(site_a, "12m"), group="practitioners")
        recruiting.move_recruitment(refused, to="declined", by=fieldwork)
        with django_assert_num_queries(9):
            quota_grid(study, lead, NOW)
    plan("focus_group")
    with django_assert_num_queries(9):
        quota_grid(study, lead, NOW)


def test_progress_per_wave_and_method(study, plan, book, consented, fieldwork, site_a, lead):
    row = plan(number=1)
    plan("interview", "leaders", 2)
    plan("survey", "practitioners", None)
    (person,) = consented()
    booking.mark_done(book([person], plan_row=row), attended=[person], by=fieldwork)
    found = [p for p in room.progress(study, lead, TODAY) if p.site_id == site_a.pk]
    assert [(p.method, p.n_done, p.target, p.n_booked) for p in found] == [("interview", 1, 3, 0)]
    assert (found[0].is_due, found[0].is_overdue) == (True, False)
    later = [p for p in room.progress(study, lead, TODAY + dt.timedelta(days=90)) if p.site_id == site_a.pk]
    assert later[0].is_overdue


def test_due_lists_overdue_missing_consents_and_open_places(
    study, plan, book, add, consented, lead, other_site
):
    plan(number=4)
    book(consented())
    new = add("New")
    book([new], starts_at=NOW + dt.timedelta(days=3))
    found = room.due(study, lead, TODAY)
    assert [(item.label, item.is_overdue) for item in found] == [
        ("A-001, Interview · 12m: mark as done or cancel", True),
        ("A-002, Interview · 12m", False),
        ("Consent missing for A-002: P-002 has no consent that covers 12 months.", False),
        ("Ashcombe, 12 months: 4 still to book", False),
        ("Brindlemere, 12 months: 4 still to book", False),
    ]
    assert [item.label for item in room.due(study, other_site, TODAY)] == [
        "Brindlemere, 12 months: 4 still to book"
    ]


def test_assigned_lasts_until_the_activity_is_done(book, consented, researcher, fieldwork):
    (person,) = consented()
    assert room.assigned(researcher).participants == frozenset()
    activity = book([person])
    assert room.assigned(researcher).participants == {person.pk}
    assert contact.reveal_contact(person, by=researcher).name == "Person 0"
    booking.mark_done(activity, attended=[person], by=fieldwork)
    assert room.assigned(researcher).participants == frozenset()
    with pytest.raises(Refused):
        contact.reveal_contact(person, by=researcher)


@pytest.mark.parametrize("scope", ["contact", "future"])
def test_lesser_withdrawal_cancels_what_is_to_come(scope, book, consented, fieldwork):
    one, two = consented(2)
    past = booking.mark_done(book([one]), attended=[one], by=fieldwork)
    alone = book([one], starts_at=DAY + dt.timedelta(days=4))
    shared = book([one, two], starts_at=DAY + dt.timedelta(days=5))
    receipt = withdrawal.withdraw(one, scope=scope, by=fieldwork)
    assert {e["code"]: e["count"] for e in receipt.counts} == {
        "bookings_cancelled": 2,
        "activities_cancelled": 1,
    }
    states = dict(Activity.objects.values_list("code", "state"))
    assert states == {past.code: "done", alone.code: "cancelled", shared.code: "booked"}
    mine = dict(Booking.objects.filter(participant=one).values_list("activity__code", "state"))
    assert mine == {past.code: "attended", alone.code: "cancelled", shared.code: "cancelled"}


@pytest.mark.parametrize("scope", ["contact", "future"])
def test_lesser_withdrawal_keeps_an_interview_that_was_held_and_not_yet_marked(
    scope, book, consented, fieldwork, researcher
):
    (person,) = consented()
    held = book([person])
    receipt = withdrawal.withdraw(person, scope=scope, by=fieldwork)
    assert receipt.counts == []
    assert room.assigned(researcher).participants == frozenset()
    assert booking.check(held).is_ready
    person.refresh_from_db()
    done = booking.mark_done(held, attended=[person], by=fieldwork)
    assert (done.state, Booking.objects.get().state) == ("done", "attended")


def test_activity_after_a_withdrawal_cannot_be_marked_as_done(book, consented, fieldwork, clock):
    one, two = consented(2)
    withdrawal.withdraw(one, scope="contact", by=fieldwork)
    clock.shift(dt.timedelta(days=5))
    later = book([two], starts_at=DAY + dt.timedelta(days=4))
    Booking.objects.create(activity=later, participant=one)
    with pytest.raises(NotReady, match="P-001 has withdrawn"):
        booking.mark_done(later, attended=[one], by=fieldwork)


def test_delete_takes_out_what_was_done(book, consented, fieldwork):
    one, two = consented(2)
    booking.mark_done(book([one, two]), attended=[one, two], by=fieldwork)
    booking.log_attempt(one, channel="email", outcome="reached", by=fieldwork)
    receipt = withdrawal.withdraw(one, scope="delete", by=fieldwork)
    counts = {e["code"]: e["count"] for e in receipt.counts}
    assert (counts["bookings_withdrawn"], counts["attempts"], Attempt.objects.count()) == (1, 1, 0)
    assert dict(Booking.objects.values_list("participant__code", "state")) == {
        "P-001": "withdrawn",
        "P-002": "attended",
    }


def test_preview_says_what_is_then_done(book, consented, fieldwork):
    one, two = consented(2)
    book([one, two])
    book([one], starts_at=DAY + dt.timedelta(days=4))
    preview = withdrawal.preview(one, scope="delete", by=fieldwork)
    assert set(Booking.objects.values_list("state", flat=True)) == {"booked"}
    receipt = withdrawal.withdraw(one, scope="delete", by=fieldwork)
    assert [e["count"] for e in receipt.counts] == [e.count for e in preview.effects]


# The protocol's section


def parts(*rows):
    return [PlanPart.model_validate(row) for row in rows]


LEADERS = {
    "code": "leaders",
    "method": "interview",
    "group": "leaders",
    "phases": ["pre", "12m"],
    "number": 2,
}
SURVEY = {"code": "survey", "method": "survey", "phases": ["12m"], "note": "all staff"}


def test_section_reads_what_it_wrote(study):
    section, report = CollectionPlan(), SimpleNamespace()
    written = parts(LEADERS, SURVEY)
    section.write(study, written, report)
    assert section.read(study) == written
    section.write(study, parts(SURVEY, LEADERS), report)
    assert [part.code for part in section.read(study)] == ["survey", "leaders"]
    section.write(study, [], report)
    assert section.read(study) == []


def test_section_refuses(study, plan, book, consented):
    section, report = CollectionPlan(), SimpleNamespace()
    with pytest.raises(Invalid, match="not a phase"):
        section.write(study, parts({**LEADERS, "phases": ["9m"]}), report)
    with pytest.raises(Invalid, match="Two rows"):
        section.write(study, parts(LEADERS, LEADERS), report)
    book(consented(), plan_row=plan())
    with pytest.raises(Invalid, match="has activities"):
        section.write(study, [], report)


def test_find_retain_and_evidence(study, plan, wave, site_a, lead, fieldwork, book, consented):
    from fieldwork import planning, recordings

    row = planning.set_row(
        study, code="x", method="interview", phases=study.phases.all(), note="Ask Ann first", by=lead
    )
    assert [hit.label for hit in room.find(study, "ann")] == ["Note of the plan's row x"]
    assert room.find(study, "  ") == []
    recordings.add_recording(book(consented()), upload=b"sound", by=fieldwork)
    assert room.retain(study, TODAY) == []
    study.analysis_cut_off_on = TODAY
    assert [(r.data_class, r.n_rows) for r in room.retain(study, TODAY)] == [("recordings", 1)]
    assert room.evidence(wave(site_a, "12m")) == {"activities": 1}
    with pytest.raises(Refused):
        planning.remove_row(row, by=fieldwork)
    planning.remove_row(row, by=lead)
    assert not study.plan_rows.exists()


def test_plan_is_the_leads(study, fieldwork, outsider):
    from fieldwork import planning

    for user, refusal in ((fieldwork, Refused), (outsider, NotFound)):
        with pytest.raises(refusal):
            planning.set_row(study, code="x", method="interview", phases=study.phases.all(), by=user)
