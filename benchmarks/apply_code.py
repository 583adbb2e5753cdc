"""Applying a code to a passage: our request against Taguette 1.5.2's highlight request, live beside it.

Both on 127.0.0.1 with SQLite, on the same 200,000 characters with 2,000 codings, requests taken in turn. Ours is the long
text of a study of 50 texts and two researchers; Taguette's project holds this document alone. What counts is the
processor's time of each server for one request, all its threads together; ratio of a round, median of the rounds after a
warm-up; at most 0.5. Ours checks session, role, site and clearance, logs for undo, audits, and answers with the touched
turns drawn anew; all of that is in the time. Run with `python -m benchmarks.apply_code`.
"""

from __future__ import annotations

import http.client
import itertools
import json
import statistics
import sys
import time
import urllib.parse
from typing import Any

from benchmarks import desk, figures, taguette
from benchmarks.figures import Figure, Found
from benchmarks.pairs import Pairs, seconds_of

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


def measure() -> dict[str, Any]:
    turns = desk.invented_turns(LENGTH)
    joined = sum(len(turn) for turn in turns)
    spans = desk.overlapping(joined, N_CODINGS)
    fresh = [span for span in desk.overlapping(joined, ROUNDS + WARM_UP, seed=99) if span not in set(spans)]
    with desk.installation(), taguette.running() as theirs:
        text = desk.make_study(turns, spans)
        document = theirs.add_document(turns, spans)
        with desk.serving() as server:
            ours = Ours(server.base, text)
            clocks, answered = [(seconds_of(server.pid), seconds_of(theirs.pid))], []
            for n, (start, end) in enumerate(fresh):
                code = text.codes[n % len(text.codes)]
                answered.append((ours.apply(start, end, code), theirs.highlight(document, start, end)))
                # Read once a round: what a server does after its answer has left is part of its request.
                clocks.append((seconds_of(server.pid), seconds_of(theirs.pid)))
    spent = [(after[0] - before[0], after[1] - before[1]) for before, after in itertools.pairwise(clocks)]
    pairs = Pairs(spent[WARM_UP:])
    return Found(
        f"apply a code to {LENGTH:,} characters with {N_CODINGS:,} codings, in a study of {desk.N_TEXTS} texts",
        [
            Figure(
                "request, in the server",
                pairs.ratio,
                TARGET,
                f"Taguette {taguette.VERSION}",
                ours=pairs.ours,
                theirs=pairs.theirs,
            )
        ],
        figures.versions("django", "gunicorn") | {"taguette": taguette.VERSION},
        {
            "ours_by_the_clock": round(statistics.median(pair[0] for pair in answered[WARM_UP:]), 4),
            "taguette_by_the_clock": round(statistics.median(pair[1] for pair in answered[WARM_UP:]), 4),
        },
    ).sent()


if __name__ == "__main__":
    sys.exit(figures.run(measure))
