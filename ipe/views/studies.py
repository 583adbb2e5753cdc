"""The studies of a person, and a new one."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.db.models import Count, F, Q
from django.http import HttpResponse
from django.shortcuts import redirect

from ipe import roles
from ipe import study as acts
from ipe.models import Evaluation, Site
from ipe.pages import MemberRequest, page, perform
from ipe.study_forms import NewStudyForm
from ipe.words import Role


@login_required
def studies(request: MemberRequest) -> HttpResponse:
    mine: dict[object, list[str]] = {}
    for member in roles.memberships(request.user):
        mine.setdefault(member.evaluation_id, []).append(Role(member.role).label)
    sites = Count("sites", filter=Q(sites__in=Site.objects.visible_to(request.user)), distinct=True)
    rows = (
        Evaluation.objects.visible_to(request.user)
        .annotate(n_sites=sites, n_phases=Count("phases", distinct=True))
        .order_by("title")
    )
    jobs = request.user.jobs.filter(Q(state="waiting") | Q(state="running")).annotate(
        title=F("evaluation__title")
    )
    return page(request, "ipe/studies.html", {"rows": rows, "my_roles_in": mine, "jobs": jobs})


@login_required
def new(request: MemberRequest) -> HttpResponse:
    if not request.user.may_create_studies:
        return redirect("studies")
    form = NewStudyForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        made = perform(form, acts.create_study, by=request.user, **form.cleaned_data)
        if made:
            return redirect("overview", slug=made.slug)
    return page(request, "ipe/study_new.html", {"form": form}, status=400 if form.errors else 200)
