from __future__ import annotations

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Bring the main database, the key store and the cache table up to date."

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", database="default", interactive=False, verbosity=options["verbosity"])
        # The key store has one table, of this app; going through the other rooms' history would double the time.
        call_command("migrate", "ipe", database="keys", interactive=False, verbosity=options["verbosity"])
        call_command("createcachetable", verbosity=0)
