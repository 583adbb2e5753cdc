"""A transcript from its upload to the cleared text that codings may use.

Three tables hold what identifies people, all of it sealed: `Original` (the file, its title and its decoded
text), `Speaker.sealed_label` and `EntityName`. Everything else holds offsets, pseudonyms and ids.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from ipe.models import Record
from transcripts.querysets import (
    DocumentQuerySet,
    EntityQuerySet,
    OriginalQuerySet,
    ReplacementQuerySet,
    TurnQuerySet,
    VersionQuerySet,
)

if TYPE_CHECKING:
    from ipe.models import Site


class DocumentKind(models.TextChoices):
    INTERVIEW = "interview", "Interview"
    FOCUS_GROUP = "focus_group", "Focus group"
    OBSERVATION = "observation", "Observation notes"
    OTHER = "other", "Other text"


class DocumentState(models.TextChoices):
    IMPORTED = "imported", "Check turns"
    IN_REVIEW = "in_review", "In review"
    CLEARED = "cleared", "Cleared"
    ERASED = "erased", "Erased"


class SpeakerRole(models.TextChoices):
    INTERVIEWER = "interviewer", "Interviewer"
    PARTICIPANT = "participant", "Participant"


class Category(models.TextChoices):
    PERSON = "person", "Person"
    PLACE = "place", "Place"
    TEAM = "team", "Team"
    SCHOOL = "school", "School or nursery"
    HEALTH = "health", "Hospital or surgery"
    STREET = "street", "Street or address"
    ORGANISATION = "organisation", "Organisation"
    PHONE = "phone", "Phone number"
    EMAIL = "email", "E-mail address"
    POSTCODE = "postcode", "Postcode"
    NHS_NUMBER = "nhs_number", "NHS number"
    NI_NUMBER = "ni_number", "National Insurance number"
    BIRTH_DATE = "birth_date", "Date of birth"
    DATE = "date", "Date"
    AGE = "age", "Age"
    JOB = "job", "Job"
    EVENT = "event", "Rare event or detail"


# People, places and bodies keep one pseudonym through the whole study; the rest is generalised where it
# stands.
NAMED_CATEGORIES = frozenset(
    {
        Category.PERSON,
        Category.PLACE,
        Category.TEAM,
        Category.SCHOOL,
        Category.HEALTH,
        Category.STREET,
        Category.ORGANISATION,
    }
)


class ReplacementStatus(models.TextChoices):
    SUGGESTED = "suggested", "To decide"
    ACCEPTED = "accepted", "Replace"
    REJECTED = "rejected", "Keep"


class Document(Record):
    """One transcript or set of notes, known to everybody by its code (D-07).

    Invariants: the code is unique in the study; two documents of a study never hold the same text; an erased
    document has no original, no text in any version and no speakers. `revision` rises with every change of
    turns, speakers or replacements, and a sign-off names the revision that was read.
    """

    evaluation = models.ForeignKey("ipe.Evaluation", on_delete=models.CASCADE, related_name="documents")
    wave = models.ForeignKey("ipe.Wave", on_delete=models.PROTECT, related_name="documents")
    activity = models.ForeignKey(
        "fieldwork.Activity", on_delete=models.SET_NULL, null=True, blank=True, related_name="documents"
    )
    participant = models.ForeignKey(
        "consent.Participant",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="documents",
        help_text="Set when the whole document is one person's interview; their key then seals the original.",
    )
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=20, choices=DocumentKind.choices)
    state = models.CharField(max_length=12, choices=DocumentState.choices, default=DocumentState.IMPORTED)
    assigned_to = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="assigned_documents",
    )
    imported_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    content_index = models.BinaryField(null=True, blank=True, editable=False, max_length=32)
    n_characters = models.PositiveIntegerField(default=0)
    revision = models.PositiveIntegerField(default=1)
    erased_at = models.DateTimeField(null=True, blank=True)

    objects = DocumentQuerySet.as_manager()

    class Meta:
        ordering = ("number",)
        constraints = (
            models.UniqueConstraint(
                fields=("evaluation", "number"),
                name="document_number_once",
                violation_error_message="Another document of this study has this number.",
            ),
            models.UniqueConstraint(
                fields=("evaluation", "content_index"),
                name="document_text_once",
                violation_error_message="This text is already in the study.",
            ),
        )

    def __str__(self) -> str:
        return self.code

    @property
    def code(self) -> str:
        return f"D-{self.number:02d}"

    @property
    def site(self) -> Site:
        return self.wave.site


class Original(Record):
    """The identifying text: sealed, apart from the document's row, and gone when a person or the retention
    date destroys it."""

    document = models.OneToOneField(Document, on_delete=models.CASCADE, related_name="original")
    scope = models.CharField(max_length=80)
    sealed_title = models.BinaryField()
    sealed_text = models.BinaryField()
    file = models.ForeignKey(
        "ipe.StoredFile", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    format = models.CharField(max_length=8)
    encoding = models.CharField(max_length=20, blank=True)
    keep_until = models.DateField(null=True, blank=True)

    objects = OriginalQuerySet.as_manager()

    def __str__(self) -> str:
        return f"Original of {self.document_id}"


class Speaker(Record):
    """Someone who speaks in one document. `label` is what readers see; the label as typed is sealed."""

    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="speakers")
    order = models.PositiveIntegerField()
    label = models.CharField(max_length=40)
    sealed_label = models.BinaryField(null=True, blank=True)
    role = models.CharField(max_length=12, choices=SpeakerRole.choices, default=SpeakerRole.PARTICIPANT)
    participant = models.ForeignKey(
        "consent.Participant", on_delete=models.SET_NULL, null=True, blank=True, related_name="speakers"
    )

    class Meta:
        ordering = ("order",)
        constraints = (models.UniqueConstraint(fields=("document", "label"), name="speaker_label_once"),)

    def __str__(self) -> str:
        return self.label


class OriginalTurn(models.Model):
    """A turn over the original text, while the original exists. The label lies before the turn and is always
    replaced."""

    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="original_turns")
    ordinal = models.PositiveIntegerField()
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()
    label_start = models.PositiveIntegerField(null=True, blank=True)
    label_end = models.PositiveIntegerField(null=True, blank=True)
    speaker = models.ForeignKey(
        Speaker, on_delete=models.SET_NULL, null=True, blank=True, related_name="original_turns"
    )
    at_ms = models.PositiveBigIntegerField(null=True, blank=True)

    class Meta:
        ordering = ("ordinal",)
        constraints = (
            models.UniqueConstraint(fields=("document", "ordinal"), name="original_turn_ordinal_once"),
            models.CheckConstraint(condition=Q(start__lte=F("end")), name="original_turn_forward"),
        )

    def __str__(self) -> str:
        return f"Turn {self.ordinal}"


class Entity(Record):
    """One person, place or body of a study and the pseudonym it keeps in every document and wave."""

    evaluation = models.ForeignKey("ipe.Evaluation", on_delete=models.CASCADE, related_name="entities")
    category = models.CharField(max_length=14, choices=Category.choices)
    pseudonym = models.CharField(max_length=80, help_text="With its brackets, as it stands in cleared text.")
    participant = models.ForeignKey(
        "consent.Participant", on_delete=models.SET_NULL, null=True, blank=True, related_name="entities"
    )

    objects = EntityQuerySet.as_manager()

    class Meta:
        ordering = ("pseudonym",)
        constraints = (
            models.UniqueConstraint(
                fields=("evaluation", "pseudonym"),
                name="entity_pseudonym_once",
                violation_error_message="Another entity of this study has this pseudonym.",
            ),
        )

    def __str__(self) -> str:
        return self.pseudonym


class EntityName(Record):
    """A name by which an entity is called: sealed, with an HMAC so that the same name is found again without
    opening the others."""

    entity = models.ForeignKey(Entity, on_delete=models.CASCADE, related_name="names")
    scope = models.CharField(max_length=80)
    sealed_name = models.BinaryField()
    name_index = models.BinaryField(max_length=32)

    class Meta:
        indexes = (models.Index(fields=("name_index",)),)
        constraints = (models.UniqueConstraint(fields=("entity", "name_index"), name="entity_name_once"),)

    def __str__(self) -> str:
        return f"A name of {self.entity_id}"


# How a span was found whose words more than one of the study is called by: a person says who is meant.
SEVERAL = "several"


class Replacement(Record):
    """A span of the original that is, may be or is not replaced. Accepted spans of a document never overlap
    (checked by the acts)."""

    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="replacements")
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()
    category = models.CharField(max_length=14, choices=Category.choices)
    entity = models.ForeignKey(
        Entity, on_delete=models.SET_NULL, null=True, blank=True, related_name="replacements"
    )
    text = models.CharField(
        max_length=80, blank=True, help_text="What stands in the cleared text, with brackets."
    )
    status = models.CharField(
        max_length=10, choices=ReplacementStatus.choices, default=ReplacementStatus.SUGGESTED
    )
    found_by = models.CharField(max_length=20, default="hand")
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=20, blank=True)

    objects = ReplacementQuerySet.as_manager()

    class Meta:
        ordering = ("start", "end")
        constraints = (
            models.CheckConstraint(
                condition=Q(start__lt=F("end")),
                name="replacement_not_empty",
                violation_error_message="Select at least one character.",
            ),
            models.CheckConstraint(
                condition=~Q(status="accepted") | ~Q(text=""),
                name="replacement_accepted_has_text",
                violation_error_message="Say what stands in place of the words.",
            ),
            models.UniqueConstraint(fields=("document", "start", "end"), name="replacement_span_once"),
        )

    def __str__(self) -> str:
        return f"{self.start}–{self.end} {self.text}"


class Version(Record):
    """A cleared text. It never changes; a later redaction makes the next version and empties this one
    (`emptied_at`).

    `edits` are the replacements over the original that render this text ([start, end, replacement]);
    `placeholders` the spans of the replacements in this text ([start, end]). Neither holds a word of the
    original. The current version of a document is the one that no other supersedes:
    `Version.objects.current()`; one that codings may use is also `open()` (its document's clearance has not
    lapsed).
    """

    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    text = models.TextField(blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    n_characters = models.PositiveIntegerField(default=0)
    edits = models.JSONField(default=list, blank=True)
    placeholders = models.JSONField(default=list, blank=True)
    supersedes = models.OneToOneField(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="superseded_by"
    )
    cleared_at = models.DateTimeField()
    cleared_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    signed_revision = models.PositiveIntegerField()
    emptied_at = models.DateTimeField(null=True, blank=True)

    objects = VersionQuerySet.as_manager()

    class Meta:
        ordering = ("document", "number")
        constraints = (models.UniqueConstraint(fields=("document", "number"), name="version_number_once"),)

    def __str__(self) -> str:
        return f"Version {self.number}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        # Refusing is the invariant itself; emptying goes through the queryset, which says so by name.
        if not self._state.adding:
            raise TypeError("A version never changes: make the next one.")
        super().save(*args, **kwargs)


class Turn(models.Model):
    """One utterance of a version: half-open code points over its text, without the speaker's label. Gaps
    between turns are allowed."""

    version = models.ForeignKey(Version, on_delete=models.CASCADE, related_name="turns")
    ordinal = models.PositiveIntegerField()
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()
    label_start = models.PositiveIntegerField(null=True, blank=True)
    label_end = models.PositiveIntegerField(null=True, blank=True)
    speaker = models.ForeignKey(
        Speaker, on_delete=models.SET_NULL, null=True, blank=True, related_name="turns"
    )
    at_ms = models.PositiveBigIntegerField(null=True, blank=True)

    objects = TurnQuerySet.as_manager()

    class Meta:
        ordering = ("version", "ordinal")
        constraints = (
            models.UniqueConstraint(fields=("version", "ordinal"), name="turn_ordinal_once"),
            models.CheckConstraint(condition=Q(start__lte=F("end")), name="turn_forward"),
        )
        indexes = (models.Index(fields=("version", "start")),)

    def __str__(self) -> str:
        return f"Turn {self.ordinal}"
