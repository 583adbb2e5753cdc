"""Authenticated encryption of values and files, without the database.

Values: ``version(1) | nonce(12) | AES-256-GCM(text, associated data)``. Files: 1 MiB chunks, each sealed with the nonce
``prefix(7) | counter(4) | last(1)`` (the STREAM construction, Hoang, Reyhanitabar, Rogaway and Vizár 2015), so that a
file that was cut, reordered or extended does not open. The library is pyca/cryptography over OpenSSL; it is not
claimed to be a validated module.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

VERSION = b"\x01"
N_KEY = 32
N_NONCE = 12
N_TAG = 16
CHUNK = 1 << 20
MAGIC = b"IPEF\x01"


class Tampered(Exception):
    """The bytes are not what was sealed under this key for this place."""


def new_key() -> bytes:
    return os.urandom(N_KEY)


def derived(master: bytes, purpose: str) -> bytes:
    """A key for one purpose from the master key (HKDF-SHA256)."""
    return HKDF(algorithm=hashes.SHA256(), length=N_KEY, salt=None, info=purpose.encode()).derive(master)


def seal(key: bytes, plain: bytes, *, where: str) -> bytes:
    """`plain` sealed for one place: moved to another row it does not open."""
    nonce = os.urandom(N_NONCE)
    return VERSION + nonce + AESGCM(key).encrypt(nonce, plain, where.encode())


def unseal(key: bytes, sealed: bytes, *, where: str) -> bytes:
    sealed = bytes(sealed)
    if sealed[:1] != VERSION or len(sealed) < 1 + N_NONCE + N_TAG:
        raise Tampered("unknown format")
    try:
        return AESGCM(key).decrypt(sealed[1 : 1 + N_NONCE], sealed[1 + N_NONCE :], where.encode())
    except InvalidTag:
        raise Tampered("wrong key, wrong place or changed bytes") from None


def code_of(key: bytes, message: bytes) -> str:
    return hmac.new(key, message, hashlib.sha256).hexdigest()


class FileSealer:
    """Writes an encrypted file while its content is still arriving.

    Holds one chunk in memory. `close` must be called: a file without its last chunk does not open.
    """

    def __init__(self, target: BinaryIO, key: bytes, *, where: str) -> None:
        self.target, self.aead, self.where = target, AESGCM(key), where.encode()
        self.prefix = os.urandom(7)
        self.counter = 0
        self.waiting = bytearray()
        self.n_bytes = 0
        target.write(MAGIC + self.prefix)

    def write(self, data: bytes) -> None:
        self.n_bytes += len(data)
        self.waiting += data
        while len(self.waiting) > CHUNK:
            self._put(bytes(self.waiting[:CHUNK]), last=False)
            del self.waiting[:CHUNK]

    def _put(self, chunk: bytes, *, last: bool) -> None:
        nonce = self.prefix + self.counter.to_bytes(4, "big") + bytes([last])
        self.target.write(self.aead.encrypt(nonce, chunk, self.where))
        self.counter += 1

    def close(self) -> None:
        self._put(bytes(self.waiting), last=True)
        self.waiting.clear()


def seal_file(source: Iterable[bytes], target: BinaryIO, key: bytes, *, where: str) -> int:
    """Encrypt the pieces of `source` into `target`; returns the number of plain bytes."""
    sealer = FileSealer(target, key, where=where)
    for piece in source:
        sealer.write(piece)
    sealer.close()
    return sealer.n_bytes


def unseal_file(source: BinaryIO, key: bytes, *, where: str) -> Iterator[bytes]:
    """The plain chunks of a sealed file. Nothing may be acted on before the iterator has ended without an error."""
    head = source.read(len(MAGIC) + 7)
    if head[: len(MAGIC)] != MAGIC:
        raise Tampered("not a sealed file")
    prefix, aead, counter = head[len(MAGIC) :], AESGCM(key), 0
    chunk = source.read(CHUNK + N_TAG)
    while True:
        following = source.read(CHUNK + N_TAG)
        nonce = prefix + counter.to_bytes(4, "big") + bytes([not following])
        try:
            yield aead.decrypt(nonce, chunk, where.encode())
        except InvalidTag:
            raise Tampered("the file was cut or changed") from None
        if not following:
            return
        chunk, counter = following, counter + 1
