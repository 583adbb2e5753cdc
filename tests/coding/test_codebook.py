import pytest
from django.db import IntegrityError, transaction

from coding.acts import applying, codebook, undoing
from coding.models import Code, Coding, Level
from ipe.errors import Conflict, Invalid, Refused
from ipe.models import AuditEvent
from tests.coding.texts import place_of


@pytest.mark.row("003-14")
def test_add_code_makes_three_levels_and_colours_apart(theme, subtheme, code):
    assert [theme.level, subtheme.level, code.level] == [1, 2, 3]
    assert len({theme.colour, subtheme.colour, code.colour}) == 3
    assert (theme.is_codable, subtheme.is_codable) == (False, True)
    assert AuditEvent.objects.filter(action="coding.code_add").count() == 3


def test_add_code_refuses_a_fourth_level(study, code, researcher):
    with pytest.raises(Invalid):
        codebook.add_code(study, name="Too deep", parent=code, by=researcher)


@pytest.mark.parametrize("name", ["", "   ", "caseload", " CASELOAD "])
def test_add_code_refuses_an_empty_or_a_double_name(study, theme, subtheme, researcher, name):
    with pytest.raises(Invalid):
        codebook.add_code(study, name=name, parent=theme, by=researcher)


def test_add_code_refuses_people_who_only_read(study, lead):
    with pytest.raises(Refused):
        codebook.add_code(study, name="Mine", by=lead)


@pytest.mark.parametrize("name", ["O’Brien’s “way”", "a.*[b](c)$", "😀 מאיה", "<script>", "=SUM(A1)"])
def test_add_code_takes_any_name(study, researcher, name):
    assert codebook.add_code(study, name=name, by=researcher).name == name


def test_edit_code_keeps_what_it_was_called(code, researcher):
    codebook.edit_code(
        code, name="Extra work", definition="Any.", is_codable=True, colour=3, reason="Wider", by=researcher
    )
    assert [row.name for row in code.revisions.all()] == ["One more thing", "Extra work"]


def test_edit_code_refuses_to_make_a_used_code_a_heading(version, code, researcher):
    applying.apply_code(version.pk, start=20, end=30, code_id=code.pk, by=researcher)
    with pytest.raises(Invalid, match="used"):
        codebook.edit_code(
            code, name=code.name, definition="", is_codable=False, colour=code.colour, by=researcher
        )


def test_move_code_orders_siblings_and_is_undone(study, theme, subtheme, time_code, researcher):
    def names():
        return list(Code.objects.filter(parent=theme).order_by("order").values_list("name", flat=True))

    assert names() == ["Caseload", "Time for families"]
    codebook.move_code(time_code, parent=theme, position=0, by=researcher)
    assert names() == ["Time for families", "Caseload"]
    undoing.undo(study, version_id=None, by=researcher)
    assert names() == ["Caseload", "Time for families"]


def test_move_code_takes_what_is_under_it_along(study, subtheme, code, researcher):
    other = codebook.add_code(study, name="Another theme", by=researcher)
    codebook.move_code(subtheme, parent=other, by=researcher)
    code.refresh_from_db()
    assert (code.parent, code.level, code.parent.parent) == (subtheme, Level.CODE, other)
    codebook.move_code(code, parent=other, by=researcher)
    code.refresh_from_db()
    assert code.level == Level.SUBTHEME


def test_move_code_refuses_under_itself_and_too_deep(study, theme, subtheme, code, time_code, researcher):
    with pytest.raises(Invalid):
        codebook.move_code(theme, parent=subtheme, by=researcher)
    with pytest.raises(Invalid, match="fourth"):
        codebook.move_code(subtheme, parent=time_code, by=researcher)


@pytest.fixture
def used(version, code, time_code, researcher, whole_study):
    """Both codes on one passage by one coder, `code` alone on another, and on the first by another coder."""
    start, end = place_of(version, "one more thing")
    for which in (code, time_code):
        applying.apply_code(version.pk, start=start, end=end, code_id=which.pk, by=researcher)
    applying.apply_code(version.pk, start=start, end=end, code_id=code.pk, by=whole_study)
    first, last = place_of(version, "The groups helped")
    applying.apply_code(version.pk, start=first, end=last, code_id=code.pk, by=researcher)


def rows():
    return list(Coding.objects.order_by("id").values_list("id", "start", "code", "coder"))


def test_merge_preview_counts_and_changes_nothing(used, code, time_code, whole_study):
    before = rows()
    preview = codebook.merge_preview(code, time_code, by=whole_study)
    assert (preview.n_codings, preview.n_doubles, preview.n_documents, preview.n_children) == (3, 1, 1, 0)
    assert rows() == before


def test_merge_does_what_the_preview_said_and_is_undone_as_one(study, used, code, time_code, whole_study):
    before = rows()
    codebook.merge_codes(code, into=time_code, by=whole_study)
    assert Coding.objects.filter(code=code).count() == 0
    assert Coding.objects.filter(code=time_code).count() == 3
    code.refresh_from_db()
    assert code.merged_into == time_code
    undoing.undo(study, version_id=None, by=whole_study)
    assert rows() == before
    code.refresh_from_db()
    assert (code.retired_at, code.merged_into) == (None, None)
    undoing.redo(study, version_id=None, by=whole_study)
    assert Coding.objects.filter(code=time_code).count() == 3


def test_merge_twice_says_that_it_was_merged(used, code, time_code, whole_study):
    codebook.merge_codes(code, into=time_code, by=whole_study)
    with pytest.raises(Conflict):
        codebook.merge_codes(code, into=time_code, by=whole_study)


def test_merge_refuses_itself_a_heading_and_people_of_one_site(
    used, theme, code, time_code, researcher, whole_study
):
    with pytest.raises(Invalid):
        codebook.merge_codes(code, into=code, by=whole_study)
    with pytest.raises(Invalid):
        codebook.merge_codes(code, into=theme, by=whole_study)
    with pytest.raises(Refused):
        codebook.merge_codes(code, into=time_code, by=researcher)


def test_retire_refuses_a_used_code_and_frees_the_name(
    study, version, subtheme, code, whole_study, researcher
):
    applying.apply_code(version.pk, start=20, end=30, code_id=code.pk, by=researcher)
    with pytest.raises(Conflict):
        codebook.retire_code(code, by=whole_study)
    Coding.objects.all().delete()
    codebook.retire_code(code, by=whole_study)
    again = codebook.add_code(study, name="One more thing", parent=subtheme, by=whole_study)
    assert again.pk != code.pk


def test_database_refuses_a_theme_with_a_parent(code):
    with pytest.raises(IntegrityError), transaction.atomic():
        Code.objects.filter(pk=code.pk).update(level=1)
