"""What an assignment opens, and when it opens nothing any more."""

from __future__ import annotations

import pytest

from consent import contact
from ipe import roles
from ipe.errors import Invalid, Refused
from ipe.models import Member


def test_contacts_open_for_an_assigned_researcher_until_the_role_changes(consented, book, researcher):
    [person] = consented()
    assert not contact.may_reveal(researcher, person)
    book([person])
    assert contact.may_reveal(researcher, person)
    for role in ("report_writer", "evaluation_lead"):
        Member.objects.filter(user=researcher).update(role=role)
        roles.forget(researcher)
        assert not contact.may_reveal(researcher, person)
        with pytest.raises(Refused):
            contact.reveal_contact(person, by=researcher)


def test_contacts_of_an_assigned_person_close_when_the_researcher_moves_site(
    consented, book, researcher, site_b
):
    [person] = consented()
    book([person])
    Member.objects.get(user=researcher).sites.set([site_b])
    roles.forget(researcher)
    assert not contact.may_reveal(researcher, person)


def test_a_family_stays_within_its_site(study, add, site_b, lead):
    from tests.conftest import make_member, make_user

    everywhere = make_user("both@example.org", "Bo Both")
    make_member(study, everywhere, "fieldwork_lead")
    theirs = add("Somebody", kind="family", site=site_b, by=everywhere)
    with pytest.raises(Invalid, match="another site"):
        add("Somebody else", kind="family", with_family_of=theirs, by=everywhere)
