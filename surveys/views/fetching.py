"""What several pages fetch alike: filters of the URL and rows that the person may see."""

from __future__ import annotations

import uuid
from typing import Any, TypeVar

from django.db import models
from django.http import QueryDict

from ipe.errors import NotFound
from ipe.models import Evaluation
from ipe.pages import MemberRequest, site_from
from surveys.frames import Scope

RowT = TypeVar("RowT", bound=models.Model)


def scope_from(request: MemberRequest, study: Evaluation) -> Scope:
    """The scope that the query string names; see `scope_of`."""
    return scope_of(request, study, request.GET.get("site", ""), request.GET.get("phase", ""))


def scope_of(request: MemberRequest, study: Evaluation, site: str, phase: str) -> Scope:
    """Site and phase by code, checked against the study and the person's sites.

    Raises
        NotFound: There is no such site or phase, or the site is not this person's.
    """
    row = site_from(study, request.user, site)
    if phase and not study.phases.filter(code=phase).exists():
        raise NotFound("There is no such phase in this study.")
    return Scope(study, request.user, row.code if row else "", phase)


def one(rows: models.QuerySet[RowT], pk: uuid.UUID, what: str) -> RowT:
    """The row, among those the person may see.

    Raises
        NotFound: There is none.
    """
    row = rows.filter(pk=pk).first()
    if row is None:
        raise NotFound(f"There is no such {what}, or it belongs to another site.")
    return row


def posted(request: MemberRequest) -> QueryDict | None:
    """What a form is bound to: an empty POST is a form sent empty, not one that is shown first."""
    return request.POST if request.method == "POST" else None


def choices(request: MemberRequest, study: Evaluation) -> dict[str, list[Any]]:
    """What the filters of a page offer: `sites` and `phases`."""
    return {
        "sites": list(study.sites.visible_to(request.user)),
        "phases": list(study.phases.all()),
    }
