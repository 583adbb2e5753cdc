"""The vault: what identifies a person is sealed here, under a key per evaluation or per participant.

Wrapped keys live in the key store (the database "keys", backed up apart); the master key comes from the environment
and is never stored. Destroying a scope's key is erasure: afterwards nothing under it opens. The row that asks for the
destruction is written in the caller's transaction (`KeyDestruction`, the ledger); the key itself goes when that
transaction has committed, and a worker's sweep repeats it until it is done, also over a restored key store.
"""

from __future__ import annotations

import base64
import binascii
import functools
import logging
import unicodedata
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import connections, transaction
from django.utils import timezone

from ipe import crypto
from ipe.errors import KeyDestroyed, NoRoom
from ipe.models import Evaluation, KeyDestruction, StoredFile, WrappedKey

if TYPE_CHECKING:
    from ipe.uploads import SealedUpload

log = logging.getLogger("ipe.vault")

KEYS = "keys"


@functools.lru_cache(maxsize=8)
def _master(encoded: str, purpose: str) -> bytes:
    try:
        master = base64.urlsafe_b64decode(encoded)
    except (binascii.Error, ValueError):
        master = b""
    if len(master) != crypto.N_KEY:
        raise RuntimeError(
            "MASTER_KEY must be 32 bytes in URL-safe base64; `python -m ipe.firstrun` makes one"
        )
    return crypto.derived(master, purpose)


def master_key(purpose: str) -> bytes:
    """A key for one purpose of the application itself, such as the audit chain."""
    return _master(settings.MASTER_KEY, purpose)


def evaluation_scope(evaluation: Evaluation | uuid.UUID) -> str:
    return f"evaluation:{evaluation.pk if isinstance(evaluation, Evaluation) else evaluation}"


def participant_scope(participant_id: uuid.UUID) -> str:
    return f"participant:{participant_id}"


def _unwrap(row: WrappedKey) -> bytes:
    return crypto.unseal(master_key("wrap"), bytes(row.wrapped), where=f"key:{row.scope}")


def _keys(scopes: Iterable[str]) -> dict[str, bytes]:
    """The keys of the scopes that still have one; a scope in the ledger of destroyed keys has none."""
    wanted = set(scopes)
    gone = set(KeyDestruction.objects.filter(scope__in=wanted).values_list("scope", flat=True))
    rows = WrappedKey.objects.using(KEYS).filter(scope__in=wanted - gone)
    return {row.scope: _unwrap(row) for row in rows}


def ensure_key(scope: str) -> bytes:
    """The key of a scope, made at first use.

    Raises
        KeyDestroyed: The scope was erased; it never gets a new key.
    """
    found = _keys([scope])
    if scope in found:
        return found[scope]
    if KeyDestruction.objects.filter(scope=scope).exists():
        raise KeyDestroyed("This record was erased; nothing can be added to it.")
    key = crypto.new_key()
    wrapped = crypto.seal(master_key("wrap"), key, where=f"key:{scope}")
    row, made = WrappedKey.objects.using(KEYS).get_or_create(scope=scope, defaults={"wrapped": wrapped})
    return key if made else _unwrap(row)


def seal(scope: str, text: str, *, where: str) -> bytes:
    """`text` sealed for one column of one row; `where` is ``table.column:row-id``."""
    return crypto.seal(ensure_key(scope), text.encode("utf-8", "surrogatepass"), where=where)


def open_sealed(scope: str, sealed: bytes, *, where: str) -> str:
    """What `seal` was given.

    Raises
        KeyDestroyed: The key of the scope was destroyed.
        crypto.Tampered: The bytes were changed or moved from another row.
    """
    opened = open_many([(scope, sealed, where)])[0]
    if opened is None:
        raise KeyDestroyed("This was erased and cannot be read any more.")
    return opened


def open_many(sealed: Sequence[tuple[str, bytes, str]]) -> list[str | None]:
    """Many values, their keys read in one query each store; None where the key is destroyed."""
    keys = _keys(scope for scope, _, _ in sealed)
    return [
        crypto.unseal(keys[scope], bytes(value), where=where).decode("utf-8", "surrogatepass")
        if scope in keys
        else None
        for scope, value, where in sealed
    ]


def index(scope: str, value: str) -> bytes:
    """A code for exact look-up of a value that is itself sealed: case, width and blanks do not matter."""
    plain = "".join(unicodedata.normalize("NFKC", value).casefold().split())
    key = crypto.derived(ensure_key(scope), "index")
    return bytes.fromhex(crypto.code_of(key, plain.encode("utf-8", "surrogatepass")))


def destroy_key(scope: str) -> None:
    """Erase everything under a scope. Safe to repeat; takes hold when the caller's transaction commits."""
    KeyDestruction.objects.get_or_create(scope=scope)
    transaction.on_commit(lambda: carry_out_destructions([scope]))


def carry_out_destructions(scopes: Iterable[str] | None = None) -> int:
    """Delete the wrapped keys that the ledger names; returns how many were still there. Safe to repeat."""
    asked = (
        KeyDestruction.objects.all()
        if scopes is None
        else KeyDestruction.objects.filter(scope__in=list(scopes))
    )
    names = list(asked.values_list("scope", flat=True))
    n_deleted, _ = WrappedKey.objects.using(KEYS).filter(scope__in=names).delete()
    asked.filter(done_at=None).update(done_at=timezone.now())
    return n_deleted


def rewrite_databases(*, if_emptied: bool = False) -> None:
    """On SQLite, write both database files anew, so that nothing deleted is left between the rows of a page.

    `secure_delete` overwrites what is deleted where it stands; what SQLite had moved before, when it made room in a
    page, stays behind there. With `if_emptied` only a file in which something was deleted since. Safe to repeat.
    Inside a transaction SQLite cannot do it, and nothing happens.
    """
    for alias in ("default", KEYS):
        connection = connections[alias]
        if connection.vendor == "sqlite" and not connection.in_atomic_block:
            with connection.cursor() as cursor:
                cursor.execute("PRAGMA freelist_count")
                if not if_emptied or cursor.fetchone()[0]:
                    cursor.execute("VACUUM")


def _path(file_id: uuid.UUID) -> Path:
    return Path(settings.VAR_DIR) / "files" / str(file_id)


def store_file(
    data: bytes | SealedUpload, *, scope: str, kind: str, evaluation: Evaluation | None, name: str = ""
) -> StoredFile:
    """Keep a file encrypted under VAR_DIR/files, with a key of its own wrapped by the scope's key.

    The row is written last, after the bytes are on disk; bytes without a row are swept away (`sweep_files`).

    Raises
        NoRoom: The disk is full; nothing of the file is left.
    """
    file_id = uuid.uuid4()
    file_key = crypto.new_key()
    path = _path(file_id)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    pieces: Iterable[bytes] = [data] if isinstance(data, bytes) else data.chunks()
    unfinished = path.with_suffix(".part")
    try:
        with unfinished.open("wb") as target:
            n_bytes = crypto.seal_file(pieces, target, file_key, where=f"file:{file_id}")
        unfinished.rename(path)
    except BaseException as error:
        unfinished.unlink(missing_ok=True)
        if isinstance(error, OSError):
            log.error("a file was not kept: %s", error.strerror)
            raise NoRoom from None
        raise
    stored = StoredFile(
        id=file_id,
        evaluation=evaluation,
        scope=scope,
        kind=kind,
        n_bytes=n_bytes,
        sealed_key=crypto.seal(ensure_key(scope), file_key, where=f"ipe_storedfile.sealed_key:{file_id}"),
        sealed_name=seal(scope, name, where=f"ipe_storedfile.sealed_name:{file_id}"),
    )
    stored.save(force_insert=True)
    return stored


def read_file(stored: StoredFile) -> bytes:
    """The plain bytes of a stored file, complete and authenticated."""
    keys = _keys([stored.scope])
    if stored.erased_at or stored.scope not in keys:
        raise KeyDestroyed("This file was erased and cannot be read any more.")
    where = f"ipe_storedfile.sealed_key:{stored.pk}"
    file_key = crypto.unseal(keys[stored.scope], bytes(stored.sealed_key), where=where)
    with _path(stored.pk).open("rb") as source:
        return b"".join(crypto.unseal_file(source, file_key, where=f"file:{stored.pk}"))


def file_name(stored: StoredFile) -> str:
    return open_sealed(
        stored.scope, bytes(stored.sealed_name), where=f"ipe_storedfile.sealed_name:{stored.pk}"
    )


def erase_file(stored: StoredFile) -> None:
    """Destroy the file's key with the row's content now; the bytes go when the transaction commits."""
    stored.sealed_key = b""
    stored.sealed_name = b""
    stored.erased_at = timezone.now()
    stored.save(update_fields=["sealed_key", "sealed_name", "erased_at"])
    path = _path(stored.pk)
    transaction.on_commit(lambda: path.unlink(missing_ok=True))


def sweep_files(*, older_than_seconds: int = 86_400) -> int:
    """Remove bytes without a living row: uploads that were never kept, files whose erasure was interrupted."""
    folder = Path(settings.VAR_DIR)
    oldest = timezone.now().timestamp() - older_than_seconds
    alive = {str(pk) for pk in StoredFile.objects.filter(erased_at=None).values_list("pk", flat=True)}
    n_removed = 0
    for path in [*(folder / "files").glob("*"), *(folder / "uploads").glob("*")]:
        if path.name not in alive and path.stat().st_mtime < oldest:
            path.unlink(missing_ok=True)
            n_removed += 1
    return n_removed
