"""The forms of fieldwork's pages."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils import timezone

from consent.models import Participant
from consent.states import Recruitment
from fieldwork import exporting, recordings
from fieldwork.booking import BOOKABLE, researchers_of
from fieldwork.models import Activity, PlanRow
from fieldwork.states import AttemptOutcome, Channel, PlaceKind
from ipe import roles
from ipe.forms import CheckedFileField, StudyForm
from ipe.models import Phase, Site, User, Wave
from ipe.words import Group, Method

CONTACTABLE = (Recruitment.AGREED, Recruitment.INFORMED, Recruitment.CONSENTED)


class PeopleField(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]  # no generic at run time
    """People by code, with their group in the wave where it is known."""

    def label_from_instance(self, obj: Any) -> str:
        groups = [m.get_group_display() for m in obj.memberships.all()]
        return f"{obj.code}{' · ' + groups[-1] if groups else ''} · {obj.get_recruitment_display().lower()}"


class UsersField(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]  # no generic at run time
    def label_from_instance(self, obj: Any) -> str:
        return str(obj.name)


class RowField(forms.ModelChoiceField):  # type: ignore[type-arg]  # no generic at run time
    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.label}{' (' + obj.note + ')' if obj.note else ''}"


class WhenAndWho(StudyForm):
    """Time, kind of place, people and researchers of an activity at one wave."""

    day = forms.DateField(
        label="Day",
        widget=forms.DateInput(attrs={"type": "date"}),
        validators=[MinValueValidator(dt.date(2000, 1, 1)), MaxValueValidator(dt.date(2100, 1, 1))],
    )
    begins = forms.TimeField(label="From", widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"))
    ends = forms.TimeField(label="To", widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"))
    place_kind = forms.ChoiceField(label="Where", choices=PlaceKind.choices)
    participants = PeopleField(
        label="Who takes part", queryset=Participant.objects.none(), widget=forms.CheckboxSelectMultiple
    )
    researchers = UsersField(
        label="Researchers", queryset=User.objects.none(), required=False, widget=forms.CheckboxSelectMultiple
    )
    accept_clashes = forms.BooleanField(label="Book although somebody is taken at this time", required=False)

    def __init__(self, *args: Any, wave: Wave, **kwargs: Any) -> None:
        self.wave = wave
        super().__init__(*args, **kwargs)

    def prepare(self) -> None:
        people = Participant.objects.visible_to(self.user).filter(site=self.wave.site_id).active()
        people = people.filter(recruitment__in=CONTACTABLE).prefetch_related("memberships").order_by("code")
        self.fields["participants"].queryset = people  # type: ignore[attr-defined]
        team = [user.pk for user in researchers_of(self.study, self.wave.site)]
        self.fields["researchers"].queryset = User.objects.filter(pk__in=team).order_by("name")  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        day, begins, ends = (cleaned.get(name) for name in ("day", "begins", "ends"))
        if day and begins and ends:
            cleaned["starts_at"] = self._moment("begins", day, begins)
            cleaned["ends_at"] = self._moment("ends", day, ends)
            if ends <= begins:
                self.add_error("ends", "The end must be after the start.")
        return cleaned

    def _moment(self, field: str, day: dt.date, time: dt.time) -> dt.datetime:
        """The moment of a wall-clock time here. In the hour that autumn repeats it is the first; the hour that
        spring leaves out is refused."""
        here = dt.datetime.combine(day, time.replace(fold=0), tzinfo=timezone.get_current_timezone())
        if timezone.localtime(here.astimezone(dt.UTC)).time() != time:
            self.add_error(field, "The clocks go forward over this time on this day. Choose another.")
        return here

    def when_and_who(self) -> dict[str, Any]:
        """Keywords of `booking.book` and `booking.change`."""
        named = ("starts_at", "ends_at", "place_kind", "participants", "researchers", "accept_clashes")
        return {name: self.cleaned_data[name] for name in named}


class WaveForm(StudyForm):
    """Where and in which phase: decides who can be chosen."""

    wave = forms.ModelChoiceField(queryset=Wave.objects.none(), label="Site and phase", empty_label=None)

    def prepare(self) -> None:
        reached = roles.sites_for(self.user, "schedule.edit", self.study)
        waves = Wave.objects.filter(site__evaluation=self.study, is_planned=True).select_related(
            "site", "phase"
        )
        waves = waves if reached is None else waves.filter(site__in=reached)
        self.fields["wave"].queryset = waves.order_by("site__order", "phase__order")  # type: ignore[attr-defined]
        self.fields["wave"].label_from_instance = lambda w: f"{w.site.name}, {w.phase.name}"  # type: ignore[attr-defined]
        today = timezone.localdate()
        self.fields["wave"].initial = waves.filter(starts_on__lte=today, ends_on__gte=today).first()


class BookForm(WhenAndWho):
    """One interview, focus group or observation at a wave."""

    plan_row = RowField(
        label="What",
        queryset=PlanRow.objects.none(),
        required=False,
        empty_label="Something that is not in the plan",
    )
    method = forms.ChoiceField(
        label="Method, when it is not in the plan",
        choices=[("", "—"), *((m.value, m.label) for m in BOOKABLE)],
        required=False,
    )
    group = forms.ChoiceField(
        label="Group, when the plan does not say", choices=[("", "—"), *Group.choices], required=False
    )
    field_order = ("plan_row", "method", "group")

    def prepare(self) -> None:
        super().prepare()
        rows = self.study.plan_rows.filter(method__in=BOOKABLE, phases=self.wave.phase_id)
        self.fields["plan_row"].queryset = rows  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        row = cleaned.get("plan_row")
        if row is not None:
            cleaned["method"], cleaned["group"] = row.method, row.group or cleaned.get("group", "")
        if not cleaned.get("method"):
            self.add_error("method", "Choose a row of the plan or a method.")
        if not cleaned.get("group"):
            self.add_error("group", "Choose a group.")
        return cleaned

    def booked(self) -> dict[str, Any]:
        """Keywords of `booking.book`."""
        named = {name: self.cleaned_data[name] for name in ("plan_row", "method", "group")}
        return {**self.when_and_who(), **named}


class DoneForm(forms.Form):
    """Who took part."""

    attended = forms.ModelMultipleChoiceField(
        label="Who took part", queryset=Participant.objects.none(), widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, *args: Any, activity: Activity, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        booked = Participant.objects.filter(bookings__activity=activity, bookings__state="booked")
        self.fields["attended"].queryset = booked.order_by("code")  # type: ignore[attr-defined]
        self.fields["attended"].initial = booked


class RecordingForm(forms.Form):
    file = CheckedFileField(kinds=recordings.KINDS, max_mb=40, label="Recording")


class ExportForm(StudyForm):
    """The schedule of a site as a file."""

    site = forms.ModelChoiceField(queryset=Site.objects.none(), empty_label=None)
    file_format = forms.ChoiceField(label="Format", choices=[(f.value, f.label) for f in exporting.FORMATS])
    purpose = forms.CharField(label="What it is for", max_length=200)
    recipient = forms.CharField(
        label="Who gets it",
        max_length=120,
        required=False,
        help_text="Kept encrypted; they are told when somebody in it withdraws.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def prepare(self) -> None:
        reached = roles.sites_for(self.user, "releases.own_schedule", self.study)
        sites = self.study.sites.all()
        sites = sites if reached is None else sites.filter(pk__in=reached)
        self.fields["site"].queryset = sites  # type: ignore[attr-defined]


class AttemptForm(forms.Form):
    channel = forms.ChoiceField(label="How", choices=Channel.choices)
    outcome = forms.ChoiceField(label="With what outcome", choices=AttemptOutcome.choices)


class PlanRowForm(StudyForm):
    """One row of the collection plan."""

    code = forms.SlugField(max_length=60, help_text="Short and lasting, such as interview-leaders.")
    method = forms.ChoiceField(choices=Method.choices)
    group = forms.ChoiceField(choices=[("", "Several groups"), *Group.choices], required=False)
    phases = forms.ModelMultipleChoiceField(
        queryset=Phase.objects.none(), widget=forms.CheckboxSelectMultiple
    )
    number = forms.IntegerField(
        label="Activities per site and phase",
        min_value=0,
        max_value=10_000,
        required=False,
        help_text="Leave empty when everybody is asked, as in a survey.",
    )
    minimum = forms.IntegerField(
        label="At least",
        min_value=0,
        max_value=10_000,
        required=False,
        help_text="The least with which the questions can still be answered, where the protocol names one.",
    )
    people_each = forms.IntegerField(label="People in each", min_value=1, max_value=1000, initial=1)
    note = forms.CharField(max_length=300, required=False)

    def prepare(self) -> None:
        self.fields["phases"].queryset = self.study.phases.all()  # type: ignore[attr-defined]
