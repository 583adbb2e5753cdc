"""After clearance: a missed identifier, and turns of somebody who withdraws."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ipe import rooms
from ipe.errors import Conflict, Invalid, NotFound, NotReady, Refused
from ipe.models import AuditEvent
from tests.transcripts.conftest import text_of
from transcripts import clearing, erasing, finding, redaction, review
from transcripts.models import EntityName, Replacement, Turn, Version
from transcripts.naming import entity_of_participant
from transcripts.offsets import Edit, Mover

TEXT = (
    "INT: Who was there?\nP1: The oddball from the bakery, and my aunt.\nINT: The oddball?\n"
    "P1: Yes, oddball is the word. He lives in Leicester.\n"
)


@pytest.fixture
def heard(monkeypatch):
    """What the rooms are told when a version is replaced: registered beside them, through the port itself."""
    moves: list[rooms.Move] = []

    def listen(move: rooms.Move) -> int:
        moves.append(move)
        return 0

    monkeypatch.setitem(
        rooms._rooms, "listener", rooms.Room(name="listener", label="Listener", order=99, move=listen)
    )
    return moves


def redact(document, by, words="oddball", **more):
    start, end = redaction.place_of(document, words, by=by)
    arguments = {"version_number": 1, "category": "person", "text": "a man", "everywhere": True, **more}
    return redaction.redact(document, start=start, end=end, by=by, **arguments)


def test_a_missed_identifier_makes_the_next_version_and_destroys_the_old_text(cleared, researcher, heard):
    document = cleared(researcher, TEXT)
    old = Version.objects.get()
    before = old.text
    spans = {row.ordinal: (row.start, row.end) for row in Turn.objects.filter(version=old)}
    plan = redaction.plan(
        document,
        start=before.index("oddball"),
        end=before.index("oddball") + 7,
        everywhere=True,
        by=researcher,
    )
    assert (plan.n_places, plan.n_turns, plan.n_elsewhere) == (3, 3, 0)
    done = redact(document, researcher)
    assert done.n_replaced == 3
    assert done.version.text == before.replace("oddball", "[a man]")
    old.refresh_from_db()
    assert (old.text, old.sha256, old.placeholders, old.edits) == ("", "", [], [])
    assert old.emptied_at is not None
    [move] = heard
    assert (move.old.pk, move.new.pk, len(move.edits)) == (old.pk, done.version.pk, 3)
    mover = Mover(Edit(e.start, e.end, e.text) for e in move.edits)
    for row in Turn.objects.filter(version=done.version):
        assert (row.start, row.end) == mover.span(spans[row.ordinal])
        assert done.version.text[row.start : row.end] == mover.predicted(before, spans[row.ordinal])
    assert AuditEvent.objects.get(action="document.redacted").counts == {
        "version": 2,
        "places": 3,
        "places left": 1,  # the sealed original, which is no longer the researcher's to open
        "places left beyond their role": 1,
    }


def test_the_list_says_the_same_as_the_new_version(cleared, fieldwork):
    document = cleared(fieldwork, TEXT)
    redact(document, fieldwork)
    assert Replacement.objects.filter(document=document, found_by="redaction").count() == 3
    assert clearing.rendered(document).text == text_of(document)
    clearing.reopen(document, by=fieldwork)
    document.refresh_from_db()
    finding.find_identifiers(document, by=fieldwork)
    for row in Replacement.objects.filter(document=document).undecided():
        review.reject(row, by=fieldwork)
    document.refresh_from_db()
    again = clearing.clear(document, revision=document.revision, by=fieldwork)
    assert again.number == 3
    assert "oddball" not in again.text


def test_a_selection_that_cuts_a_placeholder_takes_the_whole_of_it(cleared, researcher):
    document = cleared(researcher, TEXT)
    text = text_of(document)
    start = text.index("[Place 1]") + 3
    done = redaction.redact(
        document,
        version_number=1,
        start=start,
        end=start + 2,
        category="place",
        text="a city",
        everywhere=False,
        by=researcher,
    )
    assert done.version.text == text.replace("[Place 1]", "[a city]")
    assert clearing.rendered(document).text == done.version.text


def test_redaction_works_after_the_original_is_gone(cleared, researcher, data_protection):
    document = cleared(researcher, TEXT)
    erasing.destroy_original(document, by=data_protection)
    erasing.destroy_original(document, by=data_protection)
    text = text_of(document)
    done = redact(document, researcher)
    assert done.version.text == text.replace("oddball", "[a man]")
    assert [done.version.text[a:b] for a, b in done.version.placeholders].count("[a man]") == 3


def test_the_places_to_finish_are_listed_without_the_words(cleared, researcher):
    first = cleared(researcher, TEXT)
    second = cleared(researcher, "INT: Who?\nP1: An oddball too, I said.\nINT: I.\nP1: Yes.\n")
    done = redact(first, researcher)
    labels = [hit.label for hit in done.hits if hit.room == "Transcripts"]
    assert f"{second.code}, cleared text" in labels
    assert f"{first.code}, cleared text" not in labels
    assert not any("oddball" in hit.label + hit.url for hit in done.hits)


@pytest.mark.row("SC-07")
def test_the_places_to_finish_tell_nobody_whose_name_it_is(
    study, cleared, researcher, fieldwork, other_site, data_protection, person, site_b
):
    """A word of the text that is also a name in the vault: only who may read names learns whose."""
    from ipe import rooms

    document = cleared(researcher, TEXT)
    person("P-014", "Oddball Ormerod")
    person("P-090", "Oddball Elsewhere", site=site_b)
    done = redact(document, researcher)
    assert not any("P-014" in hit.label or "P-090" in hit.label for hit in done.hits)

    def codes(user):
        found = rooms.found_for(user, study, "oddball")
        return {code for code in ("P-014", "P-090") for hit in found.hits if code in hit.label}

    assert codes(researcher) == set()
    assert codes(fieldwork) == {"P-014"}
    assert codes(other_site) == {"P-090"}
    assert codes(data_protection) == {"P-014", "P-090"}


def test_no_pseudonym_of_another_sites_person_can_be_used(study, cleared, researcher, person, site_b):
    from transcripts.forms import AddForm

    theirs = entity_of_participant(person("P-090", "Somebody Elsewhere", site=site_b))
    ours = entity_of_participant(person("P-014", "Somebody Here"))
    document = cleared(researcher, TEXT)
    offered = AddForm(document=document).fields["entity"].queryset
    assert (ours in offered, theirs in offered) == (True, False)
    with pytest.raises(NotFound):
        redact(document, researcher, entity=theirs, text="")


def test_a_second_redaction_of_the_same_page_is_a_conflict(cleared, researcher):
    document = cleared(researcher, TEXT)
    start = text_of(document).index("bakery")
    redact(document, researcher)
    with pytest.raises(Conflict, match="has changed"):
        redaction.redact(
            document,
            version_number=1,
            start=start,
            end=start + 6,
            category="job",
            text="a shop",
            by=researcher,
        )
    assert Version.objects.current().get(document=document).number == 2


def test_bad_redactions_are_refused(cleared, researcher, lead, writer, data_protection, other_site):
    document = cleared(researcher, TEXT)
    text = text_of(document)
    with pytest.raises(Invalid, match="repeats"):
        redact(document, researcher, text="the oddball man")
    with pytest.raises(Invalid, match="nowhere"):
        redact(document, researcher, words="not there")
    with pytest.raises(Invalid, match="one turn"):
        redaction.redact(
            document,
            version_number=1,
            start=text.index("there?"),
            end=text.index("bakery"),
            category="event",
            text="x",
            by=researcher,
        )
    for user, error in (
        (lead, Refused),
        (writer, Refused),
        (data_protection, Refused),
        (other_site, NotFound),
    ):
        with pytest.raises(error):
            redact(document, user)
    assert Version.objects.count() == 1


def test_only_a_cleared_text_is_redacted(in_review, researcher):
    document = in_review(researcher, TEXT)
    with pytest.raises(NotReady, match="no cleared text"):
        redact(document, researcher)


def test_a_placeholder_that_is_redacted_becomes_nobodys_name(cleared, researcher, person):
    """What a reader saw as [Place 1] is not what the person or place is called."""
    entity = entity_of_participant(person("P-014", "Somebody Here"))
    document = cleared(researcher, TEXT)
    redact(document, researcher, words="Place 1", entity=entity, text="", everywhere=False)
    assert "[P-014]" in text_of(document)
    assert not EntityName.objects.filter(entity=entity).exists()
    redact(document, researcher, entity=entity, text="", version_number=2)
    assert EntityName.objects.filter(entity=entity).count() == 1


def test_words_that_stand_everywhere_are_replaced_in_few_queries(cleared, researcher, in_review):
    long = TEXT + "INT: And the oddball?\nP1: An oddball, that oddball.\n" * 20

    def queries(act) -> int:
        with CaptureQueriesContext(connection) as caught:
            act()
        return len(caught)

    few = queries(lambda: redact(cleared(researcher, TEXT), researcher))
    assert queries(lambda: redact(cleared(researcher, long), researcher)) <= few + 10
    words = {"words": "oddball", "category": "person", "text": "a man", "by": researcher}
    document = in_review(researcher, long + "INT: Yes.\n")
    assert queries(lambda: review.add_words(document, **words)) < 40
    assert Replacement.objects.filter(document=document, text="[a man]").count() == 63
