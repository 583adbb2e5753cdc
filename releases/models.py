"""The ledger of what left the application. Rows are added by acts and never edited, but for recalls.

The files themselves are never kept.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from consent.models import Participant
from ipe.models import Evaluation, Record, Site
from ipe.words import OutputClass
from releases import querysets


class FileFormat(models.TextChoices):
    CSV_PLAIN = "csv", "CSV for statistics programs"
    CSV_GUARDED = "csv_guarded", "CSV for spreadsheets"
    JSON = "json", "JSON"
    XLSX = "xlsx", "Excel workbook"
    DOCX = "docx", "Word document"
    PDF = "pdf", "PDF"


class Kind(models.TextChoices):
    TABLE = "table", "Table"
    WORKBOOK = "workbook", "Workbook"
    DOCUMENT = "document", "Document"


class State(models.TextChoices):
    DRAFT = "draft", "Draft"
    RELEASED = "released", "Released"
    RECALLED = "recalled", "Recalled"


class Release(Record):
    """One file that left: what, who, why, under which rule.

    `number` counts within the study. `smallest_count` is the rule as it was then. `data_hash` is over the
    data version the maker named or, without one, over the released content: never over hidden values, which a
    reader could then try out. `sealed_sets` holds the respondents behind every count shown, sealed under the
    study's key and read by `releases.ledger` alone. `equations` and `wholes` say how cells add up, by digest.
    """

    evaluation = models.ForeignKey(Evaluation, on_delete=models.CASCADE, related_name="releases")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, null=True, blank=True, related_name="releases")
    number = models.PositiveIntegerField()
    made_at = models.DateTimeField()
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="releases"
    )
    title = models.CharField(max_length=300)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    file_format = models.CharField(max_length=12, choices=FileFormat.choices)
    output_class = models.CharField(max_length=20, choices=OutputClass.choices)
    purpose = models.CharField(max_length=500)
    filter_text = models.CharField("filter", max_length=500, blank=True)
    smallest_count = models.PositiveSmallIntegerField(null=True, blank=True)
    rule_text = models.CharField("disclosure rule", max_length=300)
    data_hash = models.CharField(max_length=64)
    version = models.CharField(max_length=40)
    state = models.CharField(max_length=10, choices=State.choices)
    n_shown = models.PositiveIntegerField(default=0)
    n_hidden = models.PositiveIntegerField(default=0)
    equations = models.JSONField(default=list, blank=True)
    wholes = models.JSONField(default=dict, blank=True)
    flags = models.JSONField(default=list, blank=True)
    sealed_sets = models.BinaryField(default=b"")

    objects = querysets.ReleaseQuerySet.as_manager()

    class Meta:
        ordering = ("-number",)
        constraints = (
            models.UniqueConstraint(
                fields=["evaluation", "number"],
                name="release_number_once_per_study",
                violation_error_message="Another release of this study has this number.",
            ),
            models.CheckConstraint(
                condition=~Q(purpose=""),
                name="release_says_why",
                violation_error_message="Say what the release is for.",
            ),
        )

    def __str__(self) -> str:
        return f"R{self.number} {self.title}"

    @property
    def label(self) -> str:
        return f"R{self.number}"

    @property
    def n_counts(self) -> int:
        return self.n_shown + self.n_hidden


class PublishedCell(Record):
    """One count of a release. A hidden one holds no value; its definition stays hidden in later releases."""

    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="cells")
    order = models.PositiveIntegerField(default=0)
    digest = models.CharField(max_length=64, db_index=True)
    definition = models.TextField()
    is_hidden = models.BooleanField()
    value = models.PositiveIntegerField(null=True, blank=True)
    reason = models.CharField(max_length=12, blank=True)

    objects = querysets.PublishedCellQuerySet.as_manager()

    class Meta:
        ordering = ("order",)
        constraints = (
            models.CheckConstraint(
                condition=Q(is_hidden=True, value=None) | Q(is_hidden=False, value__isnull=False),
                name="hidden_cell_holds_no_value",
                violation_error_message="A hidden count must not be kept.",
            ),
        )

    def __str__(self) -> str:
        return "[c]" if self.is_hidden else str(self.value)


class Recipient(Record):
    """Somebody who has the file. Who that is is sealed under the study's key (see `releases.recipients`)."""

    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="recipients")
    sealed_who = models.BinaryField()
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    told_at = models.DateTimeField("told of the recall", null=True, blank=True)
    told_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    objects = querysets.OfReleaseQuerySet.as_manager()

    class Meta:
        ordering = ("created_at", "id")

    def __str__(self) -> str:
        return f"recipient {self.pk}"


class QuotedPerson(Record):
    """A release holds this person's words. Removed when they withdraw; a `Recall` takes its place."""

    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="quoted")
    participant = models.ForeignKey(Participant, on_delete=models.CASCADE, related_name="quoted_in")

    objects = querysets.OfReleaseQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["release", "participant"],
                name="person_quoted_once_per_release",
                violation_error_message="This person is already listed for this release.",
            ),
        )

    def __str__(self) -> str:
        return f"{self.participant_id} in {self.release_id}"


class Recall(Record):
    """Somebody whom the release quoted or counted has withdrawn; who has a copy is to be told. Nobody is
    named.
    """

    class Cause(models.TextChoices):
        QUOTED = "quoted", "quoted a person who has withdrawn"
        COUNTED = "counted", "counted a person who has withdrawn"

    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="recalls")
    cause = models.CharField(max_length=10, choices=Cause.choices)
    asked_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, blank=True)
    settled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    objects = querysets.OfReleaseQuerySet.as_manager()

    class Meta:
        ordering = ("asked_at",)

    def __str__(self) -> str:
        return f"{self.cause} {self.release_id}"
