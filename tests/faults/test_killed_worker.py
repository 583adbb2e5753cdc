"""Kill -9 of the worker while it takes in a survey file: the file is stored whole, once, or not at all; the job ends."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.faults.conftest import Planted
from tests.faults.installation import wait_for

pytestmark = [pytest.mark.real_clock, pytest.mark.once]

N_ROWS = 2000
STAGES = ("before the claim", "while reading", "while writing", "after")


class Imports:
    """One anonymous survey file after the other, each replacing the one before, each with another number of rows."""

    def __init__(self, planted: Planted) -> None:
        self.planted, self.here = planted, planted.here
        self.killed_at: Counter[str] = Counter()
        self.n_open_transactions = 0
        self.number = 0
        self.opened = ""

    def open_next(self) -> None:
        """Upload the next file, up to its confirmation."""
        self.number += 1
        self.opened = self.planted.ask(
            "from tests.faults import planting\nfrom ipe.models import User, Wave\n"
            f"wave = Wave.objects.get(pk={self.planted.ids['wave']!r})\n"
            "by = User.objects.get(email='field@kestrel.example')\n"
            f"answer = str(planting.opened('pulse', planting.csv_of({self.n_rows}, {self.number}),"
            " planting.PULSE, wave=wave, by=by).pk)"
        )

    @property
    def n_rows(self) -> int:
        return N_ROWS + self.number

    def confirm(self) -> str:
        """Ask for the file to be stored; the id of the job, which stands in the database when this returns."""
        job: str = self.planted.ask(
            "from surveys import intake\nfrom surveys.models import Intake\nfrom ipe.models import User\n"
            "by = User.objects.get(email='field@kestrel.example')\n"
            f"row = Intake.objects.get(pk={self.opened!r})\n"
            "answer = str(intake.confirm(row, by=by, replace=True).pk)"
        )
        return job

    def stored(self, job: str) -> Any:
        ask = "from tests.faults import checking; answer = "
        return self.planted.ask(f"{ask}checking.stored({self.opened!r}, {job!r})")

    def await_end(self, job: str) -> None:
        ask = f"from ipe.models import Job; answer = Job.objects.get(pk={job!r}).has_ended"
        wait_for("the job ends", lambda: self.planted.ask(ask), pause=0.1)

    def time_one(self) -> float:
        """How long a job takes from its confirmation to its end, undisturbed."""
        self.open_next()
        job = self.confirm()
        began = time.monotonic()
        self.await_end(job)
        seconds = time.monotonic() - began
        self.check_whole(job, attempts={1})
        return seconds

    def await_writing(self, job: str) -> None:
        ask = f"from ipe.models import Job; answer = Job.objects.get(pk={job!r}).message"
        wait_for("the job writes", lambda: self.planted.ask(ask).startswith("Storing"), pause=0.002)

    def round(self, await_moment: Callable[[str], None]) -> None:
        """Kill the worker at a moment of its job; the next worker takes over when the lease is over."""
        self.open_next()
        job = self.confirm()
        await_moment(job)
        self.here.kill("worker")
        # The journal of a transaction that was open when the worker died; reading the database rolls it back.
        journal = self.here.var / "ipe.sqlite3-journal"
        has_journal = self.here.is_sqlite and journal.exists() and journal.stat().st_size > 0
        self.here.start_worker()
        left = self.stored(job)
        stage = {
            ("waiting", ""): "before the claim",
            ("running", "Reading the answers"): "while reading",
            ("running", "Storing the answers"): "while writing",
            ("done", ""): "after",
        }.get((left["job"], left["message"]), "before the claim" if left["job"] == "running" else "")
        assert stage, left
        self.killed_at[stage] += 1
        self.n_open_transactions += has_journal
        if stage == "after":
            self.check_whole(job, attempts={1})
            return
        assert (left["n_responses"], left["n_answers"], left["n_audited"]) == (0, 0, 0), left
        assert left["state"] == "waiting", left
        assert left["n_in_use"] == 1, "the file before is still the one in use"
        # Stands for waiting until the lease of the dead worker has run out.
        self.planted.ask(
            "import datetime as dt\nfrom django.utils import timezone\nfrom ipe.models import Job\n"
            f"Job.objects.filter(pk={job!r}, state='running').update("
            "lease_until=timezone.now() - dt.timedelta(seconds=1))"
        )
        self.await_end(job)
        self.check_whole(job, attempts={1} if left["job"] == "waiting" else {2})

    def check_whole(self, job: str, attempts: set[int]) -> None:
        found = self.stored(job)
        assert (found["job"], found["state"], found["error"]) == ("done", "stored", ""), found
        assert found["attempts"] in attempts, found
        n_remarks = -(-self.n_rows // 10)
        assert found["n_responses"] == found["n_respondents"] == self.n_rows, found
        assert found["n_answers"] == 3 * self.n_rows + n_remarks, found
        assert found["n_audited"] == found["n_in_use"] == 1, found
        assert found["n_sheets"] == 0, found


def kill_rounds(planted: Planted, n_rounds: int) -> Imports:
    chance = random.Random(n_rounds)
    imports = Imports(planted)
    planted.here.start_worker()
    seconds = min(imports.time_one(), imports.time_one())  # the first also pays for what is loaded late
    # Spread over the whole job and a little longer, in no order.
    moments = [1.2 * seconds * (number + chance.random()) / n_rounds for number in range(n_rounds)]
    chance.shuffle(moments)
    for moment in moments:
        imports.round(lambda _, seconds=moment: time.sleep(seconds))
    stages = check_all_ended(imports)
    print(
        f"{n_rounds} kills of a job of {seconds:.2f} s and {N_ROWS} rows: {stages}, with an open transaction: "
        f"{imports.n_open_transactions}; lost: 0, doubles: 0, halves: 0, jobs that did not end: 0"
    )
    assert imports.killed_at.total() == n_rounds
    return imports


def check_all_ended(imports: Imports) -> dict[str, int]:
    """That nothing is broken and nothing left over; how often the worker was killed in each stage."""
    planted = imports.planted
    wrong = planted.ask("from tests.faults import checking; answer = checking.whole()")
    assert wrong == []
    unfinished = planted.ask(
        "from ipe.models import Job; answer = Job.objects.exclude(state__in=['done', 'failed', 'cancelled']).count()"
    )
    assert unfinished == 0
    return {stage: imports.killed_at[stage] for stage in STAGES}


@pytest.mark.row("V2.3.3")
def test_a_kill_of_the_worker_while_it_writes_leaves_nothing_half_done(planted: Planted) -> None:
    imports = Imports(planted)
    planted.here.start_worker()
    imports.time_one()  # the file that the next one would replace
    imports.round(imports.await_writing)
    assert check_all_ended(imports) == {**dict.fromkeys(STAGES, 0), "while writing": 1}


@pytest.mark.slow(lands=True)
def test_three_kills_of_the_worker_leave_nothing_half_done(planted: Planted) -> None:
    kill_rounds(planted, 3)


@pytest.mark.slow
def test_25_kills_of_the_worker_leave_nothing_half_done(planted: Planted) -> None:
    imports = kill_rounds(planted, 25)
    assert imports.killed_at["while reading"] + imports.killed_at["while writing"] >= 5
