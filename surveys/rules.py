"""The act of changing how an indicator is read: dated, reasoned and kept (TH-08)."""

from __future__ import annotations

from collections.abc import Collection

from django.db import transaction

from ipe import audit, roles
from ipe.errors import Invalid
from ipe.models import User

from .models import BaseRule, IndicatorRule, Intake, RuleChange, ScalePoint


def has_data(rule: IndicatorRule) -> bool:
    return Intake.objects.stored().filter(instrument=rule.instrument).exists()


@transaction.atomic
def change_rule(
    rule: IndicatorRule,
    *,
    counted: Collection[ScalePoint],
    base_rule: BaseRule | None,
    combine: str,
    reason: str,
    by: User,
) -> RuleChange | None:
    """Change the counted answers, the base or the rule for several items; None when nothing differs.

    Raises
        Refused: Only those who may edit the study design may change how it is read.
        Invalid: No reason, no counted answer for an item, an answer of another scale, a base of another
        instrument.
    """
    roles.require_whole_study(by, "design.edit", rule.instrument.evaluation)
    if not reason.strip():
        raise Invalid("Say why the rule is changed.", fields={"reason": "Say why the rule is changed."})
    items = list(rule.items.select_related("scale"))
    scales = {item.scale_id for item in items}
    if any(point.scale_id not in scales for point in counted):
        raise Invalid(
            "An answer belongs to another scale.", fields={"counted": "Choose answers of the items’ scales."}
        )
    if not all(any(point.scale_id == item.scale_id for point in counted) for item in items):
        raise Invalid(
            "Every item needs an answer that counts.",
            fields={"counted": "Choose at least one for each item."},
        )
    if base_rule is not None and base_rule.instrument_id != rule.instrument_id:
        raise Invalid(
            "The base belongs to another instrument.",
            fields={"base_rule": "Choose a base of this instrument."},
        )
    if combine not in IndicatorRule.Combine.values:
        raise Invalid("Choose how several items are settled.", fields={"combine": "Choose one of the two."})
    held = (
        IndicatorRule.objects.select_for_update(of=("self",))
        .select_related("instrument__evaluation")
        .get(pk=rule.pk)
    )
    before = held.as_dict()
    held.base_rule, held.combine = base_rule, combine
    held.save(update_fields=["base_rule", "combine"])
    held.counted.set(counted)
    after = IndicatorRule.objects.get(pk=held.pk).as_dict()
    if before == after:
        return None
    change = RuleChange(
        rule=held,
        before=before,
        after=after,
        reason=reason.strip()[:300],
        had_data=has_data(held),
        changed_by=by,
    )
    change.full_clean()
    change.save(force_insert=True)
    audit.record(
        "surveys.rule_changed",
        held,
        by=by,
        evaluation=held.instrument.evaluation,
        fields=[name for name in before if before[name] != after[name]],
        counts={"had_data": int(change.had_data)},
    )
    return change
