"""Indicators from answers and returns: one frozen result per item, wave and scope, with its verdict.

Pure: the records of `frames` in, results out. Percentages are fractions of 100, never rounded here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

from .bases import Respondent, Tally, is_asked, tally
from .intervals import Bounds, Interval, nonresponse_bounds, uncertainty
from .questionnaire import RuleSpec
from .verdicts import (
    EACH_ROLE,
    EACH_TEAM,
    OVERALL,
    Figure,
    Groups,
    Ruling,
    Target,
    as_percent,
    combine,
    judge,
    judge_one,
    role_floor,
    settle,
    share_percent,
)


@dataclass(frozen=True, order=True)
class WaveKey:
    site: str
    phase: str


@dataclass(frozen=True)
class IndicatorSpec:
    code: str
    title: str
    unit: str
    output_class: str
    methods: tuple[str, ...] = ()
    question: str = ""
    pk: str = ""


@dataclass(frozen=True)
class SurveyWave:
    """The stored answers of one instrument in one wave. `n_finished` complete ones, for the response rate
    RR1.
    """

    key: WaveKey
    instrument: str
    respondents: tuple[Respondent, ...]
    n_finished: int
    eligible: int | None
    intake_id: str = ""
    source: str = ""
    asked: frozenset[str] | None = None  # item codes that the file's mapping names; None: all

    @property
    def n_responses(self) -> int:
        return len(self.respondents)

    def asks(self, item: str) -> bool:
        return self.asked is None or item in self.asked

    @property
    def response_percent(self) -> Fraction | None:
        """AAPOR RR2: partial responses count. None where the number of people asked is not known."""
        return share_percent(self.n_responses, self.eligible) if self.eligible else None

    @property
    def complete_response_percent(self) -> Fraction | None:
        """AAPOR RR1: complete responses only."""
        return share_percent(self.n_finished, self.eligible) if self.eligible else None


@dataclass(frozen=True)
class Reading:
    """How an indicator is read: through `rule` from an instrument, or (rule None) from administrative
    returns.

    `counted`, `kinds`, `wordings` and `labels` are by item code.
    """

    indicator: IndicatorSpec
    instrument: str
    rule: RuleSpec | None
    counted: Mapping[str, frozenset[str]] = field(default_factory=dict)
    kinds: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    wordings: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    roles: tuple[str, ...] = ()


@dataclass(frozen=True)
class AdminFigure:
    indicator: str
    key: WaveKey
    role: str = ""
    team: str = ""
    numerator: Decimal | None = None
    base: Decimal | None = None
    value: Decimal | None = None
    is_yes: bool | None = None
    source: str = ""


@dataclass(frozen=True)
class IndicatorResult:
    """One figure with its verdict. `scope` is "overall", "role: …" or "team: …".

    `figure` is in the indicator's unit. `group_dependent`: the verdict of this overall row was reached
    through the rows of its roles or teams, so it may be shown only where they all may.
    """

    indicator: IndicatorSpec
    item: str
    wording: str
    key: WaveKey
    scope: str
    base_rule: str
    numerator: Decimal | int | None
    base: Decimal | int | None
    eligible: int | None
    figure: Fraction | None
    yes: bool | None
    target: Target | None
    ruling: Ruling
    response_percent: Fraction | None = None
    complete_response_percent: Fraction | None = None
    interval: Interval | None = None
    is_census: bool = False
    bounds: Bounds | None = None
    group_dependent: bool = False
    tally: Tally | None = field(default=None, repr=False)
    counted_labels: tuple[str, ...] = ()
    combine: str = "all"
    intake_id: str = ""
    source: str = ""

    @property
    def is_overall(self) -> bool:
        return self.scope == "overall"

    @property
    def verdict(self) -> str:
        return self.ruling.verdict

    @property
    def percent(self) -> Fraction | None:
        return self.figure if self.indicator.unit == "percent" else None

    @property
    def percent_of_eligible(self) -> Fraction | None:
        if isinstance(self.numerator, int) and self.eligible:
            return share_percent(self.numerator, self.eligible)
        return None


def compute(
    waves: Iterable[SurveyWave],
    readings: Sequence[Reading],
    targets: Mapping[tuple[str, str], tuple[Target, ...]],
    admin: Iterable[AdminFigure] = (),
) -> list[IndicatorResult]:
    """Results in the order of the readings, then of the waves; the overall row before its roles and teams."""
    by_instrument: dict[str, list[SurveyWave]] = defaultdict(list)
    for wave in waves:
        by_instrument[wave.instrument].append(wave)
    returned: dict[str, dict[WaveKey, list[AdminFigure]]] = defaultdict(lambda: defaultdict(list))
    for figure in admin:
        returned[figure.indicator][figure.key].append(figure)
    results: list[IndicatorResult] = []
    for reading in readings:
        code = reading.indicator.code
        if reading.rule is None:
            for key, figures in returned[code].items():
                results += _from_return(reading, key, figures, targets.get((code, key.phase), ()))
            continue
        for item in reading.rule.items:
            asking = [wave for wave in by_instrument[reading.instrument] if wave.asks(item)]
            for wave in asking:
                results += _from_answers(reading, item, wave, targets.get((code, wave.key.phase), ()))
    return results


def _from_answers(
    reading: Reading, item: str, wave: SurveyWave, targets: tuple[Target, ...]
) -> list[IndicatorResult]:
    rule = reading.rule
    assert rule is not None

    def count(people: Iterable[Respondent]) -> Tally:
        return tally(
            people,
            item=item,
            counted=reading.counted[item],
            rule=rule.base,
            point_kinds=reading.kinds[item],
        )

    def row(
        scope: str, counts: Tally, target: Target | None, ruling: Ruling, *, depends: bool = False
    ) -> IndicatorResult:
        is_overall = scope == "overall"
        n_silent = None
        if is_overall and wave.eligible is not None:
            n_silent = wave.eligible - wave.n_responses + counts.n_blank
        return IndicatorResult(
            indicator=reading.indicator,
            item=item,
            wording=reading.wordings[item],
            key=wave.key,
            scope=scope,
            base_rule=rule.base.in_words(),
            numerator=counts.numerator,
            base=counts.base,
            eligible=wave.eligible if is_overall else None,
            figure=share_percent(counts.numerator, counts.base),
            yes=None,
            target=target,
            ruling=ruling,
            response_percent=wave.response_percent if is_overall else None,
            complete_response_percent=wave.complete_response_percent if is_overall else None,
            interval=uncertainty(counts.numerator, counts.base, n_silent),
            is_census=n_silent == 0 and counts.base > 0,
            bounds=None if n_silent is None else nonresponse_bounds(counts.numerator, counts.base, n_silent),
            group_dependent=depends,
            tally=counts,
            counted_labels=reading.labels.get(item, ()),
            combine=rule.combine,
            intake_id=wave.intake_id,
            source=wave.source,
        )

    def figure(counts: Tally, *, n_silent: int | None = None) -> Figure:
        return Figure(
            value=share_percent(counts.numerator, counts.base),
            base=counts.base,
            response_percent=wave.response_percent,
            interval_percent=as_percent(uncertainty(counts.numerator, counts.base, n_silent)),
        )

    whole = count(wave.respondents)
    silent = None if wave.eligible is None else wave.eligible - wave.n_responses + whole.n_blank
    roles = {
        name: count(p for p in wave.respondents if p.role == name) for name in _roles(rule, wave, targets)
    }
    teams = {
        name: count(p for p in wave.respondents if name in p.teams) for name in _teams(rule, wave, targets)
    }
    groups = Groups({n: figure(t) for n, t in roles.items()}, {n: figure(t) for n, t in teams.items()})
    target, ruling, depends = _overall(figure(whole, n_silent=silent), targets, groups)
    rows = [row("overall", whole, target, ruling, depends=depends)]
    for name, counts in roles.items():
        own = _group_target(targets, EACH_ROLE)
        rows.append(row(f"role: {name}", counts, own, _judged(groups.by_role[name], own)))
    for name, counts in teams.items():
        own = _group_target(targets, EACH_TEAM)
        rows.append(row(f"team: {name}", counts, own, _judged(groups.by_team[name], own)))
    return rows


def _roles(rule: RuleSpec, wave: SurveyWave, targets: tuple[Target, ...]) -> list[str]:
    if not any(t.scope == EACH_ROLE or t.role_minimum is not None for t in targets):
        return []
    seen = {person.role for person in wave.respondents if person.role and is_asked(person, rule.base)}
    return list(rule.roles) or sorted(seen)


def _teams(rule: RuleSpec, wave: SurveyWave, targets: tuple[Target, ...]) -> list[str]:
    if not any(t.scope == EACH_TEAM for t in targets):
        return []
    return sorted(
        {team for person in wave.respondents if is_asked(person, rule.base) for team in person.teams}
    )


def _group_target(targets: tuple[Target, ...], scope: str) -> Target | None:
    """What a single role or team is held against: the value for each of them, else the minimum for each
    role.
    """
    for target in targets:
        if target.scope == scope:
            return target
    if scope == EACH_ROLE:
        for target in targets:
            if target.role_minimum is not None:
                return role_floor(target)
    return None


def _judged(figure: Figure, target: Target | None) -> Ruling:
    return judge(figure, None) if target is None else judge_one(figure, target)


def _overall(
    figure: Figure, targets: tuple[Target, ...], groups: Groups
) -> tuple[Target | None, Ruling, bool]:
    """The target to print, the verdict under all targets of the phase together, and whether groups entered
    it.
    """
    if not targets:
        return None, judge(figure, None), False
    rulings = {target.scope: judge(figure, target, groups) for target in targets}
    depends = any(t.scope != OVERALL or t.role_minimum is not None for t in targets)
    if len(rulings) == 1:
        return targets[0], next(iter(rulings.values())), depends
    together = settle(rulings, rule="all")
    reasons = tuple(reason for ruling in rulings.values() for reason in ruling.reasons)
    return targets[0], Ruling(together.verdict, reasons), depends


def _from_return(
    reading: Reading, key: WaveKey, figures: Sequence[AdminFigure], targets: tuple[Target, ...]
) -> list[IndicatorResult]:
    def figure(one: AdminFigure) -> Figure:
        if one.is_yes is not None:
            return Figure(yes=one.is_yes)
        if one.numerator is not None and one.base:
            share = Fraction(one.numerator) / Fraction(one.base)
            return Figure(value=100 * share if reading.indicator.unit == "percent" else share)
        return Figure(value=None if one.value is None else Fraction(one.value))

    def row(
        scope: str, one: AdminFigure | None, target: Target | None, ruling: Ruling, *, depends: bool
    ) -> IndicatorResult:
        seen = figure(one) if one else Figure()
        return IndicatorResult(
            indicator=reading.indicator,
            item="",
            wording=reading.indicator.title,
            key=key,
            scope=scope,
            base_rule="as returned",
            numerator=one.numerator if one else None,
            base=one.base if one else None,
            eligible=None,
            figure=seen.value,
            yes=seen.yes,
            target=target,
            ruling=ruling,
            group_dependent=depends,
            source=one.source if one else figures[0].source,
        )

    overall = next((one for one in figures if not one.role and not one.team), None)
    role_rulings, team_rulings = {}, {}
    rows: list[IndicatorResult] = []
    role_target, team_target = _group_target(targets, EACH_ROLE), _group_target(targets, EACH_TEAM)
    by_role: dict[str, list[AdminFigure]] = defaultdict(list)
    for one in figures:
        if one.role:
            by_role[one.role].append(one)
    names = (
        [*reading.roles, *(name for name in by_role if name not in reading.roles)]
        if by_role or reading.roles
        else []
    )
    for name in names:
        parts = by_role.get(name, [])
        rulings = {}
        for one in parts:
            scope = f"role: {name}" + (f", team: {one.team}" if one.team else "")
            ruling = _judged(figure(one), role_target)
            rulings[one.team or name] = ruling
            rows.append(row(scope, one, role_target, ruling, depends=False))
        if not parts and role_target is not None:
            ruling = _judged(Figure(), role_target)
            rulings[name] = ruling
            rows.append(row(f"role: {name}", None, role_target, ruling, depends=False))
        if rulings:
            role_rulings[name] = (
                combine(rulings, what="team") if len(rulings) > 1 else next(iter(rulings.values()))
            )
    for one in figures:
        if one.team and not one.role:
            team_rulings[one.team] = _judged(figure(one), team_target)
            rows.append(row(f"team: {one.team}", one, team_target, team_rulings[one.team], depends=False))
    target, ruling = _overall_of_return(
        figure(overall) if overall else Figure(), targets, role_rulings, team_rulings
    )
    depends = any(t.scope != OVERALL or t.role_minimum is not None for t in targets)
    return [row("overall", overall, target, ruling, depends=depends), *rows]


def _overall_of_return(
    figure: Figure,
    targets: tuple[Target, ...],
    role_rulings: Mapping[str, Ruling],
    team_rulings: Mapping[str, Ruling],
) -> tuple[Target | None, Ruling]:
    rulings: dict[str, Ruling] = {}
    for target in targets:
        if target.scope == EACH_ROLE:
            rulings[EACH_ROLE] = combine(role_rulings, what="role")
        elif target.scope == EACH_TEAM:
            rulings[EACH_TEAM] = combine(team_rulings, what="team")
        else:
            rulings[OVERALL] = judge_one(figure, target)
            if target.role_minimum is not None:
                rulings["role minimum"] = combine(role_rulings, what="role")
    if not rulings:
        return None, judge(figure, None)
    reasons = tuple(reason for ruling in rulings.values() for reason in ruling.reasons)
    return targets[0], Ruling(settle(rulings, rule="all").verdict, reasons)


def settled(results: Iterable[IndicatorResult]) -> Ruling:
    """One verdict for the overall rows of an indicator at a wave, by the rule stored with it."""
    rows = list(results)
    if not rows:
        return settle({}, rule="all")
    if len(rows) == 1:
        return rows[0].ruling
    return settle({row.item or row.source: row.ruling for row in rows}, rule=rows[0].combine)
