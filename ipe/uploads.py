"""Uploaded files are hostile until checked: encrypted while they are received, then tested by kind.

The kind comes from the content, never from the name alone. Zip containers are inflated through a counter before any
parser sees them.
"""

from __future__ import annotations

import contextlib
import io
import logging
import re
import struct
import uuid
import weakref
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from charset_normalizer import from_bytes
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler

from ipe import crypto
from ipe.errors import BadFile, NoRoom

log = logging.getLogger("ipe.uploads")

MEGABYTE = 1 << 20
MAX_PARTS = 5_000
MAX_INFLATED = 200 * MEGABYTE
MAX_PART = 100 * MEGABYTE
MAX_RATIO = 200  # a plain spreadsheet reaches about 30; bombs start in the hundreds
RATIO_FROM = MEGABYTE
MAX_DOCUMENT_PART = 40 * MEGABYTE  # a tree of it is held in memory; a day of interviews is some 10 MB of XML
# Encodings in which XML shows its declarations once the zero bytes are gone. Parsers know more, such as UTF-7.
XML_ENCODINGS = {
    "",
    "utf-8",
    "utf8",
    "utf-16",
    "utf-16le",
    "utf-16be",
    "us-ascii",
    "ascii",
    "iso-8859-1",
    "windows-1252",
}
_XML_ENCODING = re.compile(rb"^[^<]{0,4}<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([^\"'>]{0,40})")
_DECLARATION = re.compile(rb"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
# Parts that a document only carries: fonts and pictures, of which a drawing may have a declaration.
CARRIED = (".svg", ".png", ".jpg", ".jpeg", ".gif", ".emf", ".wmf", ".tif", ".tiff", ".odttf", ".fntdata")
_NO_TEXT = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f]")

# Extension -> what it must hold. Zip kinds name a part that must be present.
ZIP_PARTS = {"docx": "word/document.xml", "xlsx": "xl/workbook.xml", "qdpx": ".qde"}
TEXT_KINDS = {"txt", "csv", "tsv", "vtt", "srt", "yaml", "yml", "json"}
SAV_MAGIC = (b"$FL2", b"$FL3")
MEDIA_KINDS = {"m4a", "mp3", "wav"}


class SealedUpload(UploadedFile):  # type: ignore[type-arg]  # generic only for the type checker
    """An upload that lies encrypted in VAR_DIR/uploads under a key that only this object holds.

    `problem` says why it could not be received; then nothing of it is kept, and reading it raises.
    """

    def __init__(
        self, *, path: Path, key: bytes, name: str, content_type: str, size: int, problem: str = ""
    ) -> None:
        super().__init__(file=None, name=name, content_type=content_type, size=size)
        self.path, self.key, self.problem = path, key, problem
        self.kind = ""

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        if self.problem:
            raise BadFile(self.problem)
        with self.path.open("rb") as source:
            yield from crypto.unseal_file(source, self.key, where=f"upload:{self.path.stem}")

    def read(self, n_bytes: int | None = None) -> bytes:
        return b"".join(self.chunks())

    def open(self, mode: str | None = None) -> SealedUpload:  # type: ignore[override]
        return self

    def close(self) -> None:
        self.path.unlink(missing_ok=True)


class EncryptingUploadHandler(FileUploadHandler):
    """Writes every upload encrypted from its first byte on; plain bytes never reach the disk.

    A file that is too large, or for which there is no room, is received to its end and dropped, so that its form can
    say so beside everything else that was filled in.
    """

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        folder = Path(settings.VAR_DIR) / "uploads"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.path = folder / f"{uuid.uuid4()}.part"
        self.key = crypto.new_key()
        self.problem = ""
        self.target: BinaryIO = self.path.open("wb")
        # When the sender goes away Django lets go of the handler and tells it nothing.
        self.drop = weakref.finalize(self, _drop, self.target, self.path)
        self.sealer = crypto.FileSealer(self.target, self.key, where=f"upload:{self.path.stem}")

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        if self.problem:
            return
        if self.sealer.n_bytes + len(raw_data) > settings.MAX_UPLOAD_BYTES:
            self._give_up(f"The file is larger than {settings.MAX_UPLOAD_BYTES // MEGABYTE} MB.")
            return
        try:
            self.sealer.write(raw_data)
        except OSError as error:
            self._no_room(error)

    def file_complete(self, file_size: int) -> SealedUpload:
        if not self.problem:
            try:
                self.sealer.close()
                self.target.close()
                self.drop.detach()
            except OSError as error:
                self._no_room(error)
        return SealedUpload(
            path=self.path,
            key=self.key,
            name=self.file_name or "",
            content_type=self.content_type or "",
            size=file_size,
            problem=self.problem,
        )

    def upload_interrupted(self) -> None:
        if hasattr(self, "target"):
            self._give_up("The file did not arrive whole.")

    def _no_room(self, error: OSError) -> None:
        log.error("an upload was dropped: %s", error.strerror)
        self._give_up(NoRoom().message)

    def _give_up(self, problem: str) -> None:
        self.problem = problem
        self.drop()


def _drop(target: BinaryIO, path: Path) -> None:
    with contextlib.suppress(OSError):  # closing writes what is still held back, for which there is no room
        target.close()
    path.unlink(missing_ok=True)


def extension(name: str) -> str:
    return PurePosixPath(name.replace("\\", "/")).suffix.lower().lstrip(".")


def check(name: str, data: bytes, kinds: Sequence[str], *, max_mb: int | None = None) -> str:
    """The kind of a file, after everything that can be checked without parsing it.

    Raises
        BadFile: Empty, too large, of a kind that is not wanted, or not what its name says.
    """
    wanted = ", ".join(f".{kind}" for kind in kinds)
    kind = extension(name)
    limit = (max_mb or settings.MAX_UPLOAD_BYTES // MEGABYTE) * MEGABYTE
    if not data:
        raise BadFile("The file is empty.")
    if len(data) > limit:
        raise BadFile(f"The file is larger than {limit // MEGABYTE} MB.")
    if kind not in kinds:
        raise BadFile(f"Choose a file that ends in {wanted}.")
    if kind in ZIP_PARTS:
        check_zip(data, ZIP_PARTS[kind])
    elif data[:4] == b"PK\x03\x04":
        raise BadFile(f"The name ends in .{kind}, but the content is another kind of file.")
    elif kind in TEXT_KINDS:
        decode_text(data)
    elif kind in {"sav", "zsav"} and data[:4] not in SAV_MAGIC:
        raise BadFile("This is not an SPSS file, although its name says so.")
    elif kind in MEDIA_KINDS and not _is_sound(kind, data):
        raise BadFile(f"This is not a .{kind} recording, although its name says so.")
    return kind


def _is_sound(kind: str, data: bytes) -> bool:
    if kind == "wav":
        return data[:4] == b"RIFF" and data[8:12] == b"WAVE"
    if kind == "m4a":
        return data[4:8] == b"ftyp"
    return data[:3] == b"ID3" or (data[0] == 0xFF and data[1] & 0xE0 == 0xE0)


def check_zip(data: bytes, needed_part: str) -> None:
    """Refuse bombs, path tricks, links, encrypted or duplicate parts, macros and document type declarations.

    Raises
        BadFile: With the reason, in words.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _check_parts(archive, needed_part, MAX_DOCUMENT_PART if "word/" in needed_part else MAX_PART)
    except BadFile:
        raise
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        struct.error,
        RuntimeError,
        NotImplementedError,
        ValueError,
        OSError,
    ):
        raise BadFile("The file is damaged or not what its name says.") from None


def _check_parts(archive: zipfile.ZipFile, needed_part: str, max_part: int) -> None:
    parts = archive.infolist()
    names = [part.filename for part in parts]
    if len(parts) > MAX_PARTS or len(set(map(str.lower, names))) != len(names):
        raise BadFile("The file has too many or duplicate parts.")
    if not any(name.lower().endswith(needed_part) for name in names):
        raise BadFile("The file is not what its name says.")
    total = 0
    for part in parts:
        path = PurePosixPath(part.filename.replace("\\", "/"))
        is_link = (part.external_attr >> 16) & 0o170000 == 0o120000
        if path.is_absolute() or ".." in path.parts or is_link:
            raise BadFile("The file has a part that points outside it.")
        if part.flag_bits & 0x1:
            raise BadFile("The file is protected by a password. Save it without one and try again.")
        if path.name.lower() in {"vbaproject.bin", "vbadata.xml"}:
            raise BadFile("The file has macros. Save it without macros and try again.")
        total += _inflate(archive, part, total, max_part)


def _inflate(archive: zipfile.ZipFile, part: zipfile.ZipInfo, total: int, max_part: int) -> int:
    """The unpacked size of a part, read through once: also for declarations, which a comment can push far down.

    Any part that is not only carried may be named as the document itself, whatever it is called.
    """
    size, before = 0, b""
    is_read = not part.filename.lower().endswith(CARRIED)
    with archive.open(part) as stream:
        while piece := stream.read(1 << 16):
            if is_read:
                plain = piece.replace(b"\x00", b"")
                if not size:
                    _check_encoding(plain)
                if _DECLARATION.search(before + plain):
                    raise BadFile("The file has a document type declaration, which no office program writes.")
                before = (before + plain)[-16:]
            size += len(piece)
            is_bomb = size > RATIO_FROM and size > MAX_RATIO * max(part.compress_size, 1)
            if size > max_part or total + size > MAX_INFLATED or is_bomb:
                raise BadFile("The file unpacks to far more than a document holds.")
    return size


def _check_encoding(head: bytes) -> None:
    found = _XML_ENCODING.match(head)
    if found and found[1].decode("latin-1").strip().lower() not in XML_ENCODINGS:
        raise BadFile("A part of the file is written in an encoding that no office program uses.")
    if head.startswith(b"\x4c\x6f\xa7\x94\x93"):  # “<?xml” in EBCDIC
        raise BadFile("A part of the file is written in an encoding that no office program uses.")


BOMS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)


def decode_text(data: bytes) -> tuple[str, str]:
    """Text and the name of its encoding: by byte order mark, else UTF-8, else the likeliest 8- or 16-bit encoding.

    Raises
        BadFile: The bytes are not text.
    """
    try:
        for mark, encoding in BOMS:
            if data.startswith(mark):
                return data.decode(encoding), encoding.removesuffix("-sig")
        text, encoding = data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        text, encoding = _guess(data)
    if "\x00" in text:
        text, encoding = _guess(data)
    if _NO_TEXT.search(text):
        raise BadFile("This is not a text file, although its name says so.")
    return text, encoding


def _guess(data: bytes) -> tuple[str, str]:
    if b"\x00" in data[:4096]:
        encoding = "utf-16-le" if data[1:2] == b"\x00" else "utf-16-be"
        try:
            return data.decode(encoding), encoding
        except UnicodeDecodeError:
            raise BadFile("This is not a text file, although its name says so.") from None
    # Windows-1252 is what offices here write; every byte it leaves open is then looked at by the guesser.
    try:
        return data.decode("cp1252"), "cp1252"
    except UnicodeDecodeError:
        best = from_bytes(data[:200_000]).best()
        try:
            return data.decode(best.encoding if best else "latin-1"), best.encoding if best else "latin-1"
        except (UnicodeDecodeError, LookupError):
            raise BadFile(
                "The encoding of the text was not recognised. Save it as UTF-8 and try again."
            ) from None
