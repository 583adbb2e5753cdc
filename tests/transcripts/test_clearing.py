"""Human sign-off and the first version."""

from __future__ import annotations

import hashlib

import pytest

from ipe.errors import Conflict, NotFound, NotReady, Refused
from ipe.models import AuditEvent
from tests.transcripts.conftest import accept_all, text_of
from transcripts import clearing, review
from transcripts.models import Document, Replacement, Turn, Version


def test_sign_off_renders_the_first_version(cleared, researcher, person):
    person("P-014", "Zebedee Quillfeather")
    document = cleared(researcher)
    version = Version.objects.get()
    assert version.number == 1
    assert version.sha256 == hashlib.sha256(version.text.encode()).hexdigest()
    assert "Zebedee" not in version.text
    assert "Quillfeather" not in version.text
    assert "Interview with [P-014]" in version.text
    assert "INT: How did it begin, [P-014]?" in version.text
    assert "Tomorrow this, tomorrow that" in version.text
    assert "I hope he stays" in version.text
    assert "[phone number]" in version.text
    assert "[e-mail address]" in version.text
    assert [version.text[a:b] for a, b in version.placeholders][:2] == ["[P-014]", "[P-014]"]
    turns = list(Turn.objects.filter(version=version).select_related("speaker"))
    assert version.text[turns[0].start : turns[0].end] == "How did it begin, [P-014]?"
    assert [turn.speaker.label for turn in turns] == ["INT", "P-014", "INT", "P-014"]
    assert version.text[turns[1].label_start : turns[1].label_end] == "P-014"
    assert document.state == "cleared"
    event = AuditEvent.objects.get(action="document.cleared")
    assert event.counts["replacements"] == Replacement.objects.accepted().count()
    assert event.counts["version"] == 1


@pytest.mark.row("PS-08")
def test_undecided_suggestions_refuse_the_sign_off(in_review, researcher):
    document = in_review(researcher)
    with pytest.raises(NotReady, match="still to be decided"):
        clearing.clear(document, revision=document.revision, by=researcher)
    assert not Version.objects.exists()


@pytest.mark.row("PS-08")
def test_a_change_of_the_list_lets_a_sign_off_lapse(in_review, researcher):
    document = in_review(researcher)
    accept_all(document, researcher)
    document.refresh_from_db()
    read_at = document.revision
    review.undecide(Replacement.objects.accepted().first(), by=researcher)
    accept_all(document, researcher)
    with pytest.raises(Conflict, match="changed since"):
        clearing.clear(document, revision=read_at, by=researcher)
    document.refresh_from_db()
    clearing.clear(document, revision=document.revision, by=researcher)


def test_signing_twice_is_refused_and_makes_no_second_version(cleared, fieldwork):
    document = cleared(fieldwork)
    with pytest.raises(NotReady, match="is cleared"):
        clearing.clear(document, revision=document.revision, by=fieldwork)
    assert Version.objects.count() == 1


def test_the_assigned_researcher_loses_the_original_at_clearance(cleared, researcher):
    document = cleared(researcher)
    with pytest.raises(Refused):
        clearing.reopen(document, by=researcher)
    assert not Document.objects.filter(pk=document.pk).with_original_for(researcher).exists()


@pytest.mark.row("PS-08")
def test_nobody_else_signs_off(in_review, fieldwork, other_site, lead, writer, data_protection):
    document = in_review(fieldwork)
    for user, error in (
        (other_site, NotFound),
        (lead, Refused),
        (writer, Refused),
        (data_protection, Refused),
    ):
        with pytest.raises(error):
            clearing.clear(document, revision=document.revision, by=user)


def test_a_version_never_changes(cleared, fieldwork):
    cleared(fieldwork)
    version = Version.objects.get()
    version.text = "something else"
    with pytest.raises(TypeError, match="never changes"):
        version.save()


@pytest.mark.row("PS-08")
def test_reopening_hides_the_text_and_the_next_sign_off_makes_version_2(cleared, fieldwork, researcher):
    document = cleared(fieldwork)
    old = Version.objects.get()
    spans = list(Turn.objects.filter(version=old).values_list("ordinal", "start", "end"))
    clearing.reopen(document, by=fieldwork)
    assert not Version.objects.current().open().exists()
    assert not Document.objects.cleared_for(researcher).exists()
    place = Replacement.objects.get(category="place")
    review.undecide(place, by=fieldwork)
    review.reject(place, by=fieldwork)
    document.refresh_from_db()
    new = clearing.clear(document, revision=document.revision, by=fieldwork)
    assert (new.number, new.supersedes_id) == (2, old.pk)
    assert "I live in Leicester" in new.text
    old.refresh_from_db()
    assert (old.text, old.sha256, old.edits, old.placeholders) == ("", "", [], [])
    assert not Turn.objects.filter(version=old).exists()
    shift = len("Leicester") - len("[Place 1]")
    moved = list(Turn.objects.filter(version=new).values_list("ordinal", "start", "end"))
    assert moved[0] == spans[0]
    assert moved[1] == (spans[1][0], spans[1][1], spans[1][2] + shift)
    assert text_of(document) == new.text
