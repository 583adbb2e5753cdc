"""What every JSON answer does alike."""

from __future__ import annotations

from typing import Any

from rest_framework.response import Response
from rest_framework.views import exception_handler

from ipe.errors import DomainError


def answer_error(error: Exception, context: dict[str, Any]) -> Response | None:
    """Every error in one shape; the status, and headers such as Retry-After, of REST framework's own stay."""
    if isinstance(error, DomainError):
        return Response({"error": error.message, "fields": error.fields}, status=error.status)
    answer = exception_handler(error, context)
    if answer is not None:
        told = answer.data.get("detail") if isinstance(answer.data, dict) else None
        answer.data = {"error": str(told or "The request could not be understood."), "fields": {}}
    return answer
