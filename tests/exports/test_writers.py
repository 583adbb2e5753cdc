"""The same table in every format, full of text that breaks exporters, read back by another program."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
import zipfile

import docx
import openpyxl
import pypdf
import pytest

from exports import as_csv, as_docx, as_json, as_pdf, as_xlsx
from exports.cleaning import clean
from exports.table import (
    Attribution,
    Band,
    Column,
    Count,
    Cover,
    Document,
    Figure,
    Heading,
    Hidden,
    Paragraph,
    Quote,
    Rich,
    Run,
    Share,
    Table,
)
from tests.exports.hostile import ARABIC, FAMILY, HEBREW, TEXTS

MADE_AT = dt.datetime(2026, 11, 21, 9, 30, tzinfo=dt.UTC)
COVER = Cover(
    "Study", MADE_AT, filter="Site A", base="All staff", version="1.0", data_hash="ab" * 32, rule="Rule"
)

COLUMNS = [
    Column("item", "=Item"),
    Column("n", "Agree", "count", part_of="base"),
    Column("base", "Base", "count"),
    Column("p", "Agree %", "percent", depends=("n", "base")),
    Column("on", "Date", "date"),
    Column("note", "Note"),
]
ROWS = [
    ["Useful", Count(35), Count(50), Share(35, 50), dt.date(2026, 11, 21), "plain"],
    ["Hidden", Hidden("c"), Count(30), Band("≥ 66%"), None, Hidden("z")],
    ["Exact", 23, 33, 100 * 23 / 33, dt.date(2026, 1, 2), float("nan")],
]
TABLE = Table.of("Answers", COLUMNS, ROWS, cover=COVER, notes=("A note",))
HOSTILE = Table.of("Hostile", [Column("t", "Text"), Column("u", "More")], [[text, "x"] for text in TEXTS])


def draft(table: Table) -> Table:
    import dataclasses

    return table.with_cover(dataclasses.replace(COVER, is_draft=True))


# CSV


def test_plain_csv_is_data_and_nothing_else():
    assert as_csv.write_plain(TABLE).decode().splitlines() == [
        "item,n,base,p,on,note",
        "Useful,35,50,70.0,2026-11-21,plain",
        "Hidden,[c],30,≥ 66%,,[z]",
        f"Exact,23,33,{100 * 23 / 33},2026-01-02,[x]",
    ]


def test_plain_csv_is_read_by_pandas_as_numbers():
    import pandas as pd

    frame = pd.read_csv(io.BytesIO(as_csv.write_plain(TABLE)), na_values=["[c]", "[z]", "[x]"])
    assert frame["n"].tolist()[::2] == [35, 23]
    assert frame["base"].tolist() == [50, 30, 33]


def test_guarded_csv_says_so_first_and_carries_the_cover():
    data = as_csv.write_guarded(TABLE)
    assert data.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))
    assert rows[0][0].startswith("Guarded for spreadsheets")
    assert ["Filter", "Site A"] in rows
    assert ["Made at (UTC)", "2026-11-21 09:30:00"] in rows
    assert rows[rows.index([]) + 1][0] == "'=Item"
    assert rows[-3] == ["Useful", "35", "50", "70.0", "2026-11-21", "plain"]


@pytest.mark.row("V1.2.10")
def test_no_field_of_a_guarded_csv_runs_in_a_spreadsheet():
    rows = list(csv.reader(io.StringIO(as_csv.write_guarded(HOSTILE).decode("utf-8-sig"))))
    for row in rows:
        for field in row:
            assert not re.match(r"[\s\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20]", field)


def test_real_numbers_are_not_guarded():
    table = Table.of("T", [Column("d", "Difference", "number")], [[-5], [-0.25]])
    assert as_csv.write_guarded(table).decode("utf-8-sig").splitlines()[-2:] == ["-5", "-0.25"]


def test_hostile_text_comes_back_from_plain_csv():
    rows = list(csv.reader(io.StringIO(as_csv.write_plain(HOSTILE).decode(), newline="")))
    assert [row[0] for row in rows[1:]] == [clean(text) for text in TEXTS]


def test_drafts_say_so_in_every_format():
    assert b"file_status" in as_csv.write_plain(draft(TABLE))
    assert b"DRAFT" in as_csv.write_guarded(draft(TABLE))
    assert as_json.write(draft(TABLE)).count(b'"DRAFT"') == 3
    book = openpyxl.load_workbook(io.BytesIO(as_xlsx.write(draft(TABLE))))
    assert "DRAFT: not for publication" in [row[1].value for row in book["Cover"].iter_rows(max_col=2)]
    assert "DRAFT" in book["Answers"].oddHeader.center.text
    assert (
        "DRAFT"
        in docx.Document(io.BytesIO(as_docx.write(draft(TABLE)))).sections[0].header.paragraphs[0].text
    )
    assert "DRAFT" in text_of(as_pdf.write(draft(TABLE)))
    assert b"DRAFT" not in as_csv.write_plain(TABLE) + as_csv.write_guarded(TABLE) + as_json.write(TABLE)


# XLSX


def book_of(tables: Table | list[Table], **more: object) -> openpyxl.Workbook:
    return openpyxl.load_workbook(io.BytesIO(as_xlsx.write(tables, **more)), rich_text=True)


@pytest.mark.row("F23", "SD-12")
def test_xlsx_has_a_cover_and_frozen_headers():
    book = book_of(TABLE)
    assert book.sheetnames == ["Cover", "Answers"]
    lines = {row[0].value: row[1].value for row in book["Cover"].iter_rows(max_col=2)}
    assert lines["Study"] == "Study"
    assert lines["Base"] == "All staff"
    assert lines["Data hash (SHA-256)"] == "ab" * 32
    assert lines["[c]"].startswith("hidden to protect people")
    assert book["Answers"].freeze_panes == "A2"


@pytest.mark.row("SD-12")
def test_xlsx_keeps_numbers_dates_and_hidden_cells_apart():
    rows = list(book_of(TABLE)["Answers"].iter_rows(min_row=2))
    assert [cell.value for cell in rows[0]] == [
        "Useful", 35, 50, 0.7, dt.datetime(2026, 11, 21), "plain",
    ]  # fmt: skip
    assert rows[0][3].number_format == "0.0%"
    assert [(cell.value, cell.data_type) for cell in rows[1]][1:4] == [
        ("[c]", "s"),
        (30, "n"),
        ("≥ 66%", "s"),
    ]
    assert rows[2][5].value == "[x]"


@pytest.mark.row("F23", "V1.2.10")
def test_no_cell_of_a_workbook_is_a_formula():
    cells = [cell for row in book_of(HOSTILE)["Hostile"].iter_rows(min_row=2, max_col=1) for cell in row]
    assert [cell.data_type for cell in cells if cell.value is not None] == ["s"] * (len(TEXTS) - 1)
    assert [str(cell.value or "") for cell in cells] == [clean(text) for text in TEXTS]
    assert [cell.quotePrefix for cell in cells][:4] == [True] * 4
    with zipfile.ZipFile(io.BytesIO(as_xlsx.write(HOSTILE))) as archive:
        sheets = b"".join(archive.read(name) for name in archive.namelist() if "worksheets/sheet" in name)
    assert b"<f>" not in sheets
    assert b"<f " not in sheets


def test_titles_headings_and_sheet_names_stay_text_when_somebody_edits_them():
    """A spreadsheet reads a cell anew when it is edited; only the quote prefix keeps "=…" from running then."""
    table = Table.of("=2+2", [Column("a", "=1+1"), Column("b", "-b")], [["x", "y"]], notes=("=n",))
    book = openpyxl.load_workbook(io.BytesIO(as_xlsx.write(table)))
    texts = [cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.value]
    assert {cell.value for cell in texts if cell.quotePrefix} >= {"=2+2", "=1+1", "-b"}
    assert not [cell.value for cell in texts if cell.value[0] in "=+-@" and not cell.quotePrefix]


def test_rich_cells_keep_their_runs_comments_and_links():
    rich = Rich(
        (
            Run("=Summary ", bold=True),
            Run("their words", kind="verbatim", link="q1"),
            Run(" [mine]", kind="comment"),
        ),
        comment="Seen\x00 again",
    )
    quotes = Table.of("It's quotes", [Column("q", "Quote")], [[Rich((Run("Q1"),), anchor="q1")]])
    book = book_of([Table.of("Matrix", [Column("c", "Cell")], [[rich]]), quotes])
    cell = book["Matrix"]["A2"]
    assert str(cell.value) == "=Summary their words [mine]"
    assert cell.data_type == "s"
    assert next(part.font.b for part in cell.value if not isinstance(part, str)) is True
    assert cell.comment.text == "Seen again"
    assert cell.comment.author == "Comment"
    assert cell.hyperlink.location == "'It''s quotes'!A2"


@pytest.mark.parametrize("character", ["x", "😀"])
def test_text_longer_than_a_cell_loses_nothing(character):
    text = character * 40_000
    rich = Rich((Run(text, bold=True),))
    book = book_of(Table.of("T", [Column("a", "A"), Column("b", "B")], [[text, rich]]))
    first = book["T"]["A2"].value
    assert first.endswith("[goes on in sheet Long text, L1]")
    assert len(first.encode("utf-16-le")) // 2 <= 32_767
    parts = [(row[0].value, row[2].value) for row in book["Long text"].iter_rows(min_row=2)]
    assert "".join(part for name, part in parts if name == "L1") == text
    assert "".join(part for name, part in parts if name == "L2") == text


def test_sheets_of_forbidden_and_equal_names():
    tables = [
        Table.of(title, [Column("a", "A")], [["x"]]) for title in ("a/b", "a/b", "Cover", "History", "")
    ]
    assert book_of(tables).sheetnames == ["Cover", "a b", "a b (2)", "Cover (2)", "History (2)", "Sheet"]


def test_huge_numbers_stay_exact_as_text():
    assert book_of(Table.of("T", [Column("a", "A", "number")], [[10**17 + 1]]))["T"]["A2"].value == str(
        10**17 + 1
    )


def test_workbook_needs_a_table():
    with pytest.raises(ValueError, match="at least one table"):
        as_xlsx.write([])


# DOCX and PDF

DOCUMENT = Document(
    f"Report {FAMILY}",
    (
        Heading("<b>Heading</b>"),
        *(Paragraph.of(text) for text in TEXTS),
        Quote((Run("I felt heard", kind="verbatim"),), Attribution("SW, 12m")),
        TABLE.with_cover(None),
        HOSTILE,
    ),
    COVER,
)


def text_of(data: bytes) -> str:
    return "\n".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(data)).pages)


def test_docx_holds_every_text_as_text():
    word = docx.Document(io.BytesIO(as_docx.write(DOCUMENT)))
    paragraphs = [paragraph.text for paragraph in word.paragraphs]
    for text in TEXTS:
        assert clean(text) in paragraphs
    assert "[SW, 12m]" in paragraphs
    assert [cell.text for cell in word.tables[0].rows[2].cells] == ["Hidden", "[c]", "30", "≥ 66%", "", "[z]"]
    assert [row.cells[0].text for row in word.tables[1].rows[1:]] == [clean(text) for text in TEXTS]


def test_docx_header_rows_repeat_and_wide_tables_lie_on_their_side():
    wide = Table.of("Wide", [Column(f"c{n}", f"C{n}") for n in range(9)], [["x"] * 9])
    word = docx.Document(io.BytesIO(as_docx.write(wide)))
    assert "w:tblHeader" in word.tables[0].rows[0]._tr.xml
    assert word.sections[0].page_width > word.sections[0].page_height


def test_docx_marks_right_to_left_paragraphs():
    word = docx.Document(io.BytesIO(as_docx.write(Document("T", (Paragraph.of(HEBREW),)))))
    paragraph = word.paragraphs[-1]
    assert "<w:bidi/>" in paragraph._p.xml
    assert paragraph.runs[0].font.rtl is True


def test_pdf_is_the_same_bytes_twice_and_embeds_its_font():
    data = as_pdf.write(DOCUMENT)
    assert data == as_pdf.write(DOCUMENT)
    fonts = [
        font.get_object()
        for page in pypdf.PdfReader(io.BytesIO(data)).pages
        for font in page["/Resources"]["/Font"].get_object().values()
    ]
    embedded = {str(font["/BaseFont"]) for font in fonts if "/FontFile2" in font.get("/FontDescriptor", {})}
    assert any("DejaVuSans" in name for name in embedded)


def test_pdf_escapes_markup_and_shows_what_it_cannot_draw():
    text = text_of(as_pdf.write(DOCUMENT))
    assert "<b>Heading</b>" in text
    assert "<script>alert(1)</script>" in text
    assert "file:///etc/hostname" in text
    assert "[U+1F469]" in text
    assert "[U+65E5]" in text
    assert "O'Brien" in text


@pytest.mark.row("SD-12")
def test_pdf_shows_hidden_cells_and_their_meaning():
    text = text_of(as_pdf.write(TABLE))
    assert "[c]" in text
    assert "≥ 66%" in text
    assert "hidden to protect people" in text
    assert "69.7%" in text


def test_pdf_joins_arabic_letters_and_draws_hebrew():
    # U+FEE3 is the initial meem with which the name begins. Order is tested in test_bidi: readers undo it.
    assert "\ufee3" in text_of(as_pdf.write(Document("T", (Paragraph.of(ARABIC),))))
    assert "[U+" not in text_of(as_pdf.write(Document("T", (Paragraph.of(HEBREW),))))


def test_pdf_long_cells_break_across_pages():
    table = Table.of("T", [Column("a", "A"), Column("b", "B")], [["word " * 8_000, "end"], ["last", "row"]])
    text = text_of(as_pdf.write(table))
    assert text.count("word") == 8_000
    assert "last" in text


def test_figures_carry_words():
    png = one_pixel()
    document = Document("T", (Figure(png, "Bars of answers", "Figure 1"),))
    word = docx.Document(io.BytesIO(as_docx.write(document)))
    assert 'descr="Bars of answers"' in word.element.xml
    assert "Bars of answers" in text_of(as_pdf.write(document))


def one_pixel() -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.new("RGB", (4, 2)).save(out, "PNG")
    return out.getvalue()


# Nobody and no machine in the metadata


@pytest.mark.row("V14.2.8")
def test_metadata_names_nobody():
    import getpass
    import socket

    word = docx.Document(io.BytesIO(as_docx.write(DOCUMENT))).core_properties
    assert (word.author, word.last_modified_by, word.comments) == ("", "", "")
    book = book_of(TABLE).properties
    assert (book.creator or "", book.lastModifiedBy or "") == ("", "")
    metadata = pypdf.PdfReader(io.BytesIO(as_pdf.write(DOCUMENT))).metadata
    assert {key: metadata[key] for key in ("/Author", "/Creator", "/Producer")} == {
        "/Author": "", "/Creator": "", "/Producer": "",
    }  # fmt: skip
    names = {name.encode() for name in (socket.gethostname(), getpass.getuser()) if len(name) > 4}
    for data in (as_docx.write(DOCUMENT), as_xlsx.write(TABLE)):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = b"".join(archive.read(name) for name in archive.namelist() if name.startswith("docProps"))
        assert not [name for name in names if name in parts]
        assert b"python-docx" not in parts
