"""Headers, cookies, error pages and sign-in rules: what every page does alike."""

import datetime as dt
import json
import re

import pytest
from django import forms
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from ipe.pages import perform
from tests.conftest import PASSWORD

EXPECTED = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@pytest.mark.row("V3.4.4", "V3.4.5", "V3.4.8")
@pytest.mark.parametrize("path", ["/", "/nowhere/", "/health/", "/accounts/login/", "/s/trial/"])
def test_headers_stand_on_every_answer(study, lead, login, path):
    answer = login(lead).get(path)
    for name, value in EXPECTED.items():
        assert value in answer[name], name
    policy = answer["Content-Security-Policy"].split("; ")
    assert {"default-src 'none'", "script-src 'self'", "style-src 'self'", "object-src 'none'"} <= set(policy)
    assert "unsafe" not in str(policy)
    assert "camera=()" in answer["Permissions-Policy"]


@pytest.mark.row("V3.4.2", "V3.4.4", "V3.4.5", "V3.4.8")
@pytest.mark.parametrize(
    ("path", "sent", "status"),
    [
        ("/static/ipe/desk.css", {}, 200),
        ("/static/no-such.css", {}, 404),
        ("/accounts/login/", {"headers": {"host": "evil.example"}}, 400),
        ("/accounts/login/", {"secure": False}, 301),
    ],
)
def test_headers_stand_on_what_answers_before_any_page(client, db, settings, path, sent, status):
    settings.SECURE_SSL_REDIRECT, settings.ALLOWED_HOSTS = True, ["testserver"]
    answer = client.get(path, **{"secure": True, **sent})
    assert answer.status_code == status
    for name in EXPECTED.keys() - {"Cache-Control"}:
        assert EXPECTED[name] in answer.get(name, ""), name
    assert "default-src 'none'" in answer["Content-Security-Policy"]
    assert "camera=()" in answer["Permissions-Policy"]
    assert "Access-Control-Allow-Origin" not in answer


@pytest.mark.row("V3.3.2", "V3.3.4")
def test_cookies_cannot_be_read_by_scripts(client, lead):
    client.post(reverse("account_login"), {"login": lead.email, "password": PASSWORD})
    for cookie in client.cookies.values():
        assert cookie["httponly"]
        assert cookie["samesite"] == "Strict"


def test_unknown_study_and_foreign_study_look_alike(study, outsider, login):
    client = login(outsider)
    foreign, unknown = client.get("/s/trial/"), client.get("/s/no-such/")
    assert foreign.status_code == unknown.status_code == 404
    pages = [
        re.sub(rb"csrf[^>]*|X-CSRFToken[^>]*|trial|no-such", b"", page.content) for page in (foreign, unknown)
    ]
    assert pages[0] == pages[1]


def test_error_as_json_where_json_is_asked_for(study, outsider, login):
    answer = login(outsider).get("/s/trial/", headers={"Accept": "application/json"})
    assert answer.status_code == 404
    assert json.loads(answer.content)["fields"] == {}


@pytest.mark.parametrize(
    ("method", "path", "sent", "status"),
    [
        ("get", "/api/s/trial/nowhere/", {}, 404),
        ("get", "/api/s/no-such/indicators/", {}, 404),
        ("post", "/api/s/trial/indicators/", {}, 403),
        ("get", "/api/s/trial/indicators/", {"accept": "text/html"}, 406),
        ("get", "/s/trial/nowhere/", {"accept": "application/json"}, 404),
        ("post", "/s/trial/settings/", {"accept": "application/json"}, 403),
    ],
)
def test_every_error_in_json_has_one_shape(study, lead, method, path, sent, status):
    client = Client(enforce_csrf_checks=True)
    client.force_login(lead)
    answer = getattr(client, method)(path, headers=sent)
    told = json.loads(answer.content)
    assert (answer.status_code, told.keys(), told["fields"]) == (status, {"error", "fields"}, {})
    assert told["error"]


def test_a_method_that_is_not_there_is_told_in_the_same_shape(study, lead, login):
    answer = login(lead).post("/api/s/trial/indicators/")
    assert (answer.status_code, answer.json()["fields"]) == (405, {})
    assert "POST" in answer.json()["error"]


def test_an_anonymous_caller_is_told_in_the_same_shape(client, study):
    answer = client.get("/api/s/trial/indicators/")
    assert (answer.status_code, answer.json().keys()) == (403, {"error", "fields"})


@pytest.mark.row("V7.3.2")
def test_session_ends_after_its_longest_time(study, lead, login, clock):
    client = login(lead)
    for _ in range(25):
        assert client.get("/").status_code == 200
        clock.shift(dt.timedelta(minutes=29))
    assert client.get("/").status_code == 302


@pytest.mark.row("V7.3.1")
def test_session_ends_without_a_request_for_half_an_hour(study, lead, login, clock):
    client = login(lead)
    assert client.get("/").status_code == 200
    clock.shift(dt.timedelta(minutes=31))
    assert client.get("/").status_code == 302


def test_expired_account_is_signed_out(study, lead, login):
    client = login(lead)
    assert client.get("/").status_code == 200
    lead.expires_on = dt.date(2026, 11, 20)
    lead.save()
    assert client.get("/").status_code == 302


def test_production_asks_for_a_second_factor(study, lead, login, settings):
    settings.MFA_REQUIRED = True
    client = login(lead)
    answer = client.get("/s/trial/")
    assert (answer.status_code, answer["Location"]) == (302, reverse("mfa_activate_totp"))
    assert client.get("/api/s/trial/indicators/").status_code == 302


def test_one_time_secrets_are_encrypted_in_the_database(study, lead):
    from allauth.mfa.models import Authenticator
    from allauth.mfa.totp.internal.auth import TOTP

    secret = "JBSWY3DPEHPK3PXP"
    TOTP.activate(lead, secret)
    assert secret not in str(Authenticator.objects.get(user=lead).data)


@pytest.mark.row("V6.3.1")
def test_guessing_a_password_is_stopped(client, lead):
    for _ in range(12):
        answer = client.post(
            reverse("account_login"), {"login": lead.email, "password": "wrong password here"}
        )
    assert answer.status_code == 429 or b"Too many" in answer.content
    right = client.post(reverse("account_login"), {"login": lead.email, "password": PASSWORD})
    assert right.status_code != 302


def test_nobody_can_sign_up(client, db):
    assert b"password" not in client.get(reverse("account_signup")).content.lower().split(b"<form")[-1]
    client.post(
        reverse("account_signup"), {"email": "x@example.org", "password1": PASSWORD, "password2": PASSWORD}
    )
    from ipe.models import User

    assert not User.objects.exists()


@pytest.mark.row("V16.5.1")
def test_server_error_page_shows_no_data(study, lead, login, rf):
    from ipe.views import errors

    request = rf.get("/s/trial/")
    request.user = lead
    answer = errors.server_error(request)
    assert answer.status_code == 500
    assert b"Traceback" not in answer.content


def test_what_a_model_refuses_in_an_act_stands_on_the_form():
    def act() -> None:
        raise ValidationError({"code": ["Another phase has this code."]})

    form = forms.Form({})
    assert form.is_valid()
    assert perform(form, act) is None
    assert form.non_field_errors() == ["Another phase has this code."]
