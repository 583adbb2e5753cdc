"""What an instrument asks, as plain records: scales, items, and how an answer reads on a scale.

Pure. The database rows of `surveys.models` are turned into these for computing, mapping and the protocol
file.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from .bases import DONT_KNOW, NOT_APPLICABLE, SUBSTANTIVE, BaseRule

ONE_CHOICE, SEVERAL_CHOICES, NUMBER, FREE_TEXT = "one_choice", "several_choices", "number", "free_text"


def folded(text: str) -> str:
    """The form in which labels and headings are compared: one spacing, one apostrophe, no case."""
    text = unicodedata.normalize("NFKC", text).replace("’", "'").replace("‘", "'").replace("–", "-")
    return " ".join(text.replace("\u2014", "-").split()).casefold()


@dataclass(frozen=True)
class Point:
    code: str
    label: str
    kind: str = SUBSTANTIVE


@dataclass(frozen=True)
class ScaleSpec:
    """Points in their order, lowest first for scales that have an order."""

    code: str
    points: tuple[Point, ...]

    @property
    def kinds(self) -> dict[str, str]:
        return {point.code: point.kind for point in self.points}

    def by_kind(self, kind: str) -> Point | None:
        return next((point for point in self.points if point.kind == kind), None)

    def mirrored(self, code: str) -> str:
        """The point at the same distance from the other end; points that are no answer stay."""
        line = [point.code for point in self.points if point.kind == SUBSTANTIVE]
        return line[-1 - line.index(code)] if code in line else code

    def by_label(self) -> dict[str, str]:
        return {folded(point.label): point.code for point in self.points}

    def by_code(self) -> dict[str, str]:
        return {folded(point.code): point.code for point in self.points}


@dataclass(frozen=True)
class ItemSpec:
    code: str
    wording: str
    kind: str = ONE_CHOICE
    scale: str = ""
    minimum: Decimal | None = None
    maximum: Decimal | None = None


@dataclass(frozen=True)
class InstrumentSpec:
    """`roles` and `teams` are closed lists; an empty list of roles accepts any."""

    name: str
    items: Mapping[str, ItemSpec]
    scales: Mapping[str, ScaleSpec]
    roles: tuple[str, ...] = ()
    teams: Mapping[str, str] = field(default_factory=dict)  # folded code or name -> team code
    is_linked: bool = False

    def scale_of(self, item: ItemSpec) -> ScaleSpec:
        return self.scales[item.scale]


@dataclass(frozen=True)
class RuleSpec:
    """An indicator read from items: the points that count, over a base. `combine` settles several items."""

    indicator: str
    items: tuple[str, ...]
    counted: frozenset[str]
    base: BaseRule
    combine: str = "all"
    roles: tuple[str, ...] = ()


__all__ = [
    "DONT_KNOW",
    "NOT_APPLICABLE",
    "SUBSTANTIVE",
    "InstrumentSpec",
    "ItemSpec",
    "Point",
    "RuleSpec",
    "ScaleSpec",
]
