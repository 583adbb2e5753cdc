"""Chromium against the live application, with its console watched: a refusal by the content security policy fails."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from tests.conftest import required

CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--disable-background-networking"]
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
DRAWN = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


@functools.cache
def axe_source() -> str:
    import axe_playwright_python

    return (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()


def axe_finds(page: Any) -> list[Any]:
    """The violations under the WCAG A and AA tags; of what passes, axe need not collect every place."""
    if not page.evaluate("typeof window.axe !== 'undefined'"):
        page.evaluate(axe_source())
    options = {"runOnly": WCAG, "resultTypes": ["violations"]}
    return list(page.evaluate("async options => (await axe.run(document, options)).violations", options))


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """One headless browser for the session; without Chromium the tests that need it are skipped by name."""
    if not Path(CHROMIUM).exists():
        required("chromium", f"no browser at {CHROMIUM}")
    # Playwright's synchronous interface runs an event loop in this thread, in which Django refuses database
    # access unless told that nothing else shares the connection.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    from playwright.sync_api import sync_playwright  # starts a driver process: only when a browser is there

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


class Desk:
    """A browser page signed in as somebody. `problems` are console errors and uncaught exceptions."""

    def __init__(self, chromium: Any, base: str, user: Any, width: int, dark: bool) -> None:
        self.base, self.dark = base, dark
        self.context = chromium.new_context(
            viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light"
        )
        self.problems: list[str] = []
        if user is not None:
            client = Client()
            client.force_login(user)
            session = client.cookies[settings.SESSION_COOKIE_NAME].value
            self.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": base}])
        self.page = self.context.new_page()
        self.on_their_way: set[Any] = set()
        self.page.on("request", lambda asked: self.on_their_way.add(asked))
        for end in ("requestfinished", "requestfailed"):
            self.page.on(end, lambda asked: self.on_their_way.discard(asked))
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))

    def _heard(self, message: Any) -> None:
        if message.type == "error" or "Content Security Policy" in message.text:
            self.problems.append(message.text)

    def go(self, path: str) -> Any:
        answer = self.page.goto(self.base + path)
        self.settle()
        return answer

    def shows(self, path: str) -> bool:
        """Whether a page is at this address, which then stands here, and not a file."""
        kind = self.page.request.head(self.base + path).headers.get("content-type", "")
        if "text/html" not in kind:
            return False
        self.go(path)
        return True

    def turn(self, width: int, *, dark: bool = False) -> None:
        """Make the window as wide as this, and the page light or dark."""
        size = {"width": width, "height": 900}
        if self.page.viewport_size != size or dark != self.dark:
            self.page.set_viewport_size(size)
            # Without movement: a colour on its way to another has neither's contrast.
            self.page.emulate_media(color_scheme="dark" if dark else "light", reduced_motion="reduce")
            self.dark = dark
            self.settle()

    def settle(self) -> None:
        """Wait until the page has drawn itself and nothing that its scripts ask for is on its way."""
        self.page.evaluate(DRAWN)
        while self.on_their_way:
            self.page.wait_for_timeout(10)
            self.page.evaluate(DRAWN)

    def axe(self) -> list[str]:
        """What axe-core finds, one line each."""
        return [
            f"{one['id']}: {' | '.join(node['html'] for node in one['nodes'][:3])}"
            for one in axe_finds(self.page)
        ]

    def overflow(self) -> int:
        """Pixels by which the page is wider than the window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))


@pytest.fixture
def desk(chromium: Any, live_server: Any) -> Iterator[Callable[..., Desk]]:
    """`desk(user, width=1280, dark=False)`: a signed-in page; closed at the end of the test."""
    opened: list[Desk] = []

    def make(user: Any = None, width: int = 1280, dark: bool = False) -> Desk:
        opened.append(Desk(chromium, live_server.url, user, width, dark))
        return opened[-1]

    yield make
    for one in opened:
        one.context.close()
