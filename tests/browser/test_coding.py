"""Coding and charting in a real browser: by keyboard alone, by mouse, by touch, without scripts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from coding.acts import applying, codebook, matrices
from coding.models import Cell, Coding, Memo, QuoteLink
from tests.coding.texts import SAID, make_person, make_text, place_of

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True, databases=["default", "keys"]),
]


@pytest.fixture
def live_page(chromium: Any, live_server: Any) -> Iterator[Callable[..., Any]]:
    """`live_page(user, **options of a browser context)`: a page signed in as this person.

    The test fails at its end when the page reported a script error, a console error or a violation of the policy.
    """
    pages: list[Any] = []

    def signed_in(user: Any, **options: Any) -> Any:
        client = Client()
        client.force_login(user)
        cookie = client.cookies[settings.SESSION_COOKIE_NAME]
        context = chromium.new_context(base_url=live_server.url, **options)
        context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": live_server.url}])
        page = context.new_page()
        page.set_default_timeout(8000)
        page.problems = []
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        page.on("console", lambda said: page.problems.append(said.text) if said.type == "error" else None)
        pages.append(page)
        return page

    yield signed_in
    for page in pages:
        page.context.close()
    assert [problem for page in pages for problem in page.problems] == []


@pytest.fixture
def work(study: Any, site_a: Any, wave: Any, researcher: Any) -> dict[str, Any]:
    twelve = wave(site_a, "12m")
    person = make_person(study, site_a, "P-014", wave=twelve, role="Team manager", group="managers")
    version = make_text(study, twelve, SAID, whole=person)
    theme = codebook.add_code(study, name="Workload", by=researcher)
    caseload = codebook.add_code(study, name="Caseload", parent=theme, by=researcher)
    time = codebook.add_code(study, name="Time for families", parent=theme, by=researcher)
    matrix = matrices.create_matrix(theme, by=researcher)
    case = matrices.add_case(study, participant=person, by=researcher)
    return {
        "version": version,
        "caseload": caseload,
        "time": time,
        "matrix": matrix,
        "case": case,
        "column": matrix.columns.get(subtheme=caseload),
        "text": reverse("coding:workspace", kwargs={"slug": study.slug, "pk": version.pk}),
    }


def opened(page: Any, url: str) -> Any:
    page.goto(url)
    page.wait_for_selector("[data-ready]")
    return page


def words_of(coding: Coding) -> str:
    return coding.version.text[coding.start : coding.end]


def code_with(page: Any, typed: str) -> None:
    """Enter, type, Enter: and wait until the server has answered."""
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        page.keyboard.press("Enter")
        page.keyboard.type(typed)
        page.keyboard.press("Enter")


@pytest.mark.row("000-33")
def test_code_a_passage_undo_and_redo_by_keyboard_alone(live_page, work, researcher):
    page = opened(live_page(researcher), work["text"])
    page.keyboard.press("ArrowDown")  # the cursor comes into the first turn
    page.keyboard.press("ArrowDown")
    for _ in range(2):
        page.keyboard.press("ArrowRight")  # after "At first"
    for _ in range(3):
        page.keyboard.press("Shift+ArrowRight")
    code_with(page, "caseload")
    page.wait_for_selector("mark[data-codings]")
    coding = Coding.objects.get()
    assert (words_of(coding), coding.code) == ("it felt like", work["caseload"])
    assert page.inner_text("mark[data-codings]") == "it felt like"
    with page.expect_response(re.compile("/undo/")):
        page.keyboard.press("u")
    page.wait_for_selector("mark[data-codings]", state="detached")
    assert not Coding.objects.exists()
    with page.expect_response(re.compile("/redo/")):
        page.keyboard.press("Shift+U")
    page.wait_for_selector("mark[data-codings]")
    assert Coding.objects.get().pk == coding.pk


def test_selection_after_an_emoji_is_counted_in_code_points(live_page, work, researcher):
    page = opened(live_page(researcher), work["text"])
    for _ in range(4):
        page.keyboard.press("ArrowDown")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    for _ in range(3):
        page.keyboard.press("Shift+ArrowRight")
    code_with(page, "time")
    page.wait_for_selector("mark[data-codings]")
    assert words_of(Coding.objects.get()) == "because we could"


def test_selection_over_two_turns(live_page, work, researcher):
    page = opened(live_page(researcher), work["text"])
    for _ in range(4):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Shift+ArrowDown")
    code_with(page, "time")
    page.wait_for_selector("#t5 mark")
    coding = Coding.objects.get()
    version = work["version"]
    assert coding.start == place_of(version, "The groups helped")[0]
    assert coding.end == version.turns.get(ordinal=5).end
    assert page.locator("mark").count() == 2


@pytest.mark.row("000-33", "003-14")
def test_create_a_code_and_apply_it_from_the_picker(live_page, work, researcher):
    page = opened(live_page(researcher), work["text"])
    for _ in range(4):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    code_with(page, "Talking it through")
    page.wait_for_selector("mark[data-codings]")
    coding = Coding.objects.get()
    assert (coding.code.name, words_of(coding)) == ("Talking it through", "The groups helped")
    assert page.locator("#code-tree li", has_text="Talking it through").count() == 1


def test_overlapping_codings_are_told_apart_by_click_and_by_keyboard(live_page, work, researcher):
    version = work["version"]
    for words, code in (("felt like one more", "caseload"), ("one more thing on top", "time")):
        start, end = place_of(version, words)
        applying.apply_code(version.pk, start=start, end=end, code_id=work[code].pk, by=researcher)
    page = opened(live_page(researcher), work["text"])
    both = page.locator("mark.d2")
    assert both.inner_text() == "one more"
    assert both.get_attribute("title") == "coded: Caseload, Time for families"
    both.click()
    page.wait_for_selector("#chooser[open]")
    assert page.locator("#chooser-list li").count() == 2
    page.keyboard.press("Escape")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("n")
    page.keyboard.press("n")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == (
        "coded: Caseload, Time for families: one more"
    )
    page.keyboard.press("Enter")
    with page.expect_response(re.compile("/remove/")):
        page.locator("#chooser-list li", has_text="Time for families").get_by_role(
            "button", name="Remove"
        ).click()
    page.wait_for_selector("mark.d2", state="detached")
    assert [words_of(row) for row in Coding.objects.all()] == ["felt like one more"]


def test_click_beside_the_text_opens_nothing(live_page, work, researcher):
    version = work["version"]
    turn = version.turns.get(ordinal=3)
    applying.apply_code(version.pk, start=turn.start, end=turn.end, code_id=work["time"].pk, by=researcher)
    page = opened(live_page(researcher), work["text"])
    box = page.locator("#t3 .said").bounding_box()
    mark = page.locator("#t3 mark").bounding_box()
    assert box["x"] + box["width"] - 10 > mark["x"] + mark["width"]
    page.mouse.click(box["x"] + box["width"] - 10, mark["y"] + mark["height"] / 2)
    page.wait_for_timeout(500)
    assert page.locator("#chooser[open]").count() == 0
    page.mouse.click(mark["x"] + mark["width"] - 4, mark["y"] + mark["height"] / 2)
    page.wait_for_selector("#chooser[open]")


def test_select_by_mouse_and_code_with_the_bar(live_page, work, researcher):
    page = opened(live_page(researcher), work["text"])
    page.locator("#t3 .said").dblclick(position={"x": 8, "y": 12})
    page.locator("#bar-code").click()
    page.keyboard.type("case")
    with page.expect_response(re.compile("/apply/")):
        page.keyboard.press("Enter")
    page.wait_for_selector("#t3 mark")
    assert words_of(Coding.objects.get()) == "And"


def apply(work: dict[str, Any], words: str, code: str, user: Any) -> Coding:
    start, end = place_of(work["version"], words)
    return applying.apply_code(work["version"].pk, start=start, end=end, code_id=work[code].pk, by=user)


def test_double_click_on_coded_words_selects_and_touches_no_coding(live_page, work, researcher):
    """The first click must not put a dialog, with its Remove, under the second."""
    apply(work, SAID[3][1], "time", researcher)
    page = opened(live_page(researcher), work["text"])
    page.locator("#t4 .said").dblclick(position={"x": 60, "y": 12})
    page.wait_for_timeout(600)
    assert page.evaluate("getSelection().toString().trim()") == "groups"
    assert page.locator("dialog[open]").count() == 0
    code_with(page, "caseload")
    page.wait_for_selector("mark.d2")
    assert Coding.objects.count() == 2


def test_mouse_selection_is_still_there_for_a_second_code(live_page, work, researcher):
    page = opened(live_page(researcher), work["text"])
    page.locator("#t4 .said").dblclick(position={"x": 60, "y": 12})
    code_with(page, "time")
    page.wait_for_selector("#t4 mark")
    code_with(page, "caseload")
    page.wait_for_selector("#t4 mark.d2")
    assert [words_of(coding) for coding in Coding.objects.all()] == ["groups", "groups"]


SELECT = """([from, at, to, until]) => {
  const said = (n) => document.querySelector(`#t${n} .said`).firstChild;
  document.getSelection().setBaseAndExtent(said(from), at, said(to), until);
}"""


def test_selection_up_to_the_next_turn_takes_nobody_elses_label(live_page, work, researcher):
    page = opened(live_page(researcher), work["text"])
    page.evaluate(SELECT, [2, 0, 3, 0])
    code_with(page, "time")
    page.wait_for_selector("#t2 mark")
    assert words_of(Coding.objects.get()) == SAID[1][1]


def test_triple_click_takes_the_whole_turn_and_no_more(live_page, work, researcher):
    page = opened(live_page(researcher), work["text"])
    page.locator("#t2 .said").click(click_count=3, position={"x": 60, "y": 12})
    code_with(page, "time")
    page.wait_for_selector("#t2 mark")
    assert words_of(Coding.objects.get()) == SAID[1][1]


def test_blank_space_alone_is_refused_in_words(live_page, work, researcher):
    page = opened(live_page(researcher), work["text"])
    page.evaluate(SELECT, [2, 2, 2, 3])
    code_with(page, "time")
    page.wait_for_selector("#live:has-text('Only blank space was selected')")
    page.problems.clear()  # Chromium reports the 400 as an error of the console
    assert not Coding.objects.exists()


SLOWLY = """() => {
  const quick = window.fetch;
  window.fetch = async (...asked) => { await new Promise((go) => setTimeout(go, 700)); return quick(...asked); };
}"""


def test_codes_given_while_an_answer_is_on_its_way_are_all_stored(live_page, work, researcher):
    page = opened(live_page(researcher), work["text"])
    page.evaluate(SLOWLY)
    page.evaluate(SELECT, [1, 0, 1, 3])
    page.keyboard.press("Enter")
    page.keyboard.type("time")
    page.keyboard.press("Enter")
    page.wait_for_selector("#t1 mark")
    for turn in (2, 3, 4):
        page.evaluate(SELECT, [turn, 0, turn, 3])
        page.keyboard.press(".")
    page.wait_for_selector("#t4 mark")
    assert Coding.objects.count() == 4


def test_numbers_beside_codes_and_text_follow_what_is_done(live_page, work, researcher):
    page = opened(live_page(researcher, viewport={"width": 1400, "height": 900}), work["text"])
    page.evaluate(SELECT, [2, 0, 2, 8])
    code_with(page, "caseload")
    page.wait_for_selector("#t2 mark")
    count = page.locator("#code-tree li", has_text="Caseload").locator(".count")
    assert (count.inner_text(), page.inner_text(".texts a[aria-current] .count")) == ("1", "1")
    page.keyboard.press("u")
    page.wait_for_selector("#t2 mark", state="detached")
    assert (count.inner_text(), page.inner_text(".texts a[aria-current] .count")) == ("0", "0")


def test_a_hyphen_can_be_found(live_page, work, researcher):
    page = opened(live_page(researcher), work["text"])
    page.locator("#find").fill("follow-up (x) [y]-z")
    page.wait_for_selector("#found:has-text('0 found')")


def test_coding_while_signed_out_is_told_and_goes_on_after_signing_in(live_page, work, researcher):
    page = opened(live_page(researcher), work["text"])
    page.locator("#t4 .said").dblclick(position={"x": 60, "y": 12})
    cookies = page.context.cookies()
    page.context.clear_cookies()
    code_with(page, "time")
    page.wait_for_selector("#live:has-text('You are signed out and nothing was changed')")
    page.problems.clear()  # Chromium reports the 403 as an error of the console
    assert not Coding.objects.exists()
    page.context.add_cookies([cookie for cookie in cookies if cookie["name"] == settings.SESSION_COOKIE_NAME])
    code_with(page, "time")
    page.wait_for_selector("#t4 mark")
    page.problems.clear()
    assert words_of(Coding.objects.get()) == "groups"


@pytest.mark.parametrize("width", [1200, 1360, 1600])
def test_lines_of_a_transcript_hold_60_to_75_characters(live_page, work, researcher, width):
    version = work["version"]
    text = " ".join([SAID[1][1], SAID[3][1], SAID[4][1]] * 20)
    long = make_text(version.document.evaluation, version.document.wave, [("P", text)])
    page = opened(
        live_page(researcher, viewport={"width": width, "height": 900}),
        work["text"].replace(str(version.pk), str(long.pk)),
    )
    lines = page.evaluate(
        "(() => { const said = document.querySelector('.said'); return said.getBoundingClientRect().height"
        " / parseFloat(getComputedStyle(said).lineHeight); })()"
    )
    assert 60 <= len(text) / round(lines) <= 75


def test_labels_of_stripes_stand_beside_every_stripe(live_page, work, researcher):
    evaluation = work["version"].document.evaluation
    for number in range(9):
        name = f"Code {number} with a long name"
        work[name] = codebook.add_code(evaluation, name=name, parent=work["caseload"], by=researcher)
        apply(work, SAID[3][1], name, researcher)
    page = opened(live_page(researcher, viewport={"width": 1600, "height": 900}), work["text"])
    page.wait_for_selector("#t4 .stripe")
    stripes, labels = (page.evaluate(EDGES, f"#t4 .stripe{inside}") for inside in ("", " span"))
    [[_, edge]] = page.evaluate(EDGES, "#t4")
    assert len(stripes) == len(labels) == 9
    assert max(right for _, right in stripes) <= min(left for left, _ in labels)
    assert max(right for _, right in labels) <= edge


EDGES = """(selector) => [...document.querySelectorAll(selector)]
  .map((one) => one.getBoundingClientRect()).map(({ left, right }) => [left, right])"""


def test_bar_is_there_for_touch(live_page, work, researcher):
    page = opened(live_page(researcher, has_touch=True, viewport={"width": 390, "height": 800}), work["text"])
    page.evaluate("document.getSelection().selectAllChildren(document.querySelector('#t3 .said'))")
    page.wait_for_selector("#bar-code", state="visible")
    page.locator("#bar-code").tap()
    assert page.locator("#picker[open]").count() == 1


def test_memo_by_keyboard(live_page, work, researcher):
    page = opened(live_page(researcher), work["text"])
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("m")
    page.locator("#memo-body").fill("A leading question?")
    with page.expect_response(re.compile("/memo/")):
        page.locator("#memo-form").get_by_role("button", name="Save memo").click()
    page.wait_for_selector("#memos li")
    assert Memo.objects.get().body == "A leading question?"


def test_search_hits_and_linked_passage_are_painted_without_elements(live_page, work, researcher):
    start, end = place_of(work["version"], "hard cases")
    page = opened(live_page(researcher), f"{work['text']}#at={start}-{end}")
    linked = page.evaluate(
        "[...CSS.highlights.get('linked')].map((r) => r.startContainer.data.slice(r.startOffset, r.endOffset))"
    )
    assert linked == ["hard cases"]
    page.keyboard.press("/")
    page.keyboard.type("THE")
    page.wait_for_selector("#found:has-text('4 found')")
    assert page.locator("mark").count() == 0


def test_workspace_without_scripts_codes_a_turn(live_page, work, researcher):
    page = live_page(researcher, java_script_enabled=False)
    page.goto(work["text"])
    page.get_by_role("spinbutton", name="Turn").fill("2")
    page.get_by_label("Code", exact=True).select_option(label="Workload › Caseload")
    page.get_by_role("button", name="Code", exact=True).click()
    assert words_of(Coding.objects.get()) == SAID[1][1]
    assert page.locator("mark").inner_text() == SAID[1][1]


def test_reader_sees_codings_and_cannot_change_them(live_page, work, researcher, lead):
    start, end = place_of(work["version"], "one more thing")
    applying.apply_code(work["version"].pk, start=start, end=end, code_id=work["time"].pk, by=researcher)
    page = opened(live_page(lead), work["text"])
    page.locator("mark").click()
    page.wait_for_selector("#chooser[open]")
    assert page.locator("#chooser-list").get_by_role("button", name="Remove").count() == 0
    page.keyboard.press("Escape")
    page.keyboard.press("u")
    assert Coding.objects.count() == 1


@pytest.mark.row("F8")
def test_chart_a_cell_by_keyboard_alone(live_page, work, study, researcher):
    start, end = place_of(work["version"], "one more thing")
    coding = applying.apply_code(
        work["version"].pk, start=start, end=end, code_id=work["caseload"].pk, by=researcher
    )
    page = live_page(researcher)
    page.goto(reverse("coding:matrix", kwargs={"slug": study.slug, "pk": work["matrix"].pk}))
    page.keyboard.press("ArrowRight")  # into the grid
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    page.wait_for_selector("[data-ready]")
    page.locator("#runs").focus()
    page.keyboard.type("Felt pressed at first: ")
    page.keyboard.press("Control+k")
    page.wait_for_selector("#quote-picker[open]")
    with page.expect_response(lambda answer: answer.url.endswith(reverse_cell(study, work)) and answer.ok):
        page.keyboard.press("Enter")
    page.wait_for_selector(
        "#saved:has-text('Saved, version')"
    )  # or its words would come over those of the typing
    page.keyboard.type(" and later eased.")
    page.wait_for_selector("text=Not saved yet")
    with page.expect_response(lambda answer: answer.url.endswith(reverse_cell(study, work)) and answer.ok):
        page.keyboard.press("Control+s")
    page.wait_for_selector("#saved:has-text('Saved, version')")
    cell = Cell.objects.get(case=work["case"], column=work["column"])
    link = QuoteLink.objects.get()
    assert cell.runs == [
        {"kind": "summary", "text": "Felt pressed at first: "},
        {"kind": "verbatim", "quote": str(link.pk)},
        {"kind": "summary", "text": " and later eased."},
    ]
    assert (cell.state, link.coding_id) == ("draft", coding.pk)


def reverse_cell(study: Any, work: dict[str, Any]) -> str:
    kwargs = {"slug": study.slug, "case": work["case"].pk, "column": work["column"].pk}
    return reverse("coding:cell", kwargs=kwargs)


@pytest.mark.parametrize("arrives", [True, False])
def test_words_typed_while_a_quote_is_fetched_stand_behind_it_and_stay(
    live_page, work, study, researcher, arrives
):
    start, end = place_of(work["version"], "one more thing")
    applying.apply_code(work["version"].pk, start=start, end=end, code_id=work["caseload"].pk, by=researcher)
    page = opened(live_page(researcher), reverse_cell(study, work))

    def late(route: Any) -> None:
        page.wait_for_timeout(400)
        route.continue_() if arrives else route.abort()

    # What stands there is soon followed by what is said of saving.
    page.evaluate(
        "() => { window.said = []; const at = document.getElementById('saved');"
        " new MutationObserver(() => said.push(at.textContent)).observe(at, {childList: true, subtree: true}); }"
    )
    page.route("**/quote/", late)
    page.locator("#runs").focus()
    page.keyboard.type("At first: ")
    page.keyboard.press("Control+k")
    page.wait_for_selector("#quote-picker[open]")
    page.keyboard.press("Enter")
    page.keyboard.type(" and later eased.")
    page.wait_for_selector(".pending", state="detached")
    if not arrives:
        page.wait_for_function("() => said.some(text => text.startsWith('The quote was not inserted'))")
        page.problems.clear()  # Chromium calls the lost request an error
    page.keyboard.press("Control+s")
    page.wait_for_selector("#saved:has-text('Saved, version')")
    runs = Cell.objects.get(case=work["case"], column=work["column"]).runs
    kept = [run.get("text", "a quote") for run in runs]
    assert kept == (
        ["At first: ", "a quote", " and later eased."] if arrives else ["At first:  and later eased."]
    )


def test_second_writer_is_told_and_keeps_both_texts(live_page, work, study, researcher):
    from coding.acts.charting import save_cell

    page = opened(live_page(researcher), reverse_cell(study, work))
    save_cell(
        work["case"],
        work["column"],
        runs=[{"kind": "summary", "text": "Theirs."}],
        state="charted",
        expected_version=0,
        by=researcher,
    )
    page.locator("#runs").focus()
    page.keyboard.type("Mine.")
    with page.expect_response(lambda answer: answer.status == 409):
        page.keyboard.press("Control+s")
    page.wait_for_selector("#conflict:has-text('Theirs.')")
    page.problems.clear()  # Chromium reports the 409 as an error of the console
    with page.expect_response(lambda answer: answer.ok and answer.request.method == "POST"):
        page.get_by_role("button", name="Put mine after theirs").click()
    page.wait_for_selector("#saved:has-text('Saved, version 2')")
    assert Cell.objects.get(case=work["case"], column=work["column"]).runs == [
        {"kind": "summary", "text": "Theirs.\nMine."}
    ]


def test_a_cell_written_while_signed_out_is_not_lost(live_page, work, study, researcher):
    """The sign-in page answers a script with a success: it must not pass for "saved"."""
    page = opened(live_page(researcher), reverse_cell(study, work))
    cookies = page.context.cookies()
    page.context.clear_cookies(name=settings.SESSION_COOKIE_NAME)
    page.locator("#runs").focus()
    page.keyboard.type("Not to be lost.")
    page.keyboard.press("Control+s")
    page.wait_for_selector("#saved:has-text('Not saved: you are signed out')")
    assert not Cell.objects.exists()
    page.context.clear_cookies()  # signing in again makes a new token
    page.context.add_cookies([cookie for cookie in cookies if cookie["name"] == settings.SESSION_COOKIE_NAME])
    page.locator("#save-cell").click()
    page.wait_for_selector("#saved:has-text('Saved, version 1')")
    page.problems.clear()  # Chromium reports the 403 as an error of the console
    assert Cell.objects.get().runs == [{"kind": "summary", "text": "Not to be lost."}]


def test_escape_twice_goes_back_and_saves(live_page, work, study, researcher):
    page = opened(live_page(researcher), reverse_cell(study, work))
    page.locator("#runs").focus()
    page.keyboard.type("Kept.")
    with page.expect_response(lambda answer: answer.ok and answer.request.method == "POST"):
        page.keyboard.press("Escape")
    with page.expect_navigation():
        page.keyboard.press("Escape")
    assert Cell.objects.get().runs == [{"kind": "summary", "text": "Kept."}]


def test_double_click_quotes_a_passage_once(live_page, work, study, researcher):
    apply(work, "one more thing", "caseload", researcher)
    page = opened(live_page(researcher), reverse_cell(study, work))
    page.locator(".insert-quote button").dblclick()
    page.wait_for_selector("#saved:has-text('Saved, version')")
    page.wait_for_timeout(400)
    assert page.locator("#runs q").count() == 1


@pytest.mark.row("F13")
def test_a_long_cell_is_told_its_length_and_saved_all_the_same(live_page, work, study, researcher):
    page = opened(live_page(researcher), reverse_cell(study, work))
    page.locator("#runs").focus()
    page.keyboard.insert_text("word " * 130)
    page.wait_for_selector("#length:has-text('130 words: long for a cell')")
    with page.expect_response(lambda answer: answer.ok and answer.request.method == "POST"):
        page.keyboard.press("Control+s")
    assert len(Cell.objects.get().runs[0]["text"].split()) == 130


@pytest.mark.row("F8")
def test_bold_and_comment_in_a_cell(live_page, work, study, researcher):
    page = opened(live_page(researcher), reverse_cell(study, work))
    page.locator("#runs").focus()
    page.keyboard.type("Rushed. Check with FG-2")
    for _ in range(15):
        page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("Control+m")
    with page.expect_response(lambda answer: answer.ok and answer.request.method == "POST"):
        page.keyboard.press("Control+s")
    page.wait_for_selector("#saved:has-text('Saved, version')")
    page.wait_for_timeout(300)  # a save by itself may have been on its way when the keys were pressed
    page.wait_for_selector("#saved:has-text('Saved, version')")
    assert Cell.objects.get(case=work["case"], column=work["column"]).runs == [
        {"kind": "summary", "text": "Rushed. "},
        {"kind": "comment", "text": "Check with FG-2"},
    ]


@pytest.mark.slow(lands=True)
def test_pages_of_coding_are_clean_for_axe(desk, work, study, researcher):
    start, end = place_of(work["version"], "one more thing")
    for code in ("caseload", "time"):
        applying.apply_code(work["version"].pk, start=start, end=end, code_id=work[code].pk, by=researcher)
    names = ["documents", "codebook", "code_add", "memos", "matrices", "case_add"]
    urls = [reverse(f"coding:{name}", kwargs={"slug": study.slug}) for name in names]
    urls += [
        work["text"],
        reverse("coding:codings", kwargs={"slug": study.slug, "pk": work["version"].pk}),
        reverse("coding:code", kwargs={"slug": study.slug, "pk": work["caseload"].pk}),
        reverse("coding:code_edit", kwargs={"slug": study.slug, "pk": work["caseload"].pk}),
        reverse("coding:matrix", kwargs={"slug": study.slug, "pk": work["matrix"].pk}),
        reverse("coding:quotes_export", kwargs={"slug": study.slug, "pk": work["caseload"].pk}),
        reverse_cell(study, work),
    ]
    page, wrong = desk(researcher), {}
    for url in urls:
        page.go(url)
        for dark in (False, True):
            page.turn(1280, dark=dark)
            if found := page.axe() + page.problems:
                wrong[url, dark] = found
    assert wrong == {}


@pytest.mark.parametrize("width", [320, 1280])
def test_coding_pages_do_not_scroll_sideways(desk, work, study, researcher, width):
    page = desk(researcher, width=width)
    for url in (work["text"], reverse_cell(study, work)):
        page.go(url)
        assert page.overflow() <= 0
