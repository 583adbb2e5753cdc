"""Opening a coded text: the browser's work against Taguette's highlighting, and the server's against a bare sweep.

Ours is a document of 300,000 characters with 5,000 overlapping codings; Taguette 1.5.2 opens 100,000 characters with
1,000 highlights. Both in the same Chromium, in turn, after a warm-up; median of the rounds.

* Browser: time of the main thread's tasks (script, style, layout, parsing and painting together). Ours from the
  navigation until the module says that the text can be read and clicked and two frames were drawn; Taguette's from
  its own `loadDocument` on a page that stands already until its last highlight is set and two frames were drawn.
  Should be at most 0.10 of Taguette's.
* Server: the whole request through every middleware and template, against the sweep of the spans and one join of
  the same text and marks, with nothing else. Should be at most 3.

Run with `python -m benchmarks.coding_page`. Needs Chromium and playwright.
"""

from __future__ import annotations

import html
import json
import os
import statistics
import time
from typing import Any

from benchmarks import desk, taguette

LENGTH, N_CODINGS, N_CODES, ROUNDS = 300_000, 5_000, 60, 5
THEIR_LENGTH, THEIR_HIGHLIGHTS = 100_000, 1_000
BROWSER_TARGET, SERVER_TARGET, SERVER_ROUNDS = 0.10, 3.0, 15
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
TWO_FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
PARTS = ("TaskDuration", "ScriptDuration", "LayoutDuration", "RecalcStyleDuration")


def bare(text: str, spans: list[tuple[int, int, int, int]], names: list[str]) -> str:
    """The least that a page of marks can cost: a sweep over the spans (start, end, id, code) and one join."""
    events = []
    for number, (start, end, _, _) in enumerate(spans):
        events.append((start, 1, number))
        events.append((end, 0, number))
    events.sort()
    pieces: list[str] = []
    active: dict[int, int] = {}
    previous = 0
    for position, opens, number in events:
        if position > previous:
            words = html.escape(text[previous:position], quote=False)
            if active:
                ids = " ".join([str(spans[n][2]) for n in active])
                codes = dict.fromkeys([spans[n][3] for n in active])
                named = ", ".join([names[code] for code in codes])
                first = spans[next(iter(active))][3] % 24
                pieces.append(
                    f'<mark class="c{first}" title="coded: {named}" data-codings="{ids}">{words}</mark>'
                )
            else:
                pieces.append(words)
            previous = position
        if opens:
            active[number] = 1
        else:
            active.pop(number)
    pieces.append(html.escape(text[previous:], quote=False))
    return "".join(pieces)


def in_turn(first: Any, second: Any, rounds: int) -> tuple[float, float]:
    """Median seconds of two functions, called in turn so that a busy machine disturbs both alike."""
    times: list[tuple[float, float]] = []
    for _ in range(rounds + 2):
        marks = [time.perf_counter()]
        for function in (first, second):
            function()
            marks.append(time.perf_counter())
        times.append((marks[1] - marks[0], marks[2] - marks[1]))
    return statistics.median(t[0] for t in times[2:]), statistics.median(t[1] for t in times[2:])


def server_times(text: desk.Text) -> tuple[float, float]:
    """(our request, the bare sweep and join of the same text and codings)."""
    from django.conf import settings
    from django.test import Client

    from coding.models import Coding

    client = Client(headers={"host": "localhost"})
    client.cookies[settings.SESSION_COOKIE_NAME] = text.session
    path = f"/s/{text.slug}/coding/texts/{text.version.pk}/"

    def ours() -> None:
        answer = client.get(path)
        if answer.status_code != 200 or len(answer.content) < LENGTH:
            raise RuntimeError(f"the page answered {answer.status_code}")

    place = {code.pk: number for number, code in enumerate(text.codes)}
    rows = Coding.objects.filter(version=text.version).values_list("start", "end", "id", "code_id")
    spans = [(start, end, id_, place[code]) for start, end, id_, code in rows]
    names = [code.name for code in text.codes]
    return in_turn(ours, lambda: bare(text.version.text, spans, names), SERVER_ROUNDS)


class Meter:
    """Time of the main thread's tasks in one page."""

    def __init__(self, page: Any) -> None:
        self.session = page.context.new_cdp_session(page)
        self.session.send("Performance.enable")

    def read(self) -> dict[str, float]:
        rows = self.session.send("Performance.getMetrics")["metrics"]
        return {row["name"]: row["value"] for row in rows if row["name"] in PARTS}


def ours_in_browser(browser: Any, base: str, text: desk.Text) -> dict[str, float]:
    from django.conf import settings

    context = browser.new_context(base_url=base, viewport={"width": 1400, "height": 900})
    context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": text.session, "url": base}])
    page = context.new_page()
    page.goto(
        f"/s/{text.slug}/coding/"
    )  # the same process shows the next page, so that times can be subtracted
    meter = Meter(page)
    before = meter.read()
    page.goto(f"/s/{text.slug}/coding/texts/{text.version.pk}/", wait_until="commit")
    page.wait_for_selector("[data-ready]", state="attached")
    page.evaluate(TWO_FRAMES)
    after = meter.read()
    if page.locator("mark").count() < N_CODINGS:
        raise RuntimeError("the page has too few marks")
    page.locator("mark").first.click()
    page.wait_for_selector("#chooser[open]")
    context.close()
    return {name: after[name] - before[name] for name in PARTS}


def theirs_in_browser(browser: Any, theirs: taguette.Taguette, document: int) -> dict[str, float]:
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    context.add_cookies(
        [{"name": row.name, "value": row.value or "", "url": theirs.base} for row in theirs.cookies]
    )
    page = context.new_page()
    page.goto(f"{theirs.base}/project/{theirs.project}")
    page.wait_for_function("typeof loadDocument === 'function'")
    meter = Meter(page)
    before = meter.read()
    page.evaluate("id => { loadDocument(id); }", document)
    page.wait_for_function(
        f"Object.keys(highlights).length === {THEIR_HIGHLIGHTS}", polling=200, timeout=240_000
    )
    page.evaluate(TWO_FRAMES)
    after = meter.read()
    context.close()
    return {name: after[name] - before[name] for name in PARTS}


def main() -> dict[str, Any]:
    from playwright.sync_api import sync_playwright

    turns = desk.invented_turns(LENGTH)
    spans = desk.overlapping(sum(len(turn) + 1 for turn in turns), N_CODINGS)
    their_turns = desk.invented_turns(THEIR_LENGTH)
    their_spans = desk.overlapping(THEIR_LENGTH, THEIR_HIGHLIGHTS)
    with desk.installation(), taguette.running() as theirs:
        text = desk.make_text(turns, spans, n_codes=N_CODES)
        document = theirs.add_document(their_turns, their_spans)
        with desk.serving() as base:
            our_server, bare_server = server_times(text)
            # Playwright's loop would make Django refuse its database: nothing asks it from here on.
            with sync_playwright() as running:
                browser = running.chromium.launch(
                    executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
                )
                pairs = [
                    (ours_in_browser(browser, base, text), theirs_in_browser(browser, theirs, document))
                    for _ in range(ROUNDS + 1)
                ][1:]
                browser.close()

    def middle(side: int, name: str) -> float:
        return statistics.median(pair[side][name] for pair in pairs)

    work, their_work = middle(0, "TaskDuration"), middle(1, "TaskDuration")
    parts = {name.removesuffix("Duration").lower(): round(middle(0, name), 4) for name in PARTS}
    their_parts = {name.removesuffix("Duration").lower(): round(middle(1, name), 4) for name in PARTS}
    return {
        "benchmark": (
            f"open {LENGTH:,} characters with {N_CODINGS:,} codings, browser: ours / Taguette {taguette.VERSION} "
            f"at {THEIR_LENGTH:,} with {THEIR_HIGHLIGHTS:,}"
        ),
        "ours_seconds": parts,
        "taguette_seconds": their_parts,
        "ratio": round(work / their_work, 4),
        "target": BROWSER_TARGET,
        "server_seconds": round(our_server, 4),
        "bare_seconds": round(bare_server, 4),
        "server_ratio": round(our_server / bare_server, 3),
        "server_target": SERVER_TARGET,
    }


if __name__ == "__main__":
    print(json.dumps(main()))
