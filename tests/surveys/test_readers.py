import codecs
import io

import openpyxl
import pytest

from ipe.errors import BadFile
from surveys.readers import qualtrics, reading, sheet, spss, table
from tests.surveys import samples

QUALTRICS = (
    "StartDate,Status,IPAddress,Finished,ResponseId,RecipientEmail,Q1_1\r\n"
    "Start Date,Response Type,IP Address,Finished,Response ID,Recipient Email,"
    '"How far do you agree? - I am satisfied"\r\n'
    '"{""ImportId"":""startDate""}","{""ImportId"":""status""}","{""ImportId"":""ipAddress""}",'
    '"{""ImportId"":""finished""}","{""ImportId"":""_recordId""}","{""ImportId"":""recipientEmail""}",'
    '"{""ImportId"":""QID1_1""}"\r\n'
    "2026-01-01,0,10.0.0.1,1,R_1,a@example.org,Agree\r\n"
)


def test_qualtrics_current():
    found = reading.read("export.csv", samples.qualtrics())
    assert found.form == "qualtrics"
    assert [column.import_id for column in found.columns] == [
        one for _, _, one in samples.CURRENT if one not in samples.PERSONAL
    ]
    assert sorted(found.removed) == sorted(
        name for name, _, one in samples.CURRENT if one in samples.PERSONAL
    )
    assert [line.number for line in found.lines] == [4]
    answers = dict(zip([column.import_id for column in found.columns], found.lines[0].cells, strict=True))
    assert (answers["_recordId"], answers["QID1"]) == ("R_3kTzQmVnA1b2C3d", "2")
    assert answers["QID2_TEXT"] == "A desk, and quiet"
    wording = next(column.text for column in found.columns if column.import_id == "QID2_TEXT")
    assert wording == "What would help,\nin your own words?"


def test_qualtrics_legacy():
    found = reading.read("export.csv", samples.qualtrics_legacy())
    assert found.form == "qualtrics-legacy"
    assert found.columns[0].import_id == "_recordId"
    assert [column.name for column in found.columns if column.name.startswith("Q")] == ["Q1", "Q2"]
    assert not {"Name", "EmailAddress", "IPAddress", "LocationLatitude"} & {c.text for c in found.columns}
    answers = dict(zip([column.name for column in found.columns], found.lines[0].cells, strict=True))
    assert answers == {
        "V1": "R_9aBcDeFgHiJkLmN",
        "V2": "Default Response Set",
        "V4": "",
        "V7": "0",
        "V8": "2016-03-02 09:14:07",
        "V9": "2016-03-02 09:15:31",
        "V10": "1",
        "Q1": "2",
        "Q2": "A desk",
    }


def test_spss_keeps_missing_codes_and_labels(tmp_path):
    found = spss.read(samples.spss(tmp_path), file="sample")
    assert found.form == "spss"
    assert [(column.name, column.text) for column in found.columns] == [
        ("TIME", "I have enough time"),
        ("HELP", "HELP"),
        ("LEVEL", "Level of the post"),
        ("HOURS", "HOURS"),
    ]
    assert [line.cells for line in found.lines] == [
        ("1", "A desk", "1", "7.5"),
        ("4", "", "2", "8.25"),
        ("98", "naïve – “quite”", "3", "0"),
        ("99", "n/a", "3", "-1"),
        ("", "x", "1", "40"),
    ]
    assert found.labels == {
        "TIME": {"1": "Strongly disagree", "4": "Strongly agree", "98": "Don’t know", "99": "No answer"},
        "LEVEL": {"1": "low", "2": "medium", "3": "high"},
    }


def test_files_of_other_programs(outside):
    """What Qualtrics and SPSS themselves wrote, beside our own files of the same kinds."""
    name = "qualtrics_sample.csv"
    found = reading.read(name, outside(f"surveys/{name}").read_bytes())
    assert found.form == "qualtrics"
    ids = [column.import_id for column in found.columns]
    assert not samples.PERSONAL & set(ids)
    assert len(found.removed) == 6
    assert [line.number for line in found.lines] == [4]
    assert found.lines[0].cells[ids.index("QID1")] == "2"

    name = "qualtrics_sample_legacy.csv"
    found = reading.read(name, outside(f"surveys/{name}").read_bytes())
    assert found.form == "qualtrics-legacy"
    assert found.columns[0].import_id == "_recordId"
    assert [column.name for column in found.columns if column.name.startswith("Q")] == ["Q1", "Q2"]
    assert not {"Name", "EmailAddress", "IPAddress", "LocationLatitude"} & {c.text for c in found.columns}
    assert found.lines[0].cells[0] == "R_2YPOQ602ER1jkf1"

    found = spss.read(outside("surveys/sample_missing.sav").read_bytes(), file="sample")
    assert found.form == "spss"
    assert found.lines
    ordered = spss.read(outside("surveys/ordered_category.sav").read_bytes(), file="ordered")
    assert any(labels == {"1": "high", "2": "low", "3": "medium"} for labels in ordered.labels.values())


def test_qualtrics_is_recognised_and_stripped():
    found = reading.read("export.csv", QUALTRICS.encode())
    assert found.form == "qualtrics"
    assert "IPAddress" in found.removed
    assert "RecipientEmail" in found.removed
    assert all("10.0.0.1" not in line.cells and "a@example.org" not in line.cells for line in found.lines)


@pytest.mark.parametrize(
    ("cell", "identity"),
    [
        ('{"ImportId":"QID1"}', "QID1"),
        ("{'ImportId': 'QID2-1'}", "QID2-1"),
        ('{"ImportId":"QID3","choiceId":"2"}', "QID3#2"),
        ('{"ImportId":"startDate","timeZone":"Europe/London"}', "startDate"),
        ('{"ImportId":', None),
        ("{'ImportId': __import__('os')}", None),
        ("QID1", None),
        ('{"Import":"QID1"}', None),
    ],
)
def test_import_id(cell, identity):
    assert qualtrics.import_id(cell) == identity


def test_matrix_heading_is_parted():
    assert qualtrics.stem_and_item("How far? - My job satisfies me") == (
        "How far?",
        "My job satisfies me",
    )
    assert qualtrics.stem_and_item("How far?-I am satisfied") == ("How far?", "I am satisfied")
    assert qualtrics.stem_and_item("I am satisfied") == ("", "I am satisfied")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
def test_encodings_give_the_same_sheet(encoding):
    text = "Name of team,Über\r\nÉquipe,5\r\n"
    found = reading.read("a.csv", text.encode(encoding))
    assert [column.name for column in found.columns] == ["Name of team", "Über"]
    assert found.lines[0].cells == ("Équipe", "5")


def test_semicolons_blank_last_line_and_quotes():
    data = codecs.BOM_UTF8 + b'"id";"q1"\r\n"1";"a; b"\r\n"2";"line one\nline two"\r\n\r\n'
    found = reading.read("lime.csv", data)
    assert [line.cells for line in found.lines] == [("1", "a; b"), ("2", "line one\nline two")]
    assert [line.number for line in found.lines] == [2, 3]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b"\r\n\r\n", "empty"),
        (b"id,q1,Q1\r\n1,2,3\r\n", "twice, in columns 2 and 3"),
        (b"id,,q\r\n1,2,3\r\n", "Column 2 .B. has no heading"),
        (b"\r\nid,q\r\n1,2\r\n", "row 1: The first row is blank"),
        (b"id,q1\r\n1,2\r\n1\r\n", "the file, row 3: There are 1 values but 2 headings"),
        (b"id,q1\r\n1,2,3\r\n", "row 2: There are 3 values"),
        (b'id,q1\r\n1,"2\r\n', "quotation mark"),
        (b"PK\x03\x04id,q1", "another kind of file"),
    ],
)
def test_bad_tables_name_the_place(data, message):
    with pytest.raises(BadFile, match=message):
        reading.read("a.csv", data)


def test_trailing_comma_is_no_column():
    found = reading.read("a.csv", b"id,q1,\r\n1,2,\r\n")
    assert [column.name for column in found.columns] == ["id", "q1"]


def workbook(*rows):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_xlsx_first_sheet_numbers_and_blanks():
    found = reading.read("a.xlsx", workbook(["id", "q1", "q2"], [1, "Agree", 2.5], [2, None, True]))
    assert [line.cells for line in found.lines] == [("1", "Agree", "2.5"), ("2", "", "TRUE")]


def test_xlsx_formula_is_refused_by_cell():
    with pytest.raises(BadFile, match="row 2, “q1”: Cell B2 holds a formula"):
        reading.read("a.xlsx", workbook(["id", "q1"], [1, "=1+1"]))


def test_csv_formula_text_stays_text():
    found = reading.read("a.csv", b'id,q1\r\n1,"=HYPERLINK(""x"")"\r\n')
    assert found.lines[0].cells == ("1", '=HYPERLINK("x")')


@pytest.mark.parametrize("name", ["a.xlsx", "a.sav", "a.pdf"])
def test_wrong_extension_is_refused(name):
    with pytest.raises(BadFile):
        reading.read(name, b"id,q1\r\n1,2\r\n")


def test_sheet_packs_and_unpacks():
    found = reading.read("export.csv", QUALTRICS.encode())
    assert sheet.unpack(sheet.pack(found)) == found


def test_find_prefers_the_exact_heading():
    found = table.read([["q1", "Q2 "], ["a", "b"]], file="f")
    assert found.find(column="q1") == [0]
    assert found.find(column="q2") == [1]
    assert found.find(import_id="QID1") == []
