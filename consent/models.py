"""People known by a pseudonym, what they agreed to, and what became of it when they withdrew."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from consent import querysets
from consent.states import (
    AgeBand,
    Answer,
    Audience,
    ConsentState,
    ItemCode,
    Kind,
    Mode,
    ProcessError,
    Reason,
    Recruitment,
    Scope,
    Signatory,
    Status,
    TakenAt,
)
from ipe.models import Evaluation, Job, Phase, Record, Site, Team, User, Wave
from ipe.words import Group


class PseudonymSeries(models.Model):
    """The last number given in a study. Kept apart from the people, so that no code is ever given twice."""

    evaluation = models.OneToOneField(
        Evaluation, on_delete=models.CASCADE, primary_key=True, related_name="+"
    )
    last_number = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return str(self.last_number)


class Family(Record):
    """People who belong together, such as a parent and a child; named by a code only."""

    evaluation = models.ForeignKey(Evaluation, on_delete=models.CASCADE, related_name="families")
    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="families")
    code = models.CharField(max_length=20)

    objects = querysets.FamilyQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "families"
        ordering = ("code",)
        constraints = (
            models.UniqueConstraint(
                fields=["evaluation", "code"],
                name="family_code_once_per_study",
                violation_error_message="Another family of this study has this code.",
            ),
        )

    def __str__(self) -> str:
        return self.code


class Participant(Record):
    """A person in a study, known here only by a code.

    Names and contact details stand in `Contact`, sealed under the person's own key. `recruitment` moves only
    along `states.RECRUITMENT_MOVES` (see `recruiting`). An erased person remains as an empty row: code, site
    and status.
    """

    evaluation = models.ForeignKey(Evaluation, on_delete=models.CASCADE, related_name="participants")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="participants")
    code = models.CharField(max_length=20)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    age_band = models.CharField(max_length=10, choices=AgeBand.choices, default=AgeBand.ADULT)
    recruitment = models.CharField(max_length=20, choices=Recruitment.choices, default=Recruitment.LISTED)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.ACTIVE)
    family = models.ForeignKey(
        Family, on_delete=models.SET_NULL, null=True, blank=True, related_name="people"
    )

    objects = querysets.ParticipantQuerySet.as_manager()

    class Meta:
        ordering = ("code",)
        indexes = (models.Index(fields=["evaluation", "site", "recruitment"]),)
        constraints = (
            models.UniqueConstraint(
                fields=["evaluation", "code"],
                name="participant_code_once_per_study",
                violation_error_message="Another person in this study has this code.",
            ),
            models.CheckConstraint(
                condition=Q(recruitment__in=Recruitment.values),
                name="participant_recruitment_is_known",
                violation_error_message="Choose one of the recruitment states.",
            ),
            models.CheckConstraint(
                condition=Q(status__in=Status.values),
                name="participant_status_is_known",
                violation_error_message="Choose one of the states.",
            ),
            models.CheckConstraint(
                condition=Q(kind=Kind.FAMILY) | Q(age_band=AgeBand.ADULT),
                name="staff_are_adults",
                violation_error_message="Members of staff are 18 or over.",
            ),
        )

    def __str__(self) -> str:
        return self.code

    @property
    def needs_adult_consent(self) -> bool:
        """Under 16: an adult responsible consents and the child assents (CN-09)."""
        return self.age_band == AgeBand.CHILD

    @property
    def is_active(self) -> bool:
        return self.status == Status.ACTIVE

    @property
    def is_erased(self) -> bool:
        return self.status == Status.ERASED


SEALED_FIELDS = ("name", "phone", "email", "address", "safe_note", "preference")


class Contact(Record):
    """How to reach a person. Every field is sealed under the person's key; the two indexes find exact
    doubles.

    Read and written by `consent.contact` only.
    """

    participant = models.OneToOneField(Participant, on_delete=models.CASCADE, related_name="contact")
    name_sealed = models.BinaryField(default=b"")
    phone_sealed = models.BinaryField(default=b"")
    email_sealed = models.BinaryField(default=b"")
    address_sealed = models.BinaryField(default=b"")
    safe_note_sealed = models.BinaryField(default=b"")
    preference_sealed = models.BinaryField(default=b"")
    email_index = models.BinaryField(max_length=64, default=b"", db_index=True)
    phone_index = models.BinaryField(max_length=64, default=b"", db_index=True)

    objects = querysets.ContactQuerySet.as_manager()

    def __str__(self) -> str:
        return f"contact {self.pk}"

    def where(self, field: str) -> str:
        """What the sealed bytes are bound to, so that they cannot be moved to another row or column."""
        return f"consent_contact.{field}:{self.pk}"

    def sealed(self, field: str) -> bytes:
        return bytes(getattr(self, f"{field}_sealed"))


class Membership(Record):
    """What a person is in one wave: their group, role and teams, which may differ in the next."""

    participant = models.ForeignKey(Participant, on_delete=models.CASCADE, related_name="memberships")
    wave = models.ForeignKey(Wave, on_delete=models.PROTECT, related_name="memberships")
    group = models.CharField(max_length=40, choices=Group.choices)
    role_title = models.CharField(max_length=120, blank=True)
    teams = models.ManyToManyField(Team, blank=True, related_name="memberships")

    objects = querysets.MembershipQuerySet.as_manager()

    class Meta:
        ordering = ("wave__phase__order",)
        constraints = (
            models.UniqueConstraint(
                fields=["participant", "wave"],
                name="membership_once_per_wave",
                violation_error_message="This person already has a role in this wave.",
            ),
        )

    def __str__(self) -> str:
        return f"{self.get_group_display()} {self.pk}"


class RosterDraft(Record):
    """A pasted or uploaded list between its preview and its confirmation.

    Sealed under a key of its own (`participant_scope(draft id)`), destroyed as soon as the list is imported
    or dropped.
    """

    evaluation = models.ForeignKey(Evaluation, on_delete=models.CASCADE, related_name="+")
    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+")
    wave = models.ForeignKey(Wave, on_delete=models.CASCADE, related_name="+", null=True, blank=True)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    group = models.CharField(max_length=40, choices=Group.choices, blank=True)
    recruitment = models.CharField(max_length=20, choices=Recruitment.choices, default=Recruitment.LISTED)
    rows_sealed = models.BinaryField(default=b"")
    made_by = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")

    objects = querysets.RosterDraftQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return f"list {self.pk}"

    @property
    def where(self) -> str:
        return f"consent_rosterdraft.rows:{self.pk}"


class ConsentForm(Record):
    """A consent form of the study, for one audience; its wording stands in its versions."""

    evaluation = models.ForeignKey(Evaluation, on_delete=models.CASCADE, related_name="consent_forms")
    code = models.SlugField(max_length=40)
    title = models.CharField(max_length=120)
    audience = models.CharField(max_length=20, choices=Audience.choices)

    objects = querysets.FormQuerySet.as_manager()

    class Meta:
        ordering = ("title",)
        constraints = (
            models.UniqueConstraint(
                fields=["evaluation", "code"],
                name="consent_form_code_once_per_study",
                violation_error_message="Another consent form of this study has this code.",
            ),
        )

    def __str__(self) -> str:
        return self.title


class FormVersion(Record):
    """One wording of a form. From the first answer on (`frozen_at`) neither text nor items change (CN-01)."""

    form = models.ForeignKey(ConsentForm, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveSmallIntegerField()
    text = models.TextField()
    is_live = models.BooleanField(default=False)
    requires_reconsent = models.BooleanField(
        "people who signed an earlier version are asked again", default=False
    )
    published_at = models.DateTimeField(null=True, blank=True)
    frozen_at = models.DateTimeField(null=True, blank=True)

    objects = querysets.FormVersionQuerySet.as_manager()

    class Meta:
        ordering = ("form__title", "-number")
        constraints = (
            models.UniqueConstraint(
                fields=["form", "number"],
                name="form_version_number_once",
                violation_error_message="This form already has a version with this number.",
            ),
            models.UniqueConstraint(
                fields=["form"],
                condition=Q(is_live=True),
                name="form_has_one_live_version",
                violation_error_message="Only one version of a form can be in use.",
            ),
        )

    def __str__(self) -> str:
        return f"{self.form.title}, version {self.number}"

    @property
    def is_frozen(self) -> bool:
        return self.frozen_at is not None


class ConsentItem(Record):
    """One question of a form version, answered yes or no by itself (CN-03)."""

    version = models.ForeignKey(FormVersion, on_delete=models.CASCADE, related_name="items")
    code = models.CharField(max_length=20, choices=ItemCode.choices)
    wording = models.CharField(max_length=400)
    order = models.PositiveSmallIntegerField(default=0)

    objects = querysets.ConsentItemQuerySet.as_manager()

    class Meta:
        ordering = ("order",)
        constraints = (
            models.UniqueConstraint(
                fields=["version", "code"],
                name="consent_item_once_per_version",
                violation_error_message="Each item can be asked once in a version.",
            ),
            models.CheckConstraint(
                condition=Q(code__in=ItemCode.values),
                name="consent_item_is_known",
                violation_error_message="Choose one of the items.",
            ),
        )

    def __str__(self) -> str:
        return str(self.get_code_display())


class Consent(Record):
    """One form as one person answered it, kept as signed: answers never change, a later form replaces them.

    `snapshot_hash` is the sha256 of the wording, items and answers as they stood (`signing.snapshot`).
    """

    participant = models.ForeignKey(Participant, on_delete=models.CASCADE, related_name="consents")
    version = models.ForeignKey(FormVersion, on_delete=models.PROTECT, related_name="consents")
    signatory = models.CharField(max_length=20, choices=Signatory.choices, default=Signatory.OWN)
    mode = models.CharField(max_length=20, choices=Mode.choices)
    taken_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    taken_where = models.CharField(max_length=20, choices=TakenAt.choices)
    taken_at = models.DateTimeField()
    phases = models.ManyToManyField(Phase, related_name="+")
    snapshot_hash = models.CharField(max_length=64)
    state = models.CharField(max_length=20, choices=ConsentState.choices)
    process_error = models.CharField(max_length=20, choices=ProcessError.choices, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    replaced_by = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="replaces"
    )

    objects = querysets.ConsentQuerySet.as_manager()

    class Meta:
        ordering = ("-taken_at", "-created_at")
        indexes = (models.Index(fields=["participant", "state"]),)
        constraints = (
            models.CheckConstraint(
                condition=Q(state__in=ConsentState.values),
                name="consent_state_is_known",
                violation_error_message="Choose one of the states of a consent.",
            ),
            models.CheckConstraint(
                condition=Q(state=ConsentState.PROCESS_ERROR, process_error__in=ProcessError.values)
                | (~Q(state=ConsentState.PROCESS_ERROR) & Q(process_error="")),
                name="process_error_has_its_reason",
                violation_error_message="Setting a consent aside needs its reason.",
            ),
        )

    def __str__(self) -> str:
        return f"consent {self.pk}"


class ConsentAnswer(models.Model):
    """The answer to one item. "Not asked" is an answer of its own and never a yes."""

    consent = models.ForeignKey(Consent, on_delete=models.CASCADE, related_name="answers")
    item = models.ForeignKey(ConsentItem, on_delete=models.PROTECT, related_name="answers")
    answer = models.CharField(max_length=10, choices=Answer.choices)

    objects = querysets.ConsentAnswerQuerySet.as_manager()

    class Meta:
        ordering = ("item__order",)
        constraints = (
            models.UniqueConstraint(
                fields=["consent", "item"],
                name="one_answer_per_item",
                violation_error_message="This item is already answered.",
            ),
            models.CheckConstraint(
                condition=Q(answer__in=Answer.values),
                name="consent_answer_is_known",
                violation_error_message="Answer yes or no.",
            ),
        )

    def __str__(self) -> str:
        return f"{self.answer} {self.pk}"


class Withdrawal(Record):
    """The receipt of a withdrawal: ids, counts, times, who, and a reason from a closed list (CN-19).

    It is pending until every job that the rooms wrote for it is done: jobs whose subject is the participant,
    no older than the withdrawal.
    """

    participant = models.ForeignKey(Participant, on_delete=models.CASCADE, related_name="withdrawals")
    scope = models.CharField(max_length=10, choices=Scope.choices)
    reason = models.CharField(max_length=20, choices=Reason.choices, default=Reason.NOT_GIVEN)
    cut_off_on = models.DateField(null=True, blank=True)
    is_after_cut_off = models.BooleanField(default=False)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    counts = models.JSONField(default=list, blank=True)

    objects = querysets.WithdrawalQuerySet.as_manager()

    class Meta:
        ordering = ("-at",)
        constraints = (
            models.UniqueConstraint(
                fields=["participant", "scope"],
                name="one_withdrawal_per_scope",
                violation_error_message="This withdrawal is already recorded.",
            ),
        )

    def __str__(self) -> str:
        return f"withdrawal {self.pk}"

    def jobs(self) -> models.QuerySet[Job]:
        return Job.objects.filter(subject_id=self.participant_id, created_at__gte=self.at)

    @property
    def is_pending(self) -> bool:
        return querysets.still_open(self.jobs()).exists()

    @property
    def has_stopped(self) -> bool:
        """Whether something is still to be done and no job is left that does it: only asking again takes it
        up."""
        left = querysets.still_open(self.jobs())
        return left.exists() and not left.filter(ended_at=None).exists()


class DeletionLedger(models.Model):
    """What was erased, as ids only, written in the erasing transaction and replayed after a restore (CN-21).

    No foreign keys: a restored database may hold the person again, or not at all. Append-only.
    """

    number = models.BigAutoField(primary_key=True)
    evaluation_id = models.UUIDField()
    participant_id = models.UUIDField()
    withdrawal_id = models.UUIDField(unique=True)
    scope = models.CharField(max_length=10, choices=Scope.choices)
    reason = models.CharField(max_length=20, choices=Reason.choices)
    by_id = models.UUIDField()
    at = models.DateTimeField()

    class Meta:
        ordering = ("number",)

    FIELDS: ClassVar[tuple[str, ...]] = (
        "evaluation_id",
        "participant_id",
        "withdrawal_id",
        "scope",
        "reason",
        "by_id",
        "at",
    )

    def __str__(self) -> str:
        return f"{self.number}"

    def as_record(self) -> dict[str, Any]:
        return {name: str(getattr(self, name)) for name in self.FIELDS}
