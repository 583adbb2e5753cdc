"""What consent answers to the other rooms' questions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from django.db.models import Model, Q
from django.urls import reverse
from django.utils import timezone

from consent import contact, recruiting, signing
from consent.models import Consent, Contact, FormVersion, Membership, Participant, RosterDraft, Withdrawal
from consent.section import ConsentForms
from consent.states import AgeBand, ConsentState
from ipe.models import Evaluation, Job, Phase, Site, User, Wave
from ipe.rooms import Due, Effect, Erasure, Hit, NavPage, Retention, Room


def erase(erasure: Erasure) -> list[Effect]:
    """What consent itself holds of a person. With "contact" and "future" consents stand: they cover what was
    done."""
    if erasure.scope != "delete":
        return []
    person: Participant = erasure.participant
    memberships = person.memberships.all()
    consents = person.consents.exclude(state__in=[ConsentState.WITHDRAWN, ConsentState.PROCESS_ERROR])
    contacts = Contact.objects.filter(participant=person)
    lists = RosterDraft.objects.filter(site=person.site_id)
    effects = [
        Effect("contact_details", "name and contact details erased", contacts.count()),
        Effect("memberships", "roles and teams removed", memberships.count()),
        Effect("consents", "consents ended", consents.count()),
        Effect("person_key", "key of this person destroyed", int(not person.is_erased)),
        Effect(
            "unfinished_lists", "unfinished lists of the site dropped, which may name them", lists.count()
        ),
    ]
    if not erasure.dry_run:
        for draft in lists:
            recruiting.drop(draft)
        contacts.delete()
        memberships.delete()
        signing.end_all(person)
        # The emptied row keeps code and site only.
        Participant.objects.filter(pk=person.pk).update(family=None, age_band=AgeBand.ADULT)
        person.family, person.age_band = None, AgeBand.ADULT
    return effects


def due(evaluation: Evaluation, user: User, today: dt.date) -> list[Due]:
    """People to ask again after a new version, and withdrawals whose last step failed or waits."""
    found: list[Due] = []
    slug = evaluation.slug
    for version in FormVersion.objects.live().filter(form__evaluation=evaluation, requires_reconsent=True):
        for person in signing.to_ask_again(version).visible_to(user).select_related("site"):
            found.append(
                Due(
                    label=f"Ask {person.code} again: “{version.form.title}” has a new version",
                    url=reverse("consent:person", kwargs={"slug": slug, "pk": person.pk}),
                    site_id=person.site_id,
                )
            )
    unfinished = Job.objects.exclude(state=Job.State.DONE).values("subject_id")
    waiting = (
        Withdrawal.objects.filter(participant__evaluation=evaluation, participant__in=unfinished)
        .visible_to(user)
        .select_related("participant")
    )
    for row in waiting:
        if row.is_pending:
            found.append(
                Due(
                    label=f"Withdrawal of {row.participant.code} is not finished",
                    url=reverse("consent:receipt", kwargs={"slug": slug, "pk": row.pk}),
                    due_on=timezone.localdate(row.at),
                    site_id=row.participant.site_id,
                    is_overdue=timezone.localdate(row.at) < today,
                )
            )
    return found


def find(evaluation: Evaluation, needle: str) -> list[Hit]:
    """Role titles and form wording that hold the text, and people whose name or address is or holds it."""
    if not needle.strip():
        return []
    slug = evaluation.slug
    hits = []
    roles_found = Membership.objects.filter(participant__evaluation=evaluation, role_title__icontains=needle)
    for membership in roles_found.select_related("participant"):
        url = reverse("consent:person", kwargs={"slug": slug, "pk": membership.participant_id})
        site_id = membership.participant.site_id
        hits.append(Hit("consent", f"Role of {membership.participant.code}", url, "consent.status", site_id))
    worded = FormVersion.objects.filter(form__evaluation=evaluation).filter(
        Q(text__icontains=needle) | Q(items__wording__icontains=needle)
    )
    for version in worded.select_related("form").distinct():
        url = reverse("consent:form", kwargs={"slug": slug, "pk": version.form_id})
        hits.append(Hit("consent", f"Consent form, {version}", url, "consent.read"))
    for person in contact.holders_of(evaluation, needle):
        url = reverse("consent:person", kwargs={"slug": slug, "pk": person.pk})
        hits.append(Hit("consent", f"Contact details of {person.code}", url, "contacts.read", person.site_id))
    return hits


def retain(evaluation: Evaluation, today: dt.date) -> list[Retention]:
    """Lists that were never imported go after a day; contact details when the study no longer needs them."""
    found: list[Retention] = []
    url = reverse("consent:people", kwargs={"slug": evaluation.slug})
    oldest = timezone.now() - dt.timedelta(hours=recruiting.DRAFT_HOURS)
    n_drafts = RosterDraft.objects.filter(evaluation=evaluation, created_at__lt=oldest).count()
    if n_drafts:
        found.append(
            Retention(
                "unfinished lists", "dropped after one day", timezone.localdate(oldest), n_drafts, url=url
            )
        )
    cut_off = evaluation.analysis_cut_off_on
    n_contacts = Contact.objects.filter(participant__evaluation=evaluation).count()
    if cut_off is not None and cut_off <= today and n_contacts:
        found.append(
            Retention(
                "contact details",
                "needed until aggregated analysis begins, then only where people agreed to recontact",
                cut_off,
                n_contacts,
                url=url,
            )
        )
    return found


def evidence(row: Model) -> Mapping[str, int]:
    """People and roles that hang on a site or wave, and consents on a phase."""
    if isinstance(row, Site):
        return {"people": row.participants.count()}
    if isinstance(row, Wave):
        return {"roles of people": row.memberships.count()}
    if isinstance(row, Phase):
        n_roles = Membership.objects.filter(wave__phase=row).count()
        return {"roles of people": n_roles, "consents": Consent.objects.filter(phases=row).count()}
    return {}


ROOM = Room(
    name="consent",
    label="Consent",
    order=10,
    pages=(
        NavPage("Consent", "consent:people", ("consent.status", "consent.read"), 30, key="c", icon="users"),
    ),
    owns=frozenset(
        {
            "consent.Participant",
            "consent.Contact",
            "consent.Membership",
            "consent.Membership_teams",
            "consent.Consent",
            "consent.Consent_phases",
            "consent.ConsentAnswer",
            "consent.Withdrawal",
        }
    ),
    erase=erase,
    due=due,
    find=find,
    retain=retain,
    protocol_section=ConsentForms(),
    evidence=evidence,
)
