"""Who may open or change one original: by role and site, or because the document is assigned to them and not
yet cleared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipe import roles
from ipe.errors import NotFound, Refused
from transcripts.querysets import OPEN_TO_ASSIGNED

if TYPE_CHECKING:
    from ipe.models import User
    from transcripts.models import Document


def may_open(user: User, document: Document, verb: str = "originals.read") -> bool:
    """`verb` is originals.read or originals.edit; what is assigned may be read and edited until clearance."""
    evaluation, site = document.evaluation, document.wave.site
    if roles.may(user, verb, evaluation, site):
        return True
    return (
        verb != "originals.erase"
        and document.assigned_to_id == user.pk
        and document.state in OPEN_TO_ASSIGNED
        and roles.may(user, "text.edit", evaluation, site)
    )


def require_open(user: User, document: Document, verb: str = "originals.read") -> None:
    """Raise unless `may_open`.

    Raises
        NotFound: The site is not the person's; Refused: the role, or the assignment, does not reach this
        text.
    """
    if may_open(user, document, verb):
        return
    evaluation, site = document.evaluation, document.wave.site
    if not roles.may(user, "design.read", evaluation, site):
        raise NotFound("There is no such document, or it is not in your study or site.")
    roles.require(user, "originals.add", evaluation, site)
    raise Refused("You can open the original of a document that is assigned to you, until it is cleared.")


def may_redact(user: User, document: Document) -> bool:
    """Replacing a missed identifier in a cleared text: researchers and fieldwork leads of the site."""
    evaluation, site = document.evaluation, document.wave.site
    return any(roles.may(user, verb, evaluation, site) for verb in ("text.edit", "originals.edit"))


def require_redact(user: User, document: Document) -> None:
    if may_redact(user, document):
        return
    roles.require(user, "text.edit", document.evaluation, document.wave.site)
