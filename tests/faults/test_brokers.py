"""Celery over Redis and over RabbitMQ: the broker carries ids, the rows of the jobs are what counts.

The broker is cut off and the worker killed; each job ends once all the same.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest

from tests.conftest import required
from tests.faults.conftest import Planted
from tests.faults.forwarder import Forwarder
from tests.faults.installation import wait_for
from tests.faults.test_killed_worker import Imports
from tests.servers.programs import Unavailable
from tests.servers.running import Servers

# On PostgreSQL: a worker beside others claims its jobs by the locks of rows.
pytestmark = [pytest.mark.real_clock, pytest.mark.once, pytest.mark.postgres]


@pytest.fixture(
    params=[pytest.param(kind, marks=getattr(pytest.mark, kind)) for kind in ("redis", "rabbitmq")]
)
def broker(request: pytest.FixtureRequest, faults_dir: Path) -> Iterator[tuple[str, Forwarder]]:
    """A broker of the test's own that can be cut off: the address to use, and what cuts it off."""
    kind, servers = request.param, Servers(Path(tempfile.mkdtemp(prefix="broker-", dir=faults_dir)))
    try:
        with servers.alone():
            try:
                url, _ = servers.start(kind)
            except Unavailable as reason:
                required(kind, str(reason))
        parts = urlsplit(url)
        before = Forwarder("127.0.0.1", parts.port or 0)
        account = parts.netloc.rpartition("@")[0]
        near = f"{account}@127.0.0.1:{before.port}" if account else f"127.0.0.1:{before.port}"
        before.start()
        try:
            yield urlunsplit((parts.scheme, near, *parts[2:])), before
        finally:
            before.stop()
    finally:
        servers.remove()


class OverBroker(Imports):
    def sweep(self) -> None:
        """What the beat sends every half minute."""
        self.planted.ask("from ipe.celery import sweep; sweep.delay()")

    def make_old(self, job: str) -> None:
        """Stands for a minute of waiting: the lease is over, and the job was asked for long ago."""
        self.planted.ask(
            "import datetime as dt\nfrom django.utils import timezone\nfrom ipe.models import Job\n"
            "past = timezone.now() - dt.timedelta(minutes=5)\n"
            f"Job.objects.filter(pk={job!r}).update(created_at=past)\n"
            f"Job.objects.filter(pk={job!r}, state='running').update(lease_until=past)"
        )

    def state(self, job: str) -> str:
        state: str = self.planted.ask(
            f"from ipe.models import Job; answer = Job.objects.get(pk={job!r}).state"
        )
        return state

    def confirm_on_the_page(self, visitor: Any) -> str:
        """As `confirm`, by the request that a person sends."""
        answer = visitor.post(f"/s/kestrel/surveys/files/{self.opened}/preview/", {})
        assert answer.status == 302, answer.text
        job: str = self.planted.ask(
            f"from surveys.models import Intake; answer = str(Intake.objects.get(pk={self.opened!r}).job_id)"
        )
        return job


@pytest.mark.slow(lands=True)
def test_every_job_ends_once_whatever_becomes_of_the_broker_and_the_worker(
    planted: Planted, broker: tuple[str, Forwarder]
) -> None:
    url, line = broker
    planted.here.settings["BROKER_URL"] = url
    planted.here.start_web()
    imports = OverBroker(planted)
    imports.open_next()
    visitor = planted.visitor("fieldwork_lead")

    # The broker is down while somebody asks for work: they are told nothing of it, and the sweep sends it later.
    line.stop()
    began = time.monotonic()
    first = imports.confirm_on_the_page(visitor)
    assert time.monotonic() - began < 10
    assert imports.state(first) == "waiting"
    assert "not published" in planted.here.log("web")
    line.start()
    planted.here.start_celery()
    wait_for("the worker is ready", lambda: " ready." in planted.here.log("celery"), seconds=60)
    assert imports.state(first) == "waiting"
    imports.make_old(first)
    imports.sweep()
    imports.await_end(first)
    imports.check_whole(first, attempts={1})

    # The usual way: sent at the commit, run once, and a second message about it does nothing.
    imports.open_next()
    second = imports.confirm()
    imports.await_end(second)
    planted.ask(f"from ipe.celery import run_job; run_job.delay({second!r})")
    imports.check_whole(second, attempts={1})

    # The worker is killed while it writes; the next one is told by the sweep when the lease is over.
    imports.open_next()
    third = imports.confirm()
    imports.await_writing(third)
    planted.here.kill("celery")
    left = imports.stored(third)
    assert (left["job"], left["n_responses"]) == ("running", 0), left
    imports.make_old(third)
    planted.here.start_celery("celery again")
    imports.sweep()
    imports.await_end(third)
    imports.check_whole(third, attempts={2})
    log = planted.here.log("celery") + planted.here.log("celery again")
    assert "Traceback" not in log, log[-3000:]
