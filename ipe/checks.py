"""System checks: production starts only when it is safe, and no model that reaches a person is forgotten."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.conf import settings
from django.core import checks
from django.db import DatabaseError, models

from ipe import rooms

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


def production_is_safe(app_configs: Any = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """Production refuses DEBUG, weak or shared secrets, a key file under VAR_DIR, and demo accounts."""
    if not settings.IS_PRODUCTION:
        return []
    problems = []
    if len(settings.SECRET_KEY) < 50:
        problems.append("SECRET_KEY must have 50 characters or more")
    if not settings.ALLOWED_HOSTS or "*" in settings.ALLOWED_HOSTS:
        problems.append("ALLOWED_HOSTS must name the hosts")
    if "guest:guest@" in settings.BROKER_URL:
        problems.append("BROKER_URL uses the broker's default account")
    try:
        from ipe.models import User  # models are not loaded when checks are registered

        if User.objects.filter(is_demo=True).exists():
            problems.append("there are demo accounts in the database")
    except DatabaseError:
        pass  # before the first migration there are no accounts at all
    return [checks.Critical(f"Production cannot start: {problem}.", id="ipe.C001") for problem in problems]


def register() -> None:
    checks.register(undeclared_models, "ipe")
    checks.register(production_is_safe, "ipe")
