"""What a programme costs and saves: Green Book discounting, benefit-cost ratio, net present value, staff time and training.

All amounts are pounds in the prices of the base year. Year 0 is the base year and has a discount factor of 1.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from exports.digits import printed
from impact.columns import Floats, numbers
from impact.errors import BadData, NotIdentified
from impact.estimate import Estimate, Note
from impact.ties import is_rejected

__all__ = [
    "RATES",
    "Appraisal",
    "Benefit",
    "Cost",
    "Rates",
    "Schedule",
    "StaffTime",
    "Training",
    "appraise",
    "avoided_cases",
    "deflate",
    "discount_factors",
    "rates_on",
    "schedule",
]


@dataclass(frozen=True)
class Rates:
    """A declining discount rate. `bands` holds (last year of the band, rate); the last band has no end.

    `until` is the last day on which the rates were known to be in force: a later appraisal says so in a note.
    """

    since: dt.date
    until: dt.date
    bands: tuple[tuple[int | None, float], ...]
    source: str


# The newest last. New rates are a new row: an appraisal of last year must still give last year's figure.
RATES = (
    Rates(
        dt.date(2003, 4, 1),
        dt.date(2025, 12, 16),
        ((30, 0.035), (75, 0.030), (None, 0.025)),
        "HM Treasury, The Green Book (2003 and later); Review of discounting in the Green Book: Terms of Reference,"
        " gov.uk, 16 December 2025",
    ),
)


@dataclass(frozen=True)
class Appraisal:
    """Present values of costs and benefits. `benefit_cost_ratio` is None where nothing was spent."""

    present_cost: float
    present_benefit: float
    net_present_value: float
    benefit_cost_ratio: float | None
    discount_factors: tuple[float, ...]
    rates: Rates
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class Benefit:
    """Cases avoided and their present value for one authority.

    `unconditional` is the value with its interval, whatever its p-value; `where_significant` is the protocol's figure: the
    same, or 0 where the effect is not significant. `by_year` is undiscounted and unconditional.
    """

    unconditional: Estimate
    where_significant: float
    is_significant: bool
    cases_avoided_per_year: float
    by_year: tuple[float, ...]
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class StaffTime:
    """Hours of one role in one year that had to be filled by others or hired, at a typical hourly wage."""

    role: str
    year: int
    n_hours: float
    pounds_per_hour: float
    on_costs_share: float = 0.0

    @property
    def pounds(self) -> float:
        return self.n_hours * self.pounds_per_hour * (1 + self.on_costs_share)


@dataclass(frozen=True)
class Training:
    """One course in one year: the days of those who attended, their replacement, and fees, travel and rooms."""

    course: str
    year: int
    n_people: int
    days_each: float
    pounds_per_day: float = 0.0
    fees_pounds: float = 0.0
    other_pounds: float = 0.0

    @property
    def n_staff_days(self) -> float:
        return self.n_people * self.days_each

    @property
    def pounds(self) -> float:
        return self.n_staff_days * self.pounds_per_day + self.fees_pounds + self.other_pounds


@dataclass(frozen=True)
class Cost:
    """Any other cost. Prerequisites are reported and not summed, as the protocol says."""

    name: str
    year: int
    pounds: float
    stage: Literal["prerequisite", "start_up", "recurring"] = "recurring"


@dataclass(frozen=True)
class Schedule:
    """Undiscounted costs of the average authority: `by_year` from year 0, and totals by kind over all years."""

    by_year: tuple[float, ...]
    by_kind: Mapping[str, float]
    prerequisites: float
    n_authorities: int
    notes: tuple[Note, ...]


def rates_on(day: dt.date) -> Rates:
    """The rates in force on a day. Raises BadData before 1 April 2003, when another method of appraisal applied."""
    known = [rates for rates in RATES if rates.since <= day]
    if not known:
        raise BadData(
            f"There are no discount rates for {_spoken(day)}; the table begins on {_spoken(RATES[0].since)}."
        )
    return known[-1]


def discount_factors(n_years: int, rates: Rates = RATES[-1]) -> Floats:
    """Factors of years 0 … n_years - 1, shape (n_years,): each year divides the factor before it by 1 + that year's rate.

    Within the first band this is (1 + r)^-t; after it, 1.035^-30 × 1.03^-(t - 30), and so on. Source: HM Treasury, The Green
    Book (2022), annex A6. Checked by hand against the factors printed in the requirements (years 1 to 125, 4 digits).
    """
    if n_years < 1:
        raise BadData("An appraisal needs at least one year.")
    yearly = np.empty(n_years)
    yearly[0] = 0.0
    first = 1
    for last, rate in rates.bands:
        end = n_years if last is None else min(n_years, last + 1)
        yearly[first:end] = rate
        first = max(first, end)
    return np.asarray(1 / np.cumprod(1 + yearly), dtype=np.float64)


def deflate(
    nominal: npt.ArrayLike, years: Sequence[int], index: Mapping[int, float], *, base_year: int
) -> Floats:
    """Amounts in the prices of the base year: nominal × index[base year] / index[year], shape (n,).

    `index` is a price index by calendar year, such as the GDP deflator. Deflate first: the discount rates are real. Raises
    BadData for a year that the index lacks and for an index that is not above zero.
    """
    found = numbers(nominal, "amounts")
    if len(years) != len(found):
        raise BadData(f"{len(found)} amounts were given, but {len(years)} years.")
    absent = sorted({*years, base_year} - set(index))
    if absent:
        raise BadData(f"The price index lacks the years {', '.join(map(str, absent))}.")
    levels = numbers([index[year] for year in years], "price index")
    if (levels <= 0).any() or index[base_year] <= 0:
        raise BadData("The price index must be above zero.")
    return found * index[base_year] / levels


def appraise(costs: npt.ArrayLike, benefits: npt.ArrayLike, *, on: dt.date) -> Appraisal:
    """NPSV = Σ d(t)(B(t) - C(t)) and BCR = Σ d(t)B(t) / Σ d(t)C(t) over years 0 … T - 1, with d(t) as `discount_factors`.

    `costs` and `benefits` have shape (T,): real pounds of one perspective, missing ones refused (BadData). The denominator
    is public cost only: a cost that the programme saves is a benefit, and negative costs raise BadData. `on` is the day of
    the appraisal, which chooses the rates. Where no cost is above zero there is no ratio: None, with a note. Source and
    check as `discount_factors`; the example of the requirements gives 40.081849 and 1.400818.
    """
    spent, saved = numbers(costs, "costs"), numbers(benefits, "benefits")
    if len(spent) != len(saved):
        raise BadData(
            f"Costs cover {len(spent)} years and benefits {len(saved)}; fill the shorter with zeros."
        )
    if (spent < 0).any():
        raise BadData("A cost is negative. Enter what the programme saves as a benefit.")
    rates = rates_on(on)
    factors = discount_factors(len(spent), rates)
    cost, benefit = float(factors @ spent), float(factors @ saved)
    notes = []
    if on > rates.until:
        notes.append(
            Note(
                "rates_may_have_changed",
                f"The discount rates were last read on {_spoken(rates.until)}, when the Treasury had them under review."
                " Check them before publishing.",
            )
        )
    if cost == 0:
        notes.append(Note("no_cost", "Nothing was spent, so there is no benefit-cost ratio."))
    return Appraisal(
        cost,
        benefit,
        benefit - cost,
        benefit / cost if cost > 0 else None,
        tuple(factors.tolist()),
        rates,
        tuple(notes),
    )


def avoided_cases(
    effect: Estimate,
    *,
    n_children_per_year: float,
    pounds_per_case: float,
    n_years: int = 6,
    alpha: float = 0.05,
    rates: Rates = RATES[-1],
) -> Benefit:
    """Σ over years 0 … n_years - 1 of -effect × children per year × £ per case × discount factor, for one authority.

    `effect` is the change in the probability of the outcome (a risk difference or average marginal effect, never a log odds
    ratio: one beyond 1 in size raises BadData), with children and cost for the average authority; a fall is a benefit.
    The unit cost counts as known, so the interval carries the uncertainty of the effect alone. Source: evaluation protocol
    of Family Valued (difference-in-differences), Cost Benefit Analysis, whose sum runs over years 0 to 5. That
    protocol counts a benefit only where the effect is significant; the unconditional figure stands beside it, because a rule
    that keeps only significant estimates overstates them on average. Raises NotIdentified without a standard error.
    """
    if not abs(effect.value) <= 1:
        raise BadData(
            f"The effect must be a change in a probability, between -1 and 1, not {printed(effect.value, 'g')}."
        )
    if not effect.std_error > 0:
        raise NotIdentified("The effect has no standard error, so whether it is significant cannot be said.")
    if not n_children_per_year > 0 or not pounds_per_case > 0:
        raise BadData("The number of children and the cost of a case must be above zero.")
    yearly = n_children_per_year * pounds_per_case
    pounds = -yearly * float(discount_factors(n_years, rates).sum())
    ends = sorted((pounds * effect.low, pounds * effect.high))
    unconditional = Estimate(
        "benefit", pounds * effect.value, abs(pounds) * effect.std_error, effect.df, -effect.statistic,
        effect.p_value, ends[0], ends[1], effect.level,
    )  # fmt: skip
    is_significant = bool(is_rejected(effect.p_value, alpha))
    notes = [
        Note(
            "significant_only_is_biased",
            "Counting benefits only where they are significant overstates them on average; read the unconditional figure.",
        )
    ]
    return Benefit(
        unconditional,
        unconditional.value if is_significant else 0.0,
        is_significant,
        -effect.value * n_children_per_year,
        (-effect.value * yearly,) * n_years,
        tuple(notes),
    )


def schedule(costs: Iterable[Cost | StaffTime | Training], *, n_years: int, n_authorities: int) -> Schedule:
    """Costs of all authorities added by year and divided by their number, prerequisites left out.

    Amounts are real pounds (see `deflate`). Raises BadData for a year outside 0 … n_years - 1, and for an amount, count or
    rate below zero or missing. Source: the protocol named in `avoided_cases`, Cost components. Checked by hand: the courses
    of the Signs of Safety pilots (2020, appendix 11) give its 2,550 staff days.
    """
    if n_authorities < 1 or n_years < 1:
        raise BadData("There must be at least one authority and one year.")
    by_year = np.zeros(n_years)
    by_kind = {"staff": 0.0, "training": 0.0, "start_up": 0.0, "recurring": 0.0}
    prerequisites = 0.0
    for cost in costs:
        name, parts = _parts(cost)
        if not all(np.isfinite(part) and part >= 0 for part in parts):
            raise BadData(f"“{name}” has an amount, count or rate that is missing or below zero.")
        if not 0 <= cost.year < n_years:
            raise BadData(f"“{name}” falls in year {cost.year}, outside years 0 to {n_years - 1}.")
        if isinstance(cost, Cost) and cost.stage == "prerequisite":
            prerequisites += cost.pounds / n_authorities
            continue
        kind = (
            cost.stage if isinstance(cost, Cost) else "staff" if isinstance(cost, StaffTime) else "training"
        )
        by_kind[kind] += cost.pounds / n_authorities
        by_year[cost.year] += cost.pounds / n_authorities
    notes = []
    if prerequisites:
        notes.append(
            Note(
                "prerequisites_left_out",
                f"Prerequisites of £{printed(prerequisites, ',.0f')} an authority are not counted.",
            )
        )
    return Schedule(tuple(by_year.tolist()), by_kind, prerequisites, n_authorities, tuple(notes))


def _parts(cost: Cost | StaffTime | Training) -> tuple[str, tuple[float, ...]]:
    if isinstance(cost, StaffTime):
        return cost.role, (cost.n_hours, cost.pounds_per_hour, cost.on_costs_share)
    if isinstance(cost, Training):
        return cost.course, (
            cost.n_people,
            cost.days_each,
            cost.pounds_per_day,
            cost.fees_pounds,
            cost.other_pounds,
        )
    return cost.name, (cost.pounds,)


def _spoken(day: dt.date) -> str:
    return f"{day.day} {day:%B %Y}"
