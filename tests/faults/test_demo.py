"""`manage.py demo` stops whole when it is asked to, however it is asked, and starts again without loading twice."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.conftest import Planted
from tests.faults.installation import Installation, wait_for

pytestmark = [pytest.mark.real_clock, pytest.mark.once]

# Ctrl-C, a supervisor's request, the terminal closed.
STOPS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


def belonging(here: Installation) -> list[int]:
    """Every process that runs with this installation's folder, whoever started it."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            is_dead = place.joinpath("stat").read_text().rpartition(")")[2].split()[0] == "Z"
            if f"VAR_DIR={here.var}\0".encode() in place.joinpath("environ").read_bytes() and not is_dead:
                found.append(int(place.name))
    return found


def start(here: Installation) -> int:
    """Start the demo; the process, once its address answers."""
    (here.logs / "demo.log").unlink(missing_ok=True)
    process = here._start("demo", "manage.py", "demo", "--port", str(here.port))
    here.running["web"] = process
    here.await_web()
    del here.running["web"]
    wait_for("the demo says where it is", lambda: "Ctrl-C" in here.log("demo"))
    assert len(belonging(here)) >= 3, "the demo, the web server and the worker"
    return process.pid


def stop(here: Installation, with_signal: int) -> None:
    """Ask the demo's own process alone, as a terminal or a supervisor does, and see that nothing is left."""
    process = here.running.pop("demo")
    os.kill(process.pid, with_signal)
    assert process.wait(timeout=40) == 0, here.log("demo")[-2000:]
    assert belonging(here) == []
    assert "Traceback" not in here.log("demo")


@pytest.fixture
def nothing_stays(planted: Planted) -> Iterator[None]:
    yield
    planted.here.stop_all()
    for pid in belonging(planted.here):
        os.kill(pid, signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.parametrize("with_signal", STOPS)
@pytest.mark.usefixtures("nothing_stays")
def test_the_demo_leaves_no_process_however_it_is_stopped(planted: Planted, with_signal: int) -> None:
    # Another study stands where the demo's would, so that the minute of loading is spared.
    planted.ask("from ipe.models import Evaluation; Evaluation.objects.create(slug='demo', title='Demo')")
    planted.here.stop_all()
    start(planted.here)
    assert "are there already" in planted.here.log("demo")
    stop(planted.here, with_signal)


@pytest.mark.slow
def test_the_demo_loads_once_and_loses_nothing(faults_dir: Path) -> None:
    here = Installation.new(faults_dir / "demo")
    count = (
        "from django.apps import apps\n"
        "visits = {'sessions.Session', 'usersessions.UserSession'}\n"
        "answer = {m._meta.label: m._default_manager.count() for m in apps.get_models()"
        " if m._meta.label not in visits}"
    )
    try:
        start(here)
        assert "Loaded the protocol" in here.log("demo")
        loaded = here.ask(count)
        assert loaded["transcripts.Document"] >= 5
        here.kill("console")
        stop(here, signal.SIGINT)

        start(here)
        assert "Loaded the protocol" not in here.log("demo")
        assert here.ask(count) == loaded
        here.kill("console")
        stop(here, signal.SIGTERM)
        here.manage("demo", "--no-server")
        assert here.ask(count) == loaded
    finally:
        here.close()
        for pid in belonging(here):
            os.kill(pid, signal.SIGKILL)
