"""Deciding: one entity, one pseudonym; forms of a name; the audit; and the refusals."""

from __future__ import annotations

import pytest

from ipe.errors import Conflict, Invalid, NotFound, NotReady, Refused
from ipe.models import AuditEvent
from tests.transcripts.conftest import GROUP, INTERVIEW
from transcripts import finding, naming, review
from transcripts.forms import DecisionForm
from transcripts.models import Entity, EntityName, Replacement, Speaker


def place(document, words):
    start = INTERVIEW.index(words)
    return Replacement.objects.get(document=document, start=start)


@pytest.mark.row("PS-01")
def test_the_same_entity_keeps_its_pseudonym_in_every_document_and_wave(in_review, researcher, person):
    person("P-014", "Zebedee Quillfeather")
    first = in_review(researcher)
    second = in_review(
        researcher, "INT: Who was it?\nP1: Zeb from Leicester. zebedee again.\nINT: Oh.\n", phase="24m"
    )
    leicester = review.accept(Replacement.objects.get(document=first, category="place"), by=researcher)[0]
    again = Replacement.objects.get(document=second, category="place")
    assert review.accept(again, by=researcher)[0].entity == leicester.entity
    names = Replacement.objects.filter(document=second, category="person")
    assert {row.text for row in names} == {"[P-014]"}


@pytest.mark.row("PS-01")
def test_two_people_of_one_name_get_two_pseudonyms(in_review, researcher):
    text = "INT: Who?\nP1: Then Tom came. Later Tom came, another one.\nINT: I see.\nP1: Yes.\n"
    document = in_review(researcher, text)
    one, other = Replacement.objects.filter(document=document, category="person")
    first = review.accept(one, by=researcher)[0]
    second = review.accept(other, by=researcher, is_new=True)[0]
    assert (first.text, second.text) == ("[Person 1]", "[Person 2]")
    third = in_review(researcher, "INT: Who?\nP1: It was Tom again.\nINT: I see.\nP1: Yes.\n")
    row = Replacement.objects.get(document=third, category="person")
    Replacement.objects.filter(pk=row.pk).update(entity=None)
    with pytest.raises(Conflict, match="More than one"):
        review.accept(row, by=researcher)
    assert review.accept(row, by=researcher, entity=second.entity)[0].text == "[Person 2]"


@pytest.mark.row("PS-02")
def test_variants_are_accepted_together_and_other_words_are_not(in_review, researcher):
    text = (
        "INT: Who?\nP1: So Tom came. Then TOM, then Thomas, and Tommy. Tomorrow too.\nINT: I see.\nP1: Yes.\n"
    )
    document = in_review(researcher, text)
    rows = list(Replacement.objects.filter(document=document, category="person"))
    assert len(rows) == 4
    made = review.accept(rows[0], by=researcher, word="Team manager", everywhere=True)
    assert len(made) == 2  # Tom and TOM are the same words
    for row in Replacement.objects.filter(document=document, category="person", status="suggested"):
        (again,) = review.accept(row, by=researcher, entity=made[0].entity)
        assert again.text == made[0].text == "[Team manager 1]"


def test_numbers_follow_the_order_of_meeting(in_review, researcher):
    document = in_review(researcher, "INT: Who?\nP1: So Zara came. Then Amina came.\nINT: I see.\nP1: Yes.\n")
    rows = [review.accept(row, by=researcher)[0] for row in Replacement.objects.filter(document=document)]
    assert [row.text for row in rows] == ["[Person 1]", "[Person 2]"]


@pytest.mark.row("PS-09")
def test_details_are_generalised_not_deleted(in_review, researcher):
    document = in_review(
        researcher, "INT: Who?\nP1: He went to Lowfield Academy, she is 14 now.\nINT: I.\nP1: Yes.\n"
    )
    school = Replacement.objects.get(document=document, category="school")
    assert review.accept(school, by=researcher, text="a secondary school")[0].text == "[a secondary school]"
    age = Replacement.objects.get(document=document, category="age")
    with pytest.raises(Invalid, match="repeats"):
        review.accept(age, by=researcher, text="14 or so")
    with pytest.raises(Invalid, match="repeats"):
        review.accept(age, by=researcher, text="[[ ]]")
    assert review.accept(age, by=researcher)[0].text == "[age]"


@pytest.mark.row("PS-06")
def test_the_audit_holds_the_entity_and_counts_and_no_name(in_review, researcher):
    document = in_review(researcher)
    row = review.accept(place(document, "Leicester"), by=researcher)[0]
    event = AuditEvent.objects.filter(action="replacement.accepted").first()
    assert event.subject_id == str(row.entity_id)
    assert event.counts == {"replacements": 1, "document": document.number}
    assert "Leicester" not in repr([(e.counts, e.fields, e.action) for e in AuditEvent.objects.all()])


def test_deciding_twice_takes_back_and_finding_twice_adds_nothing(in_review, researcher):
    document = in_review(researcher)
    row = place(document, "Leicester")
    review.reject(row, by=researcher)
    assert review.undecide(row, by=researcher).status == "suggested"
    assert review.undecide(row, by=researcher).status == "suggested"
    assert finding.find_identifiers(document, by=researcher) == 0
    document.refresh_from_db()
    before = document.revision
    finding.find_identifiers(document, by=researcher)
    document.refresh_from_db()
    assert document.revision == before


def test_words_added_by_hand_everywhere(in_review, researcher):
    text = "INT: Who?\nP1: The blue bicycle. My Blue\u00a0bicycle!\nINT: I see.\nP1: Yes.\n"
    document = in_review(researcher, text)
    start = text.index("blue")
    rows = review.add(
        document,
        start=start - 1,
        end=start + 12,
        category="event",
        text="a vehicle",
        by=researcher,
        everywhere=True,
    )
    assert [text[row.start : row.end] for row in rows] == ["blue bicycle", "Blue\u00a0bicycle"]
    with pytest.raises(Conflict, match="overlaps"):
        review.add(document, start=start, end=start + 4, category="event", text="x", by=researcher)
    with pytest.raises(Invalid, match="nowhere"):
        review.add_words(document, words="blue bicycle", category="event", text="x", by=researcher)
    assert review.undecide(rows[0], by=researcher) is None
    assert Replacement.objects.filter(pk=rows[0].pk).count() == 0


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [(3, 3, "Select words"), (5, 900, "Select words"), (13, 25, "within one turn"), (11, 13, "label")],
)
def test_bad_selections_are_refused(in_review, researcher, start, end, words):
    document = in_review(researcher, "INT: Hello\nP1: Yes of course.\nINT: I.\nP1: No.\n")
    with pytest.raises(Invalid, match=words):
        review.add(document, start=start, end=end, category="event", text="x", by=researcher)


def test_only_those_who_may_open_the_original_decide(
    in_review, researcher, fieldwork, other_site, lead, writer, data_protection, outsider
):
    document = in_review(fieldwork)
    row = place(document, "Leicester")
    for user, error in (
        (researcher, Refused),
        (other_site, NotFound),
        (lead, Refused),
        (writer, Refused),
        (data_protection, Refused),
        (outsider, NotFound),
    ):
        for act in (review.accept, review.reject, review.undecide):
            with pytest.raises(error):
                act(row, by=user)
        assert not Replacement.objects.visible_to(user).exists() or user == data_protection
    row.refresh_from_db()
    assert row.status == "suggested"


def test_a_cleared_document_is_not_reviewed(cleared, fieldwork):
    document = cleared(fieldwork)
    with pytest.raises(NotReady, match="is cleared"):
        review.reject(Replacement.objects.filter(document=document).first(), by=fieldwork)


@pytest.mark.row("C8")
def test_a_speaker_becomes_a_participant_and_their_name_with_them(in_review, researcher, person):
    document = in_review(researcher, GROUP, kind="focus_group")
    orla = person("P-020", "Somebody Else")
    speaker = Speaker.objects.get(document=document, label="Speaker 1")
    review.map_speaker(speaker, participant=orla, by=researcher)
    speaker.refresh_from_db()
    assert speaker.label == "P-020"
    start = GROUP.rindex("Orla")
    assert Replacement.objects.get(document=document, start=start).text == "[P-020]"
    other = Speaker.objects.get(document=document, label="Speaker 2")
    with pytest.raises(Invalid, match="Another speaker"):
        review.map_speaker(other, participant=orla, by=researcher)


def test_people_of_another_site_are_not_proposed(in_review, researcher, person, site_b):
    person("P-099", "Zebedee Quillfeather", site=site_b)
    document = in_review(researcher)
    assert not Entity.objects.filter(pseudonym="[P-099]").exists()
    assert not Speaker.objects.filter(document=document, label="P-099").exists()


def test_names_are_sealed_in_their_own_table(in_review, researcher, person):
    person("P-014", "Zebedee Quillfeather")
    in_review(researcher)
    rows = EntityName.objects.filter(entity__pseudonym="[P-014]")
    assert rows.count() >= 2
    assert all(b"Zebedee" not in bytes(row.sealed_name) + bytes(row.name_index) for row in rows)


TOM = "INT: Who?\nP1: Then Tom rang me.\nINT: I see.\nP1: Yes, that was it.\n"


@pytest.mark.row("PS-01")
def test_two_people_of_the_study_with_one_name_are_asked_about(in_review, researcher, person):
    """Neither was met in a text before, and neither is taken for the other or for somebody new."""
    person("P-014", "Tom Baker")
    person("P-015", "Thomas Ash")
    document = in_review(researcher, TOM)
    row = Replacement.objects.get(document=document)
    assert (row.text, row.found_by) == ("", "several")
    offered = naming.candidates(document, "person", "Tom")
    assert [entity.pseudonym for entity in offered] == ["[P-014]", "[P-015]"]
    with pytest.raises(Conflict, match="More than one"):
        review.accept(row, by=researcher)
    assert review.accept(row, by=researcher, entity=offered[1])[0].text == "[P-015]"


def test_a_surname_that_is_anothers_first_name_is_asked_about(in_review, researcher, person):
    person("P-014", "Tom Baker")
    person("P-015", "Ann Tom")
    row = Replacement.objects.get(document=in_review(researcher, TOM))
    with pytest.raises(Conflict, match="More than one"):
        review.accept(row, by=researcher)


def test_everybody_of_the_site_can_be_chosen(in_review, researcher, person, site_b):
    person("P-014", "Tom Baker")
    person("P-015", "Somebody Unmentioned")
    person("P-099", "Somebody Elsewhere", site=site_b)
    document = in_review(researcher, TOM)
    offered = DecisionForm(document=document).fields["entity"].queryset
    assert [entity.pseudonym for entity in offered] == ["[P-014]", "[P-015]"]
    assert EntityName.objects.filter(entity__pseudonym="[P-015]").count() == 0


def test_a_person_met_by_another_name_is_still_found_by_their_own(in_review, researcher, person):
    orla = person("P-014", "Zebedee Quillfeather")
    first = in_review(researcher, GROUP, kind="focus_group")
    speaker = Speaker.objects.get(document=first, label="Speaker 1")
    review.map_speaker(speaker, participant=orla, by=researcher)
    document = in_review(researcher, TOM.replace("Tom rang", "zebedee quillfeather rang, Orla’s friend,"))
    rows = Replacement.objects.filter(document=document)
    assert [row.text for row in rows] == ["[P-014]", "[P-014]"]


def test_a_speaker_of_whom_the_wrong_person_was_said_is_taken_back(in_review, researcher, person):
    wrong, right = person("P-020", "Somebody Else"), person("P-021", "Another One")
    document = in_review(researcher, GROUP, kind="focus_group")
    speaker = Speaker.objects.get(document=document, label="Speaker 1")
    review.map_speaker(speaker, participant=wrong, by=researcher)
    row = Replacement.objects.get(document=document, start=GROUP.rindex("Orla"))
    review.accept(row, by=researcher)
    review.map_speaker(speaker, participant=right, by=researcher)
    row.refresh_from_db()
    assert (row.status, row.text) == ("suggested", "[P-021]")
    assert not EntityName.objects.filter(entity__participant=wrong).exists()
    review.map_speaker(speaker, participant=None, by=researcher)
    row.refresh_from_db()
    assert (row.status, row.text, row.entity) == ("suggested", "", None)


@pytest.mark.parametrize(
    ("label", "names"),
    [
        ("Social Worker 1", []),
        ("Participant 2 (F)", []),
        ("P-014", []),
        ("F", []),
        ("INT2", []),
        ("ZEB", ["ZEB"]),
        ("Zebedee (mother)", ["Zebedee"]),
        ("Mother (Zebedee)", ["Zebedee"]),
        ("Zeb\nZebedee Quillfeather", ["Zeb", "Zebedee Quillfeather"]),
    ],
)
def test_the_names_that_a_label_holds(label, names):
    assert naming.names_in(label) == names


def test_a_role_as_label_marks_none_of_its_words(in_review, researcher):
    text = "INT: Who?\nSocial Worker 1: The social work team.\nINT: I see.\nSocial Worker 1: Yes, the team.\n"
    assert not Replacement.objects.filter(document=in_review(researcher, text)).exists()
