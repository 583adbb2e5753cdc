"""Taking in: preview, corrections, duplicates, refusals."""

from __future__ import annotations

import pytest

from ipe.errors import BadFile, Conflict, Invalid, NotFound, NotReady, Refused
from ipe.models import AuditEvent, StoredFile
from tests.transcripts.conftest import GROUP, INTERVIEW
from transcripts import intake, sealing
from transcripts.intake import SpeakerChoice
from transcripts.models import Document, Original, OriginalTurn, Speaker


def said(document):
    text = sealing.text_of(sealing.original_of(document))
    rows = OriginalTurn.objects.filter(document=document).select_related("speaker")
    return [(row.speaker.label if row.speaker else None, text[row.start : row.end]) for row in rows]


def test_an_import_seals_the_text_and_proposes_turns(upload, researcher):
    document = upload(researcher)
    assert (document.code, document.state, document.assigned_to) == ("D-01", "imported", researcher)
    original = Original.objects.get()
    assert sealing.text_of(original) == INTERVIEW
    assert sealing.title_of(original) == "Talk with Zebedee"
    assert b"Zebedee" not in bytes(original.sealed_text) + bytes(original.sealed_title)
    assert [label for label, _ in said(document)] == ["INT", "Speaker 1", "INT", "Speaker 1"]
    event = AuditEvent.objects.get(action="document.imported")
    assert event.counts == {"characters": len(INTERVIEW), "turns": 4}


def test_one_persons_interview_is_sealed_under_their_key(upload, researcher, person):
    somebody = person("P-014", "Someone Else")
    document = upload(researcher, participant=somebody)
    assert Original.objects.get().scope == f"participant:{somebody.pk}"
    assert StoredFile.objects.get(kind="transcript").scope == f"participant:{somebody.pk}"
    assert Speaker.objects.get(document=document, role="participant").participant == somebody


def test_the_same_text_is_refused_in_any_encoding_or_name(upload, researcher, fieldwork):
    upload(researcher)
    with pytest.raises(Conflict, match="It is D-01"):
        upload(fieldwork, INTERVIEW.encode("utf-16"), name="other.txt")
    assert Document.objects.count() == 1
    assert StoredFile.objects.count() == 1


def test_whether_another_site_has_a_text_cannot_be_tried_out(
    upload, researcher, fieldwork, other_site, site_b
):
    upload(researcher)
    assert upload(other_site, site=site_b).state == "imported"
    with pytest.raises(Conflict, match="at this site"):
        upload(fieldwork)


def test_who_may_import(upload, lead, writer, data_protection, other_site, outsider):
    for user, error in (
        (lead, Refused),
        (writer, Refused),
        (data_protection, Refused),
        (other_site, NotFound),
        (outsider, NotFound),
    ):
        with pytest.raises(error):
            upload(user)
    assert not Document.objects.exists()


def test_what_belongs_elsewhere_is_refused(upload, researcher, person, site_b, other_site, wave, study):
    stranger = person("P-050", "Somebody", site=site_b)
    with pytest.raises(Invalid, match="another site"):
        upload(researcher, participant=stranger)
    with pytest.raises(Invalid, match="Only an interview"):
        upload(researcher, GROUP, kind="focus_group", participant=person("P-051", "Anybody"))
    with pytest.raises(Invalid, match="Only researchers"):
        upload(researcher, assigned_to=other_site)
    with pytest.raises(BadFile, match="Choose a file"):
        upload(researcher, name="talk.exe")
    with pytest.raises(Invalid, match="title"):
        upload(researcher, title="  ")
    assert not Document.objects.exists()


@pytest.mark.parametrize("name", ["דוד לוי", "Zoë 🦊 O’Brien", "محمد علي", "D*mo+n (x", "Anne\u00a0Marie"])
def test_hostile_speakers_come_back_as_typed(upload, researcher, name):
    document = upload(researcher, f"INT: Yes?\n{name}: Well.\nINT: On.\n{name}: Done.\n".replace("(x", ""))
    rows = list(Speaker.objects.filter(document=document).select_related("document"))
    assert name.replace(" (x", "").rstrip() in sealing.labels_of(document, rows).values()


def test_speakers_are_named_merged_and_dropped(upload, researcher, person):
    text = "INT: Why?\nMary: Two.\nMarry: Yes.\nSecond: cost.\nINT: I.\nSecond: time.\n"
    document = upload(researcher, text)
    ints, mary, marry, second = Speaker.objects.filter(document=document)
    somebody = person("P-014", "Not Mary")
    choices = [
        SpeakerChoice(ints.pk, "interviewer"),
        SpeakerChoice(mary.pk, "participant", somebody.pk),
        SpeakerChoice(marry.pk, same_as=mary.pk),
        SpeakerChoice(second.pk, is_speaker=False),
    ]
    intake.set_speakers(document, choices, by=researcher)
    assert said(document) == [
        ("INT", "Why?"),
        ("P-014", "Two."),
        ("P-014", "Yes.\nSecond: cost."),
        ("INT", "I.\nSecond: time."),
    ]
    with pytest.raises(Invalid, match="merged only into one that stays"):
        intake.set_speakers(document, [SpeakerChoice(mary.pk, same_as=mary.pk)], by=researcher)


@pytest.mark.row("C8")
def test_turns_are_corrected_one_by_one(upload, researcher):
    document = upload(researcher, "INT: Why? Because.\nMary: Yes.\nINT: I see.\nMary: No.\n")
    intake.split_turn(document, ordinal=1, at=len("INT: Why?"), by=researcher)
    mary = Speaker.objects.get(document=document, label="Speaker 1")
    intake.set_turn_speaker(document, ordinal=2, speaker=mary, by=researcher)
    assert said(document)[:3] == [("INT", "Why?"), ("Speaker 1", "Because."), ("Speaker 1", "Yes.")]
    intake.join_turn(document, ordinal=3, by=researcher)
    assert said(document)[1] == ("Speaker 1", "Because.\nMary: Yes.")
    with pytest.raises(Invalid, match="nothing before"):
        intake.join_turn(document, ordinal=1, by=researcher)
    with pytest.raises(NotFound):
        intake.join_turn(document, ordinal=99, by=researcher)


def test_another_style_reads_the_text_again(upload, researcher):
    document = upload(researcher, "INT: One.\n\nMary: Two.\n\nINT: Three.\n\nMary: Four.\n")
    intake.read_again(document, style="paragraphs", by=researcher)
    assert said(document)[0] == (None, "INT: One.")
    with pytest.raises(Invalid, match="styles"):
        intake.read_again(document, style="magic", by=researcher)


def test_confirming_fixes_the_turns_and_suggests_at_once(upload, researcher):
    document = upload(researcher)
    intake.confirm_turns(document, by=researcher)
    assert document.replacements.count() > 3
    for act in (
        lambda: intake.confirm_turns(document, by=researcher),
        lambda: intake.join_turn(document, ordinal=2, by=researcher),
        lambda: intake.drop(document, by=researcher),
        lambda: intake.set_speakers(document, [], by=researcher),
    ):
        with pytest.raises(NotReady, match="confirmed"):
            act()


def test_dropping_leaves_nothing(upload, researcher):
    document = upload(researcher)
    intake.drop(document, by=researcher)
    assert not Document.objects.exists()
    assert not Original.objects.exists()
    assert StoredFile.objects.get().erased_at is not None
    assert upload(researcher).state == "imported"


def test_only_site_leads_assign(upload, researcher, fieldwork, other_site):
    document = upload(fieldwork)
    assert document.assigned_to is None
    with pytest.raises(Refused):
        intake.confirm_turns(document, by=researcher)
    intake.assign(document, to=researcher, by=fieldwork)
    intake.confirm_turns(document, by=researcher)
    with pytest.raises(Refused):
        intake.assign(document, to=None, by=researcher)
    with pytest.raises(Invalid, match="researcher of this site"):
        intake.assign(document, to=other_site, by=fieldwork)


def test_a_merged_speaker_is_looked_for_by_both_labels(upload, researcher):
    text = "INT: Who?\nKezz: Me.\nINT: I.\nKeziwah: Yes.\nINT: So kezz said no?\nKezz: No.\nKeziwah: Two.\n"
    document = upload(researcher, text)
    ints, kezz, keziwah = Speaker.objects.filter(document=document)
    choices = [
        SpeakerChoice(ints.pk, "interviewer"),
        SpeakerChoice(kezz.pk, same_as=keziwah.pk),
        SpeakerChoice(keziwah.pk),
    ]
    intake.set_speakers(document, choices, by=researcher)
    document = intake.confirm_turns(document, by=researcher)
    [row] = document.replacements.all()
    assert text[row.start : row.end] == "kezz"


def test_a_speaker_left_without_turns_is_looked_for_before_it_goes(upload, researcher):
    text = "INT: Who?\nKezz: Me.\nINT: So kezz said no?\nKeziwah: Yes.\nKeziwah: Two.\n"
    document = upload(researcher, text)
    keziwah = Speaker.objects.get(document=document, label="Speaker 2")
    intake.set_turn_speaker(document, ordinal=2, speaker=keziwah, by=researcher)
    document = intake.confirm_turns(document, by=researcher)
    assert document.speakers.count() == 2
    [row] = document.replacements.all()
    assert text[row.start : row.end] == "kezz"


def test_a_text_without_labels_is_given_its_speakers(upload, researcher, person):
    document = upload(researcher, "How did it go?\n\nWell enough.\n\nAnd then?\n\nThen it rained.\n")
    assert not document.speakers.exists()
    one = intake.add_speaker(document, ordinal=1, by=researcher)
    other = intake.add_speaker(document, ordinal=2, by=researcher)
    intake.set_turn_speaker(document, ordinal=3, speaker=one, by=researcher)
    intake.set_turn_speaker(document, ordinal=4, speaker=other, by=researcher)
    choices = [
        SpeakerChoice(one.pk, "interviewer"),
        SpeakerChoice(other.pk, participant=person("P-1", "A").pk),
    ]
    intake.set_speakers(document, choices, by=researcher)
    document = intake.confirm_turns(document, by=researcher)
    assert [label for label, _ in said(document)] == ["INT", "P-1", "INT", "P-1"]
    with pytest.raises(NotReady, match="confirmed"):
        intake.add_speaker(document, ordinal=1, by=researcher)


def test_nobody_is_added_to_a_turn_that_is_not_there(upload, researcher, fieldwork, lead):
    document = upload(fieldwork)
    with pytest.raises(NotFound):
        intake.add_speaker(document, ordinal=99, by=fieldwork)
    for user in (researcher, lead):
        with pytest.raises(Refused):
            intake.add_speaker(document, ordinal=1, by=user)
    assert document.speakers.count() == 2
