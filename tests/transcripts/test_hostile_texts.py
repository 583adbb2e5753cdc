"""Texts made to keep the parser busy: turns and identifiers of any text are found in time that grows with its length."""

from __future__ import annotations

import time

import pytest

from transcripts import turns
from transcripts.identifiers import suggest

N = 40_000
HOSTILE = {
    "one word": "A" * N,
    "one number": "1" * N,
    "no address": "a.b" * (N // 3) + "@",
    "many at signs": "a@b." * (N // 4),
    "an endless domain": "a@" + "b-" * (N // 2),
    "hyphens": "A-" * (N // 2),
    "apostrophes": "A'" * (N // 2),
    "blanks": " " * N + "x",
    "blank lines": " \n" * (N // 2) + "x",
    "cues without a blank line": "00:01 --> 00:02\n" * (N // 16),
    "captions without a blank line": "WEBVTT\n" + "00:01 --> 00:02\n" * (N // 16),
    "voices never closed": "WEBVTT\n\n00:01 --> 00:02\n" + "<v " * (N // 3),
    "capitals": "Ab of " * (N // 6),
    "schools": "Primary School " * (N // 15),
    "dates": "1 January " * (N // 10),
    "ages": "he is 12" + " " * N,
    "brackets": "[A" * (N // 2),
    "flats": "Flat 1 " * (N // 7),
}


@pytest.mark.real_clock
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_text_takes_no_longer_than_its_length(name):
    """Ten seconds are far more than any of these needs here, and far less than a square of the length would take."""
    began = time.perf_counter()
    turns.read(HOSTILE[name])
    list(suggest(HOSTILE[name], [], taken=[]))
    assert time.perf_counter() - began < 10


def test_cues_without_blank_lines_are_parted_by_their_times():
    found = turns.read("WEBVTT\n\n00:01 --> 00:02\nOne.\n00:02 --> 00:03\nTwo.\n").turns
    assert len(found) == 2
    assert turns.problems(found, 60) == []
