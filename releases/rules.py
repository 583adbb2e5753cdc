"""Which disclosure rule a class of output falls under, and who may make which release."""

from __future__ import annotations

from exports.disclosure import Rule
from ipe import roles
from ipe.errors import Refused
from ipe.models import Evaluation, Site, User
from ipe.words import OutputClass
from releases.models import State


def rule_for(evaluation: Evaluation, output_class: str) -> Rule:
    """The study's rule: impact 10, surveys as set, posts and trainings exempt, quotes by the size of
    groups.
    """
    match OutputClass(output_class):
        case OutputClass.IMPACT:
            smallest, is_exempt = evaluation.smallest_count_impact, False
        case OutputClass.SURVEY:
            smallest, is_exempt = evaluation.smallest_count_survey, False
        case OutputClass.ORGANISATIONAL:
            smallest, is_exempt = 1, True
        case OutputClass.QUALITATIVE:
            smallest, is_exempt = evaluation.quote_minimum_group, False
    return Rule(smallest, evaluation.zero_is_disclosive, is_exempt, evaluation.quote_minimum_group)


def state_for(user: User | None, evaluation: Evaluation, site: Site | None, *, is_schedule: bool) -> State:
    """Released or draft, by the person's role. Without a user it is the operator at the command line.

    Raises
        NotFound: Not a member, or not of this site.
        Refused: The role makes no releases, or none of this kind or reach.
    """
    if user is None:
        return State.RELEASED
    verbs = [("releases.make", State.RELEASED), ("releases.draft", State.DRAFT)]
    if is_schedule:
        verbs.append(("releases.own_schedule", State.RELEASED))
    held = [(verb, state) for verb, state in verbs if roles.may(user, verb, evaluation)]
    for verb, state in held:
        if site is None and roles.sites_for(user, verb, evaluation) is None:
            return state
        if site is not None and roles.may(user, verb, evaluation, site):
            return state
    if held and site is None:
        raise Refused(
            "This holds every site of the study; your role is limited to some of them. Choose a site."
        )
    roles.require(user, held[0][0] if held else "design.read", evaluation, site)
    if roles.may(user, "releases.own_schedule", evaluation):
        raise Refused(
            "As a fieldwork lead you can release your own schedules. A report writer makes other releases."
        )
    raise Refused(
        "Your role does not make releases. A report writer can release this, a researcher can draft it."
    )
