import pytest

from coding.runs import BadRuns, Run, parse, plain, quotes, stored, without_quotes

ONE = "6f1c0b0e-6d1a-4d55-9f0a-1d2f3a4b5c6d"
TWO = "0a1b2c3d-6d1a-4d55-9f0a-1d2f3a4b5c6d"


@pytest.mark.row("F13")
def test_parse_round_trip_keeps_kinds_styles_and_order():
    rows = [
        {"kind": "summary", "text": "Felt rushed; "},
        {"kind": "verbatim", "quote": ONE},
        {"kind": "comment", "text": "compare FG-2", "italic": True},
        {"kind": "summary", "text": "later eased", "bold": True},
    ]
    assert stored(parse(rows)) == rows


def test_parse_joins_neighbours_alike_and_drops_empty_runs():
    rows = [
        {"kind": "summary", "text": "a"},
        {"kind": "summary", "text": ""},
        {"kind": "summary", "text": "b"},
    ]
    assert parse(rows) == [Run("summary", "ab")]


def test_parse_keeps_no_words_in_a_verbatim_run():
    assert parse([{"kind": "verbatim", "text": "what she said", "quote": ONE}]) == [
        Run("verbatim", quote=ONE)
    ]


def test_parse_removes_control_characters_and_line_end_kinds():
    assert parse([{"kind": "summary", "text": "a\r\nb\x00\x07\ud800c"}]) == [Run("summary", "a\nbc")]


@pytest.mark.row("F13")
@pytest.mark.parametrize(
    "value",
    [
        "text",
        {"kind": "summary"},
        [1],
        [{"kind": "html", "text": "x"}],
        [{"kind": "summary", "text": 5}],
        [{"kind": "summary", "text": "x", "bold": "yes"}],
        [{"kind": "summary", "text": "x", "quote": ONE}],
        [{"kind": "summary", "text": "x", "onclick": "x"}],
        [{"kind": "verbatim", "text": "x"}],
        [{"kind": "verbatim", "quote": "7"}],
        [{"kind": "summary", "text": "x" * 20_001}],
        [{"kind": "summary", "text": "x"}] * 401,
    ],
)
def test_parse_refuses_what_is_not_a_list_of_runs(value):
    with pytest.raises(BadRuns):
        parse(value)


def test_refusal_quotes_no_content():
    with pytest.raises(BadRuns) as refused:
        parse([{"kind": "summary", "text": "Sarah Canary", "extra": 1}])
    assert "Canary" not in str(refused.value)


def test_quotes_and_their_removal():
    runs = parse(
        [
            {"kind": "summary", "text": "a "},
            {"kind": "verbatim", "quote": ONE},
            {"kind": "summary", "text": "b"},
            {"kind": "verbatim", "quote": TWO},
            {"kind": "verbatim", "quote": ONE},
        ]
    )
    assert quotes(runs) == [ONE, TWO]
    assert without_quotes(runs, [ONE]) == [Run("summary", "a b"), Run("verbatim", quote=TWO)]


@pytest.mark.row("F8")
def test_plain_marks_whose_words_they_are():
    runs = [
        Run("summary", "Felt rushed: "),
        Run("verbatim", quote=ONE),
        Run("comment", " ask again "),
        Run("verbatim", quote=TWO),
    ]
    assert plain(runs, {ONE: "no time"}) == "Felt rushed: “no time”[ask again][quote removed]"


def test_parse_keeps_nothing_of_blank_space_alone():
    assert parse([{"kind": "summary", "text": " \n"}, {"kind": "comment", "text": "\t"}]) == []
    assert parse([{"kind": "verbatim", "quote": ONE}, {"kind": "summary", "text": "\n"}]) != []
