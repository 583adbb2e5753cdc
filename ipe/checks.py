"""System checks: production starts only when it is safe, and no model that reaches a person is forgotten."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core import checks
from django.db import DatabaseError, connections, models

from ipe import rooms
from ipe.env import BadSetting

GUARDED = ("consent.Participant", "transcripts.Version")


def undeclared_models(app_configs: Any = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """Every model with a foreign key, however long the chain, to a participant or a document version is declared."""
    declared = frozenset().union(*(room.owns for room in rooms.all_rooms()))
    reached = {label for label in GUARDED if _exists(label)}
    found: set[str] = set()
    grows = True
    while grows:
        grows = False
        for model in apps.get_models(include_auto_created=True):
            label = model._meta.label
            if label in reached or label in found:
                continue
            targets = {
                field.related_model._meta.label
                for field in model._meta.get_fields()
                if isinstance(field, models.ForeignKey | models.OneToOneField | models.ManyToManyField)
                and isinstance(field.related_model, type)
            }
            if targets & (reached | found):
                found.add(label)
                grows = True
    return [
        checks.Error(
            f"{label} reaches a participant or a document version, but no room declares it.",
            hint="Add it to `owns` of its room and handle it in that room's erase and move.",
            id="ipe.E001",
        )
        for label in sorted((found | reached) - declared)
    ]


def _exists(label: str) -> bool:
    try:
        apps.get_model(label)
    except LookupError:
        return False
    return True


def _unsafe() -> list[str]:
    """Why production must not start; nothing elsewhere than in production."""
    if not settings.IS_PRODUCTION:
        return []
    from ipe import vault  # models are not loaded when checks are registered
    from ipe.models import User

    problems = []
    if len(settings.SECRET_KEY) < 50:
        problems.append("SECRET_KEY must have 50 characters or more")
    if settings.SECRET_KEY == settings.MASTER_KEY:
        problems.append("SECRET_KEY and MASTER_KEY must be two secrets")
    try:
        vault.master_key("start")
    except RuntimeError as error:
        problems.append(str(error))
    if not settings.ALLOWED_HOSTS or "*" in settings.ALLOWED_HOSTS:
        problems.append("ALLOWED_HOSTS must name the hosts")
    if "guest:guest@" in settings.BROKER_URL:
        problems.append("BROKER_URL uses the broker's default account")
    try:
        if User.objects.filter(is_demo=True).exists():
            problems.append("there are demo accounts in the database")
    except DatabaseError:
        pass  # before the first migration there are no accounts at all
    return problems


def production_is_safe(app_configs: Any = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """Production refuses weak, malformed or shared secrets, any host, and demo accounts. Settings refuse DEBUG."""
    return [checks.Critical(f"Production cannot start: {problem}.", id="ipe.C001") for problem in _unsafe()]


def refuse_unsafe_start() -> None:
    """For web servers, which start without the system checks of Django's commands.

    Raises
        BadSetting: Production is not safe, or its pages would lack their scripts and styles.
    """
    problems = _unsafe()
    if settings.IS_PRODUCTION and not (Path(settings.STATIC_ROOT) / "staticfiles.json").exists():
        problems.append("run “manage.py collectstatic” first")
    # A server that forks its workers after this must not hand one connection down to all of them.
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()
            if getattr(connection, "pool", None):
                connection.close_pool()  # type: ignore[attr-defined]  # PostgreSQL alone has one
    if problems:
        raise BadSetting(f"Production cannot start: {'; '.join(problems)}.")


def register() -> None:
    checks.register(undeclared_models, "ipe")
    checks.register(production_is_safe, "ipe")
