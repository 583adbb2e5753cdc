"""One installation with the planted study, made once; every test has a copy of its own."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.faults.installation import Installation, Visitor
from tests.faults.planting import ACCOUNTS, PASSWORD

BY_ROLE = {role: email for email, role in reversed(ACCOUNTS.items())}


@dataclass
class Planted:
    """An installation with the study in it; `ids` as `planting.plant` gave them."""

    here: Installation
    ids: dict[str, Any]

    def ask(self, code: str) -> Any:
        return self.here.ask(code)

    def visitor(self, role: str) -> Visitor:
        return self.here.visitor(BY_ROLE[role], PASSWORD)

    def work(self) -> None:
        """Run every waiting job to its end, with the worker that the application has."""
        self.here.manage("worker", "--once")


@pytest.fixture(scope="session")
def faults_dir() -> Iterator[Path]:
    """In memory where there is such a place: thousands of synchronous writes are not what is tested here."""
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="ipe-faults-", dir=memory if memory.is_dir() else None))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def template(faults_dir: Path) -> Iterator[Planted]:
    here = Installation.new(faults_dir / "template")
    try:
        here.manage("migrate_all", "--verbosity", "0")
        ids = here.ask("from tests.faults import planting; answer = planting.plant()")
        here.stop_all()
        yield Planted(here, ids)
    finally:
        here.close()


@pytest.fixture
def planted(template: Planted, faults_dir: Path, request: pytest.FixtureRequest) -> Iterator[Planted]:
    home = Path(tempfile.mkdtemp(prefix=request.node.originalname[:30], dir=faults_dir))
    home.rmdir()
    here = template.here.copy(home)
    try:
        yield Planted(here, template.ids)
    finally:
        here.close()
        shutil.rmtree(home, ignore_errors=True)
