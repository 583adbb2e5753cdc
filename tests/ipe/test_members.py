import datetime as dt

import pytest
from django.core.management import CommandError, call_command

from ipe import audit, roles
from ipe import members as acts
from ipe.errors import Conflict, Invalid, NotFound, Refused
from ipe.models import AuditEvent, Evaluation, Invitation, Member, User
from tests.conftest import PASSWORD, make_member, make_user

STRONG = "seven quiet herons at dawn"


@pytest.fixture
def site_lead(study, site_a):
    user = make_user("sitelead@example.org", "Sila Site")
    make_member(study, user, "evaluation_lead", site_a)
    return user


def invite(study, by, email="new@example.org", role="researcher", all_sites=False, sites=()):
    return acts.invite(study, by=by, email=email, role=role, all_sites=all_sites, sites=sites)


def test_invitation_keeps_only_a_hash_of_its_token(study, lead, site_a):
    invitation, token = invite(study, lead, " New@Example.org ", sites=[site_a])
    assert invitation.email == "new@example.org"
    assert token not in "".join(str(value) for value in Invitation.objects.values_list().get())
    assert acts.open_invitation(token) == invitation
    event = AuditEvent.objects.get()
    assert (event.action, event.counts) == ("member.invited", {"sites": 1})


@pytest.mark.parametrize("who", ["fieldwork", "researcher", "writer", "data_protection"])
def test_invite_is_refused_to_other_roles(study, who, site_a, request):
    with pytest.raises(Refused):
        invite(study, request.getfixturevalue(who), sites=[site_a])


def test_invite_by_an_outsider_finds_no_study(study, outsider, site_a):
    with pytest.raises(NotFound):
        invite(study, outsider, sites=[site_a])


def test_lead_of_one_site_invites_to_that_site_only(study, site_lead, site_a, site_b):
    invite(study, site_lead, sites=[site_a])
    with pytest.raises(NotFound):
        invite(study, site_lead, sites=[site_a, site_b])
    with pytest.raises(Refused):
        invite(study, site_lead, all_sites=True)


@pytest.mark.parametrize(
    ("values", "field"),
    [({"email": "nobody"}, "email"), ({"role": "king"}, "role"), ({"sites": ()}, "sites")],
)
def test_invite_names_what_is_wrong(study, lead, site_a, values, field):
    with pytest.raises(Invalid) as refused:
        invite(study, lead, **{"sites": [site_a], **values})
    assert set(refused.value.fields) == {field}


def test_invite_to_a_site_of_another_study_is_refused(study, lead):
    other = Evaluation.objects.create(slug="other", title="Other")
    far = other.sites.create(code="A", name="Far")
    with pytest.raises(NotFound):
        invite(study, lead, sites=[far])


def test_invite_for_a_role_already_held_is_refused(study, lead, researcher):
    with pytest.raises(Conflict):
        invite(study, lead, researcher.email, all_sites=True)


def test_second_invitation_withdraws_the_first(study, lead):
    _, first = invite(study, lead, all_sites=True)
    _, second = invite(study, lead, all_sites=True)
    with pytest.raises(NotFound):
        acts.open_invitation(first)
    assert acts.open_invitation(second)


def test_somebody_new_joins_with_role_and_sites(study, lead, site_a):
    _, token = invite(study, lead, sites=[site_a])
    member = acts.accept_invitation(token, by=None, name="Nia New", password=STRONG)
    user = User.objects.get(email="new@example.org")
    assert (member.user, member.role, member.all_sites, list(member.sites.all())) == (
        user,
        "researcher",
        False,
        [site_a],
    )
    assert user.check_password(STRONG)
    assert roles.may(user, "text.edit", study, site_a)


@pytest.mark.row("V6.4.1")
def test_invitation_works_once(study, lead):
    _, token = invite(study, lead, all_sites=True)
    acts.accept_invitation(token, by=None, name="Nia New", password=STRONG)
    with pytest.raises(NotFound):
        acts.accept_invitation(token, by=None, name="Nia Again", password=STRONG)
    assert Member.objects.filter(user__email="new@example.org").count() == 1


@pytest.mark.row("V6.4.1")
def test_invitation_ends_after_two_days(study, lead, clock):
    _, token = invite(study, lead, all_sites=True)
    clock.shift(dt.timedelta(hours=48, seconds=1))
    with pytest.raises(NotFound):
        acts.accept_invitation(token, by=None, name="Nia New", password=STRONG)
    assert not User.objects.filter(email="new@example.org").exists()


@pytest.mark.row("V6.2.4")
@pytest.mark.parametrize("password", ["short", "password1234", "1234567890123"])
def test_weak_password_is_refused_and_nothing_is_made(study, lead, password, settings):
    _, token = invite(study, lead, all_sites=True)
    if password == "1234567890123":
        password = "new@example.org"  # too close to the address
    with pytest.raises(Invalid) as refused:
        acts.accept_invitation(token, by=None, name="Nia New", password=password)
    assert set(refused.value.fields) == {"password"}
    assert not User.objects.filter(email="new@example.org").exists()
    assert acts.open_invitation(token)


def test_who_has_an_account_must_sign_in_first(study, lead, outsider):
    _, token = invite(study, lead, outsider.email, all_sites=True)
    with pytest.raises(Refused):
        acts.accept_invitation(token, by=None, name="Somebody", password=STRONG)
    outsider.refresh_from_db()
    assert outsider.check_password(PASSWORD)
    assert acts.accept_invitation(token, by=outsider).user == outsider


def test_invitation_is_for_its_address_only(study, lead, outsider, writer):
    _, token = invite(study, lead, outsider.email, all_sites=True)
    with pytest.raises(Refused):
        acts.accept_invitation(token, by=writer)


def test_withdrawn_invitation_is_useless_and_withdrawing_twice_is_quiet(study, lead, writer):
    invitation, token = invite(study, lead, all_sites=True)
    with pytest.raises(Refused):
        acts.withdraw_invitation(invitation, by=writer)
    for _ in range(2):
        acts.withdraw_invitation(invitation, by=lead)
    with pytest.raises(NotFound):
        acts.open_invitation(token)
    assert AuditEvent.objects.filter(action="invitation.withdrawn").count() == 1


def change(member, by, **values):
    given = {"role": member.role, "all_sites": member.all_sites, "sites": list(member.sites.all()), **values}
    return acts.change_member(member, by=by, **given)


@pytest.mark.row("V8.3.2")
def test_changed_sites_hold_at_once(study, lead, researcher, site_a, site_b):
    member = researcher.memberships.get()
    change(member, lead, sites=[site_b])
    researcher = User.objects.get(pk=researcher.pk)
    assert (
        roles.may(researcher, "text.edit", study, site_a),
        roles.may(researcher, "text.edit", study, site_b),
    ) == (
        False,
        True,
    )
    event = AuditEvent.objects.get()
    assert (event.action, event.fields) == ("member.changed", ["sites"])


def test_role_ends_after_its_last_day(study, lead, writer, clock):
    change(writer.memberships.get(), lead, expires_on=dt.date(2026, 11, 22))
    assert roles.may(User.objects.get(pk=writer.pk), "releases.make", study)
    clock.shift(dt.timedelta(days=2))
    assert not roles.may(User.objects.get(pk=writer.pk), "releases.make", study)


@pytest.mark.parametrize(
    "values", [{"role": "researcher"}, {"all_sites": False}, {"expires_on": dt.date(2027, 1, 1)}]
)
def test_the_last_lead_cannot_step_down(study, lead, site_a, values):
    with pytest.raises(Conflict):
        change(lead.memberships.get(), lead, **{"sites": [site_a], **values})
    assert lead.memberships.get().role == "evaluation_lead"


def test_the_last_lead_cannot_be_removed_but_one_of_two_can(study, lead):
    with pytest.raises(Conflict):
        acts.remove_member(lead.memberships.get(), by=lead)
    make_member(study, make_user("second@example.org", "Sam Second"), "evaluation_lead")
    acts.remove_member(lead.memberships.get(), by=lead)
    assert not roles.may(User.objects.get(pk=lead.pk), "design.read", study)


def test_remove_member_ends_the_role_and_keeps_the_account(study, lead, writer):
    acts.remove_member(writer.memberships.get(), by=lead)
    assert User.objects.filter(pk=writer.pk).exists()
    assert not Member.objects.filter(user=writer).exists()
    assert AuditEvent.objects.get().action == "member.removed"


def test_lead_of_one_site_cannot_touch_members_beyond_it(study, site_lead, other_site, writer, researcher):
    for member in (*other_site.memberships.all(), writer.memberships.get()):
        with pytest.raises((Refused, NotFound)):
            acts.remove_member(member, by=site_lead)
    acts.remove_member(researcher.memberships.get(), by=site_lead)


def test_two_rows_of_one_role_are_refused(study, lead, other_site):
    member = other_site.memberships.get(role="researcher")
    with pytest.raises(Invalid):
        change(member, lead, role="fieldwork_lead")


def test_rename(lead):
    acts.rename(lead, name=" Lena L. ")
    lead.refresh_from_db()
    assert lead.name == "Lena L."
    with pytest.raises(Invalid):
        acts.rename(lead, name="  ")


def link_of(capsys, *arguments: str) -> str:
    call_command("invite", *arguments)
    return "/" + capsys.readouterr().out.split()[0].split("/", 3)[3]


def test_the_first_account_may_create_studies(client, db, capsys):
    link = link_of(capsys, " First@Example.org")
    assert b"invited to create studies" in client.get(link).content
    answer = client.post(link, {"name": "Fay First", "password": STRONG})
    assert (answer.status_code, answer["Location"]) == (302, "/")
    user = User.objects.get()
    assert (user.email, user.may_create_studies, user.is_superuser) == ("first@example.org", True, False)
    assert client.get(link).status_code == 404
    assert audit.verify().is_whole


def test_a_study_imported_at_the_command_line_gets_its_lead(client, study, capsys):
    earlier = link_of(capsys, "lead2@example.org", "--study", "trial")
    link = link_of(capsys, "lead2@example.org", "--study", "trial")
    assert client.get(earlier).status_code == 404
    client.post(link, {"name": "Lea Lead", "password": STRONG})
    member = Member.objects.get(user__email="lead2@example.org")
    assert (member.role, member.all_sites, member.user.may_create_studies) == ("evaluation_lead", True, False)


@pytest.mark.parametrize("arguments", [("nobody",), ("a@example.org", "--study", "no-such")])
def test_the_operators_invitation_says_what_is_wrong(db, arguments):
    with pytest.raises(CommandError):
        call_command("invite", *arguments)
    assert not Invitation.objects.exists()
