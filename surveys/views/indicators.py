"""Indicators held against their thresholds: the grid, one figure in detail, and their release."""

from __future__ import annotations

import uuid

from django.http import HttpResponse
from django.urls import reverse

from ipe import roles
from ipe.models import Evaluation, Indicator, Phase, Wave
from ipe.pages import MemberRequest, download, page, perform, study_page
from ipe.words import OutputClass
from surveys import grids, releasing, results, tables
from surveys.forms import ExportForm
from surveys.frames import Scope, targets
from surveys.models import IndicatorRule, Intake
from surveys.views.fetching import choices, one, posted, scope_from, scope_of


@study_page("intake.read")
def indicators(request: MemberRequest, study: Evaluation) -> HttpResponse:
    scope = scope_from(request, study)
    as_: results.As = "released" if request.GET.get("as") == "released" else "working"
    found = results.computed(scope).results
    offered = choices(request, study)
    shown_phases = [p for p in offered["phases"] if not scope.phase or p.code == scope.phase]
    waves = {
        (wave.site.code, wave.phase.code): wave for wave in scope.waves().select_related("site", "phase")
    }
    grid = grids.site_grids(
        found,
        results.rows_as(study, found, as_),
        sites=[site.code for site in offered["sites"]],
        phases=[phase.code for phase in shown_phases],
        targets=targets(study),
    )
    names = {site.code: site for site in offered["sites"]}
    context = {
        "grids": [
            (names[one_site.site], one_site, _rows(one_site, shown_phases, waves)) for one_site in grid
        ],
        "shown_phases": shown_phases,
        "scope": scope,
        "as_": as_,
        "may_export": any(roles.may(request.user, v, study) for v in ("releases.make", "releases.draft")),
        **offered,
    }
    return page(request, "surveys/indicators.html", context, fragment="indicators")


def _rows(grid: grids.SiteGrid, phases: list[Phase], waves: dict[tuple[str, str], Wave]) -> list[object]:
    """Each row with its cells in the order of the phases, and the wave that each cell leads to."""
    return [
        (
            row,
            [(row.cells.get(phase.code), waves.get((grid.site, phase.code))) for phase in phases],
        )
        for row in grid.rows
    ]


@study_page("intake.read")
def indicator(request: MemberRequest, study: Evaluation, pk: uuid.UUID, wave: uuid.UUID) -> HttpResponse:
    row = one(Indicator.objects.visible_to(request.user).filter(evaluation=study), pk, "indicator")
    waves = Wave.objects.visible_to(request.user).filter(site__evaluation=study)
    at = one(waves.select_related("site", "phase"), wave, "wave")
    scope = Scope(study, request.user, at.site.code, at.phase.code)
    found = results.computed(scope, indicator=row.code).results
    pairs = list(zip(found, tables.working_rows(found), strict=True))
    lines = list(zip(found, grids.lines_of(pairs), strict=True))
    intakes = Intake.objects.visible_to(request.user).filter(
        pk__in=[r.intake_id for r in found if r.intake_id]
    )
    files = [(intake, intake.file_name()) for intake in intakes.listed()]
    rules = IndicatorRule.objects.filter(indicator=row).select_related("instrument", "base_rule")
    context = {
        "indicator": row,
        "wave": at,
        "lines": lines,
        "files": files,
        "rules": list(rules.prefetch_related("changes__changed_by", "items")),
        "threshold_changes": list(
            row.threshold_changes.filter(phase=at.phase).select_related("changed_by").order_by("created_at")
        ),
        "crumbs": [("Indicators", reverse("surveys:indicators", kwargs={"slug": study.slug}))],
    }
    return page(request, "surveys/indicator.html", context)


@study_page("releases.make", "releases.draft")
def export(request: MemberRequest, study: Evaluation) -> HttpResponse:
    roles.require(request.user, "intake.read", study)
    classes = [
        c
        for c in OutputClass.values
        if study.indicators.filter(output_class=c).exists() and c != OutputClass.QUALITATIVE
    ]
    initial = {"site": request.GET.get("site", ""), "phase": request.GET.get("phase", "")}
    form = ExportForm(posted(request), study=study, user=request.user, classes=classes, initial=initial)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        scope = scope_of(request, study, given["site"], given["phase"])
        made = perform(
            form,
            releasing.publish_indicators,
            scope,
            by=request.user,
            output_class=given.get("output_class") or (classes[0] if classes else OutputClass.SURVEY),
            purpose=given["purpose"],
            file_format=given["file_format"],
            recipients=form.recipients_given(),
        )
        if made is not None:
            return download(made.data, filename=made.filename, content_type=made.content_type)
    back = reverse("surveys:indicators", kwargs={"slug": study.slug})
    context = {"form": form, "title": "Release indicators", "back": back, "crumbs": [("Indicators", back)]}
    return page(request, "surveys/export.html", context, status=422 if form.errors else 200)
