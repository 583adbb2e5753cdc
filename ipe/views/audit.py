"""The audit trail of a study, and whether its chain is whole."""

from __future__ import annotations

import datetime as dt

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST

from ipe import audit as trail
from ipe import roles
from ipe.models import AuditEvent, Evaluation, User
from ipe.pages import MemberRequest, page, study_page


@study_page("audit.read")
def audit(request: MemberRequest, study: Evaluation) -> HttpResponse:
    return _answer(request, study, None)


@study_page("audit.read")
@require_POST
def verify(request: MemberRequest, study: Evaluation) -> HttpResponse:
    """Follows the whole chain, of every study: that is long work for a GET that anyone may repeat."""
    return _answer(request, study, trail.verify())


def _answer(request: MemberRequest, study: Evaluation, verified: trail.Verified | None) -> HttpResponse:
    roles.require_whole_study(request.user, "audit.read", study)
    events = AuditEvent.objects.visible_to(request.user).filter(evaluation=study)
    actions = list(events.order_by("action").values_list("action", flat=True).distinct())
    actors = dict(User.objects.filter(pk__in=events.order_by().values("actor_id")).values_list("pk", "name"))
    action, actor = request.GET.get("action", ""), request.GET.get("by", "")
    since, until = request.GET.get("since", ""), request.GET.get("until", "")
    if action in actions:
        events = events.filter(action=action)
    if chosen := next((pk for pk in actors if str(pk) == actor), None):
        events = events.filter(actor_id=chosen)
    if since_on := _day(since):
        events = events.filter(at__date__gte=since_on)
    if until_on := _day(until):
        events = events.filter(at__date__lte=until_on)
    context = {
        "page_obj": Paginator(events, 100).get_page(request.GET.get("page")),
        "actions": actions,
        "actors": actors,
        "chosen": {"action": action, "by": actor, "since": since, "until": until},
        "verified": verified,
        "crumbs": [("Settings", reverse("settings", kwargs={"slug": study.slug}))],
    }
    return page(request, "ipe/audit.html", context, fragment="events")


def _day(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return None
