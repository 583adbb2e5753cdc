"""The coding workspace: texts, applying codes, undo, the list of codings."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from coding import forms, frames, rendering
from coding.acts import applying, codebook, memos, undoing
from coding.models import Coding, CodingEvent, Level, Memo
from coding.views.answers import checked, drawn, json, place_for, spliced, wants_json
from ipe import roles
from ipe.errors import Invalid, NotFound
from ipe.models import Evaluation, User
from ipe.pages import MemberRequest, page, study_page
from transcripts.models import Turn, Version

N_RECENT = 5


def version_of(study: Evaluation, user: User, pk: UUID) -> Version:
    """The present, cleared text of this address, for people who may read it."""
    version: Version | None = (
        Version.objects.visible_to(user)
        .current()
        .open()
        .filter(document__evaluation=study, pk=pk)
        .defer(*applying.LONG)
        .select_related("document__participant", "document__wave__site", "document__wave__phase")
        .first()
    )
    if version is None:
        raise NotFound("There is no such text, or it is being changed. Look for it in the list of texts.")
    return version


@study_page("text.read")
@require_safe
def documents(request: MemberRequest, study: Evaluation) -> HttpResponse:
    rows = frames.document_list(request.user, study)
    return page(request, "coding/documents.html", {"documents": rows})


@study_page("text.read")
@require_safe
def workspace(request: MemberRequest, study: Evaluation, pk: UUID) -> HttpResponse:
    version = version_of(study, request.user, pk)
    nodes = frames.tree(study, Coding.objects.counts_by_code(request.user, study))
    text = frames.workspace(version.pk, nodes)
    rows = frames.tree_rows(nodes)
    address = reverse("coding:code", kwargs={"slug": study.slug, "pk": study.pk}).replace(
        str(study.pk), "CODE"
    )
    context = {
        "version": version,
        "document": version.document,
        "documents": frames.document_list(request.user, study),
        "code_tree": drawn(rendering.code_tree(rows, address)),
        "codable": drawn(rendering.code_options(row for row in rows if row.is_codable)),
        "parents": drawn(rendering.code_options(row for row in rows if row.level < Level.CODE)),
        "text": place_for("text"),
        "index": place_for("index"),
        "codes": drawn(text.codes),
        "n_turns": text.n_turns,
        "n_codings": text.n_codings,
        "memos": Memo.objects.filter(version=version).select_related("author")[:50],
        "may_edit": roles.may(request.user, "text.edit", study, version.document.wave.site),
        "recent": _recent(request.user, study),
        "crumbs": [("Coding", reverse("coding:documents", kwargs={"slug": study.slug}))],
    }
    response = page(request, "coding/workspace.html", context)
    return spliced(response, {"text": text.html, "index": text.index})


def _recent(user: User, study: Evaluation) -> list[str]:
    latest = Coding.objects.filter(coder=user, code__codebook__evaluation=study).order_by("-id")
    codes = dict.fromkeys(latest.values_list("code_id", flat=True)[:60])
    return [str(code) for code in codes][:N_RECENT]


@study_page("text.read")
@require_safe
def codings(request: MemberRequest, study: Evaluation, pk: UUID) -> HttpResponse:
    """Every coding of a text in order: the same as the marks, for reading by list."""
    version = version_of(study, request.user, pk)
    rows = (
        Coding.objects.filter(version=version).select_related("code", "coder").order_by("start", "end", "id")
    )
    page_obj = Paginator(rows, 100).get_page(request.GET.get("page"))
    words = frames.words((row.version_id, row.start, row.end) for row in page_obj)
    listed = [
        {"coding": row, "words": words.get((row.version_id, row.start, row.end), "")} for row in page_obj
    ]
    context = {
        "version": version,
        "document": version.document,
        "page_obj": page_obj,
        "listed": listed,
        "may_edit": roles.may(request.user, "text.edit", study, version.document.wave.site),
        "crumbs": [
            ("Coding", reverse("coding:documents", kwargs={"slug": study.slug})),
            (version.document.code, reverse("coding:workspace", kwargs={"slug": study.slug, "pk": pk})),
        ],
    }
    return page(request, "coding/codings.html", context)


def _answer(
    request: MemberRequest,
    study: Evaluation,
    version_id: UUID,
    places: list[tuple[int, int]],
    said: str,
    **more: Any,
) -> HttpResponse:
    """To a script the touched turns; to a form the page again, at the place."""
    if wants_json(request):
        return json({**frames.touched(version_id, places), "said": said, **more})
    messages.success(request, said)
    url = reverse("coding:workspace", kwargs={"slug": study.slug, "pk": version_id})
    first = (
        Turn.objects.filter(version_id=version_id, end__gt=places[0][0]).order_by("start").first()
        if places
        else None
    )
    return redirect(f"{url}#t{first.ordinal}" if first else url)


def _span(pk: UUID, data: dict[str, Any]) -> tuple[int, int]:
    """The passage of a form: as given, or the whole turn that it names."""
    if data.get("start") is not None and data.get("end") is not None:
        return data["start"], data["end"]
    turn = Turn.objects.filter(version_id=pk, ordinal=data["turn"]).first()
    if turn is None:
        raise Invalid("There is no turn of this number.", fields={"turn": "There is no turn of this number."})
    return turn.start, turn.end


@study_page("text.edit")
@require_POST
def apply(request: MemberRequest, study: Evaluation, pk: UUID) -> HttpResponse:
    data = checked(forms.ApplyForm(request.POST, study=study, user=request.user))
    start, end = _span(pk, data)
    coding = applying.apply_code(pk, start=start, end=end, code_id=data["code"], by=request.user)
    said = f"Coded “{coding.code.name}”." if coding.is_new else f"It is coded “{coding.code.name}” already."
    return _answer(request, study, pk, [(coding.start, coding.end)], said, coding=coding.pk)


@study_page("text.edit")
@require_POST
def create_and_apply(request: MemberRequest, study: Evaluation, pk: UUID) -> HttpResponse:
    """A new code from the picker, given to the selected passage at once."""
    form = forms.CodeForm(
        {
            "name": request.POST.get("name", ""),
            "parent": request.POST.get("parent", ""),
            "is_codable": "on",
        },
        study=study,
        user=request.user,
    )
    named = checked(form)
    start, end = _span(pk, checked(forms.SpanForm(request.POST, study=study, user=request.user)))
    code, coding = codebook.add_and_apply(
        study,
        name=named["name"],
        parent=named["parent"],
        version_id=pk,
        start=start,
        end=end,
        by=request.user,
    )
    return _answer(
        request,
        study,
        pk,
        [(coding.start, coding.end)],
        f"Added “{code.name}” to the codebook and coded it.",
        coding=coding.pk,
        new_code=[str(code.pk), code.name, code.colour, str(code.parent_id or ""), int(code.level)],
    )


@study_page("text.edit")
@require_POST
def remove(request: MemberRequest, study: Evaluation, pk: UUID) -> HttpResponse:
    data = checked(forms.CodingForm(request.POST, study=study, user=request.user))
    coding = applying.remove_coding(data["coding"], by=request.user)
    return _answer(request, study, coding.version_id, [(coding.start, coding.end)], "Removed the coding.")


@study_page("text.edit")
@require_POST
def recode(request: MemberRequest, study: Evaluation, pk: UUID) -> HttpResponse:
    data = checked(forms.RecodeForm(request.POST, study=study, user=request.user))
    coding = applying.change_code(data["coding"], code_id=data["code"], by=request.user)
    said = f"Now coded “{coding.code.name}”."
    return _answer(request, study, coding.version_id, [(coding.start, coding.end)], said, coding=coding.pk)


@study_page("text.edit")
@require_POST
def resize(request: MemberRequest, study: Evaluation, pk: UUID) -> HttpResponse:
    data = checked(forms.ResizeForm(request.POST, study=study, user=request.user))
    start, end = _span(pk, data)
    coding = applying.resize_coding(data["coding"], start=start, end=end, by=request.user)
    places = [(coding.start, coding.end), *([coding.was] if coding.was else [])]
    return _answer(request, study, coding.version_id, places, "Changed the passage.", coding=coding.pk)


@study_page("text.edit")
@require_POST
def undo(request: MemberRequest, study: Evaluation, pk: UUID) -> HttpResponse:
    return _turned(request, study, pk, undoing.undo(study, version_id=pk, by=request.user), "Undone")


@study_page("text.edit")
@require_POST
def redo(request: MemberRequest, study: Evaluation, pk: UUID) -> HttpResponse:
    return _turned(request, study, pk, undoing.redo(study, version_id=pk, by=request.user), "Done again")


def _turned(
    request: MemberRequest, study: Evaluation, pk: UUID, event: CodingEvent, word: str
) -> HttpResponse:
    said = f"{word}: {event.get_verb_display().lower()}."
    return _answer(request, study, pk, undoing.touched_spans(event), said)


@study_page("text.edit")
@require_POST
def memo(request: MemberRequest, study: Evaluation, pk: UUID) -> HttpResponse:
    data = checked(forms.MemoOnSpanForm(request.POST, study=study, user=request.user))
    start, end = _span(pk, data)
    made = memos.write_memo(body=data["body"], by=request.user, version_id=pk, start=start, end=end)
    url = reverse("coding:memo", kwargs={"slug": study.slug, "pk": made.pk})
    return _answer(request, study, pk, [(start, end)], "Memo saved.", memo={"url": url, "body": made.body})
