"""Writes the secrets of a new machine to .env, once. Run as ``python -m ipe.firstrun`` before anything reads settings."""

from __future__ import annotations

import base64
import os
import secrets
import sys
from pathlib import Path

NOTICE = """\
A master key was made and written to {path}.
It is the only way to read names, contact details, originals and recordings: lose it and they are lost.
Keep a copy of the MASTER_KEY line where you keep other keys, apart from backups of var/ and of the key store.
"""


def write_secrets(path: Path) -> bool:
    """Make `path` (mode 0600) with fresh secrets; False when it is already there."""
    if path.exists():
        return False
    master = base64.urlsafe_b64encode(os.urandom(32)).decode()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as target:
        target.write(f"SECRET_KEY={secrets.token_urlsafe(60)}\nMASTER_KEY={master}\n")
    return True


def main() -> None:
    path = Path(__file__).resolve().parent.parent / ".env"
    if write_secrets(path):
        sys.stdout.write(NOTICE.format(path=path))


if __name__ == "__main__":
    main()
