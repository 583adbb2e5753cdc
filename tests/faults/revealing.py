"""Everything that an installation still holds, read in every way there is. Runs inside it."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Codes for look-up and the keys themselves: bytes that hold no text.
CODES = {"content_index", "name_index", "email_index", "phone_index", "wrapped", "sealed_key"}


def write_dumps(folder: str) -> None:
    """Both databases as fixtures, as the values of every table, on SQLite as SQL, and all sessions decoded."""
    from django.conf import settings
    from django.contrib.sessions.models import Session
    from django.core.management import call_command
    from django.db import connections

    target = Path(folder)
    target.mkdir(parents=True)
    for name in ("default", "keys"):
        models = {"keys": ["ipe.WrappedKey"]}.get(name, [])
        with (target / f"{name}.json").open("w") as out:
            call_command("dumpdata", *models, "--all", "--database", name, stdout=out, verbosity=0)
        with (target / f"{name}.values").open("wb") as values, connections[name].cursor() as cursor:
            for table in connections[name].introspection.table_names(cursor):
                cursor.execute(f"SELECT * FROM {connections[name].ops.quote_name(table)}")
                for row in cursor.fetchall():
                    values.write(b"\n".join(_bytes(value) for value in row) + b"\n")
        if connections[name].vendor == "sqlite":
            with sqlite3.connect(settings.DATABASES[name]["NAME"]) as line:
                (target / f"{name}.sql").write_text("\n".join(line.iterdump()), errors="replace")
    (target / "sessions").write_text("\n".join(str(row.get_decoded()) for row in Session.objects.all()))


def _bytes(value: object) -> bytes:
    return bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode("utf-8", "replace")


def opened() -> dict[str, Any]:
    """What the master key opens of sealed values and files, whether or not the application would still show it.

    `closed` counts the sealed values for which there is no key, by column.
    """
    from django.apps import apps
    from django.db.models import BinaryField

    from ipe import crypto
    from ipe.models import StoredFile, WrappedKey
    from ipe.vault import _path, _unwrap

    keys = {row.scope: _unwrap(row) for row in WrappedKey.objects.using("keys")}
    texts: list[str] = []
    closed: dict[str, int] = {}
    for model in apps.get_models():
        columns = [f for f in model._meta.fields if isinstance(f, BinaryField) and f.name not in CODES]
        if not columns:
            continue
        for row in model._default_manager.all():
            for column in columns:
                sealed = bytes(getattr(row, column.name) or b"")
                if not sealed:
                    continue
                plain = _try(keys, sealed, model._meta.db_table, column.name, row)
                if plain is None:
                    place = f"{model._meta.label}.{column.name}"
                    closed[place] = closed.get(place, 0) + 1
                else:
                    texts.append(plain.decode("utf-8", "replace"))
    for stored in StoredFile.objects.filter(erased_at=None):
        where = f"ipe_storedfile.sealed_key:{stored.pk}"
        if stored.scope not in keys:
            closed["file"] = closed.get("file", 0) + 1
            continue
        key = crypto.unseal(keys[stored.scope], bytes(stored.sealed_key), where=where)
        with _path(stored.pk).open("rb") as source:
            data = b"".join(crypto.unseal_file(source, key, where=f"file:{stored.pk}"))
        texts.append(data.decode("utf-8", "replace"))
    return {"texts": texts, "closed": closed, "scopes": sorted(keys)}


def _try(keys: dict[str, bytes], sealed: bytes, table: str, column: str, row: Any) -> bytes | None:
    from ipe import crypto

    names = {column, column.removesuffix("_sealed"), column.removeprefix("sealed_")}
    for place in _places(names, table, row):
        for key in keys.values():
            try:
                return crypto.unseal(key, sealed, where=place)
            except crypto.Tampered:
                continue
    return None


def _places(names: set[str], table: str, row: Any) -> Iterator[str]:
    for name in names:
        yield f"{table}.{name}:{row.pk}"
    where = getattr(row, "where", None)
    if isinstance(where, str):
        yield where


def belongings(person: str) -> dict[str, list[str]]:
    """Every row of one participant, value by value, so that two looks can be compared for equality."""
    from coding.models import Case, Cell, CellHistory, Coding, CodingEvent, Memo, QuoteLink
    from consent.models import Consent, ConsentAnswer, Contact, Membership, Participant
    from fieldwork.models import Attempt, Booking, Recording
    from surveys.models import Answer, Response
    from transcripts.models import Document, Entity, EntityName, Original, Replacement, Speaker, Turn, Version

    documents = list(Document.objects.filter(participant=person).values_list("pk", flat=True))
    versions = list(Version.objects.filter(document__in=documents).values_list("pk", flat=True))
    cases = list(Case.objects.filter(participant=person).values_list("pk", flat=True))
    rows = {
        "participant": Participant.objects.filter(pk=person),
        "contact": Contact.objects.filter(participant=person),
        "memberships": Membership.objects.filter(participant=person),
        "consents": Consent.objects.filter(participant=person),
        "answers to items": ConsentAnswer.objects.filter(consent__participant=person),
        "bookings": Booking.objects.filter(participant=person),
        "attempts": Attempt.objects.filter(participant=person),
        "recordings": Recording.objects.filter(activity__bookings__participant=person),
        "documents": Document.objects.filter(pk__in=documents),
        "originals": Original.objects.filter(document__in=documents),
        "versions": Version.objects.filter(document__in=documents),
        "turns": Turn.objects.filter(version__in=versions),
        "speakers": Speaker.objects.filter(document__in=documents),
        "replacements": Replacement.objects.filter(document__in=documents),
        "entities": Entity.objects.filter(replacements__document__in=documents).distinct(),
        "names": EntityName.objects.filter(entity__replacements__document__in=documents).distinct(),
        "codings": Coding.objects.filter(version__in=versions),
        "coding events": CodingEvent.objects.filter(version__in=versions),
        "memos": Memo.objects.filter(version__in=versions) | Memo.objects.filter(case__in=cases),
        "cases": Case.objects.filter(pk__in=cases),
        "cells": Cell.objects.filter(case__in=cases),
        "history": CellHistory.objects.filter(cell__case__in=cases),
        "quotes": QuoteLink.objects.filter(version__in=versions),
        "responses": Response.objects.filter(participant=person),
        "survey answers": Answer.objects.filter(response__participant=person),
    }
    return {name: sorted(map(_line, found.values_list())) for name, found in rows.items()}


def _line(values: tuple[Any, ...]) -> str:
    plain = [hashlib.sha256(bytes(v)).hexdigest() if isinstance(v, bytes | memoryview) else v for v in values]
    return repr(plain)


def spoken(document: str) -> list[dict[str, Any]]:
    """The turns of a text as it stands: who speaks, what is said, and what is coded there, words by code."""
    from coding.models import Coding
    from transcripts.models import Turn, Version

    version = Version.objects.current().get(document=document)
    codings = Coding.objects.filter(version=version).order_by("start", "end", "code")
    found = []
    for turn in Turn.objects.filter(version=version).select_related("speaker").order_by("start"):
        inside = [row for row in codings if turn.start <= row.start and row.end <= turn.end]
        found.append(
            {
                "speaker": str(turn.speaker_id),
                "label": turn.speaker.label if turn.speaker else "",
                "person": str(turn.speaker.participant_id) if turn.speaker else "",
                "words": version.text[turn.start : turn.end],
                "coded": [[str(row.code_id), version.text[row.start : row.end], row.pk] for row in inside],
            }
        )
    return found
