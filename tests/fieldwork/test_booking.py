import datetime as dt

import pytest

from consent import recruiting, signing, withdrawal
from fieldwork import booking
from fieldwork.models import Activity, Attempt, Booking
from fieldwork.states import ACTIVITY_MOVES, ActivityState, may_become
from ipe.errors import Invalid, NotFound, NotReady, Refused
from ipe.models import AuditEvent
from tests.fieldwork.conftest import DAY


def test_book_works_and_is_recorded(book, consented, researcher):
    people = consented(2)
    activity = book(people)
    assert (activity.code, activity.state, activity.label) == ("A-001", "booked", "Interview · 12m")
    assert [b.participant for b in activity.bookings.all()] == people
    assert list(activity.researchers.all()) == [researcher]
    event = AuditEvent.objects.get(action="activity.booked")
    assert event.counts == {"participants": 2, "researchers": 1}


def test_second_booking_has_the_next_code(book, consented):
    one, two = consented(2)
    book([one])
    assert book([two], starts_at=DAY + dt.timedelta(hours=4)).code == "A-002"


def test_booking_twice_at_one_time_warns_and_can_be_accepted(book, consented):
    one, two = consented(2)
    book([one])
    with pytest.raises(booking.Clashing) as caught:
        book([two])
    assert str(caught.value.message) == "Rosa Researcher is booked for another activity at this time (A-001)."
    assert Activity.objects.count() == 1
    assert book([two], accept_clashes=True).code == "A-002"


def test_participant_who_is_taken(book, consented):
    (person,) = consented()
    book([person])
    with pytest.raises(booking.Clashing, match="P-001 is booked"):
        book([person], researchers=[], starts_at=DAY + dt.timedelta(minutes=59))
    assert book([person], researchers=[], starts_at=DAY + dt.timedelta(minutes=60)).code == "A-002"


def test_cancelled_activity_takes_nobodys_time(book, consented, fieldwork):
    (person,) = consented()
    booking.cancel(book([person]), by=fieldwork)
    assert book([person]).code == "A-002"


@pytest.mark.parametrize("role", ["lead", "researcher", "writer", "data_protection"])
def test_book_by_a_role_that_may_not(role, book, consented, request):
    people = consented()
    with pytest.raises(Refused):
        book(people, by=request.getfixturevalue(role))


def test_book_at_another_site(book, consented, other_site):
    with pytest.raises(NotFound):
        book(consented(), by=other_site)


def test_book_before_somebody_agreed_to_be_contacted(book, add):
    with pytest.raises(NotReady, match="P-001 has not agreed to be contacted"):
        book([add(informed=False)])


def test_book_somebody_who_declined_or_withdrew(book, add, fieldwork, consented):
    declined, withdrawn = add("A"), add("B")
    recruiting.move_recruitment(declined, to="declined", by=fieldwork)
    withdrawal.withdraw(withdrawn, scope="contact", by=fieldwork)
    with pytest.raises(NotReady, match="does not want to take part"):
        book([declined])
    with pytest.raises(NotReady, match="has withdrawn"):
        book([withdrawn])


def test_book_with_impossible_values(book, consented, site_b, wave, other_site, plan):
    people = consented()
    for changes in (
        {"minutes": 0},
        {"minutes": -5},
        {"minutes": 13 * 60},
        {"method": "survey"},
        {"group": "nobody"},
        {"place_kind": "7 Canary Row"},
        {"researchers": [other_site]},
        {"plan_row": plan("focus_group")},
    ):
        with pytest.raises((Invalid, Exception)) as caught:
            book(people, **changes)
        assert caught.type.__name__ in {"Invalid", "ValidationError"}
    with pytest.raises(Invalid):
        book([])
    assert Activity.objects.count() == 0


def test_book_in_a_wave_that_is_not_planned(book, consented, wave, site_a):
    row = wave(site_a, "12m")
    row.is_planned = False
    row.save()
    with pytest.raises(Invalid, match="not planned"):
        book(consented(), wave=row)


def test_change_moves_people_and_time(book, consented, fieldwork):
    one, two = consented(2)
    activity = book([one])
    later = DAY + dt.timedelta(days=1)
    values = {"starts_at": later, "ends_at": later + dt.timedelta(hours=1), "place_kind": "online"}
    changed = booking.change(activity, participants=[two], researchers=[], by=fieldwork, **values)
    assert (changed.starts_at, changed.place_kind) == (later, "online")
    assert {b.participant.code: b.state for b in changed.bookings.all()} == {
        "P-001": "cancelled",
        "P-002": "booked",
    }
    booking.change(activity, participants=[one, two], researchers=[], by=fieldwork, **values)
    assert set(changed.bookings.values_list("state", flat=True)) == {"booked"}


def test_done_needs_everybodys_consent(book, add, form, sign, fieldwork):
    person, version = add(), form()
    activity = book([person])
    with pytest.raises(NotReady, match="P-001 has no consent that covers 12 months"):
        booking.mark_done(activity, attended=[person], by=fieldwork)
    sign(person, version)
    done = booking.mark_done(activity, attended=[person], by=fieldwork)
    assert (done.state, Booking.objects.get().state) == ("done", "attended")
    assert AuditEvent.objects.get(action="activity.done").counts == {"attended": 1, "missed": 0}


def test_done_twice(book, consented, fieldwork):
    one, two = consented(2)
    activity = book([one, two])
    first = booking.mark_done(activity, attended=[one], by=fieldwork)
    assert booking.mark_done(activity, attended=[one], by=fieldwork).done_at == first.done_at
    assert AuditEvent.objects.filter(action="activity.done").count() == 1
    with pytest.raises(NotReady, match="already"):
        booking.mark_done(activity, attended=[two], by=fieldwork)
    assert {b.participant.code: b.state for b in activity.bookings.all()} == {
        "P-001": "attended",
        "P-002": "missed",
    }


def test_done_before_it_began_or_by_nobody_or_a_stranger(book, consented, fieldwork):
    one, two = consented(2)
    coming = book([one], starts_at=DAY + dt.timedelta(days=9))
    with pytest.raises(NotReady, match="has not begun"):
        booking.mark_done(coming, attended=[one], by=fieldwork)
    past = book([one], starts_at=DAY)
    for attended in ([], [two]):
        with pytest.raises(Invalid):
            booking.mark_done(past, attended=attended, by=fieldwork)


def test_cancel_twice_and_then_nothing_else(book, consented, fieldwork):
    (person,) = consented()
    activity = book([person])
    booking.cancel(activity, by=fieldwork)
    assert booking.cancel(activity, by=fieldwork).state == "cancelled"
    assert AuditEvent.objects.filter(action="activity.cancelled").count() == 1
    with pytest.raises(NotReady, match="cancelled"):
        booking.mark_done(activity, attended=[person], by=fieldwork)


def test_done_cannot_be_cancelled(book, consented, fieldwork):
    (person,) = consented()
    activity = book([person])
    booking.mark_done(activity, attended=[person], by=fieldwork)
    with pytest.raises(NotReady, match="done"):
        booking.cancel(activity, by=fieldwork)


@pytest.mark.parametrize("frm", ActivityState)
@pytest.mark.parametrize("to", ActivityState)
def test_moves_are_the_table(frm, to):
    assert may_become(frm, to) == (to in ACTIVITY_MOVES[frm])


@pytest.mark.parametrize("act", ["change", "cancel", "mark_done"])
def test_acts_on_an_activity_by_others(act, book, consented, lead, researcher, other_site):
    (person,) = consented()
    activity = book([person])
    values = {
        "change": {
            "starts_at": DAY,
            "ends_at": DAY + dt.timedelta(hours=1),
            "place_kind": "online",
            "participants": [person],
            "researchers": [],
        },
        "cancel": {},
        "mark_done": {"attended": [person]},
    }[act]
    for user, refusal in ((lead, Refused), (researcher, Refused), (other_site, NotFound)):
        with pytest.raises(refusal):
            getattr(booking, act)(activity, by=user, **values)


def test_check_says_who_is_not_ready_and_not_recorded(book, consented, add):
    ready = consented(1, record="no")
    check = booking.check(book([*ready, add("New")]))
    assert not check.is_ready
    assert check.reasons == ("P-002 has no consent that covers 12 months.",)
    assert check.not_recorded == ("P-001", "P-002")


def test_new_form_version_makes_an_activity_unready(book, consented, fieldwork):
    (person,) = consented()
    activity = book([person])
    assert booking.check(activity).is_ready
    version = person.consents.get().version
    signing.publish(signing.new_version(version, by=fieldwork), by=fieldwork, requires_reconsent=True)
    assert not booking.check(activity).is_ready


def test_attempts(add, fieldwork, researcher, other_site):
    person = add()
    booking.log_attempt(person, channel="telephone", outcome="no_answer", by=fieldwork)
    assert Attempt.objects.get().outcome == "no_answer"
    with pytest.raises(Invalid):
        booking.log_attempt(person, channel="telephone", outcome="her mother answered", by=fieldwork)
    with pytest.raises(Invalid):
        booking.log_attempt(
            person, channel="email", outcome="reached", by=fieldwork, at=DAY + dt.timedelta(days=9)
        )
    with pytest.raises(Refused):
        booking.log_attempt(person, channel="email", outcome="reached", by=researcher)
    with pytest.raises(NotFound):
        booking.log_attempt(person, channel="email", outcome="reached", by=other_site)
    withdrawal.withdraw(person, scope="contact", by=fieldwork)
    person.refresh_from_db()
    with pytest.raises(NotReady, match="not to be contacted"):
        booking.log_attempt(person, channel="email", outcome="reached", by=fieldwork)
