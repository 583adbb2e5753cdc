"""The first page of a study: where it stands and what waits."""

from __future__ import annotations

from django.http import HttpResponse
from django.utils import timezone

from ipe import overview as picture
from ipe import roles, rooms
from ipe.models import ContextEvent, Evaluation, Site, Wave
from ipe.pages import MemberRequest, page, study_page


@study_page("design.read")
def overview(request: MemberRequest, study: Evaluation) -> HttpResponse:
    today = timezone.localdate()
    sites = list(Site.objects.filter(evaluation=study).visible_to(request.user))
    waves = Wave.objects.filter(site__evaluation=study).visible_to(request.user)
    progress = rooms.progress(study, request.user, today)
    due = rooms.due(study, request.user, today)
    if roles.sites_for(request.user, "audit.read", study) is None:  # the counts are of every site
        due += picture.kept_too_long(rooms.retained(study, today))
    events = ContextEvent.objects.filter(evaluation=study).visible_to(request.user).select_related("site")
    context = {
        "sites": sites,
        "site_names": {site.pk: site.name for site in sites},
        "phases": list(study.phases.all()),
        "cells": picture.cells(waves, progress, today=today),
        "has_progress": bool(progress),
        "waiting": picture.waiting(due, today=today),
        "events": list(events.order_by("-happened_on")[:6]),
        "jobs": request.user.jobs.filter(evaluation=study, state__in=("waiting", "running")),
        "today": today,
        "may_edit": roles.may(request.user, "design.edit", study),
    }
    return page(request, "ipe/overview.html", context)
