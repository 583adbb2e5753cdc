"""A live Taguette 1.5.2 to measure against: its own wheel in a virtual environment of its own, SQLite, 127.0.0.1.

Not a dependency: installed into a temporary folder when a benchmark runs (set TAGUETTE_VENV to keep one), and gone
with it. Documents and highlights are written to its database directly; what is measured goes through its server.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import http.cookiejar
import json
import os
import re
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

VERSION = "1.5.2"


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _installed(folder: Path) -> Path:
    """The `taguette` command."""
    kept = os.environ.get("TAGUETTE_VENV")
    venv = Path(kept) if kept else folder / "venv"
    command = venv / "bin" / "taguette"
    if not command.exists():
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
        pip = [str(venv / "bin" / "pip"), "install", "--quiet", f"taguette=={VERSION}"]
        subprocess.run(pip, check=True, stderr=subprocess.DEVNULL)
    return command


@dataclass
class Taguette:
    """A running server with one project, signed in."""

    base: str
    pid: int
    opener: urllib.request.OpenerDirector
    cookies: http.cookiejar.CookieJar
    database: Path
    project: int
    tag: int

    @property
    def xsrf(self) -> str:
        return next(cookie.value or "" for cookie in self.cookies if cookie.name == "_xsrf")

    def add_document(self, paragraphs: Sequence[str], highlights: Sequence[tuple[int, int]]) -> int:
        """A document of these paragraphs; highlights in UTF-8 bytes of its text, each with the project's tag."""
        contents = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
        text = "".join(paragraphs)
        now = dt.datetime.now(dt.UTC).replace(tzinfo=None).isoformat(" ")
        with contextlib.closing(sqlite3.connect(self.database, timeout=20)) as rows, rows:
            document = rows.execute(
                "INSERT INTO documents (name, description, filename, created, project_id, text_direction, contents)"
                " VALUES ('D', '', 'd.txt', ?, ?, 'LEFT_TO_RIGHT', ?)",
                (now, self.project, contents),
            ).lastrowid
            for start, end in highlights:
                made = rows.execute(
                    "INSERT INTO highlights (document_id, start_offset, end_offset, snippet) VALUES (?, ?, ?, ?)",
                    (document, start, end, text[start:end]),
                ).lastrowid
                rows.execute(
                    "INSERT INTO highlight_tags (highlight_id, tag_id) VALUES (?, ?)", (made, self.tag)
                )
        return int(document or 0)

    def highlight(self, document: int, start: int, end: int) -> float:
        """Seconds of one request that adds a highlight."""
        body = json.dumps({"start_offset": start, "end_offset": end, "tags": [self.tag]}).encode()
        url = f"{self.base}/api/project/{self.project}/document/{document}/highlight/new?_xsrf={self.xsrf}"
        request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/json"})
        begun = time.perf_counter()
        with self.opener.open(request) as answer:
            answer.read()
            assert answer.status == 200
        return time.perf_counter() - begun


@contextlib.contextmanager
def running() -> Iterator[Taguette]:
    """Start the server, make a project, stop it at the end."""
    with tempfile.TemporaryDirectory(prefix="taguette-") as made:
        folder = Path(made)
        command = _installed(folder)
        port, database, log = free_port(), folder / "taguette.sqlite3", folder / "log"
        with log.open("w") as out:
            server = subprocess.Popen(
                [
                    str(command),
                    "--no-browser",
                    "--bind",
                    "127.0.0.1",
                    "--port",
                    str(port),
                    "--database",
                    str(database),
                ],
                stdout=out,
                stderr=subprocess.STDOUT,
                env={**os.environ, "HOME": made},
            )
        try:
            token = _token(log, server)
            cookies = http.cookiejar.CookieJar()
            opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(cookies))
            base = f"http://127.0.0.1:{port}"
            opener.open(f"{base}/?token={token}").read()
            opener.open(f"{base}/project/new").read()
            xsrf = next((cookie.value or "" for cookie in cookies if cookie.name == "_xsrf"), "")
            form = urllib.parse.urlencode({"name": "Benchmark", "description": "", "_xsrf": xsrf}).encode()
            page = opener.open(f"{base}/project/new", data=form)
            project = int(re.search(r"/project/(\d+)", page.geturl()).group(1))  # type: ignore[union-attr]
            page.read()
            with contextlib.closing(sqlite3.connect(database)) as rows:
                tag = rows.execute("SELECT id FROM tags WHERE project_id = ?", (project,)).fetchone()[0]
            yield Taguette(base, server.pid, opener, cookies, database, project, tag)
        finally:
            server.terminate()
            server.wait(10)


def _token(log: Path, server: subprocess.Popen[bytes]) -> str:
    for _ in range(300):
        if server.poll() is not None:
            raise RuntimeError(f"Taguette stopped:\n{log.read_text()}")
        found = re.search(r"token=([0-9A-Za-z_-]+)", log.read_text())
        if found:
            return found.group(1)
        time.sleep(0.2)
    raise RuntimeError("Taguette did not start within a minute")
