"""Codings and matrices: text.read and text.edit at the document's or the case's site; the codebook is the study's."""

from typing import Any

from coding.acts import applying, charting, codebook, matrices, memos
from ipe.models import Wave
from tests.access.table import Row
from tests.coding.texts import SAID, make_person, make_text, place_of


def build(world: dict[str, Any]) -> None:
    study, by = world["study"], world["researcher"]
    wave = Wave.objects.get(site=world["site_a"], phase__code="12m")
    person = make_person(study, world["site_a"], "P-700", wave=wave, role="Team manager", group="managers")
    version = make_text(study, wave, SAID, whole=person, number=700)
    theme = codebook.add_code(study, name="Workload of the team", by=by)
    subtheme = codebook.add_code(study, name="Caseload of workers", parent=theme, by=by)
    spare = codebook.add_code(study, name="Spare", parent=subtheme, by=by)
    codebook.add_code(study, name="Unused", parent=subtheme, by=by)  # what the codebook's undo takes back
    start, end = place_of(version, "one more thing")
    coding = applying.apply_code(version.pk, start=start, end=end, code_id=subtheme.pk, by=by)
    start_2, end_2 = place_of(version, "The groups helped")
    second = applying.apply_code(version.pk, start=start_2, end=end_2, code_id=subtheme.pk, by=by)
    matrix = matrices.create_matrix(theme, by=by)
    case = matrices.add_case(study, participant=person, by=by)
    column = matrix.columns.get(subtheme=subtheme)
    charting.save_cell(
        case, column, runs=[{"kind": "summary", "text": "Rushed."}], state="draft", expected_version=0, by=by
    )
    # The rows that post follow one another in one world: the cell is at version 3 when it is restored.
    world |= {
        "text": version,
        "code": spare,
        "used_code": subtheme,
        "coding": coding,
        "quotable": second,
        "matrix": matrix,
        "case": case,
        "column": column,
        "other_column": matrix.columns.get(subtheme=None),
        "text_memo": memos.write_memo(body="Come back.", version_id=version.pk, start=start, end=end, by=by),
    }


def readers(url: str, kwargs: dict[str, str] | None = None, **changed: Any) -> Row:
    """Lead, researchers and report writers read; who is not at the site does not find it."""
    answers = {
        "lead": 200,
        "fieldwork": 403,
        "researcher": 200,
        "writer": 200,
        "data_protection": 403,
    } | changed
    return Row(url, kwargs or {}, **answers)


def editors(url: str, kwargs: dict[str, str] | None = None, **changed: Any) -> Row:
    """Researchers only."""
    answers = {
        "lead": 403,
        "fieldwork": 403,
        "researcher": 200,
        "writer": 403,
        "data_protection": 403,
    } | changed
    return Row(url, kwargs or {}, **answers)


def post(
    url: str, kwargs: dict[str, str] | None = None, data: dict[str, Any] | None = None, **changed: Any
) -> Row:
    return editors(url, kwargs, method="POST", data=data or {}, **changed)


TEXT, CODE, CELL = {"pk": "text"}, {"pk": "code"}, {"case": "case", "column": "column"}
EMPTY_CELL = {"case": "case", "column": "other_column"}
SPAN = {"start": 20, "end": 30}

ROWS = [
    readers("coding:documents"),
    readers("coding:workspace", TEXT, other_site=404),
    readers("coding:codings", TEXT, other_site=404),
    post("coding:apply", TEXT, {**SPAN, "code": "@code"}, researcher=302, other_site=404),
    post("coding:recode", TEXT, {"coding": "@coding", "code": "@code"}, researcher=302, other_site=404),
    post(
        "coding:resize", TEXT, {"coding": "@coding", "start": 22, "end": 34}, researcher=302, other_site=404
    ),
    post("coding:remove", TEXT, {"coding": "@coding"}, researcher=302, other_site=404),
    post("coding:undo", TEXT, researcher=302, other_site=404),
    post("coding:redo", TEXT, researcher=302, other_site=404),
    post("coding:memo_on_text", TEXT, {**SPAN, "body": "A note"}, researcher=302, other_site=404),
    readers("coding:codebook"),
    editors("coding:code_add"),
    post("coding:codebook_undo", researcher=302, other_site=409),
    post("coding:codebook_redo", researcher=302, other_site=409),
    post("coding:create_and_apply", TEXT, {**SPAN, "name": "New"}, researcher=302, other_site=404),
    readers("coding:code", CODE),
    editors("coding:code_edit", CODE),
    editors("coding:code_move", CODE),
    # These reach every site; the researcher of the table has one.
    editors("coding:code_merge", CODE, researcher=403, other_site=403),
    editors("coding:code_retire", CODE, researcher=403, other_site=403),
    readers("coding:code_history", CODE),
    readers("coding:quotes_export", {"pk": "used_code"}, lead=403),
    readers("coding:memos"),
    readers("coding:memo", {"pk": "text_memo"}, other_site=404),
    editors("coding:memo_delete", {"pk": "text_memo"}, other_site=404),
    readers("coding:matrices"),
    editors("coding:matrix_add"),
    editors("coding:case_add"),
    readers("coding:matrix", {"pk": "matrix"}),
    readers("coding:matrix_export", {"pk": "matrix"}, lead=403),
    readers("coding:cell", CELL, other_site=404),
    post(
        "coding:cell",
        CELL,
        {"state": "draft", "expected_version": 1, "kind-0": "summary", "text-0": "More."},
        researcher=302,
        other_site=404,
    ),
    post("coding:cell_quote", CELL, {"coding": "@quotable"}, researcher=302, other_site=404),
    post("coding:cell_draft", EMPTY_CELL, {"expected_version": 0}, researcher=400, other_site=404),
    post("coding:cell_restore", CELL, {"version": 1, "expected_version": 3}, researcher=302, other_site=404),
]
