"""Runs inside an installation: one line of JSON in, `{"code": …}`, one line out, `{"answer": …}` or `{"error": …}`.

A process that stays, because starting the application takes longer than most questions.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from typing import Any


def main() -> None:
    # What asked code prints goes to the log; the pipe is for answers alone.
    pipe = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    import django

    django.setup()
    from django.db import connections

    from ipe import jobs

    jobs.load_tasks()
    for line in sys.stdin:
        names: dict[str, Any] = {"__name__": "console"}
        try:
            exec(compile(json.loads(line)["code"], "asked", "exec"), names)
            reply = {"answer": names.get("answer")}
        except BaseException:
            reply = {"error": traceback.format_exc()}
        finally:
            connections.close_all()
        pipe.write(json.dumps(reply, default=str) + "\n")
        pipe.flush()


if __name__ == "__main__":
    main()
