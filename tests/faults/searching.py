"""Looks for strings in bytes, in every form in which this application or its formats could have written them."""

from __future__ import annotations

import base64
import html
import io
import json
import urllib.parse
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

SHORTEST = 8  # bytes; a shorter piece of base64 is found by chance


def forms_of(text: str) -> dict[str, bytes]:
    """The bytes that give a string away, by the name of the encoding."""
    plain = text.encode()
    found = {
        "UTF-8": plain,
        "lower case": text.lower().encode(),
        "UTF-16": text.encode("utf-16-le"),
        "JSON": json.dumps(text)[1:-1].encode(),
        "HTML": html.escape(text).encode(),
        "URL": urllib.parse.quote(text).encode(),
        "form": urllib.parse.quote_plus(text).encode(),
        "hex": plain.hex().encode(),
        "HEX": plain.hex().upper().encode(),
        "name as an upload header writes it": plain.decode("latin-1").encode(),
    }
    for shift in range(3):
        # The whole groups of three bytes when the string begins at this place of a group.
        core = plain[(3 - shift) % 3 :]
        core = core[: len(core) // 3 * 3]
        if len(core) >= SHORTEST:
            found[f"base64, {shift}"] = base64.b64encode(core)
            found[f"base64 for URLs, {shift}"] = base64.urlsafe_b64encode(core)
    return found


class Search:
    """Where each of the named strings stands in the pieces of data it is shown."""

    def __init__(self, strings: Mapping[str, str]) -> None:
        self.needles: dict[tuple[str, str], bytes] = {}
        for name, text in strings.items():
            # Many forms of a plain string are the same bytes; each is looked for once.
            once = {needle: form for form, needle in reversed(forms_of(text).items())}
            self.needles |= {(name, form): needle for needle, form in once.items()}
        self.hits: set[tuple[str, str, str]] = set()
        self.n_bytes = 0

    def look(self, place: str, data: bytes) -> None:
        self.n_bytes += len(data)
        self.hits |= {(place, name, form) for (name, form), needle in self.needles.items() if needle in data}
        for inner, piece in inside(data):
            self.look(f"{place} > {inner}", piece)

    def look_everywhere(self, folder: Path) -> None:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self.look(str(path.relative_to(folder.parent)), path.read_bytes())
            self.look("a file's name", path.name.encode())

    @property
    def found(self) -> set[str]:
        """The names of the strings that stand somewhere."""
        return {name for _, name, _ in self.hits}

    def report(self) -> str:
        return "\n".join(f"{name} in {place} as {form}" for place, name, form in sorted(self.hits))


def inside(data: bytes) -> Iterator[tuple[str, bytes]]:
    """The parts of a workbook or document, and the plain streams of a PDF."""
    if data[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for part in archive.infolist():
                yield part.filename, archive.read(part)
    elif data[:5] == b"%PDF-":
        yield "text", "\n".join(pdf_text(data)).encode()


def pdf_text(data: bytes) -> Iterable[str]:
    from pypdf import PdfReader

    return [page.extract_text() for page in PdfReader(io.BytesIO(data)).pages]
