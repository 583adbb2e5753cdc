"""What must hold between the sections of a design.

Codes exist, trees have no circle, dates are in order, targets fit their indicator. Every function yields
(path into the file, what is wrong).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from decimal import Decimal

from ipe.protocol.bands import RANGES
from ipe.protocol.problems import Path, suggestion
from ipe.protocol.schema import (
    Design,
    IndicatorPart,
    QuestionPart,
    SitePart,
    ThresholdPart,
    WaveDates,
    band_faults,
)
from ipe.words import Comparator, ThresholdScope, Unit

Fault = tuple[Path, str]


def design_faults(design: Design, *, unread: Collection[str] = ()) -> list[Fault]:
    """Everything that contradicts itself in a design. `unread`: sections of the file that failed."""
    checks: tuple[tuple[set[str], Callable[[Design], Iterator[Fault]]], ...] = (
        ({"research_questions"}, _questions),
        ({"phases"}, _phases),
        ({"sites"}, _sites),
        ({"sites", "phases", "waves"}, _waves),
        ({"sites", "context_events"}, _events),
        ({"research_questions", "phases", "indicators"}, _indicators),
    )
    return [fault for needs, check in checks if not needs & set(unread) for fault in check(design)]


def _repeats(codes: Sequence[str], path: Path, what: str) -> Iterator[Fault]:
    seen: dict[str, int] = {}
    for index, code in enumerate(codes):
        if code in seen:
            yield (
                (*path, index, "code"),
                f"“{code}” is given to two {what}; each needs a code of its own.",
            )
        seen.setdefault(code, index)


def every_question(questions: Iterable[QuestionPart], path: Path = ()) -> Iterator[tuple[Path, QuestionPart]]:
    """Each question with its path, the nested ones after the one they belong to."""
    for index, question in enumerate(questions):
        yield (*path, index), question
        yield from every_question(question.questions, (*path, index, "questions"))


def _questions(design: Design) -> Iterator[Fault]:
    seen: set[str] = set()
    for path, question in every_question(design.research_questions or [], ("research_questions",)):
        if question.code in seen:
            yield (
                (*path, "code"),
                f"“{question.code}” is given to two research questions; each needs a code of its own.",
            )
        seen.add(question.code)


def _phases(design: Design) -> Iterator[Fault]:
    phases = design.phases or []
    yield from _repeats([phase.code for phase in phases], ("phases",), "phases")
    before: tuple[str, int] | None = None
    for index, phase in enumerate(phases):
        if phase.offset_months is None:
            continue
        if before is not None and phase.offset_months <= before[1]:
            yield (
                ("phases", index, "offset_months"),
                f"“{phase.code}” stands after “{before[0]}” but is not later in months.",
            )
        before = (phase.code, phase.offset_months)


def _sites(design: Design) -> Iterator[Fault]:
    sites = design.sites or []
    yield from _repeats([site.code for site in sites], ("sites",), "sites")
    for index, site in enumerate(sites):
        yield from _teams(site, ("sites", index, "teams"))


def _teams(site: SitePart, path: Path) -> Iterator[Fault]:
    codes = [team.code for team in site.teams]
    yield from _repeats(codes, path, f"teams of site “{site.code}”")
    parents = {team.code: team.parent for team in site.teams}
    told: set[str] = set()
    for index, team in enumerate(site.teams):
        if team.parent is not None and team.parent not in parents:
            hint = suggestion(team.parent, codes)
            yield (
                (*path, index, "parent"),
                f"Site “{site.code}” has no team “{team.parent}”.{hint}",
            )
        circle = _circle(team.code, parents)
        if circle and not told & set(circle):
            told |= set(circle)
            way = " → ".join([*circle, circle[0]])
            yield (
                (*path, index, "parent"),
                f"These teams are each other's parents, in a circle: {way}.",
            )


def _circle(start: str, parents: dict[str, str | None]) -> list[str]:
    """The codes of the circle that `start` itself stands on, or nothing."""
    way = [start]
    while (above := parents.get(way[-1])) is not None and above not in way:
        way.append(above)
    return way if above == start else []


def _live_on(site: SitePart) -> dt.date | None:
    return site.live_actual_on or site.live_planned_on


def _waves(design: Design) -> Iterator[Fault]:
    sites = {site.code: site for site in design.sites or []}
    phases = {phase.code: phase for phase in design.phases or []}
    for site_code, waves in (design.waves or {}).items():
        path: Path = ("waves", site_code)
        if site_code not in sites:
            yield path, f"There is no site “{site_code}”.{suggestion(site_code, sites)}"
            continue
        live_on = _live_on(sites[site_code])
        for phase_code, wave in waves.items():
            if phase_code not in phases:
                yield (
                    (*path, phase_code),
                    f"There is no phase “{phase_code}”.{suggestion(phase_code, phases)}",
                )
            elif isinstance(wave, WaveDates) and live_on is not None:
                yield from _against_start(
                    (*path, phase_code), wave, phases[phase_code].offset_months, live_on
                )
        last: tuple[str, WaveDates] | None = None
        for phase_code in (code for code in phases if code in waves):
            wave = waves[phase_code]
            if not isinstance(wave, WaveDates):
                continue
            if last is not None and wave.starts_on < last[1].starts_on:
                yield (
                    (*path, phase_code),
                    f"“{phase_code}” starts on {wave.starts_on}, before “{last[0]}” does.",
                )
            last = (phase_code, wave)


def _against_start(path: Path, wave: WaveDates, offset: int | None, live_on: dt.date) -> Iterator[Fault]:
    if offset is not None and offset < 0 and wave.starts_on >= live_on:
        yield (
            path,
            f"This phase lies before the site's live date ({live_on}) but starts on {wave.starts_on}.",
        )
    if offset is not None and offset > 0 and wave.starts_on < live_on:
        yield (
            path,
            f"This phase lies after the site's live date ({live_on}) but starts on {wave.starts_on}.",
        )


def _events(design: Design) -> Iterator[Fault]:
    sites = [site.code for site in design.sites or []]
    for index, event in enumerate(design.context_events or []):
        if event.site is not None and event.site not in sites:
            hint = suggestion(event.site, sites)
            yield (
                ("context_events", index, "site"),
                f"There is no site “{event.site}”.{hint}",
            )


def _indicators(design: Design) -> Iterator[Fault]:
    indicators = design.indicators or []
    questions = [question.code for _, question in every_question(design.research_questions or [])]
    phases = [phase.code for phase in design.phases or []]
    yield from _repeats([one.code for one in indicators], ("indicators",), "indicators")
    for index, indicator in enumerate(indicators):
        path: Path = ("indicators", index)
        if indicator.question is not None and indicator.question not in questions:
            hint = suggestion(indicator.question, questions)
            yield (
                (*path, "question"),
                f"There is no research question “{indicator.question}”.{hint}",
            )
        yield from _listed(indicator.phases, phases, (*path, "phases"))
        yield from _twice([str(method.value) for method in indicator.methods], (*path, "methods"))
        taken: set[tuple[str, str]] = set()
        for at, threshold in enumerate(indicator.thresholds):
            yield from _threshold(indicator, threshold, (*path, "thresholds", at), phases, taken)


def _listed(codes: Sequence[str], phases: Sequence[str], path: Path) -> Iterator[Fault]:
    for at, code in enumerate(codes):
        if code not in phases:
            yield (*path, at), f"There is no phase “{code}”.{suggestion(code, phases)}"
    yield from _twice(codes, path)


def _twice(codes: Sequence[str], path: Path) -> Iterator[Fault]:
    for at, code in enumerate(codes):
        if code in codes[:at]:
            yield (*path, at), f"“{code}” is listed twice."


def _threshold(
    indicator: IndicatorPart,
    threshold: ThresholdPart,
    path: Path,
    phases: Sequence[str],
    taken: set[tuple[str, str]],
) -> Iterator[Fault]:
    for at, code in enumerate(threshold.phases):
        if code not in phases:
            yield (
                (*path, "phases", at),
                f"There is no phase “{code}”.{suggestion(code, phases)}",
            )
        elif code not in indicator.phases:
            yield (
                (*path, "phases", at),
                f"This indicator is not measured in phase “{code}”; add it to its phases.",
            )
        if (code, threshold.scope) in taken:
            yield (
                (*path, "phases", at),
                f"There is already a threshold for phase “{code}” with the scope “{threshold.scope.value}”.",
            )
        taken.add((code, threshold.scope))
    yield from _target(indicator, threshold, path)
    for message in () if indicator.unit == Unit.TEXT else band_faults(indicator, threshold):
        yield (*path, "bands"), message


def _target(indicator: IndicatorPart, threshold: ThresholdPart, path: Path) -> Iterator[Fault]:
    """Whether comparator, value and rules fit the indicator's unit."""
    in_words = threshold.comparator in (Comparator.YES, Comparator.NO)
    if indicator.unit == Unit.TEXT:
        yield path, "An indicator that is described in words has no threshold."
        return
    if indicator.unit == Unit.YES_NO:
        if not in_words:
            yield (
                (*path, "comparator"),
                "A yes/no indicator is compared with “yes” or “no”.",
            )
        for name in ("value", "role_minimum", "must_clear_interval"):
            if getattr(threshold, name):
                yield (*path, name), f"A yes/no indicator has no “{name}”."
        return
    if in_words:
        yield (
            (*path, "comparator"),
            "“yes” and “no” are for yes/no indicators; use “at_least” or “at_most”.",
        )
        return
    if threshold.value is None:
        yield path, f"“value” is missing: “{threshold.comparator.value}” needs one."
    for name in ("value", "role_minimum"):
        number: Decimal | None = getattr(threshold, name)
        if number is not None:
            yield from ((((*path, name)), message) for message in _number_faults(number, indicator.unit))
    if threshold.role_minimum is not None:
        if threshold.comparator != Comparator.AT_LEAST or threshold.scope != ThresholdScope.OVERALL:
            yield (
                (*path, "role_minimum"),
                "“role_minimum” goes with an overall threshold of “at_least”.",
            )
        elif threshold.value is not None and threshold.role_minimum > threshold.value:
            yield (
                (*path, "role_minimum"),
                f"Each role must reach {threshold.role_minimum}, more than all together ({threshold.value}).",
            )


def _number_faults(number: Decimal, unit: str) -> Iterator[str]:
    _, end = RANGES[unit]
    if end is not None and number > end:
        yield f"{number} is beyond what the indicator can be (0 to {end})."
    if unit == Unit.COUNT and number != number.to_integral_value():
        yield f"{number} is not a whole number, but the indicator counts."
