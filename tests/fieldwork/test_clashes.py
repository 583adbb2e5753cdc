import datetime as dt
import uuid
from zoneinfo import ZoneInfo

from fieldwork.clashes import Clash, Slot, clashes, overlap

ANN, BOB = uuid.uuid4(), uuid.uuid4()
NINE = dt.datetime(2026, 11, 20, 9, 0, tzinfo=dt.UTC)
NONE = dt.timedelta()


def slot(code, begin, minutes=60, *, researchers=(), participants=(), is_in_person=False):
    starts_at = NINE + dt.timedelta(minutes=begin)
    return Slot(
        code=code,
        starts_at=starts_at,
        ends_at=starts_at + dt.timedelta(minutes=minutes),
        is_in_person=is_in_person,
        researchers=frozenset(researchers),
        participants=frozenset(participants),
        names={ANN: "Ann", BOB: "P-001"},
    )


def test_intervals_are_half_open():
    hour = dt.timedelta(hours=1)
    assert not overlap((NINE, NINE + hour), (NINE + hour, NINE + 2 * hour), gap=NONE)
    assert overlap((NINE, NINE + hour), (NINE + hour - dt.timedelta(seconds=1), NINE + 2 * hour), gap=NONE)
    assert overlap((NINE, NINE + 3 * hour), (NINE + hour, NINE + 2 * hour), gap=NONE)


def test_researcher_and_participant_who_overlap():
    new = slot("", 30, researchers=[ANN], participants=[BOB])
    assert clashes(new, [slot("A-001", 0, researchers=[ANN])]) == [Clash("Ann", "A-001")]
    assert clashes(new, [slot("A-002", 0, participants=[BOB])]) == [Clash("P-001", "A-002")]
    assert clashes(new, [slot("A-003", 0)]) == []


def test_one_after_the_other_is_no_clash_on_the_telephone():
    assert clashes(slot("", 60, researchers=[ANN]), [slot("A-001", 0, researchers=[ANN])]) == []


def test_researcher_needs_time_to_travel_between_two_in_person():
    def at(begin, **fields):
        return slot("A", begin, researchers=[ANN], participants=[BOB], is_in_person=True, **fields)

    assert clashes(at(60), [at(0)]) == [Clash("Ann", "A", is_travel=True)]
    assert "less than 30 minutes" in str(clashes(at(89), [at(0)])[0])
    assert clashes(at(90), [at(0)]) == []


def test_activity_that_may_not_be_named_is_not():
    clash = clashes(slot("", 0, researchers=[ANN]), [slot("", 0, researchers=[ANN])])[0]
    assert str(clash) == "Ann is booked for another activity at this time."


def test_night_when_the_clocks_go_back():
    """1:30 stands twice on 25 October 2026: the wall clock overlaps, the moments do not."""
    london = ZoneInfo("Europe/London")
    first = dt.datetime(2026, 10, 25, 1, 30, tzinfo=london)
    second = first.replace(fold=1)
    half = dt.timedelta(minutes=30)

    def span(start):
        moment = start.astimezone(dt.UTC)
        return moment, moment + half

    assert not overlap(span(first), span(second), gap=NONE)
    assert overlap(span(first), span(first), gap=NONE)
