"""Codebook, codings and Framework matrices. Everything stands on cleared, pseudonymised text only.

Anchors hold offsets (Unicode code points, half-open) into a version that never changes, and never a copy of its
words.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower

from coding import querysets
from coding.palette import SIZE
from coding.runs import Run, parse
from ipe.models import Record


class Codebook(Record):
    """The tree of themes, subthemes and codes of a study. One per study: coders of one study share one language."""

    evaluation = models.OneToOneField("ipe.Evaluation", on_delete=models.CASCADE, related_name="codebook")

    objects = querysets.CodebookQuerySet.as_manager()

    def __str__(self) -> str:
        return f"Codebook of {self.evaluation_id}"


class Level(models.IntegerChoices):
    THEME = 1, "Theme"
    SUBTHEME = 2, "Subtheme"
    CODE = 3, "Code"


class Code(Record):
    """A theme, a subtheme or a code.

    Invariants: themes have no parent, the others stand one level under theirs; names differ among siblings in use;
    only a codable code in use takes new codings. A merged or removed code stays as a retired row, so that undo can
    bring it back and a search for an identifier still finds its name.
    """

    codebook = models.ForeignKey(Codebook, on_delete=models.CASCADE, related_name="codes")
    parent = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="children"
    )
    level = models.PositiveSmallIntegerField(choices=Level.choices)
    name = models.CharField(max_length=120)
    definition = models.TextField(blank=True, max_length=4000)
    colour = models.PositiveSmallIntegerField(validators=[MaxValueValidator(SIZE - 1)])
    order = models.PositiveIntegerField(default=0)
    is_codable = models.BooleanField("can be applied to text", default=True)
    retired_at = models.DateTimeField(null=True, blank=True)
    merged_into = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="merged_from"
    )
    revision = models.ForeignKey(
        "CodeRevision", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    objects = querysets.CodeQuerySet.as_manager()

    class Meta:
        ordering = ("level", "order", "name")
        constraints = (
            models.UniqueConstraint(
                Lower("name"),
                "parent",
                condition=Q(retired_at__isnull=True),
                name="code_name_once_among_siblings",
                violation_error_message="There is already a code of this name here.",
            ),
            models.UniqueConstraint(
                Lower("name"),
                "codebook",
                condition=Q(retired_at__isnull=True, parent__isnull=True),
                name="theme_name_once",
                violation_error_message="There is already a theme of this name.",
            ),
            models.CheckConstraint(
                condition=Q(level=Level.THEME, parent__isnull=True)
                | Q(level__in=(Level.SUBTHEME, Level.CODE), parent__isnull=False),
                name="code_level_fits_parent",
                violation_error_message="A theme stands at the top; subthemes and codes stand under one.",
            ),
            models.CheckConstraint(
                condition=Q(colour__lt=SIZE),
                name="code_colour_is_in_palette",
                violation_error_message="Choose one of the palette's colours.",
            ),
        )

    def __str__(self) -> str:
        return self.name


class CodeRevision(Record):
    """What a code was called and how it was defined from one moment on: the record of the framework's versions.

    The event log names revisions, so that it holds no words itself.
    """

    code = models.ForeignKey(Code, on_delete=models.CASCADE, related_name="revisions")
    name = models.CharField(max_length=120)
    definition = models.TextField(blank=True)
    colour = models.PositiveSmallIntegerField()
    is_codable = models.BooleanField()
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        help_text="Empty for what came with the protocol.",
    )
    reason = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ("created_at",)

    def __str__(self) -> str:
        return f"Revision of {self.code_id}"


class Coding(models.Model):
    """A span of a version under a code, by a coder.

    The id is a number, not a UUID: a page names thousands of them in its marks, and no URL holds one. `changed_at`
    is when a person last changed it; a move to a new version by arithmetic leaves it.
    """

    version = models.ForeignKey("transcripts.Version", on_delete=models.CASCADE, related_name="codings")
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()
    code = models.ForeignKey(Code, on_delete=models.PROTECT, related_name="codings")
    coder = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="codings")
    changed_at = models.DateTimeField()

    # What an act tells its caller besides the row: whether it was made now, and where it stood before.
    is_new: bool = False
    was: tuple[int, int] | None = None

    objects = querysets.CodingQuerySet.as_manager()

    class Meta:
        ordering = ("version", "start", "end", "id")
        constraints = (
            models.CheckConstraint(
                condition=Q(start__lt=F("end")),
                name="coding_not_empty",
                violation_error_message="Select at least one character.",
            ),
            models.UniqueConstraint(
                fields=("version", "start", "end", "code", "coder"),
                name="coding_once",
                violation_error_message="You have already given this passage this code.",
            ),
        )
        indexes = (models.Index(fields=("version", "start"), name="coding_by_place"),)

    def __str__(self) -> str:
        return f"{self.start}–{self.end}"


class Memo(Record):
    """A researcher's note on a passage, a code or a case; on exactly one of them.

    A note on a passage holds offsets and outlives the codings there. `site` is where it may be read; a note on a
    code has none and is read throughout the study.
    """

    evaluation = models.ForeignKey("ipe.Evaluation", on_delete=models.CASCADE, related_name="memos")
    site = models.ForeignKey("ipe.Site", on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    version = models.ForeignKey(
        "transcripts.Version", on_delete=models.CASCADE, null=True, blank=True, related_name="memos"
    )
    start = models.PositiveIntegerField(null=True, blank=True)
    end = models.PositiveIntegerField(null=True, blank=True)
    code = models.ForeignKey(Code, on_delete=models.CASCADE, null=True, blank=True, related_name="memos")
    case = models.ForeignKey("Case", on_delete=models.CASCADE, null=True, blank=True, related_name="memos")
    body = models.TextField(max_length=10_000)

    objects = querysets.MemoQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        constraints = (
            models.CheckConstraint(
                condition=Q(version__isnull=False, code__isnull=True, case__isnull=True)
                | Q(version__isnull=True, code__isnull=False, case__isnull=True)
                | Q(version__isnull=True, code__isnull=True, case__isnull=False),
                name="memo_on_one_thing",
                violation_error_message="A memo belongs to one passage, one code or one case.",
            ),
            models.CheckConstraint(
                condition=Q(version__isnull=True) | Q(start__isnull=False, end__gt=F("start")),
                name="memo_passage_not_empty",
                violation_error_message="Select at least one character.",
            ),
        )

    def __str__(self) -> str:
        return f"Memo {self.pk}"


class EventKind(models.TextChoices):
    DO = "do", "Done"
    UNDO = "undo", "Undone"
    REDO = "redo", "Done again"


class Verb(models.TextChoices):
    APPLY = "apply", "Applied a code"
    REMOVE = "remove", "Removed a coding"
    RECODE = "recode", "Changed the code"
    RESIZE = "resize", "Changed the passage"
    ADD_CODE = "code_add", "Added a code"
    RENAME_CODE = "code_rename", "Renamed a code"
    MOVE_CODE = "code_move", "Moved a code"
    MERGE_CODE = "code_merge", "Merged codes"
    RETIRE_CODE = "code_retire", "Removed a code"


class CodingEvent(models.Model):
    """One entry of the append-only log that undo replays. Ids and offsets only, never words.

    `before` and `after` hold {"codings": [[id, version, start, end, code, coder, changed at]], "codes": [[id, parent, level,
    order, retired, merged into, revision]]}: undoing takes what is in `after` back to `before`. `version` is the
    document in which it happened; None for changes of the codebook.
    """

    evaluation = models.ForeignKey("ipe.Evaluation", on_delete=models.CASCADE, related_name="+")
    version = models.ForeignKey("transcripts.Version", on_delete=models.CASCADE, null=True, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    kind = models.CharField(max_length=4, choices=EventKind.choices, default=EventKind.DO)
    of = models.ForeignKey("self", on_delete=models.CASCADE, null=True, related_name="answers")
    verb = models.CharField(max_length=12, choices=Verb.choices)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)

    objects = querysets.CodingEventQuerySet.as_manager()

    class Meta:
        ordering = ("id",)
        indexes = (models.Index(fields=("user", "version", "id"), name="event_of_user"),)
        constraints = (
            models.CheckConstraint(
                condition=Q(kind=EventKind.DO, of__isnull=True) | Q(~Q(kind=EventKind.DO), of__isnull=False),
                name="event_undoes_something",
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.verb}"


class CaseKind(models.TextChoices):
    PARTICIPANT = "participant", "Participant"
    GROUP = "group", "Focus group or observation"
    SITE = "site", "Site"


class Case(Record):
    """A row of the matrices: a participant (in one wave or in all), a group (one document) or a site.

    It reaches the participant's documents and turns, the group's document, or every document of the site; with a
    wave, only those of that wave.
    """

    evaluation = models.ForeignKey("ipe.Evaluation", on_delete=models.CASCADE, related_name="cases")
    site = models.ForeignKey("ipe.Site", on_delete=models.PROTECT, related_name="cases")
    wave = models.ForeignKey(
        "ipe.Wave", on_delete=models.PROTECT, null=True, blank=True, related_name="cases"
    )
    kind = models.CharField(max_length=12, choices=CaseKind.choices)
    participant = models.ForeignKey(
        "consent.Participant", on_delete=models.CASCADE, null=True, blank=True, related_name="cases"
    )
    document = models.ForeignKey(
        "transcripts.Document", on_delete=models.CASCADE, null=True, blank=True, related_name="cases"
    )
    order = models.PositiveIntegerField(default=0)

    objects = querysets.CaseQuerySet.as_manager()

    class Meta:
        ordering = ("site__order", "order", "created_at")
        constraints = (
            models.CheckConstraint(
                condition=Q(kind=CaseKind.PARTICIPANT, participant__isnull=False, document__isnull=True)
                | Q(kind=CaseKind.GROUP, participant__isnull=True, document__isnull=False)
                | Q(kind=CaseKind.SITE, participant__isnull=True, document__isnull=True),
                name="case_is_one_thing",
                violation_error_message="A case is one participant, one group or one site.",
            ),
            models.UniqueConstraint(
                fields=("participant", "wave"),
                name="case_once_per_participant_and_wave",
                violation_error_message="This participant already has a row for this wave.",
            ),
            models.UniqueConstraint(
                fields=("participant",),
                condition=Q(wave__isnull=True, participant__isnull=False),
                name="case_once_per_participant",
                violation_error_message="This participant already has a row for all waves.",
            ),
            models.UniqueConstraint(
                fields=("document",),
                name="case_once_per_document",
                violation_error_message="This group already has a row.",
            ),
            models.UniqueConstraint(
                fields=("site", "wave"),
                condition=Q(kind="site"),
                name="case_once_per_site_and_wave",
                violation_error_message="This site already has a row for this wave.",
            ),
            models.UniqueConstraint(
                fields=("site",),
                condition=Q(kind="site", wave__isnull=True),
                name="case_once_per_site",
                violation_error_message="This site already has a row for all waves.",
            ),
        )

    def __str__(self) -> str:
        return self.label

    @property
    def label(self) -> str:
        """A code only: what identifies a person never stands in a row header."""
        if self.participant is not None:
            return self.participant.code
        return self.document.code if self.document is not None else self.site.code


class Matrix(Record):
    """The Framework matrix of one theme: rows are the study's cases, columns the theme's subthemes and what emerged."""

    theme = models.OneToOneField(Code, on_delete=models.PROTECT, related_name="matrix")

    objects = querysets.MatrixQuerySet.as_manager()

    class Meta:
        ordering = ("theme__order", "theme__name")

    def __str__(self) -> str:
        return self.theme.name


class Column(Record):
    """A column of a matrix: a subtheme with its codes, or (without one) "Other" for what the theme did not foresee."""

    matrix = models.ForeignKey(Matrix, on_delete=models.CASCADE, related_name="columns")
    subtheme = models.ForeignKey(
        Code, on_delete=models.PROTECT, null=True, blank=True, related_name="columns"
    )
    order = models.PositiveIntegerField(default=0)

    objects = querysets.ColumnQuerySet.as_manager()

    class Meta:
        ordering = ("order", "created_at")
        constraints = (
            models.UniqueConstraint(
                fields=("matrix", "subtheme"),
                name="column_once_per_subtheme",
                violation_error_message="This subtheme already has a column.",
            ),
            models.UniqueConstraint(
                fields=("matrix",),
                condition=Q(subtheme__isnull=True),
                name="column_other_once",
                violation_error_message="The matrix already has a column for what emerged.",
            ),
        )

    def __str__(self) -> str:
        return self.title

    @property
    def title(self) -> str:
        return self.subtheme.name if self.subtheme is not None else "Other"


class CellState(models.TextChoices):
    NOT_STARTED = "not_started", "Not started"
    DRAFT = "draft", "Draft"
    CHARTED = "charted", "Charted"
    REVIEWED = "reviewed", "Reviewed"
    NOT_RAISED = "not_raised", "Not raised by participant"
    NOT_APPLICABLE = "not_applicable", "Not applicable"
    NOT_ASKED = "not_asked", "Not asked"


class Cell(Record):
    """What a case says on a subtheme: runs, a state, and the evidence that its author saw when saving it.

    `version` rises with every save; saving names the version that was read. A cell without a row is "not started".
    """

    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="cells")
    column = models.ForeignKey(Column, on_delete=models.CASCADE, related_name="cells")
    runs = models.JSONField(default=list, blank=True)
    state = models.CharField(max_length=14, choices=CellState.choices, default=CellState.NOT_STARTED)
    version = models.PositiveIntegerField(default=0)
    evidence = models.JSONField(default=list, blank=True)
    charted_at = models.DateTimeField(null=True, blank=True)
    updated_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    updated_at = models.DateTimeField(null=True, blank=True)

    objects = querysets.CellQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("case", "column"), name="cell_once"),
            models.CheckConstraint(
                condition=Q(state__in=CellState.values),
                name="cell_state_is_known",
                violation_error_message="Choose one of the states.",
            ),
        )

    def __str__(self) -> str:
        return f"Cell {self.pk}"

    def parsed(self) -> list[Run]:
        return parse(self.runs)


class CellHistory(Record):
    """What a cell held at one version, by whom: nothing that was written is lost when somebody writes again."""

    cell = models.ForeignKey(Cell, on_delete=models.CASCADE, related_name="history")
    version = models.PositiveIntegerField()
    runs = models.JSONField(default=list, blank=True)
    state = models.CharField(max_length=14, choices=CellState.choices)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ("-version",)
        constraints = (models.UniqueConstraint(fields=("cell", "version"), name="cell_history_once"),)

    def __str__(self) -> str:
        return f"Version {self.version} of {self.cell_id}"


class QuoteLink(Record):
    """A passage that a cell quotes: offsets into a version; the words are cut from it when the cell is shown.

    `coding` is what the quote was taken from, while that exists.
    """

    cell = models.ForeignKey(Cell, on_delete=models.CASCADE, related_name="quotes")
    version = models.ForeignKey("transcripts.Version", on_delete=models.CASCADE, related_name="quotes")
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()
    coding = models.ForeignKey(
        Coding, on_delete=models.SET_NULL, null=True, blank=True, related_name="quotes"
    )

    objects = querysets.QuoteLinkQuerySet.as_manager()

    class Meta:
        ordering = ("created_at",)
        constraints = (
            models.CheckConstraint(
                condition=Q(start__lt=F("end")),
                name="quote_not_empty",
                violation_error_message="Select at least one character.",
            ),
        )

    def __str__(self) -> str:
        return f"Quote {self.pk}"


def snapshot(coding: Coding) -> list[Any]:
    """A coding as the event log keeps it."""
    return [
        coding.pk,
        str(coding.version_id),
        coding.start,
        coding.end,
        str(coding.code_id),
        str(coding.coder_id),
        coding.changed_at.isoformat(),
    ]
