"""Who a percentage is of: base rules as data, and the count of chosen answers over that base.

Pure. A blank answer is never in a base. "Not applicable" and "don't know" are in or out as the rule says;
when they are in, they stand in the base and never in the count unless the rule of the indicator names their
point.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

SUBSTANTIVE, NOT_APPLICABLE, DONT_KNOW = "answer", "not_applicable", "dont_know"
ROLE, TEAM = "role", "team"  # names a condition may use in place of an item


@dataclass(frozen=True)
class Condition:
    """Holds for a respondent who gave one of `values` to `item` (an item code, or "role" or "team")."""

    item: str
    values: frozenset[str]


@dataclass(frozen=True)
class BaseRule:
    code: str
    title: str
    conditions: tuple[Condition, ...] = ()
    not_applicable_in: bool = False
    dont_know_in: bool = False

    def in_words(self) -> str:
        na = "in" if self.not_applicable_in else "out"
        dk = "in" if self.dont_know_in else "out"
        return f"{self.title} (not applicable {na}, don’t know {dk})"


ALL = BaseRule("all", "All who answered")


@dataclass(frozen=True)
class Respondent:
    """`key` is stable when the same response arrives again; answers hold point codes per item code."""

    key: str
    answers: Mapping[str, frozenset[str]]
    role: str = ""
    teams: frozenset[str] = frozenset()

    def values_of(self, item: str) -> frozenset[str]:
        if item == ROLE:
            return frozenset([self.role]) if self.role else frozenset()
        if item == TEAM:
            return self.teams
        return self.answers.get(item, frozenset())


@dataclass(frozen=True)
class Tally:
    """`counted_keys` are a subset of `base_keys`; the other counts say where everybody else went."""

    numerator: int
    base: int
    n_blank: int
    n_not_applicable: int
    n_dont_know: int
    n_outside: int
    counted_keys: frozenset[str] = field(default=frozenset(), repr=False)
    base_keys: frozenset[str] = field(default=frozenset(), repr=False)


def is_asked(respondent: Respondent, rule: BaseRule) -> bool:
    return all(respondent.values_of(c.item) & c.values for c in rule.conditions)


def tally(
    respondents: Iterable[Respondent],
    *,
    item: str,
    counted: frozenset[str],
    rule: BaseRule,
    point_kinds: Mapping[str, str],
) -> Tally:
    """Count the answers to `item` that lie in `counted` over the base of `rule`.

    `point_kinds` says for every point code of the item's scale whether it is an answer, not applicable or
    don't know.
    """
    counted_keys: set[str] = set()
    base_keys: set[str] = set()
    blank = na = dk = outside = 0
    for person in respondents:
        if not is_asked(person, rule):
            outside += 1
            continue
        given = person.answers.get(item, frozenset())
        kinds = {point_kinds[point] for point in given}
        if not given:
            blank += 1
        elif kinds == {NOT_APPLICABLE} and not rule.not_applicable_in:
            na += 1
        elif kinds == {DONT_KNOW} and not rule.dont_know_in:
            dk += 1
        else:
            base_keys.add(person.key)
            if given & counted:
                counted_keys.add(person.key)
    return Tally(
        numerator=len(counted_keys),
        base=len(base_keys),
        n_blank=blank,
        n_not_applicable=na,
        n_dont_know=dk,
        n_outside=outside,
        counted_keys=frozenset(counted_keys),
        base_keys=frozenset(base_keys),
    )


def distribution(
    respondents: Iterable[Respondent], *, item: str, rule: BaseRule, points: Sequence[str]
) -> dict[str, frozenset[str]]:
    """Keys of the respondents who gave each point, among those the rule's conditions ask. In the scale's
    order.
    """
    found: dict[str, set[str]] = {point: set() for point in points}
    for person in respondents:
        if is_asked(person, rule):
            for point in person.answers.get(item, frozenset()):
                found[point].add(person.key)
    return {point: frozenset(keys) for point, keys in found.items()}
