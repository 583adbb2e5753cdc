"""Withdrawing a person: choose how far, see what it reaches, confirm, receipt."""

from __future__ import annotations

import uuid

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from consent import withdrawal
from consent.forms import WithdrawalForm
from consent.models import Withdrawal
from consent.states import Scope
from consent.views.people import crumbs, fetch
from ipe.errors import NotFound
from ipe.models import Evaluation
from ipe.pages import MemberRequest, page, perform, study_page


@study_page("consent.edit", "contacts.erase")
def withdraw(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
    found = fetch(request, study, pk)
    withdrawal.require_right(found, request.user)
    scope = request.POST.get("scope") or request.GET.get("scope", "")
    form = WithdrawalForm(request.POST if request.method == "POST" else None, initial={"scope": scope})
    if request.method == "POST" and form.is_valid():
        values = {name: form.cleaned_data[name] for name in ("scope", "reason")}
        receipt_row = perform(form, withdrawal.withdraw, found, by=request.user, **values)
        if receipt_row:
            return redirect("consent:receipt", slug=study.slug, pk=receipt_row.pk)
    is_chosen = scope in Scope.values
    context = {
        "person": found,
        "form": form,
        "scopes": Scope.choices,
        "scope": scope,
        "preview": withdrawal.preview(found, scope=scope, by=request.user) if is_chosen else None,
        "standing": withdrawal.standing_withdrawal(found),
        "crumbs": crumbs(study, found),
    }
    return page(request, "consent/withdraw.html", context, status=400 if form.errors else 200)


@study_page("consent.read")
def withdrawals(request: MemberRequest, study: Evaluation) -> HttpResponse:
    rows = Withdrawal.objects.filter(participant__evaluation=study).visible_to(request.user)
    rows = rows.with_open_jobs().select_related("participant__site", "by")
    page_obj = Paginator(rows, 50).get_page(request.GET.get("page"))
    return page(request, "consent/withdrawals.html", {"page_obj": page_obj, "crumbs": crumbs(study)})


@study_page("consent.read")
def receipt(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
    rows = Withdrawal.objects.filter(participant__evaluation=study, pk=pk).visible_to(request.user)
    row = rows.select_related("participant__site", "participant__evaluation", "by").first()
    if row is None:
        raise NotFound("There is no such withdrawal.")
    url = reverse("consent:withdrawals", kwargs={"slug": study.slug})
    context = {
        "row": row,
        "jobs": row.jobs(),
        "is_recalled": any(line["code"].startswith("releases_") for line in row.counts),
        "may_withdraw": withdrawal.may_withdraw(row.participant, request.user),
        "crumbs": [*crumbs(study, row.participant), ("Withdrawals", url)],
    }
    return page(request, "consent/receipt.html", context)
