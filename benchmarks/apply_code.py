"""Applying a code to a passage: our request against Taguette 1.5.2's highlight request, live beside it.

Both on 127.0.0.1 with SQLite, on the same 200,000 characters with 2,000 codings, requests taken in turn, median of
all rounds after a warm-up. Ours checks session, role, site and clearance, logs for undo, audits, and answers with
the touched turns drawn anew; all of that is in the time. Prints the ratio; it should be at most 0.5. Run with
`python -m benchmarks.apply_code`.
"""

from __future__ import annotations

import http.client
import json
import statistics
import time
import urllib.parse
from typing import Any

from benchmarks import desk, taguette

LENGTH, N_CODINGS, ROUNDS, WARM_UP, TARGET = 200_000, 2_000, 40, 6, 0.5


class Ours:
    """A researcher's browser, as far as requests go: one kept connection, session and token."""

    def __init__(self, base: str, text: desk.Text) -> None:
        self.text = text
        self.host = base.removeprefix("http://")
        self.path = f"/s/{text.slug}/coding/texts/{text.version.pk}/apply/"
        self.connection = http.client.HTTPConnection(self.host)
        from django.conf import settings
        from django.middleware.csrf import _get_new_csrf_string

        self.token = _get_new_csrf_string()
        self.headers = {
            "Cookie": f"{settings.SESSION_COOKIE_NAME}={text.session}; {settings.CSRF_COOKIE_NAME}={self.token}",
            "X-CSRFToken": self.token,
            "Accept": "application/json",
            "Content-Type": "application/x-www-form-urlencoded",
        }

    def apply(self, start: int, end: int, code: Any) -> float:
        body = urllib.parse.urlencode({"start": start, "end": end, "code": code.pk})
        begun = time.perf_counter()
        self.connection.request("POST", self.path, body, self.headers)
        answer = self.connection.getresponse()
        data = answer.read()
        seconds = time.perf_counter() - begun
        if answer.status != 200 or not json.loads(data)["blocks"]:
            raise RuntimeError(f"applying a code answered {answer.status}: {data[:300]!r}")
        return seconds


def main() -> dict[str, float | str]:
    turns = desk.invented_turns(LENGTH)
    joined = sum(len(turn) for turn in turns)
    spans = desk.overlapping(joined, N_CODINGS)
    fresh = [span for span in desk.overlapping(joined, ROUNDS + WARM_UP, seed=99) if span not in set(spans)]
    with desk.installation(), taguette.running() as theirs:
        text = desk.make_text(turns, spans)
        document = theirs.add_document(turns, spans)
        with desk.serving() as base:
            ours = Ours(base, text)
            pairs = [
                (ours.apply(start, end, text.codes[n % 60]), theirs.highlight(document, start, end))
                for n, (start, end) in enumerate(fresh)
            ]
    our_seconds = statistics.median(pair[0] for pair in pairs[WARM_UP:])
    their_seconds = statistics.median(pair[1] for pair in pairs[WARM_UP:])
    return {
        "benchmark": f"apply a code, {LENGTH:,} characters with {N_CODINGS:,} codings, ours / Taguette {taguette.VERSION}",
        "ours_seconds": round(our_seconds, 4),
        "taguette_seconds": round(their_seconds, 4),
        "ratio": round(our_seconds / their_seconds, 3),
        "target": TARGET,
    }


if __name__ == "__main__":
    print(json.dumps(main()))
