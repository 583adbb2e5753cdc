"""Opening a coded text: the browser's work against Taguette's highlighting and against the least a browser can do, and the
server's against a bare sweep.

Ours is the long text of a study of 50 texts and two researchers: 300,000 characters with 5,000 overlapping codings. All in
one Chromium, in turn, after a warm-up; the ratio of a round, median of the rounds. Time is the processor's: of the main
thread in the browser (script, style, layout, parsing and painting together), of the process in the server.

* Against Taguette 1.5.2, which opens 100,000 characters with 1,000 highlights: ours from the navigation until the module says
  that the text can be read and clicked and two frames were drawn; Taguette's from its own `loadDocument` on a page that
  stands already until its last highlight is set and two frames were drawn. At most 0.10.
* Against `benchmarks.highlights`, a page in which the same spans over the same words are drawn by the CSS Custom Highlight
  API and nothing else is there; it is opened from the same page, by the same measure. At most 4.
* Server: the whole request through every middleware and template, against the sweep of the spans and one join of the same
  text and marks, with nothing else. At most 3.

Run with `python -m benchmarks.coding_page`. Needs Chromium and playwright.
"""

from __future__ import annotations

import html
import os
import statistics
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks import desk, figures, highlights, taguette
from benchmarks.figures import Figure, Found
from benchmarks.pairs import Pairs, in_turn

LENGTH, N_CODINGS, N_CODES = 300_000, 5_000, 60
THEIR_LENGTH, THEIR_HIGHLIGHTS = 100_000, 1_000
BROWSER_TARGET, FLOOR_TARGET, SERVER_TARGET = 0.10, 4.0, 3.0
PEER_ROUNDS, FLOOR_ROUNDS, SERVER_ROUNDS = 5, 9, 15
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--disable-background-networking"]
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


def server_times(text: desk.Text) -> Pairs:
    """Our request, and the bare sweep and join of the same text and codings."""
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
    return in_turn(ours, lambda: bare(text.version.text, spans, names), rounds=SERVER_ROUNDS)


class Meter:
    """Processor time of the main thread's tasks in one page."""

    def __init__(self, page: Any) -> None:
        self.session = page.context.new_cdp_session(page)
        self.session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def read(self) -> dict[str, float]:
        rows = self.session.send("Performance.getMetrics")["metrics"]
        return {row["name"]: row["value"] for row in rows if row["name"] in PARTS}


def _opened(
    browser: Any, base: str, text: desk.Text, path: str, *, floor: str = ""
) -> tuple[Any, dict[str, float]]:
    """A page of ours that was opened from the list of texts, and the work of opening it; `floor` answers in our place."""
    from django.conf import settings

    context = browser.new_context(base_url=base, viewport={"width": 1400, "height": 900})
    context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": text.session, "url": base}])
    page = context.new_page()
    if floor:
        page.route(f"**{path}", lambda route: route.fulfill(body=floor, content_type="text/html"))
    # The same process shows the next page, so that times can be subtracted.
    page.goto(f"/s/{text.slug}/coding/")
    meter = Meter(page)
    before = meter.read()
    page.goto(path, wait_until="commit")
    page.wait_for_selector("[data-ready]", state="attached")
    page.evaluate(TWO_FRAMES)
    after = meter.read()
    return page, {name: after[name] - before[name] for name in PARTS}


def ours_in_browser(browser: Any, base: str, text: desk.Text) -> dict[str, float]:
    page, spent = _opened(browser, base, text, f"/s/{text.slug}/coding/texts/{text.version.pk}/")
    if page.locator("mark").count() < N_CODINGS:
        raise RuntimeError("the page has too few marks")
    page.locator("mark").first.click()
    page.wait_for_selector("#chooser[open]")
    page.context.close()
    return spent


def floor_in_browser(browser: Any, base: str, text: desk.Text, floor: str) -> dict[str, float]:
    page, spent = _opened(browser, base, text, f"/s/{text.slug}/floor/", floor=floor)
    if page.evaluate(highlights.COUNT) != N_CODINGS:
        raise RuntimeError("the floor does not draw every coding")
    page.context.close()
    return spent


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


def measure() -> dict[str, Any]:
    from playwright.sync_api import sync_playwright

    turns = desk.invented_turns(LENGTH)
    spans = desk.overlapping(sum(len(turn) + 1 for turn in turns), N_CODINGS)
    their_turns = desk.invented_turns(THEIR_LENGTH)
    their_spans = desk.overlapping(THEIR_LENGTH, THEIR_HIGHLIGHTS)
    with desk.installation(), taguette.running() as theirs:
        text = desk.make_study(turns, spans, n_codes=N_CODES)
        looks = [(start, end, text.codes[n % N_CODES].colour) for n, (start, end) in enumerate(spans)]
        floor = highlights.page(turns, looks)
        document = theirs.add_document(their_turns, their_spans)
        with desk.serving() as server:
            in_server = server_times(text)
            # Playwright's loop would make Django refuse its database: nothing asks it from here on.
            with sync_playwright() as running:
                browser = running.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
                chromium = browser.version
                beside_floor = [
                    (
                        ours_in_browser(browser, server.base, text),
                        floor_in_browser(browser, server.base, text, floor),
                    )
                    for _ in range(FLOOR_ROUNDS + 1)
                ][1:]
                beside_peer = [
                    (
                        ours_in_browser(browser, server.base, text),
                        theirs_in_browser(browser, theirs, document),
                    )
                    for _ in range(PEER_ROUNDS + 1)
                ][1:]
                browser.close()
    against_peer, against_floor = _tasks(beside_peer), _tasks(beside_floor)
    return Found(
        f"open {LENGTH:,} characters with {N_CODINGS:,} codings, in a study of {desk.N_TEXTS} texts",
        [
            Figure(
                "browser, main thread",
                against_peer.ratio,
                BROWSER_TARGET,
                f"Taguette {taguette.VERSION} at {THEIR_LENGTH:,} with {THEIR_HIGHLIGHTS:,}",
                ours=against_peer.ours,
                theirs=against_peer.theirs,
            ),
            Figure(
                "browser, main thread",
                against_floor.ratio,
                FLOOR_TARGET,
                "the same spans as CSS highlights, nothing else",
                ours=against_floor.ours,
                theirs=against_floor.theirs,
            ),
            Figure(
                "server, whole request",
                in_server.ratio,
                SERVER_TARGET,
                "a bare sweep and join",
                ours=in_server.ours,
                theirs=in_server.theirs,
            ),
        ],
        figures.versions("django", "playwright") | {"chromium": chromium, "taguette": taguette.VERSION},
        {
            "ours": _middle(ours for ours, _ in beside_floor),
            "floor": _middle(floor for _, floor in beside_floor),
            "taguette": _middle(theirs for _, theirs in beside_peer),
        },
    ).sent()


def _tasks(rounds: Sequence[tuple[dict[str, float], dict[str, float]]]) -> Pairs:
    return Pairs([(ours["TaskDuration"], theirs["TaskDuration"]) for ours, theirs in rounds])


def _middle(works: Iterable[dict[str, float]]) -> dict[str, float]:
    """Of what the work consisted: the median of each part."""
    each = list(works)
    return {
        name.removesuffix("Duration").lower(): round(statistics.median(work[name] for work in each), 4)
        for name in PARTS
    }


if __name__ == "__main__":
    sys.exit(figures.run(measure))
