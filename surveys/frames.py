"""Rows of the database as plain records for computing, in a number of queries that does not grow with the
rows.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from django.db.models import QuerySet

from ipe.models import Evaluation, Phase, Site, Team, Threshold, User, Wave

from .bases import ALL, Respondent
from .indicators import AdminFigure, IndicatorSpec, Reading, SurveyWave, WaveKey
from .models import AdminValue, Answer, IndicatorRule, Instrument, Intake, Item, Response
from .querysets import IntakeQuerySet
from .questionnaire import InstrumentSpec, ItemSpec, Point, RuleSpec, ScaleSpec, folded
from .verdicts import Target


def instrument_spec(instrument: Instrument, *, site: Site | None = None) -> InstrumentSpec:
    """The instrument as a plain record, with the teams of the site that answers."""
    teams: dict[str, str] = {}
    for team in Team.objects.filter(site=site) if site else ():
        teams[folded(team.name)] = team.code
    for team in Team.objects.filter(site=site) if site else ():
        teams[folded(team.code)] = team.code
    scales = {
        scale.code: ScaleSpec(scale.code, tuple(Point(p.code, p.label, p.kind) for p in scale.points.all()))
        for scale in instrument.scales.prefetch_related("points")
    }
    items = {
        item.code: ItemSpec(
            item.code,
            item.wording,
            item.kind,
            item.scale.code if item.scale else "",
            item.minimum,
            item.maximum,
        )
        for item in instrument.items.select_related("scale")
    }
    return InstrumentSpec(
        name=instrument.name,
        items=items,
        scales=scales,
        roles=tuple(instrument.roles),
        teams=teams,
        is_linked=instrument.is_linked,
    )


@dataclass(frozen=True)
class Scope:
    """Which part of a study is asked for. `user` limits it to what the person may see; None is the whole
    study.
    """

    evaluation: Evaluation
    user: User | None = None
    site: str = ""
    phase: str = ""

    def waves(self) -> QuerySet[Wave]:
        rows = Wave.objects.filter(site__evaluation=self.evaluation)
        if self.user is not None:
            rows = rows.visible_to(self.user)
        if self.site:
            rows = rows.filter(site__code=self.site)
        if self.phase:
            rows = rows.filter(phase__code=self.phase)
        return rows

    def intakes(self) -> IntakeQuerySet:
        rows = Intake.objects.stored().filter(wave__in=self.waves(), instrument__evaluation=self.evaluation)
        return rows.visible_to(self.user) if self.user is not None else rows


def respondents_of(intakes: Iterable[uuid.UUID]) -> dict[uuid.UUID, list[Respondent]]:
    """The respondents of each intake with their choices; numbers and texts are left where they are."""
    ids = list(intakes)
    choices: dict[uuid.UUID, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    answered = Answer.objects.filter(response__intake__in=ids, point__isnull=False)
    for response, item, point in answered.values_list("response_id", "item__code", "point__code"):
        choices[response][item].add(point)
    teams: dict[uuid.UUID, set[str]] = defaultdict(set)
    through = Response.teams.through.objects.filter(response__intake__in=ids)
    for response, team in through.values_list("response_id", "team__code"):
        teams[response].add(team)
    found: dict[uuid.UUID, list[Respondent]] = defaultdict(list)
    rows = Response.objects.filter(intake__in=ids).order_by("intake_id", "row")
    fields = ("pk", "intake_id", "respondent_key", "role", "participant_id", "intake__wave_id")
    for pk, intake, own_key, role, participant, wave in rows.values_list(*fields):
        # As `releases.publishing` names people, so that a withdrawal finds them in what was published.
        key = f"{participant}@{wave}" if participant else own_key
        answers = {item: frozenset(points) for item, points in choices[pk].items()}
        found[intake].append(Respondent(key, answers, role, frozenset(teams[pk])))
    return found


def survey_waves(scope: Scope) -> list[SurveyWave]:
    intakes = list(scope.intakes().listed().order_by("wave__site__order", "wave__phase__order"))
    people = respondents_of(intake.pk for intake in intakes)
    return [
        SurveyWave(
            key=WaveKey(intake.wave.site.code, intake.wave.phase.code),
            instrument=intake.instrument.name,
            respondents=tuple(people[intake.pk]),
            n_finished=intake.n_read - intake.n_unfinished,
            eligible=intake.eligible,
            intake_id=str(intake.pk),
            source=str(intake.mapping) if intake.mapping else "",
            asked=frozenset(intake.mapping.document["items"]) if intake.mapping else None,
        )
        for intake in intakes
    ]


def readings(evaluation: Evaluation, *, indicator: str = "") -> list[Reading]:
    """Every indicator of the study with the items that read it; administrative ones without items."""
    rules: dict[uuid.UUID, list[IndicatorRule]] = defaultdict(list)
    rows = IndicatorRule.objects.filter(instrument__evaluation=evaluation).select_related(
        "instrument", "base_rule"
    )
    for rule in rows.prefetch_related("items__scale__points", "counted"):
        rules[rule.indicator_id].append(rule)
    found = []
    wanted = evaluation.indicators.select_related("question")
    for row in wanted.filter(code=indicator) if indicator else wanted:
        spec = IndicatorSpec(
            code=row.code,
            title=row.title,
            unit=row.unit,
            output_class=row.output_class,
            methods=tuple(row.methods),
            question=row.question.code if row.question else "",
            pk=str(row.pk),
        )
        found.append(Reading(spec, "", None, roles=_admin_roles(rules[row.pk])))
        found += [_reading(spec, rule) for rule in rules[row.pk] if rule.items.all()]
    return found


def _admin_roles(rules: Iterable[IndicatorRule]) -> tuple[str, ...]:
    return next((tuple(rule.roles) for rule in rules if not rule.items.all()), ())


def _reading(spec: IndicatorSpec, rule: IndicatorRule) -> Reading:
    items = sorted(rule.items.all(), key=lambda item: item.order)
    return Reading(
        spec,
        rule.instrument.name,
        RuleSpec(
            indicator=spec.code,
            items=tuple(item.code for item in items),
            counted=frozenset(),
            base=rule.base_rule.as_spec() if rule.base_rule else ALL,
            combine=rule.combine,
            roles=tuple(rule.roles),
        ),
        counted={item.code: _counted(rule, item) for item in items},
        kinds={
            item.code: {p.code: p.kind for p in item.scale.points.all()} if item.scale else {}
            for item in items
        },
        wordings={item.code: item.wording for item in items},
        labels={item.code: _labels(rule, item) for item in items},
        roles=tuple(rule.roles),
    )


def _counted(rule: IndicatorRule, item: Item) -> frozenset[str]:
    return frozenset(point.code for point in rule.counted.all() if point.scale_id == item.scale_id)


def _labels(rule: IndicatorRule, item: Item) -> tuple[str, ...]:
    points = sorted(rule.counted.all(), key=lambda point: point.order)
    return tuple(point.label for point in points if point.scale_id == item.scale_id)


def targets(evaluation: Evaluation) -> dict[tuple[str, str], tuple[Target, ...]]:
    """Thresholds by indicator and phase code; overall first, then each role, each team."""
    found: dict[tuple[str, str], list[Target]] = defaultdict(list)
    rows = Threshold.objects.filter(indicator__evaluation=evaluation).select_related("indicator", "phase")
    for row in rows:
        found[row.indicator.code, row.phase.code].append(
            Target(
                comparator=row.comparator,
                value=None if row.value is None else Fraction(row.value),
                scope=row.scope,
                role_minimum=None if row.role_minimum is None else Fraction(row.role_minimum),
                minimum_base=row.minimum_base,
                minimum_response_percent=(
                    None if row.minimum_response_percent is None else Fraction(row.minimum_response_percent)
                ),
                must_clear_interval=row.must_clear_interval,
            )
        )
    order = {"overall": 0, "each_role": 1, "each_team": 2}
    return {key: tuple(sorted(rows, key=lambda target: order[target.scope])) for key, rows in found.items()}


def admin_figures(scope: Scope) -> list[AdminFigure]:
    rows = AdminValue.objects.filter(admin_return__wave__in=scope.waves(), admin_return__state="current")
    if scope.user is not None:
        rows = rows.visible_to(scope.user)
    rows = rows.select_related("indicator", "team", "admin_return__wave__site", "admin_return__wave__phase")
    return [
        AdminFigure(
            indicator=row.indicator.code,
            key=WaveKey(row.admin_return.wave.site.code, row.admin_return.wave.phase.code),
            role=row.role,
            team=row.team.code if row.team else "",
            numerator=row.numerator,
            base=row.base,
            value=row.value,
            is_yes=row.is_yes,
            source=row.admin_return.source,
        )
        for row in rows
    ]


def phases_of(evaluation: Evaluation) -> list[Phase]:
    return list(evaluation.phases.order_by("order", "code"))


def numbers_of(scope: Scope, instrument: Instrument) -> list[tuple[str, WaveKey, str, str, Decimal]]:
    """Numbers given to the items of an instrument: item, wave, respondent, role, number."""
    rows = Answer.objects.filter(
        response__intake__in=scope.intakes().filter(instrument=instrument), number__isnull=False
    )
    found = rows.values_list(
        "item__code",
        "response__intake__wave__site__code",
        "response__intake__wave__phase__code",
        "response__respondent_key",
        "response__role",
        "number",
    )
    return [
        (item, WaveKey(site, phase), key, role, number)
        for item, site, phase, key, role, number in found
        if number is not None
    ]
