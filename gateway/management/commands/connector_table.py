"""`manage.py connector_table`: the connectors' operations as the page of the connectors."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from gateway.tools.services import listed_operations, operations_written_into


class Command(BaseCommand):
    """Prints the listing, or brings the page up to date."""

    help = "Print what the connectors can do, or write it into docs/connectors.md."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Where the listing goes."""
        parser.add_argument("--write", action="store_true", help="into docs/connectors.md")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print it, or write it between the page's marks."""
        if not options["write"]:
            self.stdout.write(listed_operations())
            return
        page = settings.BASE_DIR / "docs" / "connectors.md"
        page.write_text(operations_written_into(page.read_text("utf-8")), encoding="utf-8")
        self.stdout.write(f"Wrote the operations into docs/{page.name}.")
