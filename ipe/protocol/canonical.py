"""One way to write each design: what a study is exported as, and what a file is compared with.

Waves fill the grid of sites and phases ("no dates yet" where a file says nothing), teams stand by code,
events by date, the phases of an indicator in their order, and thresholds that differ only in phase once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ipe.protocol.schema import (
    DESIGN_SECTIONS,
    NO_DATES_YET,
    ContextEventPart,
    Design,
    IndicatorPart,
    SitePart,
    ThresholdPart,
    WaveDates,
)


def canonical(design: Design) -> Design:
    """The same design in its one form; sections that are left out become empty."""
    phases = design.phases or []
    sites = [_site(site) for site in design.sites or []]
    given = design.waves or {}
    waves: dict[str, dict[str, WaveDates | str]] = {
        site.code: {phase.code: given.get(site.code, {}).get(phase.code, NO_DATES_YET) for phase in phases}
        for site in sites
    }
    order = {phase.code: at for at, phase in enumerate(phases)}
    return Design(
        evaluation=design.evaluation,
        research_questions=design.research_questions or [],
        phases=phases,
        sites=sites,
        waves=waves if phases else {},
        context_events=sorted(design.context_events or [], key=event_key),
        indicators=[_indicator(indicator, order) for indicator in design.indicators or []],
    )


def event_key(event: ContextEventPart) -> tuple[str, str, str]:
    """What makes an event this event: its day, its title and its site."""
    return event.happened_on.isoformat(), event.title, event.site or ""


def _site(site: SitePart) -> SitePart:
    return site.model_copy(update={"teams": sorted(site.teams, key=lambda team: team.code)})


def _indicator(indicator: IndicatorPart, order: dict[str, int]) -> IndicatorPart:
    return indicator.model_copy(
        update={
            "phases": sorted(indicator.phases, key=lambda code: order.get(code, len(order))),
            "thresholds": grouped(single(indicator.thresholds), order),
        }
    )


def single(thresholds: Iterable[ThresholdPart]) -> list[ThresholdPart]:
    """One threshold for each phase, as they are stored."""
    return [
        threshold.model_copy(update={"phases": [phase]})
        for threshold in thresholds
        for phase in threshold.phases
    ]


def grouped(thresholds: Iterable[ThresholdPart], order: dict[str, int]) -> list[ThresholdPart]:
    """Thresholds of one phase each, put together where nothing else differs; by scope, then first phase."""
    alike: list[tuple[ThresholdPart, list[str]]] = []
    for threshold in sorted(
        thresholds, key=lambda one: (one.scope.value, order.get(one.phases[0], len(order)))
    ):
        body = threshold.model_copy(update={"phases": []})
        for other, phases in alike:
            if other == body:
                phases.extend(threshold.phases)
                break
        else:
            alike.append((body, list(threshold.phases)))
    return [body.model_copy(update={"phases": phases}) for body, phases in alike]


def as_document(design: Design) -> dict[str, Any]:
    """Plain data of the canonical design, as a file holds it: no defaults, no empty sections."""
    whole = canonical(design)
    document = {
        name: adapter.dump_python(getattr(whole, name), exclude_defaults=True)
        for name, adapter in DESIGN_SECTIONS.items()
        if getattr(whole, name)
    }
    # The rules of disclosure are worth reading even where they are the usual ones.
    for name in (
        "smallest_count_survey",
        "smallest_count_impact",
        "zero_is_disclosive",
        "quote_minimum_group",
    ):
        document["evaluation"][name] = getattr(whole.evaluation, name)
    return document
