"""The error pages. Each says what happened and what to do, and nothing about the data."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from ipe.middleware import wants_json


def _answer(request: HttpRequest, status: int, words: str) -> HttpResponse:
    if wants_json(request):
        return JsonResponse({"error": words, "fields": {}}, status=status)
    return render(request, f"{status}.html", {"words": words}, status=status)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _answer(request, 400, "The request could not be understood.")


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _answer(request, 403, "You have no right to do this.")


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _answer(request, 404, "There is no such page.")


def server_error(request: HttpRequest) -> HttpResponse:
    """Drawn without the request: what broke the page may break its navigation as well."""
    words = "Something went wrong on our side. Nothing of your last step was saved."
    if wants_json(request):
        return JsonResponse({"error": words, "fields": {}}, status=500)
    return HttpResponse(render_to_string("500.html", {"words": words}), status=500)


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    return _answer(
        request, 403, "The page had been open too long. Go back, reload it and send the form again."
    )
