"""The collection plan and how far it is."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone

from fieldwork import planning
from fieldwork.booking import BOOKABLE
from fieldwork.forms import PlanRowForm
from fieldwork.frames import quota_grid
from fieldwork.models import PlanRow
from fieldwork.tables import grid_cells, quota_rows
from fieldwork.views.schedule import crumbs
from ipe import roles
from ipe.errors import NotFound
from ipe.forms import ConfirmForm
from ipe.models import Evaluation
from ipe.pages import MemberRequest, page, perform, study_page


def _crumbs(study: Evaluation) -> list[tuple[str, str]]:
    return [*crumbs(study), ("Plan", reverse("fieldwork:quotas", kwargs={"slug": study.slug}))]


@study_page("schedule.status")
def quotas(request: MemberRequest, study: Evaluation) -> HttpResponse:
    """Sites by phases, in each cell every row of the plan; below, the same in figures."""
    grid = quota_grid(study, request.user, timezone.now(), methods=BOOKABLE)
    may_book = roles.may(request.user, "schedule.edit", study)
    context = {
        "sites": list({wave.site_id: wave.site for wave in grid.waves}.values()),
        "phases": study.phases.all(),
        "cells": grid_cells(grid, study=study, today=timezone.localdate(), may_book=may_book),
        "rows": quota_rows(grid, today=timezone.localdate()),
        "plan": study.plan_rows.prefetch_related("phases"),
        "may_book": may_book,
        "may_plan": roles.may(request.user, "design.edit", study),
        "crumbs": crumbs(study),
    }
    return page(request, "fieldwork/quotas.html", context)


def _row(study: Evaluation, pk: uuid.UUID) -> PlanRow:
    row = PlanRow.objects.filter(evaluation=study, pk=pk).prefetch_related("phases").first()
    if row is None:
        raise NotFound("There is no such row in the plan.")
    return row


def _edit(request: MemberRequest, study: Evaluation, initial: dict[str, Any], title: str) -> HttpResponse:
    form = PlanRowForm(request.POST or None, study=study, user=request.user, initial=initial)
    if request.method == "POST" and form.is_valid():
        values = {**form.cleaned_data, "code": initial.get("code") or form.cleaned_data["code"]}
        act = planning.set_row if initial else planning.add_row
        if perform(form, act, study, by=request.user, **values) is not None:
            messages.success(request, "The plan is stored.")
            return redirect("fieldwork:quotas", slug=study.slug)
    context = {"form": form, "title": title, "crumbs": _crumbs(study)}
    return page(request, "fieldwork/plan_row.html", context, status=400 if form.errors else 200)


@study_page("design.edit")
def row_add(request: MemberRequest, study: Evaluation) -> HttpResponse:
    return _edit(request, study, {}, "Add to the plan")


@study_page("design.edit")
def row_edit(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
    row = _row(study, pk)
    named = ("code", "method", "group", "number", "minimum", "people_each", "note")
    initial = {name: getattr(row, name) for name in named} | {"phases": list(row.phases.all())}
    return _edit(request, study, initial, row.label)


@study_page("design.edit")
def row_remove(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
    roles.require_whole_study(request.user, "design.edit", study)  # the effects count every site
    row = _row(study, pk)
    form = ConfirmForm(request.POST if request.method == "POST" else None)
    is_sent = request.method == "POST" and form.is_valid()
    if is_sent and perform(form, planning.remove_row, row, by=request.user) is not None:
        messages.success(request, "Removed from the plan.")
        return redirect("fieldwork:quotas", slug=study.slug)
    effects = [{"label": "activities that belong to the row", "count": row.activities.count()}]
    context = {"form": form, "row": row, "effects": effects, "crumbs": _crumbs(study)}
    return page(request, "fieldwork/plan_remove.html", context, status=400 if form.errors else 200)
