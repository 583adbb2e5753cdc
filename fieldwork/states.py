"""The closed lists of fieldwork, and which state may follow which."""

from django.db import models


class ActivityState(models.TextChoices):
    PLANNED = "planned", "Planned"
    BOOKED = "booked", "Booked"
    DONE = "done", "Done"
    CANCELLED = "cancelled", "Cancelled"


class BookingState(models.TextChoices):
    BOOKED = "booked", "Booked"
    ATTENDED = "attended", "Took part"
    MISSED = "missed", "Did not take part"
    CANCELLED = "cancelled", "Cancelled"
    WITHDRAWN = "withdrawn", "Withdrawn"


class PlaceKind(models.TextChoices):
    """Kinds of place: an address would point at a person."""

    WORKPLACE = "workplace", "At a workplace"
    HOME = "home", "At a family's home"
    VENUE = "venue", "At another venue"
    TELEPHONE = "telephone", "By telephone"
    ONLINE = "online", "Online"


class AttemptOutcome(models.TextChoices):
    REACHED = "reached", "Reached"
    NO_ANSWER = "no_answer", "No answer"
    ASKED_LATER = "asked_later", "Asked to be contacted later"
    WRONG_DETAILS = "wrong_details", "Contact details do not work"
    REFUSED = "refused", "Does not want to take part"


class Channel(models.TextChoices):
    TELEPHONE = "telephone", "Telephone"
    EMAIL = "email", "E-mail"
    TEXT = "text", "Text message"
    LETTER = "letter", "Letter"
    IN_PERSON = "in_person", "In person"


ACTIVITY_MOVES: dict[str, frozenset[str]] = {
    ActivityState.PLANNED: frozenset({ActivityState.BOOKED, ActivityState.CANCELLED}),
    ActivityState.BOOKED: frozenset({ActivityState.DONE, ActivityState.CANCELLED}),
    ActivityState.DONE: frozenset(),
    ActivityState.CANCELLED: frozenset(),
}


def may_become(frm: str, to: str) -> bool:
    return to in ACTIVITY_MOVES.get(frm, frozenset())
