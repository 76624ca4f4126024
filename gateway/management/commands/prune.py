"""`manage.py prune`: what has been kept for its time goes."""

from argparse import ArgumentParser
from typing import Any

from django.core.management import BaseCommand

from audit.kept import Kept
from gateway.retention import pruning


class Command(BaseCommand):
    """The scheduler does the same every hour; by hand it goes on until nothing is left."""

    help = "Empty or remove rows whose retention is over; audit records are never pruned."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Really, or not."""
        parser.add_argument("--dry-run", action="store_true", help="only count what would go")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print how many rows of each model went, or would go."""
        dry = options["dry_run"]
        found = pruning.preview() if dry else pruning.prune(progress=self._progress)
        for pruned in found:
            verb = "removed" if pruned.kept.deletes else "emptied"
            self.stdout.write(
                f"{pruned.rows:>9} {'would be ' if dry else ''}{verb}  {pruned.kept.model}, "
                f"{pruned.days} days after {pruned.kept.since}"
            )

    def _progress(self, kept: Kept, rows: int) -> None:
        if rows > pruning.BATCH:
            self.stderr.write(f"{kept.model}: {rows}")
