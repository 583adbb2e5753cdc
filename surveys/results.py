"""Indicators as pages, API and commands ask for them: frames in, frozen results out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from exports.table import Cell
from ipe.models import Evaluation, User
from surveys import frames, tables

from .indicators import IndicatorResult, Reading, SurveyWave, compute

As = Literal["working", "released"]


@dataclass(frozen=True)
class Computed:
    """What was computed, with what it was computed from."""

    results: tuple[IndicatorResult, ...]
    waves: tuple[SurveyWave, ...]
    readings: tuple[Reading, ...]


def computed(scope: frames.Scope, *, indicator: str = "") -> Computed:
    """Every indicator with data in the scope, in the order of the protocol. The number of queries is
    constant.
    """
    waves = frames.survey_waves(scope)
    readings = frames.readings(scope.evaluation, indicator=indicator)
    results = compute(waves, readings, frames.targets(scope.evaluation), frames.admin_figures(scope))
    return Computed(tuple(results), tuple(waves), tuple(readings))


def rows_as(evaluation: Evaluation, results: Sequence[IndicatorResult], as_: As) -> list[dict[str, Cell]]:
    """Table rows of the results, unsuppressed ("working") or as they may leave ("released")."""
    return tables.working_rows(results) if as_ == "working" else tables.released_rows(evaluation, results)


def as_json(
    evaluation: Evaluation, *, user: User | None = None, site: str = "", phase: str = "", as_: As = "released"
) -> list[dict[str, object]]:
    found = computed(frames.Scope(evaluation, user, site, phase)).results
    return tables.as_json(found, rows_as(evaluation, found, as_))
