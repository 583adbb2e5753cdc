"""What an attacker would try first: addresses that let somebody in, limits, redirects, second factors, banned calls."""

from __future__ import annotations

import ast
import json
import logging
from pathlib import Path

import pytest
from allauth.mfa.totp.internal.auth import TOTP
from django.conf import settings as django_settings
from django.test import Client, RequestFactory
from django.urls import reverse

from ipe import audit, jobs, members
from ipe.accounts import AccountAdapter
from ipe.logs import JsonLines
from ipe.models import Job, Member
from tests.conftest import PASSWORD, make_member, make_user
from tests.ipe.test_project import ROOMS, ROOT, python_files


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::9", "2001:db8:1:2::"),
        ("2001:db8::1", "2001:db8::"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
    ],
)
def test_an_ipv6_subscriber_counts_as_one_however_the_address_is_written(address, counted):
    request = RequestFactory().get("/", REMOTE_ADDR=address)
    assert AccountAdapter().get_client_ip(request) == counted


def test_a_forwarded_address_is_not_believed_without_a_proxy():
    request = RequestFactory().get("/", REMOTE_ADDR="192.0.2.7", HTTP_X_FORWARDED_FOR="198.51.100.1")
    assert AccountAdapter().get_client_ip(request) == "192.0.2.7"


@pytest.mark.row("V6.3.1")
def test_guesses_at_many_accounts_from_one_address_are_stopped(study, lead):
    client = Client()
    for number in range(12):
        account = make_user(f"guessed{number}@example.org", "Guessed")
        answer = client.post(
            reverse("account_login"), {"login": account.email, "password": "wrong words here"}
        )
    right = client.post(reverse("account_login"), {"login": lead.email, "password": PASSWORD})
    assert b"Too many" in answer.content or answer.status_code == 429
    assert right.status_code != 302


def line(message: str, *args: object) -> str:
    record = logging.LogRecord("django.request", logging.WARNING, __file__, 1, message, args, None)
    return json.loads(JsonLines().format(record))["message"]


def test_links_that_let_somebody_in_are_cut_out_of_logs():
    assert line("Not Found: %s", "/invitations/aBc-123_x/") == "Not Found: /invitations/[link]/"
    assert line("Bad Request: %s", "/accounts/password/reset/key/1-abc-def/").endswith("/key/[link]/")
    assert (
        line('"GET %s HTTP/1.1" 404', "/s/x/consent/?code=Zebedee&x=1") == '"GET /s/x/consent/ HTTP/1.1" 404'
    )


def test_a_refused_invitation_leaves_no_token_in_the_log(study, lead, client, caplog):
    _, token = members.invite(study, by=lead, email="new@example.org", role="researcher", all_sites=True)
    with caplog.at_level(logging.INFO):
        answer = client.post(
            reverse("invitation", kwargs={"token": token}), {"name": "New", "password": "short"}
        )
    assert answer.status_code == 400
    assert [record for record in caplog.records if record.name == "django.request"]
    assert token not in " ".join(JsonLines().format(record) for record in caplog.records)


@pytest.mark.row("V16.3.1")
def test_sign_ins_are_logged_without_what_was_typed(study, lead, caplog):
    client = Client()
    with caplog.at_level(logging.INFO, logger="ipe.accounts"):
        client.post(reverse("account_login"), {"login": "typed@example.org", "password": "wrong words here"})
        client.post(reverse("account_login"), {"login": lead.email, "password": PASSWORD})
    told = [JsonLines().format(record) for record in caplog.records if record.name == "ipe.accounts"]
    assert ["failed" in one for one in told] == [True, False]
    assert str(lead.pk) in told[1]
    assert not any(typed in " ".join(told) for typed in ("typed@", lead.email, PASSWORD, "wrong words"))


def test_asking_for_new_passwords_is_limited(study, lead):
    client = Client()
    answers = [
        client.post(reverse("account_reset_password"), {"email": lead.email}).status_code for _ in range(5)
    ]
    assert answers[0] == 302
    assert answers[-1] == 429


@pytest.mark.row("V3.7.2")
@pytest.mark.parametrize(
    "to", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)"]
)
def test_signing_in_leads_to_no_other_host(study, lead, to):
    answer = Client().post(reverse("account_login"), {"login": lead.email, "password": PASSWORD, "next": to})
    assert answer.status_code == 302
    assert answer["Location"] == reverse("studies")


def test_a_password_alone_does_not_sign_in_somebody_with_a_second_factor(study, lead):
    TOTP.activate(lead, "JBSWY3DPEHPK3PXP")
    client = Client()
    answer = client.post(reverse("account_login"), {"login": lead.email, "password": PASSWORD})
    assert answer["Location"].startswith(reverse("mfa_authenticate"))
    assert client.get("/s/trial/").status_code == 302
    assert not django_settings.ACCOUNT_LOGIN_ON_PASSWORD_RESET


def test_without_a_second_factor_no_address_of_the_study_opens_in_production(study, lead, login, settings):
    from tests.test_every_url import ROWS

    settings.MFA_REQUIRED = True
    client = login(lead)
    made_up = {"pk": study.pk, "site": study.pk, "phase": study.pk, "threshold": study.pk, "wave": study.pk}
    made_up |= {
        "recipient": study.pk,
        "version": study.pk,
        "speaker": study.pk,
        "case": study.pk,
        "column": study.pk,
    }
    for row in ROWS:
        kwargs = {name: made_up.get(name, 1) for name in row.kwargs} | ({"slug": "trial"} if row.slug else {})
        url = reverse(row.url, kwargs=kwargs)
        if url.startswith(("/accounts/", "/health/")):
            continue
        for answer in (client.get(url), client.post(url, {})):
            assert answer.status_code == 302, url
            assert answer["Location"] == reverse("mfa_activate_totp"), url


@pytest.mark.row("V3.5.1")
def test_every_post_asks_for_the_forms_token(study, lead):
    client = Client(enforce_csrf_checks=True)
    client.force_login(lead)
    for name in ("account", "appearance", "study-new"):
        assert client.post(reverse(name), {}).status_code == 403
    assert client.post(reverse("settings", kwargs={"slug": "trial"}), {}).status_code == 403


def test_a_job_is_no_longer_seen_when_its_person_has_left_the_study(study, site_a, login):
    user = make_user("leaves@example.org", "Lou Leaves")
    make_member(study, user, "fieldwork_lead", site_a)
    job = jobs.enqueue("surveys.ingest", study, by=user, evaluation=study)
    assert login(user).get(reverse("job", kwargs={"pk": job.pk})).status_code == 200
    Member.objects.filter(user=user).delete()
    assert login(user).get(reverse("job", kwargs={"pk": job.pk})).status_code == 404
    assert Job.objects.filter(pk=job.pk).exists()


def test_audit_counts_take_numbers_only(study, lead):
    with pytest.raises(TypeError):
        audit.record("x", study, by=lead, evaluation=study, counts={"name": "Zebedee"})


BANNED_CALLS = {
    "eval",
    "exec",
    "compile",
    "mark_safe",
    "csrf_exempt",
    "raw",
    "extra",
    "RawSQL",
    "literal_eval",
}
BANNED_IMPORTS = {"pickle", "marshal", "shelve", "dill"}
# Each with its reason: HTML of which every text was escaped; Qualtrics' older files write Python's literals; names of
# columns cannot be parameters of SQL, so `impact.cells` quotes them, in a database of its own that holds one file.
ALLOWED = {
    ("coding/views/answers.py", "mark_safe"),
    ("surveys/readers/qualtrics.py", "literal_eval"),
    ("impact/cells/records.py", "execute"),
}


@pytest.mark.row("V1.1.2", "V1.2.4", "V1.3.2", "V3.5.1")
def test_nothing_that_runs_or_trusts_text_is_called():
    found = set()
    for path in python_files(*ROOMS):
        if "migrations" in path.parts:
            continue
        name = str(path.relative_to(ROOT))
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                called = (
                    node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                )
                is_regex = called == "compile" and isinstance(node.func, ast.Attribute)
                if called in BANNED_CALLS and not is_regex and (name, called) not in ALLOWED:
                    found.add(f"{name}:{node.lineno} {called}")
                is_text = called == "execute" and not isinstance(node.args[0], ast.Constant)
                if is_text and (name, called) not in ALLOWED:
                    found.add(f"{name}:{node.lineno} SQL made of text")
                if any(kw.arg == "shell" and getattr(kw.value, "value", None) for kw in node.keywords):
                    found.add(f"{name}:{node.lineno} a shell")
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found |= {f"{name} imports {one}" for one in names if one.split(".")[0] in BANNED_IMPORTS}
    assert sorted(found) == []


def test_scripts_keep_nothing_in_the_browser_and_draw_html_in_one_place():
    scripts = {path.name: path.read_text() for path in Path(ROOT / "static").rglob("*.js")}
    for name, text in scripts.items():
        for banned in (
            "localStorage",
            "sessionStorage",
            "indexedDB",
            "eval(",
            "new Function",
            "document.write",
        ):
            assert banned not in text, f"{name}: {banned}"
    drawn = {name: text.count("innerHTML") for name, text in scripts.items() if "innerHTML" in text}
    assert drawn == {"workspace.js": 1}  # turns, drawn by the server
