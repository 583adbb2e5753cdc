"""What every JSON answer does alike."""

from __future__ import annotations

from typing import Any

from rest_framework.response import Response
from rest_framework.views import exception_handler

from ipe.errors import DomainError


def answer_error(error: Exception, context: dict[str, Any]) -> Response | None:
    """A DomainError as JSON; everything else as REST framework answers it."""
    if isinstance(error, DomainError):
        return Response({"error": error.message, "fields": error.fields}, status=error.status)
    return exception_handler(error, context)
