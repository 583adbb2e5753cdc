"""The way of a file of answers: choose, map columns, preview, confirm, progress, report; and back."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from ipe import roles, vault
from ipe.errors import NotReady
from ipe.forms import ConfirmForm
from ipe.models import Evaluation
from ipe.pages import MemberRequest, download, page, perform, study_page
from surveys import intake as acts
from surveys import mapping as mappings
from surveys.forms import ConfirmIntakeForm, IntakeForm, MappingForm
from surveys.frames import instrument_spec
from surveys.models import Intake, Mapping
from surveys.views.fetching import choices, one, posted, scope_from


@study_page("intake.read")
def intakes(request: MemberRequest, study: Evaluation) -> HttpResponse:
    scope = scope_from(request, study)
    rows = Intake.objects.visible_to(request.user).filter(
        wave__in=scope.waves(), instrument__evaluation=study
    )
    found = Paginator(rows.listed(), 50).get_page(request.GET.get("page"))
    key = vault.evaluation_scope(study)
    names = vault.open_many([(key, bytes(row.file_name_sealed), row.where) for row in found])
    context = {
        "page_obj": found,
        "rows": list(zip(found, names, strict=True)),
        "scope": scope,
        "may_edit": roles.may(request.user, "intake.edit", study),
        **choices(request, study),
    }
    return page(request, "surveys/intakes.html", context, fragment="intakes")


@study_page("intake.edit")
def new(request: MemberRequest, study: Evaluation) -> HttpResponse:
    initial = {name: request.GET[name] for name in ("wave", "instrument") if name in request.GET}
    form = IntakeForm(posted(request), request.FILES or None, study=study, user=request.user, initial=initial)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        made = perform(
            form,
            acts.open_intake,
            given["instrument"],
            wave=given["wave"],
            file_name=given["file"].name,
            data=given["file"].read(),
            by=request.user,
            eligible=given["eligible"],
            eligible_source=given["eligible_source"],
            label=given["file"].name,
        )
        if made is not None:
            if given["mapping"] is None:
                return redirect("surveys:intake_columns", slug=study.slug, pk=made.pk)
            acts.choose_mapping(made, mapping=given["mapping"], by=request.user)
            return redirect("surveys:intake_preview", slug=study.slug, pk=made.pk)
    context = {"form": form, "crumbs": [_files(study)]}
    return page(request, "surveys/intake_new.html", context, status=422 if form.errors else 200)


def _files(study: Evaluation) -> tuple[str, str]:
    return "Survey files", reverse("surveys:intakes", kwargs={"slug": study.slug})


def _fetched(request: MemberRequest, study: Evaluation, pk: uuid.UUID, *, to_edit: bool = False) -> Intake:
    rows = Intake.objects.visible_to(request.user).filter(instrument__evaluation=study)
    row = one(rows.listed().select_related("sheet_file", "taken_by"), pk, "survey file")
    if to_edit:
        roles.require(request.user, "intake.edit", study, row.wave.site)
    return row


@study_page("intake.read")
def intake(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
    row = _fetched(request, study, pk)
    context = {
        "intake": row,
        "file_name": row.file_name(),
        "texts": acts.withdrawal_effects(row),
        "may_edit": roles.may(request.user, "intake.edit", study, row.wave.site),
        "is_mine": row.job is not None and row.job.asked_by_id == request.user.pk,
        "crumbs": [_files(study)],
    }
    return page(request, "surveys/intake.html", context)


@study_page("intake.edit")
def columns(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
    row = _fetched(request, study, pk, to_edit=True)
    if not row.is_open:
        raise NotReady("This file is being stored or was stored already.")
    sheet = acts.sheet_of(row)
    spec = instrument_spec(row.instrument, site=row.wave.site)
    if row.mapping is not None:
        suggested = mappings.checked(row.mapping.document)
    else:
        name = f"{row.instrument.name}-{row.wave.phase.code}"
        suggested = mappings.suggest(sheet, spec, name=name)
    form = MappingForm(
        posted(request),
        study=study,
        user=request.user,
        sheet=sheet,
        instrument=row.instrument,
        suggested=suggested,
        team_names=spec.teams,
    )
    if request.method == "POST" and form.is_valid():
        mapped = perform(form, acts.map_columns, row, part=form.part(), by=request.user)
        if mapped is not None:
            return redirect("surveys:intake_preview", slug=study.slug, pk=row.pk)
    context = {
        "form": form,
        "lines": list(form.lines()),
        "respondent": list(form.respondent_fields()),
        "intake": row,
        "n_columns": len(sheet.columns),
        "crumbs": [_files(study)],
    }
    return page(request, "surveys/intake_columns.html", context, status=422 if form.errors else 200)


@study_page("intake.edit")
def preview(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
    row = _fetched(request, study, pk, to_edit=True)
    if not row.is_open:
        return redirect("surveys:intake", slug=study.slug, pk=row.pk)
    if row.mapping is None:
        return redirect("surveys:intake_columns", slug=study.slug, pk=row.pk)
    seen = acts.preview(row)
    current = Intake.objects.stored().filter(instrument=row.instrument, wave=row.wave).first()
    form = ConfirmIntakeForm(
        posted(request), study=study, user=request.user, intake=row, is_replacing=current is not None
    )
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        job = perform(
            form,
            acts.confirm,
            row,
            by=request.user,
            replace=given.get("replace", False),
            eligible=given["eligible"],
            eligible_source=given["eligible_source"],
            label=row.file_name(),
        )
        if job is not None:
            return redirect("surveys:intake", slug=study.slug, pk=row.pk)
    context = {
        "form": form,
        "intake": row,
        "seen": seen,
        "replaced": current,
        "effects": acts.withdrawal_effects(current) if current else [],
        "crumbs": [_files(study)],
    }
    return page(request, "surveys/intake_preview.html", context, status=422 if form.errors else 200)


@study_page("intake.edit")
def drop(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
    row = _fetched(request, study, pk, to_edit=True)
    form = ConfirmForm(posted(request))
    if request.method == "POST" and perform(form, acts.drop, row, by=request.user) is not None:
        messages.success(request, "The file was dropped; nothing of it is kept.")
        return redirect("surveys:intakes", slug=study.slug)
    context = {"intake": row, "form": form, "crumbs": [_files(study)]}
    return page(request, "surveys/intake_drop.html", context, status=422 if form.errors else 200)


@study_page("intake.edit")
def withdraw(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
    row = _fetched(request, study, pk, to_edit=True)
    form = ConfirmForm(posted(request))
    if request.method == "POST" and perform(form, acts.withdraw_intake, row, by=request.user) is not None:
        messages.success(request, "The file is withdrawn and its answers are deleted.")
        return redirect("surveys:intake", slug=study.slug, pk=row.pk)
    context = {
        "intake": row,
        "form": form,
        "effects": acts.withdrawal_effects(row),
        "crumbs": [_files(study)],
    }
    return page(request, "surveys/intake_withdraw.html", context, status=422 if form.errors else 200)


@study_page("intake.read")
def mapping_file(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
    rows = Mapping.objects.visible_to(request.user).filter(instrument__evaluation=study)
    row = one(rows.select_related("instrument"), pk, "mapping")
    data = mappings.as_file(mappings.checked(row.document))
    return download(
        data, filename=f"mapping-{row.instrument.name}-v{row.version}.yaml", content_type="application/yaml"
    )
