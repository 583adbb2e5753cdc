import dataclasses

import pytest

from consent import contact, withdrawal
from consent.models import SEALED_FIELDS, Contact
from ipe.errors import Conflict, Invalid, KeyDestroyed, NotFound, Refused
from ipe.models import AuditEvent

FULL = {
    "email": "Canary@Example.org",
    "phone": "+44 1632 960123",
    "address": "1 Canary Row",
    "safe_note": "Never write",
    "preference": "After six",
}


def test_every_detail_has_its_sealed_column():
    assert {field.name for field in dataclasses.fields(contact.Details)} == set(SEALED_FIELDS)


def test_reveal_gives_what_was_stored_and_is_recorded(add, fieldwork, data_protection):
    person = add("Zoë 😀 أمل", details=FULL)
    for user in (fieldwork, data_protection):
        details = contact.reveal_contact(person, by=user)
        assert dataclasses.asdict(details) == {"name": "Zoë 😀 أمل", **FULL}
    events = AuditEvent.objects.filter(action="contact.revealed")
    assert {event.actor_id for event in events} == {fieldwork.pk, data_protection.pk}
    assert events[0].fields == sorted(SEALED_FIELDS)


@pytest.mark.parametrize("role", ["lead", "researcher", "writer"])
def test_reveal_by_a_role_that_may_not(role, add, request):
    with pytest.raises(Refused):
        contact.reveal_contact(add(), by=request.getfixturevalue(role))
    assert not AuditEvent.objects.filter(action="contact.revealed").exists()


def test_reveal_by_another_site(add, other_site, outsider):
    person = add()
    for user in (other_site, outsider):
        with pytest.raises(NotFound):
            contact.reveal_contact(person, by=user)


def test_nothing_is_stored_in_plain(add):
    add("Ann Canary", details=FULL)
    row = Contact.objects.values().get()
    stored = b"".join(bytes(value) for value in row.values() if isinstance(value, bytes | memoryview))
    assert b"anary" not in stored.lower()


def test_edit_replaces_what_is_given_and_removes_what_is_named(add, fieldwork):
    person = add("Ann", details=FULL)
    contact.edit_contact(
        person, details={"phone": "01632 960999", "email": ""}, remove=["address"], by=fieldwork
    )
    details = contact.reveal_contact(person, by=fieldwork)
    assert (details.phone, details.email, details.address) == ("01632 960999", FULL["email"], "")
    assert AuditEvent.objects.get(action="contact.edited").fields == ["address", "phone"]


def test_edit_to_an_address_that_belongs_to_somebody(add, fieldwork):
    add("Ann", details={"email": "a@x.org"})
    person = add("Bob")
    with pytest.raises(Conflict) as caught:
        contact.edit_contact(person, details={"email": "A@X.org"}, by=fieldwork)
    assert caught.value.fields == {"email": "This address belongs to P-001."}


def test_edit_refusals(add, fieldwork, data_protection, other_site):
    person = add()
    for user, refusal in ((data_protection, Refused), (other_site, NotFound)):
        with pytest.raises(refusal):
            contact.edit_contact(person, details={"name": "X"}, by=user)
    with pytest.raises(Invalid):
        contact.edit_contact(person, details={}, remove=["name"], by=fieldwork)
    with pytest.raises(Invalid):
        contact.edit_contact(person, details={}, remove=["nonsense"], by=fieldwork)


def test_nothing_opens_or_is_added_after_erasure(add, fieldwork):
    person = add("Ann", details=FULL)
    withdrawal.withdraw(person, scope="delete", by=fieldwork)
    person.refresh_from_db()
    with pytest.raises(KeyDestroyed):
        contact.reveal_contact(person, by=fieldwork)
    with pytest.raises(KeyDestroyed):
        contact.edit_contact(person, details={"name": "Ann"}, by=fieldwork)


def test_known_names_and_holders(study, add, site_b):
    add("Ann Canary", details=FULL)
    assert contact.known_names(study) == [("Ann Canary", "P-001")]
    assert contact.known_names(study, site=site_b) == []
    for needle in ("canary", "canary@example.ORG", "01632960123"):
        assert [p.code for p in contact.holders_of(study, needle)] == ["P-001"]
    assert contact.holders_of(study, "nobody") == []
