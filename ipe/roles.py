"""Who may do what. The table below is the design's, row by row; nothing else in the code decides a right.

ALL reaches every site of the member's own scope's study; OWN the sites the member is listed for. A member without
`all_sites` is held to the listed sites whatever the table says. What is granted person by person (an activity or a
document that is assigned) comes from the rooms through the port, see `assigned`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING
from uuid import UUID

from django.db.models import Q

from ipe.errors import NotFound, Refused
from ipe.words import Role

if TYPE_CHECKING:
    from ipe.models import Evaluation, Member, Site, User

LEAD, FIELDWORK, RESEARCHER = Role.LEAD, Role.FIELDWORK, Role.RESEARCHER
WRITER, DATA_PROTECTION = Role.WRITER, Role.DATA_PROTECTION
EVERYONE = frozenset(Role)

VERBS: dict[str, frozenset[Role]] = {
    # study design, members
    "design.read": EVERYONE,
    "design.edit": frozenset({LEAD}),
    "members.edit": frozenset({LEAD}),
    # contact details, pseudonym key
    "contacts.read": frozenset({FIELDWORK, DATA_PROTECTION}),
    "contacts.edit": frozenset({FIELDWORK}),
    "contacts.erase": frozenset({DATA_PROTECTION}),
    # originals and recordings
    "originals.read": frozenset({FIELDWORK, DATA_PROTECTION}),
    "originals.edit": frozenset({FIELDWORK}),
    "originals.add": frozenset({FIELDWORK, RESEARCHER}),
    "originals.erase": frozenset({DATA_PROTECTION}),
    # consent, schedule, vouchers
    "consent.read": frozenset({LEAD, FIELDWORK, DATA_PROTECTION}),
    "consent.status": frozenset({LEAD, FIELDWORK, RESEARCHER, DATA_PROTECTION}),
    "consent.edit": frozenset({FIELDWORK}),
    "schedule.read": frozenset({LEAD, FIELDWORK, DATA_PROTECTION}),
    "schedule.status": frozenset({LEAD, FIELDWORK, RESEARCHER, DATA_PROTECTION}),
    "schedule.edit": frozenset({FIELDWORK}),
    # cleared text, codings, matrices
    "text.read": frozenset({LEAD, RESEARCHER, WRITER}),
    "text.edit": frozenset({RESEARCHER}),
    # survey and administrative intake
    "intake.read": frozenset({LEAD, FIELDWORK, RESEARCHER, WRITER}),
    "intake.edit": frozenset({LEAD, FIELDWORK}),
    # findings, estimates
    "findings.read": frozenset({LEAD, RESEARCHER, WRITER}),
    "findings.edit": frozenset({LEAD, RESEARCHER}),
    # releases
    "releases.read": EVERYONE - {FIELDWORK},
    "releases.make": frozenset({WRITER}),
    "releases.draft": frozenset({RESEARCHER}),
    "releases.own_schedule": frozenset({FIELDWORK}),
    "releases.approve": frozenset({LEAD}),
    # audit, retention, rights requests, incidents
    "audit.read": frozenset({LEAD, DATA_PROTECTION}),
    "audit.edit": frozenset({DATA_PROTECTION}),
    "incidents.record": frozenset({FIELDWORK, RESEARCHER, WRITER, DATA_PROTECTION}),
}


def memberships(user: User, evaluation: Evaluation | None = None) -> list[Member]:
    """The person's roles in force, read once per request: the user object lives no longer than that."""
    if not user.is_authenticated or not user.is_active:
        return []
    known: list[Member] | None = getattr(user, "_memberships", None)
    if known is None:
        known = list(user.memberships.in_force().select_related("evaluation").prefetch_related("sites"))
        user._memberships = known  # type: ignore[attr-defined]
    return [member for member in known if evaluation is None or member.evaluation_id == evaluation.pk]


def forget(user: User) -> None:
    """Drop what `memberships` remembers, after an act changed it within one request."""
    if hasattr(user, "_memberships"):
        del user._memberships


def _granting(user: User, verb: str, evaluation: Evaluation | None = None) -> list[Member]:
    roles = VERBS[verb]
    return [member for member in memberships(user, evaluation) if member.role in roles]


def may(user: User, verb: str, evaluation: Evaluation, site: Site | None = None) -> bool:
    """Whether the person may do this in the study, and at this site when one is named."""
    granting = _granting(user, verb, evaluation)
    if site is None:
        return bool(granting)
    if site.evaluation_id != evaluation.pk:
        return False
    return any(member.all_sites or site in member.sites.all() for member in granting)


def require(user: User, verb: str, evaluation: Evaluation, site: Site | None = None) -> None:
    """Raise unless `may`: NotFound where the person may not know that the study or site exists, else Refused."""
    if may(user, verb, evaluation, site):
        return
    mine = memberships(user, evaluation)
    if not mine or (site is not None and not any(m.all_sites or site in m.sites.all() for m in mine)):
        raise NotFound("There is no such record, or it is not in your study or site.")
    raise Refused("Your role in this study does not include this. The evaluation lead can change roles.")


def require_whole_study(user: User, verb: str, evaluation: Evaluation) -> None:
    """Raise unless the person may do this at every site."""
    require(user, verb, evaluation)
    if not any(member.all_sites for member in _granting(user, verb, evaluation)):
        raise Refused("This reaches every site of the study; your role is limited to some of them.")


def sites_for(user: User, verb: str, evaluation: Evaluation) -> set[UUID] | None:
    """The ids of the sites that the verb reaches; None for every site."""
    granting = _granting(user, verb, evaluation)
    if any(member.all_sites for member in granting):
        return None
    return {site.pk for member in granting for site in member.sites.all()}


def reach(
    user: User,
    verb: str,
    *,
    evaluation: str = "evaluation",
    site: str | None = "site",
    with_siteless: bool = False,
) -> Q:
    """A condition for the rows of every study and site that the verb reaches for this person.

    `evaluation` and `site` are look-up paths; "self" means the row is itself the study or the site.
    """
    to_evaluation = (
        "pk" if evaluation == "self" else f"{evaluation}_id" if "__" not in evaluation else evaluation
    )
    to_site = None if site is None else "pk" if site == "self" else site
    nothing = Q(pk__in=[])
    reached = nothing
    for member in _granting(user, verb):
        rows = Q(**{to_evaluation: member.evaluation_id})
        if to_site is not None and not member.all_sites:
            own = Q(**{f"{to_site}__in": [row.pk for row in member.sites.all()]})
            if with_siteless:
                own |= Q(**{f"{to_site}__isnull": True})
            rows &= own
        reached |= rows
    return reached


def people_with(evaluation: Evaluation, roles: Iterable[Role]) -> list[User]:
    """Active members of the study who hold one of these roles."""
    members = evaluation.members.in_force().filter(role__in=list(roles)).select_related("user")
    return list({member.user_id: member.user for member in members}.values())
