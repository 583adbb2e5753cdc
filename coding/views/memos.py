"""Memos: the list, one memo, changing and deleting one's own."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from coding import forms, frames
from coding.acts import memos
from coding.models import Memo
from ipe import roles
from ipe.errors import NotFound
from ipe.forms import ConfirmForm
from ipe.models import Evaluation, User
from ipe.pages import MemberRequest, page, perform, study_page


def _memo(study: Evaluation, user: User, pk: UUID) -> Memo:
    rows = Memo.objects.visible_to(user).filter(evaluation=study)
    memo: Memo | None = (
        rows.select_related("version__document", "code", "case__site", "author", "evaluation", "site")
        .filter(pk=pk)
        .first()
    )
    if memo is None:
        raise NotFound("There is no such memo.")
    return memo


def _crumbs(study: Evaluation) -> list[tuple[str, str]]:
    return [("Memos", reverse("coding:memos", kwargs={"slug": study.slug}))]


@study_page("text.read")
@require_safe
def listed(request: MemberRequest, study: Evaluation) -> HttpResponse:
    rows = Memo.objects.visible_to(request.user).filter(evaluation=study)
    rows = rows.select_related(
        "version__document", "code", "case__site", "case__participant", "case__document", "author"
    )
    return page(
        request, "coding/memos.html", {"page_obj": Paginator(rows, 50).get_page(request.GET.get("page"))}
    )


@study_page("text.read")
@require_http_methods(["GET", "HEAD", "POST"])
def one(request: MemberRequest, study: Evaluation, pk: UUID) -> HttpResponse:
    memo = _memo(study, request.user, pk)
    if request.method == "POST":
        roles.require(request.user, "text.edit", study, memo.site)
    form = forms.MemoForm(request.POST or None, initial={"body": memo.body})
    is_sent = request.method == "POST" and form.is_valid()
    if (
        is_sent
        and perform(form, memos.edit_memo, memo, body=form.cleaned_data["body"], by=request.user) is not None
    ):
        messages.success(request, "Memo saved.")
        return redirect("coding:memos", slug=study.slug)
    words = ""
    if memo.version_id:
        place = (memo.version_id, memo.start or 0, memo.end or 0)
        words = frames.words([place]).get(place, "")
    is_mine = memo.author_id == request.user.pk and roles.may(request.user, "text.edit", study)
    context = {"memo": memo, "form": form, "words": words, "is_mine": is_mine, "crumbs": _crumbs(study)}
    return page(request, "coding/memo.html", context)


@study_page("text.edit")
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: MemberRequest, study: Evaluation, pk: UUID) -> HttpResponse:
    memo = _memo(study, request.user, pk)
    form = ConfirmForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        memos.delete_memo(memo, by=request.user)
        messages.success(request, "Memo deleted.")
        return redirect("coding:memos", slug=study.slug)
    return page(request, "coding/memo_delete.html", {"memo": memo, "form": form, "crumbs": _crumbs(study)})
