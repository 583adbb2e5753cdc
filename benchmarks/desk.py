"""Our own application live on 127.0.0.1 with one coded text: gunicorn, one worker, SQLite in a temporary folder."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.taguette import free_port

ROOT = Path(__file__).parents[1]
SENTENCE = (
    "the worker said that time with families was short because recording takes an hour each day and groups "
    "helped us talk through what was hard although nobody knew whether it would last beyond the first year"
)
WORDS = SENTENCE.split()


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
    """A study with one text, its researcher's session, and a code to apply."""

    slug: str
    version: Any
    user: Any
    codes: list[Any]
    session: str


def make_text(turns: list[str], spans: list[tuple[int, int]], *, n_codes: int = 60) -> Text:
    """One interview of these turns, coded at `spans` (of its text) with codes in turn."""
    from importlib import import_module

    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.utils import timezone

    from coding.acts import codebook
    from coding.models import Coding
    from ipe.models import Evaluation, Member, Phase, Site, User, Wave
    from transcripts.models import Document, Speaker, Turn, Version

    study = Evaluation.objects.create(slug="bench", title="Benchmark")
    site = Site.objects.create(evaluation=study, code="A", name="A")
    phase = Phase.objects.create(evaluation=study, code="12m", name="12 months", offset_months=12)
    wave = Wave.objects.create(site=site, phase=phase)
    user = User.objects.create(email="bench@example.org", name="Bench")
    Member.objects.create(evaluation=study, user=user, role="researcher", all_sites=True)
    theme = codebook.add_code(study, name="Theme", by=user)
    codes = [
        codebook.add_code(study, name=f"Subtheme number {n}", parent=theme, by=user) for n in range(n_codes)
    ]
    text = "\n".join(turns)
    document = Document.objects.create(
        evaluation=study, wave=wave, number=1, kind="interview", state="cleared", n_characters=len(text)
    )
    speaker = Speaker.objects.create(document=document, order=1, label="P-014", role="participant")
    now = timezone.now()
    version = Version.objects.create(
        document=document, number=1, text=text, n_characters=len(text), cleared_at=now, signed_revision=1
    )
    rows, at = [], 0
    for ordinal, turn in enumerate(turns, start=1):
        rows.append(Turn(version=version, ordinal=ordinal, start=at, end=at + len(turn), speaker=speaker))
        at += len(turn) + 1
    Turn.objects.bulk_create(rows, batch_size=500)
    Coding.objects.bulk_create(
        [
            Coding(version=version, start=a, end=b, code=codes[n % n_codes], coder=user, changed_at=now)
            for n, (a, b) in enumerate(spans)
        ],
        batch_size=500,
    )
    store = import_module(settings.SESSION_ENGINE).SessionStore()
    store[SESSION_KEY] = str(user.pk)
    store[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    store[HASH_SESSION_KEY] = user.get_session_auth_hash()
    store.save()
    return Text(study.slug, version, user, codes, store.session_key)


@contextlib.contextmanager
def serving() -> Iterator[str]:
    """The address of the application, served by gunicorn from the environment of this process."""
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
        yield base
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
