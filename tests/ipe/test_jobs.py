import datetime as dt

import pytest
from django.utils import timezone

from ipe import jobs
from ipe.errors import Invalid, NotFound
from ipe.models import Job, Phase


@pytest.fixture(autouse=True)
def tasks():
    jobs._tasks.update({"test.write": write, "test.refuse": refuse, "test.crash": crash, "test.steps": steps})
    yield
    for name in [name for name in jobs._tasks if name.startswith("test.")]:
        del jobs._tasks[name]


def write(job):
    job.result = {"n_rows": 1}
    with job.completes():
        Phase.objects.filter(pk=job.subject_id).update(name="written")


def refuse(job):
    raise Invalid("The file has no rows.")


def crash(job):
    with job.completes():
        Phase.objects.filter(pk=job.subject_id).update(name="half")
        raise RuntimeError("secret content")


def steps(job):
    job.progress(1, 2, "half way")
    write(job)


@pytest.fixture
def phase(study):
    return study.phases.first()


def test_enqueue_with_the_same_key_writes_once(phase, study, lead):
    first = jobs.enqueue("test.write", phase, by=lead, evaluation=study, key="once")
    assert jobs.enqueue("test.write", phase, by=lead, evaluation=study, key="once") == first


def test_run_writes_result_and_state_together(phase, study, lead):
    job = jobs.enqueue("test.write", phase, by=lead, evaluation=study)
    assert jobs.run(job.pk)
    job.refresh_from_db()
    phase.refresh_from_db()
    assert (job.state, job.result, phase.name) == ("done", {"n_rows": 1}, "written")
    assert not jobs.run(job.pk)


def test_domain_error_is_told_in_its_words(phase, study, lead):
    job = jobs.enqueue("test.refuse", phase, by=lead, evaluation=study)
    jobs.run_waiting()
    job.refresh_from_db()
    assert (job.state, job.error) == ("failed", "The file has no rows.")


def test_crash_writes_nothing_and_tells_nothing(phase, study, lead, caplog):
    job = jobs.enqueue("test.crash", phase, by=lead, evaluation=study)
    jobs.run_waiting()
    job.refresh_from_db()
    phase.refresh_from_db()
    assert (job.state, job.error, phase.name) == ("failed", jobs.UNEXPECTED, "Pre")
    assert "secret" not in caplog.text


def test_abandoned_job_is_taken_over_after_its_lease(phase, study, lead, clock):
    job = jobs.enqueue("test.write", phase, by=lead, evaluation=study)
    assert jobs.claim().pk == job.pk
    assert jobs.claim() is None
    clock.shift(dt.timedelta(seconds=jobs.LEASE_SECONDS + 1))
    assert jobs.run(job.pk)
    job.refresh_from_db()
    assert (job.state, job.attempts) == ("done", 2)


def test_worker_that_lost_its_lease_writes_nothing(phase, study, lead, clock):
    jobs.enqueue("test.write", phase, by=lead, evaluation=study)
    slow = jobs.claim()
    clock.shift(dt.timedelta(seconds=jobs.LEASE_SECONDS + 1))
    assert jobs.claim() is not None
    jobs.work(slow)
    phase.refresh_from_db()
    assert phase.name == "Pre"


def test_job_that_never_finishes_ends_after_the_last_attempt(phase, study, lead, clock):
    job = jobs.enqueue("test.write", phase, by=lead, evaluation=study)
    for _ in range(jobs.MAX_ATTEMPTS):
        assert jobs.claim() is not None
        clock.shift(dt.timedelta(seconds=jobs.LEASE_SECONDS + 1))
    assert jobs.claim() is None
    job.refresh_from_db()
    assert job.state == "failed"


def test_jobs_that_are_used_up_do_not_stand_before_one_that_is_not(phase, study, lead):
    for _ in range(6):
        jobs.enqueue("test.write", phase, by=lead, evaluation=study)
    Job.objects.update(attempts=jobs.MAX_ATTEMPTS)
    fresh = jobs.enqueue("test.write", phase, by=lead, evaluation=study)
    assert jobs.claim().pk == fresh.pk
    assert Job.objects.filter(state="failed").count() == 6


def test_cancel_waiting_and_running(phase, study, lead, writer):
    waiting = jobs.enqueue("test.steps", phase, by=lead, evaluation=study)
    with pytest.raises(NotFound):
        jobs.cancel(waiting, by=writer)
    assert jobs.cancel(waiting, by=lead).state == "cancelled"
    running = jobs.enqueue("test.steps", phase, by=lead, evaluation=study)
    row = jobs.claim()
    jobs.cancel(running, by=lead)
    jobs.work(row)
    running.refresh_from_db()
    phase.refresh_from_db()
    assert (running.state, phase.name) == ("cancelled", "Pre")


def test_progress_prolongs_the_lease(phase, study, lead, clock):
    jobs.enqueue("test.steps", phase, by=lead, evaluation=study)
    running = jobs.Running(jobs.claim())
    clock.shift(dt.timedelta(seconds=jobs.LEASE_SECONDS - 5))
    running.progress(1, 3, "reading")
    row = Job.objects.get(pk=running.id)
    assert row.lease_until > timezone.now() + dt.timedelta(seconds=jobs.LEASE_SECONDS - 5)
    assert (row.n_done, row.n_total, row.message) == (1, 3, "reading")
