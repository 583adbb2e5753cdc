"""What every page does alike: find the study, ask the role, answer as page, fragment or download."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec

from django import forms
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django_htmx.middleware import HtmxDetails

from ipe import roles, rooms
from ipe.errors import DomainError, NotFound
from ipe.models import Evaluation, Site, User
from ipe.words import Role

P = ParamSpec("P")


class MemberRequest(HttpRequest):
    """A request whose sender is signed in; behind `study_page` also a member of `study`."""

    user: User  # never anonymous behind login_required
    study: Evaluation
    htmx: HtmxDetails


View = Callable[Concatenate[MemberRequest, Evaluation, P], HttpResponse]


def study_of(user: User, slug: str) -> Evaluation:
    """The study of this address, if the person is a member of it.

    Raises
        NotFound: There is none, or the person may not know that there is.
    """
    study = Evaluation.objects.filter(slug=slug).first()
    if study is None or not roles.memberships(user, study):
        raise NotFound("There is no such study, or you are not a member of it.")
    return study


def study_page(*verbs: str) -> Callable[[View[P]], Callable[..., HttpResponse]]:
    """A page of one study, for members for whom any of `verbs` holds at some site."""

    def decorate(view: View[P]) -> Callable[..., HttpResponse]:
        @functools.wraps(view)
        def answered(request: MemberRequest, slug: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            study = study_of(request.user, slug)
            if not any(roles.may(request.user, verb, study) for verb in verbs):
                roles.require(request.user, verbs[0], study)
            request.study = study
            return view(request, study, *args, **kwargs)

        return login_required(answered)

    return decorate


class May:
    """`may.consent_edit` in a template: whether the verb consent.edit holds at some site of the study."""

    def __init__(self, user: User, study: Evaluation) -> None:
        self._user, self._study = user, study

    def __getitem__(self, name: str) -> bool:
        verb = name.replace("_", ".", 1)
        if verb not in roles.VERBS:
            raise KeyError(name)
        return roles.may(self._user, verb, self._study)


def navigation(request: HttpRequest) -> dict[str, Any]:
    """Context of every template: the open study, its rooms in the left navigation and what the person may do."""
    study: Evaluation | None = getattr(request, "study", None)
    user = getattr(request, "user", None)
    if study is None or user is None or not user.is_authenticated:
        return {}
    entries = [page for room in rooms.all_rooms() for page in room.pages]
    shown = [page for page in entries if any(roles.may(user, verb, study) for verb in page.verbs)]
    here = request.path
    nav = []
    for entry in sorted(shown, key=lambda page: page.order):
        url = reverse(entry.url_name, kwargs={"slug": study.slug})
        is_overview = entry.order == 0
        is_here = here == url if is_overview else here.startswith(url)
        nav.append(
            {"label": entry.label, "url": url, "key": entry.key, "icon": entry.icon, "is_here": is_here}
        )
    mine = roles.memberships(user)
    studies = sorted({member.evaluation for member in mine}, key=lambda row: row.title)
    return {
        "study": study,
        "nav": nav,
        "may": May(user, study),
        "my_studies": studies,
        "my_roles": [Role(member.role).label for member in mine if member.evaluation_id == study.pk],
    }


def page(
    request: HttpRequest, template: str, context: dict[str, Any], *, fragment: str = "", status: int = 200
) -> HttpResponse:
    """The whole page, or its fragment when htmx asks for it (never for a history restoration)."""
    htmx = getattr(request, "htmx", None)
    wants_fragment = bool(fragment and htmx and not htmx.history_restore_request)
    response = render(
        request, f"{template}#{fragment}" if wants_fragment else template, context, status=status
    )
    if fragment:
        patch_vary_headers(response, ["HX-Request", "HX-History-Restore-Request"])
    return response


def perform(form: forms.BaseForm, act: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """The result of an act; None when it raised a DomainError or a ValidationError, which then stands on the form.

    An error about a field of the form stands at that field, the rest above the form. A refusal and a
    missing record are not the form's fault and are raised on. An act that returns nothing gives True.
    """
    try:
        result = act(*args, **kwargs)
    except ValidationError as error:  # what `full_clean` found in an act, in the model's own words
        form.add_error(None, error.messages)
        return None
    except DomainError as error:
        if error.status in {403, 404}:
            raise
        at_fields = {name: text for name, text in error.fields.items() if name in form.fields}
        for name, text in at_fields.items():
            form.add_error(name, text)
        if not at_fields:
            form.add_error(None, error.message)
        return None
    return True if result is None else result


def download(data: bytes, *, filename: str, content_type: str) -> HttpResponse:
    """A file to keep: never shown inside the browser's page. `filename` is made by us and holds no name."""
    response = HttpResponse(data, content_type=content_type)
    safe = "".join(sign if sign.isascii() and (sign.isalnum() or sign in "-_.") else "-" for sign in filename)
    response["Content-Disposition"] = f'attachment; filename="{safe}"'
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return response


def site_from(study: Evaluation, user: User, code: str) -> Site | None:
    """The visible site of a filter in the URL; None without one.

    Raises
        NotFound: No such site, or not this person's.
    """
    if not code:
        return None
    site = study.sites.visible_to(user).filter(code=code).first()
    if site is None:
        raise NotFound("There is no such site in this study.")
    return site
