"""An address that was given is meant. What is left of runs that were cut off goes, and nobody else's databases do."""

from __future__ import annotations

import subprocess

import pytest
from django.conf import settings

from tests import databases
from tests.conftest import required
from tests.faults.conftest import postgres_server, server_at
from tests.faults.installation import free_port, new_name, on_server

pytestmark = [pytest.mark.real_clock, pytest.mark.once, pytest.mark.postgres]


def test_an_address_where_nobody_answers_fails_what_needs_it() -> None:
    dead = f"postgres://postgres@127.0.0.1:{free_port()}/postgres"
    for url in (dead, "nonsense"):
        with pytest.raises(
            pytest.fail.Exception, match="no PostgreSQL takes connections at TEST_POSTGRES_URL"
        ):
            server_at(url)


def test_databases_of_this_clone_are_dropped_when_their_run_has_ended() -> None:
    if not (server := postgres_server()):
        required("postgres", "needs a PostgreSQL server")
    with subprocess.Popen(["true"]) as ended:
        ended.wait()
    mine = new_name()
    left = f"{mine.rpartition('_')[0]}_{ended.pid}x0"
    of_another_clone = left.replace(settings.OURS, "test_ipe_another")
    try:
        for name in (mine, left, of_another_clone):
            on_server(server, f'CREATE DATABASE "{name}" TEMPLATE template0')
        databases.drop_those_of_ended_runs(server)
        there = "SELECT count(*) FROM pg_database WHERE datname = %s"
        assert [on_server(server, there, name) for name in (mine, left, of_another_clone)] == [1, 0, 1]
    finally:
        for name in (mine, left, of_another_clone):
            on_server(server, f'DROP DATABASE IF EXISTS "{name}"')
