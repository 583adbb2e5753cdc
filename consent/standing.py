"""What a person's consents add up to: pure reading of signed records, no database."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from consent.states import Answer, ConsentState, ItemCode, Signatory


@dataclass(frozen=True)
class Signed:
    """One consent record, as far as its weight goes."""

    form_id: UUID
    signatory: str
    taken_at: datetime
    state: str
    phases: frozenset[UUID]
    answers: Mapping[str, str]
    version: int = 1

    def says(self, item: str) -> Answer:
        """A refusal or a withdrawal is no to every item; an item that was not on the form was not asked."""
        if self.state in {ConsentState.REFUSED, ConsentState.WITHDRAWN}:
            return Answer.NO
        if self.answers.get(ItemCode.TAKE_PART) == Answer.NO:
            return Answer.NO
        return Answer(self.answers.get(item, Answer.NOT_ASKED))


def in_force(signed: Iterable[Signed], phase: UUID | None) -> list[Signed]:
    """The records that count: per form and signatory the latest that covers the phase (CN-13).

    Without a phase every record not set aside or replaced counts, so that a no for one phase is not lost.
    """
    counting = [s for s in signed if s.state not in {ConsentState.SUPERSEDED, ConsentState.PROCESS_ERROR}]
    if phase is None:
        return counting
    latest: dict[tuple[UUID, str], Signed] = {}
    for record in counting:
        if phase in record.phases:
            key = (record.form_id, record.signatory)
            if key not in latest or latest[key].taken_at <= record.taken_at:
                latest[key] = record
    return list(latest.values())


def _together(answers: Iterable[Answer]) -> Answer:
    said = set(answers)
    if Answer.NO in said:
        return Answer.NO
    return Answer.YES if Answer.YES in said else Answer.NOT_ASKED


def standing(signed: Iterable[Signed], item: str, phase: UUID | None, *, needs_adult: bool) -> Answer:
    """The answer to one item. "Not asked" is never a yes (CN-03).

    For a child under 16 the adult responsible and the child must both say yes; a no of either, or of one of
    two adults who disagree, is a no (CN-09, CN-11).
    """
    records = in_force(signed, phase)
    own = _together(r.says(item) for r in records if r.signatory == Signatory.OWN)
    if not needs_adult:
        return own
    adult = _together(r.says(item) for r in records if r.signatory != Signatory.OWN)
    if Answer.NO in (own, adult):
        return Answer.NO
    return Answer.YES if own == adult == Answer.YES else Answer.NOT_ASKED
