"""Rows of the schedule as the plain records that `quotas` and `clashes` compute on."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, Q

from consent import gates
from consent.models import Consent, Membership, Participant
from consent.states import Answer, ConsentState, ItemCode, Recruitment, Status
from fieldwork.clashes import Slot
from fieldwork.models import Activity, Booking, PlanRow
from fieldwork.quotas import Counted, Person, Planned, Quota, quotas
from fieldwork.states import ActivityState, BookingState, PlaceKind
from ipe import roles
from ipe.models import Evaluation, User, Wave

IN_PERSON = frozenset({PlaceKind.WORKPLACE, PlaceKind.HOME, PlaceKind.VENUE})
STANDING = frozenset({BookingState.BOOKED, BookingState.ATTENDED})


@dataclass(frozen=True)
class QuotaGrid:
    """The plan's rows, the waves they stand in and each cell, by (row id, wave id)."""

    rows: tuple[PlanRow, ...]
    waves: tuple[Wave, ...]
    cells: dict[tuple[uuid.UUID, uuid.UUID], Quota]


def quota_grid(
    evaluation: Evaluation, user: User, now: dt.datetime, *, methods: Iterable[str] | None = None
) -> QuotaGrid:
    """Every cell of the plan that the user may see, in a fixed number of queries whatever the size of the
    study."""
    rows = evaluation.plan_rows.prefetch_related("phases")
    if methods is not None:
        rows = rows.filter(method__in=list(methods))
    waves = (
        Wave.objects.filter(site__evaluation=evaluation, site__in=_sites(evaluation, user))
        .select_related("site", "phase")
        .order_by("site__order", "site__code", "phase__order")
    )
    plan_rows, wave_rows = tuple(rows), tuple(waves)
    phases_of = {row.pk: {phase.pk for phase in row.phases.all()} for row in plan_rows}
    places = [
        (row, wave)
        for row in plan_rows
        for wave in wave_rows
        if wave.is_planned and wave.phase_id in phases_of[row.pk]
    ]
    planned = [
        Planned(row.pk, wave.site_id, wave.phase_id, row.method, row.group, row.number, row.minimum)
        for row, wave in places
    ]
    counted = quotas(planned, _activities(evaluation, user, now), _people(evaluation, user))
    return QuotaGrid(
        rows=plan_rows,
        waves=wave_rows,
        cells={(row.pk, wave.pk): cell for (row, wave), cell in zip(places, counted, strict=True)},
    )


def _sites(evaluation: Evaluation, user: User) -> Any:
    reached = roles.sites_for(user, "schedule.status", evaluation)
    sites = evaluation.sites.all()
    return sites if reached is None else sites.filter(pk__in=reached)


def _activities(evaluation: Evaluation, user: User, now: dt.datetime) -> list[Counted]:
    activities = (
        Activity.objects.filter(evaluation=evaluation)
        .visible_to(user)
        .select_related("wave")
        .prefetch_related("bookings__participant")
    )
    found = []
    for activity in activities:
        bookings = list(activity.bookings.all())
        found.append(
            Counted(
                row_id=activity.plan_row_id,
                site_id=activity.wave.site_id,
                phase_id=activity.wave.phase_id,
                is_done=activity.state == ActivityState.DONE,
                is_booked=activity.state == ActivityState.BOOKED,
                is_overdue=activity.is_overdue(now),
                n_taking_part=sum(booking.state == BookingState.ATTENDED for booking in bookings),
                withdrawn=frozenset(b.participant_id for b in bookings if _has_withdrawn(b)),
            )
        )
    return found


def _has_withdrawn(booking: Booking) -> bool:
    """From this place, be it that only the appointment fell away."""
    return booking.state == BookingState.WITHDRAWN or (
        booking.state == BookingState.CANCELLED and not booking.participant.is_active
    )


def _people(evaluation: Evaluation, user: User) -> list[Person]:
    """Who said no or withdrew, by wave. What was held with them before and stands is neither."""
    said_no = Consent.objects.filter(participant=OuterRef("participant"), state=ConsentState.REFUSED)
    held = Booking.objects.filter(
        participant=OuterRef("participant"), activity__wave=OuterRef("wave"), state=BookingState.ATTENDED
    )
    gone = Q(participant__recruitment=Recruitment.DECLINED) | ~Q(participant__status=Status.ACTIVE)
    rows = list(
        Membership.objects.filter(gone | Exists(said_no), participant__evaluation=evaluation)
        .exclude(Exists(held))
        .visible_to(user)
        .select_related("wave")
    )
    people = Participant.objects.filter(pk__in={row.participant_id for row in rows}).with_consents()
    loaded = {person.pk: person for person in people}
    return [
        Person(
            person_id=row.participant_id,
            site_id=row.wave.site_id,
            phase_id=row.wave.phase_id,
            group=row.group,
            has_refused=person.is_active and _has_refused(person, row.wave),
            has_withdrawn=not person.is_active,
        )
        for row in rows
        for person in [loaded[row.participant_id]]
    ]


def _has_refused(person: Participant, wave: Wave) -> bool:
    """Whoever said yes to one phase and no to another refused the other only."""
    said = gates.answer(person, ItemCode.TAKE_PART, wave.phase_id)
    return said == Answer.NO or (said == Answer.NOT_ASKED and person.recruitment == Recruitment.DECLINED)


def slots_near(
    starts_at: dt.datetime,
    ends_at: dt.datetime,
    *,
    evaluation: Evaluation,
    user: User,
    without: uuid.UUID | None,
) -> list[Slot]:
    """Open activities within an hour of a time, of every study: researchers work on more than one.

    Only those of this study that the user may see are named by their code.
    """
    hour = dt.timedelta(hours=1)
    activities = (
        Activity.objects.open()
        .filter(starts_at__lt=ends_at + hour, ends_at__gt=starts_at - hour)
        .exclude(pk__in=[without] if without else [])
        .prefetch_related("researchers", "bookings")
    )
    nameable = set(
        Activity.objects.filter(evaluation=evaluation).visible_to(user).values_list("pk", flat=True)
    )
    return [
        Slot(
            code=activity.code if activity.pk in nameable else "",
            starts_at=activity.starts_at,
            ends_at=activity.ends_at,
            is_in_person=activity.place_kind in IN_PERSON,
            researchers=frozenset(person.pk for person in activity.researchers.all()),
            participants=frozenset(
                booking.participant_id for booking in activity.bookings.all() if booking.state in STANDING
            ),
        )
        for activity in activities
        if activity.starts_at is not None and activity.ends_at is not None
    ]


def standing_bookings(activity: Activity) -> list[Booking]:
    """Who is booked or took part, with their consents loaded for the gates."""
    bookings = list(activity.bookings.filter(state__in=STANDING))
    people = Participant.objects.with_consents().select_related("evaluation", "site")
    found = {person.pk: person for person in people.filter(pk__in=[b.participant_id for b in bookings])}
    for booking in bookings:
        booking.participant = found[booking.participant_id]
        booking.activity = activity
    return sorted(bookings, key=lambda booking: booking.participant.code)
