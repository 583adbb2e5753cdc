"""The pages: each step of the job by forms alone, fragments, and lists that cost the same for one row and for three."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.transcripts.conftest import INTERVIEW, accept_all, text_of
from transcripts.models import Document, Replacement, Version


def at(name, study, document=None, **more):
    kwargs = {"slug": study.slug, **more}
    if document is not None:
        kwargs["pk"] = document.pk
    return reverse(f"transcripts:{name}", kwargs=kwargs)


@pytest.mark.row("PS-11")
def test_the_whole_job_by_forms_alone(study, site_a, wave, login, researcher, person):
    person("P-014", "Zebedee Quillfeather")
    client = login(researcher)
    answer = client.post(
        at("import", study),
        {
            "file": SimpleUploadedFile("Zebedee.txt", INTERVIEW.encode()),
            "title": "Talk with Zebedee",
            "wave": wave(site_a, "12m").pk,
            "kind": "interview",
        },
    )
    document = Document.objects.get()
    assert answer["Location"] == at("turns", study, document)
    page = client.get(at("turns", study, document)).content.decode()
    assert "Zebedee Quillfeather" in page
    assert "4 turns" in page
    assert client.post(at("confirm", study, document)).status_code == 302
    review = client.get(at("review", study, document)).content.decode()
    assert review.count('class="place suggested') > 3
    for row in Replacement.objects.filter(document=document).undecided():
        client.post(at("decide", study, document), {"replacement": row.pk, "do": "accept"})
    client.post(
        at("add", study, document),
        {"words": "he stays", "category": "event", "text": "something", "everywhere": "on"},
    )
    page = client.get(at("clear", study, document)).content.decode()
    assert "Zebedee" not in page
    document.refresh_from_db()
    assert client.post(at("clear", study, document), {"revision": document.revision}).status_code == 400
    signed = client.post(at("clear", study, document), {"revision": document.revision, "has_read": "on"})
    assert signed.status_code == 302
    page = client.get(at("read", study, document)).content.decode()
    assert "[P-014]" in page
    assert "[something]" in page
    assert "Zebedee" not in page


def test_a_stale_sign_off_is_told_and_the_form_takes_the_new_text(study, in_review, login, fieldwork):
    document = in_review(fieldwork)
    accept_all(document, fieldwork)
    client = login(fieldwork)
    answer = client.post(at("clear", study, document), {"revision": 1, "has_read": "on"})
    assert answer.status_code == 400
    assert "changed since you opened this page" in answer.content.decode()
    document.refresh_from_db()
    assert f'name="revision" value="{document.revision}"' in answer.content.decode()
    assert not Version.objects.exists()


def test_a_decision_answers_htmx_with_the_workspace(study, in_review, login, fieldwork):
    document = in_review(fieldwork)
    row = Replacement.objects.filter(document=document).first()
    answer = login(fieldwork).post(
        at("decide", study, document), {"replacement": row.pk, "do": "reject"}, headers={"HX-Request": "true"}
    )
    page = answer.content.decode()
    assert answer.status_code == 200
    assert page.strip().startswith('<div class="workspace"')
    assert "Kept: 1 place." in page
    assert "HX-Request" in answer["Vary"]


def test_an_ambiguous_name_is_told_at_the_field(study, in_review, login, fieldwork):
    from transcripts import review

    text = "INT: Who?\nP1: Then Tom came. Later Tom went, and Tom rang.\nINT: I see.\nP1: Yes.\n"
    document = in_review(fieldwork, text)
    one, other, third = Replacement.objects.filter(document=document, category="person")
    review.accept(one, by=fieldwork)
    review.accept(other, by=fieldwork, is_new=True)
    answer = login(fieldwork).post(at("decide", study, document), {"replacement": third.pk, "do": "accept"})
    assert answer.status_code == 422
    assert "Choose which one is meant" in answer.content.decode()


def test_redaction_by_typed_words_previews_then_shows_what_is_left(study, cleared, login, researcher):
    document = cleared(researcher, "INT: Who?\nP1: The oddball came.\nINT: I see.\nP1: Yes, the oddball.\n")
    client = login(researcher)
    data = {
        "version_number": 1,
        "words": "oddball",
        "category": "person",
        "text": "a man",
        "everywhere": "on",
    }
    page = client.post(at("redact", study, document), data).content.decode()
    assert "places of" in page
    assert text_of(document).count("oddball") == 2
    start = text_of(document).index("oddball")
    sent = {**data, "words": "", "start": start, "end": start + 7}
    page = client.post(at("redact-confirm", study, document), sent).content.decode()
    assert "2 places replaced" in page
    # The one place left is the sealed original, which is no longer the researcher's to open.
    assert "Places to finish" not in page
    assert "Places beyond your role or sites are not listed" in page
    assert text_of(document).count("[a man]") == 2
    assert client.post(at("redact-confirm", study, document), sent).status_code == 400


@pytest.mark.parametrize("person_name", ["fieldwork", "researcher", "data_protection", "lead"])
def test_the_list_costs_the_same_for_one_and_three_rows(
    study, cleared, login, fieldwork, request, person_name
):
    client = login(request.getfixturevalue(person_name))
    cleared(fieldwork)

    def queries() -> int:
        with CaptureQueriesContext(connection) as caught:
            assert client.get(at("list", study)).status_code == 200
        return len(caught)

    queries()
    one = queries()
    for n in range(2):
        cleared(fieldwork, INTERVIEW.replace("How did", f"{n} how did"))
    assert queries() == one


def test_the_review_costs_the_same_for_a_short_and_a_long_text(study, in_review, login, fieldwork):
    short, long = in_review(fieldwork), in_review(fieldwork, INTERVIEW * 4)
    client = login(fieldwork)

    def queries(document) -> int:
        with CaptureQueriesContext(connection) as caught:
            client.get(at("review", study, document))
        return len(caught)

    queries(short)
    assert queries(short) == queries(long)


def test_titles_and_labels_are_not_for_those_who_read_cleared_text(
    study, cleared, login, fieldwork, lead, writer
):
    document = cleared(fieldwork)
    for user in (lead, writer):
        page = login(user).get(at("list", study)).content.decode()
        assert document.code in page
        assert "Talk with" not in page


def test_filters_and_order_stand_in_the_address(study, cleared, upload, login, fieldwork):
    cleared(fieldwork)
    upload(fieldwork, "INT: One?\nP1: Two.\nINT: Three?\nP1: Four.\n", phase="24m", kind="other")
    client = login(fieldwork)
    page = client.get(at("list", study) + "?state=cleared&sort=-phase").content.decode()
    assert ("D-01" in page, "D-02" in page) == (True, False)
    assert client.get(at("list", study) + "?site=B").status_code == 404
    page = client.get(at("list", study) + "?phase=24m", headers={"HX-Request": "true"}).content.decode()
    assert page.strip().startswith('<div class="stack tight" id="documents"')


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("talk.docx", b"INT: hello", "damaged or not what"),
        ("talk.txt", b"", "empty"),
        ("talk.pdf", b"%PDF", "Choose a file"),
    ],
)
def test_a_bad_file_is_told_at_the_field_and_nothing_is_kept(
    study, site_a, wave, login, researcher, name, data, words
):
    answer = login(researcher).post(
        at("import", study),
        {
            "file": SimpleUploadedFile(name, data),
            "title": "x",
            "wave": wave(site_a, "12m").pk,
            "kind": "interview",
        },
    )
    assert answer.status_code == 400
    assert words in answer.content.decode()
    assert not Document.objects.exists()


@pytest.mark.row("C8")
def test_turns_are_corrected_by_forms(study, upload, login, researcher):
    document = upload(researcher, "INT: Why? Because.\nMary: Yes.\nINT: I see.\nMary: No.\n")
    client = login(researcher)
    url = at("turn", study, document, ordinal=1)
    assert client.post(url, {"do": "split", "before": "because"}).status_code == 302
    assert document.original_turns.count() == 5
    answer = client.post(url, {"do": "split", "before": "not there"})
    assert answer.status_code == 400
    assert "Turn 1 was not changed" in answer.content.decode()
    assert "Type the words with which the second speaker begins" in answer.content.decode()
    assert client.post(url, {"do": "new"}).status_code == 302
    assert document.original_turns.first().speaker.label == "Speaker 2"
    assert client.post(at("turn", study, document, ordinal=2), {"do": "join"}).status_code == 302
    assert document.original_turns.count() == 4


def test_text_from_a_file_never_becomes_markup(study, cleared, login, fieldwork, researcher):
    document = cleared(fieldwork, "INT: Why?\nP1: <script>alert(1)</script> & so on.\nINT: I.\nP1: Yes.\n")
    page = login(researcher).get(at("read", study, document)).content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


def test_a_new_pseudonym_counts_more_than_the_one_that_the_form_offers(
    study, in_review, login, researcher, person
):
    person("P-014", "Tom Baker")
    document = in_review(researcher, "INT: Who?\nP1: Then Tom rang.\nINT: I see.\nP1: Yes.\n")
    row = Replacement.objects.get(document=document)
    sent = {"replacement": row.pk, "do": "accept", "category": "person", "entity": row.entity_id}
    client = login(researcher)
    answer = client.post(at("decide", study, document), {**sent, "word": "Neighbour", "text": "a man"})
    assert answer.status_code == 422
    assert "not both" in answer.content.decode()
    client.post(at("decide", study, document), {**sent, "word": "Neighbour"})
    row.refresh_from_db()
    assert row.text == "[Neighbour 1]"


def test_numbers_between_turns_are_shown_before_anybody_signs(study, in_review, login, fieldwork):
    text = "998 1234 9\n\nINT: Who?\nP1: Then he rang.\n\n12 03 2011\n\nINT: I see.\nP1: Yes.\n"
    document = in_review(fieldwork, text)
    accept_all(document, fieldwork)
    for name in ("review", "clear"):
        page = login(fieldwork).get(at(name, study, document)).content.decode()
        assert "998 1234 9" in page
        assert "12 03 2011" in page


def test_times_and_tags_of_captions_are_no_text_between_turns(study, in_review, login, fieldwork):
    text = (
        "WEBVTT\n\n1\n00:00:01.000 --> 00:00:04.000 align:start\n<v Ann Lee>Hello there.</v>\n\n"
        "2\n00:00:05.000 --> 00:00:06.000\n<v.loud INT>Thank you.</v>\n"
    )
    document = in_review(fieldwork, text, name="talk.vtt")
    page = login(fieldwork).get(at("review", study, document)).content.decode()
    assert page.count('class="block between"') == 0
    assert not Replacement.objects.filter(document=document).exists()
