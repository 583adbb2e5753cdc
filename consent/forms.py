"""The forms of consent's pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.utils import timezone

from consent import rosters
from consent.models import FormVersion, Participant
from consent.rosters import LENGTHS, Listed, read_roster
from consent.states import (
    AgeBand,
    Answer,
    Audience,
    ItemCode,
    Kind,
    Mode,
    ProcessError,
    Reason,
    Recruitment,
    Scope,
    Signatory,
    TakenAt,
)
from ipe import roles
from ipe.errors import BadFile
from ipe.forms import CheckedFileField, StudyForm
from ipe.models import Evaluation, Phase, Site, Team, User, Wave
from ipe.uploads import decode_text
from ipe.words import Group

STARTING = [
    (state.value, state.label) for state in (Recruitment.LISTED, Recruitment.APPROACHED, Recruitment.AGREED)
]
SHOWN_PROBLEMS = 30


def editable_sites(study: Evaluation, user: User) -> Any:
    """The sites at which the person may add people."""
    reached = roles.sites_for(user, "consent.edit", study)
    sites = study.sites.all()
    return sites if reached is None else sites.filter(pk__in=reached)


class WaveField(forms.ModelChoiceField):  # type: ignore[type-arg]  # no generic at run time
    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.site.name}, {obj.phase.name}"


def _waves(sites: Any) -> Any:
    return (
        Wave.objects.filter(site__in=sites, is_planned=True)
        .select_related("site", "phase")
        .order_by("site__order", "phase__order")
    )


class ContactFields(StudyForm):
    """Name and contact details; sealed when stored."""

    name = forms.CharField(max_length=LENGTHS["name"], widget=forms.TextInput(attrs={"autocomplete": "off"}))
    email = forms.CharField(
        label="E-mail", max_length=254, required=False, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    phone = forms.CharField(
        label="Telephone",
        max_length=60,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    address = forms.CharField(
        max_length=LENGTHS["address"], required=False, widget=forms.Textarea(attrs={"rows": 2})
    )
    preference = forms.CharField(
        label="Contact preference",
        max_length=LENGTHS["preference"],
        required=False,
        help_text="How, when and in which language to get in touch.",
    )
    safe_note = forms.CharField(
        label="Safe contact note",
        max_length=LENGTHS["safe_note"],
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="What has to be known before any contact, such as “do not leave a message”.",
    )

    def details(self) -> dict[str, str]:
        named = ("name", "email", "phone", "address", "preference", "safe_note")
        return {name: self.cleaned_data.get(name, "") for name in named}


class PersonForm(ContactFields):
    """One new person."""

    kind = forms.ChoiceField(label="Who", choices=Kind.choices, widget=forms.RadioSelect, initial=Kind.STAFF)
    site = forms.ModelChoiceField(queryset=Site.objects.none(), empty_label=None)
    recruitment = forms.ChoiceField(label="Recruitment", choices=STARTING)
    age_band = forms.ChoiceField(label="Age", choices=AgeBand.choices, required=False)
    with_family_of = forms.ModelChoiceField(
        label="In one family with",
        queryset=Participant.objects.none(),
        required=False,
        help_text="For family members: somebody already in the study.",
    )
    wave = WaveField(label="Wave", queryset=Wave.objects.none(), required=False)
    group = forms.ChoiceField(choices=[("", "—"), *Group.choices], required=False)
    role_title = forms.CharField(label="Role", max_length=120, required=False, help_text="For staff.")
    teams = forms.ModelMultipleChoiceField(
        queryset=Team.objects.none(), required=False, widget=forms.CheckboxSelectMultiple
    )
    field_order = ("kind", "site", "name")

    def prepare(self) -> None:
        sites = editable_sites(self.study, self.user)
        people = Participant.objects.visible_to(self.user).filter(evaluation=self.study, kind=Kind.FAMILY)
        _choose_from(
            self, site=sites, wave=_waves(sites), teams=_teams(sites), with_family_of=people.active()
        )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if bool(cleaned.get("wave")) != bool(cleaned.get("group")):
            missing = "group" if cleaned.get("wave") else "wave"
            self.add_error(missing, "Give both the wave and the group, or neither.")
        return cleaned

    def person(self) -> dict[str, Any]:
        """Keywords of `recruiting.add_person`."""
        cleaned = self.cleaned_data
        named = ("site", "kind", "recruitment", "with_family_of", "wave", "group", "role_title", "teams")
        age_band = cleaned["age_band"] or AgeBand.ADULT
        return {"details": self.details(), "age_band": age_band, **{name: cleaned[name] for name in named}}


def _teams(sites: Any) -> Any:
    return Team.objects.filter(site__in=sites).select_related("site").order_by("site__order", "name")


def _choose_from(form: forms.Form, **querysets: Any) -> None:
    for name, queryset in querysets.items():
        form.fields[name].queryset = queryset  # type: ignore[attr-defined]


class ContactForm(ContactFields):
    """Replaces contact details without showing what is stored."""

    remove = forms.MultipleChoiceField(
        label="Remove what is stored",
        required=False,
        choices=[
            ("email", "E-mail"),
            ("phone", "Telephone"),
            ("address", "Address"),
            ("preference", "Contact preference"),
            ("safe_note", "Safe contact note"),
        ],
        widget=forms.CheckboxSelectMultiple,
    )

    def prepare(self) -> None:
        self.fields["name"].required = False


class RosterForm(StudyForm):
    """A list of people, pasted or uploaded. Reads it; the rows stand in `people` when nothing is wrong."""

    kind = forms.ChoiceField(
        label="Who is on the list", choices=Kind.choices, widget=forms.RadioSelect, initial=Kind.STAFF
    )
    site = forms.ModelChoiceField(queryset=Site.objects.none(), empty_label=None)
    phase = forms.ModelChoiceField(queryset=Phase.objects.none(), empty_label="None yet", required=False)
    recruitment = forms.ChoiceField(label="How far is their recruitment", choices=STARTING)
    group = forms.ChoiceField(
        label="Group, where the list has no such column", choices=[("", "—"), *Group.choices], required=False
    )
    text = forms.CharField(
        label="Paste the list",
        required=False,
        widget=forms.Textarea(attrs={"rows": 8, "autocomplete": "off", "spellcheck": "false"}),
        help_text=f"The first row names the columns, out of: {rosters.KNOWN_COLUMNS}. Separate teams by “;”.",
    )
    file = CheckedFileField(kinds=("csv", "xlsx"), max_mb=10, required=False, label="Or choose a file")

    people: tuple[Listed, ...] = ()

    def prepare(self) -> None:
        _choose_from(self, site=editable_sites(self.study, self.user), phase=self.study.phases.all())

    def wave(self) -> Wave | None:
        phase = self.cleaned_data.get("phase")
        waves = Wave.objects.filter(site=self.cleaned_data["site"], phase=phase, is_planned=True)
        return waves.first() if phase else None

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if self.errors:
            return cleaned
        if cleaned.get("phase") and self.wave() is None:
            self.add_error("phase", "This phase is not planned at this site.")
            return cleaned
        text, file = cleaned.get("text", ""), cleaned.get("file")
        if bool(text.strip()) == bool(file):
            self.add_error("text", "Paste the list or choose a file, one of the two.")
            return cleaned
        target = "file" if file else "text"
        try:
            rows = self._rows(text, file)
        except BadFile as error:
            self.add_error(target, error.message)
            return cleaned
        roster = read_roster(
            rows,
            kind=cleaned["kind"],
            groups=_group_words(),
            teams=_team_words(cleaned["site"]),
            default_group=cleaned.get("group", ""),
            needs_group=cleaned.get("phase") is not None,
        )
        for problem in roster.problems[:SHOWN_PROBLEMS]:
            self.add_error(target, f"{problem}")
        if (n_more := len(roster.problems) - SHOWN_PROBLEMS) > 0:
            self.add_error(target, f"And {n_more} more.")
        self.people = roster.people
        return cleaned

    def _rows(self, text: str, file: Any) -> Sequence[Sequence[str]]:
        if not file:
            return rosters.rows_of_text(text)
        if file.kind == "xlsx":
            return rosters.rows_of_workbook(file.read())
        return rosters.rows_of_text(decode_text(file.read())[0])


def _group_words() -> Mapping[str, str]:
    return {word.casefold(): group.value for group in Group for word in (group.value, group.label)}


def _team_words(site: Site) -> Mapping[str, str]:
    return {word.casefold(): team.code for team in site.teams.all() for word in (team.code, team.name)}


class MembershipForm(StudyForm):
    """What a person is in one wave."""

    wave = WaveField(queryset=Wave.objects.none(), empty_label=None)
    group = forms.ChoiceField(choices=Group.choices)
    role_title = forms.CharField(label="Role", max_length=120, required=False)
    teams = forms.ModelMultipleChoiceField(
        queryset=Team.objects.none(), required=False, widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, *args: Any, person: Participant, **kwargs: Any) -> None:
        self.person = person
        super().__init__(*args, **kwargs)

    def prepare(self) -> None:
        sites = self.study.sites.filter(pk=self.person.site_id)
        _choose_from(self, wave=_waves(sites), teams=_teams(sites))


class AgeForm(forms.Form):
    age_band = forms.ChoiceField(label="Age", choices=AgeBand.choices)


class ConsentRecordForm(StudyForm):
    """A form version as one person, or the adult responsible for them, answered it."""

    signatory = forms.ChoiceField(label="Who answers", choices=Signatory.choices)
    phases = forms.ModelMultipleChoiceField(
        label="Phases it covers", queryset=Phase.objects.none(), widget=forms.CheckboxSelectMultiple
    )
    mode = forms.ChoiceField(label="How consent was given", choices=Mode.choices)
    taken_where = forms.ChoiceField(label="Where", choices=TakenAt.choices)
    taken_at = forms.DateTimeField(
        label="When",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"],
    )

    def __init__(self, *args: Any, version: FormVersion, **kwargs: Any) -> None:
        self.version = version
        super().__init__(*args, **kwargs)

    def prepare(self) -> None:
        _choose_from(self, phases=self.study.phases.all())
        signatory = self.fields["signatory"]
        if self.version.form.audience == Audience.RESPONSIBLE_ADULT:
            signatory.choices = [c for c in Signatory.choices if c[0] != Signatory.OWN]  # type: ignore[attr-defined]
        else:
            signatory.choices = [(Signatory.OWN.value, Signatory.OWN.label)]  # type: ignore[attr-defined]
        self.fields["taken_at"].initial = timezone.localtime().replace(second=0, microsecond=0)
        for item in self.version.items.all():
            asked = Answer.choices if item.code != ItemCode.TAKE_PART else Answer.choices[:2]
            self.fields[item.code] = forms.ChoiceField(
                label=item.wording, choices=asked, widget=forms.RadioSelect, help_text=item.get_code_display()
            )
        self.order_fields([item.code for item in self.version.items.all()])

    def record(self) -> dict[str, Any]:
        """Keywords of `signing.record_consent`."""
        cleaned = self.cleaned_data
        named = ("signatory", "mode", "taken_where", "taken_at", "phases")
        answers = {item.code: cleaned[item.code] for item in self.version.items.all()}
        return {"answers": answers, **{name: cleaned[name] for name in named}}


class WordingForm(StudyForm):
    """Text and items of a form version; an item without wording is not asked."""

    text = forms.CharField(
        label="What people are told and agree to",
        widget=forms.Textarea(attrs={"rows": 12}),
        max_length=20_000,
    )

    def prepare(self) -> None:
        for item in ItemCode:
            self.fields[item.value] = forms.CharField(
                label=f"{item.label}: wording",
                max_length=400,
                required=item == ItemCode.TAKE_PART,
                help_text=""
                if item == ItemCode.TAKE_PART
                else "Leave empty when the form does not ask this.",
            )

    def wording(self) -> dict[str, Any]:
        """Keywords of `signing.edit_version`."""
        items = [
            (item.value, text) for item in ItemCode if (text := self.cleaned_data.get(item.value, "").strip())
        ]
        return {"text": self.cleaned_data["text"], "items": items}


class NewFormForm(WordingForm):
    """A new consent form with the wording of its first version."""

    title = forms.CharField(max_length=120)
    audience = forms.ChoiceField(label="For whom", choices=Audience.choices)
    field_order = ("title", "audience", "text")


class PublishForm(forms.Form):
    requires_reconsent = forms.BooleanField(
        label="Ask everybody again who signed an earlier version",
        required=False,
        help_text="Until they answer, they count as not ready for an activity.",
    )


class SetAsideForm(forms.Form):
    reason = forms.ChoiceField(
        label="What went wrong", choices=ProcessError.choices, widget=forms.RadioSelect
    )


class WithdrawalForm(forms.Form):
    """The confirmation; the scope was chosen before, so that its preview could be shown."""

    scope = forms.ChoiceField(choices=Scope.choices, widget=forms.HiddenInput)
    reason = forms.ChoiceField(choices=Reason.choices, help_text="People need not give one.")
    is_certain = forms.BooleanField(label="I have checked the code of the person and the effects above")
