"""After clearance: opening the review again, redacting, and destroying."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from ipe.models import Evaluation
from ipe.pages import MemberRequest, page, perform, study_page
from transcripts import clearing, erasing, frames, redaction
from transcripts.forms import RedactForm
from transcripts.models import Document, DocumentState
from transcripts.rights import require_redact
from transcripts.views.reading import crumbs, document_of, sent


@study_page("originals.edit")
def reopen(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
    document = document_of(request, study, pk, original="originals.edit")
    if request.method == "POST":
        clearing.reopen(document, by=request.user)
        messages.success(
            request, f"The clearance of {document.code} has lapsed. Sign it off again when it is corrected."
        )
        return redirect("transcripts:review", slug=study.slug, pk=document.pk)
    return page(
        request,
        "transcripts/reopen.html",
        {"document": document, "crumbs": crumbs(study, document, "review")},
    )


def _redactable(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> Document:
    document = document_of(request, study, pk)
    require_redact(request.user, document)
    return document


@study_page("text.edit", "originals.edit")
def redact(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
    """Select or type the words; a POST previews what would be replaced. Nothing is changed here."""
    document = _redactable(request, study, pk)
    version = redaction.cleared_version(document)
    form = RedactForm(*sent(request), document=document, initial={"version_number": version.number})
    plan = None
    if request.method == "POST" and form.is_valid():
        plan = perform(form, _plan, document, form.cleaned_data, request)
    context: dict[str, Any] = {
        "document": document,
        "version": version,
        "blocks": frames.reading(version),
        "form": form,
        "plan": plan,
        "crumbs": crumbs(study),
    }
    return page(request, "transcripts/redact.html", context, status=400 if form.errors else 200)


def _plan(document: Document, data: dict[str, Any], request: MemberRequest) -> redaction.Plan:
    start, end = data["start"], data["end"]
    if start is None or end is None:
        start, end = redaction.place_of(document, data["words"], by=request.user)
    return redaction.plan(document, start=start, end=end, everywhere=data["everywhere"], by=request.user)


@study_page("text.edit", "originals.edit")
@require_POST
def redact_confirm(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
    """Redact, and show what is left to finish. The answer to the POST itself: the words must stand in no
    address."""
    document = _redactable(request, study, pk)
    form = RedactForm(request.POST, document=document)
    if form.is_valid():
        data = {name: value for name, value in form.cleaned_data.items() if name != "words"}
        done = perform(form, redaction.redact, document, by=request.user, **data)
        if done is not None:
            context: dict[str, Any] = {"document": document, "done": done, "crumbs": crumbs(study)}
            return page(request, "transcripts/redacted.html", context)
    version = redaction.cleared_version(document)
    context = {
        "document": document,
        "version": version,
        "blocks": frames.reading(version),
        "form": form,
        "plan": None,
        "crumbs": crumbs(study),
    }
    return page(request, "transcripts/redact.html", context, status=400)


@study_page("originals.erase")
def destroy_original(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
    document = document_of(request, study, pk, original="originals.erase")
    if request.method == "POST":
        erasing.destroy_original(document, by=request.user)
        messages.success(request, f"The original of {document.code} was destroyed. The cleared text stays.")
        return redirect("transcripts:list", slug=study.slug)
    context = {
        "document": document,
        "effects": erasing.effects_on_original(document),
        "crumbs": crumbs(study),
    }
    return page(request, "transcripts/destroy_original.html", context)


@study_page("originals.erase")
def erase(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
    document = document_of(request, study, pk, original="originals.erase")
    if request.method == "POST":
        erasing.erase_document(document, by=request.user)
        messages.success(request, f"{document.code} was erased.")
        return redirect("transcripts:list", slug=study.slug)
    is_erased = document.state == DocumentState.ERASED
    context = {
        "document": document,
        "effects": [] if is_erased else erasing.effects_on_document(document),
        "crumbs": crumbs(study),
    }
    return page(request, "transcripts/erase.html", context)
