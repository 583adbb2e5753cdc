"""Celery over Redis and over RabbitMQ: the broker carries ids, the rows of the jobs are what counts.

The broker is cut off and the worker killed; each job ends once all the same.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest

from tests.conftest import required
from tests.faults.conftest import Planted
from tests.faults.forwarder import Forwarder
from tests.faults.installation import wait_for
from tests.faults.test_killed_worker import Imports

# On PostgreSQL: a worker beside others claims its jobs by the locks of rows.
pytestmark = [pytest.mark.real_clock, pytest.mark.once, pytest.mark.postgres]

REDIS = os.environ.get("TEST_REDIS_URL") or "redis://127.0.0.1:6379/9"
RABBITMQ = os.environ.get("TEST_RABBITMQ_URL") or "amqp://guest:guest@127.0.0.1:5672//"


@contextlib.contextmanager
def empty_redis(url: str) -> Iterator[str]:
    """A numbered database that is this test's alone: the one that the tests were given, or an empty one beside it."""
    import redis

    parts = urlsplit(url)
    given = int(parts.path.strip("/") or 0)
    for number in (given, *range(1, 16)):
        place = urlunsplit((*parts[:2], f"/{number}", *parts[3:]))
        with redis.Redis.from_url(place, socket_connect_timeout=2) as client:
            try:
                is_free = number == given or not client.dbsize()
                if not is_free or not client.set("held by a test", 1, nx=True, ex=600):
                    continue
            except redis.exceptions.ConnectionError:
                required("redis", f"no Redis answers at {url}")
            client.delete(*(set(client.keys()) - {b"held by a test"}) or {b"nothing"})
            try:
                yield place
            finally:
                client.flushdb()
            return
    pytest.fail("every numbered database of the Redis of the tests is in use")


@contextlib.contextmanager
def empty_rabbitmq(url: str) -> Iterator[str]:
    """The one queue that there is, emptied, and nobody else's of those who ask here while it is held."""
    import amqp
    import kombu

    with kombu.Connection(url, connect_timeout=2) as line:
        try:
            line.ensure_connection(max_retries=1)
        except kombu.exceptions.OperationalError:
            required("rabbitmq", "no RabbitMQ answers at the address of the tests")

        def is_held() -> bool:
            try:
                line.channel().queue_declare("held by a test", exclusive=True)
            except amqp.exceptions.ResourceLocked:
                return False
            return True

        wait_for("another run lets go of RabbitMQ", is_held, seconds=300, pause=1)
        queue = line.SimpleQueue("celery", queue_opts={"durable": True}).queue
        queue.delete()
        try:
            yield url
        finally:
            queue.delete()


@pytest.fixture(
    params=[
        pytest.param((REDIS, empty_redis), id="redis", marks=pytest.mark.redis),
        pytest.param((RABBITMQ, empty_rabbitmq), id="rabbitmq", marks=pytest.mark.rabbitmq),
    ]
)
def broker(request: pytest.FixtureRequest) -> Iterator[tuple[str, Forwarder]]:
    """An empty broker that can be cut off: the address to use, and what cuts it off."""
    url, empty = request.param
    with empty(url) as place:
        parts = urlsplit(place)
        before = Forwarder(parts.hostname or "127.0.0.1", parts.port or 0)
        account = parts.netloc.rpartition("@")[0]
        near = f"{account}@127.0.0.1:{before.port}" if account else f"127.0.0.1:{before.port}"
        before.start()
        try:
            yield urlunsplit((parts.scheme, near, *parts[2:])), before
        finally:
            before.stop()


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
