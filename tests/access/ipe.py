"""The shell's part of the table of expected answers."""

from __future__ import annotations

import datetime as dt
from typing import Any

from tests.access.table import Row

STUDY_WIDE_EDIT = {
    "fieldwork": 403,
    "researcher": 403,
    "writer": 403,
    "data_protection": 403,
    "other_site": 403,
}
OWN = {
    "fieldwork": 404,
    "researcher": 404,
    "writer": 404,
    "data_protection": 404,
    "other_site": 404,
    "outsider": 404,
}
EVERY_MEMBER = ("lead", "fieldwork", "researcher", "writer", "data_protection", "other_site")
REDIRECTED = dict.fromkeys((*EVERY_MEMBER, "outsider", "anonymous"), 302)
NOT_THERE = dict.fromkeys((*EVERY_MEMBER, "outsider"), 404)
# Addresses of the sign-in package.
SIGNED_IN = ("account_change_password", "account_reauthenticate", "mfa_index", "usersessions_list")
OPEN: tuple[tuple[str, dict[str, str]], ...] = (
    ("account_inactive", {}),
    ("account_email_verification_sent", {}),
    ("account_reset_password", {}),
    ("account_reset_password_done", {}),
    ("account_reset_password_from_key", {"uidb36": "ipe_no_key", "key": "ipe_no_key"}),
    ("account_reset_password_from_key_done", {}),
    ("account_confirm_email", {"key": "ipe_no_key"}),
)
# To the studies for who is signed in already; the sign-in page itself for everybody else.
ENTRANCES = ("account_login", "account_signup")
# Steps of a sign-in or of setting up a second factor that nobody here is in the middle of.
LEADS_ELSEWHERE = (
    "account_email",
    "account_set_password",
    "account_confirm_login_code",
    "mfa_authenticate",
    "mfa_reauthenticate",
    "mfa_activate_totp",
    "mfa_generate_recovery_codes",
)
NO_CODES_YET = ("mfa_view_recovery_codes", "mfa_download_recovery_codes", "mfa_deactivate_totp")


def build(world: dict[str, Any]) -> None:
    from ipe import members
    from ipe.models import ContextEvent, Evaluation, Indicator, Job, Member, ResearchQuestion, Threshold, User

    study = Evaluation.objects.get(slug="trial")
    lead = User.objects.get(email="lead@example.org")
    site = study.sites.get(code="A")
    phase = study.phases.get(code="12m")
    question = ResearchQuestion.objects.create(evaluation=study, code="1", text="Does it reach the families?")
    indicator = Indicator.objects.create(
        evaluation=study, code="1a", title="Training useful", question=question
    )
    spare = Indicator.objects.create(evaluation=study, code="1b", title="Time for direct work")
    invitation, token = members.invite(
        study, by=lead, email="new@example.org", role="researcher", all_sites=True
    )
    second, _ = members.invite(study, by=lead, email="newer@example.org", role="researcher", all_sites=True)
    world |= {
        "ipe_site": site,
        "ipe_spare_site": study.sites.create(code="Z", name="Zeal"),
        "ipe_team": site.teams.get(code="team-1"),
        "ipe_phase": phase,
        "ipe_spare_phase": study.phases.create(code="36m", name="36 months", order=9),
        "ipe_event": ContextEvent.objects.create(
            evaluation=study, site=site, happened_on=dt.date(2026, 3, 1), title="Inspection"
        ),
        "ipe_question": question,
        "ipe_spare_question": ResearchQuestion.objects.create(
            evaluation=study, code="9", text="Anything else?"
        ),
        "ipe_indicator": indicator,
        "ipe_spare_indicator": spare,
        "ipe_threshold": Threshold.objects.create(indicator=indicator, phase=phase, value=70),
        "ipe_member": Member.objects.get(evaluation=study, user__email="writer@example.org"),
        "ipe_invitation": invitation,
        "ipe_second_invitation": second,
        "ipe_token": token,
        "ipe_no_key": "1-x",
        "ipe_job": Job.objects.create(
            name="surveys.ingest", subject_id=study.pk, evaluation=study, asked_by=lead, key="access"
        ),
    }


def _design(one: str, many: str, name: str) -> list[Row]:
    """The four addresses of one kind of row of the design."""
    return [
        Row(many),
        Row(f"{one}-add", **STUDY_WIDE_EDIT),
        Row(f"{one}-edit", {"pk": name}, **STUDY_WIDE_EDIT),
        Row(f"{one}-remove", {"pk": name}, **STUDY_WIDE_EDIT),
    ]


ROWS = [
    Row("health", slug=False, outsider=200, anonymous=200),
    Row("studies", slug=False, outsider=200),
    Row(
        "study-new",
        slug=False,
        lead=302,
        fieldwork=302,
        researcher=302,
        writer=302,
        data_protection=302,
        other_site=302,
        outsider=302,
    ),
    Row("account", slug=False, outsider=200),
    Row(
        "appearance",
        slug=False,
        method="POST",
        data={"theme": "dark"},
        lead=302,
        fieldwork=302,
        researcher=302,
        writer=302,
        data_protection=302,
        other_site=302,
        outsider=302,
    ),
    Row("job", {"pk": "ipe_job"}, slug=False, **OWN),
    Row("job-cancel", {"pk": "ipe_job"}, slug=False, method="POST", lead=302, **OWN),
    Row("overview"),
    Row("jobs"),
    Row("settings"),
    Row("settings", method="POST", data={"title": ""}, lead=400, **STUDY_WIDE_EDIT),
    *_design("site", "sites", "ipe_site"),
    *_design("team", "teams", "ipe_team"),
    *_design("phase", "phases", "ipe_phase"),
    *_design("event", "events", "ipe_event"),
    *_design("question", "questions", "ipe_question"),
    *_design("indicator", "indicators", "ipe_indicator"),
    Row("site-live-dates", {"pk": "ipe_site"}, **STUDY_WIDE_EDIT),
    Row("wave-edit", {"site": "ipe_site", "phase": "ipe_phase"}, **STUDY_WIDE_EDIT),
    Row("indicator", {"pk": "ipe_indicator"}),
    Row("threshold-add", {"pk": "ipe_indicator"}, **STUDY_WIDE_EDIT),
    Row("threshold-edit", {"pk": "ipe_indicator", "threshold": "ipe_threshold"}, **STUDY_WIDE_EDIT),
    Row("threshold-remove", {"pk": "ipe_indicator", "threshold": "ipe_threshold"}, **STUDY_WIDE_EDIT),
    Row("members"),
    Row("member-invite", **STUDY_WIDE_EDIT),
    Row("member-edit", {"pk": "ipe_member"}, **STUDY_WIDE_EDIT),
    Row("member-remove", {"pk": "ipe_member"}, **STUDY_WIDE_EDIT),
    Row("invitation-withdraw", {"pk": "ipe_second_invitation"}, method="POST", lead=302, **STUDY_WIDE_EDIT),
    Row("invitation", {"token": "ipe_token"}, slug=False, outsider=200, anonymous=200),
    *[Row(name, slug=False, outsider=200) for name in SIGNED_IN],
    *[Row(name, kwargs, slug=False, outsider=200, anonymous=200) for name, kwargs in OPEN],
    *[Row(name, slug=False, **(REDIRECTED | {"anonymous": 200})) for name in ENTRANCES],
    Row("account_logout", slug=False, outsider=200),
    *[Row(name, slug=False, **REDIRECTED) for name in LEADS_ELSEWHERE],
    *[Row(name, slug=False, **NOT_THERE) for name in NO_CODES_YET],
    Row("audit", fieldwork=403, researcher=403, writer=403, other_site=403),
    Row("audit-verify", method="POST", fieldwork=403, researcher=403, writer=403, other_site=403),
]
