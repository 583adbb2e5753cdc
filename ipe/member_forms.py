"""Forms about people who work on a study, and about one's own account."""

from __future__ import annotations

from typing import Any

from django import forms

from ipe.forms import StudyForm
from ipe.models import Site
from ipe.words import Role

ROLE_HINTS = {
    Role.LEAD: "study design, members, survey intake, findings; approves exceptions of releases",
    Role.FIELDWORK: "contact details, consent, schedule, originals and survey intake of their sites",
    Role.RESEARCHER: "codes and charts cleared text of their sites; drafts releases",
    Role.WRITER: "reads cleared text, matrices and findings; makes releases",
    Role.DATA_PROTECTION: "erasure, rights requests, incidents and the audit trail",
}
ROLE_CHOICES = [(role.value, f"{role.label}: {ROLE_HINTS[role]}") for role in Role]


class _ScopeForm(StudyForm):
    role = forms.ChoiceField(choices=ROLE_CHOICES, widget=forms.RadioSelect)
    all_sites = forms.BooleanField(label="Every site of the study", required=False)
    sites = forms.ModelMultipleChoiceField(
        queryset=Site.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Leave these empty when every site is ticked above.",
    )

    def prepare(self) -> None:
        field: Any = self.fields["sites"]
        field.queryset = Site.objects.filter(evaluation=self.study).visible_to(self.user)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not data.get("all_sites") and not data.get("sites") and "sites" not in self.errors:
            self.add_error("sites", "Choose at least one site, or tick every site.")
        return data


class InviteForm(_ScopeForm):
    email = forms.EmailField(
        label="E-mail address",
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
        error_messages={"required": "Enter an e-mail address."},
    )
    field_order = ("email", "role", "all_sites", "sites")


class MemberForm(_ScopeForm):
    expires_on = forms.DateField(
        label="Last day",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text="The role ends by itself after this day.",
    )
    is_named_for_safeguarding = forms.BooleanField(
        label="Named for safeguarding",
        required=False,
        help_text="May read safeguarding disclosures of this study.",
    )


class AcceptForm(forms.Form):
    """Somebody new chooses a name and a password."""

    name = forms.CharField(
        label="Your name",
        max_length=120,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
        error_messages={"required": "Enter your name."},
    )
    password = forms.CharField(
        label="Password",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="At least 12 characters. Several words that mean something only to you are best.",
        error_messages={"required": "Choose a password."},
    )


class NameForm(forms.Form):
    name = forms.CharField(
        label="Your name",
        max_length=120,
        help_text="As colleagues see it.",
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
        error_messages={"required": "Enter your name."},
    )


class AppearanceForm(forms.Form):
    """How the desk looks in this browser."""

    theme = forms.ChoiceField(
        label="Colours",
        choices=[("system", "As the system"), ("light", "Light"), ("dark", "Dark")],
        widget=forms.RadioSelect,
    )
    reading = forms.ChoiceField(
        label="Reading transcripts",
        choices=[
            ("standard", "Standard"),
            ("large", "Larger letters"),
            ("loose", "More space between lines"),
        ],
        widget=forms.RadioSelect,
    )
    shortcuts = forms.ChoiceField(
        label="Keyboard shortcuts",
        choices=[("on", "On"), ("off", "Off")],
        widget=forms.RadioSelect,
        help_text="Off helps with speech input, where a spoken word could press keys.",
    )
