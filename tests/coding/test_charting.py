import pytest
from django.utils import timezone

from coding import frames, grids
from coding.acts import applying, charting, codebook, matrices
from coding.evidence import staleness
from coding.models import Cell, CellHistory, Column, QuoteLink
from ipe.errors import Conflict, Invalid, NotFound, Refused
from ipe.models import AuditEvent
from tests.coding.texts import make_person, make_text, place_of

TEXT = [{"kind": "summary", "text": "Felt rushed."}]


@pytest.fixture
def matrix(theme, subtheme, time_code, researcher):
    return matrices.create_matrix(theme, by=researcher)


@pytest.fixture
def column(matrix, subtheme):
    return matrix.columns.get(subtheme=subtheme)


@pytest.fixture
def case(study, person, version, researcher):
    return matrices.add_case(study, participant=person, by=researcher)


@pytest.fixture
def coding(version, code, researcher):
    start, end = place_of(version, "one more thing")
    return applying.apply_code(version.pk, start=start, end=end, code_id=code.pk, by=researcher)


def save(case, column, by, runs=TEXT, state="draft", expected=0):
    return charting.save_cell(case, column, runs=runs, state=state, expected_version=expected, by=by)


@pytest.mark.row("F1", "002-13")
def test_create_matrix_has_a_column_for_each_subtheme_and_other_last(matrix):
    assert [column.title for column in matrix.columns.all()] == ["Caseload", "Time for families", "Other"]


@pytest.mark.row("F1")
def test_create_matrix_twice_and_of_a_subtheme_is_refused(matrix, theme, subtheme, researcher):
    with pytest.raises(Conflict):
        matrices.create_matrix(theme, by=researcher)
    with pytest.raises(Invalid):
        matrices.create_matrix(subtheme, by=researcher)


@pytest.mark.row("F5", "002-13")
def test_new_subtheme_appears_as_a_column_before_other(study, matrix, theme, researcher):
    codebook.add_code(study, name="Paperwork", parent=theme, by=researcher)
    assert [column.title for column in matrix.columns.all()] == [
        "Caseload",
        "Time for families",
        "Paperwork",
        "Other",
    ]


@pytest.mark.row("F2", "F5")
def test_add_case_of_every_kind_and_each_once(study, site_a, wave, person, version, researcher):
    twelve = wave(site_a, "12m")
    group = make_text(study, twelve, [("A", "Yes, we all did."), ("B", "Not me.")], kind="focus_group")
    labels = [
        matrices.add_case(study, participant=person, by=researcher).label,
        matrices.add_case(study, participant=person, wave=twelve, by=researcher).label,
        matrices.add_case(study, document=group.document, by=researcher).label,
        matrices.add_case(study, site=site_a, by=researcher).label,
    ]
    assert labels == ["P-014", "P-014", "D-02", "A"]
    for again in ({"participant": person}, {"document": group.document}, {"site": site_a}):
        with pytest.raises(Conflict):
            matrices.add_case(study, by=researcher, **again)


def test_add_case_refuses_two_things_another_sites_wave_and_readers(
    study, site_a, site_b, wave, person, researcher, lead
):
    with pytest.raises(Invalid):
        matrices.add_case(study, participant=person, site=site_a, by=researcher)
    with pytest.raises(Invalid):
        matrices.add_case(study, participant=person, wave=wave(site_b, "12m"), by=researcher)
    with pytest.raises(Refused):
        matrices.add_case(study, participant=person, by=lead)
    with pytest.raises(NotFound):
        matrices.add_case(study, site=site_b, by=researcher)


@pytest.mark.row("002-13")
def test_save_cell_raises_the_version_and_keeps_history(case, column, researcher):
    save(case, column, researcher)
    cell = save(case, column, researcher, [{"kind": "summary", "text": "Eased."}], "charted", 1)
    assert (cell.version, cell.state, cell.updated_by) == (2, "charted", researcher)
    assert [row.runs for row in cell.history.all()] == [[{"kind": "summary", "text": "Eased."}], TEXT]
    assert AuditEvent.objects.filter(action="coding.cell_saved").count() == 2


def test_save_cell_unchanged_is_no_new_version(case, column, researcher):
    save(case, column, researcher)
    assert save(case, column, researcher, expected=1).version == 1
    assert CellHistory.objects.count() == 1


def test_save_cell_over_somebody_elses_text_is_refused_with_theirs(case, column, researcher, whole_study):
    save(case, column, researcher)
    with pytest.raises(charting.CellConflict) as refused:
        save(case, column, whole_study, [{"kind": "summary", "text": "Mine"}])
    assert refused.value.cell.runs == TEXT
    assert Cell.objects.get().runs == TEXT


@pytest.mark.parametrize(
    ("runs", "state"),
    [(TEXT, "not_raised"), (TEXT, "not_started"), ([], "charted"), (TEXT, "finished"), ("x", "draft")],
)
def test_save_cell_refuses_states_that_contradict_the_text(case, column, researcher, runs, state):
    with pytest.raises(Invalid):
        save(case, column, researcher, runs, state)
    assert not Cell.objects.exclude(version=0).exists()


def test_save_cell_takes_a_comment_beside_not_raised(case, column, researcher):
    runs = [{"kind": "comment", "text": "Ask at 24m."}]
    assert save(case, column, researcher, runs, "not_raised").state == "not_raised"


def test_save_cell_refuses_readers_and_other_sites(case, column, lead, other_site):
    with pytest.raises(Refused):
        save(case, column, lead)
    with pytest.raises(NotFound):
        save(case, column, other_site)


def test_restore_cell_writes_the_old_text_as_the_newest(case, column, researcher):
    save(case, column, researcher)
    cell = save(case, column, researcher, [{"kind": "summary", "text": "Worse."}], "draft", 1)
    cell = charting.restore_cell(cell, version=1, expected_version=2, by=researcher)
    assert (cell.version, cell.runs) == (3, TEXT)


@pytest.mark.row("F11")
def test_cell_turns_stale_when_evidence_comes_changes_or_goes(
    clock, case, column, matrix, version, coding, code, time_code, researcher
):
    save(case, column, researcher, state="charted")
    assert grids.stale_cells(matrix, researcher) == []
    start, end = place_of(version, "The groups helped")
    clock.shift(60)
    second = applying.apply_code(version.pk, start=start, end=end, code_id=code.pk, by=researcher)
    (row,) = grids.rows(matrix, [case], may_see_roles=True)
    assert row.cells[0].stale.words == "1 new"
    save(case, column, researcher, state="charted", expected=1)  # seen
    assert grids.stale_cells(matrix, researcher) == []
    clock.shift(60)
    applying.remove_coding(second.pk, by=researcher)
    applying.resize_coding(coding.pk, start=coding.start, end=coding.end - 6, by=researcher)
    (row,) = grids.rows(matrix, [case], may_see_roles=True)
    assert row.cells[0].stale.words == "1 changed, 1 gone"


def test_cell_that_nobody_wrote_is_not_stale(case, column, matrix, coding, researcher):
    (row,) = grids.rows(matrix, [case], may_see_roles=True)
    assert (row.cells[0].state, len(row.cells[0].evidence), bool(row.cells[0].stale)) == (
        "not_started",
        1,
        False,
    )


def test_link_quote_stores_offsets_and_shows_words(case, column, coding, version, researcher):
    link = charting.link_quote(case, column, coding_id=coding.pk, by=researcher)
    assert charting.link_quote(case, column, coding_id=coding.pk, by=researcher).pk == link.pk
    cell = charting.append_quote(link, by=researcher)
    assert cell.runs == [{"kind": "verbatim", "quote": str(link.pk)}]
    assert grids.quote_words([cell]) == {str(link.pk): "one more thing"}


def test_link_quote_refuses_what_another_case_said(study, site_a, wave, column, coding, researcher):
    other = make_person(study, site_a, "P-020")
    case = matrices.add_case(study, participant=other, by=researcher)
    with pytest.raises(Invalid, match="own row"):
        charting.link_quote(case, column, coding_id=coding.pk, by=researcher)


def test_save_cell_refuses_a_quote_of_another_cell(case, column, coding, matrix, researcher):
    link = charting.link_quote(case, column, coding_id=coding.pk, by=researcher)
    other = matrix.columns.get(subtheme=None)
    with pytest.raises(NotFound):
        save(case, other, researcher, [{"kind": "verbatim", "quote": str(link.pk)}])


@pytest.mark.row("F9")
def test_draft_from_evidence_is_a_draft_of_quotes(case, column, coding, researcher):
    cell = charting.draft_from_evidence(case, column, expected_version=0, by=researcher)
    assert cell.state == "draft"
    assert QuoteLink.objects.get().coding == coding
    with pytest.raises(Conflict):
        charting.draft_from_evidence(case, column, expected_version=1, by=researcher)


@pytest.mark.row("F2")
def test_focus_group_member_has_the_own_turns_as_evidence(
    study, site_a, wave, matrix, column, code, researcher
):
    one, two = make_person(study, site_a, "P-031"), make_person(study, site_a, "P-032")
    version = make_text(
        study,
        wave(site_a, "12m"),
        [("Interviewer", "Well?"), ("A", "I had less time."), ("B", "I had more.")],
        people={"A": one, "B": two},
        kind="focus_group",
    )
    for words in ("I had less time.", "I had more."):
        start, end = place_of(version, words)
        applying.apply_code(version.pk, start=start, end=end, code_id=code.pk, by=researcher)
    first = matrices.add_case(study, participant=one, by=researcher)
    group = matrices.add_case(study, document=version.document, by=researcher)
    words = [version.text[e.start : e.end] for e in frames.cell_evidence(first, column)]
    assert words == ["I had less time."]
    assert len(frames.cell_evidence(group, column)) == 2


def test_subtheme_with_charted_cells_stays_under_its_theme(study, case, column, subtheme, researcher):
    save(case, column, researcher)
    other = codebook.add_code(study, name="Another theme", by=researcher)
    with pytest.raises(Conflict):
        codebook.move_code(subtheme, parent=other, by=researcher)
    assert Column.objects.filter(subtheme=subtheme).exists()


def test_a_cell_of_blanks_can_say_that_the_subject_was_not_raised(case, column, researcher):
    cell = save(case, column, researcher, runs=[{"kind": "summary", "text": "\n"}], state="not_raised")
    assert (cell.runs, cell.state) == ([], "not_raised")


@pytest.mark.row("F11")
def test_a_coding_made_after_the_page_was_drawn_was_not_seen(case, column, version, code, coding, researcher):
    drawn_at = timezone.now()
    start, end = place_of(version, "The groups helped")
    later = applying.apply_code(version.pk, start=start, end=end, code_id=code.pk, by=researcher)
    cell = charting.save_cell(
        case, column, runs=TEXT, state="charted", expected_version=0, read_at=drawn_at, by=researcher
    )
    assert cell.evidence == [coding.pk]
    stale = staleness(frames.cell_evidence(case, column), cell.evidence, cell.charted_at)
    assert (stale.new, stale.words) == ((later.pk,), "1 new")
    again = charting.save_cell(
        case, column, runs=TEXT, state="charted", expected_version=1, read_at=timezone.now(), by=researcher
    )
    assert (set(again.evidence), again.version) == ({coding.pk, later.pk}, 1)
