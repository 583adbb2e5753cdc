"""Forms of the study design. Fields and labels are given here; the rules stand in the models and acts."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from ipe.band_lines import read_bands
from ipe.errors import Invalid
from ipe.forms import StudyForm
from ipe.models import Evaluation, Indicator, Phase, ResearchQuestion, Site, Team
from ipe.words import Comparator, Method, OutputClass, ThresholdScope, Unit


def _day(label: str, **kwargs: Any) -> forms.DateField:
    kwargs.setdefault("required", False)
    return forms.DateField(
        label=label,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        error_messages={"invalid": "Enter a date, like 2026-11-21."},
        **kwargs,
    )


def _code(**kwargs: Any) -> forms.CharField:
    kwargs.setdefault("max_length", 30)
    return forms.CharField(
        label="Code",
        help_text="Short and lasting: files, exports and mappings refer to it.",
        error_messages={"required": "Enter a code."},
        **kwargs,
    )


def _order() -> forms.IntegerField:
    return forms.IntegerField(label="Place in the order", min_value=0, max_value=1000, initial=0)


def _choices(form: forms.Form, name: str) -> Any:
    """A field whose rows depend on the study."""
    return form.fields[name]


class NewStudyForm(forms.Form):
    title = forms.CharField(max_length=200, error_messages={"required": "Enter a title."})
    slug = forms.SlugField(
        label="Address",
        max_length=60,
        help_text="Letters, digits and hyphens; stands in every link of the study and in its protocol file.",
        error_messages={"required": "Enter an address.", "invalid": "Use letters, digits and hyphens only."},
    )
    programme = forms.CharField(label="Programme evaluated", max_length=200, required=False)


class StudySettingsForm(StudyForm):
    title = forms.CharField(max_length=200, error_messages={"required": "Enter a title."})
    programme = forms.CharField(label="Programme evaluated", max_length=200, required=False)
    design = forms.CharField(label="Impact design", required=False, widget=forms.Textarea(attrs={"rows": 3}))
    protocol_version = forms.CharField(label="Protocol version", max_length=60, required=False)
    lawful_basis = forms.CharField(label="Lawful basis", max_length=200, required=False)
    analysis_cut_off_on = _day(
        "Aggregated analysis begins on", help_text="From then on a withdrawal cannot undo published totals."
    )
    smallest_count_survey = forms.IntegerField(
        label="Smallest count in survey tables",
        min_value=1,
        help_text="Smaller counts are hidden in whatever leaves.",
    )
    smallest_count_impact = forms.IntegerField(label="Smallest count in impact outputs", min_value=10)
    zero_is_disclosive = forms.BooleanField(label="A count of zero is hidden too", required=False)
    quote_minimum_group = forms.IntegerField(
        label="Smallest group that a quote may name",
        min_value=1,
        help_text="Quotes from smaller groups are attributed more broadly.",
    )

    @classmethod
    def of(cls, study: Evaluation) -> dict[str, Any]:
        return {name: getattr(study, name) for name in cls.base_fields}


class SiteForm(StudyForm):
    code = _code()
    name = forms.CharField(max_length=120, error_messages={"required": "Enter a name."})
    readiness = forms.CharField(
        max_length=30, required=False, help_text="As the programme rates it, such as “early adopter”."
    )
    order = _order()


class NewSiteForm(SiteForm):
    live_planned_on = _day("Planned live date")
    field_order = ("code", "name", "readiness", "live_planned_on", "order")


class LiveDatesForm(StudyForm):
    live_planned_on = _day("Planned live date")
    live_actual_on = _day(
        "Actual live date", help_text="Phases count from it; until it is known, from the planned one."
    )
    live_analysis_on = _day(
        "Live date used in analysis", help_text="Where the impact analysis counts from another day."
    )


class MoveWavesForm(LiveDatesForm):
    """The second step: the same dates, hidden, and whether future waves follow."""

    waves = forms.ChoiceField(
        label="What happens to the phases that lie in the future?",
        choices=[("follow", "They move too, as listed"), ("stay", "They stay where they are")],
        widget=forms.RadioSelect,
        error_messages={"required": "Choose whether they move."},
    )

    def prepare(self) -> None:
        for name in LiveDatesForm.base_fields:
            self.fields[name].widget = forms.HiddenInput()


class TeamForm(StudyForm):
    site: Any = forms.ModelChoiceField(
        queryset=Site.objects.none(), error_messages={"required": "Choose a site."}
    )
    code = _code()
    name = forms.CharField(max_length=120, error_messages={"required": "Enter a name."})
    parent: Any = forms.ModelChoiceField(
        queryset=Team.objects.none(),
        label="Belongs to",
        required=False,
        help_text="A larger team of the same site, such as a district.",
    )

    def prepare(self) -> None:
        _choices(self, "site").queryset = Site.objects.filter(evaluation=self.study).visible_to(self.user)
        teams = Team.objects.filter(site__evaluation=self.study).visible_to(self.user).select_related("site")
        _choices(self, "parent").queryset = teams
        _choices(self, "parent").label_from_instance = lambda team: f"{team.site.name}: {team.name}"


class PhaseForm(StudyForm):
    code = _code()
    name = forms.CharField(max_length=120, error_messages={"required": "Enter a name."})
    offset_months = forms.IntegerField(
        label="Months from each site's live date",
        required=False,
        min_value=-600,
        max_value=600,
        help_text="Negative before it. Leave empty where every site has dates of its own.",
    )
    order = _order()


class WaveForm(StudyForm):
    is_planned = forms.BooleanField(label="This phase is planned at this site", required=False)
    starts_on = _day("First day")
    ends_on = _day("Last day")


class EventForm(StudyForm):
    happened_on = _day("Date", required=True)
    title = forms.CharField(
        max_length=200, error_messages={"required": "Say what happened."}, label="What happened"
    )
    kind = forms.CharField(max_length=60, required=False, help_text="Such as inspection, leadership, policy.")
    site: Any = forms.ModelChoiceField(
        queryset=Site.objects.none(),
        required=False,
        empty_label="The whole study",
        help_text="Where it happened.",
    )

    def prepare(self) -> None:
        _choices(self, "site").queryset = Site.objects.filter(evaluation=self.study).visible_to(self.user)


class QuestionForm(StudyForm):
    code = _code()
    text = forms.CharField(
        label="Question",
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": "Enter the question."},
    )
    parent: Any = forms.ModelChoiceField(
        queryset=ResearchQuestion.objects.none(),
        label="Part of",
        required=False,
        empty_label="None: a main question",
    )
    order = _order()

    def prepare(self) -> None:
        _choices(self, "parent").queryset = ResearchQuestion.objects.filter(evaluation=self.study)


class IndicatorForm(StudyForm):
    code = _code(max_length=60)
    title = forms.CharField(
        max_length=300, error_messages={"required": "Say what is measured."}, label="What is measured"
    )
    question: Any = forms.ModelChoiceField(
        queryset=ResearchQuestion.objects.none(), label="Research question", required=False
    )
    heading = forms.CharField(max_length=120, required=False, help_text="Groups indicators in tables.")
    unit = forms.ChoiceField(choices=Unit.choices)
    methods = forms.MultipleChoiceField(
        choices=Method.choices, required=False, widget=forms.CheckboxSelectMultiple
    )
    phases: Any = forms.ModelMultipleChoiceField(
        queryset=Phase.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label="Measured in",
    )
    output_class = forms.ChoiceField(
        label="Disclosure class",
        choices=OutputClass.choices,
        initial=OutputClass.SURVEY,
        help_text="Decides the smallest count that may leave.",
    )
    note = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 2}))
    order = _order()

    def prepare(self) -> None:
        _choices(self, "question").queryset = ResearchQuestion.objects.filter(evaluation=self.study)
        _choices(self, "phases").queryset = Phase.objects.filter(evaluation=self.study)


class ThresholdForm(StudyForm):
    phase: Any = forms.ModelChoiceField(
        queryset=Phase.objects.none(), error_messages={"required": "Choose a phase."}
    )
    scope = forms.ChoiceField(label="Must hold", choices=ThresholdScope.choices)
    comparator = forms.ChoiceField(label="Target", choices=Comparator.choices)
    value = forms.DecimalField(
        required=False,
        max_digits=12,
        decimal_places=4,
        help_text="In the indicator's own unit; empty for yes and no.",
    )
    role_minimum = forms.DecimalField(
        label="Least for each role",
        required=False,
        max_digits=12,
        decimal_places=4,
        help_text="Beside an overall target.",
    )
    minimum_base = forms.IntegerField(
        label="Smallest base",
        required=False,
        min_value=1,
        help_text="With fewer respondents the verdict is “cannot say”.",
    )
    minimum_response_percent = forms.DecimalField(
        label="Least response, per cent",
        required=False,
        max_digits=6,
        decimal_places=3,
        help_text="With a lower response the verdict is “cannot say”.",
    )
    must_clear_interval = forms.BooleanField(
        label="Cannot say while the interval holds the target",
        required=False,
    )
    bands = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="One a line, as in “Go: at least 70”, “Amend: at least 50, below 70”, “Stop: below 50”. "
        "Together they must hold every possible value once.",
    )
    note = forms.CharField(max_length=300, required=False)
    reason = forms.CharField(
        label="Reason for the change",
        max_length=300,
        required=False,
        help_text="Kept with the date and shown in reports. Needed once data have arrived.",
    )

    def prepare(self) -> None:
        _choices(self, "phase").queryset = Phase.objects.filter(evaluation=self.study)

    def clean_bands(self) -> list[dict[str, str]]:
        try:
            return read_bands(self.cleaned_data["bands"])
        except Invalid as error:
            raise ValidationError(error.message) from None


class RemoveThresholdForm(forms.Form):
    reason = forms.CharField(
        label="Reason",
        max_length=300,
        required=False,
        help_text="Needed once data have arrived; shown in reports.",
    )


def initial_of(row: Any, form: type[forms.Form]) -> dict[str, Any]:
    """What a form of an existing row begins with."""
    found: dict[str, Any] = {}
    for name in form.base_fields:
        value = getattr(row, name, None)
        found[name] = list(value.all()) if value is not None and hasattr(value, "all") else value
    return found


def title_of(row: Any) -> str:
    """A row's name in a heading, without its code."""
    return str(
        getattr(row, "name", "") or (row.code if isinstance(row, Indicator | ResearchQuestion) else row)
    )
