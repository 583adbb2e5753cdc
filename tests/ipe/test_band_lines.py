import pytest

from ipe.band_lines import read_bands, write_bands
from ipe.errors import Invalid


def test_lines_become_bands():
    assert read_bands("Go: at least 70%\n\nAmend: at least 50, below 70\nStop: below 50") == [
        {"name": "Go", "at_least": "70"},
        {"name": "Amend", "at_least": "50", "below": "70"},
        {"name": "Stop", "below": "50"},
    ]


def test_words_may_be_joined_by_and_and_answers_stand_alone():
    assert read_bands("Middle: above 2.5 and at most 7\nGo: Yes") == [
        {"name": "Middle", "above": "2.5", "at_most": "7"},
        {"name": "Go", "answer": "yes"},
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Go at least 70", "Line 1: write a name, a colon"),
        ("Go: at least 70\n: below 70", "Line 2: write a name, a colon"),
        ("Go: more than 70", "Line 1: “more than 70” is not of the kind"),
        ("Go: at least lots", "Line 1: “lots” is not a number"),
        ("Go: at least NaN", "Line 1: “NaN” is not a number"),
    ],
)
def test_a_line_that_is_no_band_is_named(text, words):
    with pytest.raises(Invalid) as refused:
        read_bands(text)
    assert words in refused.value.message


@pytest.mark.parametrize(
    "bands",
    [
        [],
        [{"name": "Go", "answer": "yes"}, {"name": "Stop", "answer": "no"}],
        [{"name": "Go", "at_least": "69.5"}, {"name": "Stop", "below": "69.5"}],
        [
            {"name": "Low", "at_most": "3"},
            {"name": "Mid", "above": "3", "at_most": "6"},
            {"name": "High", "above": "6"},
        ],
    ],
)
def test_written_bands_read_back_as_they_were(bands):
    assert read_bands(write_bands(bands)) == bands
