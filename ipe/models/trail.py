"""Audit events and jobs."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q

from ipe.models.base import Record
from ipe.models.design import Evaluation
from ipe.scoped import Scoped


class AuditQuerySet(Scoped["AuditEvent"]):
    """An event tells no site, so only members for every site of a study read its trail."""

    verb = "audit.read"
    to_site = None

    def visible_to(self, user: settings.AUTH_USER_MODEL) -> "AuditQuerySet":  # type: ignore[name-defined]  # a setting, not a class
        from ipe import roles  # roles reads Member, whose queryset is a Scoped

        whole = [
            member.evaluation_id
            for member in roles.memberships(user)
            if member.all_sites and member.role in roles.VERBS[self.verb]
        ]
        return self.filter(evaluation__in=whole)

    def update(self, **fields: object) -> int:
        raise TypeError("the audit trail is append-only")

    def delete(self) -> tuple[int, dict[str, int]]:
        raise TypeError("the audit trail is append-only")


class AuditEvent(models.Model):
    """One thing that was done: ids, counts and field names, never content or names.

    Append-only and chained: `code` is the HMAC of this event and of the code of the one before (see `ipe.audit`).
    People and studies are kept as ids, not as foreign keys, so that removing either changes no event.
    """

    number = models.BigAutoField(primary_key=True)
    at = models.DateTimeField()
    actor_id = models.UUIDField(null=True)
    evaluation = models.ForeignKey(
        Evaluation, on_delete=models.DO_NOTHING, null=True, db_constraint=False, related_name="+"
    )
    action = models.CharField(max_length=80)
    subject_type = models.CharField(max_length=80)
    subject_id = models.CharField(max_length=64)
    counts = models.JSONField(default=dict)
    fields = models.JSONField(default=list)
    previous = models.CharField(max_length=64)
    code = models.CharField(max_length=64, unique=True)

    objects = AuditQuerySet.as_manager()

    class Meta:
        ordering = ("-number",)
        indexes = (models.Index(fields=["evaluation", "-number"]),)

    def __str__(self) -> str:
        return f"{self.number} {self.action}"

    def save(self, *args: Any, **options: Any) -> None:
        if not self._state.adding:
            raise TypeError("the audit trail is append-only")
        super().save(*args, **options)

    def delete(self, *args: Any, **options: Any) -> tuple[int, dict[str, int]]:
        raise TypeError("the audit trail is append-only")


class AuditHead(models.Model):
    """The last code of the chain. Its one row is locked by every writer, so that the chain has no fork."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    code = models.CharField(max_length=64)
    n_events = models.BigIntegerField(default=0)

    class Meta:
        constraints = (models.CheckConstraint(condition=Q(id=1), name="audit_chain_has_one_head"),)

    def __str__(self) -> str:
        return self.code


class JobQuerySet(Scoped["Job"]):
    verb = "design.read"
    to_site = None

    def visible_to(self, user: settings.AUTH_USER_MODEL) -> "JobQuerySet":  # type: ignore[name-defined]  # a setting, not a class
        """A job is seen by who asked for it, for as long as they are members: it may speak of rows others must not see."""
        from ipe import roles  # roles reads Member, whose queryset is a Scoped

        mine = [member.evaluation_id for member in roles.memberships(user)]
        return self.filter(Q(evaluation=None) | Q(evaluation__in=mine), asked_by=user)

    def due(self, now: object) -> "JobQuerySet":
        return self.filter(Q(state="waiting") | Q(state="running", lease_until__lt=now))


class Job(Record):
    """Long work, written in the transaction that asks for it. The row is the outbox; a queue only carries its id.

    A worker holds a job by lease. `attempts` counts the leases; after the last one the job fails.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    name = models.CharField(max_length=80)
    subject_id = models.UUIDField()
    evaluation = models.ForeignKey(Evaluation, on_delete=models.CASCADE, null=True, related_name="jobs")
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="jobs"
    )
    arguments = models.JSONField(default=dict)
    key = models.CharField(max_length=200, unique=True)
    state = models.CharField(max_length=12, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    lease_token = models.UUIDField(null=True, blank=True)
    cancel_asked = models.BooleanField(default=False)
    n_done = models.PositiveIntegerField(default=0)
    n_total = models.PositiveIntegerField(default=0)
    message = models.CharField(max_length=200, blank=True)
    result = models.JSONField(null=True, blank=True)
    error = models.TextField(blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        indexes = (models.Index(fields=["state", "lease_until"]),)

    def __str__(self) -> str:
        return f"{self.name} {self.pk}"

    @property
    def has_ended(self) -> bool:
        return self.state in {self.State.DONE, self.State.FAILED, self.State.CANCELLED}
