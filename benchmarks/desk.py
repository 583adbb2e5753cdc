"""Our own application live on 127.0.0.1 with a study in the middle of its coding: gunicorn, one worker, SQLite in a temporary
folder.

The study: two researchers, `N_TEXTS` interviews at five sites in two phases, each with a participant of its own, and codings
of both researchers in every one. One text is the long one that is measured, the others are of an ordinary interview's
length. Everything hangs on fixed seeds, so that two runs make the same rows.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.pairs import worker_of
from benchmarks.taguette import free_port

ROOT = Path(__file__).parents[1]
SENTENCE = (
    "the worker said that time with families was short because recording takes an hour each day and groups "
    "helped us talk through what was hard although nobody knew whether it would last beyond the first year"
)
WORDS = SENTENCE.split()
SITES = ("Ashcombe", "Brindlemere", "Corfield", "Dunmarsh", "Elverton")
PHASES = (("pre", "Pre", -3), ("12m", "12 months", 12))
# About three quarters of an hour of talk, and what two people give it: a coding every 250 characters.
N_TEXTS, ORDINARY_LENGTH, ORDINARY_CODINGS = 50, 30_000, 120


def invented_turns(length: int, *, seed: int = 7) -> list[str]:
    """Turns of 60 to 420 characters that hold `length` characters together."""
    chance = random.Random(seed)
    turns, total = [], 0
    while total < length:
        size = min(chance.randrange(60, 420), length - total)
        turn = ""
        while len(turn) < size:
            turn += chance.choice(WORDS) + " "
        turns.append(turn[: size - 1] + ".")
        total += size
    return turns


def overlapping(length: int, number: int, *, seed: int = 1) -> list[tuple[int, int]]:
    """Different spans of 20 to 400 characters anywhere in the text, overlapping freely."""
    chance, found = random.Random(seed), set()
    while len(found) < number:
        start = chance.randrange(length - 400)
        found.add((start, start + chance.randrange(20, 400)))
    return sorted(found)


def prepare(folder: Path) -> None:
    """Point Django at an empty installation in this folder and make its tables. Once per process."""
    os.environ.update(
        {
            "DJANGO_SETTINGS_MODULE": "ipe.settings",
            "ENVIRONMENT": "demo",
            "DEBUG": "",
            "SECRET_KEY": "for-benchmarks-only-" + "x" * 50,
            "MASTER_KEY": "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=",
            "VAR_DIR": str(folder),
            "DATABASE_URL": "",
            "KEY_STORE": "",
            "KEY_STORE_DIR": str(folder / "keys"),
            "BROKER_URL": "",
            "REDIS_URL": "",
        }
    )
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate_all", verbosity=0)


@dataclass
class Text:
    """The long text of the study, its codes, the two who code, and the session of the first of them."""

    slug: str
    version: Any
    codes: list[Any]
    coders: tuple[Any, Any]
    session: str


def make_study(
    turns: list[str],
    spans: list[tuple[int, int]],
    *,
    n_codes: int = 60,
    n_texts: int = N_TEXTS,
    seed: int = 3,
) -> Text:
    """A study of `n_texts` texts, the first of which is these turns, coded at `spans` (of its text) with codes in turn.

    Each coding is one researcher's or the other's, by chance. The rows go in directly and in bulk, as the rooms leave them.
    """
    from coding.acts import codebook
    from consent.models import Participant
    from ipe.models import Evaluation, Member, Phase, Site, User, Wave

    chance = random.Random(seed)
    study = Evaluation.objects.create(slug="bench", title="Benchmark")
    sites = [
        Site.objects.create(evaluation=study, code=name[0], name=name, order=order)
        for order, name in enumerate(SITES)
    ]
    phases = [
        Phase.objects.create(evaluation=study, code=code, name=name, order=order, offset_months=months)
        for order, (code, name, months) in enumerate(PHASES)
    ]
    waves = [Wave.objects.create(site=site, phase=phase) for phase in phases for site in sites]
    coders = (
        User.objects.create(email="first@example.org", name="First Coder"),
        User.objects.create(email="second@example.org", name="Second Coder"),
    )
    for user in coders:
        Member.objects.create(evaluation=study, user=user, role="researcher", all_sites=True)
    theme = codebook.add_code(study, name="Theme", by=coders[0])
    codes = [
        codebook.add_code(study, name=f"Subtheme number {n}", parent=theme, by=coders[n % 2])
        for n in range(n_codes)
    ]
    people = [
        Participant(
            evaluation=study,
            site=waves[n % len(waves)].site,
            code=f"P-{n + 1:03d}",
            kind="staff",
            recruitment="consented",
        )
        for n in range(n_texts)
    ]
    Participant.objects.bulk_create(people)
    long = None
    for n, person in enumerate(people):
        if n:
            turns = invented_turns(ORDINARY_LENGTH, seed=seed + n)
            length = sum(len(turn) + 1 for turn in turns)
            spans = overlapping(length, ORDINARY_CODINGS, seed=seed + n)
        version = _make_text(study, waves[n % len(waves)], person, n + 1, turns)
        _code(version, spans, codes, coders, chance)
        long = long or version
    return Text(study.slug, long, codes, coders, _session(coders[0]))


def _make_text(study: Any, wave: Any, person: Any, number: int, turns: Sequence[str]) -> Any:
    """A cleared interview in which every third turn is the interviewer's."""
    from django.utils import timezone

    from transcripts.models import Document, Speaker, Turn, Version

    text = "\n".join(turns)
    document = Document.objects.create(
        evaluation=study,
        wave=wave,
        participant=person,
        number=number,
        kind="interview",
        state="cleared",
        n_characters=len(text),
    )
    asks = Speaker.objects.create(document=document, order=0, label="Interviewer", role="interviewer")
    answers = Speaker.objects.create(
        document=document, order=1, label=person.code, role="participant", participant=person
    )
    version = Version.objects.create(
        document=document,
        number=1,
        text=text,
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        n_characters=len(text),
        cleared_at=timezone.now(),
        signed_revision=1,
    )
    rows, at = [], 0
    for ordinal, turn in enumerate(turns, start=1):
        speaker = answers if ordinal % 3 else asks
        rows.append(Turn(version=version, ordinal=ordinal, start=at, end=at + len(turn), speaker=speaker))
        at += len(turn) + 1
    Turn.objects.bulk_create(rows, batch_size=500)
    return version


def _code(
    version: Any,
    spans: Sequence[tuple[int, int]],
    codes: Sequence[Any],
    coders: tuple[Any, Any],
    chance: random.Random,
) -> None:
    from django.utils import timezone

    from coding.models import Coding

    now = timezone.now()
    Coding.objects.bulk_create(
        [
            Coding(
                version=version,
                start=start,
                end=end,
                code=codes[n % len(codes)],
                coder=chance.choice(coders),
                changed_at=now,
            )
            for n, (start, end) in enumerate(spans)
        ],
        batch_size=500,
    )


def _session(user: Any) -> str:
    """The key of a session in which this person is signed in."""
    from importlib import import_module

    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY

    store = import_module(settings.SESSION_ENGINE).SessionStore()
    store[SESSION_KEY] = str(user.pk)
    store[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    store[HASH_SESSION_KEY] = user.get_session_auth_hash()
    store.save()
    return str(store.session_key)


@dataclass(frozen=True)
class Server:
    """Where the application answers, and the process whose time is measured."""

    base: str
    pid: int


@contextlib.contextmanager
def serving() -> Iterator[Server]:
    """The application, served by one worker of gunicorn from the environment of this process."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "ipe.wsgi", "--bind", f"127.0.0.1:{port}", "--workers", "1"]
    command += ["--threads", "2", "--log-level", "error"]
    server = subprocess.Popen(command, cwd=ROOT, env=os.environ.copy())
    base = f"http://127.0.0.1:{port}"
    try:
        for _ in range(150):
            try:
                urllib.request.urlopen(f"{base}/health/").read()
                break
            except urllib.error.HTTPError:
                break
            except OSError:
                time.sleep(0.2)
        yield Server(base, worker_of(server.pid))
    finally:
        server.terminate()
        server.wait(10)


@contextlib.contextmanager
def installation() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="desk-") as made:
        prepare(Path(made))
        yield Path(made)
        from django.db import connections

        connections.close_all()
