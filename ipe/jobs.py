"""Long work as jobs: rows that are their own outbox, run under a lease, ended exactly once.

A task registered with `@task` gets its `Running` handle. It reads and computes outside any transaction, then does all
its writing inside ``with job.completes():``, which checks that the lease is still held and marks the job done in the
same transaction: killed before the commit nothing was written and another worker takes over; after it, the job is done.
"""

from __future__ import annotations

import datetime as dt
import importlib
import logging
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import models, transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.module_loading import module_has_submodule

from ipe.errors import DomainError, NotFound
from ipe.models import Evaluation, Job, User

log = logging.getLogger("ipe.jobs")

LEASE_SECONDS = 60
MAX_ATTEMPTS = 5
UNEXPECTED = "Something went wrong on our side; nothing was written. It was logged and can be tried again."

_tasks: dict[str, Callable[[Running], None]] = {}


class Cancelled(Exception):
    """Somebody asked the job to stop."""


class LeaseLost(Exception):
    """Another worker holds the job now; this one must write nothing."""


def task(name: str) -> Callable[[Callable[[Running], None]], Callable[[Running], None]]:
    """Register a function as the work of the jobs of one name."""

    def registered(function: Callable[[Running], None]) -> Callable[[Running], None]:
        _tasks[name] = function
        return function

    return registered


def load_tasks() -> None:
    """Import every room's `tasks` module, so that its tasks are registered."""
    for app in apps.get_app_configs():
        if app.module is not None and module_has_submodule(app.module, "tasks"):
            importlib.import_module(f"{app.name}.tasks")


def enqueue(
    name: str,
    subject: models.Model,
    *,
    by: User | None,
    evaluation: Evaluation | None,
    key: str | None = None,
    arguments: dict[str, Any] | None = None,
) -> Job:
    """Write the job in the caller's transaction. `arguments` hold ids and plain choices, nothing personal.

    With the same `key` the job is written once; the second call returns the first job.
    """
    job, made = Job.objects.get_or_create(
        key=key or f"{name}:{uuid.uuid4()}",
        defaults={
            "name": name,
            "subject_id": subject.pk,
            "evaluation": evaluation,
            "asked_by": by,
            "arguments": arguments or {},
        },
    )
    if made and settings.BROKER_URL:
        transaction.on_commit(lambda: _publish(job.pk))
    return job


def _publish(job_id: uuid.UUID) -> None:
    """Tell the broker. When that fails the beat's sweep sends the job again: the row is what counts."""
    from ipe.celery import run_job  # the broker is optional; without it Celery is not loaded

    try:
        run_job.delay(str(job_id))
    except Exception as error:  # any transport error: the row is safe and the sweep repeats
        log.warning("job %s not published: %s", job_id, type(error).__name__)


class Running:
    """A job while a worker holds its lease."""

    def __init__(self, row: Job) -> None:
        self.row = row
        self.id = row.pk
        self.subject_id = row.subject_id
        self.evaluation = row.evaluation
        self.by = row.asked_by
        self.arguments: dict[str, Any] = row.arguments
        self.result: dict[str, Any] | None = None
        self.is_completed = False

    def _mine(self) -> models.QuerySet[Job]:
        return Job.objects.filter(pk=self.id, state=Job.State.RUNNING, lease_token=self.row.lease_token)

    def progress(self, n_done: int, n_total: int, message: str = "") -> None:
        """Tell how far the work is and prolong the lease.

        Raises
            Cancelled: Somebody asked the job to stop.
            LeaseLost: Another worker took over.
        """
        lease_until = timezone.now() + dt.timedelta(seconds=LEASE_SECONDS)
        held = self._mine().update(
            n_done=n_done, n_total=n_total, message=message[:200], lease_until=lease_until
        )
        if not held:
            raise LeaseLost
        if Job.objects.filter(pk=self.id, cancel_asked=True).exists():
            raise Cancelled

    @contextmanager
    def completes(self) -> Iterator[None]:
        """The one transaction in which the job writes what it made and is marked done."""
        with transaction.atomic():
            held = self._mine().select_for_update().first()
            if held is None:
                raise LeaseLost
            if held.cancel_asked:
                raise Cancelled
            yield
            self._mine().update(
                state=Job.State.DONE,
                result=self.result,
                ended_at=timezone.now(),
                lease_until=None,
                n_done=F("n_total"),
                message="",
            )
        self.is_completed = True


def claim(job_id: uuid.UUID | None = None) -> Job | None:
    """Take the lease of one job that is due: the oldest, or the one named when it is due."""
    now = timezone.now()
    due = Job.objects.due(now).order_by("created_at")
    if job_id is not None:
        due = due.filter(pk=job_id)
    for exhausted in due.filter(attempts__gte=MAX_ATTEMPTS):
        _end(exhausted, Job.State.FAILED, f"Stopped after {MAX_ATTEMPTS} attempts; nothing was written.")
    for candidate in due.filter(attempts__lt=MAX_ATTEMPTS)[:5]:
        taken = (
            Job.objects.due(now)
            .filter(pk=candidate.pk, attempts=candidate.attempts)
            .update(
                state=Job.State.RUNNING,
                attempts=F("attempts") + 1,
                lease_token=uuid.uuid4(),
                lease_until=now + dt.timedelta(seconds=LEASE_SECONDS),
                started_at=now,
            )
        )
        if taken:
            return Job.objects.select_related("evaluation", "asked_by").get(pk=candidate.pk)
    return None


def _end(row: Job, state: Job.State, error: str = "") -> None:
    still_mine = Q(state=Job.State.WAITING) | Q(state=Job.State.RUNNING, lease_token=row.lease_token)
    Job.objects.filter(still_mine, pk=row.pk).update(
        state=state, error=error, ended_at=timezone.now(), lease_until=None
    )


def work(row: Job) -> None:
    """Run a claimed job to its end. A DomainError is told to the person; anything else is logged without content."""
    running = Running(row)
    try:
        if row.cancel_asked:
            raise Cancelled
        _tasks[row.name](running)
        if not running.is_completed:
            with running.completes():
                pass
    except Cancelled:
        _end(row, Job.State.CANCELLED)
    except LeaseLost:
        log.warning("job %s: lease lost, nothing written", row.pk)
    except DomainError as error:
        _end(row, Job.State.FAILED, error.message)
    except Exception as error:
        log.error("job %s failed: %s", row.pk, type(error).__name__)
        _end(row, Job.State.FAILED, UNEXPECTED)
        if settings.DEBUG:
            log.exception("job %s", row.pk)


def run(job_id: uuid.UUID) -> bool:
    """Claim and work one job by id; False when it is not due (done, or held by another worker)."""
    row = claim(job_id)
    if row is None:
        return False
    work(row)
    return True


def run_waiting(limit: int = 100) -> int:
    """Work what is due now, oldest first; returns how many jobs were worked."""
    for n_worked in range(limit):
        row = claim()
        if row is None:
            return n_worked
        work(row)
    return limit


def cancel(job: Job, *, by: User) -> Job:
    """Ask a job to stop: at once when it is waiting, at its next progress report when it runs.

    Raises
        NotFound: The job is not this person's.
    """
    if job.asked_by_id != by.pk:
        raise NotFound("There is no such job.")
    with transaction.atomic():
        held = Job.objects.select_for_update().get(pk=job.pk)
        if held.state == Job.State.WAITING:
            held.state, held.ended_at = Job.State.CANCELLED, timezone.now()
        held.cancel_asked = not held.has_ended or held.state == Job.State.CANCELLED
        held.save(update_fields=["state", "ended_at", "cancel_asked"])
    return held


def sweep() -> int:
    """With a broker: send again what is due and was never picked up. Returns how many were sent."""
    late = timezone.now() - dt.timedelta(seconds=LEASE_SECONDS)
    ids = list(
        Job.objects.due(timezone.now())
        .filter(Q(state=Job.State.RUNNING) | Q(created_at__lt=late))
        .values_list("pk", flat=True)[:500]
    )
    for job_id in ids:
        _publish(job_id)
    return len(ids)
