"""A disk that is full: the person is told in words, nothing of the file stays, and what was saved before is whole."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.conftest import Planted
from tests.faults.installation import Visitor, wait_for

pytestmark = [pytest.mark.real_clock, pytest.mark.once]

MEGABYTE = 1 << 20
ROOM = 8 * MEGABYTE


def limit_files() -> None:
    """Where a small disk cannot be mounted: a process that cannot write a larger file gets the same kind of error."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, ROOM))


@pytest.fixture
def small_disk(planted: Planted) -> Iterator[Callable[[], None] | None]:
    """VAR_DIR on a disk of 8 MB; where that cannot be had, what to do in the web process instead."""
    var, aside = planted.here.var, planted.here.home / "aside"
    var.rename(aside)
    var.mkdir(mode=0o700)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={ROOM},mode=700", "tmpfs", str(var)]
    is_mounted = (
        shutil.which("mount") is not None and not subprocess.run(mount, capture_output=True).returncode
    )
    shutil.copytree(aside, var, dirs_exist_ok=True)
    try:
        yield None if is_mounted else limit_files
    finally:
        planted.here.stop_all()
        if is_mounted:
            # Lazily: whatever else on this machine looks at the folder just now shall not fail the test.
            subprocess.run(["umount", "--lazy", str(var)], check=True)


def sound(n_bytes: int) -> bytes:
    return b"RIFF\x00\x00\x00\x00WAVEfmt " + os.urandom(n_bytes)


def upload(planted: Planted, visitor: Visitor, n_bytes: int) -> Any:
    path = f"/s/kestrel/fieldwork/activities/{planted.ids['staying']['activity']}/recording/"
    return visitor.post(path, {}, files={"file": ("talk.wav", sound(n_bytes))})


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def recordings(planted: Planted) -> int:
    return planted.ask("from fieldwork.models import Recording; answer = Recording.objects.count()")


def test_a_full_disk_is_told_in_words_and_loses_nothing(
    planted: Planted, small_disk: Callable[[], None] | None
) -> None:
    planted.here.start_web(before=small_disk)
    visitor = planted.visitor("fieldwork_lead")
    before, n_recordings = files(planted.here.var), recordings(planted)

    # While the file arrives; on the mounted disk also a smaller one, of which only the second copy has no room.
    for n_bytes in [12 * MEGABYTE] if small_disk else [12 * MEGABYTE, 5 * MEGABYTE]:
        answer = upload(planted, visitor, n_bytes)
        assert answer.status in (400, 507), answer.text
        assert "There is no room left to keep files" in answer.text
        # The received copy goes when the answer is on its way, which the visitor may see a moment earlier.
        wait_for("the received copy is gone", lambda: files(planted.here.var) == before)
        assert recordings(planted) == n_recordings
    assert "talk.wav" not in planted.here.log("web")

    # The database on the same disk: what cannot be saved is refused, what was saved is there.
    if not small_disk:
        fill_and_save(planted, visitor)

    assert upload(planted, visitor, MEGABYTE // 4).status == 302
    assert recordings(planted) == n_recordings + 1
    assert planted.ask("from tests.faults import checking; answer = checking.whole()") == []


def add_person(planted: Planted, visitor: Visitor, name: str) -> Any:
    fields = {"kind": "staff", "site": planted.ids["site"], "name": name, "recruitment": "listed"}
    return visitor.post("/s/kestrel/consent/people/add/", fields)


def fill_and_save(planted: Planted, visitor: Visitor) -> None:
    """Fill the disk up to a few pages, save until it is refused for good, make room, save again."""
    ballast = planted.here.var / "ballast"
    with ballast.open("wb", buffering=0) as target, contextlib.suppress(OSError):
        while target.write(bytes(4096)):
            pass
    os.truncate(ballast, ballast.stat().st_size - 24 * 4096)

    saved, n_refused = [], 0
    for number in range(40):
        answer = add_person(planted, visitor, f"Added {number}")
        assert answer.status in (302, 500, 507), answer.text
        if answer.status == 302:
            saved.append(f"Added {number}")
        else:
            n_refused += 1
            assert "Something went wrong on our side. Nothing of your last step was saved." in answer.text
    assert n_refused
    ballast.unlink()

    assert add_person(planted, visitor, "Added later").status == 302
    names = planted.ask(
        "from consent.contact import names_of\nfrom consent.models import Contact\n"
        "answer = [name for name in names_of(Contact.objects.all()).values() if name.startswith('Added')]"
    )
    assert sorted(names) == sorted([*saved, "Added later"])


@pytest.mark.row("V5.2.1")
@pytest.mark.slow
def test_a_file_over_the_limit_is_refused_in_words(planted: Planted) -> None:
    planted.here.start_web()
    before = files(planted.here.var)
    answer = upload(planted, planted.visitor("fieldwork_lead"), 50 * MEGABYTE)
    assert answer.status == 400
    assert "larger than 40 MB" in answer.text
    assert files(planted.here.var) == before
