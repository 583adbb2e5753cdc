"""The codebook: its tree, each code with its quotes, and what is done to codes."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from coding import forms, frames, publishing, quotes
from coding.acts import codebook, undoing
from coding.models import Code, Coding, Level
from ipe import roles
from ipe.errors import NotFound
from ipe.forms import ConfirmForm
from ipe.models import Evaluation
from ipe.pages import MemberRequest, download, page, perform, study_page
from ipe.rooms import Effect

GET_POST = ["GET", "HEAD", "POST"]


def code_of(study: Evaluation, pk: UUID, *, in_use: bool = True) -> Code:
    rows = Code.objects.of(study)
    code: Code | None = (
        (rows.in_use() if in_use else rows)
        .select_related("codebook__evaluation", "parent__parent")
        .filter(pk=pk)
        .first()
    )
    if code is None:
        raise NotFound("There is no such code in this study's codebook; it may have been merged or removed.")
    return code


def _crumbs(study: Evaluation, *more: tuple[str, str]) -> list[tuple[str, str]]:
    return [("Codebook", reverse("coding:codebook", kwargs={"slug": study.slug})), *more]


def _code_url(study: Evaluation, code: Code) -> str:
    return reverse("coding:code", kwargs={"slug": study.slug, "pk": code.pk})


@study_page("text.read")
@require_safe
def tree(request: MemberRequest, study: Evaluation) -> HttpResponse:
    nodes = frames.tree(study, Coding.objects.counts_by_code(request.user, study))
    own = undoing.own_stacks(request.user, study, None)
    return page(request, "coding/codebook.html", {"nodes": nodes, "stacks": own})


@study_page("text.edit")
@require_http_methods(GET_POST)
def add(request: MemberRequest, study: Evaluation) -> HttpResponse:
    initial = {"parent": request.GET.get("under", "")}
    form = forms.CodeForm(request.POST or None, study=study, user=request.user, initial=initial)
    if form.is_valid():
        data = form.cleaned_data
        made = perform(
            form,
            codebook.add_code,
            study,
            name=data["name"],
            definition=data["definition"],
            parent=data["parent"],
            is_codable=data["is_codable"] if data["parent"] else None,
            by=request.user,
        )
        if made is not None:
            messages.success(request, "Added to the codebook.")
            return redirect("coding:codebook", slug=study.slug)
    return page(request, "coding/code_form.html", {"form": form, "crumbs": _crumbs(study)})


@study_page("text.read")
@require_safe
def code(request: MemberRequest, study: Evaluation, pk: UUID) -> HttpResponse:
    """A code with every passage under it and what stands below it."""
    shown = code_of(study, pk)
    ids = (
        Coding.objects.visible_to(request.user)
        .filter(code_id__in=quotes.codes_below(shown))
        .order_by("version__document__wave__site__order", "version__document__number", "start", "end", "id")
        .values_list("pk", flat=True)
    )
    page_obj = Paginator(ids, 50).get_page(request.GET.get("page"))
    context = {
        "code": shown,
        "page_obj": page_obj,
        "quotes": quotes.quotes_under(shown, request.user, coding_ids=list(page_obj)),
        "levels": Level,
        "crumbs": _crumbs(study),
    }
    return page(request, "coding/code.html", context)


@study_page("text.edit")
@require_http_methods(GET_POST)
def edit(request: MemberRequest, study: Evaluation, pk: UUID) -> HttpResponse:
    shown = code_of(study, pk)
    initial = {
        "name": shown.name,
        "definition": shown.definition,
        "colour": shown.colour,
        "is_codable": shown.is_codable,
    }
    form = forms.CodeForm(request.POST or None, study=study, user=request.user, initial=initial, is_new=False)
    if form.is_valid():
        data = form.cleaned_data
        colour = shown.colour if data["colour"] in ("", None) else data["colour"]
        done = perform(
            form,
            codebook.edit_code,
            shown,
            by=request.user,
            name=data["name"],
            definition=data["definition"],
            is_codable=data["is_codable"],
            colour=colour,
            reason=data["reason"],
        )
        if done is not None:
            messages.success(request, "Saved. What it was called before stays in its history.")
            return redirect(_code_url(study, shown))
    crumbs = _crumbs(study, (shown.name, _code_url(study, shown)))
    return page(request, "coding/code_form.html", {"form": form, "code": shown, "crumbs": crumbs})


@study_page("text.edit")
@require_http_methods(GET_POST)
def move(request: MemberRequest, study: Evaluation, pk: UUID) -> HttpResponse:
    shown = code_of(study, pk)
    form = forms.MoveForm(
        request.POST or None, study=study, user=request.user, initial={"parent": shown.parent_id or ""}
    )
    if form.is_valid():
        position = form.cleaned_data["position"]
        done = perform(
            form,
            codebook.move_code,
            shown,
            parent=form.cleaned_data["parent"],
            position=None if position is None else position - 1,
            by=request.user,
        )
        if done is not None:
            messages.success(request, "Moved, with everything under it.")
            return redirect("coding:codebook", slug=study.slug)
    crumbs = _crumbs(study, (shown.name, _code_url(study, shown)))
    return page(request, "coding/code_move.html", {"form": form, "code": shown, "crumbs": crumbs})


@study_page("text.edit")
@require_http_methods(GET_POST)
def merge(request: MemberRequest, study: Evaluation, pk: UUID) -> HttpResponse:
    """Choose the other code, see in counts what will happen, confirm."""
    shown = code_of(study, pk)
    roles.require_whole_study(request.user, "text.edit", study)
    form = forms.MergeForm(request.POST or None, study=study, user=request.user)
    preview = None
    if form.is_valid():
        into = form.cleaned_data["into"]
        if request.POST.get("confirm") == "yes":
            done = perform(form, codebook.merge_codes, shown, into=into, by=request.user)
            if done is not None:
                messages.success(request, "Merged. Undo it from the codebook page if it was a mistake.")
                return redirect(_code_url(study, into))
        else:
            preview = perform(form, codebook.merge_preview, shown, into, by=request.user)
    effects = preview and [
        Effect("codings", "codings get the other code", preview.n_codings - preview.n_doubles),
        Effect("doubles", "codings that would be there twice become one", preview.n_doubles),
        Effect("documents", "texts are touched", preview.n_documents),
        Effect("children", "codes under it move", preview.n_children),
    ]
    crumbs = _crumbs(study, (shown.name, _code_url(study, shown)))
    context = {"form": form, "code": shown, "effects": effects, "crumbs": crumbs}
    return page(request, "coding/code_merge.html", context)


@study_page("text.edit")
@require_http_methods(GET_POST)
def retire(request: MemberRequest, study: Evaluation, pk: UUID) -> HttpResponse:
    shown = code_of(study, pk)
    roles.require_whole_study(request.user, "text.edit", study)
    form = ConfirmForm(request.POST or None)
    is_sent = request.method == "POST" and form.is_valid()
    if is_sent and perform(form, codebook.retire_code, shown, by=request.user) is not None:
        messages.success(request, "Removed from the codebook. Undo brings it back.")
        return redirect("coding:codebook", slug=study.slug)
    effects = [
        Effect("codings", "codings use it", shown.codings.count()),
        Effect("children", "codes stand under it", Code.objects.in_use().filter(parent=shown).count()),
    ]
    crumbs = _crumbs(study, (shown.name, _code_url(study, shown)))
    context = {"form": form, "code": shown, "effects": effects, "crumbs": crumbs}
    return page(request, "coding/code_retire.html", context)


@study_page("text.read")
@require_safe
def history(request: MemberRequest, study: Evaluation, pk: UUID) -> HttpResponse:
    shown = code_of(study, pk, in_use=False)
    crumbs = _crumbs(study)
    context = {"code": shown, "revisions": shown.revisions.select_related("by"), "crumbs": crumbs}
    return page(request, "coding/code_history.html", context)


@study_page("text.edit")
@require_POST
def undo(request: MemberRequest, study: Evaluation) -> HttpResponse:
    event = undoing.undo(study, version_id=None, by=request.user)
    messages.success(request, f"Undone: {event.get_verb_display().lower()}.")
    return redirect("coding:codebook", slug=study.slug)


@study_page("text.edit")
@require_POST
def redo(request: MemberRequest, study: Evaluation) -> HttpResponse:
    event = undoing.redo(study, version_id=None, by=request.user)
    messages.success(request, f"Done again: {event.get_verb_display().lower()}.")
    return redirect("coding:codebook", slug=study.slug)


@study_page("releases.make", "releases.draft")
@require_http_methods(GET_POST)
def export(request: MemberRequest, study: Evaluation, pk: UUID) -> HttpResponse:
    """All quotes under a code, as a release. Shows before what is left out, and why."""
    shown = code_of(study, pk)
    roles.require(request.user, "text.read", study)
    form = forms.ExportForm(request.POST or None, study=study, user=request.user)
    gathered = quotes.gather(quotes.quotes_under(shown, request.user))
    if form.is_valid():
        made = perform(form, publishing.publish_quotes, shown, by=request.user, **form.cleaned_data)
        if made is not None:
            return download(made.data, filename=made.filename, content_type=made.content_type)
    crumbs = _crumbs(study, (shown.name, _code_url(study, shown)))
    context = {"form": form, "code": shown, "gathered": gathered, "crumbs": crumbs}
    return page(request, "coding/export.html", context)
