"""Acts on the study design: what the protocol fixes, changed by the evaluation lead and recorded."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models, router, transaction
from django.db.models.deletion import Collector, ProtectedError, RestrictedError
from django.utils import timezone
from pydantic import ValidationError as BadPart

from ipe import audit, phasing, roles, rooms
from ipe.errors import Conflict, Invalid, NotFound, Refused
from ipe.models import (
    ContextEvent,
    Evaluation,
    Indicator,
    Member,
    Phase,
    ResearchQuestion,
    Site,
    Team,
    Threshold,
    ThresholdChange,
    User,
    Wave,
)
from ipe.protocol.checks import design_faults
from ipe.protocol.schema import Design, EvaluationPart, IndicatorPart, PhasePart, ThresholdPart
from ipe.rooms import Effect
from ipe.words import Role, Unit

DesignRow = Site | Team | Phase | ContextEvent | ResearchQuestion | Indicator

# What a page may set on each kind of row; anything else is a mistake of the caller.
FIELDS: Mapping[type[models.Model], frozenset[str]] = {
    Evaluation: frozenset(
        {
            "title",
            "programme",
            "design",
            "smallest_count_survey",
            "smallest_count_impact",
            "zero_is_disclosive",
            "quote_minimum_group",
            "analysis_cut_off_on",
            "protocol_version",
            "lawful_basis",
        }
    ),
    Site: frozenset(
        {"code", "name", "order", "readiness", "live_planned_on", "live_actual_on", "live_analysis_on"}
    ),
    Team: frozenset({"site", "code", "name", "parent"}),
    Phase: frozenset({"code", "name", "order", "offset_months"}),
    ContextEvent: frozenset({"site", "happened_on", "title", "kind"}),
    ResearchQuestion: frozenset({"code", "text", "parent", "order"}),
    Indicator: frozenset(
        {"code", "title", "question", "heading", "unit", "methods", "phases", "output_class", "note", "order"}
    ),
}
LIVE_DATES = ("live_planned_on", "live_actual_on", "live_analysis_on")
THRESHOLD_FIELDS = (
    "comparator",
    "value",
    "role_minimum",
    "minimum_base",
    "minimum_response_percent",
    "must_clear_interval",
    "bands",
    "note",
)


def evaluation_of(row: DesignRow) -> Evaluation:
    """The study that a row of the design stands in."""
    return row.site.evaluation if isinstance(row, Team) else row.evaluation


def _word(row: DesignRow) -> str:
    """The kind of row in the audit trail: context_event, research_question."""
    return str(row._meta.verbose_name).replace(" ", "_")


def _site_of(row: DesignRow) -> Site | None:
    return row if isinstance(row, Site) else getattr(row, "site", None)


def _require_edit(row: DesignRow, by: User, *, is_new: bool = False) -> None:
    """A row of one site asks for that site; anything else, and a new site, for the whole study."""
    site = None if isinstance(row, Site) and is_new else _site_of(row)
    if site is None:
        roles.require_whole_study(by, "design.edit", evaluation_of(row))
    else:
        roles.require(by, "design.edit", evaluation_of(row), site)


def require_removal(row: DesignRow, *, by: User) -> None:
    """The right to remove a row, and with it to see what of the study stands on it.

    Raises
        Refused, NotFound
    """
    _require_edit(row, by, is_new=True)


def _clean(row: models.Model, exclude: Iterable[str] = ()) -> None:
    try:
        row.full_clean(exclude=set(exclude))
    except ValidationError as error:
        told = {name: " ".join(messages) for name, messages in error.message_dict.items()}
        general = told.pop("__all__", "")
        raise Invalid(general or "Something needs to be corrected.", fields=told) from None


def _check_kin(row: DesignRow) -> None:
    """What a row points to stands in the same study (a team's parent in the same site), without a circle."""
    if isinstance(row, Team) and row.parent is not None and row.parent.site_id != row.site_id:
        raise Invalid(
            "The parent must be a team of the same site.",
            fields={"parent": "Choose a team of the same site."},
        )
    for name in ("site", "question", "parent"):
        kin = getattr(row, name, None)
        if isinstance(kin, Site | ResearchQuestion) and kin.evaluation_id != evaluation_of(row).pk:
            raise NotFound("There is no such record in this study.")
    if isinstance(row, Team | ResearchQuestion):
        above = row.parent
        while above is not None:
            if above.pk == row.pk:
                raise Invalid(
                    "These would be each other's parents, in a circle.",
                    fields={"parent": "This one already stands below it; choose another."},
                )
            above = above.parent


def _set(row: models.Model, values: Mapping[str, Any]) -> list[str]:
    """Put values on a row; gives the names of what changed. `_set_many` does many-to-many values."""
    unknown = set(values) - FIELDS[type(row)]
    if unknown:
        raise TypeError(f"{type(row).__name__} has no {', '.join(sorted(unknown))} to set")
    changed = []
    for name, value in values.items():
        if row._meta.get_field(name).many_to_many:
            continue
        if getattr(row, name) != value:
            setattr(row, name, value)
            changed.append(name)
    return changed


def _set_many(row: models.Model, values: Mapping[str, Any]) -> list[str]:
    changed = []
    for name, value in values.items():
        if not row._meta.get_field(name).many_to_many:
            continue
        manager = getattr(row, name)
        wanted = list(value)
        if {one.pk for one in wanted} != set(manager.values_list("pk", flat=True)):
            manager.set(wanted)
            changed.append(name)
    return changed


def create_study(*, by: User, slug: str, title: str, programme: str = "") -> Evaluation:
    """An empty study with its creator as evaluation lead of every site.

    Raises
        Refused: The account may not create studies.
        Invalid: The address is taken or malformed.
    """
    if not by.may_create_studies:
        raise Refused("Your account may not create studies. An administrator can allow it.")
    study = Evaluation(slug=slug, title=title, programme=programme)
    with transaction.atomic():
        _clean(study)
        study.save()
        member = Member.objects.create(evaluation=study, user=by, role=Role.LEAD, all_sites=True)
        roles.forget(by)
        audit.record("study.created", study, by=by, evaluation=study)
        audit.record("member.added", member, by=by, evaluation=study)
    return study


def change_study(study: Evaluation, *, by: User, **values: Any) -> Evaluation:
    """Set the study's own fields. The smallest counts decide what may leave, so they are recorded by name.

    Raises
        Refused, Invalid
    """
    roles.require_whole_study(by, "design.edit", study)
    with transaction.atomic():
        changed = _set(study, values)
        _clean(study)
        if changed:
            study.save(update_fields=changed)
            audit.record("study.changed", study, by=by, evaluation=study, fields=changed)
    return study


def add(row: DesignRow, *, by: User, **values: Any) -> DesignRow:
    """Add a site, team, phase, context event, research question or indicator; `row` knows its study.

    A new site gets a wave for every phase, a new phase one at every site: planned, without dates.
    Raises
        Refused, NotFound, Invalid
    """
    _set(row, values)
    _require_edit(row, by, is_new=True)
    _check_kin(row)
    study = evaluation_of(row)
    with transaction.atomic():
        _clean(row)
        row.save(force_insert=True)
        _set_many(row, values)
        if isinstance(row, Site):
            Wave.objects.bulk_create(Wave(site=row, phase_id=phase.pk) for phase in study.phases.all())
        elif isinstance(row, Phase):
            Wave.objects.bulk_create(Wave(site=site, phase=row) for site in study.sites.all())
        audit.record(f"{_word(row)}.added", row, by=by, evaluation=study)
    return row


def change(row: DesignRow, *, by: User, **values: Any) -> DesignRow:
    """Change a row of the design. Live dates move by `move_live_dates`, because waves may follow them.

    Raises
        Refused, NotFound, Invalid
    """
    if isinstance(row, Site) and any(
        getattr(row, name) != values.get(name, getattr(row, name)) for name in LIVE_DATES
    ):
        raise TypeError("live dates are changed by move_live_dates")
    _require_edit(row, by)
    with transaction.atomic():
        changed = _set(row, values)
        _require_edit(row, by)  # an event or team must not be moved to a site beyond one's own
        _check_kin(row)
        _check_unit(row, changed)
        _clean(row)
        if changed:
            row.save(update_fields=changed)
        changed += _set_many(row, values)
        if changed:
            audit.record(f"{_word(row)}.changed", row, by=by, evaluation=evaluation_of(row), fields=changed)
    return row


def _check_unit(row: DesignRow, changed: Iterable[str]) -> None:
    if isinstance(row, Indicator) and "unit" in changed and row.thresholds.exists():
        told = "Thresholds are in the old unit: remove them first."
        raise Conflict(told, fields={"unit": told})


def effects_of_removing(row: models.Model) -> list[Effect]:
    """What would go with a row, by kind; rows of the design that belong to it.

    Raises
        Conflict: Evidence or a protected row hangs on it, so it cannot be removed.
    """
    hanging = rooms.evidence(row)
    collector = Collector(using=router.db_for_write(type(row)), origin=row)
    try:
        collector.collect([row])
    except (ProtectedError, RestrictedError) as error:
        standing = error.protected_objects if isinstance(error, ProtectedError) else error.restricted_objects
        hanging |= Counter(str(one._meta.verbose_name_plural) for one in standing)
    counts: Counter[type[models.Model]] = Counter(
        {model: len(found) for model, found in collector.data.items()}
    )
    for found in collector.fast_deletes:
        counts[found.model] += found.count()
    for model, n in counts.items():
        if n and model._meta.app_label != "ipe":
            hanging.setdefault(str(model._meta.verbose_name_plural), n)
    if hanging:
        listed = ", ".join(f"{n} {label}" for label, n in sorted(hanging.items()))
        raise Conflict(f"This cannot be removed, because something stands on it: {listed}.")
    return [
        Effect(model._meta.label_lower, str(model._meta.verbose_name_plural), n)
        for model, n in sorted(counts.items(), key=lambda item: item[0]._meta.label)
        if n and model is not type(row) and not model._meta.auto_created
    ]


def remove(row: DesignRow, *, by: User) -> list[Effect]:
    """Remove a row of the design with what belongs to it; refused where evidence hangs on it.

    Raises
        Refused, NotFound, Conflict
    """
    _require_edit(row, by, is_new=True)
    study = evaluation_of(row)
    with transaction.atomic():
        effects = effects_of_removing(row)
        counts = {effect.code: effect.count for effect in effects}
        audit.record(f"{_word(row)}.removed", row, by=by, evaluation=study, counts=counts)
        row.delete()
    return effects


def waves_that_would_move(site: Site, *, live_on: dt.date | None) -> list[phasing.Moved]:
    """The future waves of a site as they would be if it started on `live_on`; keys are waves."""
    windows = [
        phasing.Window(wave, wave.phase.offset_months, wave.starts_on, wave.ends_on)
        for wave in site.waves.filter(is_planned=True).select_related("phase")
    ]
    return phasing.moved_windows(
        windows, live_before=site.live_on, live_after=live_on, today=timezone.localdate()
    )


def move_live_dates(
    site: Site,
    *,
    by: User,
    live_planned_on: dt.date | None,
    live_actual_on: dt.date | None,
    live_analysis_on: dt.date | None,
    with_future_waves: bool,
) -> list[Wave]:
    """Set the three dates of a site's start and, if asked, let the waves in the future follow (SC-01).

    Returns the waves that moved. Raises Refused, NotFound, Invalid.
    """
    roles.require(by, "design.edit", site.evaluation, site)
    moved = []
    with transaction.atomic():
        held = Site.objects.select_for_update().get(pk=site.pk)
        if with_future_waves:
            live_on = live_actual_on or live_planned_on
            moved = waves_that_would_move(held, live_on=live_on)
        changed = _set(
            held,
            {
                "live_planned_on": live_planned_on,
                "live_actual_on": live_actual_on,
                "live_analysis_on": live_analysis_on,
            },
        )
        _clean(held)
        held.save()
        waves = []
        for one in moved:
            wave: Wave = one.key  # type: ignore[assignment]
            wave.starts_on, wave.ends_on = one.starts_on, one.ends_on
            _clean(wave)
            wave.save(update_fields=["starts_on", "ends_on"])
            waves.append(wave)
        if changed:
            audit.record(
                "site.live_dates_moved",
                held,
                by=by,
                evaluation=held.evaluation,
                fields=changed,
                counts={"waves_moved": len(waves)},
            )
    return waves


def set_wave(
    site: Site,
    phase: Phase,
    *,
    by: User,
    is_planned: bool,
    starts_on: dt.date | None,
    ends_on: dt.date | None,
) -> Wave:
    """Give a phase at a site its dates, or say that it is not planned.

    Raises
        Refused, NotFound, Invalid
        Conflict: Evidence stands on a wave that would no longer be planned.
    """
    if phase.evaluation_id != site.evaluation_id:
        raise NotFound("There is no such phase in this study.")
    roles.require(by, "design.edit", site.evaluation, site)
    with transaction.atomic():
        wave = Wave.objects.filter(site=site, phase=phase).first() or Wave(site=site, phase=phase)
        if not is_planned and not wave._state.adding and (found := rooms.evidence(wave)):
            listed = ", ".join(f"{n} {label}" for label, n in sorted(found.items()))
            raise Conflict(f"Something stands on this phase at this site already: {listed}.")
        if is_planned and ends_on is not None and starts_on is None:
            told = "Give the first day too, or leave both out."
            raise Invalid(told, fields={"starts_on": told})
        wave.is_planned = is_planned
        wave.starts_on, wave.ends_on = (starts_on, ends_on) if is_planned else (None, None)
        _clean(wave)
        wave.save()
        audit.record(
            "wave.set", wave, by=by, evaluation=site.evaluation, fields=("is_planned", "starts_on", "ends_on")
        )
    return wave


def _plain(threshold: Threshold) -> dict[str, Any]:
    """The threshold as it stands in the record of changes."""
    values = {name: getattr(threshold, name) for name in THRESHOLD_FIELDS}
    return {
        name: value if isinstance(value, bool | int | list | None) else str(value)
        for name, value in values.items()
    }


def check_threshold(indicator: Indicator, phase: Phase, scope: str, values: Mapping[str, Any]) -> None:
    """Whether target, rules and bands fit the indicator (TH-02), by the rules of protocol files.

    Raises
        Invalid: In words, by field; a gap or overlap of bands is named.
    """
    given = {name: value for name, value in values.items() if value not in (None, "", [])}
    given["bands"] = [
        {name: value if name in ("name", "answer") else _decimal(value) for name, value in band.items()}
        for band in values.get("bands") or []
    ]
    try:
        part = ThresholdPart.model_validate({**given, "phases": [phase.code], "scope": scope})
        parts = IndicatorPart(
            code=indicator.code,
            title=indicator.title,
            unit=Unit(indicator.unit),
            phases=[phase.code],
            thresholds=[part],
        )
    except BadPart as error:
        told = {
            str(one["loc"][0]): one["msg"].removeprefix("Value error, ")
            for one in error.errors()
            if one["loc"]
        }
        raise Invalid("Something needs to be corrected.", fields=told) from None
    design = Design(
        evaluation=EvaluationPart(slug="study", title="study"),
        phases=[PhasePart(code=phase.code, name=phase.name)],
        indicators=[parts],
    )
    faults = design_faults(design)
    if faults:
        told = {str(path[-1]): words for path, words in reversed(faults)}
        raise Invalid(faults[0][1], fields=told)


def _decimal(value: object) -> object:
    return Decimal(value) if isinstance(value, str) else value


def _record_change(
    indicator: Indicator,
    phase: Phase,
    scope: str,
    *,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
    reason: str,
    by: User,
) -> None:
    """TH-08: keep the change with its date and reason. After data have arrived there must be a reason."""
    had_data = bool(rooms.evidence(indicator))
    if before is None and not had_data:
        return
    if had_data and not reason.strip():
        told = "Data have arrived for this indicator. Say why the threshold changes: reports show the reason."
        raise Invalid(told, fields={"reason": told})
    change = ThresholdChange(
        indicator=indicator,
        phase=phase,
        scope=scope,
        before=before,
        after=after,
        reason=reason.strip() or "Changed before any data arrived.",
        had_data=had_data,
        changed_by=by,
    )
    _clean(change, exclude=("before", "after"))
    change.save()


def set_threshold(
    indicator: Indicator,
    phase: Phase,
    scope: str,
    *,
    by: User,
    reason: str = "",
    replaces: Threshold | None = None,
    **values: Any,
) -> Threshold:
    """Set what an indicator should reach in a phase. `replaces` is the threshold being edited, if any.

    A change is kept with its reason (TH-08); a new threshold counts as a change once data have arrived.
    Raises
        Refused, NotFound, Invalid
    """
    unknown = set(values) - set(THRESHOLD_FIELDS)
    if unknown:
        raise TypeError(f"a threshold has no {', '.join(sorted(unknown))} to set")
    if phase.evaluation_id != indicator.evaluation_id or (replaces and replaces.indicator_id != indicator.pk):
        raise NotFound("There is no such record in this study.")
    roles.require_whole_study(by, "design.edit", indicator.evaluation)
    check_threshold(indicator, phase, scope, values)
    with transaction.atomic():
        if replaces is None:
            threshold, before = Threshold(indicator=indicator), None
        else:
            threshold = Threshold.objects.select_for_update().get(pk=replaces.pk)
            before = _plain(threshold) | {"phase": threshold.phase.code, "scope": threshold.scope}
        threshold.phase, threshold.scope = phase, scope
        for name, value in values.items():
            setattr(threshold, name, value)
        _clean(threshold)
        after = _plain(threshold) | {"phase": phase.code, "scope": scope}
        if before != after:
            _record_change(indicator, phase, scope, before=before, after=after, reason=reason, by=by)
            threshold.save()
            indicator.phases.add(phase)
            action = "threshold.added" if before is None else "threshold.changed"
            fields = [name for name in after if before is not None and before.get(name) != after[name]]
            audit.record(action, threshold, by=by, evaluation=indicator.evaluation, fields=fields)
    return threshold


def remove_threshold(threshold: Threshold, *, by: User, reason: str = "") -> None:
    """Remove a threshold; the change is kept with its reason (TH-08).

    Raises
        Refused, NotFound, Invalid
    """
    indicator = threshold.indicator
    roles.require_whole_study(by, "design.edit", indicator.evaluation)
    with transaction.atomic():
        before = _plain(threshold) | {"phase": threshold.phase.code, "scope": threshold.scope}
        _record_change(
            indicator, threshold.phase, threshold.scope, before=before, after=None, reason=reason, by=by
        )
        audit.record("threshold.removed", threshold, by=by, evaluation=indicator.evaluation)
        threshold.delete()
