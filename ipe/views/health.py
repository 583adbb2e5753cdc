from __future__ import annotations

from django.db import connection
from django.http import HttpRequest, HttpResponse


def health(request: HttpRequest) -> HttpResponse:
    """200 when the database answers; says nothing else."""
    connection.ensure_connection()
    return HttpResponse("ok\n", content_type="text/plain; charset=utf-8")
