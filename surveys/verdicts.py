"""A figure held against a threshold: compared unrounded, shown rounded, never rounded across the line.

Pure, and exact: figures and thresholds are Fractions, so that 35 of 50 against 70 is met and 69.6% against
70 is not. The default verdict is the observed figure against the value. "Cannot say" comes only from a rule
stored with the threshold (smallest base, smallest response, interval must clear the value) or from the lack
of any figure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

from .intervals import Interval

MET, NOT_MET, CANNOT_SAY, SUPPRESSED, NO_TARGET = "met", "not_met", "cannot_say", "suppressed", "no_target"
AT_LEAST, AT_MOST, YES, NO = "at_least", "at_most", "yes", "no"
OVERALL, EACH_ROLE, EACH_TEAM = "overall", "each_role", "each_team"


@dataclass(frozen=True)
class Figure:
    """What was observed. `value` is in the indicator's unit (percent: 0 to 100), None where nothing was seen.

    `base` is None for figures that are not a share of people (posts, a rate, yes or no). `yes` is for
    yes/no figures.
    """

    value: Fraction | None = None
    base: int | None = None
    response_percent: Fraction | None = None
    interval_percent: tuple[float, float] | None = None
    yes: bool | None = None


@dataclass(frozen=True)
class Target:
    comparator: str
    value: Fraction | None = None
    scope: str = OVERALL
    role_minimum: Fraction | None = None
    minimum_base: int | None = None
    minimum_response_percent: Fraction | None = None
    must_clear_interval: bool = False

    @property
    def is_set(self) -> bool:
        return self.comparator in (YES, NO) or self.value is not None


@dataclass(frozen=True)
class Ruling:
    verdict: str
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Groups:
    """Figures of the same indicator per role and per team, for thresholds that name them."""

    by_role: Mapping[str, Figure] = field(default_factory=dict)
    by_team: Mapping[str, Figure] = field(default_factory=dict)


def share_percent(count: int, base: int) -> Fraction | None:
    return Fraction(100 * count, base) if base else None


def as_percent(interval: Interval | None) -> tuple[float, float] | None:
    return None if interval is None else (100 * interval.lower, 100 * interval.upper)


def compares(value: Fraction, comparator: str, limit: Fraction) -> bool:
    return value >= limit if comparator == AT_LEAST else value <= limit


def judge_one(figure: Figure, target: Target) -> Ruling:
    """One figure against the target's value, whatever the target's scope."""
    if not target.is_set:
        return Ruling(NO_TARGET)
    if target.comparator in (YES, NO):
        if figure.yes is None:
            return Ruling(CANNOT_SAY, ("No answer has been given.",))
        return Ruling(MET if figure.yes == (target.comparator == YES) else NOT_MET)
    if figure.value is None or target.value is None:
        return Ruling(CANNOT_SAY, ("There is no figure to compare.",))
    if target.minimum_base is not None and figure.base is not None and figure.base < target.minimum_base:
        return Ruling(CANNOT_SAY, (f"The base is smaller than {target.minimum_base}.",))
    if target.minimum_response_percent is not None:
        if figure.response_percent is None:
            return Ruling(CANNOT_SAY, ("The response rate is not known.",))
        if figure.response_percent < target.minimum_response_percent:
            limit = plain(target.minimum_response_percent)
            return Ruling(CANNOT_SAY, (f"The response rate is below {limit}%.",))
    is_met = compares(figure.value, target.comparator, target.value)
    if target.must_clear_interval and figure.interval_percent is not None:
        ends = [compares(Fraction(end), target.comparator, target.value) for end in figure.interval_percent]
        if ends[0] != ends[1]:
            return Ruling(CANNOT_SAY, ("The interval lies on both sides of the threshold.",))
    return Ruling(MET if is_met else NOT_MET)


def combine(rulings: Mapping[str, Ruling], *, what: str) -> Ruling:
    """All must be met. One that is not met decides; otherwise one that cannot be said decides."""
    if not rulings:
        return Ruling(CANNOT_SAY, (f"There are no figures by {what}.",))
    for verdict, words in ((NOT_MET, "not met for"), (CANNOT_SAY, "cannot say for")):
        names = [name for name, ruling in rulings.items() if ruling.verdict == verdict]
        if names:
            return Ruling(verdict, (f"By {what}: {words} {', '.join(names)}.",))
    return Ruling(MET if any(ruling.verdict == MET for ruling in rulings.values()) else NO_TARGET)


def judge(figure: Figure, target: Target | None, groups: Groups | None = None) -> Ruling:
    """The verdict of an indicator at a wave.

    Scope each role / each team: every role or team must meet the value and the overall figure is not
    compared. A role minimum adds, to an overall threshold, that no role may lie below it (no smallest base
    applies there).
    """
    if target is None or not target.is_set:
        return Ruling(NO_TARGET)
    groups = groups or Groups()
    if target.scope == EACH_ROLE:
        return combine({n: judge_one(f, target) for n, f in groups.by_role.items()}, what="role")
    if target.scope == EACH_TEAM:
        return combine({n: judge_one(f, target) for n, f in groups.by_team.items()}, what="team")
    overall = judge_one(figure, target)
    if target.role_minimum is None or overall.verdict in (NOT_MET, NO_TARGET):
        return overall
    floor = role_floor(target)
    by_role = combine({n: judge_one(f, floor) for n, f in groups.by_role.items()}, what="role")
    if overall.verdict == MET or by_role.verdict == NOT_MET:
        return by_role
    return overall


def role_floor(target: Target) -> Target:
    """The role minimum as a target of its own, for the rows of the single roles."""
    return Target(comparator=AT_LEAST, value=target.role_minimum)


def settle(rulings: Mapping[str, Ruling], *, rule: str) -> Ruling:
    """One verdict for an indicator read through several items: "all" must be met, or "any" is enough."""
    kept = {name: ruling for name, ruling in rulings.items() if ruling.verdict != NO_TARGET}
    if not kept:
        return Ruling(NO_TARGET)
    if any(ruling.verdict == SUPPRESSED for ruling in kept.values()):
        # Anything else would tell the hidden verdict when the others are known.
        return Ruling(SUPPRESSED)
    if rule == "any":
        for verdict in (MET, CANNOT_SAY):
            if any(ruling.verdict == verdict for ruling in kept.values()):
                return Ruling(verdict)
        return Ruling(NOT_MET)
    return combine(kept, what="item")


def _rounded(value: Fraction, places: int) -> Decimal:
    """Half away from zero, as the reports round. Exact, because the value is a fraction."""
    scale = 10**places
    scaled = abs(value) * scale
    whole = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    number = Decimal(whole).scaleb(-places)
    return -number if value < 0 else number


def shown(value: Fraction, target: Target | None = None, *, places: int = 0, most_places: int = 6) -> str:
    """The figure as text, with as many decimals as it takes to stand on its own side of the threshold.

    69.6 against 70 is "69.6", not "70"; 84.2 against 70 is "84".
    """
    limits = [] if target is None else [x for x in (target.value, target.role_minimum) if x is not None]
    comparator = AT_LEAST if target is None else target.comparator
    for digits in range(places, most_places + 1):
        text = _rounded(value, digits)
        if all(compares(Fraction(text), comparator, x) == compares(value, comparator, x) for x in limits):
            return f"{text:f}"
    sign = "<" if any(value < limit for limit in limits) else ">"
    return f"{sign}{_rounded(value, 0)}"


def plain(value: Fraction | Decimal | int) -> str:
    """A threshold as people write it: 70, 0.5, 17."""
    fraction = Fraction(value)
    return str(fraction.numerator) if fraction.denominator == 1 else f"{float(fraction):g}"


def target_in_words(target: Target | None, *, unit: str = "") -> str:
    """Short form for a column: "≥ 70%", "≤ 17", "yes", with its scope."""
    if target is None or not target.is_set:
        return "no target"
    if target.comparator in (YES, NO):
        return target.comparator
    assert target.value is not None
    sign = "≥" if target.comparator == AT_LEAST else "≤"
    words = f"{sign} {plain(target.value)}{unit}"
    if target.scope == EACH_ROLE:
        words += ", each role"
    elif target.scope == EACH_TEAM:
        words += ", each team"
    if target.role_minimum is not None:
        words += f", each role ≥ {plain(target.role_minimum)}{unit}"
    return words
