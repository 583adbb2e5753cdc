"""One indicator with its thresholds, and the record of their changes."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from ipe import roles, rooms
from ipe import study as acts
from ipe import study_forms as forms
from ipe.band_lines import write_bands
from ipe.errors import NotFound
from ipe.models import Evaluation, Indicator, Threshold
from ipe.pages import MemberRequest, page, perform, study_page


def _indicator(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> Indicator:
    found = study.indicators.visible_to(request.user).select_related("question").filter(pk=pk).first()
    if found is None:
        raise NotFound("There is no such indicator in this study.")
    return found


def _editable(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> Indicator:
    """The indicator, for who may change it at every site: the form tells what data of the study stand on it."""
    roles.require_whole_study(request.user, "design.edit", study)
    return _indicator(request, study, pk)


def _threshold(indicator: Indicator, pk: uuid.UUID) -> Threshold:
    found = indicator.thresholds.select_related("phase", "indicator__evaluation").filter(pk=pk).first()
    if found is None:
        raise NotFound("There is no such threshold.")
    return found


def _crumbs(study: Evaluation, indicator: Indicator | None = None) -> list[tuple[str, str]]:
    crumbs = [
        ("Settings", reverse("settings", kwargs={"slug": study.slug})),
        ("Indicators", reverse("indicators", kwargs={"slug": study.slug})),
    ]
    if indicator is not None:
        crumbs.append((indicator.code, reverse("indicator", kwargs={"slug": study.slug, "pk": indicator.pk})))
    return crumbs


@study_page("design.read")
def indicator(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
    row = _indicator(request, study, pk)
    context = {
        "indicator": row,
        "phases": list(row.phases.all()),
        "thresholds": [
            (one, write_bands(one.bands)) for one in row.thresholds.select_related("phase", "indicator")
        ],
        "changes": list(row.threshold_changes.select_related("phase", "changed_by")),
        "may_edit": roles.may(request.user, "design.edit", study),
        "crumbs": _crumbs(study),
    }
    return page(request, "ipe/design/indicator.html", context)


def _form_page(
    request: MemberRequest, study: Evaluation, row: Indicator, form: forms.ThresholdForm, heading: str
) -> HttpResponse:
    context: dict[str, Any] = {
        "form": form,
        "indicator": row,
        "heading": heading,
        "crumbs": _crumbs(study, row),
    }
    context["had_data"] = rooms.evidence(row)
    return page(request, "ipe/design/threshold.html", context, status=400 if form.errors else 200)


@study_page("design.edit")
def add(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
    row = _editable(request, study, pk)
    form = forms.ThresholdForm(request.POST or None, study=study, user=request.user)
    if (
        request.method == "POST"
        and form.is_valid()
        and perform(form, acts.set_threshold, row, by=request.user, **form.cleaned_data)
    ):
        messages.success(request, "Threshold added.")
        return redirect("indicator", slug=study.slug, pk=row.pk)
    return _form_page(request, study, row, form, "Add a threshold")


@study_page("design.edit")
def edit(request: MemberRequest, study: Evaluation, pk: uuid.UUID, threshold: uuid.UUID) -> HttpResponse:
    row = _editable(request, study, pk)
    found = _threshold(row, threshold)
    start = forms.initial_of(found, forms.ThresholdForm) | {"bands": write_bands(found.bands)}
    form = forms.ThresholdForm(request.POST or None, study=study, user=request.user, initial=start)
    if (
        request.method == "POST"
        and form.is_valid()
        and perform(form, acts.set_threshold, row, by=request.user, replaces=found, **form.cleaned_data)
    ):
        messages.success(request, "Threshold changed; the change is kept with its date.")
        return redirect("indicator", slug=study.slug, pk=row.pk)
    return _form_page(request, study, row, form, f"Change the threshold of {found.phase.name}")


@study_page("design.edit")
def remove(request: MemberRequest, study: Evaluation, pk: uuid.UUID, threshold: uuid.UUID) -> HttpResponse:
    row = _editable(request, study, pk)
    found = _threshold(row, threshold)
    form = forms.RemoveThresholdForm(request.POST or None)
    if (
        request.method == "POST"
        and form.is_valid()
        and perform(form, acts.remove_threshold, found, by=request.user, **form.cleaned_data)
    ):
        messages.success(request, "Threshold removed; the change is kept with its date.")
        return redirect("indicator", slug=study.slug, pk=row.pk)
    context = {"form": form, "indicator": row, "threshold": found, "crumbs": _crumbs(study, row)}
    return page(request, "ipe/design/threshold_remove.html", context, status=400 if form.errors else 200)
