"""The sections of a protocol file that describe the study design, as pydantic models.

Strict: unknown fields, numbers for text and text for numbers are refused. A section that is left out is None
("says nothing"), an empty one is "there are none". Rooms above own further sections; theirs are models of
their own, built on `Part` and the types below, and reach the file through `Room.protocol_section`.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    TypeAdapter,
    model_validator,
)

from ipe.protocol import bands as band_rules
from ipe.words import Comparator, Method, OutputClass, ThresholdScope, Unit

CODE = r"^[A-Za-z0-9][A-Za-z0-9_.-]*\z"
NOT_PLANNED, NO_DATES_YET = "not planned", "no dates yet"
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff]")


class Part(BaseModel):
    """Base of every part of a protocol file: strict, no unknown fields, never changed after reading."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def _code(value: object) -> object:
    """Codes such as 1 or 1.2 need no quotes."""
    return str(value) if isinstance(value, (int, Decimal)) and not isinstance(value, bool) else value


def _text(value: object) -> object:
    if isinstance(value, str) and _CONTROL.search(value):
        raise ValueError("holds a control character.")
    return value


def _line(value: object) -> object:
    if isinstance(value, str) and ("\n" in value.strip() or "\r" in value.strip()):
        raise ValueError("should be on one line.")
    return _text(value)


def _blank(value: object) -> object:
    return "" if value is None else value


def _number(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool):
        value = Decimal(value)
    if isinstance(value, Decimal) and value == value.to_integral_value():
        return value.quantize(Decimal(1)) if abs(value) < 10**20 else value
    return value.normalize() if isinstance(value, Decimal) else value


# Constraints stand first: they then belong to the text itself, and stripping comes before measuring.
Code = Annotated[str, StringConstraints(pattern=CODE, max_length=30), BeforeValidator(_code)]
LongCode = Annotated[str, StringConstraints(pattern=CODE, max_length=60), BeforeValidator(_code)]
Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120), BeforeValidator(_line)
]
Line = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), BeforeValidator(_line)
]
Title = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300), BeforeValidator(_line)
]
Prose = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=10_000), BeforeValidator(_text)
]
# The same, where a field may be left out or left blank.
MaybeWord = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=30),
    BeforeValidator(_line),
    BeforeValidator(_blank),
]
MaybeName = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=60),
    BeforeValidator(_line),
    BeforeValidator(_blank),
]
MaybeHeading = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=120),
    BeforeValidator(_line),
    BeforeValidator(_blank),
]
MaybeLine = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=200),
    BeforeValidator(_line),
    BeforeValidator(_blank),
]
MaybeTitle = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=300),
    BeforeValidator(_line),
    BeforeValidator(_blank),
]
MaybeProse = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=10_000),
    BeforeValidator(_text),
    BeforeValidator(_blank),
]
Number = Annotated[Decimal, Field(ge=0, max_digits=12, decimal_places=4), BeforeValidator(_number)]
Percent = Annotated[Decimal, Field(ge=0, le=100, max_digits=6, decimal_places=3), BeforeValidator(_number)]
Day = dt.date


class EvaluationPart(Part):
    """The study itself. `slug` is its address and says which study a file is about."""

    slug: Annotated[str, StringConstraints(pattern=r"^[-a-zA-Z0-9_]+\z", max_length=60)]
    title: Line
    programme: MaybeLine = ""
    design: MaybeProse = ""
    protocol_version: MaybeName = ""
    lawful_basis: MaybeLine = ""
    smallest_count_survey: Annotated[int, Field(ge=1, le=1000)] = 10
    smallest_count_impact: Annotated[int, Field(ge=10, le=1000)] = 10
    zero_is_disclosive: bool = False
    quote_minimum_group: Annotated[int, Field(ge=1, le=1000)] = 3
    analysis_cut_off_on: Day | None = None


class QuestionPart(Part):
    """A research question; `questions` nests further ones below it."""

    code: Code
    text: Prose
    questions: list[QuestionPart] = []


class TeamPart(Part):
    """A team within a site; `parent` is the code of another team of the same site, such as its district."""

    code: Code
    name: Name
    parent: Code | None = None


class SitePart(Part):
    """A local authority, in the order in which they stand in the file."""

    code: Code
    name: Name
    readiness: MaybeWord = ""
    live_planned_on: Day | None = None
    live_actual_on: Day | None = None
    live_analysis_on: Day | None = None
    teams: list[TeamPart] = []


class PhasePart(Part):
    """A time of data collection; `offset_months` counts from each site's live date, negative before it."""

    code: Code
    name: Name
    offset_months: Annotated[int, Field(ge=-600, le=600)] | None = None


class WaveDates(Part):
    """The first and last day of a phase at a site."""

    starts_on: Day
    ends_on: Day | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.ends_on is not None and self.ends_on < self.starts_on:
            raise ValueError(f"ends on {self.ends_on}, before it starts on {self.starts_on}.")
        return self


WavePart = Annotated[
    Annotated[WaveDates, Tag("dates")] | Annotated[Literal["not planned", "no dates yet"], Tag("words")],
    Discriminator(lambda value: "words" if isinstance(value, str) else "dates"),
]


class ContextEventPart(Part):
    """Something dated that bears on one site, or on the whole study when `site` is left out."""

    happened_on: Day
    title: Line
    kind: MaybeName = ""
    site: Code | None = None


class BandPart(Part):
    """A named part of the indicator's range. For a yes/no indicator the band names its `answer` instead."""

    name: Name
    at_least: Number | None = None
    above: Number | None = None
    below: Number | None = None
    at_most: Number | None = None
    answer: Literal["yes", "no"] | None = None

    @model_validator(mode="after")
    def _one_end_each(self) -> Self:
        if self.at_least is not None and self.above is not None:
            raise ValueError("give “at_least” or “above”, not both.")
        if self.below is not None and self.at_most is not None:
            raise ValueError("give “below” or “at_most”, not both.")
        if self.answer is None and self.numbers() == (None, None, None, None):
            raise ValueError(
                "says no values: give at_least or above, below or at_most (or an answer for yes/no)."
            )
        return self

    def numbers(
        self,
    ) -> tuple[Decimal | None, Decimal | None, Decimal | None, Decimal | None]:
        return self.at_least, self.above, self.below, self.at_most


class ThresholdPart(Part):
    """What the indicator should reach in the phases named; each phase becomes a threshold of its own."""

    phases: Annotated[list[Code], Field(min_length=1)]
    scope: Annotated[ThresholdScope, Field(strict=False)] = ThresholdScope.OVERALL
    comparator: Annotated[Comparator, Field(strict=False)]
    value: Number | None = None
    role_minimum: Number | None = None
    minimum_base: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    minimum_response_percent: Percent | None = None
    must_clear_interval: bool = False
    bands: list[BandPart] = []
    note: MaybeTitle = ""


class IndicatorPart(Part):
    """What is measured for a question, in one unit, in the phases listed; thresholds where it has targets."""

    code: LongCode
    title: Title
    question: Code | None = None
    heading: MaybeHeading = ""
    unit: Annotated[Unit, Field(strict=False)] = Unit.PERCENT
    methods: list[Annotated[Method, Field(strict=False)]] = []
    phases: list[Code] = []
    output_class: Annotated[OutputClass, Field(strict=False)] = OutputClass.SURVEY
    note: MaybeProse = ""
    thresholds: list[ThresholdPart] = []


@dataclass(frozen=True)
class Design:
    """The sections the shell owns, as read. None: the file leaves the section out."""

    evaluation: EvaluationPart
    research_questions: list[QuestionPart] | None = None
    phases: list[PhasePart] | None = None
    sites: list[SitePart] | None = None
    waves: dict[str, dict[str, WaveDates | str]] | None = None
    context_events: list[ContextEventPart] | None = None
    indicators: list[IndicatorPart] | None = None

    def with_gaps_from(self, other: Design) -> Design:
        """This design, with the sections that it leaves out taken from another."""
        kept = {
            one.name: getattr(other, one.name) if getattr(self, one.name) is None else getattr(self, one.name)
            for one in fields(self)
        }
        if self.waves is None and other.waves is not None:  # waves go with their site and phase
            sites = {site.code for site in kept["sites"] or []}
            phases = {phase.code for phase in kept["phases"] or []}
            kept["waves"] = {
                site: {phase: wave for phase, wave in waves.items() if phase in phases}
                for site, waves in other.waves.items()
                if site in sites
            }
        return Design(**kept)


# In the order in which a file is written. Waves come as site code → phase code → dates or words.
DESIGN_SECTIONS: Mapping[str, TypeAdapter[Any]] = {
    "evaluation": TypeAdapter(EvaluationPart),
    "research_questions": TypeAdapter(list[QuestionPart]),
    "phases": TypeAdapter(list[PhasePart]),
    "sites": TypeAdapter(list[SitePart]),
    "waves": TypeAdapter(dict[Code, dict[Code, WavePart]]),
    "context_events": TypeAdapter(list[ContextEventPart]),
    "indicators": TypeAdapter(list[IndicatorPart]),
}


def band_faults(indicator: IndicatorPart, threshold: ThresholdPart) -> list[str]:
    """Why the bands of a threshold are not one partition of the indicator's range; empty when they are."""
    bands = threshold.bands
    if not bands:
        return []
    names = [band.name for band in bands]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        return [f"Two bands have the name “{name}”." for name in twice]
    if indicator.unit == Unit.YES_NO:
        if any(band.answer is None for band in bands):
            return ["Each band of a yes/no indicator names its answer (yes or no)."]
        answers = [band.answer for band in bands]
        missing = [
            f"There is a gap: no band holds the answer “{one}”."
            for one in ("yes", "no")
            if one not in answers
        ]
        doubled = [
            f"Bands overlap: two of them hold the answer “{one}”."
            for one in ("yes", "no")
            if answers.count(one) > 1
        ]
        return missing + doubled
    if any(band.answer is not None for band in bands):
        return ["“answer” is for yes/no indicators; this one is measured in numbers."]
    return band_rules.faults(
        [
            band_rules.span(
                band.name,
                unit=indicator.unit,
                at_least=band.at_least,
                above=band.above,
                below=band.below,
                at_most=band.at_most,
            )
            for band in bands
        ],
        unit=indicator.unit,
    )
