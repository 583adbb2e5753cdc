import uuid

import pytest
from django.db import IntegrityError, transaction

from coding.acts.applying import apply_code, change_code, remove_coding, resize_coding
from coding.models import Coding, CodingEvent
from ipe.errors import Conflict, Invalid, NotFound, NotReady, Refused
from ipe.models import AuditEvent
from tests.coding.texts import SAID, place_of
from transcripts.models import Document, Version


def apply(version, words, code, by):
    start, end = place_of(version, words)
    return apply_code(version.pk, start=start, end=end, code_id=code.pk, by=by)


def test_apply_code_stores_a_span_and_no_words(version, code, researcher):
    coding = apply(version, "one more thing", code, researcher)
    assert version.text[coding.start : coding.end] == "one more thing"
    assert {field.name for field in Coding._meta.fields} == {
        "id",
        "version",
        "start",
        "end",
        "code",
        "coder",
        "changed_at",
    }


def test_apply_code_counts_code_points_after_an_emoji(version, code, researcher):
    coding = apply(version, "because we could", code, researcher)
    assert version.text[coding.start : coding.end] == "because we could"


def test_apply_code_leaves_outer_whitespace_out(version, code, researcher):
    start, end = place_of(version, " one more thing ")
    coding = apply_code(version.pk, start=start, end=end, code_id=code.pk, by=researcher)
    assert (coding.start, coding.end) == (start + 1, end - 1)


def test_apply_code_twice_is_one_coding_and_one_event(version, code, researcher):
    first = apply(version, "one more thing", code, researcher)
    events = AuditEvent.objects.filter(action="coding.apply").count()
    second = apply(version, "one more thing", code, researcher)
    assert second.pk == first.pk
    assert CodingEvent.objects.filter(verb="apply").count() == 1
    assert AuditEvent.objects.filter(action="coding.apply").count() == events == 1


def test_apply_code_by_two_coders_is_two_codings(version, code, researcher, whole_study):
    assert (
        apply(version, "one more thing", code, researcher).pk
        != apply(version, "one more thing", code, whole_study).pk
    )


def test_apply_code_is_audited_without_words(version, code, researcher):
    coding = apply(version, "one more thing", code, researcher)
    event = AuditEvent.objects.get(action="coding.apply")
    assert (event.subject_id, event.counts, event.actor_id) == (str(coding.pk), {"codings": 1}, researcher.pk)


@pytest.mark.parametrize("span", [(5, 5), (9, 4), (-1, 4), (0, 10**6)])
def test_apply_code_refuses_a_span_outside_the_text(version, code, researcher, span):
    with pytest.raises(Invalid):
        apply_code(version.pk, start=span[0], end=span[1], code_id=code.pk, by=researcher)
    assert not Coding.objects.exists()


def test_apply_code_refuses_blank(version, code, researcher):
    start = version.text.index("\n\n")
    with pytest.raises(Invalid, match="blank"):
        apply_code(version.pk, start=start, end=start + 2, code_id=code.pk, by=researcher)


def test_apply_code_refuses_a_heading(version, theme, researcher):
    with pytest.raises(Invalid, match="groups codes"):
        apply(version, "one more thing", theme, researcher)


def test_apply_code_refuses_an_unknown_code(version, researcher):
    with pytest.raises(NotFound):
        apply_code(version.pk, start=20, end=25, code_id=uuid.uuid4(), by=researcher)


def test_apply_code_refuses_people_who_only_read(version, code, lead):
    with pytest.raises(Refused):
        apply(version, "one more thing", code, lead)


def test_apply_code_at_another_site_is_not_found(version, code, other_site):
    with pytest.raises(NotFound):
        apply(version, "one more thing", code, other_site)


@pytest.mark.row("PS-08")
def test_apply_code_refuses_a_text_whose_clearance_lapsed(version, code, researcher):
    Document.objects.update(state="in_review")
    with pytest.raises(NotReady):
        apply(version, "one more thing", code, researcher)


def test_apply_code_refuses_a_superseded_version(version, code, researcher):
    Version.objects.create(
        document=version.document,
        number=2,
        text="new",
        n_characters=3,
        supersedes=version,
        cleared_at=version.cleared_at,
        signed_revision=2,
    )
    with pytest.raises(NotReady):
        apply(version, "one more thing", code, researcher)


def test_database_refuses_an_empty_coding(version, code, researcher):
    with pytest.raises(IntegrityError), transaction.atomic():
        Coding.objects.create(
            version=version, start=5, end=5, code=code, coder=researcher, changed_at=version.cleared_at
        )


def test_remove_coding(version, code, researcher):
    coding = apply(version, "one more thing", code, researcher)
    removed = remove_coding(coding.pk, by=researcher)
    assert (removed.pk, removed.start) == (coding.pk, coding.start)
    assert not Coding.objects.exists()
    assert AuditEvent.objects.filter(action="coding.remove").count() == 1


def test_remove_coding_twice_says_that_it_is_gone(version, code, researcher):
    coding = apply(version, "one more thing", code, researcher)
    remove_coding(coding.pk, by=researcher)
    with pytest.raises(NotFound):
        remove_coding(coding.pk, by=researcher)


def test_remove_coding_of_another_site_is_not_found(version, code, researcher, other_site):
    coding = apply(version, "one more thing", code, researcher)
    with pytest.raises(NotFound):
        remove_coding(coding.pk, by=other_site)


def test_change_code_keeps_the_coding(version, code, time_code, researcher):
    coding = apply(version, "one more thing", code, researcher)
    changed = change_code(coding.pk, code_id=time_code.pk, by=researcher)
    assert (changed.pk, changed.code, changed.start) == (coding.pk, time_code, coding.start)


def test_change_code_to_the_same_changes_nothing(version, code, researcher):
    coding = apply(version, "one more thing", code, researcher)
    change_code(coding.pk, code_id=code.pk, by=researcher)
    assert CodingEvent.objects.filter(verb="recode").count() == 0


def test_change_code_refuses_a_double(version, code, time_code, researcher):
    coding = apply(version, "one more thing", code, researcher)
    apply(version, "one more thing", time_code, researcher)
    with pytest.raises(Conflict):
        change_code(coding.pk, code_id=time_code.pk, by=researcher)


def test_resize_coding_trims_and_remembers(version, code, researcher):
    coding = apply(version, "one more thing", code, researcher)
    start, end = place_of(version, "like one more thing on ")
    resized = resize_coding(coding.pk, start=start, end=end, by=researcher)
    assert (resized.pk, resized.was) == (coding.pk, (coding.start, coding.end))
    assert version.text[resized.start : resized.end] == "like one more thing on"


def test_resize_coding_refuses_blank_and_leaves_it(version, code, researcher):
    coding = apply(version, "one more thing", code, researcher)
    start = version.text.index("\n\n")
    with pytest.raises(Invalid):
        resize_coding(coding.pk, start=start, end=start + 1, by=researcher)
    coding.refresh_from_db()
    assert version.text[coding.start : coding.end] == "one more thing"


def test_apply_code_asks_the_same_queries_however_much_is_coded(
    study, site_a, wave, version, code, time_code, researcher, django_assert_num_queries
):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    apply(version, "one more thing", code, researcher)  # makes the audit chain's first row
    with CaptureQueriesContext(connection) as few:
        apply(version, "The groups helped", code, researcher)
    for n in range(30):
        apply_code(version.pk, start=60 + n, end=90 + n, code_id=time_code.pk, by=researcher)
    with CaptureQueriesContext(connection) as many:
        apply(version, "talk them through", code, researcher)
    assert len(many) == len(few)


def test_texts_fixture_cuts_turns_at_their_words(version):
    assert [version.text[t.start : t.end] for t in version.turns.all()] == [words for _, words in SAID]


def test_apply_leaves_out_what_stands_outside_the_turns(version, code, researcher):
    first, second = version.turns.order_by("ordinal")[:2]
    coding = apply_code(version.pk, start=0, end=second.start, code_id=code.pk, by=researcher)
    assert (coding.start, coding.end) == (first.start, first.end)


def test_apply_refuses_a_label_which_nobody_says(version, code, researcher):
    assert version.text.startswith("Interviewer:")
    with pytest.raises(Invalid, match="Nobody says anything there"):
        apply_code(version.pk, start=0, end=11, code_id=code.pk, by=researcher)
