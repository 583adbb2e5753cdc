"""The schedule: a list of activities, one activity, and what is done with it."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from consent.models import Participant
from fieldwork import booking, exporting, recordings
from fieldwork.forms import AttemptForm, BookForm, DoneForm, ExportForm, RecordingForm, WaveForm, WhenAndWho
from fieldwork.models import Activity, Recording
from fieldwork.states import ActivityState, BookingState
from ipe import roles
from ipe.errors import NotFound
from ipe.forms import ConfirmForm
from ipe.models import Evaluation, Wave
from ipe.pages import MemberRequest, download, page, perform, study_page
from ipe.words import Group

SORTS = {"when": "starts_at", "code": "code", "site": "wave__site__order", "state": "state"}
FILTERS = ("site", "phase", "method", "group", "state")


def crumbs(study: Evaluation, activity: Activity | None = None) -> list[tuple[str, str]]:
    trail = [("Fieldwork", reverse("fieldwork:schedule", kwargs={"slug": study.slug}))]
    if activity is not None:
        url = reverse("fieldwork:activity", kwargs={"slug": study.slug, "pk": activity.pk})
        trail.append((activity.code, url))
    return trail


@study_page("schedule.status")
def schedule(request: MemberRequest, study: Evaluation) -> HttpResponse:
    now = timezone.now()
    chosen = {name: request.GET.get(name, "") for name in (*FILTERS, "when", "person")}
    rows = Activity.objects.filter(evaluation=study).visible_to(request.user)
    n_overdue = rows.overdue(now).count()
    rows = rows.matching(**{name: chosen[name] for name in FILTERS})
    if chosen["when"] == "upcoming":
        rows = rows.upcoming(now)
    elif chosen["when"] == "overdue":
        rows = rows.overdue(now)
    if chosen["person"]:
        rows = rows.with_person(chosen["person"])
    key = request.GET.get("sort", "when")
    order = SORTS.get(key.removeprefix("-"), "starts_at")
    rows = rows.order_by(f"-{order}" if key.startswith("-") else order, "code").listed()
    page_obj = Paginator(rows, 50).get_page(request.GET.get("page"))
    reached = roles.sites_for(request.user, "schedule.status", study)
    context = {
        "page_obj": page_obj,
        "rows": [(activity, activity.is_overdue(now)) for activity in page_obj],
        "chosen": chosen,
        "n_overdue": n_overdue,
        "sites": study.sites.all() if reached is None else study.sites.filter(pk__in=reached),
        "phases": study.phases.all(),
        "methods": [(method.value, method.label) for method in booking.BOOKABLE],
        "groups": Group.choices,
        "states": ActivityState.choices,
        "may_edit": roles.may(request.user, "schedule.edit", study),
        "may_export": roles.may(request.user, "releases.own_schedule", study),
        "is_filtered": any(chosen.values()),
    }
    return page(request, "fieldwork/schedule.html", context, fragment="schedule")


def fetch(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> Activity:
    """The activity, if this user may know of it."""
    activities = Activity.objects.filter(evaluation=study, pk=pk).visible_to(request.user)
    related = ("wave__site", "wave__phase", "evaluation", "plan_row")
    activity = activities.select_related(*related).prefetch_related("researchers").first()
    if activity is None:
        raise NotFound("There is no such activity in this study.")
    return activity


@study_page("schedule.status")
def activity(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
    found = fetch(request, study, pk)
    site = found.wave.site
    check = booking.check(found)
    kept = (
        Recording.objects.filter(activity=found).visible_to(request.user).select_related("file", "added_by")
    )
    context = {
        "activity": found,
        "bookings": found.bookings.select_related("participant"),
        "check": check,
        "readiness": {ready.code: ready for ready in check.people},
        "recordings": kept,
        "is_overdue": found.is_overdue(timezone.now()),
        "may_edit": found.is_open and roles.may(request.user, "schedule.edit", study, site),
        "may_record": recordings.may_add(request.user, found) and found.state != ActivityState.CANCELLED,
        "may_destroy": any(
            roles.may(request.user, f"originals.{verb}", study, site) for verb in ("edit", "erase")
        ),
        "crumbs": crumbs(study),
    }
    return page(request, "fieldwork/activity.html", context)


@study_page("schedule.edit")
def book(request: MemberRequest, study: Evaluation) -> HttpResponse:
    """First the wave (it decides who can be chosen), then the rest; both stand in the address."""
    asked = request.GET.get("wave", "")
    wave_form = WaveForm({"wave": asked} if asked else None, study=study, user=request.user)
    context: dict[str, Any] = {"wave_form": wave_form, "crumbs": crumbs(study)}
    if not asked or not wave_form.is_valid():
        return page(request, "fieldwork/book.html", context, status=400 if asked else 200)
    wave: Wave = wave_form.cleaned_data["wave"]
    initial = {"plan_row": request.GET.get("row", "")}
    form = BookForm(request.POST or None, study=study, user=request.user, wave=wave, initial=initial)
    if request.method == "POST" and form.is_valid():
        made = perform(form, booking.book, wave, by=request.user, **form.booked())
        if made:
            messages.success(request, f"Booked as {made.code}.")
            return redirect("fieldwork:activity", slug=study.slug, pk=made.pk)
    context |= {"form": form, "wave": wave, "has_people": form.fields["participants"].queryset.exists()}  # type: ignore[attr-defined]
    return page(request, "fieldwork/book.html", context, status=400 if form.errors else 200)


@study_page("schedule.edit")
def change(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
    found = fetch(request, study, pk)
    roles.require(request.user, "schedule.edit", study, found.wave.site)
    initial = _initial(found)
    form = WhenAndWho(request.POST or None, study=study, user=request.user, wave=found.wave, initial=initial)
    is_sent = request.method == "POST" and form.is_valid()
    if is_sent and perform(form, booking.change, found, by=request.user, **form.when_and_who()) is not None:
        messages.success(request, f"{found.code} changed.")
        return redirect("fieldwork:activity", slug=study.slug, pk=pk)
    context = {"form": form, "activity": found, "crumbs": crumbs(study, found)}
    return page(request, "fieldwork/change.html", context, status=400 if form.errors else 200)


def _initial(activity: Activity) -> dict[str, Any]:
    booked = activity.bookings.filter(state=BookingState.BOOKED).values_list("participant", flat=True)
    initial: dict[str, Any] = {
        "place_kind": activity.place_kind,
        "participants": list(booked),
        "researchers": list(activity.researchers.values_list("pk", flat=True)),
    }
    if activity.starts_at and activity.ends_at:
        starts, ends = timezone.localtime(activity.starts_at), timezone.localtime(activity.ends_at)
        initial |= {"day": starts.date(), "begins": starts.time(), "ends": ends.time()}
    return initial


@study_page("schedule.edit")
def done(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
    found = fetch(request, study, pk)
    roles.require(request.user, "schedule.edit", study, found.wave.site)
    form = DoneForm(request.POST if request.method == "POST" else None, activity=found)
    is_sent = request.method == "POST" and form.is_valid()
    if is_sent and perform(form, booking.mark_done, found, by=request.user, **form.cleaned_data) is not None:
        messages.success(request, f"{found.code} is done.")
        return redirect("fieldwork:activity", slug=study.slug, pk=pk)
    context = {"form": form, "activity": found, "check": booking.check(found), "crumbs": crumbs(study, found)}
    return page(request, "fieldwork/done.html", context, status=400 if form.errors else 200)


@study_page("schedule.edit")
def cancel(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
    found = fetch(request, study, pk)
    roles.require(request.user, "schedule.edit", study, found.wave.site)
    form = ConfirmForm(request.POST if request.method == "POST" else None)
    is_sent = request.method == "POST" and form.is_valid()
    if is_sent and perform(form, booking.cancel, found, by=request.user) is not None:
        messages.success(request, f"{found.code} is cancelled.")
        return redirect("fieldwork:activity", slug=study.slug, pk=pk)
    n_people = found.bookings.filter(state=BookingState.BOOKED).count()
    effects = [{"label": "places of people cancelled", "count": n_people}]
    context = {"form": form, "activity": found, "effects": effects, "crumbs": crumbs(study, found)}
    return page(request, "fieldwork/cancel.html", context, status=400 if form.errors else 200)


@study_page("originals.add", "originals.edit")
def recording_add(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
    found = fetch(request, study, pk)
    form = RecordingForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        upload = form.cleaned_data["file"]
        if perform(form, recordings.add_recording, found, upload=upload, by=request.user) is not None:
            messages.success(request, "The recording is in the vault.")
            return redirect("fieldwork:activity", slug=study.slug, pk=pk)
    context = {"form": form, "activity": found, "check": booking.check(found), "crumbs": crumbs(study, found)}
    return page(request, "fieldwork/recording_add.html", context, status=400 if form.errors else 200)


def _recording(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> Recording:
    found = Recording.objects.filter(activity__evaluation=study, pk=pk).visible_to(request.user)
    recording = found.select_related("activity__wave__site", "activity__evaluation", "file").first()
    if recording is None:
        raise NotFound("There is no such recording.")
    return recording


@never_cache
@study_page("originals.read")
@require_POST
def recording_read(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
    found = _recording(request, study, pk)
    data = recordings.read_recording(found, by=request.user)
    return download(data, filename=f"{found.activity.code}.bin", content_type="application/octet-stream")


@study_page("originals.edit", "originals.erase")
def recording_destroy(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
    found = _recording(request, study, pk)
    form = ConfirmForm(request.POST if request.method == "POST" else None)
    is_sent = request.method == "POST" and form.is_valid()
    if is_sent and perform(form, recordings.destroy_recording, found, by=request.user) is not None:
        messages.success(request, "The recording is destroyed.")
        return redirect("fieldwork:activity", slug=study.slug, pk=found.activity_id)
    context = {"form": form, "recording": found, "crumbs": crumbs(study, found.activity)}
    return page(request, "fieldwork/recording_destroy.html", context, status=400 if form.errors else 200)


@study_page("releases.own_schedule")
def export(request: MemberRequest, study: Evaluation) -> HttpResponse:
    form = ExportForm(request.POST or None, study=study, user=request.user)
    if request.method == "POST" and form.is_valid():
        site, recipient = form.cleaned_data["site"], form.cleaned_data["recipient"]
        values = {name: form.cleaned_data[name] for name in ("purpose", "file_format")}
        act = exporting.export_schedule
        made = perform(
            form, act, site, by=request.user, recipients=[recipient] if recipient else [], **values
        )
        if made:
            return download(made.data, filename=made.filename, content_type=made.content_type)
    context = {"form": form, "crumbs": crumbs(study)}
    return page(request, "fieldwork/export.html", context, status=400 if form.errors else 200)


@study_page("schedule.edit")
def attempt(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
    """Attempts to reach one person, and the next one."""
    people = Participant.objects.filter(evaluation=study, pk=pk).visible_to(request.user)
    person = people.select_related("evaluation", "site").first()
    if person is None:
        raise NotFound("There is no such person in this study.")
    roles.require(request.user, "schedule.edit", study, person.site)
    form = AttemptForm(request.POST or None)
    is_sent = request.method == "POST" and form.is_valid()
    if (
        is_sent
        and perform(form, booking.log_attempt, person, by=request.user, **form.cleaned_data) is not None
    ):
        messages.success(request, "Recorded.")
        return redirect("fieldwork:attempt", slug=study.slug, pk=pk)
    context = {
        "form": form,
        "person": person,
        "attempts": person.attempts.select_related("by"),
        "crumbs": crumbs(study),
    }
    return page(request, "fieldwork/attempt.html", context, status=400 if form.errors else 200)
