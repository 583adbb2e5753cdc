"""The closed lists of consent, and which state may follow which."""

from django.db import models


class Kind(models.TextChoices):
    STAFF = "staff", "Member of staff"
    FAMILY = "family", "Family member"


class AgeBand(models.TextChoices):
    ADULT = "adult", "18 or over"
    YOUNG_PERSON = "16_17", "16 or 17"
    CHILD = "under_16", "Under 16"


class Recruitment(models.TextChoices):
    LISTED = "listed", "Not yet approached"
    APPROACHED = "approached", "Approached"
    AGREED = "agreed_to_contact", "Agreed to contact"
    INFORMED = "informed", "Informed"
    CONSENTED = "consented", "Consented"
    DECLINED = "declined", "Declined"


class Status(models.TextChoices):
    ACTIVE = "active", "Active"
    WITHDRAWN = "withdrawn", "Withdrawn"
    ERASED = "erased", "Erased"


class Audience(models.TextChoices):
    STAFF = "staff", "Staff"
    ADULT = "adult", "Adult family members"
    YOUNG_PERSON = "young_person", "Young people of 16 and 17"
    CHILD = "child", "Children under 16 (assent)"
    RESPONSIBLE_ADULT = "responsible_adult", "Adult responsible for a child under 16"


class ItemCode(models.TextChoices):
    TAKE_PART = "take_part", "Taking part"
    RECORD = "record", "Being recorded"
    QUOTE = "quote", "Being quoted"
    ARCHIVE = "archive", "Archiving"
    RECONTACT = "recontact", "Being contacted again"


class Answer(models.TextChoices):
    YES = "yes", "Yes"
    NO = "no", "No"
    NOT_ASKED = "not_asked", "Not asked"


class Mode(models.TextChoices):
    PAPER = "paper", "On paper"
    ELECTRONIC = "electronic", "Electronic signature"
    VERBAL_RECORDED = "verbal_recorded", "Verbal, recorded"
    VERBAL_WITNESSED = "verbal_witnessed", "Verbal, witnessed"


class TakenAt(models.TextChoices):
    """Kinds of place: an address would point at a person."""

    WORKPLACE = "workplace", "At their workplace"
    HOME = "home", "At home"
    VENUE = "venue", "At another venue"
    TELEPHONE = "telephone", "By telephone"
    ONLINE = "online", "Online"
    POST = "post", "By post"


class Signatory(models.TextChoices):
    """Who answers: a role with its basis, since a local authority may hold parental responsibility
    (CN-11)."""

    OWN = "own", "The participant"
    PARENT = "parent", "Parent with parental responsibility"
    RESPONSIBLE_PERSON = "responsible_person", "Another person with parental responsibility"
    LOCAL_AUTHORITY = "local_authority", "Local authority under a care order"
    CARER = "carer", "Carer acting for the local authority"


class ConsentState(models.TextChoices):
    GIVEN = "given", "Given"
    REFUSED = "refused", "Refused"
    SUPERSEDED = "superseded", "Replaced by a later consent"
    WITHDRAWN = "withdrawn", "Withdrawn"
    PROCESS_ERROR = "process_error", "Set aside: error in the process"


class ProcessError(models.TextChoices):
    WRONG_VERSION = "wrong_version", "The wrong version was used"
    WRONG_PERSON = "wrong_person", "Recorded for the wrong person"
    WRONG_ANSWER = "wrong_answer", "An answer was entered wrongly"
    NOT_INFORMED = "not_informed", "The information sheet was not given first"
    NOT_SIGNED = "not_signed", "The form was not signed"


class Scope(models.TextChoices):
    """How much a person withdraws from; each includes the ones before it."""

    CONTACT = "contact", "No further contact"
    FUTURE = "future", "No further part in the study"
    DELETE = "delete", "No further part, and delete what can be deleted"


class Reason(models.TextChoices):
    """Closed on purpose: a free text would become personal data that outlives the person's data."""

    NOT_GIVEN = "not_given", "No reason given"
    NO_TIME = "no_time", "No time"
    CHANGED_MIND = "changed_mind", "Changed their mind"
    CIRCUMSTANCES = "circumstances", "Change of circumstances"
    DISTRESS = "distress", "Distress or burden"
    PRIVACY = "privacy", "Concern about privacy"
    BY_RESPONSIBLE_ADULT = "responsible_adult", "Asked for by the adult responsible"


SCOPE_ORDER: dict[str, int] = {Scope.CONTACT: 1, Scope.FUTURE: 2, Scope.DELETE: 3}

RECRUITMENT_MOVES: dict[str, frozenset[str]] = {
    Recruitment.LISTED: frozenset({Recruitment.APPROACHED, Recruitment.AGREED, Recruitment.DECLINED}),
    Recruitment.APPROACHED: frozenset({Recruitment.AGREED, Recruitment.DECLINED}),
    Recruitment.AGREED: frozenset({Recruitment.INFORMED, Recruitment.DECLINED}),
    Recruitment.INFORMED: frozenset({Recruitment.CONSENTED, Recruitment.DECLINED}),
    # Leaving "consented" is a withdrawal, or a consent set aside: never a change of recruitment by hand.
    Recruitment.CONSENTED: frozenset({Recruitment.INFORMED, Recruitment.DECLINED}),
    Recruitment.DECLINED: frozenset({Recruitment.AGREED}),
}
# These follow from a consent record and cannot be set by hand.
BY_CONSENT_ONLY: frozenset[tuple[str, str]] = frozenset(
    {
        (Recruitment.INFORMED, Recruitment.CONSENTED),
        (Recruitment.CONSENTED, Recruitment.INFORMED),
        (Recruitment.CONSENTED, Recruitment.DECLINED),
    }
)

CONSENT_MOVES: dict[str, frozenset[str]] = {
    ConsentState.GIVEN: frozenset(
        {ConsentState.SUPERSEDED, ConsentState.WITHDRAWN, ConsentState.PROCESS_ERROR}
    ),
    ConsentState.REFUSED: frozenset(
        {ConsentState.SUPERSEDED, ConsentState.WITHDRAWN, ConsentState.PROCESS_ERROR}
    ),
    ConsentState.SUPERSEDED: frozenset({ConsentState.WITHDRAWN}),
    ConsentState.WITHDRAWN: frozenset(),
    ConsentState.PROCESS_ERROR: frozenset(),
}


def may_move(frm: str, to: str, *, by_hand: bool = True) -> bool:
    """Whether recruitment may go from one state to another; `by_hand` excludes what only a consent brings
    about."""
    if by_hand and (frm, to) in BY_CONSENT_ONLY:
        return False
    return to in RECRUITMENT_MOVES.get(frm, frozenset())


def moves_by_hand(frm: str) -> tuple[Recruitment, ...]:
    return tuple(state for state in Recruitment if may_move(frm, state))


def may_become(frm: str, to: str) -> bool:
    return to in CONSENT_MOVES.get(frm, frozenset())


def covers(held: str, asked: str) -> bool:
    """Whether a withdrawal of scope `held` already includes one of scope `asked`."""
    return SCOPE_ORDER.get(held, 0) >= SCOPE_ORDER[asked]
