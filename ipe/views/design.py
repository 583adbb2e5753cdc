"""Settings: the study design, a list and a form for each kind of row. One set of views serves them all."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.db.models import Model
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse

from ipe import roles
from ipe import study as acts
from ipe import study_forms as forms
from ipe.errors import Conflict, NotFound
from ipe.forms import StudyForm
from ipe.models import (
    ContextEvent,
    Evaluation,
    Indicator,
    Phase,
    ResearchQuestion,
    Site,
    Team,
    Threshold,
    Wave,
)
from ipe.pages import MemberRequest, page, perform, study_page
from ipe.views.trees import in_tree_order

Answer = Callable[..., HttpResponse]


@dataclass(frozen=True)
class Kind:
    """One kind of row of the design: how it is called, listed and entered."""

    slug: str
    one: str
    many: str
    model: type[Model]
    form: type[StudyForm]
    lede: str
    add_form: type[StudyForm] | None = None
    to_study: str = "evaluation"
    related: tuple[str, ...] = ()

    def rows(self, study: Evaluation, request: MemberRequest) -> list[Any]:
        found = self.model._default_manager.filter(**{self.to_study: study})
        listed = found.visible_to(request.user).select_related(*self.related)  # type: ignore[attr-defined]
        if self.model in (Team, ResearchQuestion):
            return in_tree_order(listed)
        return list(listed)

    def row(self, study: Evaluation, request: MemberRequest, pk: uuid.UUID) -> Any:
        found = self.model._default_manager.filter(**{self.to_study: study, "pk": pk})
        row = found.visible_to(request.user).select_related(*self.related).first()  # type: ignore[attr-defined]
        if row is None:
            raise NotFound(f"There is no such {self.one}, or it is not in your study or site.")
        return row

    def url(self, study: Evaluation) -> str:
        return reverse(self.slug, kwargs={"slug": study.slug})

    def blank(self, study: Evaluation, values: dict[str, Any]) -> Any:
        return Team(site=values["site"]) if self.model is Team else self.model(evaluation=study)


KINDS = (
    Kind(
        "sites",
        "site",
        "Sites",
        Site,
        forms.SiteForm,
        "Local authorities, with the three dates of their start.",
        add_form=forms.NewSiteForm,
    ),
    Kind(
        "teams",
        "team",
        "Teams",
        Team,
        forms.TeamForm,
        "Teams within sites; a team may belong to a larger one.",
        to_study="site__evaluation",
        related=("site", "parent"),
    ),
    Kind(
        "phases",
        "phase",
        "Phases",
        Phase,
        forms.PhaseForm,
        "Times of data collection, counted from each site's live date.",
    ),
    Kind(
        "events",
        "event",
        "Context events",
        ContextEvent,
        forms.EventForm,
        "What happened around the study and may explain its figures.",
        related=("site",),
    ),
    Kind(
        "questions",
        "question",
        "Research questions",
        ResearchQuestion,
        forms.QuestionForm,
        "What the study asks, and what findings answer.",
        related=("parent",),
    ),
    Kind(
        "indicators",
        "indicator",
        "Indicators",
        Indicator,
        forms.IndicatorForm,
        "What is measured, and what it should reach.",
        related=("question",),
    ),
)


def list_page(kind: Kind) -> Answer:
    @study_page("design.read")
    def rows(request: MemberRequest, study: Evaluation) -> HttpResponse:
        found = kind.rows(study, request)
        context = {"kind": kind, "rows": found, "may_edit": roles.may(request.user, "design.edit", study)}
        context["crumbs"] = [("Settings", reverse("settings", kwargs={"slug": study.slug}))]
        if kind.model is Site:
            context["waves"] = _waves(request, study)
            context["phases"] = list(study.phases.all())
        if kind.model is Indicator:
            thresholds = Threshold.objects.filter(indicator__evaluation=study)
            by_indicator: dict[Any, list[Any]] = {}
            for threshold in thresholds.select_related("phase", "indicator"):
                by_indicator.setdefault(threshold.indicator_id, []).append(threshold)
            context["thresholds"] = by_indicator
        return page(request, f"ipe/design/{kind.slug}.html", context)

    return rows


def _waves(request: MemberRequest, study: Evaluation) -> dict[tuple[Any, Any], Any]:
    waves = Wave.objects.filter(site__evaluation=study).visible_to(request.user)
    return {(wave.site_id, wave.phase_id): wave for wave in waves}


def add_page(kind: Kind) -> Answer:
    form_class = kind.add_form or kind.form

    @study_page("design.edit")
    def add(request: MemberRequest, study: Evaluation) -> HttpResponse:
        place = {"order": kind.model._default_manager.filter(**{kind.to_study: study}).count()}
        form = form_class(request.POST or None, study=study, user=request.user, initial=place)
        if request.method == "POST" and form.is_valid():
            blank = kind.blank(study, form.cleaned_data)
            made = perform(form, acts.add, blank, by=request.user, **form.cleaned_data)
            if made:
                messages.success(request, f"{kind.one.capitalize()} added.")
                return redirect(_after(kind, study, made))
        return _form_page(request, study, kind, form, heading=f"Add a {kind.one}", submit="Add")

    return add


def edit_page(kind: Kind) -> Answer:
    @study_page("design.edit")
    def edit(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
        row = kind.row(study, request, pk)
        start = forms.initial_of(row, kind.form)
        form = kind.form(request.POST or None, study=study, user=request.user, initial=start)
        if request.method == "POST" and form.is_valid():
            if perform(form, acts.change, row, by=request.user, **form.cleaned_data):
                messages.success(request, "Saved.")
                return redirect(_after(kind, study, row))
            row.refresh_from_db()
        return _form_page(
            request, study, kind, form, heading=f"Change {forms.title_of(row)}", submit="Save", row=row
        )

    return edit


def _after(kind: Kind, study: Evaluation, row: Any) -> str:
    if kind.model is Indicator:
        return reverse("indicator", kwargs={"slug": study.slug, "pk": row.pk})
    return kind.url(study)


def _form_page(
    request: MemberRequest,
    study: Evaluation,
    kind: Kind,
    form: StudyForm,
    *,
    heading: str,
    submit: str,
    row: Any = None,
) -> HttpResponse:
    context = {"form": form, "kind": kind, "heading": heading, "submit": submit, "row": row}
    context["crumbs"] = [
        ("Settings", reverse("settings", kwargs={"slug": study.slug})),
        (kind.many, kind.url(study)),
    ]
    return page(request, "ipe/design/form.html", context, status=400 if form.errors else 200)


def remove_page(kind: Kind) -> Answer:
    @study_page("design.edit")
    def remove(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
        row = kind.row(study, request, pk)
        acts.require_removal(row, by=request.user)
        name = forms.title_of(row)
        if request.method == "POST":
            acts.remove(row, by=request.user)
            messages.success(request, f"{kind.one.capitalize()} removed.")
            return redirect(kind.url(study))
        context = {"kind": kind, "row": row, "name": name, "back": kind.url(study)}
        try:
            context["effects"] = acts.effects_of_removing(row)
        except Conflict as error:
            context["refusal"] = error.message
        context["crumbs"] = [
            ("Settings", reverse("settings", kwargs={"slug": study.slug})),
            (kind.many, kind.url(study)),
        ]
        return page(request, "ipe/design/remove.html", context)

    return remove


def paths() -> list[URLPattern]:
    """The addresses of every kind: sites, site-add, site-edit, site-remove, and so on."""
    found = []
    for kind in KINDS:
        base = f"s/<slug:slug>/settings/{kind.slug}/"
        found += [
            path(base, list_page(kind), name=kind.slug),
            path(f"{base}add/", add_page(kind), name=f"{kind.one}-add"),
            path(f"{base}<uuid:pk>/change/", edit_page(kind), name=f"{kind.one}-edit"),
            path(f"{base}<uuid:pk>/remove/", remove_page(kind), name=f"{kind.one}-remove"),
        ]
    return found


@study_page("design.read")
def settings(request: MemberRequest, study: Evaluation) -> HttpResponse:
    """The study's own fields: to read for everyone, to change for the evaluation lead."""
    may_edit = roles.may(request.user, "design.edit", study)
    if request.method == "POST":
        roles.require_whole_study(request.user, "design.edit", study)
    form = forms.StudySettingsForm(
        request.POST or None, study=study, user=request.user, initial=forms.StudySettingsForm.of(study)
    )
    if request.method == "POST" and form.is_valid():
        if perform(form, acts.change_study, study, by=request.user, **form.cleaned_data):
            messages.success(request, "Saved.")
            return redirect("settings", slug=study.slug)
        study.refresh_from_db()
    shown = [(field.label, field.value()) for field in form]
    context = {"form": form, "may_edit": may_edit, "shown": shown}
    return page(request, "ipe/design/study.html", context, status=400 if form.errors else 200)


@study_page("design.edit")
def live_dates(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
    """Two steps: the dates, then, where future phases could follow, whether they do."""
    kind = KINDS[0]
    site = kind.row(study, request, pk)
    given = {name: getattr(site, name) for name in acts.LIVE_DATES}
    is_second = request.method == "POST" and "step" in request.POST
    form_class = forms.MoveWavesForm if is_second else forms.LiveDatesForm
    form = form_class(request.POST or None, study=study, user=request.user, initial=given)
    moves: list[Any] = []
    if request.method == "POST" and form.is_valid():
        dates = {name: form.cleaned_data[name] for name in acts.LIVE_DATES}
        live_on = dates["live_actual_on"] or dates["live_planned_on"]
        moves = acts.waves_that_would_move(site, live_on=live_on)
        if moves and not is_second:
            form = forms.MoveWavesForm(study=study, user=request.user, initial=dates)
            return _live_page(request, study, site, form, moves, kind)
        follows = form.cleaned_data.get("waves") == "follow"
        moved = perform(form, acts.move_live_dates, site, by=request.user, **dates, with_future_waves=follows)
        if not form.errors:
            n = len(moved or [])
            messages.success(request, f"Saved; {n} phase{'' if n == 1 else 's'} moved." if n else "Saved.")
            return redirect(kind.url(study))
    elif is_second:
        raw = forms.LiveDatesForm(request.POST, study=study, user=request.user)
        if raw.is_valid():
            live_on = raw.cleaned_data["live_actual_on"] or raw.cleaned_data["live_planned_on"]
            moves = acts.waves_that_would_move(site, live_on=live_on)
    return _live_page(request, study, site, form, moves, kind)


def _live_page(
    request: MemberRequest, study: Evaluation, site: Site, form: StudyForm, moves: list[Any], kind: Kind
) -> HttpResponse:
    context = {"form": form, "site": site, "moves": moves, "back": kind.url(study)}
    context["crumbs"] = [
        ("Settings", reverse("settings", kwargs={"slug": study.slug})),
        (kind.many, kind.url(study)),
    ]
    return page(request, "ipe/design/live_dates.html", context, status=400 if form.errors else 200)


@study_page("design.edit")
def wave(request: MemberRequest, study: Evaluation, site: uuid.UUID, phase: uuid.UUID) -> HttpResponse:
    at = KINDS[0].row(study, request, site)
    found = study.phases.filter(pk=phase).first()
    if found is None:
        raise NotFound("There is no such phase in this study.")
    present = at.waves.filter(phase=found).first()
    start = forms.initial_of(present, forms.WaveForm) if present else {"is_planned": True}
    form = forms.WaveForm(request.POST or None, study=study, user=request.user, initial=start)
    if (
        request.method == "POST"
        and form.is_valid()
        and perform(form, acts.set_wave, at, found, by=request.user, **form.cleaned_data)
    ):
        messages.success(request, "Saved.")
        return redirect("sites", slug=study.slug)
    return _form_page(request, study, KINDS[0], form, heading=f"{at.name}: {found.name}", submit="Save")
