"""The register of what left: the list, one release, who has it, and who was told of a recall."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from ipe.errors import NotFound
from ipe.models import Evaluation
from ipe.pages import MemberRequest, page, perform, study_page
from releases import recipients
from releases.forms import RecipientForm, ReleaseFilter
from releases.models import Recipient, Release


@study_page("releases.read", "releases.own_schedule")
def releases(request: MemberRequest, study: Evaluation) -> HttpResponse:
    form = ReleaseFilter(request.GET, study=study, user=request.user)
    chosen = form.chosen()
    sort = request.GET.get("sort", "-number")
    visible = Release.objects.visible_to(request.user).filter(evaluation=study)
    rows = visible.listed().matching(**chosen).sorted_by(sort)
    context = {
        "form": form,
        "chosen": chosen,
        "is_filtered": any(chosen.values()),
        "page_obj": Paginator(rows, 50).get_page(request.GET.get("page")),
    }
    return page(request, "releases/releases.html", context, fragment="list")


@study_page("releases.read", "releases.own_schedule")
def release(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
    row = _fetched(request, study, pk)
    return _answer(request, study, row, RecipientForm(study=study, user=request.user))


@study_page("releases.read", "releases.own_schedule")
@require_POST
def add_recipient(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
    row = _fetched(request, study, pk)
    form = RecipientForm(request.POST, study=study, user=request.user)
    if form.is_valid() and perform(form, recipients.add, row, form.cleaned_data["who"], by=request.user):
        messages.success(request, "The recipient is listed.")
        return redirect("releases:release", slug=study.slug, pk=row.pk)
    return _answer(request, study, row, form, status=422)


@study_page("releases.read", "releases.own_schedule")
@require_POST
def tell(request: MemberRequest, study: Evaluation, pk: uuid.UUID, recipient: uuid.UUID) -> HttpResponse:
    row = _fetched(request, study, pk)
    found = Recipient.objects.filter(release=row, pk=recipient).select_related("release__evaluation").first()
    if found is None:
        raise NotFound("There is no such recipient of this release.")
    recipients.tell(found, by=request.user)
    messages.success(request, "Marked as told.")
    return redirect("releases:release", slug=study.slug, pk=row.pk)


@study_page("releases.read", "releases.own_schedule")
@require_POST
def settle(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
    row = _fetched(request, study, pk)
    recipients.settle(row, by=request.user)
    messages.success(request, "The recall is closed.")
    return redirect("releases:release", slug=study.slug, pk=row.pk)


def _fetched(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> Release:
    visible = Release.objects.visible_to(request.user).filter(evaluation=study, pk=pk)
    row = visible.select_related("site", "made_by", "evaluation").first()
    if row is None:
        raise NotFound("There is no such release, or it holds more than your sites.")
    return row  # type: ignore[no-any-return]


def _answer(
    request: MemberRequest, study: Evaluation, row: Release, form: RecipientForm, *, status: int = 200
) -> HttpResponse:
    listed = list(row.recipients.select_related("told_by"))
    untold = {each.pk for each in recipients.untold(row)}
    context = {
        "release": row,
        "form": form,
        "cells": Paginator(row.cells.all(), 200).get_page(request.GET.get("page")),
        "recipients": [
            {"row": each, "who": who, "is_untold": each.pk in untold}
            for each, who in zip(listed, recipients.names(row, listed), strict=True)
        ],
        "recalls": list(row.recalls.select_related("settled_by")),
        "waits": bool(row.recalls.filter(settled_at=None).exists()),
        "n_untold": len(untold),
        "n_quoted": row.quoted.count(),
        "may_add": recipients.may_add(request.user, row),
        "may_tell": recipients.may_tell(request.user, row),
        "crumbs": [("Releases", reverse("releases:releases", kwargs={"slug": study.slug}))],
    }
    return page(request, "releases/release.html", context, status=status)
