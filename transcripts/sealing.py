"""The sealed columns of this room: what identifies people goes in and comes out here, and nowhere else."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ipe import vault
from ipe.errors import NotFound
from transcripts.identifiers import folded
from transcripts.models import Document, Entity, EntityName, Original, Speaker

if TYPE_CHECKING:
    from ipe.models import Evaluation


def scope_of(document: Document) -> str:
    """The participant's key when the document is one person's interview, else the study's."""
    if document.participant_id is not None:
        return vault.participant_scope(document.participant_id)
    return vault.evaluation_scope(document.evaluation_id)


# --- originals ---


def keep_original(
    document: Document,
    *,
    title: str,
    text: str,
    data: bytes,
    file_name: str,
    file_format: str,
    encoding: str,
    keep_until: dt.date | None,
) -> Original:
    """Seal title, text and file of a new document, in the caller's transaction."""
    scope = scope_of(document)
    original = Original(
        id=uuid.uuid4(),
        document=document,
        scope=scope,
        format=file_format,
        encoding=encoding,
        keep_until=keep_until,
        file=vault.store_file(
            data, scope=scope, kind="transcript", evaluation=document.evaluation, name=file_name
        ),
    )
    original.sealed_title = vault.seal(scope, title, where=_at(original, "sealed_title"))
    original.sealed_text = vault.seal(scope, text, where=_at(original, "sealed_text"))
    original.save(force_insert=True)
    return original


def original_of(document: Document) -> Original:
    """
    Raises
        NotFound: It was destroyed.
    """
    original: Original | None = Original.objects.filter(document=document).select_related("file").first()
    if original is None:
        raise NotFound("The original of this document was destroyed.")
    return original


def text_of(original: Original) -> str:
    return vault.open_sealed(original.scope, bytes(original.sealed_text), where=_at(original, "sealed_text"))


def title_of(original: Original) -> str:
    return vault.open_sealed(
        original.scope, bytes(original.sealed_title), where=_at(original, "sealed_title")
    )


def titles_of(originals: Iterable[Original]) -> dict[uuid.UUID, str]:
    """Titles by document id, the keys read once; erased ones are left out."""
    rows = list(originals)
    opened = vault.open_many([(row.scope, bytes(row.sealed_title), _at(row, "sealed_title")) for row in rows])
    return {row.document_id: title for row, title in zip(rows, opened, strict=True) if title is not None}


def texts_of(originals: Iterable[Original]) -> dict[uuid.UUID, str]:
    """Texts by document id; erased ones are left out."""
    rows = list(originals)
    opened = vault.open_many([(row.scope, bytes(row.sealed_text), _at(row, "sealed_text")) for row in rows])
    return {row.document_id: text for row, text in zip(rows, opened, strict=True) if text is not None}


def rewrite_text(original: Original, text: str) -> None:
    """Put another text in place of the sealed one; the uploaded file, which still holds the old one, is
    destroyed."""
    original.sealed_text = vault.seal(original.scope, text, where=_at(original, "sealed_text"))
    file, original.file = original.file, None
    original.save(update_fields=["sealed_text", "file"])
    if file is not None:
        vault.erase_file(file)


def destroy(original: Original) -> None:
    """The file's key and bytes go, and the row with the sealed text."""
    if original.file is not None:
        vault.erase_file(original.file)
    original.delete()


def _at(row: Original, column: str) -> str:
    return f"transcripts_original.{column}:{row.pk}"


# --- speakers' labels ---


def seal_label(speaker: Speaker, label: str) -> None:
    """Set the sealed label; the caller saves."""
    speaker.sealed_label = vault.seal(
        scope_of(speaker.document), label, where=f"transcripts_speaker.sealed_label:{speaker.pk}"
    )


def labels_of(document: Document, speakers: Iterable[Speaker]) -> dict[uuid.UUID, str]:
    """Labels as typed, by speaker id, one a line when speakers were merged; erased ones are left out."""
    rows = [row for row in speakers if row.sealed_label]
    scope = scope_of(document)
    opened = vault.open_many(
        [
            (scope, bytes(row.sealed_label or b""), f"transcripts_speaker.sealed_label:{row.pk}")
            for row in rows
        ]
    )
    return {row.pk: label for row, label in zip(rows, opened, strict=True) if label is not None}


# --- names of entities ---


def name_index(evaluation: Evaluation, name: str) -> bytes:
    return vault.index(vault.evaluation_scope(evaluation), folded(name))


def add_names(entity: Entity, called: Iterable[str]) -> int:
    """Let the entity be found by these names too; those it has are skipped. Returns how many are new."""
    if entity.participant_id is not None:
        scope = vault.participant_scope(entity.participant_id)
    else:
        scope = vault.evaluation_scope(entity.evaluation_id)
    held = {bytes(row.name_index) for row in EntityName.objects.filter(entity=entity)}
    rows = []
    for name in dict.fromkeys(called):
        index = name_index(entity.evaluation, name)
        if index in held or not folded(name):
            continue
        held.add(index)
        row = EntityName(id=uuid.uuid4(), entity=entity, scope=scope, name_index=index)
        row.sealed_name = vault.seal(scope, name, where=f"transcripts_entityname.sealed_name:{row.pk}")
        rows.append(row)
    EntityName.objects.bulk_create(rows)
    return len(rows)


def forget_names(entity: Entity, called: Iterable[str]) -> None:
    """Let the entity no longer be found by these names."""
    indexes = [name_index(entity.evaluation, name) for name in called]
    EntityName.objects.filter(entity=entity, name_index__in=indexes).delete()


def names_by_entity(evaluation: Evaluation) -> dict[uuid.UUID, tuple[str, ...]]:
    """Every name of every entity of a study, for comparing inside an act. The result must not leave it."""
    rows = list(EntityName.objects.filter(entity__evaluation=evaluation).order_by("created_at", "id"))
    opened = vault.open_many(
        [(row.scope, bytes(row.sealed_name), f"transcripts_entityname.sealed_name:{row.pk}") for row in rows]
    )
    found: dict[uuid.UUID, list[str]] = {}
    for row, name in zip(rows, opened, strict=True):
        if name is not None:
            found.setdefault(row.entity_id, []).append(name)
    return {entity: tuple(called) for entity, called in found.items()}
