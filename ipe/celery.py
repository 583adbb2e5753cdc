"""Celery carries job ids between machines when BROKER_URL is set; the job rows stay what counts.

Started with ``celery -A ipe.celery worker`` and ``celery -A ipe.celery beat``. The settings are those under which a
killed worker loses nothing: late acknowledgement, rejection when a worker is lost, and for Redis a short interval for
giving back unacknowledged messages and a visibility time-out above the hard time limit.
"""

import os
import uuid

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ipe.settings")

from django.conf import settings

HARD_LIMIT_SECONDS = 3600

app = Celery("ipe", broker=settings.BROKER_URL or None)
app.conf.update(
    accept_content=["json"],
    task_serializer="json",
    task_ignore_result=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_time_limit=HARD_LIMIT_SECONDS,
    worker_prefetch_multiplier=1,
    broker_connection_retry_on_startup=True,
    broker_transport_options={
        "visibility_timeout": HARD_LIMIT_SECONDS * 2,
        "unacked_restore_interval": 2,
        "unacked_restore_throttle": 1,
        "socket_timeout": 5,
    }
    if settings.BROKER_URL.startswith("redis")
    else {},
    task_publish_retry=False,
    beat_schedule={"sweep": {"task": "ipe.sweep", "schedule": 30.0}},
)


@app.on_after_finalize.connect  # type: ignore[untyped-decorator]
def prepare(sender: Celery, **kwargs: object) -> None:
    import django  # a worker process sets the applications up before it reads their tasks

    django.setup()
    from django.core import checks

    from ipe import jobs

    # Only Django's own commands run these. Celery's signals swallow every exception but this one.
    if serious := [one.msg for one in checks.run_checks(tags=["ipe"]) if one.is_serious()]:
        raise SystemExit(" ".join(serious))
    jobs.load_tasks()


@app.task(name="ipe.run_job")  # type: ignore[untyped-decorator]
def run_job(job_id: str) -> None:
    from ipe import jobs

    jobs.run(uuid.UUID(job_id))


@app.task(name="ipe.sweep")  # type: ignore[untyped-decorator]
def sweep() -> None:
    from ipe import jobs, vault

    jobs.sweep()
    vault.carry_out_destructions()
    vault.sweep_files()
