"""Every row of this room's access table, and what the pages say."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from coding.acts import applying, charting, matrices
from coding.models import Cell, Coding, Memo
from tests.access import coding as access
from tests.access.table import PEOPLE
from tests.coding.texts import SAID, make_person, make_text, place_of
from tests.test_every_url import address, posted


@pytest.fixture
def world(study: Any, site_a: Any, site_b: Any, lead: Any, fieldwork: Any, researcher: Any, writer: Any,
          data_protection: Any, other_site: Any, outsider: Any) -> dict[str, Any]:  # fmt: skip
    made = {
        "study": study, "site_a": site_a, "site_b": site_b, "lead": lead, "fieldwork": fieldwork,
        "researcher": researcher, "writer": writer, "data_protection": data_protection,
        "other_site": other_site, "outsider": outsider,
    }  # fmt: skip
    access.build(made)
    return made


@pytest.mark.parametrize("person", PEOPLE)
def test_every_page_answers_each_person_as_the_table_says(world, person):
    client = Client()
    if person != "anonymous":
        client.force_login(world[person])
    wrong = []
    for row in sorted(access.ROWS, key=lambda row: row.method != "GET"):
        url = address(row, world)
        answer = client.get(url) if row.method == "GET" else client.post(url, posted(row, world))
        if answer.status_code != getattr(row, person):
            wrong.append((row.url, answer.status_code, getattr(row, person)))
    assert wrong == []


def ask(client: Client, name: str, study: Any, data: dict[str, Any], **kwargs: Any) -> Any:
    return client.post(
        reverse(f"coding:{name}", kwargs={"slug": study.slug, **kwargs}),
        data,
        headers={"accept": "application/json"},
    )


def test_workspace_shows_turns_marks_and_index(login, study, version, code, researcher):
    start, end = place_of(version, "one more thing")
    coding = applying.apply_code(version.pk, start=start, end=end, code_id=code.pk, by=researcher)
    page = login(researcher).get(reverse("coding:workspace", kwargs={"slug": study.slug, "pk": version.pk}))
    body = page.content.decode()
    assert f'data-codings="{coding.pk}">one more thing</mark>' in body
    assert 'title="coded: One more thing"' in body
    assert f"[[{start},{end},{coding.pk}," in body
    assert "hard cases &amp; talk them" in body


def test_apply_answers_a_script_with_the_touched_turns_only(login, study, version, code, researcher):
    start, end = place_of(version, "one more thing")
    answer = ask(
        login(researcher), "apply", study, {"start": start, "end": end, "code": code.pk}, pk=version.pk
    )
    data = answer.json()
    coding = Coding.objects.get()
    assert [ordinal for ordinal, _ in data["blocks"]] == [2]
    assert f'data-codings="{coding.pk}"' in data["blocks"][0][1]
    assert data["codings"] == [[start, end, coding.pk, str(code.pk)]]
    assert data["codes"] == [[str(code.pk), "One more thing", code.colour]]
    assert data["said"] == "Coded “One more thing”."


def test_apply_over_two_turns_answers_with_both_as_a_fresh_page_draws_them(
    login, study, version, code, time_code, researcher
):
    client = login(researcher)
    first, _ = place_of(version, "talk them through")
    _, last = place_of(version, "I have more time")
    ask(client, "apply", study, {"start": first, "end": last, "code": code.pk}, pk=version.pk)
    start, end = place_of(version, "more time with families")
    data = ask(
        client, "apply", study, {"start": start, "end": end, "code": time_code.pk}, pk=version.pk
    ).json()
    page = client.get(
        reverse("coding:workspace", kwargs={"slug": study.slug, "pk": version.pk})
    ).content.decode()
    for _, html in data["blocks"]:
        assert html in page


def test_apply_refusal_is_json_for_a_script(login, study, version, theme, researcher):
    answer = ask(login(researcher), "apply", study, {"start": 20, "end": 30, "code": theme.pk}, pk=version.pk)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("This heading only groups codes")


def test_apply_without_scripts_codes_a_whole_turn(login, study, version, code, researcher):
    url = reverse("coding:apply", kwargs={"slug": study.slug, "pk": version.pk})
    answer = login(researcher).post(url, {"turn": 2, "code": code.pk})
    coding = Coding.objects.get()
    assert answer.url.endswith("#t2")
    assert version.text[coding.start : coding.end] == SAID[1][1]


def test_create_and_apply_makes_both_or_neither(login, study, version, subtheme, researcher):
    client = login(researcher)
    start, end = place_of(version, "The groups helped")
    fields = {"name": "Group talk", "parent": subtheme.pk, "start": start, "end": end}
    data = ask(client, "create_and_apply", study, fields, pk=version.pk).json()
    assert data["new_code"][1] == "Group talk"
    assert Coding.objects.get().code.name == "Group talk"
    blank = version.text.index("\n\n")
    fields = {"name": "Lost", "parent": subtheme.pk, "start": blank, "end": blank + 1}
    assert ask(client, "create_and_apply", study, fields, pk=version.pk).status_code == 400
    assert not subtheme.children.filter(name="Lost").exists()


def test_undo_and_redo_through_the_page(login, study, version, code, researcher):
    client = login(researcher)
    start, end = place_of(version, "one more thing")
    ask(client, "apply", study, {"start": start, "end": end, "code": code.pk}, pk=version.pk)
    undone = ask(client, "undo", study, {}, pk=version.pk).json()
    assert undone["codings"] == []
    assert "<mark" not in undone["blocks"][0][1]
    assert len(ask(client, "redo", study, {}, pk=version.pk).json()["codings"]) == 1
    assert ask(client, "redo", study, {}, pk=version.pk).status_code == 409


def test_memo_on_a_passage_by_script(login, study, version, researcher):
    start, end = place_of(version, "The groups helped")
    answer = ask(
        login(researcher),
        "memo_on_text",
        study,
        {"start": start, "end": end, "body": "Ask why."},
        pk=version.pk,
    )
    memo = Memo.objects.get()
    assert (memo.body, memo.start, memo.end, memo.site) == (
        "Ask why.",
        start,
        end,
        version.document.wave.site,
    )
    assert answer.json()["memo"]["url"].endswith(f"/{memo.pk}/")


def test_workspace_asks_the_same_queries_for_one_and_for_many_codings(
    login, study, version, code, time_code, researcher
):
    url = reverse("coding:workspace", kwargs={"slug": study.slug, "pk": version.pk})
    client = login(researcher)
    applying.apply_code(version.pk, start=20, end=30, code_id=code.pk, by=researcher)
    client.get(url)
    with CaptureQueriesContext(connection) as one:
        client.get(url)
    for n in range(8):
        applying.apply_code(version.pk, start=60 + n, end=90 + n, code_id=time_code.pk, by=researcher)
    with CaptureQueriesContext(connection) as many:
        client.get(url)
    assert len(many) == len(one)


def test_matrix_asks_the_same_queries_for_one_row_and_for_three(
    login, study, site_a, wave, version, person, code, theme, subtheme, researcher
):
    matrix = matrices.create_matrix(theme, by=researcher)
    column = matrix.columns.get(subtheme=subtheme)
    twelve = wave(site_a, "12m")

    def chart(someone: Any, its: Any) -> None:
        start, end = place_of(its, "one more thing")
        coding = applying.apply_code(its.pk, start=start, end=end, code_id=code.pk, by=researcher)
        case = matrices.add_case(study, participant=someone, by=researcher)
        link = charting.link_quote(case, column, coding_id=coding.pk, by=researcher)
        charting.append_quote(link, by=researcher)

    chart(person, version)
    client = login(researcher)
    url = reverse("coding:matrix", kwargs={"slug": study.slug, "pk": matrix.pk})
    client.get(url)
    with CaptureQueriesContext(connection) as one:
        assert client.get(url).content.decode().count("one more thing</q>") == 1
    for number in (21, 22):
        other = make_person(
            study, site_a, f"P-0{number}", wave=twelve, role="Social worker", group="practitioners"
        )
        chart(other, make_text(study, twelve, [*SAID, ("P", f"Again {number}.")], whole=other))
    with CaptureQueriesContext(connection) as three:
        assert client.get(url).content.decode().count("one more thing</q>") == 3
    assert len(three) == len(one)


def test_matrix_of_another_site_shows_no_row(login, study, version, person, theme, researcher, other_site):
    matrix = matrices.create_matrix(theme, by=researcher)
    matrices.add_case(study, participant=person, by=researcher)
    page = login(other_site).get(reverse("coding:matrix", kwargs={"slug": study.slug, "pk": matrix.pk}))
    assert "P-014" not in page.content.decode()


@pytest.fixture
def cell_url(study, person, version, theme, subtheme, researcher):
    matrix = matrices.create_matrix(theme, by=researcher)
    case = matrices.add_case(study, participant=person, by=researcher)
    column = matrix.columns.get(subtheme=subtheme)
    return reverse("coding:cell", kwargs={"slug": study.slug, "case": case.pk, "column": column.pk})


def save(client: Client, url: str, text: str, version: int) -> Any:
    runs = json.dumps([{"kind": "summary", "text": text}])
    return client.post(
        url,
        {"runs": runs, "state": "draft", "expected_version": version},
        headers={"accept": "application/json"},
    )


def test_two_people_in_one_cell_the_second_is_told_and_gets_both_texts(
    login, cell_url, researcher, whole_study
):
    assert save(login(researcher), cell_url, "First’s words", 0).json()["version"] == 1
    answer = save(login(whole_study), cell_url, "Second’s words", 0)
    assert answer.status_code == 409
    assert answer.json()["runs"] == [{"kind": "summary", "text": "First’s words"}]
    assert answer.json()["by"] == "Rosa Researcher"
    assert Cell.objects.get(state="draft").runs == [{"kind": "summary", "text": "First’s words"}]


def test_two_people_in_one_cell_without_scripts_keeps_the_second_text_on_the_page(
    login, cell_url, researcher, whole_study
):
    save(login(researcher), cell_url, "First’s words", 0)
    fields = {"state": "draft", "expected_version": 0, "kind-0": "summary", "text-0": "Second’s words"}
    answer = login(whole_study).post(cell_url, fields)
    assert answer.status_code == 409
    body = answer.content.decode()
    assert "First’s words" in body
    assert "Second’s words" in body


@pytest.mark.parametrize("runs", ["{", '"text"', "[" * 100_000, '[{"kind":"html","text":"<b>"}]'])
def test_cell_refuses_damaged_runs_and_saves_nothing(login, cell_url, researcher, runs):
    answer = login(researcher).post(
        cell_url,
        {"runs": runs, "state": "draft", "expected_version": 0},
        headers={"accept": "application/json"},
    )
    assert answer.status_code == 400
    assert not Cell.objects.exclude(version=0).exists()


@pytest.mark.row("F13")
def test_cell_shows_markup_as_text(login, cell_url, researcher):
    save(login(researcher), cell_url, "<script>alert(1)</script>", 0)
    body = login(researcher).get(cell_url).content.decode()
    assert "<script>alert" not in body


def test_rows_come_as_a_fragment_for_htmx(login, study, version, person, theme, researcher):
    matrix = matrices.create_matrix(theme, by=researcher)
    matrices.add_case(study, participant=person, by=researcher)
    url = reverse("coding:matrix", kwargs={"slug": study.slug, "pk": matrix.pk})
    answer = login(researcher).get(url, headers={"HX-Request": "true"})
    assert answer.content.decode().strip().startswith("<tbody")
    assert "HX-Request" in answer["Vary"]


@pytest.mark.parametrize("name", ["apply", "remove", "recode", "resize"])
def test_numbers_too_large_for_the_database_are_refused_in_words(
    login, study, version, code, researcher, name
):
    huge = "9" * 25
    sent = {"start": 0, "end": huge, "coding": huge, "code": str(code.pk)}
    answer = ask(login(researcher), name, study, sent, pk=version.pk)
    assert (answer.status_code, bool(answer.json()["error"])) == (400, True)
