import pytest

from ipe.errors import BadFile
from ipe.protocol.problems import ProtocolRefused
from surveys import mapping
from surveys.frames import instrument_spec
from surveys.mapping import apply, checked, differences
from surveys.questionnaire import InstrumentSpec, ItemSpec, Point, ScaleSpec
from surveys.readers import reading
from tests.surveys.conftest import MAPPING, as_csv

AGREE = ScaleSpec(
    "agree",
    (
        Point("1", "Strongly disagree"),
        Point("2", "Disagree"),
        Point("3", "Neither"),
        Point("4", "Agree"),
        Point("5", "Strongly agree"),
        Point("na", "Not applicable", "not_applicable"),
    ),
)
POSTS = ScaleSpec(
    "posts",
    (Point("dv", "Domestic abuse"), Point("mh", "Mental health"), Point("x", "None", "not_applicable")),
)
SPEC = InstrumentSpec(
    "s",
    {
        "useful": ItemSpec("useful", "The training was useful", scale="agree"),
        "posts": ItemSpec("posts", "Which posts?", kind="several_choices", scale="posts"),
        "load": ItemSpec("load", "Caseload", kind="number", maximum=80),
        "more": ItemSpec("more", "Anything else?", kind="free_text"),
    },
    {"agree": AGREE, "posts": POSTS},
    roles=("Social worker", "Team manager"),
    teams={"north": "north", "north district": "north", "south": "south"},
)


def read(csv, **more):
    part = checked({"mapping": 1, "name": "m", "items": {"useful": {"column": "useful"}}} | more)
    return apply(part, reading.read("a.csv", csv.encode()), SPEC)


def test_labels_are_read_without_regard_to_case_and_spaces():
    found = read("useful\nstrongly  AGREE\nDisagree\n\n")
    assert [dict(one.answers) for one in found.given] == [{"useful": {"5"}}, {"useful": {"2"}}]
    assert found.faults == ()


def test_numbers_must_be_listed_or_confirmed():
    assert "list in the mapping" in str(read("useful\n5\n").faults[0])
    listed = read("useful\n10\n13\n", items={"useful": {"column": "useful", "values": {10: "1", "13": "4"}}})
    assert [dict(one.answers)["useful"] for one in listed.given] == [{"1"}, {"4"}]
    confirmed = read("useful\n5\n", items={"useful": {"column": "useful", "numbers_are_codes": True}})
    assert dict(confirmed.given[0].answers)["useful"] == {"5"}


def test_reverse_mirrors_answers_but_not_not_applicable():
    found = read(
        "useful\nAgree\nNeither\nN/A\n",
        items={"useful": {"column": "useful", "reverse": True, "not_applicable": ["N/A"]}},
    )
    assert [dict(one.answers)["useful"] for one in found.given] == [{"2"}, {"3"}, {"na"}]


def test_impossible_values_are_told_by_row_and_column_and_never_repeated():
    found = read("useful\nAgree\nBananas by Mrs Smith\n")
    assert [str(fault) for fault in found.faults] == [
        "row 3, “useful”: this is none of the answers of the scale."
    ]
    with pytest.raises(BadFile) as caught:
        mapping.refuse_faults(found.faults, file="wave-1.csv")
    assert "wave-1.csv, row 3, “useful”" in caught.value.message
    assert "Smith" not in caught.value.message
    assert "Nothing was stored" in caught.value.message


def test_several_choices_numbers_and_texts():
    items = {
        "posts": {"column": "p", "separator": ";"},
        "load": {"column": "l"},
        "more": {"column": "m"},
    }
    found = read("p,l,m\nDomestic abuse;Mental health;,12.5,=cmd\n", items=items)
    one = found.given[0]
    assert (one.answers, str(one.numbers["load"]), one.texts) == (
        {"posts": {"dv", "mh"}},
        "12.5",
        {"more": "=cmd"},
    )
    wrong = read(
        "p,l,m\nNone;Mental health,900,\nDomestic abuse,many,\nDomestic abuse,NaN,\nDomestic abuse,1_0,\n",
        items=items,
    )
    assert [str(fault) for fault in wrong.faults] == [
        "row 2, “p”: “not applicable” or “don’t know” stands beside an answer.",
        "row 2, “l”: this is more than 80, the most that is possible.",
        "row 3, “l”: this is not a number.",
        "row 4, “l”: this is not a number.",
        "row 5, “l”: this is not a number.",
    ]


def test_role_and_teams_are_closed_lists():
    respondent = {"role": {"column": "r"}, "teams": {"column": "t", "separator": ","}}
    found = read('useful,r,t\nAgree,social WORKER,"North district,south"\n', respondent=respondent)
    assert (found.given[0].role, found.given[0].teams) == ("Social worker", ("north", "south"))
    wrong = read("useful,r,t\nAgree,Judge,east\n", respondent=respondent)
    assert [str(fault) for fault in wrong.faults] == [
        "row 2, “r”: this is none of the instrument’s roles.",
        "row 2, “t”: this is none of the site’s teams.",
    ]


def test_unknown_and_missing_columns_stop_everything():
    found = read("useful,extra\nAgree,1\n")
    assert [str(fault) for fault in found.faults] == ["“extra”: the mapping does not say what it is."]
    assert found.given == ()
    assert read("useful,extra\nAgree,1\n", ignore=["Extra"]).faults == ()
    assert read("useful,extra\nAgree,1\n", unknown_columns="ignore").faults == ()
    missing = read("other\nAgree\n")
    assert "the file has no such column" in str(missing.faults[0])


def test_differences_of_a_later_wave():
    part = checked(
        {
            "mapping": 1,
            "name": "m",
            "items": {
                "useful": {"column": "useful", "text": "The training was useful"},
                "more": {"column": "more"},
            },
        }
    )
    later = reading.read("b.csv", b"useful,new\nAgree,1\n")
    assert {(d.kind, d.field) for d in differences(part, later)} == {
        ("missing column", "more"),
        ("new column", "new"),
        ("changed wording", "useful"),
    }


def test_mapping_of_another_instrument_is_told():
    part = checked(
        {
            "mapping": 1,
            "name": "m",
            "items": {
                "usefull": {"column": "a"},
                "useful": {"column": "b", "values": {"x": "9"}, "dont_know": ["?"]},
                "load": {"column": "c", "reverse": True},
            },
            "respondent": {"participant": {"column": "p"}},
        }
    )
    assert [str(fault) for fault in mapping.check_against(part, SPEC)] == [
        "“items.usefull”: the instrument has no such item. Is “useful” meant?",
        "“items.useful.values”: the scale has no point “9”.",
        "“items.useful”: the scale has no point for “don’t know”.",
        "“items.load”: only items with a scale take values.",
        "“respondent.participant”: the instrument is anonymous; it cannot name participants.",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mapping: 1\nname: m\nitems:\n  a:\n    colunm: x\n", "Line 5"),
        ("mapping: 2\nname: m\nitems: {}\n", "mapping"),
        ("mapping: 1\nname: m\nitems:\n  a: {column: x, import_id: y}\n", "one of them"),
        ("mapping: 1\nname: m\n", "items"),
        ("- a\n", "sections"),
        ("mapping: 1\nname: &a m\nitems: {}\n", "Anchors"),
    ],
)
def test_bad_mapping_files_name_line_and_field(text, message):
    with pytest.raises(ProtocolRefused, match=message):
        mapping.load(text.encode(), file="m.yaml")


def test_mapping_file_reads_back_what_it_wrote():
    part = checked(MAPPING)
    assert mapping.load(mapping.as_file(part)) == part
    assert mapping.sha256(part) == mapping.sha256(mapping.load(mapping.as_file(part)))


def test_mapping_may_be_json():
    found = mapping.load(
        b'{"mapping": 1, "name": "m", "items": {"a": {"column": "x", "values": {"1": "sd"}}}}'
    )
    assert found.items["a"].values == {"1": "sd"}


QUALTRICS = (
    "ResponseId,Status,Finished,Progress,Q1_1\r\n"
    "Response ID,Response Type,Finished,Progress,How far do you agree? - The training was useful\r\n"
    '"{""ImportId"":""_recordId""}","{""ImportId"":""status""}","{""ImportId"":""finished""}",'
    '"{""ImportId"":""progress""}","{""ImportId"":""QID1_1""}"\r\n'
    "R_1,IP Address,True,100,Agree\r\n"
    "R_2,Survey Preview,True,100,Agree\r\n"
    "R_3,IP Address,False,60,Agree\r\n"
    "R_1,IP Address,True,100,Disagree\r\n"
    "R_4,Spam,True,100,Agree\r\n"
    "R_5,IP Address,True,100,\r\n"
)


def test_previews_unfinished_repeated_spam_and_empty_rows_are_left_out_with_reasons():
    sheet = reading.read("q.csv", QUALTRICS.encode())
    part = mapping.suggest(sheet, SPEC, name="suggested")
    assert part.items["useful"].import_id == "QID1_1"
    found = apply(part, sheet, SPEC)
    assert [one.response_id for one in found.given] == ["R_1"]
    assert [(s.row, s.reason) for s in found.skipped] == [
        (5, "preview or test"),
        (6, "not finished"),
        (7, "same response as row 4"),
        (8, "marked as spam"),
        (9, "no answers"),
    ]
    partials = apply(part.model_copy(update={"keep_unfinished": True}), sheet, SPEC)
    assert [(one.response_id, one.is_finished) for one in partials.given] == [("R_1", True), ("R_3", False)]


def test_suggestion_finds_items_role_and_team_and_ignores_the_rest(instrument, site_a):
    headings = [
        "What is your role?",
        "Which team do you work in?",
        "The training I attended was useful",
        "Shoe size",
    ]
    sheet = reading.read("a.csv", as_csv([], headings) + b"Social worker,Team 1,Agree,44\r\n")
    spec = instrument_spec(instrument, site=site_a)
    part = mapping.suggest(sheet, spec, name="suggested")
    assert part.items["useful"].column == "The training I attended was useful"
    assert part.respondent.role.column == "What is your role?"
    assert part.respondent.teams.column == "Which team do you work in?"
    assert part.ignore == ["Shoe size"]
    found = apply(part, sheet, spec)
    assert (found.faults, found.given[0].teams) == ((), ("team-1",))
