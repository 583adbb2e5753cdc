"""People with consents, and bookings, made by the acts themselves."""

import datetime as dt

import pytest

from tests.consent.conftest import add, form, sign  # noqa: F401 - fixtures of the room below

DAY = dt.datetime(2026, 11, 20, 9, 0, tzinfo=dt.UTC)


@pytest.fixture
def consented(add, form, sign):  # noqa: F811 - the fixtures named above
    """`consented(2)`: so many people at site A who agreed to everything for 12m."""
    versions = []

    def made(n=1, **answers):
        versions[:] = versions or [form()]
        people = [add(f"Person {number}") for number in range(n)]
        for person in people:
            sign(person, versions[0], **answers)
            person.refresh_from_db()
        return people

    return made


@pytest.fixture
def book(site_a, wave, fieldwork, researcher):
    """`book(people)`: an interview at site A, 12m, 20 Nov 2026 9–10 UTC, with the researcher."""
    from fieldwork import booking

    def booked(people, *, starts_at=DAY, minutes=60, **changes):
        values = {
            "method": "interview",
            "group": "practitioners",
            "starts_at": starts_at,
            "ends_at": starts_at + dt.timedelta(minutes=minutes),
            "place_kind": "workplace",
            "participants": people,
            "researchers": [researcher],
            "by": fieldwork,
            **changes,
        }
        return booking.book(values.pop("wave", wave(site_a, "12m")), **values)

    return booked


@pytest.fixture
def plan(study):
    """`plan("interview", "practitioners", 2)`: a row of the plan for 12m."""
    from fieldwork import planning

    def planned(method="interview", group="practitioners", number=2, phases=("12m",), code="", minimum=None):
        return planning.write_row(
            study,
            code=code or f"{method}-{group}",
            method=method,
            group=group,
            number=number,
            minimum=minimum,
            phases=list(study.phases.filter(code__in=phases)),
        )

    return planned
