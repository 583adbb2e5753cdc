"""The collection plan, as the protocol has it."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction
from django.db.models import Max

from fieldwork.models import PlanRow
from ipe import audit, roles
from ipe.errors import Invalid, NotReady
from ipe.models import Evaluation, Phase, User
from ipe.words import Group, Method


def write_row(
    evaluation: Evaluation,
    *,
    code: str,
    method: str,
    phases: Iterable[Phase],
    group: str = "",
    number: int | None = None,
    minimum: int | None = None,
    people_each: int = 1,
    note: str = "",
    order: int | None = None,
) -> PlanRow:
    """Add or replace a row, in the caller's transaction.

    Raises
        Invalid: No phases, phases of another study, not a method or group of the list, or activities that
            belong to the row would count for something else.
    """
    covered = list(phases)
    if not covered or any(phase.evaluation_id != evaluation.pk for phase in covered):
        raise Invalid("A row of the plan needs phases of this study.", fields={"phases": "Choose phases."})
    if method not in Method.values or (group and group not in Group.values):
        raise Invalid("Choose a method and a group of the lists.")
    row = PlanRow.objects.filter(evaluation=evaluation, code=code).first() or PlanRow(
        evaluation=evaluation, code=code
    )
    _check_activities(row, method=method, group=group, phases=covered)
    if order is None:
        last = evaluation.plan_rows.aggregate(last=Max("order"))["last"]
        order = row.order if not row._state.adding else (0 if last is None else last + 1)
    row.method, row.group, row.people_each = method, group, people_each
    row.number, row.minimum = number, minimum
    row.note, row.order = note.strip(), order
    row.full_clean()
    row.save()
    row.phases.set(covered)
    return row


def _check_activities(row: PlanRow, *, method: str, group: str, phases: Iterable[Phase]) -> None:
    if row._state.adding or not row.activities.exists():
        return
    if (row.method, row.group) != (method, group):
        raise Invalid(
            f"Activities belong to the row “{row.code}”: method and group stay.",
            fields={"method": "Activities belong to this row. Add another row instead."},
        )
    if row.activities.exclude(wave__phase__in=list(phases)).exists():
        raise Invalid(
            f"Activities belong to the row “{row.code}” in a phase that is left out.",
            fields={"phases": "Activities belong to this row in a phase that is not chosen."},
        )


@transaction.atomic
def add_row(
    evaluation: Evaluation,
    *,
    code: str,
    method: str,
    phases: Iterable[Phase],
    by: User,
    group: str = "",
    number: int | None = None,
    minimum: int | None = None,
    people_each: int = 1,
    note: str = "",
) -> PlanRow:
    """Add a row to the plan.

    Raises
        Refused, NotFound: Only the evaluation lead changes the study design.
        Invalid: As for `write_row`, or the code is taken.
    """
    roles.require_whole_study(by, "design.edit", evaluation)
    if PlanRow.objects.filter(evaluation=evaluation, code=code).exists():
        raise Invalid("The code is taken.", fields={"code": "Another row of the plan has this code."})
    return set_row(
        evaluation,
        code=code,
        method=method,
        phases=phases,
        by=by,
        group=group,
        number=number,
        minimum=minimum,
        people_each=people_each,
        note=note,
    )


@transaction.atomic
def set_row(
    evaluation: Evaluation,
    *,
    code: str,
    method: str,
    phases: Iterable[Phase],
    by: User,
    group: str = "",
    number: int | None = None,
    minimum: int | None = None,
    people_each: int = 1,
    note: str = "",
) -> PlanRow:
    """Add a row to the plan, or replace the one with this code.

    Raises
        Refused, NotFound: Only the evaluation lead changes the study design.
        Invalid: As for `write_row`.
    """
    roles.require_whole_study(by, "design.edit", evaluation)
    row = write_row(
        evaluation,
        code=code,
        method=method,
        phases=phases,
        group=group,
        number=number,
        minimum=minimum,
        people_each=people_each,
        note=note,
    )
    audit.record("plan_row.set", row, by=by, evaluation=evaluation, fields=["number", "minimum", "phases"])
    return row


@transaction.atomic
def remove_row(row: PlanRow, *, by: User) -> None:
    """Take a row out of the plan.

    Raises
        Refused, NotFound: Only the evaluation lead changes the study design.
        NotReady: Activities belong to it.
    """
    roles.require_whole_study(by, "design.edit", row.evaluation)
    if row.activities.exists():
        raise NotReady("Activities belong to this row. Set its number to 0 instead of removing it.")
    audit.record("plan_row.removed", row, by=by, evaluation=row.evaluation)
    row.delete()
