"""Destroying originals and documents; what a withdrawal reaches; no trace in the database."""

from __future__ import annotations

import datetime as dt

import pytest
from django.apps import apps
from django.utils import timezone

from ipe import rooms
from ipe.errors import NotReady, Refused
from ipe.models import AuditEvent, StoredFile
from tests.transcripts.conftest import GROUP, text_of
from transcripts import clearing, erasing, sealing
from transcripts.models import Document, Entity, EntityName, Original, Replacement, Speaker, Turn, Version


def erasure(study, participant, by, *, scope="delete", dry_run=False):
    return rooms.Erasure(
        evaluation=study, participant=participant, scope=scope, by=by, at=timezone.now(), dry_run=dry_run
    )


def counts(effects):
    return {effect.code: effect.count for effect in effects}


@pytest.fixture
def group(cleared, fieldwork, person):
    """A cleared focus group of Orla (P-020) and Priyanka (P-021)."""
    orla, priyanka = person("P-020", "Orla Finnegan-Test"), person("P-021", "Priyanka Nambiar-Test")
    text = GROUP.replace("Orla:", "P-020:").replace("Priyanka:", "P-021:")
    document = cleared(fieldwork, text, kind="focus_group", title="Group")
    assert set(Speaker.objects.filter(document=document).values_list("label", flat=True)) == {
        "INT",
        "P-020",
        "P-021",
    }
    return document, orla, priyanka


@pytest.mark.row("CN-17")
def test_a_withdrawal_shows_before_it_does(group, study, fieldwork):
    document, orla, _ = group
    before = text_of(document)
    shown = erasing.withdraw(erasure(study, orla, fieldwork, dry_run=True))
    assert counts(shown)["transcripts.turns"] == 2
    assert counts(shown)["transcripts.documents"] == 0
    assert text_of(document) == before


@pytest.mark.parametrize("scope", ["contact", "future"])
def test_smaller_withdrawals_leave_texts_alone(group, study, fieldwork, scope):
    document, orla, _ = group
    before = text_of(document)
    assert erasing.withdraw(erasure(study, orla, fieldwork, scope=scope)) == []
    assert text_of(document) == before


@pytest.mark.row("CN-17")
def test_own_turns_leave_the_group_and_others_stay(group, study, fieldwork):
    document, orla, priyanka = group
    kept = [
        text_of(document)[row.start : row.end]
        for row in Turn.objects.filter(version__document=document).exclude(speaker__participant=orla)
    ]
    done = erasing.withdraw(erasure(study, orla, fieldwork))
    assert counts(done)["transcripts.turns"] == 2
    text = text_of(document)
    assert "glad of the training" not in text
    assert "Smaller than before" not in text
    rows = Turn.objects.filter(version__document=document)
    assert [text[row.start : row.end] for row in rows] == kept
    assert [row.ordinal for row in rows] == [1, 3, 4, 6]
    original = sealing.text_of(sealing.original_of(document))
    assert "glad of the training" not in original
    assert "honestly" in original
    assert Original.objects.get(document=document).file is None
    assert StoredFile.objects.get(kind="transcript").erased_at is not None
    assert clearing.rendered(document).text == text
    # Twice is once.
    assert sum(counts(erasing.withdraw(erasure(study, orla, fieldwork))).values()) == 0
    assert text_of(document) == text
    assert priyanka.speakers.count() == 1


@pytest.mark.row("CN-16")
def test_own_interview_goes_in_every_version(cleared, fieldwork, person, study):
    somebody = person("P-014", "Zebedee Quillfeather")
    document = cleared(fieldwork, participant=somebody)
    version = Version.objects.get()
    done = counts(erasing.withdraw(erasure(study, somebody, fieldwork)))
    assert done["transcripts.documents"] == 1
    document.refresh_from_db()
    assert (document.state, document.participant, document.content_index) == ("erased", None, None)
    version.refresh_from_db()
    assert version.text == ""
    assert set(Version.objects.values_list("text", "sha256")) == {("", "")}
    for model in (Original, Turn, Replacement, Speaker):
        assert not model.objects.exists(), model
    assert not EntityName.objects.filter(scope=f"participant:{somebody.pk}").exists()
    assert StoredFile.objects.get().erased_at is not None
    assert Entity.objects.filter(participant=somebody).count() == 0


def test_a_group_in_review_loses_the_turns_too(in_review, fieldwork, person, study):
    orla = person("P-020", "Orla Finnegan-Test")
    text = GROUP.replace("Orla:", "P-020:")
    document = in_review(fieldwork, text, kind="focus_group")
    erasing.withdraw(erasure(study, orla, fieldwork))
    assert "glad of the training" not in sealing.text_of(sealing.original_of(document))
    left = sealing.text_of(sealing.original_of(document))
    names = {left[row.start : row.end] for row in Replacement.objects.filter(document=document)}
    assert "Orla" in names
    assert document.original_turns.count() == 4


def test_originals_are_destroyed_by_data_protection_only_and_only_after_clearance(
    in_review, cleared, researcher, fieldwork, data_protection
):
    open_one = in_review(researcher)
    with pytest.raises(NotReady, match="Clear the document first"):
        erasing.destroy_original(open_one, by=data_protection)
    done = cleared(fieldwork, "INT: Who?\nP1: Nobody at all.\nINT: I.\nP1: Yes.\n")
    with pytest.raises(Refused):
        erasing.destroy_original(done, by=fieldwork)
    erasing.destroy_original(done, by=data_protection)
    assert not Original.objects.filter(document=done).exists()
    assert "Nobody at all" in text_of(done)
    assert AuditEvent.objects.filter(action="original.destroyed").count() == 1


def test_a_document_is_erased_by_data_protection_once(cleared, researcher, fieldwork, data_protection):
    document = cleared(researcher)
    with pytest.raises(Refused):
        erasing.erase_document(document, by=fieldwork)
    erasing.erase_document(document, by=data_protection)
    erasing.erase_document(document, by=data_protection)
    assert AuditEvent.objects.filter(action="document.erased").count() == 1
    assert set(Version.objects.values_list("text", flat=True)) == {""}


@pytest.mark.row("V16.2.5")
def test_a_name_stands_in_no_column_log_or_audit_after_clearance(cleared, fieldwork, person, caplog):
    person("P-014", "Zebedee Quillfeather")
    with caplog.at_level("DEBUG", logger="ipe"):
        document = cleared(fieldwork, name="Quillfeather Zebedee.txt")
    for canary in ("Zebedee", "Quillfeather", "0116 496 0123", "zeb@example.org", "Talk with"):
        for model in apps.get_models(include_auto_created=True):
            if model._meta.label == "ipe.WrappedKey":
                continue
            for row in model._base_manager.values():
                assert canary not in repr(row), model._meta.label
                assert canary.encode() not in b"".join(
                    bytes(value) for value in row.values() if isinstance(value, bytes | memoryview)
                )
        assert canary not in caplog.text
    assert document.code == "D-01"


def test_retention_counts_originals_past_their_date(upload, fieldwork, study):
    upload(fieldwork, keep_until=dt.date(2026, 11, 1))
    from transcripts.room import ROOM

    [due] = ROOM.retain(study, dt.date(2026, 11, 21))
    assert (due.n_rows, due.due_on) == (1, dt.date(2026, 11, 1))
    assert ROOM.retain(study, dt.date(2026, 10, 1)) == []


def test_find_names_the_places_and_not_the_words(in_review, fieldwork, person, study):
    person("P-014", "Zebedee Quillfeather")
    document = in_review(fieldwork)
    from transcripts.room import ROOM

    labels = [hit.label for hit in ROOM.find(study, "quillfeather")]
    assert f"{document.code}, original (sealed, for as long as it is kept)" in labels
    assert f"{document.code}, a speaker’s label (sealed)" in labels
    assert "the key of [P-014] (sealed)" in labels
    assert ROOM.find(study, "nowhere at all") == []
    assert ROOM.find(study, " ") == []
    assert not any("uillfeather" in hit.label + hit.url for hit in ROOM.find(study, "quillfeather"))


def test_due_and_assigned_are_the_reviewers(
    in_review, upload, researcher, fieldwork, data_protection, study, other_site
):
    from transcripts.room import ROOM

    one = in_review(researcher)
    two = upload(fieldwork, GROUP, kind="focus_group")
    today = dt.date(2026, 11, 21)
    assert [row.label for row in ROOM.due(study, researcher, today)] == ["D-01: review identifiers"]
    assert [row.label for row in ROOM.due(study, fieldwork, today)] == [
        "D-01: review identifiers",
        "D-02: check turns and speakers",
    ]
    assert ROOM.due(study, data_protection, today) == []
    assert ROOM.due(study, other_site, today) == []
    assert ROOM.assigned(researcher).documents == {one.pk}
    assert two.pk not in ROOM.assigned(fieldwork).documents
    assert Document.objects.visible_to(other_site).count() == 0
