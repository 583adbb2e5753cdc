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
    people_each: int = 1,
    note: str = "",
    order: int | None = None,
) -> PlanRow:
    """Add or replace a row, in the caller's transaction.

    Raises
        Invalid: No phases, phases of another study, or not a method or group of the list.
    """
    covered = list(phases)
    if not covered or any(phase.evaluation_id != evaluation.pk for phase in covered):
        raise Invalid("A row of the plan needs phases of this study.", fields={"phases": "Choose phases."})
    if method not in Method.values or (group and group not in Group.values):
        raise Invalid("Choose a method and a group of the lists.")
    row = PlanRow.objects.filter(evaluation=evaluation, code=code).first() or PlanRow(
        evaluation=evaluation, code=code
    )
    if order is None:
        last = evaluation.plan_rows.aggregate(last=Max("order"))["last"]
        order = row.order if not row._state.adding else (0 if last is None else last + 1)
    row.method, row.group, row.number, row.people_each = method, group, number, people_each
    row.note, row.order = note.strip(), order
    row.full_clean()
    row.save()
    row.phases.set(covered)
    return row


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
        people_each=people_each,
        note=note,
    )
    audit.record("plan_row.set", row, by=by, evaluation=evaluation, fields=["number", "phases"])
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
