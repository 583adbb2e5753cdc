"""Files in: encodings, Word documents, and hostile ones."""

from __future__ import annotations

import io
import zipfile

import docx
import pytest
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls

from ipe.errors import BadFile
from transcripts.reading import read_file


def word(build) -> bytes:
    document = docx.Document()
    build(document)
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def rewritten(data: bytes, part: str, change) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, change(old.read(name)) if name == part else old.read(name))
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        ("Zoë: “Yes” 😀\nINT: ok".encode(), "utf-8"),
        ("Zoë: “Yes” 😀\nINT: ok".encode("utf-8-sig"), "utf-8"),
        ("Zoë: “Yes” 😀\nINT: ok".encode("utf-16"), "utf-16"),
        ("Zoë: “Yes” 😀\nINT: ok".encode("utf-16-le"), "utf-16-le"),
    ],
)
def test_text_in_every_unicode_encoding_is_the_same(data, encoding):
    read = read_file("talk.txt", data)
    assert read.text == "Zoë: “Yes” 😀\nINT: ok"
    assert read.encoding == encoding


def test_latin_1_is_read():
    assert read_file("talk.txt", "Zoë: café".encode("latin-1")).text == "Zoë: café"


def test_line_ends_become_one_and_nothing_else_changes():
    text = "  a \r\nb\rc\n\n e\u0301 \u00a0\u202e "
    assert read_file("talk.txt", text.encode()).text == "  a \nb\nc\n\n e\u0301 \u00a0\u202e "


def test_word_paragraphs_and_tables_stand_in_order():
    def build(document):
        document.add_paragraph("INT: One")
        table = document.add_table(rows=2, cols=2)
        for row, cells in zip(table.rows, (("a", "b"), ("c", "d")), strict=True):
            for cell, words in zip(row.cells, cells, strict=True):
                cell.text = words
        document.add_paragraph("Mary: Two\tthree")

    assert read_file("talk.docx", word(build)).text == "INT: One\na\tb\nc\td\nMary: Two\tthree"


def test_cells_in_content_controls_and_tables_in_cells_are_read():
    def build(document):
        table = document.add_table(rows=1, cols=2)
        table.rows[0].cells[0].text = "INT"
        held = table.rows[0].cells[1]
        held.text = "Hello"
        held.add_table(rows=1, cols=1).rows[0].cells[0].text = "there"
        control = parse_xml(f"<w:sdt {nsdecls('w')}><w:sdtContent/></w:sdt>")
        held._tc.addprevious(control)
        control[0].append(held._tc)

    assert read_file("talk.docx", word(build)).text.split() == ["INT", "Hello", "there"]


def test_tracked_insertions_count_and_deletions_do_not():
    def build(document):
        paragraph = document.add_paragraph("I was ")
        paragraph._p.append(
            parse_xml(f'<w:ins {nsdecls("w")} w:id="1" w:author="x"><w:r><w:t>very </w:t></w:r></w:ins>')
        )
        paragraph._p.append(
            parse_xml(
                f'<w:del {nsdecls("w")} w:id="2" w:author="x"><w:r><w:delText>not </w:delText></w:r></w:del>'
            )
        )
        paragraph.add_run("glad")

    assert read_file("talk.docx", word(build)).text == "I was very glad"


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("talk.txt", b"", "empty"),
        ("talk.txt", b" \n\t\n", "no text"),
        ("talk.txt", bytes(range(256)) * 4, "not a text file"),
        ("talk.docx", b"INT: hello", "damaged or not what"),
        ("talk.pdf", b"%PDF-1.7", "Choose a file"),
        ("talk.txt", b"PK\x03\x04rest", "another kind"),
        ("talk.txt", b"x" * (21 << 20), "larger than"),
        ("talk.txt", b"word " * 500_000, "longer than"),
    ],
)
def test_bad_files_are_refused_in_words(name, data, words):
    with pytest.raises(BadFile, match=words):
        read_file(name, data)


def test_a_zip_bomb_is_refused():
    bomb = rewritten(
        word(lambda d: d.add_paragraph("x")), "word/document.xml", lambda _: b"<w>" + b" " * (250 << 20)
    )
    with pytest.raises(BadFile, match="unpacks to far more"):
        read_file("talk.docx", bomb)


def test_an_external_entity_is_refused(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("canary")
    doctype = f'<!DOCTYPE x [<!ENTITY e SYSTEM "file://{secret}">]>'.encode()
    data = rewritten(
        word(lambda d: d.add_paragraph("x")),
        "word/document.xml",
        lambda old: old.replace(b"?>", b"?>" + doctype, 1),
    )
    with pytest.raises(BadFile, match="document type"):
        read_file("talk.docx", data)


def test_a_broken_document_part_is_refused_without_quoting_it():
    data = rewritten(
        word(lambda d: d.add_paragraph("x")), "word/document.xml", lambda _: b"<w:document>canary"
    )
    with pytest.raises(BadFile) as caught:
        read_file("talk.docx", data)
    assert "canary" not in caught.value.message
