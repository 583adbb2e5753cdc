"""The study that the desk benchmarks measure, and the floor beside the coding page."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from benchmarks import desk, highlights
from coding.models import Coding
from transcripts.models import Document, Version

TURNS = desk.invented_turns(4_000)
SPANS = desk.overlapping(sum(len(turn) + 1 for turn in TURNS), 30)


@pytest.fixture
def made(db: None) -> desk.Text:
    return desk.make_study(TURNS, SPANS, n_codes=5, n_texts=4)


def test_study_holds_one_long_text_among_ordinary_ones_all_coded_by_two(made):
    assert Document.objects.count() == 4
    assert made.version.text == "\n".join(TURNS)
    assert made.version.codings.count() == len(SPANS)
    others = Version.objects.exclude(pk=made.version.pk)
    assert {version.codings.count() for version in others} == {desk.ORDINARY_CODINGS}
    for version in Version.objects.all():
        assert set(version.codings.values_list("coder", flat=True)) == {coder.pk for coder in made.coders}


def test_study_is_made_of_seeds_alone(made):
    """Offsets and coders of the first codings, as every run makes them: a figure of today can be held against an old one."""
    second = Coding.objects.filter(version__document__number=2).order_by("id")[:3]
    names = [coder.name for coder in made.coders]
    assert [(row.start, row.end, names.index(row.coder.name)) for row in second] == [
        (236, 405, 1),
        (307, 513, 0),
        (840, 1188, 0),
    ]


def test_both_researchers_open_the_long_text(made, login):
    for coder in made.coders:
        answer = login(coder).get(f"/s/{made.slug}/coding/texts/{made.version.pk}/")
        assert answer.status_code == 200
        assert answer.content.decode().count('aria-current="page"') >= 1
        assert answer.content.count(b"<mark") >= 1


def test_floor_places_every_span_in_the_turn_where_it_begins_and_ends():
    turns = ["one two", "three", "four & five"]
    page = highlights.page(turns, [(4, 7, 0), (4, 10, 1), (14, 21, 2)])
    assert page.count("<p>") == 3
    assert "four &amp; five" in page
    placed: Any = json.loads(re.search(r'id="spans">(.*?)</script>', page).group(1))
    assert placed == [[0, 0, 4, 0, 7], [1, 0, 4, 1, 2], [2, 2, 0, 2, 7]]
