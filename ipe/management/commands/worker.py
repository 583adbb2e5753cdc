from __future__ import annotations

import signal
import time
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import close_old_connections

from ipe import jobs, vault

SWEEP_SECONDS = 60.0
REWRITE_SECONDS = 3600.0  # so long at most the rests of a redacted text stay in SQLite's pages


class Command(BaseCommand):
    help = "Work waiting jobs, one after the other, until it is stopped."
    requires_system_checks = ("ipe",)  # the others load every page, and a worker shows none

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="Stop when nothing is waiting.")
        parser.add_argument("--pause", type=float, default=1.0, help="Seconds between looks (default 1).")

    def handle(self, *args: Any, **options: Any) -> None:
        self.is_stopping = False
        signal.signal(signal.SIGTERM, self.stop)
        signal.signal(signal.SIGINT, self.stop)
        jobs.load_tasks()
        next_sweep = 0.0
        next_rewrite = time.monotonic() + REWRITE_SECONDS
        while not self.is_stopping:
            if time.monotonic() >= next_sweep:
                vault.carry_out_destructions()
                vault.sweep_files()
                next_sweep = time.monotonic() + SWEEP_SECONDS
            if time.monotonic() >= next_rewrite:
                vault.rewrite_databases(if_emptied=True)
                next_rewrite = time.monotonic() + REWRITE_SECONDS
            n_worked = jobs.run_waiting(limit=1)
            if options["once"] and not n_worked:
                return
            if not n_worked:
                close_old_connections()
                time.sleep(options["pause"])

    def stop(self, signal_number: int, frame: FrameType | None) -> None:
        """Finish the job at hand, then leave."""
        self.is_stopping = True
