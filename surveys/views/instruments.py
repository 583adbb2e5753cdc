"""Instruments with their questions, and how indicators are read from them."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from ipe import roles
from ipe.models import Evaluation
from ipe.pages import MemberRequest, page, perform, study_page
from surveys.forms import RuleForm
from surveys.models import AdminReturn, IndicatorRule, Instrument, Intake
from surveys.rules import change_rule
from surveys.views.fetching import one, posted


@study_page("intake.read")
def instruments(request: MemberRequest, study: Evaluation) -> HttpResponse:
    rows = Instrument.objects.visible_to(request.user).filter(evaluation=study)
    stored = Intake.objects.visible_to(request.user).stored()
    returned = AdminReturn.objects.visible_to(request.user).current()
    figures = "rules__indicator__admin_values__admin_return"
    counted = rows.annotate(
        n_items=Count("items", distinct=True),
        n_rules=Count("rules", distinct=True),
        n_stored=Count("intakes", filter=Q(intakes__in=stored), distinct=True),
        n_returned=Count(figures, filter=Q(**{f"{figures}__in": returned}), distinct=True),
    )
    context = {"instruments": list(counted), "may_edit": roles.may(request.user, "intake.edit", study)}
    return page(request, "surveys/instruments.html", context)


@study_page("intake.read")
def instrument(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
    row = one(Instrument.objects.visible_to(request.user).filter(evaluation=study), pk, "instrument")
    rules = row.rules.select_related("indicator", "base_rule").prefetch_related(
        "items", "counted__scale", "changes__changed_by"
    )
    context = {
        "instrument": row,
        "items": list(row.items.select_related("scale").prefetch_related("scale__points")),
        "bases": list(row.base_rules.all()),
        "rules": list(rules),
        "may_change": roles.may(request.user, "design.edit", study),
        "crumbs": [("Surveys", reverse("surveys:instruments", kwargs={"slug": study.slug}))],
    }
    return page(request, "surveys/instrument.html", context)


@study_page("design.edit")
def edit_rule(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
    rows = IndicatorRule.objects.visible_to(request.user).filter(instrument__evaluation=study)
    rule = one(rows.select_related("instrument__evaluation", "indicator", "base_rule"), pk, "reading")
    form = RuleForm(posted(request), study=study, user=request.user, rule=rule)
    back = reverse("surveys:instrument", kwargs={"slug": study.slug, "pk": rule.instrument_id})
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        done = perform(
            form,
            change_rule,
            rule,
            counted=form.chosen_points(),
            base_rule=given["base_rule"],
            combine=given["combine"],
            reason=given["reason"],
            by=request.user,
        )
        if done is not None:
            messages.success(request, f"The reading of {rule.indicator.code} is changed.")
            return redirect(back)
    context = {
        "form": form,
        "rule": rule,
        "back": back,
        "changes": list(rule.changes.select_related("changed_by")),
        "crumbs": [(rule.instrument.title, back)],
    }
    return page(request, "surveys/rule.html", context, status=422 if form.errors else 200)
