"""What a copy of the demo data holds, read by the application. Runs inside an installation."""

from __future__ import annotations

import hashlib
import io
import json
from typing import Any

# Their rows follow the code and not the data: one for each model, four for each model, and none that stays.
OF_THE_CODE = {"contenttypes.ContentType", "auth.Permission", "sessions.Session", "usersessions.UserSession"}


def contents() -> dict[str, Any]:
    """The same for every copy of one version, whatever its ids, its moments and its database are."""
    from django.apps import apps

    from consent.contact import names_of
    from consent.models import Contact
    from ipe import vault
    from ipe.models import Evaluation, StoredFile
    from transcripts import sealing
    from transcripts.models import Original

    files = StoredFile.objects.filter(erased_at=None)
    return {
        "rows": {
            model._meta.label: model._default_manager.count()
            for model in sorted(apps.get_models(), key=lambda model: model._meta.label)
            if model._meta.label not in OF_THE_CODE
        },
        "people": sorted(names_of(Contact.objects.all()).values()),
        "originals": sorted(
            _hash(text.encode()) for text in sealing.texts_of(Original.objects.all()).values()
        ),
        "files": sorted(
            [row.kind, vault.file_name(row), _hash(vault.read_file(row))] for row in files.order_by("pk")
        ),
        "indicators": {study.slug: _working(study.slug) for study in Evaluation.objects.order_by("slug")},
    }


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _working(slug: str) -> Any:
    from django.core.management import call_command

    out = io.StringIO()
    call_command("indicators", slug, "--as", "working", "--format", "json", stdout=out)
    # Their order follows the random ids of rows.
    return sorted(json.loads(out.getvalue()), key=lambda row: json.dumps(row, sort_keys=True))


def head() -> list[Any]:
    """The end of the audit chain, as it would be kept in a second place: how many events, and the code of the last."""
    from ipe import audit

    checked = audit.verify()
    return [checked.n_events, checked.head] if checked.is_whole else []
