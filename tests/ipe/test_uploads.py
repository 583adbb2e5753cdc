import gc
import io
import zipfile
from pathlib import Path

import docx
import openpyxl
import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.handlers.wsgi import WSGIRequest
from django.http import UnreadablePostError

from ipe import uploads
from ipe.errors import BadFile


def zipped(**parts: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name.replace("__", "/"), data)
    return target.getvalue()


def a_docx() -> bytes:
    target = io.BytesIO()
    document = docx.Document()
    document.add_paragraph("INT: Hello")
    document.save(target)
    return target.getvalue()


def an_xlsx() -> bytes:
    target = io.BytesIO()
    book = openpyxl.Workbook()
    book.active.append(["a", 1])
    book.save(target)
    return target.getvalue()


def test_good_files_pass():
    assert uploads.check("a.docx", a_docx(), ["docx", "txt"]) == "docx"
    assert uploads.check("a.XLSX", an_xlsx(), ["xlsx"]) == "xlsx"
    assert uploads.check("a.txt", "Zoë".encode(), ["txt"]) == "txt"


@pytest.mark.row("V1.5.1", "V5.2.2", "V5.3.3")
@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.txt", b"", "empty"),
        ("a.exe", b"MZ", "ends in"),
        ("a.txt", a_docx(), "another kind"),
        ("a.docx", b"not a zip", "damaged"),
        ("a.docx", an_xlsx(), "not what its name says"),
        ("a.docx", a_docx()[:-40], "damaged"),
        ("a.docx", zipped(**{"word/document.xml": b"\0" * 30_000_000}), "unpacks"),
        ("a.docx", zipped(**{"word/document.xml": b"<!DOCTYPE x [<!ENTITY y SYSTEM 'file:///etc/passwd'>]><x/>"}), "type"),
        ("a.docx", zipped(**{"word/document.xml": b"<x/>", "word/vbaProject.bin": b"x"}), "macros"),
        ("a.docx", zipped(**{"word/document.xml": b"<x/>", "../../etc/cron": b"x"}), "outside"),
        ("a.docx", zipped(**{"word/document.xml": b"<x/>", "WORD/document.xml": b"<x/>"}), "duplicate"),
        ("a.txt", b"\x00\x01\x02\x03binary", "not a text"),
        ("a.sav", b"nothing", "SPSS"),
        ("a.m4a", b"nothing at all", "recording"),
    ],
    ids=lambda value: value if isinstance(value, str) else "data",
)  # fmt: skip
def test_bad_files_are_refused_in_words(name, data, words):
    with pytest.raises(BadFile, match=words):
        uploads.check(name, data, ["docx", "txt", "sav", "m4a"])


def test_too_large_is_refused():
    with pytest.raises(BadFile, match="larger than 1 MB"):
        uploads.check("a.txt", b"a" * 1_100_000, ["txt"], max_mb=1)


@pytest.mark.row("V1.5.1")
def test_utf16_declaration_does_not_hide_an_entity():
    hidden = "<?xml version='1.0' encoding='utf-16'?><!DOCTYPE x><x/>".encode("utf-16")
    with pytest.raises(BadFile, match="declaration"):
        uploads.check("a.docx", zipped(**{"word/document.xml": hidden}), ["docx"])


@pytest.mark.row("V1.5.1")
@pytest.mark.parametrize(
    ("part", "data", "words"),
    [
        ("word/document.xml", b"<!--" + b" " * 200_000 + b"--><!DOCTYPE x><x/>", "declaration"),
        ("word/document.xml", b"<!--" + b" " * (65_536 - 8) + b"--><!DOCTYPE x><x/>", "declaration"),
        ("word/document.xml", "<!DOCTYPE x><x/>".encode("utf-32"), "declaration"),
        ("word/other.bin", b"<!DOCTYPE x [<!ENTITY y 'z'>]><x/>", "declaration"),
        ("word/document.xml", b"<?xml version='1.0' encoding='UTF-7'?>+ADwAIQ-DOCTYPE x><x/>", "encoding"),
        (
            "word/document.xml",
            "<?xml version='1.0' encoding='cp037'?><!DOCTYPE x><x/>".encode("cp037"),
            "encoding",
        ),
    ],
    ids=["far down", "across pieces", "four bytes a letter", "another name", "utf-7", "ebcdic"],
)
def test_a_declaration_is_found_wherever_and_however_it_is_written(part, data, words):
    parts = {"word/document.xml": b"<x/>", part: data}
    with pytest.raises(BadFile, match=words):
        uploads.check("a.docx", zipped(**parts), ["docx"])


def test_a_picture_may_have_a_declaration():
    picture = b"<?xml version='1.0'?><!DOCTYPE svg><svg/>"
    parts = {"word/document.xml": b"<x/>", "word/media/image1.svg": picture}
    assert uploads.check("a.docx", zipped(**parts), ["docx"]) == "docx"


def test_the_text_of_a_document_may_unpack_to_forty_megabytes():
    line = b"<w:p>" + bytes(range(97, 123)) * 40 + b"</w:p>"
    with pytest.raises(BadFile, match="unpacks"):
        uploads.check("a.docx", zipped(**{"word/document.xml": line * 45_000}), ["docx"], max_mb=100)


@pytest.mark.parametrize(
    ("data", "text", "encoding"),
    [
        ("Zoë – “yes”".encode(), "Zoë – “yes”", "utf-8"),
        (b"\xef\xbb\xbf" + "Zoë".encode(), "Zoë", "utf-8"),
        ("Zoë".encode("utf-16"), "Zoë", "utf-16"),
        ("Zoë and Tom".encode("utf-16-le"), "Zoë and Tom", "utf-16-le"),
        ("Zoë – “yes”".encode("cp1252"), "Zoë – “yes”", "cp1252"),
        ("caf\xe9".encode("latin-1"), "café", "cp1252"),
        ("مرحبا 👩‍👧".encode(), "مرحبا 👩‍👧", "utf-8"),
    ],
)
def test_decode_text(data, text, encoding):
    assert uploads.decode_text(data) == (text, encoding)


def receive(data: bytes, chunk: int = 65_536) -> uploads.SealedUpload:
    handler = uploads.EncryptingUploadHandler()
    handler.new_file("file", "Ann Smith.txt", "text/plain", len(data), None)
    for start in range(0, len(data), chunk):
        handler.receive_data_chunk(data[start : start + chunk], start)
    return handler.file_complete(len(data))


def test_upload_lies_encrypted_and_is_removed_on_close():
    data = b"Ann Smith said this. " * 200_000
    upload = receive(data)
    assert b"Ann Smith" not in upload.path.read_bytes()
    assert "Ann" not in str(upload.path)
    assert upload.read() == data
    upload.close()
    assert not upload.path.exists()


@pytest.mark.row("V5.2.1")
def test_upload_over_the_limit_leaves_nothing(settings):
    settings.MAX_UPLOAD_BYTES = 1 << 20
    upload = receive(b"a" * 2_000_000)
    with pytest.raises(BadFile, match="larger than 1 MB"):
        upload.read()
    assert list((Path(settings.VAR_DIR) / "uploads").glob("*")) == []


class GoesAway(io.BytesIO):
    """A sender whose connection breaks after 200,000 bytes."""

    def read(self, size: int | None = -1) -> bytes:
        if self.tell() > 200_000:
            raise OSError("connection reset")
        return super().read(size)


def test_an_upload_whose_sender_goes_away_leaves_nothing(rf):
    body = b'--X\r\nContent-Disposition: form-data; name="f"; filename="a.txt"\r\n\r\n' + b"a" * 900_000
    request = rf.generic("POST", "/", body, content_type="multipart/form-data; boundary=X")
    broken = WSGIRequest(request.environ | {"wsgi.input": GoesAway(body)})
    with pytest.raises(UnreadablePostError):
        broken.FILES  # noqa: B018 - reading it receives the file
    broken.close()
    del request, broken
    gc.collect()
    assert list((Path(settings.VAR_DIR) / "uploads").glob("*")) == []


def test_no_plain_file_is_written_by_a_request(client, db):
    """A form post with a file, through the whole stack, leaves nothing readable under VAR_DIR."""
    secret = b"canary-of-the-upload " * 300_000
    client.post("/accounts/login/", {"file": SimpleUploadedFile("x.txt", secret)})
    for path in Path(settings.VAR_DIR).rglob("*"):
        if path.is_file():
            assert b"canary-of-the-upload" not in path.read_bytes()
