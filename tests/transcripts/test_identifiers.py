"""Suggestions: known names in every form, words that are names, the UK patterns, and the recall that is printed."""

from __future__ import annotations

from io import StringIO
from itertools import pairwise
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from hypothesis import given
from hypothesis import strategies as st

from transcripts.identifiers import (
    Known,
    folded,
    nhs_check_digit_holds,
    places_of,
    suggest,
    surname,
    variants,
)


def found(text, *known, category=None):
    return [text[s.start : s.end] for s in suggest(text, known) if category is None or s.category == category]


def person(name, key="1"):
    return Known(key, "person", variants(name))


@pytest.mark.row("PS-02")
def test_every_form_of_a_name_leads_to_the_same_person():
    text = "Tom came, then Tommy, TOM, tom, Tom's bike and Thomas. Tomorrow he comes, with a tomato."
    rows = suggest(text, [person("Thomas Baker")])
    assert [text[r.start : r.end] for r in rows] == ["Tom", "Tommy", "TOM", "tom", "Tom", "Thomas"]
    assert {r.keys for r in rows} == {("1",)}


def test_a_surname_alone_is_nobodys():
    assert surname("Thomas Baker") == "Baker"
    assert "Baker" not in variants("Thomas Baker")
    assert surname("Thomas") == ""


@pytest.mark.row("PS-02")
@pytest.mark.parametrize(
    "sentence",
    ["I hope so.", "Hope is what we need.", "Mark my words.", "Will you come?", "We will. May I?", "mark it"],
)
def test_names_that_are_words_survive_as_words(sentence):
    known = [
        person("Hope Adams", "1"),
        person("Mark Green", "2"),
        person("Will Hall", "3"),
        person("May Day", "4"),
    ]
    assert found(sentence, *known) == []


@pytest.mark.row("PS-02")
@pytest.mark.parametrize(
    "sentence",
    ["Then Hope came.", "Hope said no.", "I told Mark.", "It was Will's idea.", "Mark's mother knew."],
)
def test_names_that_are_words_are_found_as_names(sentence):
    known = [person("Hope Adams", "1"), person("Mark Green", "2"), person("Will Hall", "3")]
    assert len(found(sentence, *known)) == 1


def test_two_people_of_one_name_are_both_offered():
    rows = suggest("Then Tom rang.", [person("Tom Baker", "1"), person("Thomas Ash", "2")])
    assert [row.keys for row in rows] == [("1", "2")]


@pytest.mark.row("PS-04")
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Zoë", "so Zoe\u0308 came"),
        ("Zoë", "so ZOE came"),
        ("Siobhán O’Dowd", "so Siobhan O'Dowd came"),
        ("Anne-Marie", "so Anne\u2011Marie came"),
        ("Ann Lee", "so Ann\u00a0Lee came"),
        ("D*mo+n (x", "so D*mo+n (x came"),
        ("[a-z]+ Smith$", "so [a-z]+ Smith came"),
        ("דוד לוי", "so דוד לוי came"),
        ("محمد", "so محمد came"),
        ("🦊", "so 🦊 came"),
        ("Tom🦊", "so Tom🦊 came"),
    ],
)
def test_hostile_names_are_found_where_they_stand(name, text):
    rows = [row for row in suggest(text, [Known("1", "person", (name,))]) if row.found_by == "study"]
    assert len(rows) == 1
    assert rows[0].start == 3
    assert places_of(text, name) == [(3, 3 + len(text) - len("so  came"))]
    assert (rows[0].start, rows[0].end) == places_of(text, name)[0]


@pytest.mark.row("PS-04")
def test_a_name_with_regex_signs_matches_nothing_else():
    assert (
        found("a sentence in small letters", Known("1", "person", ("[a-z]+",)), Known("2", "person", (".*",)))
        == []
    )


@pytest.mark.row("PS-03")
def test_the_longest_of_overlapping_candidates_stands():
    known = [Known("1", "place", ("Barley",)), Known("2", "team", ("Barley Mow Lane team",))]
    assert found("at the Barley Mow Lane team today", *known) == ["Barley Mow Lane team"]


@pytest.mark.row("PS-03")
def test_running_twice_adds_nothing_and_the_order_of_names_does_not_matter():
    text = "Tom and Ann rang 0116 496 0123 from Leicester. Then Tom left Ann."
    known = [person("Tom", "1"), person("Ann", "2"), Known("3", "place", ("Leicester",))]
    rows = suggest(text, known)
    assert rows == suggest(text, reversed(known))
    assert suggest(text, known, taken=[(row.start, row.end) for row in rows]) == []


def test_placeholders_are_left_alone():
    assert found("[Place 1] and [P-014] and [Team manager 2] met") == []
    assert found("then [Tom laughs]", person("Tom")) == ["Tom"]


@pytest.mark.row("PS-09")
@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("0116 496 0123", "phone"),
        ("(01632) 960 733", "phone"),
        ("+44 20 7946 0991", "phone"),
        ("+44 (0)20 7946 0991", "phone"),
        ("07700 900461", "phone"),
        ("ann.lee+x@familyhelp.example.org", "email"),
        ("SW1A 1AA", "postcode"),
        ("le3 5qt", "postcode"),
        ("le35qt", "postcode"),
        ("AB 12 34 56 C", "ni_number"),
        ("ab123456c", "ni_number"),
        ("JW-12-34-56-A", "ni_number"),
        ("0044 7700 900461", "phone"),
        ("(0)7700 900461", "phone"),
        ("15yr old", "age"),
        ("5yo", "age"),
        ("943 476 5919", "nhs_number"),
        ("9434765919", "nhs_number"),
        ("12/03/2011", "date"),
        ("3rd March 2011", "date"),
        ("2011-03-12", "date"),
        ("14 years old", "age"),
        ("six-year-old", "age"),
        ("aged 17", "age"),
        ("14 Barley Mow Lane", "street"),
        ("St Brigid's Primary School", "school"),
        ("Kettering General Hospital", "health"),
        ("Northgate Family Centre", "organisation"),
        ("paramedic", "job"),
        ("inquest", "event"),
    ],
)
def test_patterns_of_the_uk(text, category):
    assert found(f"it was {text}, she said", category=category) == [text]


def test_an_age_is_found_after_a_name():
    assert found("My daughter Amina is 14 now, and Tom’s just 9.", category="age") == ["14", "9"]
    assert found("It was 30 people, and the team is 12 strong", category="age") == []


def test_a_date_near_birth_is_a_date_of_birth():
    assert found("She was born on 3rd March 2011.", category="birth_date") == ["3rd March 2011"]


@pytest.mark.parametrize("text", ["at 10:30", "in 2019", "about 35%", "chapter 3", "£1,500,000", "3 in 10"])
def test_other_numbers_are_left_alone(text):
    assert found(f"it was {text} she said") == []


def test_nhs_numbers_need_their_check_digit():
    assert nhs_check_digit_holds("9434765919")
    assert not nhs_check_digit_holds("9434765918")
    assert not nhs_check_digit_holds("1111111111")
    assert found("number 943 476 5918 it was", category="nhs_number") == []
    assert found("her NHS number is 943 476 5918", category="nhs_number") == ["943 476 5918"]


def test_a_capitalised_word_that_no_list_knows_is_offered_as_a_name():
    assert found("then Keziahne came, and Dravid said no. Dravid went.") == ["Keziahne", "Dravid", "Dravid"]
    assert found("it was Muddle this, muddle that") == []
    assert found("it was Tomorrow, he said") == []


def test_the_whole_of_a_name_with_a_prefix_is_offered():
    assert found("then O’Halloweran came, with D'Arcisse") == ["O’Halloweran", "D'Arcisse"]
    assert found("the code GB123456A, and AB123456Z") == []


def test_titles_stay_and_the_name_after_them_is_found():
    assert found("we saw Mr O'Brien-Smith and Dr. Eze") == ["O'Brien-Smith", "Eze"]


@given(st.text("Tom Ann-’'.é\u0308@07[]😀\n", max_size=60))
def test_suggestions_of_any_text_are_ordered_and_apart(text):
    rows = suggest(text, [person("Tom Ann"), Known("2", "person", ("é",))])
    assert all(row.start < row.end for row in rows)
    assert all(a.end <= b.start for a, b in pairwise(rows))


@given(st.text(max_size=30))
def test_folding_is_done_once(name):
    assert folded(folded(name)) == folded(name)


@pytest.mark.row("PS-10", "PS-11")
def test_the_printed_recall_is_what_the_rules_do():
    page = StringIO()
    call_command("identifier_recall", stdout=page)
    assert page.getvalue() == (Path(settings.BASE_DIR) / "docs/identifier-recall.md").read_text(
        encoding="utf-8"
    )
