"""Booking activities with people, and what becomes of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from consent import gates
from consent.gates import Readiness
from consent.models import Participant
from consent.states import Answer, ItemCode, Recruitment
from fieldwork.clashes import Clash, Slot, clashes
from fieldwork.frames import IN_PERSON, slots_near, standing_bookings
from fieldwork.models import Activity, Attempt, Booking, PlanRow
from fieldwork.states import ActivityState, AttemptOutcome, BookingState, Channel, may_become
from ipe import audit, roles
from ipe.errors import Conflict, Invalid, NotReady
from ipe.models import Evaluation, Site, User, Wave
from ipe.words import Group, Method, Role

BOOKABLE = (Method.INTERVIEW, Method.FOCUS_GROUP, Method.OBSERVATION)
LONGEST = dt.timedelta(hours=12)


class Clashing(Conflict):
    """Somebody is taken at this time. Sent again with `accept_clashes` it is booked all the same."""

    title = "Somebody is taken at this time"

    def __init__(self, found: Sequence[Clash]) -> None:
        super().__init__(" ".join(map(str, found)), fields={"accept_clashes": "Tick to book all the same."})
        self.clashes = tuple(found)


def researchers_of(evaluation: Evaluation, site: Site) -> list[User]:
    """Who can be assigned at a site: its researchers and fieldwork leads."""
    members = (
        evaluation.members.in_force()
        .filter(role__in=[Role.RESEARCHER, Role.FIELDWORK])
        .select_related("user")
        .prefetch_related("sites")
    )
    found = {m.user_id: m.user for m in members if m.all_sites or site in m.sites.all()}
    return sorted(found.values(), key=lambda user: user.name)


def _next_code(evaluation: Evaluation) -> str:
    """Activities are cancelled and never removed, so the count is the last number. The study row is the
    lock."""
    Evaluation.objects.select_for_update().get(pk=evaluation.pk)
    return f"A-{Activity.objects.filter(evaluation=evaluation).count() + 1:03d}"


def _check_time(starts_at: dt.datetime, ends_at: dt.datetime) -> None:
    # Two moments of one zone are compared by the clock on the wall, which jumps twice a year.
    starts_at, ends_at = starts_at.astimezone(dt.UTC), ends_at.astimezone(dt.UTC)
    if ends_at <= starts_at:
        raise Invalid(
            "The end must be after the start.", fields={"ends_at": "The end must be after the start."}
        )
    if ends_at - starts_at > LONGEST:
        raise Invalid(
            "An activity lasts at most 12 hours.", fields={"ends_at": "This is more than 12 hours."}
        )


def _check_people(people: Sequence[Participant], wave: Wave) -> None:
    """A person may be booked before they sign, but not against their will.

    Raises
        Invalid: Somebody belongs to another site.
        NotReady: Somebody withdrew, declined, said no for the phase, or has not agreed to be contacted.
    """
    for person in people:
        if person.site_id != wave.site_id:
            raise Invalid(
                "Somebody belongs to another site.", fields={"participants": "Choose people of the site."}
            )
        if not person.is_active:
            raise NotReady(f"{person.code} has withdrawn and cannot be booked.")
        if person.recruitment in {Recruitment.LISTED, Recruitment.APPROACHED}:
            raise NotReady(f"{person.code} has not agreed to be contacted yet.")
        said = gates.answer(person, ItemCode.TAKE_PART, wave.phase)
        if person.recruitment == Recruitment.DECLINED or said == Answer.NO:
            raise NotReady(f"{person.code} does not want to take part.")


def _load(people: Iterable[Participant]) -> list[Participant]:
    ids = [person.pk for person in people]
    found = Participant.objects.select_for_update(of=("self",)).filter(pk__in=ids).with_consents()
    return list(found.select_related("evaluation", "site").order_by("code"))


def _warn(activity: Activity, researchers: Sequence[User], people: Sequence[Participant], by: User) -> None:
    if activity.starts_at is None or activity.ends_at is None:
        return
    slot = Slot(
        code=activity.code,
        starts_at=activity.starts_at,
        ends_at=activity.ends_at,
        is_in_person=activity.place_kind in IN_PERSON,
        researchers=frozenset(user.pk for user in researchers),
        participants=frozenset(person.pk for person in people),
        names={**{user.pk: user.name for user in researchers}, **{p.pk: p.code for p in people}},
    )
    others = slots_near(
        activity.starts_at, activity.ends_at, evaluation=activity.evaluation, user=by, without=activity.pk
    )
    if found := clashes(slot, others):
        raise Clashing(found)


def _check_researchers(evaluation: Evaluation, site: Site, researchers: Sequence[User]) -> None:
    known = {user.pk for user in researchers_of(evaluation, site)}
    if any(user.pk not in known for user in researchers):
        raise Invalid(
            "Somebody is not a researcher of this site.",
            fields={"researchers": "Choose researchers or fieldwork leads of this site."},
        )


@transaction.atomic
def book(
    wave: Wave,
    *,
    method: str,
    group: str,
    starts_at: dt.datetime,
    ends_at: dt.datetime,
    place_kind: str,
    participants: Iterable[Participant],
    researchers: Iterable[User],
    by: User,
    plan_row: PlanRow | None = None,
    accept_clashes: bool = False,
) -> Activity:
    """Book an interview, focus group or observation with at least one person.

    Nobody needs to have signed yet: that is asked when it is marked as done, and shown as due until then.

    Raises
        Refused, NotFound: No right to edit the schedule at this site.
        Invalid: Not a method to book, wave not planned, end before start, people or researchers of another
        site. NotReady: Somebody withdrew, declined or has not agreed to be contacted.
        Clashing: A researcher or participant is taken; repeat with `accept_clashes` to book all the same.
    """
    evaluation, site = wave.site.evaluation, wave.site
    roles.require(by, "schedule.edit", evaluation, site)
    if method not in BOOKABLE or group not in Group.values:
        raise Invalid("Choose a method and a group.", fields={"group": "Choose a group."})
    if not wave.is_planned:
        raise Invalid("This phase is not planned at this site.", fields={"wave": "Choose a planned wave."})
    if plan_row is not None and (plan_row.evaluation_id != evaluation.pk or plan_row.method != method):
        raise Invalid("This row of the plan does not fit.", fields={"plan_row": "Choose another row."})
    _check_time(starts_at, ends_at)
    people, team = _load(participants), list(researchers)
    if not people:
        raise Invalid("Nobody is chosen.", fields={"participants": "Choose at least one person."})
    _check_people(people, wave)
    _check_researchers(evaluation, site, team)
    activity = Activity(
        wave=wave,
        evaluation=evaluation,
        plan_row=plan_row,
        code=_next_code(evaluation),
        method=method,
        group=group,
        starts_at=starts_at,
        ends_at=ends_at,
        place_kind=place_kind,
        state=ActivityState.BOOKED,
    )
    activity.full_clean()
    if not accept_clashes:
        _warn(activity, team, people, by)
    activity.save(force_insert=True)
    activity.researchers.set(team)
    for person in people:
        Booking.objects.create(activity=activity, participant=person)
    counts = {"participants": len(people), "researchers": len(team)}
    audit.record("activity.booked", activity, by=by, evaluation=evaluation, counts=counts)
    return activity


def _locked(activity: Activity, by: User) -> Activity:
    held = (
        Activity.objects.select_for_update(of=("self",))
        .select_related("wave__site", "wave__phase", "evaluation")
        .get(pk=activity.pk)
    )
    roles.require(by, "schedule.edit", held.evaluation, held.wave.site)
    return held


def _open(activity: Activity) -> None:
    if not activity.is_open:
        raise NotReady(
            f"{activity.code} is {activity.get_state_display().lower()} and can no longer be changed."
        )


@transaction.atomic
def change(
    activity: Activity,
    *,
    starts_at: dt.datetime,
    ends_at: dt.datetime,
    place_kind: str,
    participants: Iterable[Participant],
    researchers: Iterable[User],
    by: User,
    accept_clashes: bool = False,
) -> Activity:
    """Change time, kind of place, people and researchers of an activity that is not over.

    Who is taken off the list is kept as cancelled.

    Raises
        As `book`; NotReady when the activity is done or cancelled, or somebody would be taken off who may be
        in a recording.
    """
    held = _locked(activity, by)
    _open(held)
    _check_time(starts_at, ends_at)
    people, team = _load(participants), list(researchers)
    if not people:
        raise Invalid(
            "Nobody is chosen.", fields={"participants": "Choose at least one person, or cancel it."}
        )
    _check_people(people, held.wave)
    _check_researchers(held.evaluation, held.wave.site, team)
    wanted = {person.pk for person in people}
    off = held.bookings.filter(state=BookingState.BOOKED).exclude(participant__in=wanted)
    if off.exists() and held.recordings.filter(destroyed_at=None).exists():
        # Their voice may be in it: a withdrawal has to find it.
        raise NotReady(
            f"{held.code} has a recording, so nobody can be taken off the list. Say who took part when you mark "
            "it as done."
        )
    held.starts_at, held.ends_at, held.place_kind = starts_at, ends_at, place_kind
    held.state = ActivityState.BOOKED
    held.full_clean()
    if not accept_clashes:
        _warn(held, team, people, by)
    held.save()
    held.researchers.set(team)
    off.update(state=BookingState.CANCELLED)
    for person in people:
        Booking.objects.update_or_create(
            activity=held, participant=person, defaults={"state": BookingState.BOOKED}
        )
    audit.record(
        "activity.changed",
        held,
        by=by,
        evaluation=held.evaluation,
        counts={"participants": len(people), "researchers": len(team)},
        fields=["starts_at", "ends_at", "place_kind", "participants", "researchers"],
    )
    return held


@transaction.atomic
def cancel(activity: Activity, *, by: User) -> Activity:
    """Cancel an activity and the places in it. Twice: nothing happens.

    Raises
        Refused, NotFound: No right to edit the schedule at this site.
        NotReady: It is done.
    """
    held = _locked(activity, by)
    if held.state == ActivityState.CANCELLED:
        return held
    _open(held)
    n_people = held.bookings.filter(state=BookingState.BOOKED).update(state=BookingState.CANCELLED)
    held.state = ActivityState.CANCELLED
    held.save(update_fields=["state"])
    counts = {"participants": n_people}
    audit.record("activity.cancelled", held, by=by, evaluation=held.evaluation, counts=counts)
    return held


@dataclass(frozen=True)
class Check:
    """Whether an activity can be held: per person what stands in the way, and whether all agreed to be
    recorded."""

    people: tuple[Readiness, ...]
    not_recorded: tuple[str, ...]

    @property
    def is_ready(self) -> bool:
        return bool(self.people) and all(person.is_ready for person in self.people)

    @property
    def reasons(self) -> tuple[str, ...]:
        return tuple(reason for person in self.people for reason in person.reasons)


def check(activity: Activity) -> Check:
    """Readiness of everybody booked (CN-05, CN-09, CN-13) and who did not agree to be recorded (CN-04)."""
    phase = activity.wave.phase
    again = gates.versions_to_sign_again(activity.evaluation)
    people = [booking.participant for booking in standing_bookings(activity)]
    return Check(
        people=tuple(
            gates.readiness(person, phase, again=again, held_at=activity.starts_at) for person in people
        ),
        not_recorded=tuple(
            person.code for person in people if gates.answer(person, ItemCode.RECORD, phase) != Answer.YES
        ),
    )


@transaction.atomic
def mark_done(activity: Activity, *, attended: Iterable[Participant], by: User) -> Activity:
    """Say that an activity was held and who took part; the others are kept as not having taken part.

    Everybody who took part must have consented for the phase. Twice with the same people: nothing happens.

    Raises
        Refused, NotFound: No right to edit the schedule at this site.
        Invalid: Nobody took part, or somebody who was not booked.
        NotReady: It has not begun, is cancelled, or a consent is missing (named by code).
    """
    held = _locked(activity, by)
    wanted = {person.pk for person in attended}
    bookings = standing_bookings(held)
    if held.state == ActivityState.DONE:
        if {b.participant_id for b in bookings if b.state == BookingState.ATTENDED} == wanted:
            return held
        raise NotReady(f"{held.code} is already marked as done.")
    _open(held)
    if not may_become(held.state, ActivityState.DONE) or held.starts_at is None:
        raise NotReady(f"{held.code} has no time yet.")
    if held.starts_at > timezone.now():
        raise NotReady(f"{held.code} has not begun yet.")
    if not wanted or not wanted <= {booking.participant_id for booking in bookings}:
        raise Invalid(
            "Choose who took part.", fields={"attended": "Choose at least one of the people booked."}
        )
    again = gates.versions_to_sign_again(held.evaluation)
    reasons = [
        reason
        for booking in bookings
        if booking.participant_id in wanted
        for reason in gates.readiness(
            booking.participant, held.wave.phase, again=again, held_at=held.starts_at
        ).reasons
    ]
    if reasons:
        raise NotReady("This cannot be marked as done: " + " ".join(reasons))
    for booking in bookings:
        took_part = booking.participant_id in wanted
        booking.state = BookingState.ATTENDED if took_part else BookingState.MISSED
        booking.save(update_fields=["state"])
    held.state, held.done_at = ActivityState.DONE, timezone.now()
    held.save(update_fields=["state", "done_at"])
    counts = {"attended": len(wanted), "missed": len(bookings) - len(wanted)}
    audit.record("activity.done", held, by=by, evaluation=held.evaluation, counts=counts)
    return held


@transaction.atomic
def log_attempt(
    participant: Participant,
    *,
    channel: str,
    outcome: str,
    by: User,
    at: dt.datetime | None = None,
    activity: Activity | None = None,
) -> Attempt:
    """Record one attempt to reach a person.

    Raises
        Refused, NotFound: No right to edit the schedule at this site.
        NotReady: The person withdrew: no further contact.
        Invalid: Not a channel or outcome of the list, or a moment in the future.
    """
    roles.require(by, "schedule.edit", participant.evaluation, participant.site)
    if not participant.is_active:
        raise NotReady(f"{participant.code} has withdrawn and is not to be contacted.")
    if channel not in Channel.values or outcome not in AttemptOutcome.values:
        raise Invalid("Choose how and with what outcome.", fields={"outcome": "Choose one of the list."})
    moment = at or timezone.now()
    if moment > timezone.now():
        raise Invalid("The attempt lies in the future.", fields={"at": "This lies in the future."})
    attempt = Attempt(
        participant=participant, activity=activity, at=moment, by=by, channel=channel, outcome=outcome
    )
    attempt.full_clean()
    attempt.save(force_insert=True)
    audit.record("contact.attempted", participant, by=by, evaluation=participant.evaluation)
    return attempt
