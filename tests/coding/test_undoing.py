import pytest

from coding.acts import applying, codebook, undoing
from coding.models import Code, Coding, CodingEvent
from ipe.errors import Conflict, NotReady, Refused
from ipe.models import AuditEvent
from tests.coding.texts import place_of


@pytest.fixture
def coding(version, code, researcher):
    start, end = place_of(version, "one more thing")
    return applying.apply_code(version.pk, start=start, end=end, code_id=code.pk, by=researcher)


def rows():
    return list(Coding.objects.order_by("id").values_list("id", "version", "start", "end", "code", "coder"))


def test_undo_and_redo_through_every_kind_of_act(study, version, coding, time_code, researcher):
    states = [[], rows()]
    applying.change_code(coding.pk, code_id=time_code.pk, by=researcher)
    states.append(rows())
    start, end = place_of(version, "The groups helped")
    applying.resize_coding(coding.pk, start=start, end=end, by=researcher)
    states.append(rows())
    applying.remove_coding(coding.pk, by=researcher)
    for expected in reversed(states):
        undoing.undo(study, version_id=version.pk, by=researcher)
        assert rows() == expected
    with pytest.raises(NotReady):
        undoing.undo(study, version_id=version.pk, by=researcher)
    for expected in [*states[1:], []]:
        undoing.redo(study, version_id=version.pk, by=researcher)
        assert rows() == expected
    with pytest.raises(NotReady):
        undoing.redo(study, version_id=version.pk, by=researcher)


def test_undo_is_logged_audited_and_holds_no_words(study, version, coding, researcher):
    undoing.undo(study, version_id=version.pk, by=researcher)
    event = CodingEvent.objects.get(kind="undo")
    assert event.of.verb == "apply"
    assert AuditEvent.objects.filter(action="coding.undo", counts={"codings": 1}).count() == 1
    assert "thing" not in str([event.before, event.after])


def test_undo_takes_back_ones_own_acts_only(study, version, coding, whole_study):
    with pytest.raises(NotReady):
        undoing.undo(study, version_id=version.pk, by=whole_study)


def test_undo_refuses_when_somebody_changed_the_coding_since(
    study, version, coding, time_code, researcher, whole_study
):
    applying.change_code(coding.pk, code_id=time_code.pk, by=whole_study)
    before = rows()
    with pytest.raises(Conflict):
        undoing.undo(study, version_id=version.pk, by=researcher)
    assert rows() == before


def test_undo_refuses_people_who_only_read(study, version, coding, lead):
    with pytest.raises(Refused):
        undoing.undo(study, version_id=version.pk, by=lead)


def test_redo_of_a_removal_after_something_new_is_gone(study, version, coding, time_code, researcher):
    undoing.undo(study, version_id=version.pk, by=researcher)
    applying.apply_code(version.pk, start=30, end=40, code_id=time_code.pk, by=researcher)
    with pytest.raises(NotReady):
        undoing.redo(study, version_id=version.pk, by=researcher)


def test_undo_of_a_code_that_is_used_by_now_refuses(study, coding, researcher):
    with pytest.raises(Conflict):
        undoing.undo(study, version_id=None, by=researcher)
    assert Code.objects.in_use().filter(name="One more thing").exists()


def test_undo_rename_brings_the_old_name_back(study, code, researcher):
    codebook.edit_code(
        code, name="Extra work", definition="Any.", is_codable=True, colour=3, reason="Wider", by=researcher
    )
    undoing.undo(study, version_id=None, by=researcher)
    code.refresh_from_db()
    assert (code.name, code.definition) == ("One more thing", "")
    undoing.redo(study, version_id=None, by=researcher)
    code.refresh_from_db()
    assert (code.name, code.definition, code.colour) == ("Extra work", "Any.", 3)


@pytest.mark.parametrize("leaves", ["retired", "made a heading"])
def test_undo_never_brings_a_coding_back_under_a_code_that_left(
    study, version, coding, code, researcher, whole_study, leaves
):
    """Such a coding would stand in no mark and no list, and yet be counted."""
    applying.remove_coding(coding.pk, by=researcher)
    if leaves == "retired":
        codebook.retire_code(code, by=whole_study)
    else:
        codebook.edit_code(
            code, name=code.name, definition="", is_codable=False, colour=code.colour, by=whole_study
        )
    with pytest.raises(Conflict):
        undoing.undo(study, version_id=version.pk, by=researcher)
    assert rows() == []
