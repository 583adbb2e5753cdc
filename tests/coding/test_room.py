"""What coding answers to the port: erase, move, find, due, the protocol's section."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coding import room
from coding.acts import applying, charting, codebook, matrices, memos, undoing
from coding.models import Case, Cell, CellHistory, Code, Coding, CodingEvent, Memo, QuoteLink
from coding.section import SubthemePart
from ipe.errors import Invalid
from ipe.rooms import Due, Edit, Erasure, Move
from tests.coding.texts import make_person, make_text, place_of
from transcripts import offsets
from transcripts.models import Version

CANARY = "zebrafinch canary"


@pytest.fixture
def group(study: Any, site_a: Any, wave: Any) -> dict[str, Any]:
    """A focus group of two; A says the canary."""
    one, two = make_person(study, site_a, "P-301"), make_person(study, site_a, "P-302")
    version = make_text(
        study,
        wave(site_a, "12m"),
        [("A", f"It was a {CANARY} to me."), ("B", "I liked the groups."), ("A", "Less so.")],
        people={"A": one, "B": two},
        kind="focus_group",
    )
    return {"one": one, "two": two, "version": version}


@pytest.fixture
def charted(study: Any, group: Any, theme: Any, subtheme: Any, researcher: Any) -> dict[str, Any]:
    """Both people coded, charted and noted; the group's cell quotes A."""
    version = group["version"]
    named = codebook.add_code(study, name=CANARY, parent=subtheme, by=researcher)
    matrix = matrices.create_matrix(theme, by=researcher)
    column = matrix.columns.get(subtheme=subtheme)
    made: dict[str, Any] = {"named": named, "column": column}
    for key, words in (("one", CANARY), ("two", "liked the groups")):
        start, end = place_of(version, words)
        code = named if key == "one" else subtheme
        coding = applying.apply_code(version.pk, start=start, end=end, code_id=code.pk, by=researcher)
        memos.write_memo(body=f"About {words}", version_id=version.pk, start=start, end=end, by=researcher)
        made[f"coding_{key}"] = coding
        made[f"case_{key}"] = matrices.add_case(study, participant=group[key], by=researcher)
    made["group"] = matrices.add_case(study, document=version.document, by=researcher)
    for case, coding in (
        ("case_one", "coding_one"),
        ("case_two", "coding_two"),
        ("group", "coding_one"),
    ):
        link = charting.link_quote(made[case], column, coding_id=made[coding].pk, by=researcher)
        for expected, text in enumerate((f"{CANARY} draft", f"{CANARY} said")):
            text = text if case != "case_two" else "Calm"
            runs = [{"kind": "summary", "text": f"{text} "}, {"kind": "verbatim", "quote": str(link.pk)}]
            charting.save_cell(
                made[case], column, runs=runs, state="charted", expected_version=expected and made_version(made[case]),
                by=researcher,
            )  # fmt: skip
    applying.remove_coding(made["coding_one"].pk, by=researcher)
    undoing.undo(study, version_id=version.pk, by=researcher)
    return made


def made_version(case: Any) -> int:
    return Cell.objects.get(case=case).version


def erasure(study: Any, person: Any, by: Any, scope: str = "delete", dry_run: bool = False) -> Erasure:
    return Erasure(study, person, scope, by, timezone.now(), dry_run=dry_run)


def everything() -> str:
    """Every row of every table of this room, as text."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            if table.startswith("coding_"):
                cursor.execute(f'SELECT * FROM "{table}"')
                found += [repr(row) for row in cursor.fetchall()]
    return "\n".join(found)


def counts(effects: Any) -> dict[str, int]:
    return {effect.code: effect.count for effect in effects}


def test_erase_dry_run_counts_and_changes_nothing(study, group, charted, data_protection):
    before = everything()
    effects = room.erase(erasure(study, group["one"], data_protection, dry_run=True))
    assert counts(effects) == {
        "codings": 1,
        "matrix_rows": 1,
        "cells": 1,
        "quoting_cells": 1,
        "coding_memos": 1,
        "code_names": 1,
    }
    assert everything() == before


def test_erase_leaves_no_trace_of_one_and_all_of_the_other(study, group, charted, data_protection):
    assert CANARY in everything()
    preview = counts(room.erase(erasure(study, group["one"], data_protection, dry_run=True)))
    done = counts(room.erase(erasure(study, group["one"], data_protection)))
    assert done == preview
    assert CANARY not in everything()
    assert str(charted["coding_one"].pk) not in str(
        [row[0] for e in CodingEvent.objects.all() for row in e.before.get("codings", [])]
    )
    assert Coding.objects.get() == charted["coding_two"]
    assert Cell.objects.get(case=charted["case_two"]).runs[0]["text"] == "Calm "
    assert Memo.objects.get().body == "About liked the groups"
    emptied = Cell.objects.get(case=charted["group"])
    assert (emptied.runs, emptied.state, emptied.history.count()) == ([], "not_started", 0)


def test_erase_twice_finds_nothing_more(study, group, charted, data_protection):
    room.erase(erasure(study, group["one"], data_protection))
    assert set(counts(room.erase(erasure(study, group["one"], data_protection))).values()) == {0}


@pytest.mark.parametrize("scope", ["contact", "future"])
def test_lesser_scopes_erase_nothing_here(study, group, charted, data_protection, scope):
    before = everything()
    assert room.erase(erasure(study, group["one"], data_protection, scope)) == []
    assert everything() == before


def test_erase_of_an_interview_takes_everything_on_it(
    study, person, version, code, researcher, data_protection
):
    start, end = place_of(version, "And later?")  # the interviewer's words in this person's interview
    applying.apply_code(version.pk, start=start, end=end, code_id=code.pk, by=researcher)
    room.erase(erasure(study, person, data_protection))
    assert not Coding.objects.exists()
    assert not CodingEvent.objects.filter(version=version).exists()


def successor(version: Any, edits: list[tuple[int, int, str]]) -> Any:
    text = offsets.apply(version.text, edits)
    return Version.objects.create(
        document=version.document,
        number=version.number + 1,
        text=text,
        n_characters=len(text),
        supersedes=version,
        cleared_at=version.cleared_at,
        signed_revision=2,
    )


def moved(old: Any, edits: list[tuple[int, int, str]]) -> Any:
    new = successor(old, edits)
    room.move(Move(old, new, tuple(Edit(*edit) for edit in sorted(edits)), None))
    return new


def test_move_carries_codings_quotes_memos_and_undo_over_the_same_words(study, group, charted, researcher):
    version = group["version"]
    start, end = place_of(version, "It was")
    new = moved(version, [(start, end, "[removed for privacy] That is")])
    assert {new.text[c.start : c.end] for c in Coding.objects.filter(version=new)} == {
        CANARY,
        "liked the groups",
    }
    assert {new.text[q.start : q.end] for q in QuoteLink.objects.filter(version=new)} == {
        CANARY,
        "liked the groups",
    }
    assert Memo.objects.filter(version=new).count() == 2
    assert not Coding.objects.filter(version=version).exists()
    undoing.redo(study, version_id=new.pk, by=researcher)  # the removal that was undone before the move
    assert Coding.objects.get() == charted["coding_two"]


def test_move_that_removes_the_words_removes_what_stood_on_them(group, charted):
    version = group["version"]
    turn = version.turns.get(ordinal=1)
    new = moved(version, [(turn.start, turn.end, "")])
    assert [new.text[c.start : c.end] for c in Coding.objects.all()] == ["liked the groups"]
    cell = Cell.objects.get(case=charted["group"])
    assert [run["kind"] for run in cell.runs] == ["summary"]
    assert all(run.get("quote") is None for row in CellHistory.objects.filter(cell=cell) for run in row.runs)


def test_move_of_two_codings_into_one_placeholder_keeps_one(version, code, researcher):
    for words in ("one more", "more thing"):
        start, end = place_of(version, words)
        applying.apply_code(version.pk, start=start, end=end, code_id=code.pk, by=researcher)
    start, end = place_of(version, "one more thing")
    new = moved(version, [(start, end, "[detail]")])
    assert [new.text[c.start : c.end] for c in Coding.objects.all()] == ["[detail]"]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_move_puts_every_coding_over_what_the_edits_predict(version, code, researcher, data):
    Coding.objects.all().delete()
    Version.objects.filter(document=version.document).exclude(pk=version.pk).delete()
    length = len(version.text)
    cuts = sorted(data.draw(st.sets(st.integers(0, length), min_size=2, max_size=10)))
    edits = [
        (a, b, data.draw(st.sampled_from(["", "[X]", "[P-9]"])))
        for a, b in zip(cuts[::2], cuts[1::2], strict=False)
    ]
    spans = set(
        data.draw(
            st.lists(st.tuples(st.integers(0, length - 12), st.integers(1, 12)), min_size=1, max_size=6)
        )
    )
    before = {}
    for start, size in spans:
        coding = Coding.objects.create(
            version=version,
            start=start,
            end=start + size,
            code=code,
            coder=researcher,
            changed_at=timezone.now(),
        )
        before[coding.pk] = (start, start + size)
    new = moved(version, edits)
    mover = offsets.Mover(edits)
    for coding in Coding.objects.all():
        assert new.text[coding.start : coding.end] == mover.predicted(version.text, before[coding.pk])


def test_find_names_the_places_and_never_the_text(study, group, charted):
    hits = room.find(study, CANARY.upper())
    assert {hit.label.split(" of ")[0].rstrip("0123456789 ") for hit in hits} >= {"Code", "Memo", "Cell"}
    assert any(hit.label.startswith("Earlier version") for hit in hits)
    assert not any("zebrafinch" in hit.label + hit.url for hit in hits)
    assert room.find(study, "  ") == []


@pytest.mark.row("F11")
def test_due_lists_stale_cells_for_people_of_the_site_only(
    clock, study, group, charted, subtheme, researcher, other_site
):
    today = timezone.localdate()
    assert room.due(study, researcher, today) == []
    clock.shift(60)
    start, end = place_of(group["version"], "Less so.")
    applying.apply_code(group["version"].pk, start=start, end=end, code_id=subtheme.pk, by=researcher)
    (found,) = room.due(study, researcher, today)
    assert isinstance(found, Due)
    assert found.label == "2 cells have new evidence: Workload"
    assert room.due(study, other_site, today) == []


def test_evidence_of_a_site_counts_its_rows(study, site_a, site_b, charted):
    assert room.evidence(site_a) == {"matrix rows": 3}
    assert room.evidence(site_b) == {"matrix rows": 0}


def test_section_written_and_read_is_the_same(study, code, time_code):
    section = room.ROOM.protocol_section
    before = section.read(study)
    Code.objects.update(parent=None, level=1, retired_at=timezone.now())
    Case.objects.all().delete()
    section.write(study, before, None)
    assert section.read(study) == before
    section.write(study, before, None)
    assert Code.objects.in_use().count() == 4


def test_section_refuses_to_leave_out_a_code_that_is_used(study, version, code, researcher):
    applying.apply_code(version.pk, start=20, end=30, code_id=code.pk, by=researcher)
    with pytest.raises(Invalid, match="used"):
        room.ROOM.protocol_section.write(study, [], None)


def test_section_gives_a_new_subtheme_its_column_in_the_matrix(study, theme, subtheme, researcher):
    matrix = matrices.create_matrix(theme, by=researcher)
    section = room.ROOM.protocol_section
    planned = section.read(study)
    planned[0].subthemes.append(SubthemePart(name="Travel"))
    section.write(study, planned, None)
    assert [column.title for column in matrix.columns.all()] == ["Caseload", "Travel", "Other"]


def test_section_refuses_to_make_a_used_code_a_heading(study, version, code, researcher):
    start, end = place_of(version, "one more thing")
    applying.apply_code(version.pk, start=start, end=end, code_id=code.pk, by=researcher)
    planned = room.ROOM.protocol_section.read(study)
    below = planned[0].subthemes[0].codes
    below[0] = below[0].model_copy(update={"codable": False})
    with pytest.raises(Invalid):
        room.ROOM.protocol_section.write(study, planned, None)
