"""Framework matrices: the list, the grid, one cell beside its evidence, setting up, export."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from coding import forms, frames, grids, publishing, quotes, runs
from coding.acts import charting, matrices
from coding.evidence import Evidence, uncovered
from coding.models import Case, Cell, CellState, Code, Column, Matrix, QuoteLink
from coding.views.answers import checked, json, wants_json
from ipe import roles
from ipe.errors import NotFound
from ipe.models import Evaluation, User
from ipe.pages import MemberRequest, download, page, perform, study_page

SCOPES = (("cell", "This cell"), ("case", "This case, all coding"), ("linked", "Quoted only"))


def matrix_of(study: Evaluation, pk: UUID) -> Matrix:
    matrix: Matrix | None = (
        Matrix.objects.filter(theme__codebook__evaluation=study, pk=pk)
        .select_related("theme__codebook__evaluation")
        .first()
    )
    if matrix is None:
        raise NotFound("There is no such matrix in this study.")
    return matrix


def _place(study: Evaluation, user: User, case: UUID, column: UUID) -> tuple[Case, Column]:
    row = (
        Case.objects.visible_to(user)
        .shown()
        .select_related("evaluation")
        .filter(evaluation=study, pk=case)
        .first()
    )
    place = (
        Column.objects.filter(matrix__theme__codebook__evaluation=study, pk=column)
        .select_related("subtheme", "matrix__theme__codebook")
        .first()
    )
    if row is None or place is None:
        raise NotFound("There is no such cell, or it is not at your site.")
    return row, place


def _list_url(study: Evaluation) -> str:
    return reverse("coding:matrices", kwargs={"slug": study.slug})


def _matrix_url(study: Evaluation, matrix_id: UUID) -> str:
    return reverse("coding:matrix", kwargs={"slug": study.slug, "pk": matrix_id})


@study_page("text.read")
@require_safe
def listed(request: MemberRequest, study: Evaluation) -> HttpResponse:
    rows = (
        Matrix.objects.filter(theme__codebook__evaluation=study)
        .select_related("theme")
        .prefetch_related("columns__subtheme")
    )
    cases = Case.objects.visible_to(request.user).filter(evaluation=study).shown()
    context = {
        "matrices": rows,
        "cases": cases,
        "may_add": Code.objects.in_use().of(study).filter(level=1, matrix__isnull=True).exists(),
    }
    return page(request, "coding/matrices.html", context)


@study_page("text.edit")
@require_http_methods(["GET", "HEAD", "POST"])
def create(request: MemberRequest, study: Evaluation) -> HttpResponse:
    form = forms.MatrixForm(request.POST or None, study=study, user=request.user)
    if form.is_valid():
        made = perform(form, matrices.create_matrix, form.cleaned_data["theme"], by=request.user)
        if made is not None:
            return redirect(_matrix_url(study, made.pk))
    return page(
        request, "coding/matrix_form.html", {"form": form, "crumbs": [("Matrices", _list_url(study))]}
    )


@study_page("text.edit")
@require_http_methods(["GET", "HEAD", "POST"])
def add_case(request: MemberRequest, study: Evaluation) -> HttpResponse:
    form = forms.CaseForm(request.POST or None, study=study, user=request.user)
    if form.is_valid():
        made = perform(form, matrices.add_case, study, by=request.user, **form.cleaned_data)
        if made is not None:
            messages.success(request, f"Added {made.label} as a row of every matrix.")
            return redirect(_list_url(study))
    return page(request, "coding/case_form.html", {"form": form, "crumbs": [("Matrices", _list_url(study))]})


@study_page("text.read")
@require_safe
def matrix(request: MemberRequest, study: Evaluation, pk: UUID) -> HttpResponse:
    """The grid; `block` asks for the next rows only, as they come into view."""
    shown = matrix_of(study, pk)
    chosen = forms.CaseFilter(request.GET)
    wanted = chosen.cleaned_data if chosen.is_valid() else {}
    cases = grids.cases_of(shown, request.user)
    sites = {case.site.code: case.site.name for case in cases}
    cases = [
        case
        for case in cases
        if wanted.get("site") in (None, "", case.site.code) and wanted.get("kind") in (None, "", case.kind)
    ]
    if wanted.get("show") == "stale":
        stale = {case for case, _ in grids.stale_cells(shown, request.user)}
        cases = [case for case in cases if case.pk in stale]
    block = max(0, _number(request.GET.get("block")))
    part = cases[block * grids.BLOCK : (block + 1) * grids.BLOCK]
    may_see_roles = roles.may(request.user, "consent.status", study)
    context = {
        "matrix": shown,
        "columns": grids.columns_of(shown),
        "rows": grids.rows(shown, part, may_see_roles=may_see_roles),
        "n_cases": len(cases),
        "block": block,
        "next_block": block + 1 if len(cases) > (block + 1) * grids.BLOCK else None,
        "previous_block": block - 1 if block else None,
        "first_row": block * grids.BLOCK + 2,
        "sites": sites,
        "wanted": wanted,
        "kinds": Case._meta.get_field("kind").flatchoices,
        "states": [(sign, CellState(state).label) for state, sign in grids.SIGNS.items()],
        "crumbs": [("Matrices", _list_url(study))],
    }
    return page(request, "coding/matrix.html", context, fragment="rows")


def _number(value: str | None) -> int:
    return int(value) if value and value.isdecimal() and len(value) < 7 else 0


@study_page("text.read")
@require_http_methods(["GET", "HEAD", "POST"])
def cell(request: MemberRequest, study: Evaluation, case: UUID, column: UUID) -> HttpResponse:
    """One cell beside its evidence. POST saves: a script sends runs as JSON, a plain form one field per run."""
    row, place = _place(study, request.user, case, column)
    conflict = None
    form: Any = forms.PlainCellForm(study=study, user=request.user)
    if request.method == "POST":
        roles.require(request.user, "text.edit", study, row.site)
        if wants_json(request):
            return _save_json(request, study, row, place)
        form = forms.PlainCellForm(request.POST, study=study, user=request.user)
        sent = form.runs_from(request.POST)
        if form.is_valid():
            saved = perform(form, _save, row, place, runs=sent, by=request.user, **form.cleaned_data)
            if isinstance(saved, Cell):
                messages.success(request, "Saved.")
                return redirect(_matrix_url(study, place.matrix_id))
            if saved is not None:
                conflict = {"runs": sent, "state": form.cleaned_data["state"], "message": saved.message}
    context = _cell_context(request, study, row, place)
    context |= {"form": form, "conflict": conflict}
    return page(request, "coding/cell.html", context, fragment="editor", status=409 if conflict else 200)


def _save(case: Case, column: Column, **given: Any) -> Cell | charting.CellConflict:
    """The saved cell, or the conflict as a value: the page shows both texts instead of an error."""
    try:
        return charting.save_cell(case, column, **given)
    except charting.CellConflict as conflict:
        return conflict


def _save_json(request: MemberRequest, study: Evaluation, case: Case, column: Column) -> HttpResponse:
    data = checked(forms.CellForm(request.POST, study=study, user=request.user))
    try:
        saved = charting.save_cell(case, column, by=request.user, **data)
    except charting.CellConflict as error:
        theirs = error.cell
        return json(
            {
                "error": error.message,
                "version": theirs.version,
                "state": theirs.state,
                "runs": _with_words(theirs),
                "by": theirs.updated_by.name if theirs.updated_by else "",
            },
            status=409,
        )
    return json({"version": saved.version, "state": saved.state, "said": f"Saved, version {saved.version}."})


def _with_words(cell: Cell) -> list[dict[str, Any]]:
    words = grids.quote_words([cell])
    return [{**run, "text": words.get(run["quote"], "")} if run.get("quote") else run for run in cell.runs]


def _cell_context(request: MemberRequest, study: Evaluation, case: Case, column: Column) -> dict[str, Any]:
    read_at = timezone.now()  # before the evidence: what comes in between has not been seen
    saved = Cell.objects.filter(case=case, column=column).select_related("updated_by").first()
    evidence = frames.cell_evidence(case, column)
    scope = request.GET.get("evidence", "cell")
    scope = scope if scope in dict(SCOPES) else "cell"
    links = list(saved.quotes.all()) if saved else []
    used = set(runs.quotes(saved.parsed())) if saved else set()
    linked = [link for link in links if str(link.pk) in used]
    places = [(link.version_id, link.start, link.end) for link in linked]
    listed_rows: list[Evidence] = frames.case_evidence(case) if scope == "case" else evidence
    words = grids.quote_words([saved]) if saved else {}
    shown = grids.show(case, column, saved, evidence, words)
    not_covered = {row.id for row in uncovered(evidence, places)}
    passages = _passages(study, listed_rows, not_covered) if scope != "linked" else []
    return {
        "case": case,
        "column": column,
        "cell": saved,
        "read_at": read_at.isoformat(),
        "shown": shown,
        "runs": _with_words(saved) if saved else [],
        "attributes": quotes.headers([case], roles.may(request.user, "consent.status", study))[case.pk],
        "evidence": passages,
        "links": _linked(study, linked),
        "n_uncovered": len(not_covered),
        "scope": scope,
        "scopes": SCOPES,
        "states": CellState.choices,
        "history": saved.history.select_related("by")[:20] if saved else [],
        "may_edit": roles.may(request.user, "text.edit", study, case.site),
        "crumbs": [
            ("Matrices", _list_url(study)),
            (column.matrix.theme.name, _matrix_url(study, column.matrix_id)),
        ],
    }


def _passages(study: Evaluation, rows: list[Evidence], not_covered: set[int]) -> list[dict[str, Any]]:
    """Coded passages with their words and who said them."""
    source = quotes.Source(study, {row.version for row in rows}, shows_site=True)
    words = frames.words((row.version, row.start, row.end) for row in rows)
    names = dict(Code.objects.filter(pk__in={row.code for row in rows}).values_list("pk", "name"))
    found = []
    for row in rows:
        text = words.get((row.version, row.start, row.end))
        if text is None:
            continue
        quote = quotes.quote_of(source, quotes.Passage(row.version, row.start, row.end), text)
        found.append(
            {"row": row, "quote": quote, "code": names[row.code], "is_uncovered": row.id in not_covered}
        )
    return found


def _linked(study: Evaluation, links: list[QuoteLink]) -> list[dict[str, Any]]:
    source = quotes.Source(study, {link.version_id for link in links}, shows_site=True)
    words = frames.words((link.version_id, link.start, link.end) for link in links)
    return [
        {
            "link": link,
            "quote": quotes.quote_of(
                source,
                quotes.Passage(link.version_id, link.start, link.end),
                words[(link.version_id, link.start, link.end)],
            ),
            "is_orphan": link.coding_id is None,
        }
        for link in links
        if (link.version_id, link.start, link.end) in words
    ]


@study_page("text.edit")
@require_POST
def quote(request: MemberRequest, study: Evaluation, case: UUID, column: UUID) -> HttpResponse:
    """Make a passage quotable here. Without scripts it is also put at the end of the cell, as a draft."""
    row, place = _place(study, request.user, case, column)
    data = checked(forms.QuoteForm(request.POST, study=study, user=request.user))
    link = charting.link_quote(
        row,
        place,
        by=request.user,
        coding_id=data["coding"],
        version_id=data["version"],
        start=data["start"] or 0,
        end=data["end"] or 0,
    )
    if wants_json(request):
        words = frames.words([(link.version_id, link.start, link.end)])
        return json({"quote": str(link.pk), "text": words.get((link.version_id, link.start, link.end), "")})
    charting.append_quote(link, by=request.user)
    return redirect("coding:cell", slug=study.slug, case=case, column=column)


@study_page("text.edit")
@require_POST
def draft(request: MemberRequest, study: Evaluation, case: UUID, column: UUID) -> HttpResponse:
    row, place = _place(study, request.user, case, column)
    version = _number(request.POST.get("expected_version"))
    charting.draft_from_evidence(row, place, expected_version=version, by=request.user)
    messages.success(request, "Begun with the coded passages, as a draft.")
    return redirect("coding:cell", slug=study.slug, case=case, column=column)


@study_page("text.edit")
@require_POST
def restore(request: MemberRequest, study: Evaluation, case: UUID, column: UUID) -> HttpResponse:
    row, place = _place(study, request.user, case, column)
    saved = Cell.objects.filter(case=row, column=place).first()
    if saved is None:
        raise NotFound("Nobody has written this cell yet.")
    charting.restore_cell(
        saved,
        version=_number(request.POST.get("version")),
        expected_version=_number(request.POST.get("expected_version")),
        by=request.user,
    )
    messages.success(request, "The earlier version is the newest again.")
    return redirect("coding:cell", slug=study.slug, case=case, column=column)


@study_page("releases.make", "releases.draft")
@require_http_methods(["GET", "HEAD", "POST"])
def export(request: MemberRequest, study: Evaluation, pk: UUID) -> HttpResponse:
    """A matrix as a workbook, as a release. Shows before what is left out, and why."""
    shown = matrix_of(study, pk)
    roles.require(request.user, "text.read", study)
    form = forms.ExportForm(request.POST or None, study=study, user=request.user)
    form.only_spreadsheet()
    if form.is_valid():
        made = perform(form, publishing.publish_matrix, shown, by=request.user, **form.cleaned_data)
        if made is not None:
            return download(made.data, filename=made.filename, content_type=made.content_type)
    context = {
        "form": form,
        "matrix": shown,
        "gathered": publishing.matrix_quotes(shown, request.user),
        "crumbs": [("Matrices", _list_url(study)), (shown.theme.name, _matrix_url(study, pk))],
    }
    return page(request, "coding/export.html", context)
