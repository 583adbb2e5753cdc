"""Acts on administrative returns: record what a site returned for a wave, correct it, withdraw it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from ipe import audit, roles
from ipe.errors import Invalid, NotReady
from ipe.models import Indicator, Team, User, Wave
from ipe.rooms import Effect
from ipe.words import Method, Unit

from .models import AdminReturn, AdminValue


@dataclass(frozen=True)
class FigureGiven:
    """One figure as entered: `numerator` out of `base`, or `value`, or `is_yes`; for a role, a team, both
    or overall.
    """

    indicator: str
    role: str = ""
    team: str = ""
    numerator: Decimal | None = None
    base: Decimal | None = None
    value: Decimal | None = None
    is_yes: bool | None = None


def _allowed(by: User | None, wave: Wave) -> None:
    if by is not None:
        roles.require(by, "intake.edit", wave.site.evaluation, wave.site)


def problem_of(given: FigureGiven, unit: str) -> str:
    """Why a figure cannot be one of this unit; empty when it can."""
    share = given.numerator is not None or given.base is not None
    if unit == Unit.YES_NO:
        return "" if given.is_yes is not None and not share and given.value is None else "Answer yes or no."
    if given.is_yes is not None:
        return "This indicator is measured in numbers."
    if unit == Unit.TEXT:
        return "This indicator is described in words and has no figures."
    if share:
        if given.numerator is None or given.base is None or given.value is not None:
            return "Give both numbers: how many, and out of how many."
        if unit not in (Unit.PERCENT, Unit.RATE):
            return "Give one number."
        if given.base <= 0 or given.numerator < 0:
            return "The second number must be above nought, the first not below it."
        if unit == Unit.PERCENT and given.numerator > given.base:
            return "The first number cannot be larger than the second."
        return ""
    if given.value is None:
        return "Give a number."
    if given.value < 0:
        return "The number cannot be below nought."
    if unit == Unit.PERCENT and given.value > 100:
        return "A percentage lies between 0 and 100."
    if unit == Unit.COUNT and given.value != given.value.to_integral_value():
        return "A count is a whole number."
    return ""


def field_name(given: FigureGiven) -> str:
    """What a fault of this figure is called: its indicator, role and team."""
    return " · ".join(part for part in (given.indicator, given.role, given.team) if part)


@transaction.atomic
def record_return(
    wave: Wave,
    *,
    figures: Sequence[FigureGiven],
    source: str,
    by: User | None,
    as_of_on: date | None = None,
) -> AdminReturn:
    """Store a wave's return as a whole; a return that is there is replaced and kept in the history.

    Raises
        Invalid: A figure does not fit its indicator's unit, is given twice, or names an unknown indicator
        or team; all
            faults, by `field_name`.
    """
    _allowed(by, wave)
    evaluation = wave.site.evaluation
    if not wave.is_planned:
        raise Invalid("No data collection is planned for this wave.")
    if not source.strip():
        raise Invalid(
            "Say where the figures come from.", fields={"source": "Say where the figures come from."}
        )
    if not figures:
        raise Invalid("Enter at least one figure.")
    indicators = {row.code: row for row in Indicator.objects.filter(evaluation=evaluation)}
    teams = {row.code: row for row in Team.objects.filter(site=wave.site)}
    faults: dict[str, str] = {}
    seen: set[tuple[str, str, str]] = set()
    for given in figures:
        name = field_name(given)
        indicator = indicators.get(given.indicator)
        if indicator is None or Method.ADMIN_DATA not in indicator.methods:
            faults[name] = "This is no indicator read from administrative data."
        elif given.team and given.team not in teams:
            faults[name] = "The site has no such team."
        elif (given.indicator, given.role, given.team) in seen:
            faults[name] = "This figure is given twice."
        elif problem := problem_of(given, indicator.unit):
            faults[name] = problem
        seen.add((given.indicator, given.role, given.team))
    if faults:
        first, words = next(iter(faults.items()))
        more = f" There are {len(faults)} figures to correct." if len(faults) > 1 else ""
        raise Invalid(f"{first}: {words}{more}", fields=faults)
    current = AdminReturn.objects.select_for_update().filter(wave=wave, state="current").first()
    if current is not None:
        AdminReturn.objects.filter(pk=current.pk).update(state="superseded")
    row = AdminReturn(wave=wave, source=source.strip(), as_of_on=as_of_on, entered_by=by)
    _clean(row)
    row.save(force_insert=True)
    if current is not None:
        AdminReturn.objects.filter(pk=current.pk).update(superseded_by=row)
    AdminValue.objects.bulk_create(
        AdminValue(
            admin_return=row,
            indicator=indicators[given.indicator],
            role=given.role[:120],
            team=teams.get(given.team),
            numerator=given.numerator,
            base=given.base,
            value=given.value,
            is_yes=given.is_yes,
        )
        for given in figures
    )
    audit.record(
        "surveys.return_recorded",
        row,
        by=by,
        evaluation=evaluation,
        counts={"figures": len(figures), "replaced": int(current is not None)},
    )
    return row


def _clean(row: AdminReturn) -> None:
    try:
        row.full_clean()
    except ValidationError as error:
        raise Invalid(" ".join(error.messages)) from None


def withdrawal_effects(row: AdminReturn) -> list[Effect]:
    return [
        Effect("figures", "figures deleted", row.values.count()),
        Effect(
            "reinstated", "earlier return put back in use", row.supersedes.filter(state="superseded").count()
        ),
    ]


@transaction.atomic
def withdraw_return(row: AdminReturn, *, by: User | None) -> list[Effect]:
    """Undo a return: its figures go, the return it replaced is in use again.

    Raises
        NotReady: It is not the return in use.
    """
    _allowed(by, row.wave)
    held = AdminReturn.objects.select_for_update().get(pk=row.pk)
    if held.state != AdminReturn.State.CURRENT:
        raise NotReady("Only the return in use can be withdrawn.")
    effects = withdrawal_effects(held)
    AdminValue.objects.filter(admin_return=held).delete()
    AdminReturn.objects.filter(pk=held.pk).update(state="withdrawn", withdrawn_at=timezone.now())
    earlier = held.supersedes.filter(state="superseded").order_by("-created_at").first()
    if earlier is not None:
        AdminReturn.objects.filter(pk=earlier.pk).update(state="current", superseded_by=None)
    audit.record(
        "surveys.return_withdrawn",
        held,
        by=by,
        evaluation=held.wave.site.evaluation,
        counts={effect.code: effect.count for effect in effects},
    )
    return effects
