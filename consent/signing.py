"""Consent forms and what people answer on them."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import count
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.text import slugify

from consent import gates
from consent.models import Consent, ConsentAnswer, ConsentForm, ConsentItem, FormVersion, Participant
from consent.querysets import ParticipantQuerySet
from consent.standing import standing
from consent.states import (
    AgeBand,
    Answer,
    Audience,
    ConsentState,
    ItemCode,
    Kind,
    ProcessError,
    Recruitment,
    Signatory,
    Status,
    may_become,
    may_move,
)
from ipe import audit, roles
from ipe.errors import Conflict, Invalid, NotReady
from ipe.models import Evaluation, Phase, User

# Forms and versions


@transaction.atomic
def create_form(
    evaluation: Evaluation,
    *,
    title: str,
    audience: str,
    text: str,
    items: Sequence[tuple[str, str]],
    by: User,
    code: str = "",
) -> FormVersion:
    """A new form with its first version, not yet in use. `items` are (item code, wording) in order.

    Raises
        Refused, NotFound: No right to edit consent in this study.
        Invalid: No text, no items, or "taking part" is not asked.
    """
    roles.require(by, "consent.edit", evaluation)
    form = ConsentForm(
        evaluation=evaluation,
        code=code or _free_code(evaluation, title),
        title=title.strip(),
        audience=audience,
    )
    _clean_title(form)
    form.save(force_insert=True)
    version = FormVersion(form=form, number=1)
    write_wording(version, text, items)
    audit.record("consent_form.created", form, by=by, evaluation=evaluation, counts={"items": len(items)})
    return version


def _free_code(evaluation: Evaluation, title: str) -> str:
    """The title as an address, numbered where another has it; many scripts leave nothing of a title."""
    base = slugify(title)[:36] or "form"
    taken = set(evaluation.consent_forms.values_list("code", flat=True))
    codes = (base if n == 1 else f"{base}-{n}" for n in count(1))
    return next(code for code in codes if code not in taken)


def _clean_title(form: ConsentForm) -> None:
    others = ConsentForm.objects.filter(evaluation=form.evaluation)
    if others.filter(Q(title__iexact=form.title) | Q(code=form.code)).exists():
        raise Invalid(
            "Another form has this title.", fields={"title": "Another form of this study has this title."}
        )
    form.full_clean()


def write_wording(version: FormVersion, text: str, items: Sequence[tuple[str, str]]) -> None:
    codes = [code for code, _ in items]
    if not text.strip():
        raise Invalid("The form has no text.", fields={"text": "Enter what people are told and agree to."})
    if ItemCode.TAKE_PART not in codes:
        raise Invalid(
            "The form has to ask about taking part.", fields={"take_part": "Enter the wording of this item."}
        )
    if len(set(codes)) != len(codes) or not set(codes) <= set(ItemCode.values):
        raise Invalid("Each item is asked once, and only items of the list.")
    version.text = text
    version.full_clean()
    version.save()
    version.items.all().delete()
    rows = [
        ConsentItem(version=version, code=code, wording=wording.strip(), order=order)
        for order, (code, wording) in enumerate(items)
    ]
    for row in rows:
        row.full_clean()
    ConsentItem.objects.bulk_create(rows)


def _locked(version: FormVersion) -> FormVersion:
    return (
        FormVersion.objects.select_for_update(of=("self",))
        .select_related("form__evaluation")
        .get(pk=version.pk)
    )


@transaction.atomic
def edit_version(
    version: FormVersion, *, text: str, items: Sequence[tuple[str, str]], by: User
) -> FormVersion:
    """Change the wording of a version that nobody has answered yet.

    Raises
        Refused, NotFound: No right to edit consent in this study.
        NotReady: Somebody answered it (CN-01); copy it to a new version instead.
        Invalid: As for `create_form`.
    """
    roles.require(by, "consent.edit", version.form.evaluation)
    held = _locked(version)
    if held.is_frozen:
        raise NotReady(f"{held} has been answered and can no longer be changed. Make a new version instead.")
    write_wording(held, text, items)
    audit.record(
        "form_version.edited", held, by=by, evaluation=held.form.evaluation, fields=["text", "items"]
    )
    return held


@transaction.atomic
def new_version(version: FormVersion, *, by: User) -> FormVersion:
    """Copy a version's text and items to the next number, not yet in use.

    Raises
        Refused, NotFound: No right to edit consent in this study.
        Conflict: A version that was never in use exists already; edit that one.
    """
    roles.require(by, "consent.edit", version.form.evaluation)
    held = _locked(version)
    ConsentForm.objects.select_for_update(of=("self",)).get(pk=held.form_id)
    newest = held.form.versions.order_by("-number").first()
    if newest is not None and newest.published_at is None:
        raise Conflict(f"Version {newest.number} has not been in use yet. Edit it instead.")
    copy = FormVersion(form=held.form, number=(newest.number if newest else 0) + 1)
    write_wording(copy, held.text, [(item.code, item.wording) for item in held.items.all()])
    audit.record("form_version.copied", copy, by=by, evaluation=held.form.evaluation)
    return copy


@transaction.atomic
def publish(version: FormVersion, *, by: User, requires_reconsent: bool = False) -> FormVersion:
    """Put a version in use in place of the one before. Already in use: nothing happens.

    With `requires_reconsent` people who signed an earlier version are not ready until asked again (CN-05).

    Raises
        Refused, NotFound: No right to edit consent in this study.
        Conflict: A later version has been in use.
    """
    roles.require(by, "consent.edit", version.form.evaluation)
    held = _locked(version)
    if held.is_live:
        return held
    if held.form.versions.filter(number__gt=held.number, published_at__isnull=False).exists():
        raise Conflict("A later version has been in use. Copy this one to a new version instead.")
    held.form.versions.filter(is_live=True).update(is_live=False)
    held.is_live, held.published_at, held.requires_reconsent = True, timezone.now(), requires_reconsent
    held.full_clean()
    held.save()
    audit.record("form_version.published", held, by=by, evaluation=held.form.evaluation)
    return held


def to_ask_again(version: FormVersion) -> ParticipantQuerySet:
    """People whose consent in force is on an earlier version of a form that asks everybody again."""
    people: ParticipantQuerySet = Participant.objects.active()
    if not (version.is_live and version.requires_reconsent):
        return people.none()
    return people.filter(
        consents__state=ConsentState.GIVEN,
        consents__version__form=version.form_id,
        consents__version__number__lt=version.number,
    ).distinct()


# Answers


def _audiences(participant: Participant) -> frozenset[str]:
    if participant.kind == Kind.STAFF:
        return frozenset({Audience.STAFF})
    return {
        AgeBand.CHILD: frozenset({Audience.CHILD, Audience.RESPONSIBLE_ADULT}),
        AgeBand.YOUNG_PERSON: frozenset({Audience.YOUNG_PERSON}),
    }.get(AgeBand(participant.age_band), frozenset({Audience.ADULT}))


def forms_for(participant: Participant) -> list[FormVersion]:
    """The versions in use that this person, or the adult responsible for them, can be asked to sign."""
    versions = FormVersion.objects.live().filter(
        form__evaluation=participant.evaluation_id, form__audience__in=_audiences(participant)
    )
    return list(versions.select_related("form").prefetch_related("items"))


def snapshot(consent: Consent) -> dict[str, Any]:
    """What was signed: wording, items, answers and circumstances, without a name (CN-02)."""
    return {
        "consent": str(consent.pk),
        "participant": str(consent.participant_id),
        "form": consent.version.form.title,
        "version": consent.version.number,
        "text": consent.version.text,
        "answers": [[a.item.code, a.item.wording, a.answer] for a in consent.answers.select_related("item")],
        "signatory": consent.signatory,
        "mode": consent.mode,
        "where": consent.taken_where,
        "at": consent.taken_at.astimezone(dt.UTC).isoformat(),
        "phases": sorted(phase.code for phase in consent.phases.all()),
    }


def hash_of(consent: Consent) -> str:
    canonical = json.dumps(snapshot(consent), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


def is_as_signed(consent: Consent) -> bool:
    """Whether wording and answers are still exactly what was hashed when the consent was recorded."""
    return hash_of(consent) == consent.snapshot_hash


def _check_signing(
    participant: Participant,
    version: FormVersion,
    signatory: str,
    taken_at: dt.datetime,
    phases: Sequence[Phase],
    answers: Mapping[str, str],
) -> None:
    if version.form.evaluation_id != participant.evaluation_id or not version.is_live:
        raise NotReady("This version of the form is not in use.")
    if version.form.audience not in _audiences(participant):
        audience = version.form.get_audience_display().lower()
        raise Invalid(f"This form is for {audience}; {participant.code} is not.")
    for_child = version.form.audience == Audience.RESPONSIBLE_ADULT
    if for_child == (signatory == Signatory.OWN):
        who = "the adult responsible answers" if for_child else "the participant answers"
        raise Invalid(f"On this form {who}.", fields={"signatory": f"On this form {who}."})
    if taken_at > timezone.now():
        raise Invalid("The consent lies in the future.", fields={"taken_at": "This lies in the future."})
    if not phases or any(phase.evaluation_id != participant.evaluation_id for phase in phases):
        raise Invalid("Choose the phases it covers.", fields={"phases": "Choose at least one phase."})
    asked = {item.code for item in version.items.all()}
    if unknown := set(answers) - asked:
        raise Invalid(f"This form does not ask about “{sorted(unknown)[0]}”.")
    if answers.get(ItemCode.TAKE_PART) not in {Answer.YES, Answer.NO}:
        raise Invalid(
            "The answer about taking part is missing.", fields={ItemCode.TAKE_PART: "Answer yes or no."}
        )
    if not set(answers.values()) <= set(Answer.values):
        raise Invalid("Each item is answered yes, no or not asked.")


@transaction.atomic
def record_consent(
    participant: Participant,
    *,
    version: FormVersion,
    answers: Mapping[str, str],
    mode: str,
    taken_where: str,
    taken_at: dt.datetime,
    phases: Iterable[Phase],
    by: User,
    signatory: str = Signatory.OWN,
) -> Consent:
    """Record a form as it was answered; items without an answer count as not asked.

    The first answer freezes the version. Earlier consents of the same form and signatory whose phases are all
    covered by this one are kept as replaced. "No" to taking part makes it a refusal. The same answers sent
    twice are recorded once.

    Raises
        Refused, NotFound: No right to edit consent at this site.
        NotReady: The person withdrew or is not yet informed, or the version is not in use.
        Invalid: Wrong audience or signatory, a moment in the future, no phase, an item answered that is not
        asked.
    """
    roles.require(by, "consent.edit", participant.evaluation, participant.site)
    held = (
        Participant.objects.select_for_update(of=("self",))
        .select_related("evaluation", "site")
        .get(pk=participant.pk)
    )
    if held.status != Status.ACTIVE:
        raise NotReady(f"{held.code} has withdrawn; no consent can be recorded.")
    covered = list(phases)
    locked = _locked(version)
    _check_signing(held, locked, signatory, taken_at, covered, answers)
    if (same := _same(held, locked, signatory, taken_at, covered, answers)) is not None:
        return same
    if held.recruitment not in {Recruitment.INFORMED, Recruitment.CONSENTED}:
        raise NotReady(f"{held.code} has to be informed before consent is recorded.")
    refused = answers[ItemCode.TAKE_PART] == Answer.NO
    consent = Consent(
        participant=held,
        version=locked,
        signatory=signatory,
        mode=mode,
        taken_by=by,
        taken_where=taken_where,
        taken_at=taken_at,
        snapshot_hash="0" * 64,
        state=ConsentState.REFUSED if refused else ConsentState.GIVEN,
    )
    consent.full_clean()
    consent.save(force_insert=True)
    consent.phases.set(covered)
    ConsentAnswer.objects.bulk_create(
        ConsentAnswer(consent=consent, item=item, answer=answers.get(item.code, Answer.NOT_ASKED))
        for item in locked.items.all()
    )
    consent.snapshot_hash = hash_of(consent)
    consent.save(update_fields=["snapshot_hash"])
    if not locked.is_frozen:
        locked.frozen_at = timezone.now()
        locked.save(update_fields=["frozen_at"])
    n_replaced = _replace_earlier(consent, covered)
    _follow_consents(held, covered)
    audit.record(
        "consent.refused" if refused else "consent.given",
        consent,
        by=by,
        evaluation=held.evaluation,
        counts={"items": len(answers), "replaced": n_replaced},
    )
    return consent


def _same(
    participant: Participant,
    version: FormVersion,
    signatory: str,
    taken_at: dt.datetime,
    phases: Sequence[Phase],
    answers: Mapping[str, str],
) -> Consent | None:
    """The record that a second click would repeat, if there is one in force."""
    rows = participant.consents.standing().filter(version=version, signatory=signatory, taken_at=taken_at)
    for row in rows.prefetch_related("answers__item", "phases"):
        said = {a.item.code: a.answer for a in row.answers.all()}
        wanted = {code: answers.get(code, Answer.NOT_ASKED) for code in said}
        if said == wanted and {p.pk for p in row.phases.all()} == {p.pk for p in phases}:
            return row
    return None


def _replace_earlier(consent: Consent, phases: Sequence[Phase]) -> int:
    covered = {phase.pk for phase in phases}
    earlier = (
        consent.participant.consents.standing()
        .filter(
            version__form=consent.version.form_id, signatory=consent.signatory, taken_at__lte=consent.taken_at
        )
        .exclude(pk=consent.pk)
        .prefetch_related("phases")
    )
    n_replaced = 0
    for row in earlier:
        if {phase.pk for phase in row.phases.all()} <= covered:
            _become(row, ConsentState.SUPERSEDED, replaced_by=consent)
            n_replaced += 1
    return n_replaced


def _become(consent: Consent, state: str, **changes: object) -> None:
    if not may_become(consent.state, state):
        raise NotReady(f"A consent that is “{consent.get_state_display().lower()}” cannot become that.")
    consent.state, consent.ended_at = state, timezone.now()
    for name, value in changes.items():
        setattr(consent, name, value)
    consent.full_clean()
    consent.save()


def _follow_consents(participant: Participant, phases: Sequence[Phase]) -> None:
    """Recruitment follows what the consents of these phases add up to; a child is consented when both said
    yes."""
    records = gates.signed_records(Participant.objects.with_consents().get(pk=participant.pk))
    said = {
        standing(records, ItemCode.TAKE_PART, phase.pk, needs_adult=participant.needs_adult_consent)
        for phase in phases
    }
    to = (
        Recruitment.CONSENTED
        if Answer.YES in said
        else Recruitment.DECLINED
        if Answer.NO in said
        else Recruitment.INFORMED
    )
    if to != participant.recruitment and may_move(participant.recruitment, to, by_hand=False):
        participant.recruitment = to
        participant.save(update_fields=["recruitment"])


@transaction.atomic
def set_aside(consent: Consent, *, reason: str, by: User) -> Consent:
    """Set a consent aside because of an error in the process (CN-06); it stays on record and counts for
    nothing.

    What it had replaced stays replaced: ask again. Twice: nothing happens.

    Raises
        Refused, NotFound: No right to edit consent at this site.
        Invalid: No reason of the list. NotReady: It was already replaced or withdrawn.
    """
    participant = consent.participant
    roles.require(by, "consent.edit", participant.evaluation, participant.site)
    person = (
        Participant.objects.select_for_update(of=("self",))
        .select_related("evaluation")
        .get(pk=participant.pk)
    )
    held = Consent.objects.select_for_update(of=("self",)).get(pk=consent.pk)
    if held.state == ConsentState.PROCESS_ERROR:
        return held
    if reason not in ProcessError.values:
        raise Invalid("Choose what went wrong.", fields={"reason": "Choose one of the reasons."})
    _become(held, ConsentState.PROCESS_ERROR, process_error=reason)
    _follow_consents(person, list(person.evaluation.phases.all()))
    audit.record(
        "consent.set_aside",
        held,
        by=by,
        evaluation=person.evaluation,
        fields=["state", f"process_error:{reason}"],
    )
    return held


@transaction.atomic
def end_all(participant: Participant) -> int:
    """Mark every consent of an erased person as withdrawn; part of a withdrawal, which asks and records."""
    rows = list(participant.consents.exclude(state__in=[ConsentState.WITHDRAWN, ConsentState.PROCESS_ERROR]))
    for row in rows:
        _become(row, ConsentState.WITHDRAWN)
    return len(rows)
