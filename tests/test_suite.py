"""The suite itself: it runs without its plugin for several processes, on databases that are what migrating makes."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from django.db import connections
from django.db.migrations.executor import MigrationExecutor

from tests.databases import ROOT


@pytest.mark.row("ST-08")
def test_suite_is_collected_without_the_plugin_for_several_processes():
    """Of its markers and fixtures nothing is needed: an unknown marker would be an error of the whole file.

    Those tests for which it matters how they are spread over processes stand in two folders.
    """
    folders = ["tests/browser", "tests/faults"]
    command = [sys.executable, "-m", "pytest", "-p", "no:xdist", "--collect-only", "-q", *folders]
    environment = {**os.environ, "DATABASE_URL": ""}
    found = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout[-2000:]


@pytest.mark.row("SP-14", "ST-08")
@pytest.mark.django_db
@pytest.mark.parametrize("alias", ["default", "keys"])
def test_copied_database_is_migrated_to_the_last_step(alias: str):
    """One that was kept for too long would lack the newest migration."""
    executor = MigrationExecutor(connections[alias])
    wanted = [key for key in executor.loader.graph.leaf_nodes() if alias == "default" or key[0] == "ipe"]
    assert executor.migration_plan(wanted) == []
