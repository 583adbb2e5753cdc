"""Two people write one cell at the same moment, over HTTP: one is stored, the other is told and loses nothing."""

from __future__ import annotations

import html
import json
import threading
from typing import Any

import pytest

from tests.faults.conftest import Planted
from tests.faults.installation import Visitor
from tests.faults.planting import PASSWORD

# On PostgreSQL: SQLite lets one writer in at a time, so that nobody meets.
pytestmark = [pytest.mark.real_clock, pytest.mark.once, pytest.mark.postgres]

N_TIMES = 15


def saved_at_once(people: dict[str, Visitor], path: str, *, time: int, version: int) -> dict[str, Any]:
    """What each was answered, when both send their words for one version at the same moment."""
    answers: dict[str, Any] = {}
    together = threading.Barrier(len(people))

    def save(name: str, visitor: Visitor) -> None:
        runs = json.dumps([{"kind": "summary", "text": f"{name} wrote this, {time}"}])
        together.wait()
        sent = {"runs": runs, "state": "draft", "expected_version": version}
        answers[name] = visitor.post(path, sent, wants_json=True)

    writers = [threading.Thread(target=save, args=pair) for pair in people.items()]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    return answers


def test_of_two_saves_at_once_one_is_stored_and_the_other_handed_back(planted: Planted) -> None:
    planted.here.start_web()
    case, column = planted.ids["staying"]["case"], planted.ids["column"]
    path = f"/s/kestrel/matrices/cells/{case}/{column}/"
    people = {name: planted.here.visitor(f"{name}@kestrel.example", PASSWORD) for name in ("coder", "second")}
    version, won = 2, []
    for time in range(N_TIMES):
        answers = saved_at_once(people, path, time=time, version=version)
        assert sorted(answer.status for answer in answers.values()) == [200, 409]
        first = next(name for name, answer in answers.items() if answer.status == 200)
        told = next(answer for answer in answers.values() if answer.status == 409).json()
        version += 1
        won.append(first)
        assert told["version"] == version
        assert told["by"] == first
        assert [run["text"] for run in told["runs"]] == [f"{first} wrote this, {time}"]
        assert "Nothing is lost" in told["error"]
    history = planted.ask(
        "from coding.models import CellHistory\n"
        f"rows = CellHistory.objects.filter(cell__case={case!r}, cell__column={column!r})\n"
        "answer = [[row.version, row.by.name, row.runs[0]['text']] for row in rows.order_by('version')]"
    )
    assert history[2:] == [[time + 3, name, f"{name} wrote this, {time}"] for time, name in enumerate(won)]

    # Without scripts the page comes back with both texts.
    mine = "what I typed – “and took” an hour over"
    fields = {"kind-0": "summary", "text-0": mine, "state": "draft", "expected_version": version - 1}
    answer = people["second"].post(path, fields)
    assert answer.status == 409
    shown = html.unescape(answer.text)
    assert mine in shown
    assert f"{won[-1]} wrote this, {N_TIMES - 1}" in shown
