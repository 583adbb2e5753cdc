"""Instruments, what was taken in through them, administrative returns, and the rules that read indicators
from both.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q

from consent.models import Participant
from ipe import vault
from ipe.models import Evaluation, Indicator, Job, Record, StoredFile, Team, Wave
from ipe.models.design import code_validator
from ipe.words import Method
from surveys import bases, querysets, questionnaire


class PointKind(models.TextChoices):
    ANSWER = bases.SUBSTANTIVE, "Answer"
    NOT_APPLICABLE = bases.NOT_APPLICABLE, "Not applicable"
    DONT_KNOW = bases.DONT_KNOW, "Don’t know"


class ItemKind(models.TextChoices):
    ONE_CHOICE = questionnaire.ONE_CHOICE, "One choice"
    SEVERAL_CHOICES = questionnaire.SEVERAL_CHOICES, "Several choices"
    NUMBER = questionnaire.NUMBER, "Number"
    FREE_TEXT = questionnaire.FREE_TEXT, "Free text"


class Instrument(Record):
    """A questionnaire, or the form of an administrative return. `roles` is the closed list of respondents'
    roles.

    An instrument that is not linked is anonymous: its intakes can name no participant.
    """

    evaluation = models.ForeignKey(Evaluation, on_delete=models.CASCADE, related_name="instruments")
    name = models.CharField(max_length=60, validators=[code_validator])
    title = models.CharField(max_length=200)
    method = models.CharField(
        max_length=20,
        choices=[
            (Method.SURVEY.value, Method.SURVEY.label),
            (Method.ADMIN_DATA.value, Method.ADMIN_DATA.label),
        ],
        default=Method.SURVEY,
    )
    is_linked = models.BooleanField("answers are linked to participants", default=False)
    roles = models.JSONField(default=list, blank=True)
    order = models.PositiveSmallIntegerField(default=0)

    objects = querysets.InstrumentQuerySet.as_manager()

    class Meta:
        ordering = ("order", "name")
        constraints = (
            models.UniqueConstraint(
                fields=["evaluation", "name"],
                name="instrument_name_once_per_study",
                violation_error_message="Another instrument of this study has this name.",
            ),
        )

    def __str__(self) -> str:
        return self.title


class Scale(Record):
    """The possible answers of an item, lowest first where they have an order."""

    instrument = models.ForeignKey(Instrument, on_delete=models.CASCADE, related_name="scales")
    code = models.CharField(max_length=30, validators=[code_validator])

    objects = querysets.ScaleQuerySet.as_manager()

    class Meta:
        ordering = ("code",)
        constraints = (
            models.UniqueConstraint(
                fields=["instrument", "code"],
                name="scale_code_once_per_instrument",
                violation_error_message="Another scale of this instrument has this code.",
            ),
        )

    def __str__(self) -> str:
        return self.code


class ScalePoint(Record):
    scale = models.ForeignKey(Scale, on_delete=models.CASCADE, related_name="points")
    code = models.CharField(max_length=30, validators=[code_validator])
    label = models.CharField(max_length=200)
    kind = models.CharField(max_length=20, choices=PointKind.choices, default=PointKind.ANSWER)
    order = models.PositiveSmallIntegerField(default=0)

    objects = querysets.ScalePointQuerySet.as_manager()

    class Meta:
        ordering = ("order",)
        constraints = (
            models.UniqueConstraint(
                fields=["scale", "code"],
                name="point_code_once_per_scale",
                violation_error_message="Another point of this scale has this code.",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=PointKind.values),
                name="point_kind_is_known",
                violation_error_message="Choose answer, not applicable or don’t know.",
            ),
        )

    def __str__(self) -> str:
        return self.label


class Item(Record):
    """One question. Items of choices have a scale; free text is sealed and never leaves with a table
    (SD-14).
    """

    instrument = models.ForeignKey(Instrument, on_delete=models.CASCADE, related_name="items")
    code = models.CharField(max_length=60, validators=[code_validator])
    wording = models.TextField()
    kind = models.CharField(max_length=20, choices=ItemKind.choices, default=ItemKind.ONE_CHOICE)
    scale = models.ForeignKey(Scale, on_delete=models.PROTECT, null=True, blank=True, related_name="items")
    is_reverse_worded = models.BooleanField(default=False)
    minimum = models.DecimalField(max_digits=12, decimal_places=4, null=True, blank=True)
    maximum = models.DecimalField(max_digits=12, decimal_places=4, null=True, blank=True)
    order = models.PositiveSmallIntegerField(default=0)

    objects = querysets.ItemQuerySet.as_manager()

    class Meta:
        ordering = ("order", "code")
        constraints = (
            models.UniqueConstraint(
                fields=["instrument", "code"],
                name="item_code_once_per_instrument",
                violation_error_message="Another item of this instrument has this code.",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["one_choice", "several_choices"], scale__isnull=False)
                | Q(kind__in=["number", "free_text"], scale__isnull=True),
                name="item_of_choices_has_a_scale",
                violation_error_message="Items of choices need a scale; numbers and free text have none.",
            ),
        )

    def __str__(self) -> str:
        return self.wording


class BaseRule(Record):
    """Who a percentage is of. `conditions` are `[{"item": code | "role" | "team", "values": [...]}]`; all
    must hold.
    """

    instrument = models.ForeignKey(Instrument, on_delete=models.CASCADE, related_name="base_rules")
    code = models.CharField(max_length=60, validators=[code_validator])
    title = models.CharField(max_length=200)
    conditions = models.JSONField(default=list, blank=True)
    not_applicable_in = models.BooleanField("“not applicable” is in the base", default=False)
    dont_know_in = models.BooleanField("“don’t know” is in the base", default=False)

    objects = querysets.BaseRuleQuerySet.as_manager()

    class Meta:
        ordering = ("code",)
        constraints = (
            models.UniqueConstraint(
                fields=["instrument", "code"],
                name="base_code_once_per_instrument",
                violation_error_message="Another base of this instrument has this code.",
            ),
        )

    def __str__(self) -> str:
        return self.title

    def as_dict(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "when": self.conditions,
            "not_applicable": "in" if self.not_applicable_in else "out",
            "dont_know": "in" if self.dont_know_in else "out",
        }

    def as_spec(self) -> bases.BaseRule:
        return bases.BaseRule(
            self.code,
            self.title,
            tuple(bases.Condition(c["item"], frozenset(c["values"])) for c in self.conditions),
            not_applicable_in=self.not_applicable_in,
            dont_know_in=self.dont_know_in,
        )


class IndicatorRule(Record):
    """How an indicator is read: the counted answers to its items over a base, or an administrative return.

    `combine` settles an indicator of several items: all must reach the threshold, or any. `roles` are the
    roles that a threshold "for each role" speaks of; empty means those found in the data.
    """

    class Combine(models.TextChoices):
        ALL = "all", "every item must be met"
        ANY = "any", "one item met is enough"

    instrument = models.ForeignKey(Instrument, on_delete=models.CASCADE, related_name="rules")
    indicator = models.ForeignKey(Indicator, on_delete=models.CASCADE, related_name="rules")
    items = models.ManyToManyField(Item, blank=True, related_name="rules")
    counted = models.ManyToManyField(ScalePoint, blank=True, related_name="+")
    base_rule = models.ForeignKey(
        BaseRule, on_delete=models.PROTECT, null=True, blank=True, related_name="rules"
    )
    combine = models.CharField(max_length=5, choices=Combine.choices, default=Combine.ALL)
    roles = models.JSONField(default=list, blank=True)

    objects = querysets.IndicatorRuleQuerySet.as_manager()

    class Meta:
        ordering = ("indicator__order", "indicator__code")
        constraints = (
            models.UniqueConstraint(
                fields=["instrument", "indicator"],
                name="indicator_rule_once_per_instrument",
                violation_error_message="This instrument already reads this indicator.",
            ),
        )

    def __str__(self) -> str:
        return f"rule of {self.indicator_id}"

    def as_dict(self) -> dict[str, Any]:
        """The rule as kept in its history."""
        return {
            "items": sorted(item.code for item in self.items.all()),
            "counted": sorted(
                f"{point.scale.code}:{point.code}" for point in self.counted.select_related("scale")
            ),
            "base": self.base_rule.as_dict() if self.base_rule else None,
            "combine": self.combine,
            "roles": list(self.roles),
        }


class RuleChange(Record):
    """TH-08: a rule that was changed, with who, when, why, and whether answers had already come in."""

    rule = models.ForeignKey(IndicatorRule, on_delete=models.CASCADE, related_name="changes")
    before = models.JSONField()
    after = models.JSONField()
    reason = models.CharField(max_length=300)
    had_data = models.BooleanField(default=False)
    changed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    objects = querysets.RuleChangeQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return f"change {self.pk}"


class Mapping(Record):
    """A saved mapping; each change is a new version, so that every intake keeps the one it was read with."""

    instrument = models.ForeignKey(Instrument, on_delete=models.CASCADE, related_name="mappings")
    name = models.CharField(max_length=120)
    version = models.PositiveSmallIntegerField(default=1)
    document = models.JSONField()
    sha256 = models.CharField(max_length=64)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    objects = querysets.MappingQuerySet.as_manager()

    class Meta:
        ordering = ("name", "-version")
        constraints = (
            models.UniqueConstraint(
                fields=["instrument", "name", "version"],
                name="mapping_version_once",
                violation_error_message="This version of the mapping exists.",
            ),
        )

    def __str__(self) -> str:
        return f"{self.name}, version {self.version}"


class Intake(Record):
    """One file of answers for one wave. At most one is stored per instrument and wave; another one replaces
    it.

    Between upload and storing, the sheet, already without what identifies people, lies encrypted in
    `sheet_file`; the file as uploaded is never kept. `skipped` lists rows left out with a reason in fixed
    words.
    """

    class State(models.TextChoices):
        DRAFT = "draft", "Being prepared"
        WAITING = "waiting", "Waiting to be stored"
        STORED = "stored", "Stored"
        SUPERSEDED = "superseded", "Replaced by a later file"
        WITHDRAWN = "withdrawn", "Withdrawn"

    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT, related_name="intakes")
    wave = models.ForeignKey(Wave, on_delete=models.PROTECT, related_name="intakes")
    mapping = models.ForeignKey(
        Mapping, on_delete=models.PROTECT, null=True, blank=True, related_name="intakes"
    )
    state = models.CharField(max_length=12, choices=State.choices, default=State.DRAFT)
    file_name_sealed = models.BinaryField(default=b"")
    file_sha256 = models.CharField(max_length=64)
    form = models.CharField(max_length=30)
    sheet_file = models.ForeignKey(
        StoredFile, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    removed_columns = models.PositiveSmallIntegerField(default=0)
    n_rows = models.PositiveIntegerField(default=0)
    n_read = models.PositiveIntegerField(default=0)
    n_unfinished = models.PositiveIntegerField(default=0)
    skipped = models.JSONField(default=list, blank=True)
    eligible = models.PositiveIntegerField("number of people asked", null=True, blank=True)
    eligible_source = models.CharField("where that number comes from", max_length=200, blank=True)
    superseded_by = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="supersedes"
    )
    job = models.ForeignKey(Job, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    taken_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    stored_at = models.DateTimeField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    objects = querysets.IntakeQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        constraints = (
            models.UniqueConstraint(
                fields=["instrument", "wave"],
                condition=Q(state="stored"),
                name="one_stored_intake_per_wave",
                violation_error_message="This wave has stored answers already; replace that file.",
            ),
            models.CheckConstraint(
                condition=Q(eligible=None) | Q(eligible__gte=F("n_read")),
                name="no_more_answers_than_people_asked",
                violation_error_message="The file has more respondents than people asked.",
            ),
            models.CheckConstraint(
                condition=Q(eligible=None) | ~Q(eligible_source=""),
                name="eligible_has_its_source",
                violation_error_message="Say where the number of people asked comes from.",
            ),
        )

    def __str__(self) -> str:
        return f"intake {self.pk}"

    @property
    def evaluation(self) -> Evaluation:
        return self.instrument.evaluation

    @property
    def where(self) -> str:
        return f"surveys_intake.file_name_sealed:{self.pk}"

    @property
    def n_skipped(self) -> int:
        return len(self.skipped)

    @property
    def is_open(self) -> bool:
        """Still to be prepared, stored or dropped: a draft, or one whose job ended without storing it."""
        if self.state == self.State.DRAFT:
            return True
        return self.state == self.State.WAITING and (self.job is None or self.job.has_ended)

    def file_name(self) -> str:
        """The name of the file as its owner called it; content, shown to members only."""
        scope = vault.evaluation_scope(self.instrument.evaluation_id)
        return vault.open_sealed(scope, bytes(self.file_name_sealed), where=self.where)


class Response(Record):
    """One respondent's answers in one file. `respondent_key` is the same when the same response comes again.

    Neither it nor `link_key` (which pairs the waves of one person) can be turned back into what the file
    held.
    """

    intake = models.ForeignKey(Intake, on_delete=models.CASCADE, related_name="responses")
    row = models.PositiveIntegerField()
    respondent_key = models.CharField(max_length=64)
    role = models.CharField(max_length=120, blank=True)
    teams = models.ManyToManyField(Team, blank=True, related_name="+")
    tenure = models.CharField(max_length=120, blank=True)
    link_key = models.CharField(max_length=64, blank=True)
    participant = models.ForeignKey(
        Participant, on_delete=models.CASCADE, null=True, blank=True, related_name="survey_responses"
    )
    is_finished = models.BooleanField(default=True)

    objects = querysets.ResponseQuerySet.as_manager()

    class Meta:
        ordering = ("row",)
        constraints = (
            models.UniqueConstraint(
                fields=["intake", "respondent_key"],
                name="respondent_once_per_intake",
                violation_error_message="The file holds this response twice.",
            ),
        )

    def __str__(self) -> str:
        return f"response {self.pk}"


class Answer(Record):
    """One answer: a point of the item's scale, a number, or sealed text. Several choices are several rows."""

    response = models.ForeignKey(Response, on_delete=models.CASCADE, related_name="answers")
    item = models.ForeignKey(Item, on_delete=models.PROTECT, related_name="answers")
    point = models.ForeignKey(ScalePoint, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    number = models.DecimalField(max_digits=12, decimal_places=4, null=True, blank=True)
    text_sealed = models.BinaryField(null=True, blank=True)

    objects = querysets.AnswerQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["response", "item", "point"],
                name="answer_once",
                violation_error_message="This answer is already stored.",
            ),
            models.UniqueConstraint(
                fields=["response", "item"],
                condition=Q(point=None),
                name="number_or_text_once",
                violation_error_message="This answer is already stored.",
            ),
            models.CheckConstraint(
                condition=Q(point__isnull=False, number__isnull=True, text_sealed__isnull=True)
                | Q(point__isnull=True, number__isnull=False, text_sealed__isnull=True)
                | Q(point__isnull=True, number__isnull=True, text_sealed__isnull=False),
                name="answer_has_one_value",
                violation_error_message="An answer is a point, a number or a text.",
            ),
        )

    def __str__(self) -> str:
        return f"answer {self.pk}"

    @property
    def where(self) -> str:
        return f"surveys_answer.text_sealed:{self.pk}"


class AdminReturn(Record):
    """What a site returned for a wave, as a whole. A correction is a new return that supersedes the old
    one.
    """

    class State(models.TextChoices):
        CURRENT = "current", "In use"
        SUPERSEDED = "superseded", "Replaced"
        WITHDRAWN = "withdrawn", "Withdrawn"

    wave = models.ForeignKey(Wave, on_delete=models.PROTECT, related_name="admin_returns")
    state = models.CharField(max_length=12, choices=State.choices, default=State.CURRENT)
    as_of_on = models.DateField("figures as of", null=True, blank=True)
    source = models.CharField(max_length=200)
    superseded_by = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="supersedes"
    )
    entered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    objects = querysets.AdminReturnQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        constraints = (
            models.UniqueConstraint(
                fields=["wave"],
                condition=Q(state="current"),
                name="one_current_return_per_wave",
                violation_error_message="This wave already has a return in use; correct that one.",
            ),
        )

    def __str__(self) -> str:
        return f"return {self.pk}"


class AdminValue(Record):
    """A figure of a return, overall or for a role, a team or both. Shares keep numerator and base."""

    admin_return = models.ForeignKey(AdminReturn, on_delete=models.CASCADE, related_name="values")
    indicator = models.ForeignKey(Indicator, on_delete=models.PROTECT, related_name="admin_values")
    role = models.CharField(max_length=120, blank=True)
    team = models.ForeignKey(Team, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    numerator = models.DecimalField(max_digits=12, decimal_places=4, null=True, blank=True)
    base = models.DecimalField(max_digits=12, decimal_places=4, null=True, blank=True)
    value = models.DecimalField(max_digits=12, decimal_places=4, null=True, blank=True)
    is_yes = models.BooleanField(null=True, blank=True)

    objects = querysets.AdminValueQuerySet.as_manager()

    class Meta:
        ordering = ("indicator__order", "role")
        constraints = (
            models.UniqueConstraint(
                fields=["admin_return", "indicator", "role", "team"],
                name="admin_value_once",
                violation_error_message="This figure is given twice.",
            ),
            # Databases differ in whether two rows without a team are the same; so they are named.
            models.UniqueConstraint(
                fields=["admin_return", "indicator", "role"],
                condition=Q(team=None),
                name="admin_value_once_without_team",
                violation_error_message="This figure is given twice.",
            ),
            models.CheckConstraint(
                condition=Q(numerator__isnull=False, base__gt=0, numerator__gte=0, value=None, is_yes=None)
                | Q(numerator=None, base=None, value__gte=0, is_yes=None)
                | Q(numerator=None, base=None, value=None, is_yes__isnull=False),
                name="admin_value_has_one_form",
                violation_error_message="Give a number out of another, a single number, or yes or no.",
            ),
        )

    def __str__(self) -> str:
        return f"figure {self.pk}"

    def clean(self) -> None:
        if self.team_id and self.team and self.team.site_id != self.admin_return.wave.site_id:
            raise ValidationError("The team belongs to another site.")
