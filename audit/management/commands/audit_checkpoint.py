"""`manage.py audit_checkpoint`: the newest signed checkpoint of each log, or of one."""

from argparse import ArgumentParser
from typing import Any

from django.core.management import BaseCommand, CommandError

from audit import tree


class Command(BaseCommand):
    """Prints what is worth keeping elsewhere; `audit_verify --checkpoints` takes it back."""

    help = "Print the newest checkpoint of each log, or of --log."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which log."""
        parser.add_argument("--log", default="", help="one log: a tenant's id, or system")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print each, with an empty line behind it."""
        logs = [options["log"]] if options["log"] else sorted(tree.logs())
        found = [row for log in logs if (row := tree.newest_checkpoint(log)) is not None]
        if not found:
            raise CommandError("there is no checkpoint yet: the scheduler signs the first one")
        self.stdout.write("\n".join(row.note for row in found))
