"""`manage.py scheme_table`: the catalogue of webhook schemes as the README's table."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from webhooks.schemes import table
from webhooks.schemes.catalogue import SCHEMES


class Command(BaseCommand):
    """Prints the table, or brings the README up to date."""

    help = "Print the table of webhook schemes, or write it into README.md."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Where the table goes."""
        parser.add_argument("--write", action="store_true", help="into README.md")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print it, or write it between the README's marks."""
        if not options["write"]:
            self.stdout.write(table.table(SCHEMES.values()))
            return
        page = settings.BASE_DIR / "README.md"
        text = page.read_text(encoding="utf-8")
        page.write_text(table.written_into(text, SCHEMES.values()), encoding="utf-8")
        self.stdout.write(f"Wrote {len(SCHEMES)} schemes into {page.name}.")
