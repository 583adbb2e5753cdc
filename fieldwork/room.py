"""What fieldwork answers to the other rooms' questions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.db.models import Model, Q
from django.urls import reverse
from django.utils import timezone

from consent import gates
from consent.models import Participant
from consent.states import Status
from fieldwork import recordings
from fieldwork.booking import BOOKABLE
from fieldwork.frames import STANDING, quota_grid
from fieldwork.models import Activity, Attempt, Booking, PlanRow, Recording
from fieldwork.querysets import OPEN
from fieldwork.section import CollectionPlan
from fieldwork.states import ActivityState, BookingState
from ipe import vault
from ipe.models import Evaluation, Phase, Site, User, Wave
from ipe.rooms import Assigned, Due, Effect, Erasure, Hit, NavPage, Progress, Retention, Room

AHEAD = dt.timedelta(days=14)


def erase(erasure: Erasure) -> list[Effect]:
    """Every scope cancels what is still to come; "delete" also takes out what was done with the person.

    What has begun by the clock and is not yet marked as done was collected: the lesser scopes keep it.
    """
    person = erasure.participant
    is_delete = erasure.scope == "delete"
    mine = Booking.objects.filter(participant=person)
    to_come = mine.filter(state=BookingState.BOOKED, activity__state__in=OPEN)
    if not is_delete:
        to_come = to_come.exclude(activity__starts_at__lte=erasure.at)
    others = Booking.objects.filter(state=BookingState.BOOKED).exclude(participant=person)
    emptied = Activity.objects.filter(pk__in=to_come.values("activity")).exclude(
        pk__in=others.values("activity")
    )
    past = mine.exclude(state=BookingState.WITHDRAWN).exclude(pk__in=to_come.values("pk"))
    attempts = Attempt.objects.filter(participant=person)
    own, shared = _recordings_of(person) if is_delete else ([], [])
    effects = [
        Effect("bookings_cancelled", "appointments cancelled", to_come.count()),
        Effect(
            "activities_cancelled", "activities cancelled, because nobody else is booked", emptied.count()
        ),
    ]
    if is_delete:
        effects += [
            Effect("bookings_withdrawn", "earlier places in activities marked as withdrawn", past.count()),
            Effect("attempts", "contact attempts deleted", attempts.count()),
            Effect("recordings", "recordings destroyed", len(own)),
            Effect("shared_recordings", "recordings shared with others destroyed whole", len(shared)),
        ]
    if erasure.dry_run:
        return effects
    # Both conditions ask for open activities, so their rows are noted before the first of them changes.
    emptied_ids, to_come_ids = (
        list(emptied.values_list("pk", flat=True)),
        list(to_come.values_list("pk", flat=True)),
    )
    Activity.objects.filter(pk__in=emptied_ids).update(state=ActivityState.CANCELLED)
    for recording in [*own, *shared]:
        recordings.erase(recording)
    if is_delete:
        attempts.delete()
        mine.update(state=BookingState.WITHDRAWN)
    else:
        Booking.objects.filter(pk__in=to_come_ids).update(state=BookingState.CANCELLED)
    return effects


def _recordings_of(person: Participant) -> tuple[list[Recording], list[Recording]]:
    """Recordings of this person alone, and those they share with others.

    Others' recordings stay where the person was taken off the list or did not come. In a cancelled activity
    nobody's place tells who was there, so everybody counts.
    """
    kept = Recording.objects.filter(destroyed_at=None).select_related("file")
    was_there = Q(activity__bookings__state__in=STANDING) | Q(activity__state=ActivityState.CANCELLED)
    shared = kept.filter(was_there, is_shared=True, activity__bookings__participant=person).distinct()
    return list(kept.filter(file__scope=vault.participant_scope(person.pk))), list(shared)


def due(evaluation: Evaluation, user: User, today: dt.date) -> list[Due]:
    """Activities past their time, those to come with a consent missing, and open places of waves under
    way."""
    now = timezone.now()
    soon = (
        Activity.objects.filter(evaluation=evaluation)
        .visible_to(user)
        .open()
        .filter(starts_at__lt=now + AHEAD)
        .select_related("wave__site", "wave__phase")
    )
    found = []
    for activity in soon:
        url = reverse("fieldwork:activity", kwargs={"slug": evaluation.slug, "pk": activity.pk})
        day = timezone.localdate(activity.starts_at)
        if activity.is_overdue(now):
            label = f"{activity.code}, {activity.label}: mark as done or cancel"
            found.append(Due(label, url, day, activity.wave.site_id, is_overdue=True))
        else:
            found.append(Due(f"{activity.code}, {activity.label}", url, day, activity.wave.site_id))
    return [*found, *_consents_missing(evaluation, user, now), *_open_places(evaluation, user, now, today)]


def _consents_missing(evaluation: Evaluation, user: User, now: dt.datetime) -> list[Due]:
    bookings = list(
        Booking.objects.filter(
            activity__evaluation=evaluation,
            state=BookingState.BOOKED,
            activity__state__in=OPEN,
            activity__starts_at__gt=now,
            activity__starts_at__lt=now + AHEAD,
        )
        .visible_to(user)
        .select_related("activity__wave__phase", "activity__wave__site")
        .order_by("activity__starts_at", "participant__code")
    )
    again = gates.versions_to_sign_again(evaluation) if bookings else {}
    people = Participant.objects.filter(pk__in=[b.participant_id for b in bookings]).with_consents()
    loaded = {person.pk: person for person in people}
    found = []
    for booking in bookings:
        wave = booking.activity.wave
        ready = gates.readiness(loaded[booking.participant_id], wave.phase, again=again)
        if not ready.is_ready:
            found.append(
                Due(
                    label=f"Consent missing for {booking.activity.code}: {ready.reasons[0]}",
                    url=reverse(
                        "consent:person", kwargs={"slug": evaluation.slug, "pk": booking.participant_id}
                    ),
                    due_on=timezone.localdate(booking.activity.starts_at),
                    site_id=wave.site_id,
                )
            )
    return found


def _open_places(evaluation: Evaluation, user: User, now: dt.datetime, today: dt.date) -> list[Due]:
    grid = quota_grid(evaluation, user, now, methods=BOOKABLE)
    found = []
    for wave in grid.waves:
        if wave.starts_on is None or wave.starts_on > today:
            continue
        n_open = sum(cell.n_open for (_, wave_id), cell in grid.cells.items() if wave_id == wave.pk)
        if n_open:
            is_over = wave.ends_on is not None and wave.ends_on < today
            url = reverse("fieldwork:quotas", kwargs={"slug": evaluation.slug})
            label = f"{wave.site.name}, {wave.phase.name}: {n_open} still to book"
            found.append(Due(label, url, wave.ends_on, wave.site_id, is_overdue=is_over))
    return found


def find(evaluation: Evaluation, needle: str) -> list[Hit]:
    """Notes of the plan that hold the text: the only free text this room keeps."""
    if not needle.strip():
        return []
    rows = evaluation.plan_rows.filter(note__icontains=needle)
    url = reverse("fieldwork:quotas", kwargs={"slug": evaluation.slug})
    return [Hit("fieldwork", f"Note of the plan's row {row.code}", url, "schedule.status") for row in rows]


def retain(evaluation: Evaluation, today: dt.date) -> list[Retention]:
    """Recordings are needed until analysis begins at the latest."""
    cut_off = evaluation.analysis_cut_off_on
    n_kept = Recording.objects.filter(activity__evaluation=evaluation, destroyed_at=None).count()
    if cut_off is None or cut_off > today or not n_kept:
        return []
    url = reverse("fieldwork:schedule", kwargs={"slug": evaluation.slug})
    rule = "destroyed when the transcript is checked, at the latest when aggregated analysis begins"
    return [Retention("recordings", rule, cut_off, n_kept, url=url)]


def assigned(user: User) -> Assigned:
    """People of the activities assigned to a researcher, until each is done or cancelled or the person
    withdraws."""
    people = Booking.objects.filter(
        activity__researchers=user,
        activity__state__in=OPEN,
        state=BookingState.BOOKED,
        participant__status=Status.ACTIVE,
    )
    mine = user.memberships.in_force().filter(evaluation__isnull=False).values("evaluation")
    reached = people.filter(activity__evaluation__in=mine)
    return Assigned(participants=frozenset(reached.values_list("participant_id", flat=True)))


def progress(evaluation: Evaluation, user: User, today: dt.date) -> list[Progress]:
    """Interviews, focus groups and observations per wave, against the plan."""
    grid = quota_grid(evaluation, user, timezone.now(), methods=BOOKABLE)
    methods = {row.pk: row.method for row in grid.rows}
    waves = {wave.pk: wave for wave in grid.waves}
    totals: dict[tuple[Any, str], list[Any]] = {}
    for (row_id, wave_id), cell in grid.cells.items():
        totals.setdefault((wave_id, methods[row_id]), []).append(cell)
    found = []
    for (wave_id, method), cells in totals.items():
        wave = waves[wave_id]
        is_complete = all(cell.n_open == 0 and cell.n_booked == 0 for cell in cells)
        has_begun = wave.starts_on is not None and wave.starts_on <= today
        is_over = wave.ends_on is not None and wave.ends_on < today
        query = f"?site={wave.site.code}&phase={wave.phase.code}&method={method}"
        found.append(
            Progress(
                site_id=wave.site_id,
                phase_id=wave.phase_id,
                method=method,
                n_done=sum(cell.n_done for cell in cells),
                target=sum(cell.planned.target or 0 for cell in cells),
                n_booked=sum(cell.n_booked for cell in cells),
                is_due=has_begun and not is_complete,
                is_overdue=(is_over and not is_complete) or any(cell.n_overdue for cell in cells),
                url=reverse("fieldwork:schedule", kwargs={"slug": evaluation.slug}) + query,
            )
        )
    return found


def evidence(row: Model) -> Mapping[str, int]:
    """Activities and rows of the plan that hang on a wave, phase or site."""
    if isinstance(row, Wave):
        return {"activities": row.activities.count()}
    if isinstance(row, Phase):
        n_rows = PlanRow.objects.filter(phases=row).count()
        return {"activities": Activity.objects.filter(wave__phase=row).count(), "rows of the plan": n_rows}
    if isinstance(row, Site):
        return {"activities": Activity.objects.filter(Q(wave__site=row)).count()}
    return {}


ROOM = Room(
    name="fieldwork",
    label="Fieldwork",
    order=30,
    pages=(
        NavPage("Fieldwork", "fieldwork:schedule", ("schedule.status",), 20, key="f", icon="calendar-days"),
    ),
    owns=frozenset(
        {
            "fieldwork.Activity",
            "fieldwork.Activity_researchers",
            "fieldwork.Booking",
            "fieldwork.Attempt",
            "fieldwork.Recording",
        }
    ),
    erase=erase,
    due=due,
    find=find,
    retain=retain,
    assigned=assigned,
    progress=progress,
    protocol_section=CollectionPlan(),
    evidence=evidence,
)
