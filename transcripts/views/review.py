"""The workspace in which identifiers are decided, and the sign-off."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from ipe.errors import NotFound
from ipe.models import Evaluation
from ipe.pages import MemberRequest, page, perform, study_page
from transcripts import clearing, finding, frames, naming
from transcripts import review as acts
from transcripts.forms import AddForm, DecisionForm, SignOffForm, SpeakerForm
from transcripts.models import Document, DocumentState, Entity, Speaker
from transcripts.rights import may_open
from transcripts.views.reading import TONES, crumbs, document_of


@study_page("originals.read", "originals.add")
def review(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
    """The original with its marks. Read only unless the document is in review and the person may edit it."""
    document = document_of(request, study, pk, original="originals.read")
    if document.state == DocumentState.IMPORTED and may_open(request.user, document, "originals.edit"):
        return redirect("transcripts:turns", slug=study.slug, pk=document.pk)
    at = request.GET.get("at", "")
    return _workspace(request, study, document, at=_uuid(at))


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def _workspace(
    request: MemberRequest,
    study: Evaluation,
    document: Document,
    *,
    at: uuid.UUID | None = None,
    decision: DecisionForm | None = None,
    adding: AddForm | None = None,
    said: str = "",
) -> HttpResponse:
    shown = frames.review(document, at)
    current = shown.current
    may_edit = document.state == DocumentState.IN_REVIEW and may_open(
        request.user, document, "originals.edit"
    )
    likely: list[Entity] = []
    if current is not None and may_edit:
        likely = naming.candidates(document, current.row.category, current.surface)
        if decision is None:
            decision = DecisionForm(
                document=document,
                initial={
                    "replacement": current.row.pk,
                    "do": "accept",
                    "category": current.row.category,
                    "entity": current.row.entity_id or (likely[0].pk if len(likely) == 1 else None),
                },
            )
    context: dict[str, Any] = {
        "document": document,
        "tone": TONES[document.state],
        "shown": shown,
        "current": current,
        "likely": likely,
        "decision": decision,
        "adding": (adding or AddForm(document=document)) if may_edit else None,
        "may_edit": may_edit,
        "may_reopen": document.state == DocumentState.CLEARED
        and may_open(request.user, document, "originals.edit"),
        "may_erase": may_open(request.user, document, "originals.erase"),
        "speaker_rows": [
            (
                row,
                label,
                SpeakerForm(
                    document=document,
                    initial={"participant": row.participant_id},
                    auto_id=f"speaker-{row.pk}-%s",
                ),
            )
            for row, label in shown.speakers
        ]
        if may_edit
        else [],
        "readiness": clearing.readiness(document),
        "said": said,
        "crumbs": crumbs(study),
    }
    has_errors = any(form is not None and form.errors for form in (decision, adding))
    return page(
        request, "transcripts/review.html", context, fragment="workspace", status=422 if has_errors else 200
    )


def _onward(
    request: MemberRequest, study: Evaluation, document: Document, after: int, said: str
) -> HttpResponse:
    """After an act: the next place to decide, as a fragment for htmx or by a redirect."""
    document.refresh_from_db()
    at = frames.next_undecided(document, after)
    if request.htmx:
        return _workspace(request, study, document, at=at, said=said)
    url = reverse("transcripts:review", kwargs={"slug": study.slug, "pk": document.pk})
    messages.success(request, said)
    return redirect(f"{url}?at={at}#place-{at}" if at else url)


@study_page("originals.read", "originals.add")
@require_POST
def decide(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
    document = document_of(request, study, pk, original="originals.edit")
    form = DecisionForm(request.POST, document=document)
    if not form.is_valid():
        return _workspace(
            request, study, document, at=_uuid(request.POST.get("replacement", "")), decision=form
        )
    data = form.cleaned_data
    row, do = data["replacement"], data["do"]
    if do == "reject":
        done = perform(form, acts.reject, row, by=request.user, everywhere=data["everywhere"])
    elif do == "undo":
        done = perform(form, acts.undecide, row, by=request.user)
    else:
        choice = {name: data[name] for name in ("category", "entity", "word", "text", "everywhere")}
        done = perform(form, acts.accept, row, by=request.user, **choice)
    if done is None:
        return _workspace(request, study, document, at=row.pk, decision=form)
    n = len(done) if isinstance(done, list) else 1
    words = {"accept": "Replaced", "reject": "Kept", "undo": "To be decided again"}[do]
    after = row.start if do == "undo" else row.end
    return _onward(request, study, document, after, f"{words}: {n} place{'' if n == 1 else 's'}.")


@study_page("originals.read", "originals.add")
@require_POST
def add(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
    document = document_of(request, study, pk, original="originals.edit")
    form = AddForm(request.POST, document=document)
    if not form.is_valid():
        return _workspace(request, study, document, adding=form)
    data = dict(form.cleaned_data)
    start, end, words = data.pop("start"), data.pop("end"), data.pop("words")
    if start is not None and end is not None:
        rows = perform(form, acts.add, document, start=start, end=end, by=request.user, **data)
    else:
        rows = perform(form, acts.add_words, document, words=words, by=request.user, **data)
    if rows is None:
        return _workspace(request, study, document, adding=form)
    return _onward(
        request, study, document, rows[0].end, f"Replaced: {len(rows)} place{'' if len(rows) == 1 else 's'}."
    )


@study_page("originals.read", "originals.add")
@require_POST
def find(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
    document = document_of(request, study, pk, original="originals.edit")
    n = finding.find_identifiers(document, by=request.user)
    return _onward(request, study, document, 0, f"{n} new suggestion{'' if n == 1 else 's'}.")


@study_page("originals.read", "originals.add")
@require_POST
def speaker(request: MemberRequest, study: Evaluation, pk: uuid.UUID, speaker: uuid.UUID) -> HttpResponse:
    document = document_of(request, study, pk, original="originals.edit")
    row = Speaker.objects.filter(document=document, pk=speaker).first()
    if row is None:
        raise NotFound("There is no such speaker in this document.")
    form = SpeakerForm(request.POST, document=document)
    if not form.is_valid():
        raise NotFound("There is no such person at this site.")
    acts.map_speaker(row, participant=form.cleaned_data["participant"], by=request.user)
    return _onward(request, study, document, 0, "Saved.")


@study_page("originals.read", "originals.add")
def clear(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
    """The text as it will be read by coders, to be read by a person first."""
    document = document_of(request, study, pk, original="originals.edit")
    if document.state != DocumentState.IN_REVIEW:
        return redirect("transcripts:review", slug=study.slug, pk=document.pk)
    bound = request.POST if request.method == "POST" else None
    form = SignOffForm(bound, initial={"revision": document.revision})
    if (
        request.method == "POST"
        and form.is_valid()
        and perform(form, clearing.clear, document, revision=form.cleaned_data["revision"], by=request.user)
    ):
        messages.success(request, f"{document.code} is cleared and can be coded.")
        return redirect("transcripts:list", slug=study.slug)
    if form.errors:
        # What is shown below is the text as it is now, so it is this that the next signature is for.
        form.data = {**request.POST.dict(), "revision": str(document.revision)}
    rendered = clearing.rendered(document)
    context = {
        "document": document,
        "form": form,
        "readiness": clearing.readiness(document),
        "blocks": frames.preview_of_clearance(document, rendered),
        "crumbs": crumbs(study, document, "review"),
    }
    return page(request, "transcripts/clear.html", context, status=400 if form.errors else 200)
