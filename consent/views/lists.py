"""Importing a list of people: read, previewed in counts, confirmed."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from consent import recruiting
from consent.forms import RosterForm, editable_sites
from consent.models import RosterDraft
from consent.views.people import crumbs
from ipe.errors import NotFound
from ipe.forms import ConfirmForm
from ipe.models import Evaluation
from ipe.pages import MemberRequest, page, perform, study_page


def _draft(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> RosterDraft:
    drafts = RosterDraft.objects.filter(evaluation=study, pk=pk, made_by=request.user).visible_to(
        request.user
    )
    draft = drafts.select_related("evaluation", "site", "wave__phase").first()
    if draft is None:
        raise NotFound("This list was imported or dropped already.")
    return draft


@sensitive_post_parameters()
@never_cache
@study_page("contacts.edit")
def roster(request: MemberRequest, study: Evaluation) -> HttpResponse:
    form = RosterForm(request.POST or None, request.FILES or None, study=study, user=request.user)
    if request.method == "POST" and form.is_valid():
        draft = perform(
            form,
            recruiting.stage_roster,
            study,
            site=form.cleaned_data["site"],
            kind=form.cleaned_data["kind"],
            people=form.people,
            wave=form.wave(),
            recruitment=form.cleaned_data["recruitment"],
            by=request.user,
        )
        if draft:
            return redirect("consent:roster-preview", slug=study.slug, pk=draft.pk)
    context = {
        "form": form,
        "crumbs": crumbs(study),
        "has_sites": editable_sites(study, request.user).exists(),
    }
    return page(request, "consent/roster.html", context, status=400 if form.errors else 200)


@study_page("contacts.edit")
def preview(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
    draft = _draft(request, study, pk)
    form = ConfirmForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        done = perform(form, recruiting.import_roster, draft, by=request.user)
        if done:
            kept = f", {done.n_known} already in the study" if done.n_known else ""
            messages.success(
                request, f"{done.n_new} {'person' if done.n_new == 1 else 'people'} added{kept}."
            )
            return redirect("consent:people", slug=study.slug)
    context = {
        "draft": draft,
        "preview": recruiting.preview_roster(draft, by=request.user),
        "form": form,
        "crumbs": crumbs(study),
    }
    return page(request, "consent/roster_preview.html", context, status=400 if form.errors else 200)


@study_page("contacts.edit")
@require_POST
def discard(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
    recruiting.discard_roster(_draft(request, study, pk), by=request.user)
    messages.success(request, "The list was dropped; nothing of it was kept.")
    return redirect("consent:roster", slug=study.slug)
