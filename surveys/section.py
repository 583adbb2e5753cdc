"""The protocol's section `instruments`: questionnaires with scales, items, bases, and how indicators are
read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, Self, cast

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import ProtectedError
from pydantic import BaseModel, Field, model_validator

from ipe.errors import Invalid
from ipe.models import Evaluation
from ipe.protocol.schema import Code, Line, LongCode, Name, Number, Part, Prose
from ipe.words import Method

from .models import (
    BaseRule,
    IndicatorRule,
    Instrument,
    Intake,
    Item,
    ItemKind,
    PointKind,
    RuleChange,
    Scale,
    ScalePoint,
)

IN, OUT = "in", "out"


class PointPart(Part):
    """One possible answer. `kind` says when it is no answer: not applicable, or don’t know."""

    code: Code
    label: Line
    kind: Annotated[PointKind, Field(strict=False)] = PointKind.ANSWER


class ScalePart(Part):
    """Answers in their order, lowest first."""

    code: Code
    points: Annotated[list[PointPart], Field(min_length=2)]

    @model_validator(mode="after")
    def _points_differ(self) -> Self:
        _once((point.code for point in self.points), "point")
        _once((point.label.casefold() for point in self.points), "label")
        return self


class ItemPart(Part):
    """One question; items of choices name their scale."""

    code: LongCode
    wording: Prose
    kind: Annotated[ItemKind, Field(strict=False)] = ItemKind.ONE_CHOICE
    scale: Code | None = None
    reverse_worded: bool = False
    minimum: Number | None = None
    maximum: Number | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        has_choices = self.kind in (ItemKind.ONE_CHOICE, ItemKind.SEVERAL_CHOICES)
        if has_choices != (self.scale is not None):
            raise ValueError("items of choices need a scale; numbers and free text have none.")
        return self


class WhenPart(Part):
    """A condition: one of `values` was answered to `item` (or is the respondent's `role` or `team`)."""

    item: LongCode
    values: Annotated[list[Name], Field(min_length=1)]


class BasePart(Part):
    """Who a percentage is of. All conditions under `when` must hold; blanks are always out."""

    code: LongCode
    title: Line
    when: list[WhenPart] = Field(default_factory=list)
    not_applicable: Literal["in", "out"] = "out"
    dont_know: Literal["in", "out"] = "out"


class RulePart(Part):
    """How an indicator is read: the share of `counted` answers to `items` over `base`. Without items: from
    a return.

    `combine` settles several items (all must be met, or any). `roles` are those a threshold for each role
    speaks of.
    """

    indicator: LongCode
    items: list[LongCode] = Field(default_factory=list)
    counted: list[Code] = Field(default_factory=list)
    base: LongCode | None = None
    combine: Literal["all", "any"] = "all"
    roles: list[Name] = Field(default_factory=list)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if bool(self.items) != bool(self.counted):
            raise ValueError("give items and the answers that count, or neither.")
        return self


class InstrumentPart(Part):
    """A questionnaire, or (method admin_data) the form of an administrative return."""

    name: LongCode
    title: Line
    method: Annotated[Method, Field(strict=False)] = Method.SURVEY
    linked: bool = False
    roles: list[Name] = Field(default_factory=list)
    scales: list[ScalePart] = Field(default_factory=list)
    items: list[ItemPart] = Field(default_factory=list)
    bases: list[BasePart] = Field(default_factory=list)
    indicators: list[RulePart] = Field(default_factory=list)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.method not in (Method.SURVEY, Method.ADMIN_DATA):
            raise ValueError("the method is survey or admin_data.")
        for what, codes in (
            ("scale", [one.code for one in self.scales]),
            ("item", [one.code for one in self.items]),
            ("base", [one.code for one in self.bases]),
            ("indicator", [one.indicator for one in self.indicators]),
            ("role", [one.casefold() for one in self.roles]),
        ):
            _once(codes, what)
        self._known()
        return self

    def _known(self) -> None:
        points = {scale.code: {point.code for point in scale.points} for scale in self.scales}
        items = {item.code: item for item in self.items}
        bases = {base.code for base in self.bases}
        for item in self.items:
            if item.scale is not None and item.scale not in points:
                raise ValueError(f"item “{item.code}” names the scale “{item.scale}”, which is not there.")
        for base in self.bases:
            for when in base.when:
                known = items.get(when.item)
                if known is None and when.item not in ("role", "team"):
                    raise ValueError(f"base “{base.code}” names the item “{when.item}”, which is not there.")
                if known is not None and (stray := set(when.values) - points.get(known.scale or "", set())):
                    raise ValueError(
                        f"base “{base.code}” names “{min(stray)}”, no answer of item “{when.item}”."
                    )
                if when.item == "role" and self.roles and (stray := set(when.values) - set(self.roles)):
                    raise ValueError(
                        f"base “{base.code}” names the role “{min(stray)}”, which is not listed."
                    )
        for rule in self.indicators:
            if rule.base is not None and rule.base not in bases:
                raise ValueError(
                    f"indicator “{rule.indicator}” names the base “{rule.base}”, which is not there."
                )
            for code in rule.items:
                if code not in items or items[code].scale is None:
                    raise ValueError(f"indicator “{rule.indicator}” names “{code}”, no item of choices here.")
                if not set(rule.counted) & points[items[code].scale or ""]:
                    raise ValueError(f"indicator “{rule.indicator}” counts no answer of the item “{code}”.")
            scales = [points[items[code].scale or ""] for code in rule.items]
            if stray := set(rule.counted) - set().union(*scales):
                raise ValueError(
                    f"indicator “{rule.indicator}” counts “{min(stray)}”, no answer of its items."
                )


def _once(codes: Iterable[str], what: str) -> None:
    seen: set[str] = set()
    for code in codes:
        if code in seen:
            raise ValueError(f"the {what} “{code}” stands twice.")
        seen.add(code)


class Instruments:
    """Reads and writes the instruments of a study, in their order."""

    name = "instruments"
    model = cast(type[BaseModel], list[InstrumentPart])

    def read(self, evaluation: Evaluation) -> list[InstrumentPart]:
        rows = evaluation.instruments.prefetch_related(
            "scales__points",
            "items__scale",
            "base_rules",
            "rules__indicator",
            "rules__items",
            "rules__counted",
            "rules__base_rule",
        )
        return [_part(row) for row in rows]

    def write(self, evaluation: Evaluation, section: list[InstrumentPart], report: Any) -> None:
        """Make the instruments what the section says, in the caller's transaction.

        What has answers is kept: an item, point or instrument that left the section but was answered is
        refused. A changed reading of an indicator is kept in its history (TH-08).
        Raises
            Invalid: Something answered would go, a name stands twice, an indicator is not in the study, or a
            reading changes without saying who changes it or, after answers have come in, why.
        """
        try:
            _once((part.name for part in section), "instrument")
        except ValueError as error:
            raise Invalid(f"In instruments, {error}") from None
        writer = _Writer(evaluation, report)
        held = {row.name: row for row in evaluation.instruments.select_for_update()}
        for name in sorted(set(held) - {part.name for part in section}):
            writer.remove(held[name], f"the instrument “{name}”", label="instruments")
        for order, part in enumerate(section):
            writer.instrument(part, held.get(part.name), order)


def _part(row: Instrument) -> InstrumentPart:
    scales = [
        ScalePart(
            code=scale.code,
            points=[
                PointPart(code=p.code, label=p.label, kind=PointKind(p.kind)) for p in scale.points.all()
            ],
        )
        for scale in row.scales.all()
    ]
    items = [
        ItemPart(
            code=item.code,
            wording=item.wording,
            kind=ItemKind(item.kind),
            scale=item.scale.code if item.scale else None,
            reverse_worded=item.is_reverse_worded,
            minimum=item.minimum,
            maximum=item.maximum,
        )
        for item in row.items.all()
    ]
    bases = [
        BasePart(
            code=base.code,
            title=base.title,
            when=[WhenPart(item=c["item"], values=c["values"]) for c in base.conditions],
            not_applicable="in" if base.not_applicable_in else "out",
            dont_know="in" if base.dont_know_in else "out",
        )
        for base in row.base_rules.all()
    ]
    return InstrumentPart(
        name=row.name,
        title=row.title,
        method=Method(row.method),
        linked=row.is_linked,
        roles=list(row.roles),
        scales=scales,
        items=items,
        bases=bases,
        indicators=[_rule_part(rule) for rule in row.rules.all()],
    )


def _rule_part(rule: IndicatorRule) -> RulePart:
    points = sorted(rule.counted.all(), key=lambda p: (p.order, p.code))
    return RulePart(
        indicator=rule.indicator.code,
        items=[item.code for item in sorted(rule.items.all(), key=lambda item: item.order)],
        counted=list(dict.fromkeys(point.code for point in points)),
        base=rule.base_rule.code if rule.base_rule else None,
        combine=cast(Literal["all", "any"], str(rule.combine)),
        roles=list(rule.roles),
    )


class _Writer:
    def __init__(self, evaluation: Evaluation, report: Any) -> None:
        self.evaluation, self.report = evaluation, report
        self.indicators = {row.code: row for row in evaluation.indicators.all()}

    def put(self, row: models.Model, values: Mapping[str, Any], *, label: str) -> bool:
        """Save a new or changed row; returns whether anything differs."""
        is_new = row._state.adding
        changed = [name for name, value in values.items() if getattr(row, name) != value]
        if not is_new and not changed:
            return False
        for name in changed:
            setattr(row, name, values[name])
        try:
            row.full_clean()
        except ValidationError as error:
            raise Invalid(" ".join(error.messages)) from None
        row.save(force_insert=is_new)
        self.report.count(label, added=int(is_new), changed=int(not is_new))
        return True

    def remove(self, row: models.Model, name: str, *, label: str) -> None:
        try:
            row.delete()
        except ProtectedError:
            raise Invalid(f"Answers stand on {name}; it cannot be left out.") from None
        self.report.count(label, removed=1)

    def instrument(self, part: InstrumentPart, row: Instrument | None, order: int) -> None:
        row = row or Instrument(evaluation=self.evaluation, name=part.name)
        if (
            not row._state.adding
            and row.method != part.method
            and Intake.objects.filter(instrument=row).exists()
        ):
            raise Invalid(f"The instrument “{part.name}” has answers; its method cannot change.")
        self.put(
            row,
            {
                "title": part.title,
                "method": part.method.value,
                "is_linked": part.linked,
                "roles": list(part.roles),
                "order": order,
            },
            label="instruments",
        )
        before = {rule.pk: rule.as_dict() for rule in row.rules.select_related("base_rule")}
        scales = self._scales(row, part)
        items = self._items(row, part, scales)
        bases = self._bases(row, part)
        self._rules(row, part, items, bases)
        self._leave(row, part)
        self._remember(row, before)

    def _scales(self, row: Instrument, part: InstrumentPart) -> dict[str, Scale]:
        found = {scale.code: scale for scale in row.scales.all()}
        for one in part.scales:
            scale = found.setdefault(one.code, Scale(instrument=row, code=one.code))
            self.put(scale, {}, label="scales")
            held: dict[str, ScalePoint] = {point.code: point for point in scale.points.all()}
            for order, point in enumerate(one.points):
                self.put(
                    held.pop(point.code) if point.code in held else ScalePoint(scale=scale, code=point.code),
                    {"label": point.label, "kind": point.kind.value, "order": order},
                    label="answers of scales",
                )
            for code, gone in held.items():
                self.remove(gone, f"the answer “{code}” of scale “{one.code}”", label="answers of scales")
        return found

    def _items(self, row: Instrument, part: InstrumentPart, scales: Mapping[str, Scale]) -> dict[str, Item]:
        found = {item.code: item for item in row.items.select_related("scale")}
        for order, one in enumerate(part.items):
            item = found.setdefault(one.code, Item(instrument=row, code=one.code))
            scale = scales[one.scale] if one.scale else None
            if (
                not item._state.adding
                and (item.kind, item.scale) != (one.kind, scale)
                and item.answers.exists()
            ):
                raise Invalid(f"The item “{one.code}” has answers; its kind and scale cannot change.")
            self.put(
                item,
                {
                    "wording": one.wording,
                    "kind": one.kind.value,
                    "scale": scale,
                    "is_reverse_worded": one.reverse_worded,
                    "minimum": one.minimum,
                    "maximum": one.maximum,
                    "order": order,
                },
                label="items",
            )
        return found

    def _bases(self, row: Instrument, part: InstrumentPart) -> dict[str, BaseRule]:
        found = {base.code: base for base in row.base_rules.all()}
        for one in part.bases:
            base = found.setdefault(one.code, BaseRule(instrument=row, code=one.code))
            self.put(
                base,
                {
                    "title": one.title,
                    "conditions": [{"item": when.item, "values": list(when.values)} for when in one.when],
                    "not_applicable_in": one.not_applicable == IN,
                    "dont_know_in": one.dont_know == IN,
                },
                label="bases",
            )
        return found

    def _rules(
        self,
        row: Instrument,
        part: InstrumentPart,
        items: Mapping[str, Item],
        bases: Mapping[str, BaseRule],
    ) -> None:
        held = {rule.indicator.code: rule for rule in row.rules.select_related("indicator", "base_rule")}
        for one in part.indicators:
            if one.indicator not in self.indicators:
                raise Invalid(
                    f"“{part.name}” reads the indicator “{one.indicator}”, which the study does not have."
                )
            rule = held.pop(one.indicator, None)
            is_new = rule is None
            rule = rule or IndicatorRule(instrument=row, indicator=self.indicators[one.indicator])
            if not is_new and _rule_part(rule) == one:
                continue
            rule.base_rule = bases[one.base] if one.base else None
            rule.combine, rule.roles = one.combine, list(one.roles)
            rule.save(force_insert=is_new)
            chosen = [items[code] for code in one.items]
            rule.items.set(chosen)
            scales = {item.scale_id for item in chosen}
            rule.counted.set(ScalePoint.objects.filter(scale__in=scales, code__in=one.counted))
            self.report.count("readings of indicators", added=int(is_new), changed=int(not is_new))
        for code, gone in held.items():
            self.remove(gone, f"the reading of “{code}”", label="readings of indicators")

    def _remember(self, row: Instrument, before: Mapping[Any, dict[str, Any]]) -> None:
        """TH-08: every reading that the file changed, whether in itself or in its base.

        Raises
            Invalid: Nobody changes it, or answers have come in and no reason is given.
        """
        has_data = Intake.objects.stored().filter(instrument=row).exists()
        for rule in row.rules.filter(pk__in=before).select_related("indicator", "base_rule"):
            after = rule.as_dict()
            if after != before[rule.pk]:
                what = f"How “{rule.indicator.code}” is read"
                RuleChange.objects.create(
                    rule=rule,
                    before=before[rule.pk],
                    after=after,
                    reason=self.report.kept_reason(what, had_data=has_data),
                    had_data=has_data,
                    changed_by=self.report.by,
                )

    def _leave(self, row: Instrument, part: InstrumentPart) -> None:
        """What the section no longer names goes last, when nothing here points to it any more."""
        for item in row.items.exclude(code__in=[one.code for one in part.items]):
            self.remove(item, f"the item “{item.code}”", label="items")
        for base in row.base_rules.exclude(code__in=[one.code for one in part.bases]):
            self.remove(base, f"the base “{base.code}”", label="bases")
        for scale in row.scales.exclude(code__in=[one.code for one in part.scales]):
            self.remove(scale, f"the scale “{scale.code}”", label="scales")
