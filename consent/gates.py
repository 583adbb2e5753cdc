"""What a person's consents allow. Every use of a person's words or voice asks here first (CN-03, CN-04)."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from consent.models import Consent, FormVersion, Participant
from consent.standing import Signed, in_force, standing
from consent.states import Answer, ConsentState, ItemCode, Signatory
from ipe.errors import NotReady
from ipe.models import Evaluation, Phase


def _phase_id(phase: Phase | uuid.UUID | None) -> uuid.UUID | None:
    return phase.pk if isinstance(phase, Phase) else phase


def _with_consents(participant: Participant) -> Participant:
    """The person with consents loaded: as given when they are prefetched, else read in a fixed number of
    queries."""
    if "consents" in getattr(participant, "_prefetched_objects_cache", {}):
        return participant
    return Participant.objects.with_consents().get(pk=participant.pk)


def _signed(consent: Consent) -> Signed:
    return Signed(
        form_id=consent.version.form_id,
        signatory=consent.signatory,
        taken_at=consent.taken_at,
        state=consent.state,
        phases=frozenset(phase.pk for phase in consent.phases.all()),
        answers={answer.item.code: answer.answer for answer in consent.answers.all()},
        version=consent.version.number,
    )


def signed_records(participant: Participant) -> list[Signed]:
    return [_signed(consent) for consent in _with_consents(participant).consents.all()]


def _has_taken_back(participant: Participant, item: str) -> bool:
    """By withdrawing: every scope ends contact, deletion everything."""
    return participant.is_erased or (item == ItemCode.RECONTACT and not participant.is_active)


def answer(participant: Participant, item: str, phase: Phase | uuid.UUID | None = None) -> Answer:
    """What the person's consents say to one item, for a phase or, without one, for all they ever signed.

    An erased person has agreed to nothing, and a withdrawn one to no further contact. Load many people with
    `Participant.objects.with_consents()`.
    """
    if _has_taken_back(participant, item):
        return Answer.NO
    return standing(
        signed_records(participant), item, _phase_id(phase), needs_adult=participant.needs_adult_consent
    )


def answers(participant: Participant, phase: Phase | uuid.UUID | None = None) -> dict[str, Answer]:
    """The answer to every item, by item code."""
    records = [] if participant.is_erased else signed_records(participant)
    needs_adult = participant.needs_adult_consent
    return {
        item.value: Answer.NO
        if _has_taken_back(participant, item)
        else standing(records, item, _phase_id(phase), needs_adult=needs_adult)
        for item in ItemCode
    }


def require(participant: Participant, item: str, phase: Phase | uuid.UUID | None = None) -> None:
    """Do nothing when the person said yes.

    Raises
        NotReady: They said no or were not asked; the message names the item and the code.
    """
    said = answer(participant, item, phase)
    if said == Answer.YES:
        return
    label = ItemCode(item).label.lower()
    why = "said no to" if said == Answer.NO else "was not asked about"
    when = f" for {phase.name}" if isinstance(phase, Phase) else ""
    raise NotReady(f"{participant.code} {why} “{label}”{when}, so this cannot be done.")


def quotable(
    participant_ids: Iterable[uuid.UUID], phase: Phase | uuid.UUID | None = None
) -> dict[uuid.UUID, bool]:
    """Whether each person's words may be quoted, in a fixed number of queries; False for an unknown id."""
    wanted = set(participant_ids)
    people = Participant.objects.filter(pk__in=wanted).with_consents()
    found = {person.pk: answer(person, ItemCode.QUOTE, phase) == Answer.YES for person in people}
    return {person_id: found.get(person_id, False) for person_id in wanted}


@dataclass(frozen=True)
class Readiness:
    """Whether a person can take part in an activity of a phase, and if not, what stands in the way."""

    code: str
    reasons: tuple[str, ...] = ()

    @property
    def is_ready(self) -> bool:
        return not self.reasons


def versions_to_sign_again(evaluation: Evaluation) -> dict[uuid.UUID, FormVersion]:
    """By form, the version in use that everybody has to sign who signed an earlier one (CN-05)."""
    live = FormVersion.objects.filter(form__evaluation=evaluation, is_live=True, requires_reconsent=True)
    return {version.form_id: version for version in live.select_related("form")}


def readiness(
    participant: Participant,
    phase: Phase,
    *,
    again: Mapping[uuid.UUID, FormVersion] | None = None,
    held_at: dt.datetime | None = None,
) -> Readiness:
    """CN-05, CN-09, CN-11, CN-13 for one person and phase. For many people pass `again` and prefetched
    people.

    `held_at`: when it begins. Withdrawing later without deletion keeps what was collected by then.
    """
    if not participant.is_active and not _withdrew_after(participant, held_at):
        return Readiness(participant.code, (f"{participant.code} has withdrawn.",))
    if again is None:
        again = versions_to_sign_again(participant.evaluation)
    records = signed_records(participant)
    current = in_force(records, phase.pk)
    reasons = list(_missing(participant, records, phase))
    for record in current:
        version = again.get(record.form_id)
        given = record.state == ConsentState.GIVEN
        if given and version is not None and record.version < version.number:
            newer = f"“{version.form.title}” is now version {version.number}"
            reasons.append(f"{participant.code} has to be asked again: {newer}.")
    return Readiness(participant.code, tuple(dict.fromkeys(reasons)))


def _withdrew_after(participant: Participant, held_at: dt.datetime | None) -> bool:
    if held_at is None or participant.is_erased:
        return False
    return not participant.withdrawals.filter(at__lt=held_at).exists()


def _missing(participant: Participant, records: list[Signed], phase: Phase) -> Iterable[str]:
    own = standing(
        [r for r in records if r.signatory == Signatory.OWN], ItemCode.TAKE_PART, phase.pk, needs_adult=False
    )
    if own == Answer.NO:
        yield f"{participant.code} said no to taking part in {phase.name}."
    elif own == Answer.NOT_ASKED:
        what = "assent" if participant.needs_adult_consent else "consent"
        yield f"{participant.code} has no {what} that covers {phase.name}."
    if participant.needs_adult_consent and own != Answer.NO:
        both = standing(records, ItemCode.TAKE_PART, phase.pk, needs_adult=True)
        adults = [r for r in in_force(records, phase.pk) if r.signatory != Signatory.OWN]
        if both == Answer.NO:
            yield f"An adult responsible for {participant.code} said no to {phase.name}."
        elif not any(r.says(ItemCode.TAKE_PART) == Answer.YES for r in adults):
            yield (
                f"{participant.code} is under 16 and no consent of an adult responsible covers {phase.name}."
            )
