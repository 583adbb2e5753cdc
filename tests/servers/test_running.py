"""Real servers in a folder of the test's own, started and stopped as a person and as `.ci/run` do it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import kombu
import psycopg
import pytest
import redis

from tests.conftest import required
from tests.servers import programs
from tests.servers.answering import answers, place
from tests.servers.processes import wait_for
from tests.servers.recipes import VARIABLES
from tests.servers.running import Running, are_free, free_ports

pytestmark = [pytest.mark.real_clock, pytest.mark.once]
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder for servers, of which none is left when the test ends; pytest's own is closed to the servers' users."""
    here = tmp_path / "servers"
    yield here
    command(here, "remove")
    assert not os.path.lexists(here)


def needed(*kinds: str) -> None:
    for kind in programs.missing(kinds):
        required(kind, f"the programs of {programs.NAMES[kind]} are not installed: see “make services”")


def command(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    run = [sys.executable, "-m", "tests.servers", words[0], "--in", str(folder), *words[1:]]
    kept = {name: value for name, value in os.environ.items() if name not in VARIABLES.values()}
    return subprocess.run(
        run, cwd=ROOT, env=kept | environment, capture_output=True, text=True, timeout=400, check=False
    )


def addresses(printed: str) -> dict[str, str]:
    kinds = {name: kind for kind, name in VARIABLES.items()}
    return {kinds[line.partition("=")[0]]: line.partition("=")[2] for line in printed.splitlines()}


def left_in(folder: Path) -> list[str]:
    """Commands of the processes that stand in a folder or name it: a server may change what it shows of itself."""
    name, found = str(folder.resolve()), []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            shown = (process / "environ").read_bytes() + (line := (process / "cmdline").read_bytes())
            if str((process / "cwd").readlink()).startswith(name) or (
                name.encode() in shown and process.name != str(os.getpid())
            ):
                found.append(line.replace(b"\0", b" ").decode())
    return found


def test_redis_is_started_found_again_and_stopped(folder):
    needed("redis")
    first = command(folder, "start", "redis")
    assert first.returncode == 0, first.stderr
    url = addresses(first.stdout)["redis"]
    assert first.stderr == "Redis started.\n"
    with contextlib.closing(redis.Redis.from_url(url)) as client:
        client.set("a", "1")
        assert left_in(folder)
        second = command(folder, "start", "redis")
        assert (second.returncode, second.stdout, second.stderr) == (0, first.stdout, "Redis runs already.\n")
        assert client.get("a") == b"1"
    if os.geteuid() == 0:
        process = Running.read(folder / "redis.json").processes[0]
        assert Path(f"/proc/{process.pid}").stat().st_uid != 0
    assert command(folder, "stop").stderr.splitlines() == [
        "PostgreSQL does not run.",
        "Redis stopped.",
        "RabbitMQ does not run.",
    ]
    assert not answers(url)
    assert wait_for(lambda: left_in(folder) == [], seconds=10), left_in(folder)
    again = command(folder, "stop", "redis")
    assert (again.returncode, again.stderr) == (0, "Redis does not run.\n")


def test_an_address_stays_until_somebody_else_has_taken_it(folder):
    needed("redis")
    first = command(folder, "start", "redis").stdout
    command(folder, "stop")
    assert command(folder, "start", "redis").stdout == first
    command(folder, "stop")
    _, _, port = place(addresses(first)["redis"])
    with contextlib.closing(socket.create_server(("127.0.0.1", port))):
        other = command(folder, "start", "redis")
        assert other.returncode == 0, other.stderr
        assert place(addresses(other.stdout)["redis"])[2] != port


def test_a_server_that_was_killed_is_started_anew(folder):
    needed("redis")
    command(folder, "start", "redis")
    process = Running.read(folder / "redis.json").processes[0]
    process.stop(signal.SIGKILL)
    again = command(folder, "start", "redis")
    assert (again.returncode, again.stderr) == (0, "Redis started.\n")


def test_where_a_server_answers_none_is_started(folder):
    needed("redis")
    url = addresses(command(folder, "start", "redis").stdout)["redis"]
    other = folder.with_name("other")
    found = command(other, "start", "--where-none-answers", "redis", TEST_REDIS_URL=url)
    assert (found.returncode, found.stdout) == (0, f"TEST_REDIS_URL={url}\n")
    assert not other.exists()


def test_an_address_that_cannot_be_read_is_named(folder):
    found = command(folder, "start", "--where-none-answers", "redis", TEST_REDIS_URL="mysql://127.0.0.1")
    assert found.returncode == 1
    assert found.stderr.startswith("TEST_REDIS_URL: “mysql:”")
    assert found.stdout == ""


def test_nothing_to_stop(folder):
    found = command(folder, "stop")
    assert (found.returncode, found.stderr) == (0, "None of them runs.\n")
    assert not folder.exists()


def test_an_unknown_server_is_refused(folder):
    found = command(folder, "start", "mysql")
    assert found.returncode == 2
    assert "“mysql” is none of postgres, redis, rabbitmq." in found.stderr


def test_free_ports_are_free_and_a_taken_one_is_not():
    ports = free_ports(3)
    assert len(set(ports)) == 3
    assert are_free(ports)
    with socket.create_server(("127.0.0.1", ports[1])):
        assert not are_free(ports)


@pytest.mark.slow
def test_all_three_take_connections_and_leave_nothing(folder):
    needed(*programs.KINDS)
    found = command(folder, "start")
    assert found.returncode == 0, found.stderr
    urls = addresses(found.stdout)
    assert set(urls) == set(programs.KINDS)
    assert {place(url)[2] for url in urls.values()} & {5432, 6379, 5672} == set()
    with psycopg.connect(urls["postgres"]) as line:
        assert line.execute("SELECT current_setting('server_encoding'), 6 * 7").fetchone() == ("UTF8", 42)
    with contextlib.closing(redis.Redis.from_url(urls["redis"])) as client:
        assert client.ping()
    with kombu.Connection(urls["rabbitmq"]) as line:
        queue = line.SimpleQueue("of-a-test")
        queue.put({"job": 1})
        assert queue.get(timeout=10).payload == {"job": 1}
        queue.close()
    again = command(folder, "start")
    assert (again.stdout, again.stderr.count("runs already")) == (found.stdout, 3)
    assert len(left_in(folder)) >= 4  # three servers and RabbitMQ's name service
    stopped = command(folder, "stop")
    assert (stopped.returncode, stopped.stderr.count("stopped")) == (0, 3), stopped.stderr
    assert wait_for(lambda: left_in(folder) == [], seconds=10), left_in(folder)
    assert not any(answers(url) for url in urls.values())


@pytest.mark.slow
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_start_leaves_nothing(folder, sign):
    needed("redis", "rabbitmq")
    run = [sys.executable, "-m", "tests.servers", "start", "--in", str(folder), "redis", "rabbitmq"]
    with subprocess.Popen(run, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as start:

        def has_begun() -> bool:
            begun = Running.read(folder / "rabbitmq.json")
            return begun is not None and len(begun.processes) == 2

        assert wait_for(has_begun, seconds=60)
        assert len(left_in(folder)) >= 3  # Redis, RabbitMQ and its name service
        start.send_signal(sign)
        printed, _ = start.communicate(timeout=120)
    assert start.returncode in (130, 143)
    assert printed == ""
    assert wait_for(lambda: left_in(folder) == [], seconds=10), left_in(folder)
