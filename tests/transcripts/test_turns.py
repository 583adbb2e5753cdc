"""The turn parser: each shape of transcript, gaps, corrections."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcripts.turns import (
    LABELS,
    LINES,
    PARAGRAPHS,
    SRT,
    STYLES,
    VTT,
    Turn,
    guess_style,
    joined,
    milliseconds,
    problems,
    read,
    split,
    trimmed,
    without_label,
)


def said(text, style=None):
    return [(turn.speaker, text[turn.start : turn.end]) for turn in read(text, style).turns]


@pytest.mark.row("C8")
def test_name_and_colon():
    text = "Interview on a Tuesday\n\nINT: How did it begin?\nWell?\n\nMary Okafor: Slowly.\nINT: Yes.\n"
    assert guess_style(text) == LABELS
    assert said(text) == [("INT", "How did it begin?\nWell?"), ("Mary Okafor", "Slowly."), ("INT", "Yes.")]
    turn = read(text).turns[1]
    assert text[slice(*turn.label)] == "Mary Okafor"
    assert read(text).speakers == {"INT": 2, "Mary Okafor": 1}


def test_the_heading_stays_a_gap():
    text = "Meeting with the team\nINT: Hello.\nP1: Hello."
    assert read(text).turns[0].start == text.index("Hello.")


@pytest.mark.row("C8")
@pytest.mark.parametrize(
    "text",
    [
        "Mary Okafor  00:12\nSlowly.\n\nInterviewer  01:05\nWhy?",
        "Mary Okafor\t00:12\nSlowly.\nInterviewer\t01:05\nWhy?",
        "Mary Okafor (00:12)\nSlowly.\nInterviewer (01:05)\nWhy?",
        "Mary Okafor 00:12\nSlowly.\nInterviewer 01:05\nWhy?",
        "[00:12] Mary Okafor: Slowly.\n[01:05] Interviewer: Why?",
        "00:12 Mary Okafor: Slowly.\n01:05 Interviewer: Why?",
        "Mary Okafor [00:12]: Slowly.\nInterviewer [01:05]: Why?",
        "Mary Okafor 00:12: Slowly.\nInterviewer 01:05: Why?",
    ],
)
def test_name_and_time_in_every_common_shape(text):
    assert said(text) == [("Mary Okafor", "Slowly."), ("Interviewer", "Why?")]
    assert [turn.at_ms for turn in read(text).turns] == [12_000, 65_000]


@pytest.mark.row("C8")
def test_vtt_voice_tags_with_classes_and_two_voices_in_a_cue():
    text = (
        "WEBVTT\n\nNOTE made by a machine\n\n1\n00:00:01.000 --> 00:00:04.500 align:start\n"
        "<v Mary Okafor>Slowly, I\nthink.</v>\n\n"
        "00:00:05.000 --> 00:00:06.000\n<v.loud Tom>Yes</v> <v Mary Okafor>No\n\n"
        "00:07.250 --> 00:08.000\njust words\n"
    )
    assert guess_style(text) == VTT
    assert said(text) == [
        ("Mary Okafor", "Slowly, I\nthink."),
        ("Tom", "Yes"),
        ("Mary Okafor", "No"),
        (None, "just words"),
    ]
    turns = read(text).turns
    assert [turn.at_ms for turn in turns] == [1000, 5000, 5000, 7250]
    assert [text[slice(*turn.label)] for turn in turns[:3]] == ["Mary Okafor", "Tom", "Mary Okafor"]


@pytest.mark.row("C8")
def test_srt():
    text = "1\n00:00:01,000 --> 00:00:02,000\nMary: Slowly.\n\n2\n00:00:03,500 --> 00:00:04,000\n- Really?\n"
    assert guess_style(text) == SRT
    assert said(text) == [("Mary", "Slowly."), (None, "- Really?")]
    assert read(text).turns[1].at_ms == 3500


def test_paragraphs_when_there_is_no_label():
    text = "\n\nThe team met at ten.\nIt rained.\n \nNobody spoke.\n\n\n"
    assert guess_style(text) == PARAGRAPHS
    assert said(text) == [(None, "The team met at ten.\nIt rained."), (None, "Nobody spoke.")]


def test_long_lines_without_blank_ones_are_paragraphs_of_a_word_processor():
    text = "The team met at ten and " + "went on and " * 10 + "on.\nIt rained."
    assert guess_style(text) == LINES
    assert [words for _, words in said(text)] == text.split("\n")


@pytest.mark.parametrize(
    "line",
    [
        "And then she said to me: leave it.",
        "https://example.org is where I read it",
        "10:30 was when it began",
        "Note: the recording stops here.",
        "What I mean is this, for all of us: no.",
    ],
)
def test_a_colon_in_a_sentence_is_no_speaker(line):
    text = f"INT: Why?\nMary: Because.\n{line}\nINT: I see."
    assert [speaker for speaker, _ in said(text)] == ["INT", "Mary", "INT"]
    assert line in said(text)[1][1]


@pytest.mark.parametrize(
    "name", ["Zoë O’Brien-Núñez", "דוד לוי", "محمد", "Dr. Mary Okafor", "P-014", "Anne\u00a0Marie"]
)
def test_hostile_names_are_labels_like_any_other(name):
    text = f"INT: Yes?\n{name}: Well.\nINT: Go on.\n{name}: That is all."
    assert said(text)[1] == (name, "Well.")


def test_empty_text_and_labels_without_words_have_no_turns():
    assert read("").turns == ()
    assert said("INT:\nMary: Yes.\nINT:\n") == [("Mary", "Yes.")]


def test_milliseconds():
    assert milliseconds("1:02") == 62_000
    assert milliseconds("01:00:02.5") == 3_602_500
    assert milliseconds("00:01,250") == 1_250


def test_no_speaker_after_all_joins_the_turn_before():
    text = "INT: Why?\nMary: Two things.\nSecond: cost.\nINT: I see.\nSecond: time."
    turns = without_label(read(text).turns, "Second")
    assert [(t.speaker, text[t.start : t.end]) for t in turns] == [
        ("INT", "Why?"),
        ("Mary", "Two things.\nSecond: cost."),
        ("INT", "I see.\nSecond: time."),
    ]
    first = without_label(read(text).turns, "INT")[0]
    assert text[first.start : first.end] == "INT: Why?"
    assert first.speaker is None


def test_join_and_split():
    text = "INT: Why?\nMary: Because. Yes."
    turns = read(text).turns
    halves = split(text, turns, 1, text.index(" Yes"))
    assert [text[t.start : t.end] for t in halves] == ["Why?", "Because.", "Yes."]
    assert halves[2].speaker is None
    assert [text[t.start : t.end] for t in joined(halves, 2)] == ["Why?", "Because. Yes."]
    with pytest.raises(ValueError, match="nothing before"):
        joined(turns, 0)
    with pytest.raises(ValueError, match="inside"):
        split(text, turns, 1, turns[1].end)


def test_problems_name_the_turn():
    assert problems([Turn(0, 5), Turn(5, 9)], 9) == []
    assert problems([Turn(0, 5), Turn(4, 9)], 9) == ["Turn 2 begins before the turn above it ends."]
    assert problems([Turn(0, 10)], 9) == ["Turn 1 does not lie inside the text."]


@given(st.text("aB:\n <v>1é😀-", max_size=80), st.sampled_from([None, *STYLES]))
def test_turns_of_any_text_lie_in_order_inside_it(text, style):
    turns = read(text, style).turns
    assert problems(turns, len(text)) == []
    for turn in turns:
        assert (turn.start, turn.end) == trimmed(text, turn.start, turn.end)
        if turn.label:
            assert text[slice(*turn.label)] == turn.speaker


@pytest.mark.parametrize(
    "text",
    [
        "Q: How was it?\nA: Slow.\nQ: And then?\nA: Slower.",
        "Question: How was it?\nAnswer: Slow.\nQuestion: And then?\nAnswer: Slower.",
        "Interviewer (AB): How was it?\nParticipant 2 (F): Slow.\n"
        "Interviewer (AB): And then?\nParticipant 2 (F): Slower.",
        "Project: Heron\nSpeaker\tWords\nINT\tHow was it?\nMary Okafor\tSlow.\nINT\tAnd then?\nMary Okafor\tSlower.",
        "INT\t00:12\tHow was it?\nP-014\t00:15\tSlow.\nINT\t00:20\tAnd then?\nP-014\t00:30\tSlower.",
        "00:12\tINT\tHow was it?\n00:15\tP-014\tSlow.\n00:20\tINT\tAnd then?\n00:30\tP-014\tSlower.",
    ],
)
def test_dialogues_in_other_shapes_have_two_voices(text):
    found = read(text).turns
    assert [text[t.start : t.end] for t in found] == ["How was it?", "Slow.", "And then?", "Slower."]
    assert [turn.speaker for turn in found] == [found[0].speaker, found[1].speaker] * 2
    assert len(read(text).speakers) == 2


def test_a_table_of_other_things_has_no_speakers():
    assert read("Name\tAge\nMary\t34\nTom\t35\nAnn\t36").speakers == {}
    assert read("INT: Why?\nMary: So\ttabs\there.\nINT: I.\nMary: Yes.").speakers == {"INT": 2, "Mary": 2}


def test_an_aside_after_one_word_is_no_speaker():
    assert said("INT: Why?\nMary: So.\nYes (laughs): well.\nINT: I.\nMary: Yes.")[1][1].endswith("well.")
