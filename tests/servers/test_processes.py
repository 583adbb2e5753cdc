"""A process is known again by number and beginning, and none but that one is ended."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import replace

import pytest

from tests.servers.processes import Process, begin, wait_for

pytestmark = pytest.mark.real_clock


def started(tmp_path, *command):
    return begin(
        command,
        home=tmp_path,
        log=tmp_path / "log",
        environment={"PATH": os.defpath, "MINE": "yes"},
        user=None,
    )


def test_a_process_lives_until_it_is_stopped(tmp_path):
    one = started(tmp_path, "sleep", "60")
    assert one.is_alive
    assert os.getsid(one.pid) == one.pid  # a Ctrl-C at our terminal does not reach it
    one.stop()
    assert not one.is_alive
    one.stop()  # again: nothing happens


def test_a_process_that_heeds_no_sign_is_ended_by_force(tmp_path):
    stubborn = started(tmp_path, "sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done")
    assert wait_for(lambda: "ready" in (tmp_path / "log").read_text(), seconds=10)
    began = time.monotonic()
    stubborn.stop(signal.SIGTERM, within_seconds=0.3)
    assert time.monotonic() - began >= 0.3
    assert not stubborn.is_alive


def test_another_process_that_has_the_number_is_left_alone():
    with subprocess.Popen(["sleep", "60"]) as stranger:
        found = Process.of(stranger.pid)
        mistaken = replace(found, began=found.began - 1)
        assert not mistaken.is_alive
        mistaken.stop()
        assert found.is_alive
        stranger.kill()


def test_a_zombie_has_ended():
    child = subprocess.Popen(["true"])  # nobody waits for it yet
    assert wait_for(lambda: Process.of(child.pid) is None, seconds=10)
    child.wait()


def test_nothing_of_our_environment_reaches_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PGHOST", "elsewhere")
    one = started(tmp_path, "env")
    assert wait_for(lambda: not one.is_alive, seconds=10)
    said = dict(line.split("=", 1) for line in (tmp_path / "log").read_text().splitlines())
    assert said["MINE"] == "yes"
    assert "PGHOST" not in said
