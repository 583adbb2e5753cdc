"""Every URL as every role, an outsider, a member of another site and anonymous, from one table of expected answers.

Each room keeps its rows of the table in `tests/access/<room>.py`. A URL that stands in no row fails the test by name.
Reading, which comes before writing, changes no row.
"""

from __future__ import annotations

import copy
import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from django.apps import apps
from django.test import Client, TestCase
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from tests import access
from tests.access.table import PEOPLE, Row
from tests.conftest import NOW, STAFF, make_outsider, make_staff, make_study

MODULES = [
    importlib.import_module(f"tests.access.{module.name}")
    for module in pkgutil.iter_modules(access.__path__)
    if module.name != "table"
]
ROWS: list[Row] = [row for module in MODULES for row in module.ROWS]

# What a GET may write: the session of the visitor and the cache, by name.
MAY_CHANGE = {"sessions.Session", "usersessions.UserSession"}


def patterns(resolver: URLResolver, prefix: str = "") -> list[str]:
    names = []
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            inner = f"{prefix}{entry.namespace}:" if entry.namespace else prefix
            names += patterns(entry, inner)
        elif isinstance(entry, URLPattern):
            names.append(f"{prefix}{entry.name}" if entry.name else str(entry.pattern))
    return names


def build() -> dict[str, Any]:
    """One study with a row of everything at site A, made by the rooms from the bottom of the house to the top."""
    study = make_study()
    made: dict[str, Any] = {
        "study": study,
        "site_a": study.sites.get(code="A"),
        "site_b": study.sites.get(code="B"),
        **{who: make_staff(study, who) for who in STAFF},
        "outsider": make_outsider(),
    }
    order = [
        "ipe",
        "protocol",
        "consent",
        "releases",
        "fieldwork",
        "surveys",
        "transcripts",
        "coding",
        "findings",
    ]
    for module in sorted(MODULES, key=lambda module: order.index(module.__name__.rsplit(".", 1)[-1])):
        if hasattr(module, "build"):
            module.build(made)
    return made


class Standing(TestCase):
    """For its transactions alone: one that stays open while the tests of a module roll back to what it holds."""

    databases = frozenset({"default", "keys"})


@pytest.fixture(scope="module")
def built(django_db_setup: None, django_db_blocker: Any) -> Iterator[dict[str, Any]]:
    """The world, made once for the tests of a module, which takes longer than most of them."""
    with django_db_blocker.unblock(), time_machine.travel(NOW, tick=True):
        atomics = Standing._enter_atomics()
        try:
            made = build()
        except BaseException:
            Standing._rollback_atomics(atomics)
            raise
    yield made
    with django_db_blocker.unblock():
        Standing._rollback_atomics(atomics)


@pytest.fixture
def world(built: dict[str, Any], db: None) -> dict[str, Any]:
    """What is built, the test's own to change: its rows are rolled back and its objects are copies."""
    return copy.deepcopy(built)


def address(row: Row, world: dict[str, Any]) -> str:
    kwargs = {name: getattr(world[key], "pk", world[key]) for name, key in row.kwargs.items()}
    if row.slug:
        kwargs["slug"] = world["study"].slug
    return reverse(row.url, kwargs=kwargs)


def posted(row: Row, world: dict[str, Any]) -> dict[str, Any]:
    def value(given: Any) -> Any:
        if isinstance(given, str) and given.startswith("@"):
            return str(getattr(world[given[1:]], "pk", world[given[1:]]))
        return given

    return {name: value(given) for name, given in row.data.items()}


@pytest.mark.row("V8.1.1", "V8.2.1")
def test_every_url_stands_in_the_table():
    known = {row.url for row in ROWS}
    assert sorted(set(patterns(get_resolver())) - known) == []
    assert sorted(known - set(patterns(get_resolver()))) == []


def counted() -> dict[str, Any]:
    """A fingerprint of every row of every table, so that a changed row is seen as well as a new one."""
    fingerprints: dict[str, Any] = {}
    for model in apps.get_models(include_auto_created=True):
        if model._meta.label in MAY_CHANGE or not model._meta.managed:
            continue
        database = "keys" if model._meta.label_lower == "ipe.wrappedkey" else "default"
        names = [field.attname for field in model._meta.concrete_fields if field.attname != "last_login"]
        rows = model._base_manager.using(database).order_by("pk").values_list(*names)
        fingerprints[model._meta.label] = [repr(row) for row in rows]
    return fingerprints


def unexpected(client: Client, world: dict[str, Any], person: str, method: str) -> list[str]:
    """Rows of the table that are answered otherwise."""
    found = []
    for row in (row for row in ROWS if row.method == method):
        url = address(row, world)
        answer = client.get(url) if method == "GET" else client.post(url, posted(row, world))
        if answer.status_code != getattr(row, person):
            found.append(f"{method} {row.url} {answer.status_code}, expected {getattr(row, person)}")
    return found


def is_first(person: str, row: Row) -> bool:
    """Whether nobody named before this person is answered there; HEAD and OPTIONS need not be tried by everybody."""
    return person == next((one for one in PEOPLE if getattr(row, one) < 400), PEOPLE[0])


@pytest.mark.row("V3.5.3", "V8.2.1", "V8.2.2")
@pytest.mark.parametrize("person", PEOPLE)
def test_every_url_answers_as_the_table_says_and_reading_changes_no_row(world, person):
    client = Client()
    if person != "anonymous":
        client.force_login(world[person])
    before = counted()
    wrong = unexpected(client, world, person, "GET")
    read = {address(row, world) for row in ROWS if row.method == "GET"}
    for url in sorted({address(row, world) for row in ROWS} - read):
        client.get(url)
    urls = {address(row, world) for row in ROWS if row.url != "account_logout" and is_first(person, row)}
    for url in sorted(urls):
        client.head(url)
        client.options(url)
    if counted() != before:  # only then look for the one that did it, which takes long
        assert [url for url in sorted(urls | read) if writes(client, url)] == []
        pytest.fail("rows changed on a first reading, and not again on a second")
    # A POST of one row may remove what another row shows: only now.
    assert wrong + unexpected(client, world, person, "POST") == []


def writes(client: Client, url: str) -> bool:
    before = counted()
    for ask in (client.get, client.head, client.options):
        ask(url)
    return counted() != before
