"""Administrative returns: which waves have one, entering one, withdrawing one."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.db.models import Prefetch
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from ipe import roles
from ipe.forms import ConfirmForm
from ipe.models import Evaluation, Wave
from ipe.pages import MemberRequest, page, perform, study_page
from surveys import returns as acts
from surveys.forms import ReturnForm
from surveys.models import AdminReturn
from surveys.views.fetching import choices, one, posted, scope_from


@study_page("intake.read")
def returns(request: MemberRequest, study: Evaluation) -> HttpResponse:
    scope = scope_from(request, study)
    seen = (
        AdminReturn.objects.visible_to(request.user).select_related("entered_by").prefetch_related("values")
    )
    waves = scope.waves().filter(is_planned=True).select_related("site", "phase")
    waves = waves.order_by("site__order", "phase__order").prefetch_related(
        Prefetch("admin_returns", queryset=seen, to_attr="seen_returns")
    )
    reached = roles.sites_for(request.user, "intake.edit", study)
    context = {
        "waves": [(wave, reached is None or wave.site_id in reached) for wave in waves],
        "scope": scope,
        **choices(request, study),
    }
    return page(request, "surveys/returns.html", context, fragment="returns")


def _list(study: Evaluation) -> tuple[str, str]:
    return "Administrative returns", reverse("surveys:returns", kwargs={"slug": study.slug})


@study_page("intake.edit")
def enter(request: MemberRequest, study: Evaluation, wave: uuid.UUID) -> HttpResponse:
    rows = Wave.objects.visible_to(request.user).filter(site__evaluation=study)
    row = one(rows.select_related("site__evaluation", "phase"), wave, "wave")
    roles.require(request.user, "intake.edit", study, row.site)
    current = AdminReturn.objects.current().filter(wave=row).first()
    form = ReturnForm(posted(request), study=study, user=request.user, wave=row, current=current)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        done = perform(
            form,
            acts.record_return,
            row,
            figures=form.figures,
            source=given["source"],
            as_of_on=given["as_of_on"],
            by=request.user,
        )
        if done is not None:
            messages.success(request, f"The return of {row.site.name}, {row.phase.name}, is stored.")
            return redirect("surveys:returns", slug=study.slug)
    context = {
        "form": form,
        "lines": list(form.lines()),
        "wave": row,
        "current": current,
        "crumbs": [_list(study)],
    }
    return page(request, "surveys/return.html", context, status=422 if form.errors else 200)


@study_page("intake.edit")
def withdraw(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
    rows = AdminReturn.objects.visible_to(request.user).filter(wave__site__evaluation=study)
    row = one(rows.select_related("wave__site__evaluation", "wave__phase"), pk, "return")
    roles.require(request.user, "intake.edit", study, row.wave.site)
    form = ConfirmForm(posted(request))
    if request.method == "POST" and perform(form, acts.withdraw_return, row, by=request.user) is not None:
        messages.success(request, "The return is withdrawn and its figures are deleted.")
        return redirect("surveys:returns", slug=study.slug)
    context = {"row": row, "form": form, "effects": acts.withdrawal_effects(row), "crumbs": [_list(study)]}
    return page(request, "surveys/return_withdraw.html", context, status=422 if form.errors else 200)
