"""Bands of a threshold (such as go, amend, stop): every value of the indicator falls into exactly one.

Published tables get this wrong: bands of whole numbers leave 50.5 without a band, and "at least 50" beside
"less than 45" leaves 47 without one. The check is over the indicator's own range and names the values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import ceil, floor

from ipe.words import Unit

# The values an indicator of each unit can take; None means without end.
RANGES: dict[str, tuple[Decimal, Decimal | None]] = {
    Unit.PERCENT: (Decimal(0), Decimal(100)),
    Unit.COUNT: (Decimal(0), None),
    Unit.FTE: (Decimal(0), None),
    Unit.RATE: (Decimal(0), None),
}


@dataclass(frozen=True)
class Span:
    """A band's values, from `low` to `high`, each in the span or not; None is without end."""

    name: str
    low: Decimal
    has_low: bool
    high: Decimal | None
    has_high: bool


def span(
    name: str,
    *,
    unit: str,
    at_least: Decimal | None,
    above: Decimal | None,
    below: Decimal | None,
    at_most: Decimal | None,
) -> Span:
    """The band with the ends of the range filled in; counts become closed intervals, so that 9 meets 10."""
    start, end = RANGES[unit]
    low, has_low = (
        (at_least, True) if at_least is not None else (above, False) if above is not None else (start, True)
    )
    high: Decimal | None
    high, has_high = (
        (at_most, True) if at_most is not None else (below, False) if below is not None else (end, True)
    )
    if unit == Unit.COUNT:
        low, has_low = Decimal(ceil(low) if has_low else floor(low) + 1), True
        if high is not None:
            high, has_high = Decimal(floor(high) if has_high else ceil(high) - 1), True
    return Span(name, low, has_low, high, has_high)


def faults(spans: Sequence[Span], *, unit: str) -> list[str]:
    """What keeps the bands from being exhaustive and disjoint, in words that name the gap or the overlap."""
    start, end = RANGES[unit]
    empty = [one for one in spans if _is_empty(one)]
    if empty:
        return [f"Band “{one.name}” holds no value: its end lies before its beginning." for one in empty]
    ordered = sorted(spans, key=lambda one: (one.low, not one.has_low))
    found = [
        f"Band “{one.name}” goes beyond what the indicator can be ({_range_words(unit)})."
        for one in ordered
        if one.low < start or (end is not None and (one.high is None or one.high > end))
    ]
    if found:
        return found
    first = ordered[0]
    if not (first.low == start and first.has_low):
        found.append(_gap(Span("", start, True, first.low, not first.has_low)))
    reach = first
    for one in ordered[1:]:
        found.extend(_between(reach, one, unit))
        if _ends_later(one, reach):
            reach = one
    if end is None:
        if reach.high is not None:
            whole = unit == Unit.COUNT
            missing = Span(
                "", reach.high + 1 if whole else reach.high, whole or not reach.has_high, None, False
            )
            found.append(_gap(missing))
    elif not (reach.high == end and reach.has_high):
        found.append(_gap(Span("", reach.high or start, not reach.has_high, end, True)))
    return found


def _is_empty(one: Span) -> bool:
    if one.high is None:
        return False
    return one.low > one.high or (one.low == one.high and not (one.has_low and one.has_high))


def _ends_later(one: Span, other: Span) -> bool:
    if other.high is None:
        return False
    return one.high is None or (one.high, one.has_high) > (other.high, other.has_high)


def _between(left: Span, right: Span, unit: str) -> list[str]:
    """The fault between a band and the next one up; none when the second begins where the first ends."""
    if left.high is not None:
        if unit == Unit.COUNT:
            if right.low == left.high + 1:
                return []
            if right.low > left.high + 1:
                return [_gap(Span("", left.high + 1, True, right.low - 1, True))]
        else:
            if right.low == left.high and left.has_high != right.has_low:
                return []
            if right.low > left.high or (right.low == left.high and not left.has_high and not right.has_low):
                return [
                    _gap(
                        Span(
                            "",
                            left.high,
                            not left.has_high,
                            right.low,
                            not right.has_low,
                        )
                    )
                ]
    ends = [one for one in (left, right) if one.high is not None]
    upper = min(ends, key=lambda one: (one.high, one.has_high)) if ends else None
    shared = Span(
        "",
        right.low,
        right.has_low,
        upper.high if upper else None,
        upper.has_high if upper else False,
    )
    return [f"Bands “{left.name}” and “{right.name}” overlap: both hold {_words(shared)}."]


def _gap(missing: Span) -> str:
    return f"There is a gap: no band holds {_words(missing)}."


def _words(one: Span) -> str:
    low = _number(one.low)
    if one.high is None:
        return f"values of {low} and more" if one.has_low else f"values above {low}"
    high = _number(one.high)
    if one.low == one.high:
        return f"the value {low}"
    first = f"from {low}" if one.has_low else f"above {low}"
    return f"values {first} {'up to' if one.has_high else 'to below'} {high}"


def _range_words(unit: str) -> str:
    start, end = RANGES[unit]
    return f"{_number(start)} to {_number(end)}" if end is not None else f"{_number(start)} or more"


def _number(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
