"""Files made to fill the memory or the time of whoever reads them."""

from __future__ import annotations

import io
import time
import zipfile

import openpyxl
import pytest

from ipe.errors import BadFile
from surveys.readers import qualtrics, reading, table
from surveys.readers.sheet import drop_empty_tail
from tests.surveys import samples


def a_sheet(xml_rows: str, dimension: str) -> bytes:
    """A workbook whose only sheet says of itself what is given."""
    plain = io.BytesIO()
    openpyxl.Workbook().save(plain)
    made = io.BytesIO()
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            data = source.read(name)
            if name == "xl/worksheets/sheet1.xml":
                data = (
                    '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
                    f'<dimension ref="{dimension}"/><sheetData>{xml_rows}</sheetData></worksheet>'
                ).encode()
            target.writestr(name, data)
    return made.getvalue()


def cell(ref: str, text: str) -> str:
    return f'<c r="{ref}" t="inlineStr"><is><t>{text}</t></is></c>'


def test_a_sheet_that_lies_about_its_size_is_as_wide_as_its_cells():
    rows = f'<row r="1">{cell("A1", "id")}{cell("B1", "time")}</row><row r="2">{cell("A2", "r1")}{cell("B2", "Agree")}</row>'
    assert table.xlsx_rows(a_sheet(rows, "A1:XFD1048576"), file="f") == [["id", "time"], ["r1", "Agree"]]


def test_a_row_far_down_is_refused_before_it_fills_the_memory():
    rows = f'<row r="1">{cell("A1", "id")}</row><row r="1000000">{cell("A1000000", "x")}</row>'
    with pytest.raises(BadFile, match="more than 100,000 rows"):
        table.xlsx_rows(a_sheet(rows, "A1:BXX1000000"), file="f")


def test_more_cells_than_a_survey_has_are_refused(monkeypatch):
    wide = f'<row r="1">{cell("A1", "id")}{cell("BXW1", "x")}</row>'
    far = f'<row r="90000">{cell("A90000", "x")}</row>'
    with pytest.raises(BadFile, match="10,000,000 cells"):
        table.xlsx_rows(a_sheet(wide + far, "A1:BXW90000"), file="f")


def test_millions_of_columns_are_refused():
    with pytest.raises(BadFile, match="2,000 columns"):
        reading.read("a.csv", b"a" + b"," * 3_000_000)


@pytest.mark.real_clock
def test_thousands_of_empty_columns_are_cut_in_one_go():
    rows = [["id", "time", *[""] * 1_998] for _ in range(3_000)]
    began = time.perf_counter()
    assert drop_empty_tail(rows, 1)[0] == ["id", "time"]
    assert time.perf_counter() - began < 10


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([["a", "b", ""], ["1", "2", ""]], [["a", "b"], ["1", "2"]]),
        ([["a", "b", ""], ["1", "2", "3"]], [["a", "b", ""], ["1", "2", "3"]]),
        ([["a", "", ""], ["1", "", ""]], [["a"], ["1"]]),
        ([["a", "b", ""], ["1"]], [["a", "b"], ["1"]]),
        ([["", ""], ["", ""]], [[""], [""]]),
        ([], []),
    ],
)
def test_the_empty_tail_is_what_no_row_fills(rows, expected):
    assert drop_empty_tail(rows, 1) == expected


@pytest.mark.parametrize("cell_text", ['{"a":' + "[" * 900, "{" * 500_000, "{'ImportId': " + "(" * 100_000])
def test_a_heading_nested_without_end_is_no_import_id(cell_text):
    assert qualtrics.import_id(cell_text) is None


def test_the_headings_of_an_spss_file_say_whether_it_is_too_large(tmp_path):
    import pandas as pd
    import pyreadstat

    path = tmp_path / "big.zsav"
    pyreadstat.write_sav(pd.DataFrame({"text": ["x" * 8_000] + ["y"] * 60_000}), str(path), compress=True)
    data = path.read_bytes()
    assert len(data) < 5_000_000
    with pytest.raises(BadFile, match="unpacks to far more"):
        reading.read("big.zsav", data)


def test_a_byte_that_crashes_the_spss_reader_costs_only_the_file(tmp_path):
    # The number of the column that value labels belong to: with one far beyond the last the C library crashes.
    data = bytearray(samples.spss(tmp_path))
    labels_of_one_column = b"\x04\x00\x00\x00\x01\x00\x00\x00"
    data[data.index(labels_of_one_column) + len(labels_of_one_column) + 2] = 0x67
    with pytest.raises(BadFile, match="not an SPSS file that can be read") as refused:
        reading.read("wave.sav", bytes(data), label="wave.sav")
    assert refused.value.message.startswith("wave.sav")


def a_workbook_with(part: str, data: bytes) -> bytes:
    """A workbook of one row, with one of its parts replaced."""
    book = openpyxl.Workbook()
    book.active.append(["id", "time"])
    plain, made = io.BytesIO(), io.BytesIO()
    book.save(plain)
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(made, "w") as target:
        for name in source.namelist():
            target.writestr(name, data if name == part else source.read(name))
    return made.getvalue()


@pytest.mark.parametrize(
    ("part", "data"),
    [
        ("xl/worksheets/sheet1.xml", b"<worksheet"),
        ("xl/worksheets/sheet1.xml", b""),
        ("xl/styles.xml", b"<styleSheet at=>"),
        ("xl/workbook.xml", b'<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"/>'),
        ("[Content_Types].xml", b"<Types"),
    ],
)
def test_a_damaged_workbook_is_refused_by_name(part, data):
    with pytest.raises(BadFile, match=r"wave\.xlsx: This is not a workbook that can be read"):
        reading.read("wave.xlsx", a_workbook_with(part, data), label="wave.xlsx")
