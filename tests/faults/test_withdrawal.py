"""A person who withdraws leaves nothing behind: every string that was theirs is searched for in every byte there is.

What others said stands as it stood. The receipt and the ledger hold ids, counts, times and a reason from a list.
"""

from __future__ import annotations

import contextlib
import json
import random
import re
import shutil
import sqlite3
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.faults import planting
from tests.faults.conftest import Planted
from tests.faults.installation import DidNotHappen, Visitor
from tests.faults.planting import CANARIES, GROUP, TAMSIN, group_words, kept
from tests.faults.searching import Search

OF_ONE_ONLY = {"quoting cell", "list not yet imported"}

pytestmark = [pytest.mark.real_clock, pytest.mark.once]


def look_everywhere(planted: Planted, folder: Path, words: dict[str, str]) -> Search:
    """Search dumps, files, logs and what can still be opened."""
    shutil.rmtree(folder, ignore_errors=True)
    planted.ask(f"from tests.faults import revealing; revealing.write_dumps({str(folder)!r})")
    search = Search(words)
    for place in (folder, planted.here.var, planted.here.keys, planted.here.logs):
        search.look_everywhere(place)
    opened = planted.ask("from tests.faults import revealing; answer = revealing.opened()")
    search.look("what the keys open", json.dumps(opened["texts"], ensure_ascii=False).encode())
    search.look("what the keys open", "\n".join(opened["texts"]).encode())
    return search


def export_everything(planted: Planted, folder: Path, *, is_short: bool = False) -> int:
    """Every file that the application hands out, of every code, matrix, survey and site, in every format.

    With `is_short` tables leave as workbooks only.
    """
    folder.mkdir(exist_ok=True)
    writer, fieldwork = planted.visitor("report_writer"), planted.visitor("fieldwork_lead")
    codes = planted.ask("from coding.models import Code; answer = [str(c.pk) for c in Code.objects.all()]")
    surveys = planted.ask(
        "from surveys.models import Instrument; answer = [str(i.pk) for i in Instrument.objects.all()]"
    )
    asked = [
        (writer, f"coding/codes/{code}/export/", {"file_format": form})
        for code in codes
        for form in ("xlsx", "docx")
    ]
    asked += [(writer, f"matrices/{planted.ids['matrix']}/export/", {"file_format": "xlsx"})]
    for form in ("xlsx",) if is_short else ("xlsx", "csv", "csv_guarded", "pdf", "chart"):
        asked += [(writer, f"surveys/instruments/{pk}/export/", {"file_format": form}) for pk in surveys]
        if form != "chart":
            asked += [(writer, "indicators/export/", {"file_format": form})]
    site = planted.ask("from ipe.models import Site; answer = str(Site.objects.get(code='N').pk)")
    for form in ("xlsx",) if is_short else ("xlsx", "csv", "csv_guarded", "pdf"):
        asked += [(fieldwork, "fieldwork/export/", {"site": site, "file_format": form})]
    n_files = 0
    for number, (visitor, path, fields) in enumerate(asked):
        answer = visitor.post(
            f"/s/kestrel/{path}", {"purpose": "Looking for what should be gone", "recipients": "", **fields}
        )
        assert answer.status in (200, 400, 409, 422), f"{path} {fields}: {answer.status}"
        (folder / f"{number}").write_bytes(answer.body)
        n_files += "attachment" in answer.headers.get("content-disposition", "")
    return n_files


def read_pages(planted: Planted, folder: Path) -> None:
    """The pages on which the person's words stood, for everybody who could read them."""
    folder.mkdir(exist_ok=True)
    paths = ["", "coding/", "coding/memos/", "coding/codebook/", f"matrices/{planted.ids['matrix']}/"]
    paths += ["consent/", "transcripts/", "fieldwork/", "releases/", "audit/", "surveys/files/"]
    for role in ("researcher", "fieldwork_lead", "data_protection_lead"):
        visitor = planted.visitor(role)
        for number, path in enumerate(paths):
            answer = visitor.get(f"/s/kestrel/{path}")
            assert answer.status in (200, 403, 404), f"{path} as {role}: {answer.status}"
            (folder / f"page {role} {number}").write_bytes(answer.body)


def withdraw(visitor: Visitor, person: str, scope: str = "delete") -> str:
    """Through the page, as somebody who may: preview, confirm; the address of the receipt."""
    path = f"/s/kestrel/consent/people/{person}/withdraw/"
    preview = visitor.get(f"{path}?scope={scope}")
    assert preview.status == 200, preview.text
    answer = visitor.post(path, {"scope": scope, "reason": "privacy", "is_certain": "on"})
    assert answer.status == 302, answer.text
    return answer.headers["location"]


def finish(planted: Planted, person: str) -> None:
    """Let the worker do the rest, after which the receipt is no longer pending."""
    planted.work()
    ask = f"from consent.models import Withdrawal; rows = Withdrawal.objects.filter(participant={person!r})"
    assert planted.ask(f"{ask}; answer = [row.is_pending for row in rows]") == [False]


def belongings(planted: Planted, person: str) -> Any:
    return planted.ask(f"from tests.faults import revealing; answer = revealing.belongings({person!r})")


@pytest.mark.row("CN-16", "CN-19", "000-42")
def test_nothing_of_a_person_is_left(planted: Planted, tmp_path: Path) -> None:
    leaving, staying = planted.ids["leaving"], planted.ids["staying"]
    others = {f"{where} of the other": kept(where) for where in CANARIES if where not in OF_ONE_ONLY}
    everything = CANARIES | others
    planted.here.start_web()

    # Before: the search is able to find every one of them, and there is nothing sealed that it cannot open.
    before = look_everywhere(planted, tmp_path / "before", everything)
    assert before.found == set(everything), set(everything) - before.found
    opened = planted.ask("from tests.faults import revealing; answer = revealing.opened()")
    assert opened["closed"] == {}, opened["closed"]
    assert export_everything(planted, planted.here.home / "exports before", is_short=True) >= 5
    handed_out = Search(CANARIES)
    handed_out.look_everywhere(planted.here.home / "exports before")
    assert {"turn", "cell", "quoting cell", "code name"} <= handed_out.found, handed_out.found
    kept_before = belongings(planted, staying["id"])
    shutil.rmtree(planted.here.home / "exports before")
    key_store = (planted.here.keys / "keystore.sqlite3").read_bytes()

    receipt = withdraw(planted.visitor("data_protection_lead"), leaving["id"])
    finish(planted, leaving["id"])

    # After: in the dumps, the files, the logs, what opens, the exports and the pages there is none. Of the other person
    # everything is found, and row by row it is as before.
    after = look_everywhere(planted, tmp_path / "after", everything)
    assert after.found == set(others), after.report()
    assert belongings(planted, staying["id"]) == kept_before
    (planted.here.home / "handed out").mkdir()
    assert export_everything(planted, planted.here.home / "handed out") >= 15
    read_pages(planted, planted.here.home / "handed out")
    handed_out = Search(CANARIES)
    handed_out.look_everywhere(planted.here.home / "handed out")
    assert not handed_out.hits, handed_out.report()
    assert handed_out.n_bytes > 100_000

    left = belongings(planted, leaving["id"])
    assert {where for where, rows in left.items() if rows} <= {
        "participant",
        "consents",
        "answers to items",
        "bookings",
        "recordings",
    }, left
    check_receipt(planted, receipt, leaving["id"])
    check_it_is_recalled(planted)

    # Twice: nothing changes but the visit itself.
    state = row_counts(planted)
    assert withdraw(planted.visitor("data_protection_lead"), leaving["id"]) == receipt
    assert row_counts(planted) == state

    # A key store from before is put back: the ledger closes it again, before anybody opens anything.
    (planted.here.keys / "keystore.sqlite3").write_bytes(key_store)
    restored = look_everywhere(planted, tmp_path / "restored", CANARIES)
    assert not restored.hits, restored.report()
    scope = f"participant:{leaving['id']}"
    ask = "from tests.faults import revealing; answer = revealing.opened()['scopes']"
    assert scope in planted.ask(ask)
    refused = planted.ask(
        "from ipe import vault\nfrom ipe.errors import KeyDestroyed\n"
        f"try:\n    vault.ensure_key({scope!r}); answer = 'opened'\nexcept KeyDestroyed:\n    answer = 'destroyed'"
    )
    assert refused == "destroyed"
    planted.here.command("ledger", "replay")
    assert scope not in planted.ask(ask)
    assert f"participant:{staying['id']}" in planted.ask(ask)


def row_counts(planted: Planted) -> Any:
    """Rows of every model, but for those that a visit alone changes."""
    return planted.ask(
        "from django.apps import apps\n"
        "visits = {'sessions.Session', 'usersessions.UserSession', 'ipe.AuditEvent'}\n"
        "answer = {m._meta.label: m._default_manager.count() for m in apps.get_models()"
        " if m._meta.label not in visits}"
    )


def check_receipt(planted: Planted, url: str, person: str) -> None:
    """Ids, counts, times, who and a reason from the list; the same of its audit events."""
    answer = planted.visitor("data_protection_lead").get(url)
    assert answer.status == 200
    row = planted.ask(
        "from consent.models import Withdrawal, DeletionLedger\n"
        f"w = Withdrawal.objects.get(participant={person!r})\n"
        "answer = {'scope': w.scope, 'reason': w.reason, 'by': w.by.email, 'counts': w.counts,"
        " 'pending': w.is_pending, 'ledger': [r.as_record() for r in DeletionLedger.objects.all()]}"
    )
    assert (row["scope"], row["reason"], row["by"]) == ("delete", "privacy", "privacy@kestrel.example")
    assert not row["pending"]
    counts = {line["code"]: line["count"] for line in row["counts"]}
    wanted = {
        "contact_details": 1,
        "consents": 1,
        "person_key": 1,
        "codings": 2,
        "matrix_rows": 1,
        "cells": 1,
    }
    wanted |= {"transcripts.documents": 3, "survey_responses": 1, "survey_comments": 1, "recordings": 1}
    wanted |= {"bookings_cancelled": 1, "activities_cancelled": 1, "attempts": 1, "quoting_cells": 1}
    wanted |= {"code_names": 1, "unfinished_lists": 1}
    assert {code: counts.get(code) for code in wanted} == wanted, counts
    assert all(set(line) == {"code", "label", "count", "is_pending"} for line in row["counts"])
    (entry,) = row["ledger"]
    ids = {value for name, value in entry.items() if name.endswith("_id")}
    assert all(re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", value) for value in ids)
    assert set(entry) == {f"{n}_id" for n in ("evaluation", "participant", "withdrawal", "by")} | {
        "scope",
        "reason",
        "at",
    }
    assert "whole" in planted.here.command("audit", "verify")


def check_it_is_recalled(planted: Planted) -> None:
    """Files that had left with the person's words: who has a copy is to be told, and nobody is named."""
    recalled = planted.ask(
        "from releases.models import Recall, QuotedPerson\n"
        "answer = [Recall.objects.filter(cause='quoted').count(), Recall.objects.filter(cause='counted').count()]"
    )
    assert recalled[0] >= 2, recalled
    assert recalled[1] >= 1, recalled


@pytest.mark.row("CN-17")
def test_one_voice_leaves_a_group_and_the_others_stay_word_for_word(planted: Planted, tmp_path: Path) -> None:
    group = planted.ids["group"]
    leaving, others = group["people"][0], group["people"][1:]
    said = {f"round {round_}": group_words(0, round_) for round_ in range(4)} | {"name": TAMSIN}
    kept_words = {
        f"{number}{round_}": group_words(number, round_) for number in (1, 2, 3) for round_ in range(4)
    } | {name: name for name in GROUP[1:]}
    ask = f"from tests.faults import revealing; answer = revealing.spoken({group['document']!r})"
    planted.here.start_web()
    assert look_everywhere(planted, tmp_path / "before", said | kept_words).found == {*said, *kept_words}
    before = planted.ask(ask)
    # The recording of a group cannot be cut; it goes whole, and the page said so.
    kept_before = [belongings(planted, person) | {"recordings": []} for person in others]

    withdraw(planted.visitor("fieldwork_lead"), leaving)
    finish(planted, leaving)

    after = look_everywhere(planted, tmp_path / "after", said | kept_words)
    assert after.found == set(kept_words), after.report()
    assert planted.ask(ask) == [turn for turn in before if turn["person"] != leaving]
    assert sum(len(turn["coded"]) for turn in planted.ask(ask)) == 12
    assert [belongings(planted, person) | {"recordings": []} for person in others] == kept_before
    # The text that the original still holds is cut likewise, and its file, which cannot be cut, is gone.
    cell = planted.ask(
        "from coding.models import Cell, QuoteLink\n"
        f"cell = Cell.objects.get(case={group['case']!r})\n"
        "link = QuoteLink.objects.get(cell=cell)\n"
        "answer = link.version.text[link.start:link.end]"
    )
    assert cell == planting.group_words(1, 0)
    export_everything(planted, planted.here.home / "handed out", is_short=True)
    handed_out = Search(said)
    handed_out.look_everywhere(planted.here.home / "handed out")
    assert not handed_out.hits, handed_out.report()


def withdrawal_of(person: str, before: str = "", after: str = "") -> str:
    """The act, in one transaction with other statements before and after it."""
    return (
        "import os\nfrom django.db import transaction\nfrom consent import withdrawal\n"
        "from consent.models import Participant\nfrom ipe.models import User\n"
        "by = User.objects.get(email='field@kestrel.example')\n"
        f"with transaction.atomic():\n    {before or 'pass'}\n"
        f"    withdrawal.withdraw(Participant.objects.get(pk={person!r}), scope='delete', by=by)\n"
        f"    {after or 'pass'}\n"
    )


def test_a_group_whose_clearance_had_lapsed_is_cut_and_can_be_cleared_again(
    planted: Planted, tmp_path: Path
) -> None:
    group = planted.ids["group"]
    said = {f"round {round_}": group_words(0, round_) for round_ in range(4)} | {"name": TAMSIN}
    ask = f"from tests.faults import revealing; answer = revealing.spoken({group['document']!r})"
    before = planted.ask(ask)
    act = (
        "from transcripts import clearing\nfrom transcripts.models import Document\nfrom ipe.models import User\n"
        "by = User.objects.get(email='field@kestrel.example')\n"
        f"document = Document.objects.get(pk={group['document']!r})\n"
    )
    planted.ask(f"{act}clearing.reopen(document, by=by)")
    planted.ask(withdrawal_of(group["people"][0]))
    planted.work()
    planted.ask(f"{act}clearing.clear(document, revision=document.revision, by=by)")
    after = look_everywhere(planted, tmp_path / "after", said)
    assert not after.hits, after.report()
    assert planted.ask(ask) == [turn for turn in before if turn["person"] != group["people"][0]]


@pytest.mark.row("V2.3.3")
def test_a_withdrawal_that_is_killed_has_not_begun_or_is_finished_by_the_worker(
    planted: Planted, tmp_path: Path
) -> None:
    person = planted.ids["leaving"]["id"]
    before = belongings(planted, person)
    kill = "os.kill(os.getpid(), 9)"

    # Everything written, nothing committed: the person is there as before, and can be read.
    with pytest.raises(DidNotHappen):
        planted.ask(withdrawal_of(person, after=kill))
    assert belongings(planted, person) == before
    assert look_everywhere(planted, tmp_path / "before", CANARIES).found == set(CANARIES)

    # Committed, and dead before the key and the files are gone: the worker does the rest.
    with pytest.raises(DidNotHappen):
        planted.ask(withdrawal_of(person, before=f"transaction.on_commit(lambda: {kill})"))
    ask = "from consent.models import Withdrawal; answer = Withdrawal.objects.get().is_pending"
    assert planted.ask(ask) is True
    planted.work()
    assert planted.ask(ask) is False
    after = look_everywhere(planted, tmp_path / "after", CANARIES)
    assert not after.hits, after.report()
    left = planted.ask("from tests.faults import revealing; answer = revealing.opened()")
    assert f"participant:{person}" not in left["scopes"]
    stored = planted.ask(
        "from ipe.models import StoredFile; answer = [str(f.pk) for f in StoredFile.objects.filter(erased_at=None)]"
    )
    assert {path.name for path in (planted.here.var / "files").iterdir()} == set(stored)


@pytest.mark.row("CN-21")
@pytest.mark.slow
def test_a_backup_that_is_restored_is_erased_again(planted: Planted, tmp_path: Path) -> None:
    """Both databases and the files as they were before, with the ledger that was kept beside the backups."""
    person, staying = planted.ids["leaving"]["id"], planted.ids["staying"]["id"]
    restored = Planted(planted.here.copy(planted.here.home / "backup"), planted.ids)
    try:
        kept_before = belongings(restored, staying)
        planted.ask(withdrawal_of(person))
        ledger = tmp_path / "ledger"
        planted.here.command("ledger", "export", "--out", str(ledger))

        assert "1 carried out again" in restored.here.command("ledger", "replay", "--from", str(ledger))
        restored.work()
        after = look_everywhere(restored, tmp_path / "after", CANARIES)
        assert not after.hits, after.report()
        assert belongings(restored, staying) == kept_before
        assert " 0 carried out again" in restored.here.command("ledger", "replay", "--from", str(ledger))
        assert restored.ask("from tests.faults import checking; answer = checking.whole()") == []
    finally:
        restored.here.close()


def churn(database: Path, table: str, seed: int) -> None:
    """Write and rewrite rows of two kinds and delete one kind, in a way that makes SQLite move rows between pages."""
    chance = random.Random(seed)
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as line:
        line.execute("PRAGMA secure_delete=ON")
        line.execute(f"CREATE TABLE {table} (id char(32) PRIMARY KEY, body text)")
        line.execute("BEGIN")
        rows = [
            (uuid.UUID(int=chance.getrandbits(128)).hex, chance.choice(["gone", "kept"])) for _ in range(1000)
        ]
        for pk, word in rows:
            line.execute(
                f"INSERT INTO {table} VALUES (?, ?)",
                (pk, f"{word}canary " * chance.choice([1, 3, 10, 30, 60])),
            )
        for pk, word in chance.choices(rows, k=3000):
            body = f"{word}canary " * chance.choice([1, 3, 10, 30, 60])
            line.execute(f"UPDATE {table} SET body = ? WHERE id = ?", (body, pk))
        line.execute("COMMIT")
        line.execute(f"DELETE FROM {table} WHERE body LIKE 'gone%'")


def test_nothing_is_left_between_the_rows_of_a_page(planted: Planted) -> None:
    """Rows that SQLite moved before they were deleted leave their words in the page, in spite of secure_delete."""
    for seed in range(6):
        churn(planted.here.database, f"churn_{seed}", seed)
    assert planted.here.database.read_bytes().count(b"gonecanary") > 0, "secure_delete alone was enough"

    planted.ask(withdrawal_of(planted.ids["leaving"]["id"]))
    planted.work()

    raw = planted.here.database.read_bytes()
    assert raw.count(b"gonecanary") == 0
    assert raw.count(b"keptcanary") > 1000
    for file in (planted.here.database, planted.here.keys / "keystore.sqlite3"):
        with contextlib.closing(sqlite3.connect(file)) as line:
            assert line.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert line.execute("PRAGMA freelist_count").fetchone()[0] < 5
