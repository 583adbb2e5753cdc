"""The rights table of the design, spelled out by hand: a change in `roles.VERBS` must be made here too."""

import pytest

from ipe import roles
from ipe.errors import NotFound, Refused
from ipe.models import Site, Wave
from ipe.words import Role

L, F, R, W, D = Role.LEAD, Role.FIELDWORK, Role.RESEARCHER, Role.WRITER, Role.DATA_PROTECTION

EXPECTED = {
    "design.read": {L, F, R, W, D},
    "design.edit": {L},
    "members.edit": {L},
    "contacts.read": {F, D},
    "contacts.edit": {F},
    "contacts.erase": {D},
    "originals.read": {F, D},
    "originals.edit": {F},
    "originals.add": {F, R},
    "originals.erase": {D},
    "consent.read": {L, F, D},
    "consent.status": {L, F, R, D},
    "consent.edit": {F},
    "schedule.read": {L, F, D},
    "schedule.status": {L, F, R, D},
    "schedule.edit": {F},
    "text.read": {L, R, W},
    "text.edit": {R},
    "intake.read": {L, F, R, W},
    "intake.edit": {L, F},
    "findings.read": {L, R, W},
    "findings.edit": {L, R},
    "releases.read": {L, R, W, D},
    "releases.make": {W},
    "releases.draft": {R},
    "releases.own_schedule": {F},
    "releases.approve": {L},
    "audit.read": {L, D},
    "audit.edit": {D},
    "incidents.record": {F, R, W, D},
}


@pytest.mark.row("V8.1.1")
def test_every_right_is_the_design_s():
    assert {verb: set(granted) for verb, granted in roles.VERBS.items()} == EXPECTED


def test_scope_holds_for_single_rows_and_lists(study, site_a, site_b, fieldwork, lead):
    assert roles.may(fieldwork, "consent.edit", study, site_a)
    assert not roles.may(fieldwork, "consent.edit", study, site_b)
    assert set(Site.objects.visible_to(fieldwork)) == {site_a}
    assert set(Site.objects.visible_to(lead)) == {site_a, site_b}
    assert {wave.site for wave in Wave.objects.visible_to(fieldwork)} == {site_a}


def test_require_hides_what_may_not_be_known(study, site_a, site_b, fieldwork, outsider):
    roles.require(fieldwork, "consent.edit", study, site_a)
    with pytest.raises(NotFound):
        roles.require(fieldwork, "consent.edit", study, site_b)
    with pytest.raises(Refused):
        roles.require(fieldwork, "design.edit", study)
    with pytest.raises(NotFound):
        roles.require(outsider, "design.read", study)


def test_expired_member_and_inactive_account_reach_nothing(study, lead, writer):
    import datetime as dt

    study.members.filter(user=lead).update(expires_on=dt.date(2026, 11, 20))
    assert not roles.may(lead, "design.read", study)
    writer.is_active = False
    assert not Site.objects.visible_to(writer).exists()


def test_reach_asks_no_further_queries(study, fieldwork, django_assert_num_queries):
    roles.memberships(fieldwork)
    with django_assert_num_queries(1):
        list(Site.objects.visible_to(fieldwork))
