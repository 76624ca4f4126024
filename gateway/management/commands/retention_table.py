"""`manage.py retention_table`: what is kept, as the table of docs/privacy.md."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from gateway.retention import table


class Command(BaseCommand):
    """Prints the table, or brings the page up to date."""

    help = "Print what is kept, or write it into docs/privacy.md."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Where the table goes."""
        parser.add_argument("--write", action="store_true", help="into docs/privacy.md")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print it, or write it between the page's marks."""
        if not options["write"]:
            self.stdout.write(table.table())
            return
        page = settings.BASE_DIR / "docs" / "privacy.md"
        text = page.read_text(encoding="utf-8")
        page.write_text(table.written_into(text), encoding="utf-8")
