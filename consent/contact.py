"""Contact details: sealed when written, opened only for a person who may and then on record."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.db import transaction

from consent.models import SEALED_FIELDS, Contact, Participant
from consent.rosters import LENGTHS, has_control_characters, normal_email, normal_phone
from ipe import audit, roles, rooms, vault
from ipe.errors import Conflict, Invalid, KeyDestroyed, Refused
from ipe.models import Evaluation, Site, User


@dataclass(frozen=True)
class Details:
    """A person's contact details in plain, for as long as one page is made of them."""

    name: str = ""
    phone: str = ""
    email: str = ""
    address: str = ""
    safe_note: str = ""
    preference: str = ""


def may_reveal(user: User, participant: Participant) -> bool:
    """By role and site, or because an activity that is not yet done is assigned to the person."""
    if participant.is_erased:
        return False
    if roles.may(user, "contacts.read", participant.evaluation, participant.site):
        return True
    # An assignment outlives a change of role or site: it counts for researchers of the site only.
    is_researcher = roles.may(user, "text.edit", participant.evaluation, participant.site)
    return is_researcher and participant.pk in rooms.assigned(user).participants


@transaction.atomic
def reveal_contact(participant: Participant, *, by: User) -> Details:
    """Open a person's contact details. Recorded in the audit trail, so never the answer to a GET.

    Raises
        Refused: Neither the role nor an assigned activity gives the right.
        KeyDestroyed: The person was erased.
    """
    if participant.is_erased:
        raise KeyDestroyed("The contact details of this person were erased.")
    if not may_reveal(by, participant):
        roles.require(by, "contacts.read", participant.evaluation, participant.site)
        raise Refused("You can see the contact details of people whose activity is assigned to you.")
    contact = Contact.objects.filter(participant=participant).first()
    if contact is None:
        return Details()
    scope = vault.participant_scope(participant.pk)
    held = [name for name in SEALED_FIELDS if contact.sealed(name)]
    opened = vault.open_many([(scope, contact.sealed(name), contact.where(name)) for name in held])
    if None in opened:
        raise KeyDestroyed("The contact details of this person were erased.")
    audit.record("contact.revealed", participant, by=by, evaluation=participant.evaluation, fields=held)
    return Details(**{name: text or "" for name, text in zip(held, opened, strict=True)})


def checked(details: Mapping[str, str]) -> dict[str, str]:
    """The details with surrounding blanks removed.

    Raises
        Invalid: At the field, without repeating what stands there.
    """
    wrong: dict[str, str] = {}
    plain = {name: details.get(name, "").strip() for name in SEALED_FIELDS if name in details}
    for name, text in plain.items():
        if has_control_characters(text):
            wrong[name] = "This holds a character that cannot be printed."
        elif len(text) > LENGTHS.get(name, 254):
            wrong[name] = f"Use at most {LENGTHS.get(name, 254)} characters."
    if plain.get("email") and not normal_email(plain["email"]):
        wrong["email"] = "This is not an e-mail address."
    if plain.get("phone") and not normal_phone(plain["phone"]):
        wrong["phone"] = "This is not a telephone number."
    if wrong:
        raise Invalid("Some contact details need to be corrected.", fields=wrong)
    return plain


def write_contact(participant: Participant, details: Mapping[str, str]) -> Contact:
    """Seal details that were `checked`, in the caller's transaction; fields not named keep what they hold."""
    contact = Contact.objects.filter(participant=participant).first() or Contact(participant=participant)
    person = vault.participant_scope(participant.pk)
    study = vault.evaluation_scope(participant.evaluation_id)
    for name, text in details.items():
        sealed = vault.seal(person, text, where=contact.where(name)) if text else b""
        setattr(contact, f"{name}_sealed", sealed)
    if "email" in details:
        email = normal_email(details["email"])
        contact.email_index = vault.index(study, email) if email else b""
    if "phone" in details:
        phone = normal_phone(details["phone"])
        contact.phone_index = vault.index(study, phone) if phone else b""
    contact.full_clean()
    contact.save()
    return contact


@transaction.atomic
def edit_contact(
    participant: Participant, *, details: Mapping[str, str], remove: Iterable[str] = (), by: User
) -> Contact:
    """Replace the fields that are given and empty those named in `remove`; an empty field given changes
    nothing.

    Raises
        Refused, NotFound: No right to edit contact details at this site.
        Invalid: A detail is not acceptable; Conflict: the e-mail address belongs to somebody else in the
        study. KeyDestroyed: The person was erased.
    """
    roles.require(by, "contacts.edit", participant.evaluation, participant.site)
    if participant.is_erased:
        raise KeyDestroyed("This person was erased; no contact details can be added.")
    removed = set(remove)
    if unknown := removed - set(SEALED_FIELDS):
        raise Invalid(f"There is no contact detail called {sorted(unknown)[0]}.")
    if "name" in removed:
        raise Invalid(
            "The name cannot be removed while the person takes part.", fields={"remove": "Keep the name."}
        )
    given = {name: text for name, text in checked(details).items() if text}
    for other in matching(participant.evaluation, visible_to=by, email=given.get("email", "")):
        if other.participant_id != participant.pk:
            raise Conflict(
                "The e-mail address is already in the study.",
                fields={"email": f"This address belongs to {other.participant.code}."},
            )
    contact = write_contact(participant, {**given, **dict.fromkeys(removed, "")})
    audit.record(
        "contact.edited", participant, by=by, evaluation=participant.evaluation, fields={*given, *removed}
    )
    return contact


def matching(evaluation: Evaluation, *, visible_to: User, email: str = "", phone: str = "") -> list[Contact]:
    """Contacts with this address or number, among the people this user may see: nobody learns of another
    site's."""
    study = vault.evaluation_scope(evaluation)
    people = Participant.objects.filter(evaluation=evaluation).visible_to(visible_to)
    contacts = Contact.objects.filter(participant__in=people).select_related("participant__site")
    found: list[Contact] = []
    if plain := normal_email(email):
        found += contacts.filter(email_index=vault.index(study, plain))
    if plain := normal_phone(phone):
        found += contacts.filter(phone_index=vault.index(study, plain))
    return list({contact.pk: contact for contact in found}.values())


def names_of(contacts: Iterable[Contact]) -> dict[uuid.UUID, str]:
    """Names by participant id, for comparing inside an act. The result must not leave it."""
    rows = [contact for contact in contacts if contact.name_sealed]
    opened = vault.open_many(
        [(vault.participant_scope(c.participant_id), c.sealed("name"), c.where("name")) for c in rows]
    )
    return {
        contact.participant_id: name for contact, name in zip(rows, opened, strict=True) if name is not None
    }


def known_names(evaluation: Evaluation, *, site: Site | None = None) -> list[tuple[str, str]]:
    """(name, code) of the study's people, to recognise them in a text that the reader already holds.

    For suggesting identifiers to replace: whoever calls it has checked the right to the text, shows a name
    only where the text itself has it, and stores none.
    """
    contacts = Contact.objects.filter(participant__evaluation=evaluation).select_related("participant")
    if site is not None:
        contacts = contacts.filter(participant__site=site)
    codes = {contact.participant_id: contact.participant.code for contact in contacts}
    return sorted((name, codes[person]) for person, name in names_of(contacts).items())


def holders_of(evaluation: Evaluation, needle: str) -> list[Participant]:
    """People whose name holds the text, or whose e-mail address or telephone number it is.

    For the study-wide search of a late redaction or a rights request; the caller has checked that right.
    """
    contacts = list(Contact.objects.filter(participant__evaluation=evaluation).select_related("participant"))
    study = vault.evaluation_scope(evaluation)
    email, phone = normal_email(needle), normal_phone(needle)
    wanted = {vault.index(study, plain) for plain in (email, phone) if plain}
    names = names_of(contacts)
    plain_needle = needle.strip().casefold()
    found = [
        row.participant
        for row in contacts
        if {bytes(row.email_index), bytes(row.phone_index)} & wanted
        or plain_needle in names.get(row.participant_id, "").casefold()
    ]
    return sorted(found, key=lambda person: person.code)
