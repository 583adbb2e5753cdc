"""Log records as JSON lines in UTC. An exception is told by its type and places, never by its message."""

from __future__ import annotations

import datetime as dt
import json
import logging
import re
import traceback

EXTRA = ("request_id", "user", "status_code")
# Django names the address of every request that fails. Links that let somebody in, and what was typed into a filter,
# are cut out of it.
_LINK = re.compile(r"(/invitations/|/password/reset/key/|/confirm-email/)[^/\s\"]+")
_QUERY = re.compile(r"(?<=/)\?[^\s\"]*")


class JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": _QUERY.sub("", _LINK.sub(r"\1[link]", record.getMessage())),
        }
        line |= {name: str(getattr(record, name)) for name in EXTRA if hasattr(record, name)}
        if record.exc_info and record.exc_info[0] is not None:
            frames = traceback.extract_tb(record.exc_info[2])
            line["error"] = record.exc_info[0].__name__
            line["places"] = [
                f"{frame.filename.rsplit('/', 2)[-1]}:{frame.lineno} {frame.name}" for frame in frames
            ]  # type: ignore[assignment]
        return json.dumps(line, ensure_ascii=True)
