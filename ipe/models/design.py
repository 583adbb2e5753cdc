"""The study design: what the protocol fixes before any data arrive."""

import datetime as dt
from decimal import Decimal

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q

from ipe.models.base import Record
from ipe.scoped import Scoped
from ipe.words import Comparator, Method, OutputClass, ThresholdScope, Unit

code_validator = RegexValidator(
    r"^[A-Za-z0-9][A-Za-z0-9_.-]*$",
    "Use letters, digits, hyphens, dots and underscores, beginning with a letter or digit.",
)


class EvaluationQuerySet(Scoped["Evaluation"]):
    verb = "design.read"
    to_evaluation = "self"
    to_site = None


class Evaluation(Record):
    """A study. `smallest_count_*` are the counts below which nothing leaves, by class of output."""

    slug = models.SlugField(max_length=60, unique=True)
    title = models.CharField(max_length=200)
    programme = models.CharField(max_length=200, blank=True)
    design = models.TextField("impact design", blank=True)
    smallest_count_survey = models.PositiveSmallIntegerField(default=10, validators=[MinValueValidator(1)])
    smallest_count_impact = models.PositiveSmallIntegerField(default=10, validators=[MinValueValidator(10)])
    zero_is_disclosive = models.BooleanField(default=False)
    quote_minimum_group = models.PositiveSmallIntegerField(default=3, validators=[MinValueValidator(1)])
    analysis_cut_off_on = models.DateField("aggregated analysis begins on", null=True, blank=True)
    protocol_version = models.CharField(max_length=60, blank=True)
    lawful_basis = models.CharField(max_length=200, blank=True)
    is_demo = models.BooleanField(default=False)

    objects = EvaluationQuerySet.as_manager()

    class Meta:
        ordering = ("title",)

    def __str__(self) -> str:
        return self.title


class SiteQuerySet(Scoped["Site"]):
    verb = "design.read"
    to_site = "self"


class Site(Record):
    """A local authority. Its start has three dates: planned, actual and the one used in analysis."""

    evaluation = models.ForeignKey(Evaluation, on_delete=models.CASCADE, related_name="sites")
    code = models.CharField(max_length=30, validators=[code_validator])
    name = models.CharField(max_length=120)
    order = models.PositiveSmallIntegerField(default=0)
    readiness = models.CharField(max_length=30, blank=True)
    live_planned_on = models.DateField("planned live date", null=True, blank=True)
    live_actual_on = models.DateField("actual live date", null=True, blank=True)
    live_analysis_on = models.DateField("live date used in analysis", null=True, blank=True)

    objects = SiteQuerySet.as_manager()

    class Meta:
        ordering = ("order", "code")
        constraints = (
            models.UniqueConstraint(
                fields=["evaluation", "code"],
                name="site_code_once_per_study",
                violation_error_message="Another site of this study has this code.",
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def live_on(self) -> dt.date | None:
        """The date phases count from: the actual one where it is known, else the planned one."""
        return self.live_actual_on or self.live_planned_on


class TeamQuerySet(Scoped["Team"]):
    verb = "design.read"
    to_evaluation = "site__evaluation"


class Team(Record):
    """A team within a site; a parent groups teams, such as a district."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="teams")
    code = models.CharField(max_length=30, validators=[code_validator])
    name = models.CharField(max_length=120)
    parent = models.ForeignKey(
        "self", on_delete=models.RESTRICT, null=True, blank=True, related_name="children"
    )

    objects = TeamQuerySet.as_manager()

    class Meta:
        ordering = ("site", "code")
        constraints = (
            models.UniqueConstraint(
                fields=["site", "code"],
                name="team_code_once_per_site",
                violation_error_message="Another team of this site has this code.",
            ),
            models.CheckConstraint(
                condition=~Q(parent=F("id")),
                name="team_is_not_its_own_parent",
                violation_error_message="A team cannot be its own parent.",
            ),
        )

    def __str__(self) -> str:
        return self.name


class PhaseQuerySet(Scoped["Phase"]):
    verb = "design.read"
    to_site = None


class Phase(Record):
    """A time of data collection, as an offset in months from each site's live date."""

    evaluation = models.ForeignKey(Evaluation, on_delete=models.CASCADE, related_name="phases")
    code = models.CharField(max_length=30, validators=[code_validator])
    name = models.CharField(max_length=120)
    order = models.PositiveSmallIntegerField(default=0)
    offset_months = models.SmallIntegerField(null=True, blank=True)

    objects = PhaseQuerySet.as_manager()

    class Meta:
        ordering = ("order", "code")
        constraints = (
            models.UniqueConstraint(
                fields=["evaluation", "code"],
                name="phase_code_once_per_study",
                violation_error_message="Another phase of this study has this code.",
            ),
        )

    def __str__(self) -> str:
        return self.name


class WaveQuerySet(Scoped["Wave"]):
    verb = "design.read"
    to_evaluation = "site__evaluation"


class Wave(Record):
    """A phase at a site, with its real dates, or not planned."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="waves")
    phase = models.ForeignKey(Phase, on_delete=models.CASCADE, related_name="waves")
    is_planned = models.BooleanField(default=True)
    starts_on = models.DateField(null=True, blank=True)
    ends_on = models.DateField(null=True, blank=True)

    objects = WaveQuerySet.as_manager()

    class Meta:
        ordering = ("site__order", "phase__order")
        constraints = (
            models.UniqueConstraint(
                fields=["site", "phase"],
                name="wave_once_per_site_and_phase",
                violation_error_message="This site already has this phase.",
            ),
            models.CheckConstraint(
                condition=Q(ends_on=None) | Q(starts_on=None) | Q(ends_on__gte=F("starts_on")),
                name="wave_ends_after_it_starts",
                violation_error_message="The last day must not be before the first day.",
            ),
        )

    def __str__(self) -> str:
        return f"{self.site.code} {self.phase.code}"

    @property
    def evaluation(self) -> Evaluation:
        return self.site.evaluation


class ContextEventQuerySet(Scoped["ContextEvent"]):
    """Events of the whole study have no site and are seen by every member."""

    verb = "design.read"
    sees_rows_without_site = True


class ContextEvent(Record):
    """Something dated that bears on a site or the study: an inspection, a change of leadership, a pandemic."""

    evaluation = models.ForeignKey(Evaluation, on_delete=models.CASCADE, related_name="context_events")
    site = models.ForeignKey(
        Site, on_delete=models.CASCADE, null=True, blank=True, related_name="context_events"
    )
    happened_on = models.DateField()
    title = models.CharField(max_length=200)
    kind = models.CharField(max_length=60, blank=True)

    objects = ContextEventQuerySet.as_manager()

    class Meta:
        ordering = ("happened_on", "title")

    def __str__(self) -> str:
        return self.title


class ResearchQuestionQuerySet(Scoped["ResearchQuestion"]):
    verb = "design.read"
    to_site = None


class ResearchQuestion(Record):
    evaluation = models.ForeignKey(Evaluation, on_delete=models.CASCADE, related_name="questions")
    code = models.CharField(max_length=30, validators=[code_validator])
    text = models.TextField()
    parent = models.ForeignKey(
        "self", on_delete=models.RESTRICT, null=True, blank=True, related_name="children"
    )
    order = models.PositiveSmallIntegerField(default=0)

    objects = ResearchQuestionQuerySet.as_manager()

    class Meta:
        ordering = ("order", "code")
        constraints = (
            models.UniqueConstraint(
                fields=["evaluation", "code"],
                name="question_code_once_per_study",
                violation_error_message="Another research question has this code.",
            ),
            models.CheckConstraint(
                condition=~Q(parent=F("id")),
                name="question_is_not_its_own_parent",
                violation_error_message="A question cannot be its own parent.",
            ),
        )

    def __str__(self) -> str:
        return f"{self.code} {self.text}"


class IndicatorQuerySet(Scoped["Indicator"]):
    verb = "design.read"
    to_site = None


class Indicator(Record):
    """What the protocol measures to answer a research question, in one unit."""

    evaluation = models.ForeignKey(Evaluation, on_delete=models.CASCADE, related_name="indicators")
    code = models.CharField(max_length=60, validators=[code_validator])
    title = models.CharField(max_length=300)
    question = models.ForeignKey(
        ResearchQuestion, on_delete=models.RESTRICT, null=True, blank=True, related_name="indicators"
    )
    heading = models.CharField(max_length=120, blank=True)
    unit = models.CharField(max_length=20, choices=Unit.choices, default=Unit.PERCENT)
    methods = models.JSONField(default=list, blank=True)
    phases = models.ManyToManyField(Phase, blank=True, related_name="indicators")
    output_class = models.CharField(max_length=20, choices=OutputClass.choices, default=OutputClass.SURVEY)
    note = models.TextField(blank=True)
    order = models.PositiveSmallIntegerField(default=0)

    objects = IndicatorQuerySet.as_manager()

    class Meta:
        ordering = ("order", "code")
        constraints = (
            models.UniqueConstraint(
                fields=["evaluation", "code"],
                name="indicator_code_once_per_study",
                violation_error_message="Another indicator has this code.",
            ),
        )

    def __str__(self) -> str:
        return f"{self.code} {self.title}"

    def get_methods_display(self) -> str:
        return ", ".join(str(Method(method).label) for method in self.methods)


class ThresholdQuerySet(Scoped["Threshold"]):
    verb = "design.read"
    to_evaluation = "indicator__evaluation"
    to_site = None


class Threshold(Record):
    """What an indicator should reach in one phase, with the rules under which no verdict is given.

    `value` is in the indicator's own unit; `bands`, when given, are `[{"name", "at_least"|"above", "below"|"at_most"}]`,
    exhaustive and disjoint over the range of the unit (checked by `ipe.protocol.bands`).
    """

    indicator = models.ForeignKey(Indicator, on_delete=models.CASCADE, related_name="thresholds")
    phase = models.ForeignKey(Phase, on_delete=models.CASCADE, related_name="thresholds")
    scope = models.CharField(max_length=20, choices=ThresholdScope.choices, default=ThresholdScope.OVERALL)
    comparator = models.CharField(max_length=20, choices=Comparator.choices, default=Comparator.AT_LEAST)
    value = models.DecimalField(max_digits=12, decimal_places=4, null=True, blank=True)
    role_minimum = models.DecimalField(
        max_digits=12,
        decimal_places=4,
        null=True,
        blank=True,
        help_text="The least that each single role must reach.",
    )
    minimum_base = models.PositiveIntegerField(null=True, blank=True)
    minimum_response_percent = models.DecimalField(
        max_digits=6,
        decimal_places=3,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal(0)), MaxValueValidator(Decimal(100))],
    )
    must_clear_interval = models.BooleanField(default=False)
    bands = models.JSONField(default=list, blank=True)
    note = models.CharField(max_length=300, blank=True)

    objects = ThresholdQuerySet.as_manager()

    class Meta:
        ordering = ("indicator__order", "phase__order", "scope")
        constraints = (
            models.UniqueConstraint(
                fields=["indicator", "phase", "scope"],
                name="threshold_once_per_phase_and_scope",
                violation_error_message="This indicator already has a threshold for this phase and scope.",
            ),
            models.CheckConstraint(
                condition=Q(comparator__in=["yes", "no"], value=None)
                | Q(comparator__in=["at_least", "at_most"], value__isnull=False),
                name="threshold_has_a_value_when_it_needs_one",
                violation_error_message="“At least” and “at most” need a value; yes and no have none.",
            ),
        )

    def __str__(self) -> str:
        return f"{self.indicator.code} {self.phase.code}"


class ThresholdChangeQuerySet(Scoped["ThresholdChange"]):
    verb = "design.read"
    to_evaluation = "indicator__evaluation"
    to_site = None


class ThresholdChange(Record):
    """TH-08: a threshold that was changed, with its reason; shown in every report that uses it."""

    indicator = models.ForeignKey(Indicator, on_delete=models.CASCADE, related_name="threshold_changes")
    phase = models.ForeignKey(Phase, on_delete=models.CASCADE, related_name="+")
    scope = models.CharField(max_length=20, choices=ThresholdScope.choices)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    reason = models.CharField(max_length=300)
    had_data = models.BooleanField(default=False)
    changed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    objects = ThresholdChangeQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return f"change of {self.indicator.code}"
