"""One act, two edges: a script asks for JSON, a form without scripts is sent back to its page."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.safestring import SafeString, mark_safe

from ipe.errors import Invalid


def wants_json(request: HttpRequest) -> bool:
    return "application/json" in request.headers.get("Accept", "")


def checked(form: forms.BaseForm) -> dict[str, Any]:
    """The cleaned data of a form that a script or a bare button sent.

    Raises
        Invalid: With the form's sentences.
    """
    if form.is_valid():
        return form.cleaned_data
    fields = {name: " ".join(str(error) for error in errors) for name, errors in form.errors.items()}
    raise Invalid(next(iter(fields.values())), fields=fields)


def json(data: dict[str, Any], status: int = 200) -> HttpResponse:
    return JsonResponse(data, status=status)


def drawn(html: str) -> SafeString:
    """HTML made by `coding.rendering`, which escapes every text that it takes."""
    return mark_safe(html)  # noqa: S308 (see above)


def place_for(name: str) -> SafeString:
    """What stands in a template for a long piece that `spliced` puts in. No user's text can hold it: it is escaped."""
    return mark_safe(f"<!--[{name}]-->")  # noqa: S308 (a constant of ours)


def spliced(response: HttpResponse, pieces: dict[str, str]) -> HttpResponse:
    """The response with long pieces, drawn by `coding.rendering`, in their places.

    Every template block that a text lies in copies it twice; for two megabytes of marks that was a third of the
    page's time.
    """
    content = response.content
    parts: list[bytes] = []
    for name, piece in pieces.items():
        before, _, content = content.partition(place_for(name).encode())
        parts += [before, piece.encode()]
    response.content = b"".join([*parts, content])
    return response
