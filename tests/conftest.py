"""Fixtures of every test: one small study with two sites, its people by role, a frozen clock and no network."""

from __future__ import annotations

import datetime as dt
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.test import Client

NOW = dt.datetime(2026, 11, 21, 10, 0, tzinfo=dt.UTC)
DATA = Path(os.environ.get("TEST_DATA_DIR", "../shared/data"))
PASSWORD = "correct horse battery staple"
LOCAL = {"127.0.0.1", "::1", "localhost"}
REQUIRED = set(os.environ.get("REQUIRE", "").split(",")) - {""}


def required(what: str, reason: str) -> None:
    """Skip the test by name, or fail it where `what` is among the comma-separated words of REQUIRE."""
    if what in REQUIRED:
        pytest.fail(f"{what} is required here: {reason}")
    pytest.skip(reason)


def pytest_configure(config: pytest.Config) -> None:
    # Argon2 costs a tenth of a second a person, which tests of pages do not need; sign-in tests set it back.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def clock(request: pytest.FixtureRequest) -> Iterator[Any]:
    """The clock stands at NOW unless a test is marked `real_clock` or `browser`."""
    if request.node.get_closest_marker("real_clock") or request.node.get_closest_marker("browser"):
        yield None
        return
    with time_machine.travel(NOW, tick=True) as traveller:
        yield traveller


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that opens a connection to another machine fails."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        host = address[0] if isinstance(address, tuple) else ""
        if isinstance(address, tuple) and host not in LOCAL:
            raise AssertionError(f"a test opened a connection to {host}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for marker in item.iter_markers("django_db"):
            marker.kwargs.setdefault("databases", ["default", "keys"])
        if item.get_closest_marker("slow") and "slow" not in REQUIRED:
            item.add_marker(pytest.mark.skip(reason="slow: runs in CI, or with REQUIRE=slow"))


@pytest.fixture
def db(request: pytest.FixtureRequest) -> None:  # replaces pytest-django's: always with the key store
    request.applymarker(pytest.mark.django_db(databases=["default", "keys"]))
    request.getfixturevalue("_django_db_helper")


@pytest.fixture(scope="session")
def outside() -> Callable[[str], Path]:
    """`outside("surveys/sample.sav")`: a file written by others; a test that needs it is skipped where it is absent."""

    def found(name: str) -> Path:
        path = DATA / name
        if not path.is_file():
            folder = f"set TEST_DATA_DIR to a folder that holds {name}"
            required("data", f"needs {Path(name).name}, a file by others that is not ours to ship: {folder}")
        return path

    return found


@pytest.fixture
def study(db: None) -> Any:
    from ipe.models import Evaluation, Phase, Site, Team, Wave

    evaluation = Evaluation.objects.create(slug="trial", title="The trial")
    phases = [("pre", "Pre", -3), ("3m", "3 months", 3), ("12m", "12 months", 12), ("24m", "24 months", 24)]
    for order, (code, name, offset) in enumerate(phases):
        Phase.objects.create(evaluation=evaluation, code=code, name=name, order=order, offset_months=offset)
    for order, (code, name) in enumerate([("A", "Ashcombe"), ("B", "Brindlemere")]):
        site = Site.objects.create(
            evaluation=evaluation,
            code=code,
            name=name,
            order=order,
            live_planned_on=dt.date(2025, 10, 1),
            live_actual_on=dt.date(2025, 11, 1),
        )
        district = Team.objects.create(site=site, code="north", name="North district")
        Team.objects.create(site=site, code="team-1", name="Team 1", parent=district)
        for phase in evaluation.phases.all():
            first = dt.date(2025, 11, 1) + dt.timedelta(days=int(30.5 * (phase.offset_months or 0)))
            Wave.objects.create(
                site=site, phase=phase, starts_on=first, ends_on=first + dt.timedelta(days=60)
            )
    return evaluation


@pytest.fixture
def site_a(study: Any) -> Any:
    return study.sites.get(code="A")


@pytest.fixture
def site_b(study: Any) -> Any:
    return study.sites.get(code="B")


@pytest.fixture
def wave(study: Any) -> Callable[[Any, str], Any]:
    """`wave(site, "12m")`: the wave of a site in a phase."""
    return lambda site, phase: site.waves.get(phase__code=phase)


def make_user(email: str, name: str) -> Any:
    from ipe.models import User

    return User.objects.create(email=email, name=name, password=make_password(PASSWORD))


def make_member(study: Any, user: Any, role: str, *sites: Any) -> Any:
    """A member for these sites, or for every site when none is named."""
    from ipe.models import Member

    member = Member.objects.create(evaluation=study, user=user, role=role, all_sites=not sites)
    member.sites.set(sites)
    return member


@pytest.fixture
def lead(study: Any) -> Any:
    user = make_user("lead@example.org", "Lena Lead")
    make_member(study, user, "evaluation_lead")
    return user


@pytest.fixture
def fieldwork(study: Any, site_a: Any) -> Any:
    user = make_user("fieldwork@example.org", "Femi Field")
    make_member(study, user, "fieldwork_lead", site_a)
    return user


@pytest.fixture
def researcher(study: Any, site_a: Any) -> Any:
    user = make_user("researcher@example.org", "Rosa Researcher")
    make_member(study, user, "researcher", site_a)
    return user


@pytest.fixture
def writer(study: Any) -> Any:
    user = make_user("writer@example.org", "Wim Writer")
    make_member(study, user, "report_writer")
    return user


@pytest.fixture
def data_protection(study: Any) -> Any:
    user = make_user("dpl@example.org", "Dara Protection")
    make_member(study, user, "data_protection_lead")
    return user


@pytest.fixture
def other_site(study: Any, site_b: Any) -> Any:
    """A fieldwork lead and researcher of site B only."""
    user = make_user("other@example.org", "Otto Other")
    make_member(study, user, "fieldwork_lead", site_b)
    make_member(study, user, "researcher", site_b)
    return user


@pytest.fixture
def outsider(db: None) -> Any:
    return make_user("outsider@example.org", "Oona Outside")


@pytest.fixture
def login() -> Callable[[Any], Client]:
    def signed_in(user: Any) -> Client:
        client = Client()
        if user is not None:
            client.force_login(user)
        return client

    return signed_in


@pytest.fixture
def run_jobs(db: None) -> Callable[[], int]:
    """Work every waiting job now, as a worker would."""
    from ipe import jobs

    jobs.load_tasks()
    return jobs.run_waiting
