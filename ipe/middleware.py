"""What happens to every request: errors in words, sign-in rules, headers."""

from __future__ import annotations

import datetime as dt
import logging
import uuid
from collections.abc import Callable

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from ipe.errors import DomainError

log = logging.getLogger("ipe.requests")
Answer = Callable[[HttpRequest], HttpResponse]


class Headers:
    """The header set of every response that the policy packages do not write."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.id = str(uuid.uuid4())  # type: ignore[attr-defined]
        response = self.get_response(request)
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        response.headers.setdefault("Cross-Origin-Embedder-Policy", "require-corp")
        response.headers.setdefault("X-Robots-Tag", "noindex")
        return response


def wants_json(request: HttpRequest) -> bool:
    return request.path.startswith("/api/") or "application/json" in request.headers.get("Accept", "")


class DomainErrors:
    """The one page handler and the one JSON handler of the error tree."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, DomainError):
            return None
        if error.status == 403:
            log.info(
                "refused",
                extra={"request_id": getattr(request, "id", ""), "user": str(request.user.pk or "")},
            )
        if wants_json(request):
            return JsonResponse({"error": error.message, "fields": error.fields}, status=error.status)
        return render(request, "error.html", {"error": error}, status=error.status)


class Activity:
    """Keeps a session alive while its person works, and notes when it was last seen; at most once a minute.

    Django and allauth would each write on every request. On SQLite each write waits for the disk and for the only
    write lock, which made every page, also those that only read, several times slower.
    """

    EVERY_SECONDS = 60

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            now = int(timezone.now().timestamp())
            if not 0 <= now - request.session.get("seen_at", 0) < self.EVERY_SECONDS:
                request.session["seen_at"] = now  # a changed session is saved with a new expiry
                UserSession.objects.create_from_request(request)
        return self.get_response(request)


class SignInRules:
    """A session ends after the absolute limit or with the account; in production nobody works without a second factor."""

    # Where a person without a second factor may go: to set one up, or to leave.
    OPEN = ("/accounts/", "/static/", "/health/")

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            if request.user.has_expired() or self._is_too_old(request):
                logout(request)
                return redirect(settings.LOGIN_URL)
            if (
                settings.MFA_REQUIRED
                and not request.path.startswith(self.OPEN)
                and not self._has_factor(request)
            ):
                return redirect(reverse("mfa_activate_totp"))
        response = self.get_response(request)
        if request.path == reverse("account_logout") and request.method == "POST":
            response["Clear-Site-Data"] = '"cache", "storage"'
        return response

    @staticmethod
    def _is_too_old(request: HttpRequest) -> bool:
        began = request.session.get("began_at")
        if began is None:
            request.session["began_at"] = timezone.now().isoformat()
            return False
        return timezone.now() - dt.datetime.fromisoformat(began) > dt.timedelta(
            hours=settings.SESSION_MAX_HOURS
        )

    @staticmethod
    def _has_factor(request: HttpRequest) -> bool:
        from allauth.mfa.utils import is_mfa_enabled  # allauth's models are not loaded when middleware is

        return bool(is_mfa_enabled(request.user))
