"""Sends the wrapped keys to the key store and everything else to the main database."""

from __future__ import annotations

from typing import Any

KEY_MODEL = "wrappedkey"


class Router:
    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        # The cache table asks too, with a stand-in for a model that knows these two names only.
        meta = model._meta
        return "keys" if (meta.app_label, meta.model_name) == ("ipe", KEY_MODEL) else None

    db_for_write = db_for_read

    def allow_relation(self, first: Any, second: Any, **hints: Any) -> bool | None:
        return None

    def allow_migrate(
        self, db: str, app_label: str, model_name: str | None = None, **hints: Any
    ) -> bool | None:
        is_key = app_label == "ipe" and model_name == KEY_MODEL
        return is_key if db == "keys" else not is_key
