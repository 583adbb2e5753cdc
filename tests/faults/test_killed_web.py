"""Kill -9 of the web server while people save: what was acknowledged is stored, and nothing is stored by half."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.faults.conftest import Planted
from tests.faults.installation import Visitor, wait_for

# On PostgreSQL: what a server commits after its client was killed is what can go wrong.
pytestmark = [pytest.mark.real_clock, pytest.mark.once, pytest.mark.postgres]


class Saver(threading.Thread):
    """One person who saves as fast as the server answers, until the server dies over a save.

    `acknowledged` holds what the server said it stored; `in_flight` what was sent last and never answered.
    """

    def __init__(self, visitor: Visitor, save: Callable[[Visitor, int], Any], first: int) -> None:
        super().__init__()
        self.visitor, self.save, self.number = visitor, save, first
        self.acknowledged: list[int] = []
        self.in_flight: int | None = None
        self.problem: BaseException | None = None

    def run(self) -> None:
        while True:
            self.in_flight = self.number
            self.number += 1
            try:
                answer = self.save(self.visitor, self.in_flight)
            except (OSError, http.client.HTTPException):
                return
            except BaseException as problem:
                self.problem = problem
                return
            if answer.status >= 400:
                self.problem = AssertionError(f"{answer.status}: {answer.text[-2000:]}")
                return
            self.acknowledged.append(self.in_flight)
            self.in_flight = None


class Saves:
    """The three kinds of saves, and what was sent and acknowledged of each over all rounds."""

    def __init__(self, planted: Planted) -> None:
        self.planted, ids = planted, planted.ids
        self.case, self.column = ids["staying"]["case"], ids["column"]
        self.code = planted.ask(
            "from coding.acts import codebook\nfrom coding.models import Code\nfrom ipe.models import User\n"
            f"theme = Code.objects.get(pk={ids['theme']!r})\n"
            "by = User.objects.get(email='coder@kestrel.example')\n"
            "answer = str(codebook.add_code(theme.codebook.evaluation, name='Speed', parent=theme, by=by).pk)"
        )
        self.version = ids["staying"]["version"]
        text, turns = planted.ask(
            "from transcripts.models import Version\n"
            f"version = Version.objects.get(pk={self.version!r})\n"
            "answer = [version.text, list(version.turns.values_list('start', 'end'))]"
        )
        self.letters = [at for start, end in turns for at in range(start, end) if not text[at].isspace()]
        self.site = ids["site"]
        self.cell_version = planted.ask(
            f"from coding.models import Cell; answer = Cell.objects.get(case={self.case!r},"
            f" column={self.column!r}).version"
        )
        self.sent: dict[str, list[int]] = {"cells": [], "codes": [], "people": []}
        self.acknowledged: dict[str, list[int]] = {"cells": [], "codes": [], "people": []}
        self.n_in_flight = self.n_in_flight_stored = 0

    def cell(self, visitor: Visitor, number: int) -> Any:
        runs = json.dumps([{"kind": "summary", "text": f"saved {number}"}])
        fields = {"runs": runs, "state": "draft", "expected_version": self.cell_version}
        path = f"/s/kestrel/matrices/cells/{self.case}/{self.column}/"
        answer = visitor.post(path, fields, wants_json=True)
        if answer.status == 200:
            assert answer.json()["version"] == self.cell_version + 1
            self.cell_version += 1
        return answer

    def coding(self, visitor: Visitor, number: int) -> Any:
        start, end = self.span(number)
        path = f"/s/kestrel/coding/texts/{self.version}/apply/"
        return visitor.post(path, {"start": start, "end": end, "code": self.code})

    def span(self, number: int) -> tuple[int, int]:
        """A letter that somebody says for each number, no two the same."""
        return self.letters[number], self.letters[number] + 1

    def person(self, visitor: Visitor, number: int) -> Any:
        fields = {"kind": "staff", "site": self.site, "name": f"Added {number}", "recruitment": "listed"}
        return visitor.post("/s/kestrel/consent/people/add/", fields)

    def round(self, visitors: dict[str, Visitor], seconds: float) -> None:
        """Save flat out, kill the server, start it again, and check everything."""
        kinds = {"cells": self.cell, "codes": self.coding, "people": self.person}
        savers = {
            name: Saver(visitors[name], save, first=len(self.sent[name])) for name, save in kinds.items()
        }
        for saver in savers.values():
            saver.start()
        wait_for(
            "every kind of save is under way",
            lambda: all(saver.acknowledged or not saver.is_alive() for saver in savers.values()),
            pause=0.005,
        )
        time.sleep(seconds)
        self.planted.here.kill("web")
        for name, saver in savers.items():
            saver.join(timeout=30)
            assert not saver.is_alive()
            assert saver.problem is None, (name, saver.problem)
            self.sent[name] += range(len(self.sent[name]), saver.number)
            self.acknowledged[name] += saver.acknowledged
        self.planted.here.launch_web()
        found = self.planted.ask(
            "from tests.faults import checking; "
            f"answer = checking.saves({self.case!r}, {self.column!r}, {self.code!r})"
        )
        self.check(found)
        in_flight = {name: saver.in_flight for name, saver in savers.items() if saver.in_flight is not None}
        self.n_in_flight += len(in_flight)
        self.n_in_flight_stored += sum(
            number in self.stored(found)[name] for name, number in in_flight.items()
        )
        self.cell_version = found["cell"][0]
        self.planted.here.await_web()

    def stored(self, found: Any) -> dict[str, set[int]]:
        cells = {int(runs[0]["text"].split()[1]) for _, runs in found["history"] if _is_ours(runs)}
        spans = {self.span(number): number for number in self.sent["codes"]}
        codes = {spans[start, end] for _, start, end in found["codings"]}
        people = {int(name.split()[1]) for name in found["people"] if name.startswith("Added ")}
        return {"cells": cells, "codes": codes, "people": people}

    def check(self, found: Any) -> None:
        assert found["wrong"] == []
        # A person without a name that opens would be one stored by half.
        assert None not in found["people"]
        assert len(found["people"]) == found["n_added_audited"]
        versions = [version for version, _ in found["history"]]
        assert versions == list(range(1, found["cell"][0] + 1))
        assert found["history"][-1][1] == found["cell"][1]
        assert found["n_histories"] == found["n_histories_audited"]
        assert sorted(found["applied"]) == sorted(pk for pk, _, _ in found["codings"])
        assert found["n_applied"] == found["n_applied_audited"]
        stored = self.stored(found)
        for name, numbers in self.acknowledged.items():
            assert set(numbers) <= stored[name], f"lost of {name}: {sorted(set(numbers) - stored[name])}"
            assert stored[name] <= set(self.sent[name])
        n_cells = sum(_is_ours(runs) for _, runs in found["history"])
        assert n_cells == len(stored["cells"]), "a save of a cell is stored twice"


def _is_ours(runs: Any) -> bool:
    return bool(runs) and runs[0].get("text", "").startswith("saved ")


def kill_rounds(planted: Planted, n_rounds: int) -> Saves:
    chance = random.Random(n_rounds)
    saves = Saves(planted)
    planted.here.start_web()
    coder = planted.visitor("researcher")
    visitors = {"cells": coder, "codes": Visitor(coder.port), "people": planted.visitor("fieldwork_lead")}
    visitors["codes"].cookies = dict(coder.cookies)
    for _ in range(n_rounds):
        saves.round(visitors, chance.uniform(0, 0.4))
    n_acknowledged = {name: len(numbers) for name, numbers in saves.acknowledged.items()}
    print(
        f"{n_rounds} kills; acknowledged and stored: {n_acknowledged}; lost: 0; "
        f"in flight at the kill: {saves.n_in_flight}, of these stored whole: {saves.n_in_flight_stored}"
    )
    assert min(n_acknowledged.values()) >= n_rounds, n_acknowledged
    assert saves.n_in_flight >= n_rounds
    return saves


@pytest.mark.row("V2.3.3")
def test_a_kill_of_the_web_server_loses_nothing(planted: Planted) -> None:
    kill_rounds(planted, 1)


@pytest.mark.slow(lands=True)
def test_three_kills_of_the_web_server_lose_nothing(planted: Planted) -> None:
    kill_rounds(planted, 3)


@pytest.mark.slow
def test_25_kills_of_the_web_server_lose_nothing(planted: Planted) -> None:
    kill_rounds(planted, 25)
