"""A study's rows as the sections of a protocol file."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import cast

from ipe.models import Evaluation, Indicator, Phase, ResearchQuestion, Site, Threshold, Wave
from ipe.protocol.canonical import canonical
from ipe.protocol.schema import (
    NO_DATES_YET,
    NOT_PLANNED,
    BandPart,
    ContextEventPart,
    Design,
    EvaluationPart,
    IndicatorPart,
    PhasePart,
    QuestionPart,
    SitePart,
    TeamPart,
    ThresholdPart,
    WaveDates,
)
from ipe.words import Comparator, Method, OutputClass, ThresholdScope, Unit


def phases_of(study: Evaluation) -> list[Phase]:
    return cast("list[Phase]", list(study.phases.all()))


def questions_of(study: Evaluation) -> list[ResearchQuestion]:
    return cast("list[ResearchQuestion]", list(study.questions.all()))


def indicators_of(study: Evaluation) -> list[Indicator]:
    found = study.indicators.select_related("question").prefetch_related("phases", "thresholds__phase")
    return cast("list[Indicator]", list(found))


def read_design(study: Evaluation) -> Design:
    """The design of a study in its canonical form."""
    sites = study.sites.prefetch_related("teams__parent", "waves__phase")
    return canonical(
        Design(
            evaluation=EvaluationPart(**{name: getattr(study, name) for name in EvaluationPart.model_fields}),
            research_questions=_questions(questions_of(study)),
            phases=[
                PhasePart(code=row.code, name=row.name, offset_months=row.offset_months)
                for row in phases_of(study)
            ],
            sites=[_site(row) for row in sites],
            waves={site.code: {wave.phase.code: _wave(wave) for wave in site.waves.all()} for site in sites},
            context_events=[
                ContextEventPart(
                    happened_on=row.happened_on,
                    title=row.title,
                    kind=row.kind,
                    site=row.site.code if row.site else None,
                )
                for row in study.context_events.select_related("site")
            ],
            indicators=[_indicator(row) for row in indicators_of(study)],
        )
    )


def _questions(rows: Iterable[ResearchQuestion]) -> list[QuestionPart]:
    below: dict[object, list[ResearchQuestion]] = {}
    for row in rows:
        below.setdefault(row.parent_id, []).append(row)

    def parts(parent: object) -> list[QuestionPart]:
        return [
            QuestionPart(code=row.code, text=row.text, questions=parts(row.pk))
            for row in below.get(parent, [])
        ]

    return parts(None)


def _site(row: Site) -> SitePart:
    return SitePart(
        code=row.code,
        name=row.name,
        readiness=row.readiness,
        live_planned_on=row.live_planned_on,
        live_actual_on=row.live_actual_on,
        live_analysis_on=row.live_analysis_on,
        teams=[
            TeamPart(code=team.code, name=team.name, parent=team.parent.code if team.parent else None)
            for team in row.teams.all()
        ],
    )


def _wave(row: Wave) -> WaveDates | str:
    if not row.is_planned:
        return NOT_PLANNED
    if row.starts_on is None:
        return NO_DATES_YET
    return WaveDates(starts_on=row.starts_on, ends_on=row.ends_on)


def _indicator(row: Indicator) -> IndicatorPart:
    return IndicatorPart(
        code=row.code,
        title=row.title,
        question=row.question.code if row.question else None,
        heading=row.heading,
        unit=Unit(row.unit),
        methods=[Method(method) for method in row.methods],
        phases=[phase.code for phase in cast("list[Phase]", list(row.phases.all()))],
        output_class=OutputClass(row.output_class),
        note=row.note,
        thresholds=[threshold_part(threshold) for threshold in row.thresholds.all()],
    )


def threshold_part(row: Threshold) -> ThresholdPart:
    """A stored threshold as a file says it, for its one phase."""
    return ThresholdPart(
        phases=[row.phase.code],
        scope=ThresholdScope(row.scope),
        comparator=Comparator(row.comparator),
        value=row.value,
        role_minimum=row.role_minimum,
        minimum_base=row.minimum_base,
        minimum_response_percent=row.minimum_response_percent,
        must_clear_interval=row.must_clear_interval,
        bands=[BandPart.model_validate(_numbers(band)) for band in row.bands],
        note=row.note,
    )


def _numbers(band: dict[str, object]) -> dict[str, object]:
    """A band's numbers are stored as text, because JSON has no exact decimals."""
    return {name: one if name in ("name", "answer") else Decimal(str(one)) for name, one in band.items()}
