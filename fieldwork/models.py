"""The collection plan and what is done of it: activities, who is booked, and their recordings."""

from __future__ import annotations

import datetime as dt

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from consent.models import Participant
from fieldwork import querysets
from fieldwork.states import ActivityState, AttemptOutcome, BookingState, Channel, PlaceKind
from ipe.models import Evaluation, Phase, Record, StoredFile, Wave
from ipe.words import Group, Method


class PlanRow(Record):
    """One line of the protocol's collection schedule: a method with a group, how many per site in which
    phases.

    `number` counts activities (one focus group of six people is one); null means everybody, as in a survey. `minimum`
    is the least with which the protocol can still answer its questions; null where it names none.
    """

    evaluation = models.ForeignKey(Evaluation, on_delete=models.CASCADE, related_name="plan_rows")
    code = models.SlugField(max_length=60)
    method = models.CharField(max_length=20, choices=Method.choices)
    group = models.CharField(max_length=40, choices=Group.choices, blank=True)
    phases = models.ManyToManyField(Phase, related_name="plan_rows")
    number = models.PositiveSmallIntegerField("activities per site and phase", null=True, blank=True)
    minimum = models.PositiveSmallIntegerField("at least", null=True, blank=True)
    people_each = models.PositiveSmallIntegerField("people in each activity", default=1)
    note = models.CharField(max_length=300, blank=True)
    order = models.PositiveSmallIntegerField(default=0)

    objects = querysets.PlanRowQuerySet.as_manager()

    class Meta:
        ordering = ("order", "code")
        constraints = (
            models.UniqueConstraint(
                fields=["evaluation", "code"],
                name="plan_row_code_once_per_study",
                violation_error_message="Another row of the plan has this code.",
            ),
            models.CheckConstraint(
                condition=Q(people_each__gte=1),
                name="plan_row_has_people",
                violation_error_message="An activity has at least one person.",
            ),
            models.CheckConstraint(
                condition=Q(minimum=None) | Q(number__isnull=False, minimum__lte=models.F("number")),
                name="plan_row_minimum_within_number",
                violation_error_message="The least number goes with a number and is no larger than it.",
            ),
        )

    def __str__(self) -> str:
        return self.code

    @property
    def label(self) -> str:
        """ "Interview · Leaders", as the grid names the row."""
        return (
            f"{self.get_method_display()} · {self.get_group_display()}"
            if self.group
            else str(self.get_method_display())
        )


class Activity(Record):
    """One interview, focus group or observation, known by a code such as A-012; no title and no address.

    Times are half-open: it ends before `ends_at`. State moves only along `states.ACTIVITY_MOVES` (see
    `booking`).
    """

    wave = models.ForeignKey(Wave, on_delete=models.PROTECT, related_name="activities")
    plan_row = models.ForeignKey(
        PlanRow, on_delete=models.SET_NULL, null=True, blank=True, related_name="activities"
    )
    code = models.CharField(max_length=20)
    evaluation = models.ForeignKey(Evaluation, on_delete=models.CASCADE, related_name="activities")
    method = models.CharField(max_length=20, choices=Method.choices)
    group = models.CharField(max_length=40, choices=Group.choices)
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    place_kind = models.CharField(max_length=20, choices=PlaceKind.choices, default=PlaceKind.WORKPLACE)
    state = models.CharField(max_length=12, choices=ActivityState.choices, default=ActivityState.PLANNED)
    researchers = models.ManyToManyField(settings.AUTH_USER_MODEL, blank=True, related_name="activities")
    participants = models.ManyToManyField(Participant, through="Booking", related_name="activities")
    done_at = models.DateTimeField(null=True, blank=True)

    objects = querysets.ActivityQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "activities"
        ordering = ("starts_at", "code")
        indexes = (models.Index(fields=["evaluation", "state", "starts_at"]),)
        constraints = (
            models.UniqueConstraint(
                fields=["evaluation", "code"],
                name="activity_code_once_per_study",
                violation_error_message="Another activity of this study has this code.",
            ),
            models.CheckConstraint(
                condition=Q(starts_at=None, ends_at=None) | Q(ends_at__gt=F("starts_at")),
                name="activity_ends_after_it_starts",
                violation_error_message="The end must be after the start.",
            ),
            models.CheckConstraint(
                condition=Q(state__in=[ActivityState.PLANNED, ActivityState.CANCELLED])
                | Q(starts_at__isnull=False),
                name="booked_activity_has_a_time",
                violation_error_message="A booked activity needs its start and end.",
            ),
            models.CheckConstraint(
                condition=Q(state__in=ActivityState.values),
                name="activity_state_is_known",
                violation_error_message="Choose one of the states of an activity.",
            ),
        )

    def __str__(self) -> str:
        return self.code

    @property
    def label(self) -> str:
        """ "Interview · 12m", with nothing of the person."""
        return f"{self.get_method_display()} · {self.wave.phase.code}"

    def is_overdue(self, now: dt.datetime) -> bool:
        """Over by the clock, and neither done nor cancelled."""
        return self.is_open and self.ends_at is not None and self.ends_at <= now

    @property
    def is_open(self) -> bool:
        return self.state in querysets.OPEN


class Booking(Record):
    """One person's place in an activity."""

    activity = models.ForeignKey(Activity, on_delete=models.CASCADE, related_name="bookings")
    participant = models.ForeignKey(Participant, on_delete=models.CASCADE, related_name="bookings")
    state = models.CharField(max_length=12, choices=BookingState.choices, default=BookingState.BOOKED)

    objects = querysets.BookingQuerySet.as_manager()

    class Meta:
        ordering = ("participant__code",)
        constraints = (
            models.UniqueConstraint(
                fields=["activity", "participant"],
                name="person_once_per_activity",
                violation_error_message="This person is already booked for this activity.",
            ),
            models.CheckConstraint(
                condition=Q(state__in=BookingState.values),
                name="booking_state_is_known",
                violation_error_message="Choose one of the states of a booking.",
            ),
        )

    def __str__(self) -> str:
        return f"booking {self.pk}"


class Attempt(Record):
    """One attempt to reach a person: when, how and with what outcome; never what was said."""

    participant = models.ForeignKey(Participant, on_delete=models.CASCADE, related_name="attempts")
    activity = models.ForeignKey(
        Activity, on_delete=models.SET_NULL, null=True, blank=True, related_name="attempts"
    )
    at = models.DateTimeField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    channel = models.CharField(max_length=12, choices=Channel.choices)
    outcome = models.CharField(max_length=16, choices=AttemptOutcome.choices)

    objects = querysets.AttemptQuerySet.as_manager()

    class Meta:
        ordering = ("-at",)

    def __str__(self) -> str:
        return f"attempt {self.pk}"


class Recording(Record):
    """A recording of an activity, in the vault.

    Sealed under the person's key when one person takes part, under the study's key when several do: then it
    is destroyed whole when one of them withdraws with deletion.
    """

    activity = models.ForeignKey(Activity, on_delete=models.CASCADE, related_name="recordings")
    file = models.OneToOneField(StoredFile, on_delete=models.PROTECT, related_name="recording")
    is_shared = models.BooleanField(default=False)
    added_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    destroyed_at = models.DateTimeField(null=True, blank=True)

    objects = querysets.RecordingQuerySet.as_manager()

    class Meta:
        ordering = ("created_at",)

    def __str__(self) -> str:
        return f"recording {self.pk}"
