"""Long work: a list per study, one page per job that a page can poll, and a way to stop it."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from ipe import jobs as acts
from ipe import roles
from ipe.errors import NotFound
from ipe.models import Evaluation, Job
from ipe.pages import MemberRequest, page, study_page


def _mine(request: MemberRequest, pk: uuid.UUID) -> Job:
    job = Job.objects.visible_to(request.user).select_related("evaluation").filter(pk=pk).first()
    if job is None:
        raise NotFound("There is no such job, or somebody else asked for it.")
    return job


@study_page("design.read")
def job_list(request: MemberRequest, study: Evaluation) -> HttpResponse:
    rows = Job.objects.visible_to(request.user).filter(evaluation=study)
    page_obj = Paginator(rows, 50).get_page(request.GET.get("page"))
    crumbs = [("Settings", reverse("settings", kwargs={"slug": study.slug}))]
    return page(request, "ipe/jobs.html", {"page_obj": page_obj, "crumbs": crumbs})


@login_required
def job(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    row = _mine(request, pk)
    if row.evaluation is not None and roles.memberships(request.user, row.evaluation):
        request.study = row.evaluation  # the navigation of its study
    result = row.result if isinstance(row.result, dict) else {}
    shown = {name.replace("_", " "): value for name, value in result.items() if isinstance(value, int | str)}
    context = {"job": row, "result": shown, "next_url": result.get("url", "")}
    return page(request, "ipe/job.html", context, fragment="progress")


@login_required
@require_POST
def cancel(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    row = acts.cancel(_mine(request, pk), by=request.user)
    if row.state == Job.State.CANCELLED:
        messages.success(request, "The job was stopped before it began.")
    elif row.has_ended:
        messages.info(request, "The job had already ended.")
    else:
        messages.success(
            request, "The job stops at its next step. What it had not yet written stays unwritten."
        )
    return redirect("job", pk=row.pk)
