"""Members of one site learn nothing of another: no row of it in any page, choice, count or answer.

The world of the access table holds one of everything at site A. Every kind of member, held to site B, walks all of it.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
from django import forms
from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import models
from django.test import Client

from ipe.scoped import Scoped
from ipe.words import Role
from tests.conftest import make_member, make_user
from tests.test_every_url import ROWS, address, built, posted, world  # noqa: F401 - the fixtures of the table

HIDDEN = {403, 404, 405}


def at_site(model: type[models.Model], site: Any) -> models.QuerySet[Any] | None:
    """The rows of a model that stand at a site; None for models that are the study's."""
    rows = model._default_manager.all()
    if not isinstance(rows, Scoped):
        return None
    if model._meta.label == "transcripts.Original":
        return rows.filter(document__wave__site=site)
    if model._meta.label == "transcripts.Replacement":
        return rows.filter(document__wave__site=site)
    if rows.to_site is None:
        return None
    return rows.filter(pk=site.pk) if rows.to_site == "self" else rows.filter(**{rows.to_site: site})


@pytest.fixture
def study(world: dict[str, Any]) -> Any:  # noqa: F811 - the fixture named above
    """The world's, in the place of the one that other tests begin with."""
    return world["study"]


@pytest.fixture
def lead(world: dict[str, Any]) -> Any:  # noqa: F811 - the fixture named above
    return world["lead"]


@pytest.fixture
def data_protection(world: dict[str, Any]) -> Any:  # noqa: F811 - the fixture named above
    return world["data_protection"]


@pytest.fixture
def member(study: Any, site_b: Any) -> Any:
    def made(role: str) -> Client:
        user = make_user(f"b-{role}@example.org", "Bea Elsewhere")
        make_member(study, user, role, site_b)
        client = Client()
        client.force_login(user)
        return client

    return made


def signs_of(site: Any) -> dict[str, str]:
    """What must stand on no page: ids of the site's rows, its name, the codes of its people, activities and texts."""
    found = {site.name: "its name"}
    for model in apps.get_models():
        rows = at_site(model, site)
        if rows is None:
            continue
        for row in rows:
            if len(str(row.pk)) == 36:
                found[str(row.pk)] = model._meta.label
            if model._meta.label in {"consent.Participant", "fieldwork.Activity", "transcripts.Document"}:
                found[row.code] = f"code of a {model._meta.label}"
    return found


def shown(signs: dict[str, str], text: str) -> set[str]:
    return {
        f"{what} ({sign})"
        for sign, what in signs.items()
        if sign in text and re.search(rf"(?<![\w-]){re.escape(sign)}(?!\w)", text)
    }


def forms_in(answer: Any) -> list[forms.BaseForm]:
    """Every form that a page was drawn with."""
    found: dict[int, forms.BaseForm] = {}
    for layer in answer.context or []:
        for values in layer.dicts if hasattr(layer, "dicts") else [layer]:
            for value in values.values():
                for one in value if isinstance(value, list | tuple) else [value]:
                    for inner in one if isinstance(one, tuple) else [one]:
                        if isinstance(inner, forms.BaseForm):
                            found[id(inner)] = inner
    return list(found.values())


def refused(answer: Any, site: Any, takes: set[str]) -> int:
    """Offer each row of a site to each field of a page that chooses among rows, as a POST would give its id.

    Returns how many were offered; a field that took one is added to `takes` by name.
    """
    n_offered = 0
    for form in forms_in(answer):
        for name, field in form.fields.items():
            if not isinstance(field, forms.ModelChoiceField):
                continue
            theirs = at_site(field.queryset.model, site)
            for row in theirs if theirs is not None else []:
                n_offered += 1
                given = [str(row.pk)] if isinstance(field, forms.ModelMultipleChoiceField) else str(row.pk)
                try:
                    field.clean(given)
                except ValidationError:
                    continue
                takes.add(f"{type(form).__name__}.{name} takes a {row._meta.label}")
    return n_offered


@pytest.mark.row("SC-07", "V8.2.2")
@pytest.mark.parametrize("role", Role.values)
def test_nothing_shows_takes_or_answers_for_another_sites_rows(world, site_a, site_b, member, role):  # noqa: F811 - the fixture named above
    """One walk for all: no page holds a sign of the other site, no field takes one of its rows, none answers by its address."""
    client, signs = member(role), signs_of(site_a)
    assert len(signs) > 60
    wave_b = site_b.waves.get(phase__code="12m")
    addresses = {address(row, world): row.url for row in ROWS}
    shows, takes, n_refused, statuses = [], set(), 0, {}
    for url, name in addresses.items():
        answer = client.get(url)
        statuses[url] = answer.status_code
        if not url.startswith("/accounts/"):
            # An address that one may not open is not learned from its own refusal.
            unseen = {sign: what for sign, what in signs.items() if sign not in url}
            shows += [f"{name}: {one}" for one in shown(unseen, answer.content.decode(errors="replace"))]
        n_refused += refused(answer, site_a, takes)
    n_refused += refused(client.get(f"/s/trial/fieldwork/book/?wave={wave_b.pk}"), site_a, takes)
    assert shows == []
    assert sorted(takes) == []
    assert n_refused or role in {"report_writer", "data_protection_lead"}

    rows = [row for row in ROWS if names_a_row_of(site_a, row, world)]
    assert len(rows) > 60
    wrong = [f"GET {row.url}" for row in rows if statuses[address(row, world)] not in HIDDEN]
    for row in rows:
        if client.post(address(row, world), posted(row, world)).status_code not in HIDDEN:
            wrong.append(f"POST {row.url}")
    assert wrong == []


def names_a_row_of(site: Any, row: Any, world: dict[str, Any]) -> bool:  # noqa: F811 - the fixture named above
    """Whether the address holds the id of a row that stands at the site."""
    named = [world[key] for key in row.kwargs.values() if isinstance(world[key], models.Model)]
    return any(
        (rows := at_site(type(one), site)) is not None and rows.filter(pk=one.pk).exists() for one in named
    )


@pytest.mark.row("SC-07")
def test_the_audit_trail_is_for_members_of_every_site(world, study, member, lead, login):  # noqa: F811 - the fixture named above
    from ipe.models import AuditEvent, User

    held = member("evaluation_lead")
    assert held.get("/s/trial/settings/audit/").status_code == 403
    user = User.objects.get(email="b-evaluation_lead@example.org")
    assert not AuditEvent.objects.visible_to(user).exists()
    assert AuditEvent.objects.visible_to(lead).exists()
    assert login(lead).get("/s/trial/settings/audit/").status_code == 200


@pytest.mark.row("SC-07")
def test_a_lead_of_one_site_does_not_change_what_is_the_studys(world, study, member):  # noqa: F811 - the fixture named above
    """Nor sees the counts of all sites that its confirmation pages hold."""
    client = member("evaluation_lead")
    for row in ROWS:
        if row.url in {"phase-remove", "question-remove", "indicator-remove", "site-remove", "threshold-edit",
                       "threshold-remove", "threshold-add", "fieldwork:plan-remove"}:  # fmt: skip
            assert client.get(address(row, world)).status_code in {403, 404}, row.url
            assert client.post(address(row, world), {}).status_code in {403, 404}, row.url


def test_what_is_kept_too_long_is_told_to_members_of_every_site(world, study, member, data_protection, login):  # noqa: F811 - the fixture named above
    study.analysis_cut_off_on = dt.date(2026, 11, 1)
    study.save()
    assert "Still kept" in login(data_protection).get("/s/trial/").content.decode()
    assert "Still kept" not in member("data_protection_lead").get("/s/trial/").content.decode()
