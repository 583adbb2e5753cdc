"""Import, and the preview in which turns and speakers are corrected."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from ipe.errors import Invalid, NotFound
from ipe.models import Evaluation
from ipe.pages import MemberRequest, page, perform, study_page
from transcripts import frames
from transcripts import intake as acts
from transcripts.forms import AssignForm, ImportForm, SpeakersForm, StyleForm, TurnForm
from transcripts.identifiers import places_of
from transcripts.models import Document, DocumentState, OriginalTurn
from transcripts.sealing import original_of, text_of
from transcripts.views.reading import crumbs, document_of, sent


@study_page("originals.add")
def import_file(request: MemberRequest, study: Evaluation) -> HttpResponse:
    form = ImportForm(*sent(request, files=True), study=study, user=request.user)
    if request.method == "POST" and form.is_valid():
        data = dict(form.cleaned_data)
        file = data.pop("file")
        document = perform(
            form, acts.import_document, study, file_name=file.name, data=file.read(), by=request.user, **data
        )
        if document is not None:
            return redirect("transcripts:turns", slug=study.slug, pk=document.pk)
    context = {"form": form, "crumbs": crumbs(study)}
    return page(request, "transcripts/import.html", context, status=400 if form.errors else 200)


@study_page("originals.read", "originals.add")
def turns(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
    """Turns and speakers as proposed; a POST saves the speakers."""
    document = document_of(request, study, pk, original="originals.edit")
    if document.state != DocumentState.IMPORTED:
        return redirect("transcripts:review", slug=study.slug, pk=document.pk)
    form = SpeakersForm(*sent(request), document=document)
    if (
        request.method == "POST"
        and form.is_valid()
        and perform(form, acts.set_speakers, document, choices=form.choices(), by=request.user)
    ):
        messages.success(request, "Saved. Look at the turns once more, then confirm them.")
        return redirect("transcripts:turns", slug=study.slug, pk=document.pk)
    return _turns_page(request, study, document, form)


def _turns_page(
    request: MemberRequest,
    study: Evaluation,
    document: Document,
    form: SpeakersForm,
    turn_form: TurnForm | None = None,
    ordinal: int = 0,
) -> HttpResponse:
    blocks, speakers = frames.turns_preview(document)
    typed = {row.pk: (label, n) for row, label, n in speakers}
    context: dict[str, Any] = {
        "document": document,
        "original": document.original,
        "blocks": blocks,
        "form": form,
        "rows": [(row, *typed.get(row.pk, ("", 0)), role, person) for row, role, person in form.rows()],
        "speakers": [row for row, _, _ in speakers],
        "n_turns": sum(block.ordinal is not None for block in blocks),
        "style_form": StyleForm(),
        "turn_form": turn_form,
        "ordinal": ordinal,
        "crumbs": crumbs(study),
    }
    has_errors = form.errors or turn_form is not None
    return page(request, "transcripts/turns.html", context, status=400 if has_errors else 200)


@study_page("originals.read", "originals.add")
@require_POST
def read_again(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
    document = document_of(request, study, pk, original="originals.edit")
    acts.read_again(document, style=request.POST.get("style", ""), by=request.user)
    messages.success(request, "The turns were read again.")
    return redirect("transcripts:turns", slug=study.slug, pk=document.pk)


@study_page("originals.read", "originals.add")
@require_POST
def turn(request: MemberRequest, study: Evaluation, pk: uuid.UUID, ordinal: int) -> HttpResponse:
    """Change one turn: who speaks, join it to the one above, or split it before given words."""
    document = document_of(request, study, pk, original="originals.edit")
    form = TurnForm(request.POST, document=document)
    if not form.is_valid():
        raise Invalid("Choose what to do with the turn.")
    data = form.cleaned_data
    if perform(form, _correct, document, ordinal, data, request) is None:
        speakers = SpeakersForm(document=document)
        return _turns_page(request, study, document, speakers, turn_form=form, ordinal=ordinal)
    back = reverse("transcripts:turns", kwargs={"slug": study.slug, "pk": document.pk})
    return redirect(f"{back}#turn-{max(1, ordinal - (data['do'] == 'join'))}")


def _correct(document: Document, ordinal: int, data: dict[str, Any], request: MemberRequest) -> None:
    if data["do"] == "speaker":
        acts.set_turn_speaker(document, ordinal=ordinal, speaker=data["speaker"], by=request.user)
    elif data["do"] == "new":
        acts.add_speaker(document, ordinal=ordinal, by=request.user)
    elif data["do"] == "join":
        acts.join_turn(document, ordinal=ordinal, by=request.user)
    else:
        at = data["at"] if data["at"] is not None else _place_before(document, ordinal, data["before"])
        acts.split_turn(document, ordinal=ordinal, at=at, by=request.user)


def _place_before(document: Document, ordinal: int, words: str) -> int:
    row = OriginalTurn.objects.filter(document=document, ordinal=ordinal).first()
    if row is None:
        raise NotFound("There is no such turn in this document.")
    said = text_of(original_of(document))[row.start : row.end]
    found = [start for start, _ in places_of(said, words)] if words else []
    if not found:
        raise Invalid("Type the words with which the second speaker begins, as they stand in the turn.")
    return row.start + found[0]


@study_page("originals.read", "originals.add")
@require_POST
def confirm(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
    document = document_of(request, study, pk, original="originals.edit")
    acts.confirm_turns(document, by=request.user)
    messages.success(request, "The turns are fixed. Now decide what identifies people.")
    return redirect("transcripts:review", slug=study.slug, pk=document.pk)


@study_page("originals.read", "originals.add")
def drop(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
    document = document_of(request, study, pk, original="originals.edit")
    if request.method == "POST":
        acts.drop(document, by=request.user)
        messages.success(request, "The import was taken back. Nothing of the file was kept.")
        return redirect("transcripts:list", slug=study.slug)
    context = {"document": document, "crumbs": crumbs(study, document, "turns")}
    return page(request, "transcripts/drop.html", context)


@study_page("originals.edit")
def assign(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
    document = document_of(request, study, pk, original="originals.edit")
    initial = {"assigned_to": document.assigned_to_id}
    form = AssignForm(*sent(request), study=study, user=request.user, document=document, initial=initial)
    if (
        request.method == "POST"
        and form.is_valid()
        and perform(form, acts.assign, document, to=form.cleaned_data["assigned_to"], by=request.user)
    ):
        messages.success(request, "Saved.")
        return redirect("transcripts:list", slug=study.slug)
    context = {"form": form, "document": document, "crumbs": crumbs(study)}
    return page(request, "transcripts/assign.html", context, status=400 if form.errors else 200)
