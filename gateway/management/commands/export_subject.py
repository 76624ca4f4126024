"""`manage.py export_subject`: all that a tenant holds about a person, as JSON."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management import BaseCommand, CommandError

from gateway.lib.errors import DomainError
from gateway.management.subjects import asked, say_whom
from gateway.retention import exporting

OWNER_ONLY = 0o600


class Command(BaseCommand):
    """Answers a person who asks what is held about them; the export is recorded."""

    help = "Write all that is held about people as JSON, found by what they are called."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Whose, whom, and where to."""
        say_whom(parser)
        parser.add_argument("--output", type=Path, help="a file that only its owner may read")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the document, or write it into the file."""
        whom = asked(options)
        try:
            told = exporting.export(whom.tenant, whom.names, by=whom.by)
        except DomainError as error:
            raise CommandError(error.detail) from error
        text = json.dumps(told, indent=2, ensure_ascii=False)
        if options["output"] is None:
            self.stdout.write(text)
            return
        options["output"].touch(mode=OWNER_ONLY)
        options["output"].write_text(f"{text}\n", encoding="utf-8")
