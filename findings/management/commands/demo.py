from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from findings.demo import loading
from findings.demo.people import ACCOUNTS, PASSWORD


class Command(BaseCommand):
    help = "Migrate, load the demo studies once, then run the web server and the worker until Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--no-server", action="store_true", help="Only migrate and load.")
        parser.add_argument("--port", type=int, default=8000, help="Port of the web server (default 8000).")

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.IS_PRODUCTION:
            raise CommandError("The demo studies and their accounts have no place in production.")
        call_command("migrate_all", verbosity=0)
        if not loading.load(self.say):
            self.say("The demo studies are there already.")
        if not options["no_server"]:
            self.serve(options["port"])

    def say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()

    def serve(self, port: int) -> None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                raise CommandError(f"Port {port} is in use. Try: make demo PORT={port + 1}")
        web = [sys.executable, "-m", "gunicorn", "ipe.wsgi", "--bind", f"127.0.0.1:{port}"]
        web += ["--workers", "2", "--threads", "4", "--log-level", "warning"]
        worker = [sys.executable, "manage.py", "worker"]
        # Ctrl-C, asked to end, its terminal was closed. SIGINT too: a shell's background job inherits it ignored.
        for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(ending, self.interrupt)
        running: list[subprocess.Popen[bytes]] = []
        try:
            for command in (web, worker):
                # A group of their own: Ctrl-C reaches this process alone, which then stops both in order.
                running.append(subprocess.Popen(command, start_new_session=True))  # noqa: S603 - fixed commands
            self.announce(port)
            while all(process.poll() is None for process in running):
                time.sleep(0.5)
            raise CommandError("A process ended by itself; see the lines above.")
        except KeyboardInterrupt:
            self.say("\nStopping.")
        finally:
            for process in running:
                if process.poll() is None:
                    os.kill(process.pid, signal.SIGTERM)
            for process in running:
                process.wait(timeout=30)

    def announce(self, port: int) -> None:
        self.say(
            f"\n  http://localhost:{port}\n\n  Sign in with one of these. The password of all: {PASSWORD}\n"
        )
        for account in ACCOUNTS:
            what = " and ".join(role.replace("_", " ") for role in account.roles)
            where = f" ({', '.join(account.sites)} only)" if account.sites else ""
            self.say(f"    {account.email:<28}{what}{where}")
        self.say("\n  Ctrl-C stops the web server and the worker. Nothing is lost.\n")

    @staticmethod
    def interrupt(signal_number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt
