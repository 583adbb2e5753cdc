"""Fixtures of every test: one small study with two sites, its people by role, a frozen clock and no network."""

from __future__ import annotations

import datetime as dt
import gc
import os
import shutil
import signal
import socket
import tempfile
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.test import Client
from hypothesis import settings as hypothesis
from threadpoolctl import threadpool_limits

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


def is_worker(config: pytest.Config) -> bool:
    """Whether this process is one of several that another one has started."""
    return hasattr(config, "workerinput")


def run_folder() -> Path:
    """A folder that all processes of this run share; it is gone at its end."""
    from tests.databases import in_memory

    return Path(in_memory() or tempfile.gettempdir()) / f"ipe-run-{os.environ['TEST_RUN']}"


def pytest_unconfigure(config: pytest.Config) -> None:
    if not is_worker(config):
        shutil.rmtree(run_folder(), ignore_errors=True)


def pytest_configure(config: pytest.Config) -> None:
    # A run that is ended takes with it what its tests have started, as one does that is interrupted at the keyboard.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if not is_worker(config):
        # Named for the process, so that a later run knows what is left of one that was cut off.
        os.environ["TEST_RUN"] = f"{os.getpid()}x{uuid.uuid4().hex[:8]}"
        from tests.databases import has_ended

        for folder in run_folder().parent.glob("ipe-run-*"):
            if has_ended(folder.name.removeprefix("ipe-run-")):
                shutil.rmtree(folder, ignore_errors=True)
    # A machine at work is slow now and then, and no test asserts a time.
    hypothesis.register_profile("suite", deadline=None)
    hypothesis.load_profile("suite")
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


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The minutes of each folder of tests, added up over all processes."""
    seconds: Counter[str] = Counter()
    for report in (report for reports in terminalreporter.stats.values() for report in reports):
        if hasattr(report, "duration") and hasattr(report, "nodeid"):
            folder, _, rest = report.nodeid.partition("::")[0].removeprefix("tests/").partition("/")
            seconds[folder if rest else "others"] += report.duration
    if seconds.total() > 60:
        terminalreporter.section("minutes of each part")
        for name, spent in seconds.most_common():
            terminalreporter.write_line(f"{spent / 60:6.1f} {name}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        for marker in item.iter_markers("django_db"):
            marker.kwargs.setdefault("databases", ["default", "keys"])
        if uses_database(item) and not item.get_closest_marker("django_db"):
            item.add_marker(pytest.mark.django_db(databases=["default", "keys"]))
        if slow := item.get_closest_marker("slow"):
            word = "lands" if slow.kwargs.get("lands") else "slow"
            if not {word, "slow"} & REQUIRED:
                where = {"lands": "in .ci/run, before a change lands", "slow": "by “make long”"}[word]
                item.add_marker(pytest.mark.skip(reason=f"slow: runs {where}, or with REQUIRE={word}"))
    # What takes longest begins first, so that no process is left alone with it at the end.
    items.sort(
        key=lambda item: [bool(item.get_closest_marker(name)) for name in ("once", "browser")], reverse=True
    )
    if settings.DATABASES["default"]["ENGINE"].endswith("postgresql"):
        again = [item for item in items if uses_database(item) and not runs_once(item)]
        config.hook.pytest_deselected(items=[item for item in items if item not in set(again)])
        items[:] = again


def pytest_collection_finish() -> None:
    # There are as many processes as processors and more: threads of linear algebra would wait for each other. The tests
    # that ask for two set two.
    threadpool_limits(1)
    # What is imported stays to the end: the collector need not walk through all of it again and again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def uses_database(item: pytest.Item) -> bool:
    fixtures = {"db", "transactional_db", "live_server"}
    return bool(item.get_closest_marker("django_db") or fixtures & set(getattr(item, "fixturenames", ())))


def runs_once(item: pytest.Item) -> bool:
    """In the suite on SQLite; what it is about is not the database, or it has one of its own."""
    return any(item.get_closest_marker(name) for name in ("once", "browser"))


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, django_db_use_migrations: bool, django_db_keepdb: bool
) -> None:
    """Databases are copied from a migrated one, unless pytest-django is asked for databases of another kind."""
    if django_db_use_migrations and not django_db_keepdb:
        from tests.databases import copy_instead_of_migrating

        copy_instead_of_migrating(run_folder() / "databases")


@pytest.fixture(scope="session")
def outside() -> Callable[[str], Path]:
    """`outside("surveys/sample.sav")`: a file written by others; a test that needs it is skipped where it is absent."""

    def found(name: str) -> Path:
        path = DATA / name
        if not path.is_file():
            why = f"needs {name}, a file by others that is not ours to ship; CONTRIBUTING.md says where it comes from"
            required("data", f"{why}, and TEST_DATA_DIR names the folder to put it in")
        return path

    return found


def make_study() -> Any:
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
def study(db: None) -> Any:
    return make_study()


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


# Who there is, by the name of the fixture: address, name, roles and the site of each role (None: every site).
STAFF: dict[str, tuple[str, str, list[tuple[str, str | None]]]] = {
    "lead": ("lead@example.org", "Lena Lead", [("evaluation_lead", None)]),
    "fieldwork": ("fieldwork@example.org", "Femi Field", [("fieldwork_lead", "A")]),
    "researcher": ("researcher@example.org", "Rosa Researcher", [("researcher", "A")]),
    "writer": ("writer@example.org", "Wim Writer", [("report_writer", None)]),
    "data_protection": ("dpl@example.org", "Dara Protection", [("data_protection_lead", None)]),
    "other_site": ("other@example.org", "Otto Other", [("fieldwork_lead", "B"), ("researcher", "B")]),
}


def make_staff(study: Any, who: str) -> Any:
    email, name, roles = STAFF[who]
    user = make_user(email, name)
    for role, code in roles:
        make_member(study, user, role, *([study.sites.get(code=code)] if code else []))
    return user


def make_outsider() -> Any:
    return make_user("outsider@example.org", "Oona Outside")


@pytest.fixture
def lead(study: Any) -> Any:
    return make_staff(study, "lead")


@pytest.fixture
def fieldwork(study: Any) -> Any:
    return make_staff(study, "fieldwork")


@pytest.fixture
def researcher(study: Any) -> Any:
    return make_staff(study, "researcher")


@pytest.fixture
def writer(study: Any) -> Any:
    return make_staff(study, "writer")


@pytest.fixture
def data_protection(study: Any) -> Any:
    return make_staff(study, "data_protection")


@pytest.fixture
def other_site(study: Any) -> Any:
    """A fieldwork lead and researcher of site B only."""
    return make_staff(study, "other_site")


@pytest.fixture
def outsider(db: None) -> Any:
    return make_outsider()


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
