"""Who sees which rows of fieldwork, and the filters that the schedule is made of."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Self

from django.db.models import Count, Q

from fieldwork.states import ActivityState, BookingState
from ipe.scoped import Scoped

if TYPE_CHECKING:
    # Named in quotes below, where the linter does not look.
    from fieldwork.models import (
        Activity,
        Attempt,
        Booking,
        PlanRow,
        Recording,
    )

OPEN = (ActivityState.PLANNED, ActivityState.BOOKED)


class PlanRowQuerySet(Scoped["PlanRow"]):
    verb = "schedule.status"
    to_site = None


class ActivityQuerySet(Scoped["Activity"]):
    verb = "schedule.status"
    to_site = "wave__site"

    def of_study(self, evaluation: object) -> Self:
        return self.filter(evaluation=evaluation)

    def listed(self) -> Self:
        """With what the schedule shows of each activity."""
        counted = Count(
            "bookings", filter=Q(bookings__state__in=[BookingState.BOOKED, BookingState.ATTENDED])
        )
        return (
            self.select_related("wave__site", "wave__phase")
            .prefetch_related("researchers")
            .annotate(n_people=counted)
        )

    def open(self) -> Self:
        return self.filter(state__in=OPEN)

    def upcoming(self, now: dt.datetime) -> Self:
        return self.open().filter(starts_at__gt=now)

    def overdue(self, now: dt.datetime) -> Self:
        """Booked, over by the clock, and neither done nor cancelled."""
        return self.open().filter(ends_at__lte=now)

    def with_person(self, code: str) -> Self:
        """Activities that the person of this code has or had a place in."""
        return self.filter(
            pk__in=self.model.objects.filter(bookings__participant__code__iexact=code).values("pk")
        )

    def matching(
        self, *, site: str = "", phase: str = "", method: str = "", group: str = "", state: str = ""
    ) -> Self:
        wanted = Q()
        if site:
            wanted &= Q(wave__site__code=site)
        if phase:
            wanted &= Q(wave__phase__code=phase)
        if method:
            wanted &= Q(method=method)
        if group:
            wanted &= Q(group=group)
        if state:
            wanted &= Q(state=state)
        return self.filter(wanted)


class BookingQuerySet(Scoped["Booking"]):
    verb = "schedule.status"
    to_evaluation = "activity__evaluation"
    to_site = "activity__wave__site"

    def standing(self) -> Self:
        return self.filter(state__in=[BookingState.BOOKED, BookingState.ATTENDED])


class AttemptQuerySet(Scoped["Attempt"]):
    verb = "schedule.read"
    to_evaluation = "participant__evaluation"
    to_site = "participant__site"


class RecordingQuerySet(Scoped["Recording"]):
    verb = "originals.read"
    to_evaluation = "activity__evaluation"
    to_site = "activity__wave__site"
