"""Answers to an instrument, item by item and wave by wave, and their release."""

from __future__ import annotations

import uuid

from django.http import HttpResponse
from django.urls import reverse

from ipe import roles
from ipe.models import Evaluation
from ipe.pages import MemberRequest, download, page, perform, study_page
from ipe.words import OutputClass
from releases import publishing
from surveys import itemtables, releasing
from surveys.distributions import averages
from surveys.forms import ExportForm
from surveys.frames import instrument_spec, numbers_of
from surveys.models import Instrument
from surveys.tables import average_table
from surveys.views.fetching import choices, one, posted, scope_from, scope_of


def _fetched(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> Instrument:
    rows = Instrument.objects.visible_to(request.user).filter(evaluation=study)
    return one(rows.select_related("evaluation"), pk, "instrument")


@study_page("intake.read")
def answers(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
    row = _fetched(request, study, pk)
    scope = scope_from(request, study)
    is_released = request.GET.get("as") == "released"
    spreads = releasing.spreads_of(scope, row)
    numbers = averages(numbers_of(scope, row), instrument_spec(row))
    average = average_table(numbers, title="Numbers")
    if is_released:
        average = publishing.released(average, evaluation=study, output_class=OutputClass.SURVEY).table
    offered = choices(request, study)
    context = {
        "site_names": {site.code: site.name for site in offered["sites"]},
        "phase_names": {phase.code: phase.name for phase in offered["phases"]},
        "instrument": row,
        "items": itemtables.item_tables(study, spreads, is_released=is_released),
        "averages": itemtables.plain_rows(average) if numbers else [],
        "scope": scope,
        "as_": "released" if is_released else "working",
        "may_export": any(roles.may(request.user, v, study) for v in ("releases.make", "releases.draft")),
        "crumbs": [
            ("Surveys", reverse("surveys:instruments", kwargs={"slug": study.slug})),
            (row.title, reverse("surveys:instrument", kwargs={"slug": study.slug, "pk": row.pk})),
        ],
        **offered,
    }
    return page(request, "surveys/answers.html", context, fragment="answers")


@study_page("releases.make", "releases.draft")
def export(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
    roles.require(request.user, "intake.read", study)
    row = _fetched(request, study, pk)
    initial = {"site": request.GET.get("site", ""), "phase": request.GET.get("phase", "")}
    form = ExportForm(posted(request), study=study, user=request.user, has_chart=True, initial=initial)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        made = perform(
            form,
            releasing.publish_answers,
            scope_of(request, study, given["site"], given["phase"]),
            instrument=row,
            by=request.user,
            purpose=given["purpose"],
            file_format=given["file_format"],
            recipients=form.recipients_given(),
        )
        if made is not None:
            return download(made.data, filename=made.filename, content_type=made.content_type)
    back = reverse("surveys:answers", kwargs={"slug": study.slug, "pk": row.pk})
    context = {
        "form": form,
        "title": f"Release answers: {row.title}",
        "back": back,
        "crumbs": [(row.title, back)],
    }
    return page(request, "surveys/export.html", context, status=422 if form.errors else 200)
