"""The file that `impact costs` reads. All amounts are pounds in the prices of year 0; deflate them first."""

from __future__ import annotations

import datetime as dt
from typing import Literal

import pydantic

from impact.costs import Cost, StaffTime, Training
from impact.documents import Part

__all__ = ["CostFile"]


class StaffItem(Part):
    """Hours of one role in one year, over all authorities."""

    role: str
    year: int
    hours: float
    pounds_per_hour: float
    on_costs_share: float = 0.0


class TrainingItem(Part):
    """One course in one year, over all authorities."""

    course: str
    year: int
    n_people: int
    days_each: float
    pounds_per_day: float = 0.0
    fees_pounds: float = 0.0
    other_pounds: float = 0.0


class OtherItem(Part):
    """Any other cost."""

    name: str
    year: int
    pounds: float
    stage: Literal["prerequisite", "start_up", "recurring"] = "recurring"


class BenefitItem(Part):
    """An effect as a change of a share (-0.012 is 1.2 points fewer), and what a case costs, in the average authority."""

    outcome: str
    change: float
    std_error: float = pydantic.Field(gt=0)
    df: float | None = pydantic.Field(default=None, gt=0)
    children_per_year: float
    pounds_per_case: float


class CostFile(Part):
    """The whole file. `on` is the day of the appraisal, which chooses the discount rates."""

    schema_: Literal[1] = pydantic.Field(alias="schema")
    title: str
    on: dt.date
    n_years: int = pydantic.Field(default=6, ge=1, le=125)
    n_authorities: int = pydantic.Field(ge=1)
    staff: tuple[StaffItem, ...] = ()
    training: tuple[TrainingItem, ...] = ()
    other: tuple[OtherItem, ...] = ()
    benefits: tuple[BenefitItem, ...] = pydantic.Field(min_length=1)

    def items(self) -> list[Cost | StaffTime | Training]:
        """Every cost as `impact.costs` takes it."""
        staff = [
            StaffTime(one.role, one.year, one.hours, one.pounds_per_hour, one.on_costs_share)
            for one in self.staff
        ]
        training = [Training(**one.model_dump()) for one in self.training]
        return [*staff, *training, *(Cost(**one.model_dump()) for one in self.other)]
