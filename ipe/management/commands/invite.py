from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.urls import reverse

from ipe import members
from ipe.errors import DomainError
from ipe.models import Evaluation


class Command(BaseCommand):
    help = "Let the first people in: prints a link for somebody who may create studies, or who leads one."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--study", metavar="SLUG", help="Invite as evaluation lead of this study.")

    def handle(self, *args: Any, **options: Any) -> None:
        study = None
        if options["study"]:
            study = Evaluation.objects.filter(slug=options["study"]).first()
            if study is None:
                raise CommandError(f"There is no study “{options['study']}”.")
        try:
            _, token = members.invite_from_outside(options["email"], evaluation=study)
        except DomainError as error:
            raise CommandError(error.message) from None
        host = settings.ALLOWED_HOSTS[0] if settings.IS_PRODUCTION else "localhost:8000"
        scheme = "https" if settings.IS_PRODUCTION else "http"
        self.stdout.write(f"{scheme}://{host}{reverse('invitation', kwargs={'token': token})}")
        self.stdout.write(
            f"Pass this link on by a channel you trust. It works once and for {members.INVITATION_HOURS} hours."
        )
