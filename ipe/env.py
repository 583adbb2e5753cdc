"""Typed readers of environment variables. A malformed value is an error that names the variable."""

from __future__ import annotations

import os
from pathlib import Path

TRUE = {"1", "true", "yes", "on"}
FALSE = {"0", "false", "no", "off"}


class BadSetting(Exception):
    """An environment variable has a value that cannot be used."""


def text(name: str) -> str:
    return os.environ.get(name, "").strip()


def flag(name: str, default: bool) -> bool:
    value = os.environ.get(name, "")
    if not value.strip():
        return default
    if value.strip().lower() in TRUE:
        return True
    if value.strip().lower() in FALSE:
        return False
    raise BadSetting(f"{name} must be 1 or 0, not “{value}”")


def number(name: str, default: int) -> int:
    value = os.environ.get(name, "").strip()
    if not value:
        return default
    try:
        return int(value)
    except ValueError:
        raise BadSetting(f"{name} must be a whole number, not “{value}”") from None


def words(name: str, default: tuple[str, ...] = ()) -> list[str]:
    value = os.environ.get(name, "").strip()
    return [word.strip() for word in value.split(",") if word.strip()] if value else list(default)


def folder(name: str, default: Path) -> Path:
    """A folder that only its owner can enter; made when it is missing."""
    path = Path(text(name) or default)
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


def secret(name: str) -> str:
    """The value of NAME, or the content of the file that NAME_FILE points to; empty when neither is set."""
    value = text(name)
    file = text(f"{name}_FILE")
    if value and file:
        raise BadSetting(f"set {name} or {name}_FILE, not both")
    if not file:
        return value
    try:
        return Path(file).expanduser().read_text().strip()
    except OSError as error:
        raise BadSetting(f"{name}_FILE cannot be read: {error.strerror}") from None
