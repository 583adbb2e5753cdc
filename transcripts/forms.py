"""What people fill in: an import, speakers and turns, a decision, a redaction."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms

from consent.models import Participant
from fieldwork.models import Activity
from ipe import roles
from ipe.forms import CheckedFileField, StudyForm
from ipe.models import User, Wave
from transcripts import turns
from transcripts.intake import SpeakerChoice
from transcripts.models import Category, Document, DocumentKind, Entity, Replacement, Speaker, SpeakerRole
from transcripts.naming import entities_of
from transcripts.reading import KINDS

STYLE_WORDS = (
    (turns.LABELS, "Name and colon, or name and time"),
    (turns.PARAGRAPHS, "Paragraphs with blank lines between them"),
    (turns.LINES, "Each line is a paragraph"),
    (turns.VTT, "WebVTT captions"),
    (turns.SRT, "SRT subtitles"),
)


def researchers_of(study: Any, wave_or_site: Any = None) -> list[User]:
    people = roles.people_with(study, [roles.RESEARCHER])
    if wave_or_site is None:
        return people
    return [user for user in people if roles.may(user, "text.edit", study, wave_or_site)]


class ImportForm(StudyForm):
    file = CheckedFileField(
        kinds=KINDS,
        max_mb=20,
        help_text="Word, text or captions, up to 20 MB. Of a Word file the text and its tables are read; "
        "headers, footnotes, comments and deleted words are not.",
    )
    title = forms.CharField(
        max_length=200,
        help_text="For you and the reviewer. It is sealed with the file, so it may hold a name.",
    )
    wave = forms.ModelChoiceField(Wave.objects.none(), label="Site and phase", empty_label="Choose")
    kind = forms.ChoiceField(choices=[("", "Choose"), *DocumentKind.choices], label="What it is")
    activity = forms.ModelChoiceField(
        Activity.objects.none(),
        required=False,
        empty_label="None",
        help_text="The booked interview or group, if there is one.",
    )
    participant = forms.ModelChoiceField(
        Participant.objects.none(),
        required=False,
        empty_label="More than one, or not a participant",
        label="Whose interview it is",
        help_text="The file is then sealed under this person’s own key, which a withdrawal destroys.",
    )
    assigned_to = forms.ModelChoiceField(
        User.objects.none(), required=False, empty_label="Nobody yet", label="Who reviews it"
    )
    keep_until = forms.DateField(
        required=False,
        label="Keep the original until",
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text="After this day the identifying original is due to be destroyed.",
    )

    def prepare(self) -> None:
        waves = Wave.objects.filter(
            roles.reach(self.user, "originals.add", evaluation="site__evaluation", site="site"),
            site__evaluation=self.study,
            is_planned=True,
        ).select_related("site", "phase")
        self.fields["wave"].queryset = waves.order_by("site__order", "phase__order")
        self.fields["wave"].label_from_instance = lambda row: f"{row.site.name} · {row.phase.name}"
        sites = waves.values("site")
        self.fields["activity"].queryset = (
            Activity.objects.filter(evaluation=self.study, wave__in=waves)
            .exclude(state="cancelled")
            .select_related("wave__phase", "wave__site")
        )
        self.fields["activity"].label_from_instance = lambda row: (
            f"{row.code} · {row.label} · {row.wave.site.name}"
        )
        self.fields["participant"].queryset = Participant.objects.filter(
            evaluation=self.study, site__in=sites
        ).exclude(status="erased")
        if roles.may(self.user, "originals.edit", self.study):
            people = researchers_of(self.study)
            self.fields["assigned_to"].queryset = User.objects.filter(pk__in=[user.pk for user in people])
        else:
            del self.fields["assigned_to"]


class StyleForm(forms.Form):
    style = forms.ChoiceField(choices=STYLE_WORDS, label="Read the turns as")


class SpeakersForm(forms.Form):
    """One row per proposed speaker: what they are, which participant, the same as another, or no speaker at
    all."""

    NOT = "not"

    def __init__(self, *args: Any, document: Document, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.speakers = list(Speaker.objects.filter(document=document).select_related("participant"))
        people = Participant.objects.filter(
            evaluation_id=document.evaluation_id, site=document.wave.site
        ).exclude(status="erased")
        known = [("", "Nobody in the list"), *((str(row.pk), row.code) for row in people)]
        for n, row in enumerate(self.speakers, 1):
            others = [(str(o.pk), f"Same as {o.label}") for o in self.speakers if o.pk != row.pk]
            self.fields[f"role-{row.pk}"] = forms.ChoiceField(
                choices=[*SpeakerRole.choices, (self.NOT, "Not a speaker"), *others],
                initial=row.role,
                label=f"Role of speaker {n}",
            )
            self.fields[f"participant-{row.pk}"] = forms.ChoiceField(
                choices=known,
                required=False,
                initial=str(row.participant_id or ""),
                label=f"Participant for speaker {n}",
            )

    def rows(self) -> list[tuple[Speaker, forms.BoundField, forms.BoundField]]:
        return [(row, self[f"role-{row.pk}"], self[f"participant-{row.pk}"]) for row in self.speakers]

    def choices(self) -> list[SpeakerChoice]:
        found = []
        for row in self.speakers:
            role = self.cleaned_data[f"role-{row.pk}"]
            person = self.cleaned_data[f"participant-{row.pk}"]
            if role == self.NOT:
                found.append(SpeakerChoice(row.pk, is_speaker=False))
            elif role in SpeakerRole.values:
                found.append(SpeakerChoice(row.pk, role, UUID(person) if person else None))
            else:
                found.append(SpeakerChoice(row.pk, same_as=UUID(role)))
        return found


class TurnForm(forms.Form):
    """What to do with one turn. `at` is a code point offset; without scripts a turn is split before given
    words."""

    DO = ("speaker", "new", "join", "split")

    do = forms.ChoiceField(choices=[(name, name) for name in DO])
    speaker = forms.ModelChoiceField(Speaker.objects.none(), required=False)
    at = forms.IntegerField(required=False, min_value=0)
    before = forms.CharField(required=False, max_length=200, strip=True)

    def __init__(self, *args: Any, document: Document, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["speaker"].queryset = Speaker.objects.filter(document=document)


class StandInForm(forms.Form):
    """What stands instead of words: a pseudonym of the study, a new one, or general words."""

    entity = forms.ModelChoiceField(
        Entity.objects.none(),
        required=False,
        label="Use a pseudonym of the study",
        empty_label="The one it is called by, or a new one",
    )
    word = forms.CharField(
        max_length=60,
        required=False,
        label="Or a new one, numbered by itself",
        help_text="Such as “Team manager”.",
    )
    text = forms.CharField(
        max_length=76,
        required=False,
        label="Or general words",
        help_text="Such as “a primary school” or “in her thirties”.",
    )

    def __init__(self, *args: Any, document: Document, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["entity"].queryset = entities_of(document)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("word") and data.get("text"):
            self.add_error("text", "Give a new pseudonym or general words, not both.")
        return data


class DecisionForm(StandInForm):
    """A decision on one place."""

    DO = (("accept", "Replace"), ("reject", "Keep"), ("undo", "Decide again"))

    replacement = forms.ModelChoiceField(Replacement.objects.none(), widget=forms.HiddenInput)
    do = forms.ChoiceField(choices=DO, widget=forms.HiddenInput)
    category = forms.ChoiceField(choices=Category.choices, required=False, label="Kind")
    everywhere = forms.BooleanField(required=False, label="Every undecided place with the same words")

    def __init__(self, *args: Any, document: Document, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        self.fields["replacement"].queryset = Replacement.objects.filter(document=document)


class AddForm(StandInForm):
    """Words that nothing had suggested: selected in the text, or typed as they stand there."""

    start = forms.IntegerField(required=False, min_value=0, widget=forms.HiddenInput)
    end = forms.IntegerField(required=False, min_value=1, widget=forms.HiddenInput)
    words = forms.CharField(
        max_length=200,
        required=False,
        label="Words to replace",
        help_text="Select them in the text, or type them as they stand there.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    category = forms.ChoiceField(choices=Category.choices, label="Kind")
    everywhere = forms.BooleanField(required=False, initial=True, label="Everywhere in this document")

    field_order = ("start", "end", "words", "category", "entity", "word", "text", "everywhere")

    def __init__(self, *args: Any, document: Document, **kwargs: Any) -> None:
        kwargs.setdefault("auto_id", "add-%s")
        super().__init__(*args, document=document, **kwargs)

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        has_span = data.get("start") is not None and data.get("end") is not None
        if not has_span and not data.get("words"):
            self.add_error("words", "Select the words in the text, or type them.")
        return data


class RedactForm(AddForm):
    """A missed identifier in a cleared text."""

    version_number = forms.IntegerField(widget=forms.HiddenInput)

    field_order = ("version_number", "start", "end", "words", "category", "entity", "text", "everywhere")

    def __init__(self, *args: Any, document: Document, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        del self.fields["word"]
        self.fields["entity"].empty_label = "None"
        self.order_fields(self.field_order)

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        if not data.get("entity") and not data.get("text"):
            self.add_error("text", "Choose a pseudonym, or say what stands in place of the words.")
        return data


class SpeakerForm(forms.Form):
    participant = forms.ModelChoiceField(
        Participant.objects.none(), required=False, empty_label="Nobody in the list"
    )

    def __init__(self, *args: Any, document: Document, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["participant"].queryset = Participant.objects.filter(
            evaluation_id=document.evaluation_id, site=document.wave.site
        ).exclude(status="erased")


class SignOffForm(forms.Form):
    revision = forms.IntegerField(widget=forms.HiddenInput)
    has_read = forms.BooleanField(
        label="I have read the whole text. Nothing in it points at a person, alone or together with "
        "what a reader may know.",
        error_messages={"required": "Read the text, then tick the box."},
    )


class AssignForm(StudyForm):
    assigned_to = forms.ModelChoiceField(
        User.objects.none(), required=False, empty_label="Nobody", label="Who reviews it"
    )

    def __init__(self, *args: Any, document: Document, **kwargs: Any) -> None:
        self.document = document
        super().__init__(*args, **kwargs)

    def prepare(self) -> None:
        people = researchers_of(self.study, self.document.wave.site)
        self.fields["assigned_to"].queryset = User.objects.filter(pk__in=[user.pk for user in people])
