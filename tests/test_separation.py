"""Members of one site learn nothing of another: no row of it in any page, choice, count or answer (SC-07, V8.2.2).

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
        if re.search(rf"(?<![\w-]){re.escape(sign)}(?!\w)", text)
    }


@pytest.mark.parametrize("role", Role.values)
def test_no_page_shows_another_sites_rows(world, site_a, member, role):  # noqa: F811 - the fixture named above
    client, signs = member(role), signs_of(site_a)
    assert len(signs) > 60
    wrong = []
    for row in ROWS:
        url = address(row, world)
        if url.startswith("/accounts/"):
            continue
        answer = client.get(url)
        # An address that one may not open is not learned from its own refusal.
        unseen = {sign: what for sign, what in signs.items() if sign not in url}
        wrong += [f"{row.url}: {one}" for one in shown(unseen, answer.content.decode(errors="replace"))]
    assert wrong == []


@pytest.mark.parametrize("role", Role.values)
def test_no_row_of_another_site_answers_by_its_address(world, site_a, member, role):  # noqa: F811 - the fixture named above
    client = member(role)
    wrong = []
    for row in ROWS:
        named = [world[key] for key in row.kwargs.values() if isinstance(world[key], models.Model)]
        theirs = [
            one
            for one in named
            if (rows := at_site(type(one), site_a)) is not None and rows.filter(pk=one.pk).exists()
        ]
        if not theirs:
            continue
        url = address(row, world)
        for answer in (client.get(url), client.post(url, posted(row, world))):
            if answer.status_code not in HIDDEN:
                wrong.append(f"{row.method} {row.url} {answer.status_code}")
    assert wrong == []


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


@pytest.mark.parametrize("role", Role.values)
def test_no_form_takes_another_sites_rows(world, site_a, site_b, member, role):  # noqa: F811 - the fixture named above
    """Every field that chooses among rows refuses the id of each row of the other site, as a POST would give it."""
    client = member(role)
    wave_b = site_b.waves.get(phase__code="12m")
    pages = [client.get(address(row, world)) for row in ROWS]
    pages += [client.get(f"/s/trial/fieldwork/book/?wave={wave_b.pk}")]
    seen = 0
    wrong = []
    for answer in pages:
        for form in forms_in(answer):
            for name, field in form.fields.items():
                if not isinstance(field, forms.ModelChoiceField):
                    continue
                theirs = at_site(field.queryset.model, site_a)
                for row in theirs if theirs is not None else []:
                    seen += 1
                    given = (
                        [str(row.pk)] if isinstance(field, forms.ModelMultipleChoiceField) else str(row.pk)
                    )
                    try:
                        field.clean(given)
                    except ValidationError:
                        continue
                    wrong.append(f"{type(form).__name__}.{name} takes a {row._meta.label}")
    assert sorted(set(wrong)) == []
    assert seen or role in {"report_writer", "data_protection_lead"}


def test_the_audit_trail_is_for_members_of_every_site(world, study, member, lead, login):  # noqa: F811 - the fixture named above
    from ipe.models import AuditEvent, User

    held = member("evaluation_lead")
    assert held.get("/s/trial/settings/audit/").status_code == 403
    user = User.objects.get(email="b-evaluation_lead@example.org")
    assert not AuditEvent.objects.visible_to(user).exists()
    assert AuditEvent.objects.visible_to(lead).exists()
    assert login(lead).get("/s/trial/settings/audit/").status_code == 200


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
