"""The gate "quote" at its edges: words that stand in no turn, and voices in an observation."""

from __future__ import annotations

import pytest

from coding import quotes
from coding.quotes import NO_SPEAKER, Passage, Source
from tests.coding.texts import make_text, place_of


def barrier(version, words):
    source = Source(version.document.evaluation, {version.pk})
    return quotes.quote_of(source, Passage(version.pk, *place_of(version, words)), words).barrier


@pytest.mark.parametrize("kind", ["focus_group", "other"])
def test_words_outside_every_turn_are_nobodys_to_give(study, site_a, wave, kind):
    """A heading, or a line that the reader of turns gave to nobody: nobody has agreed that it is quoted."""
    version = make_text(study, wave(site_a, "12m"), [("Interviewer", "Why?"), ("P", "Because.")], kind=kind)
    version.turns.all().delete()
    assert barrier(version, "Because") == NO_SPEAKER


def test_words_outside_every_turn_of_an_interview_are_its_persons(study, site_a, wave, person):
    version = make_text(study, wave(site_a, "12m"), [("P", "Because.")], whole=person)
    version.turns.all().delete()
    assert barrier(version, "Because") == "the person was not asked about being quoted"


def test_notes_of_an_observation_leave_but_not_what_somebody_said_in_it(study, site_a, wave):
    said = [("Notes", "Seven people sat in a circle."), ("SW1", "I cannot go on like this.")]
    version = make_text(study, wave(site_a, "12m"), said, kind="observation")
    version.turns.filter(ordinal=1).update(speaker=None)
    assert barrier(version, "Seven people") == ""
    assert barrier(version, "I cannot go on") == NO_SPEAKER


def test_a_second_voice_in_an_interview_is_not_its_persons_to_give(study, site_a, wave, person):
    said = [("Interviewer", "How was it?"), ("P", "Slow at first."), ("Partner", "She cried over it.")]
    version = make_text(study, wave(site_a, "12m"), said, whole=person)
    version.document.speakers.filter(label="Partner").update(participant=None)
    assert barrier(version, "Slow at first") == "the person was not asked about being quoted"
    assert barrier(version, "She cried") == NO_SPEAKER


def test_the_one_voice_of_an_interview_is_its_persons_without_a_link(study, site_a, wave, person):
    said = [("Interviewer", "How was it?"), ("P", "Slow at first.")]
    version = make_text(study, wave(site_a, "12m"), said, whole=person)
    version.document.speakers.update(participant=None)
    assert barrier(version, "Slow at first") == "the person was not asked about being quoted"
