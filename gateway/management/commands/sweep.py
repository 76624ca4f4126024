"""`manage.py sweep`: look once for due rows whose bell was lost."""

from typing import Any

from django.core.management import BaseCommand

from gateway import sweeps


class Command(BaseCommand):
    """The same as the scheduler's tick, by hand."""

    help = "Ring again for every due row, once."

    def handle(self, *args: Any, **options: Any) -> None:
        """Print how many rows were due."""
        self.stdout.write(f"{sweeps.sweep()} due")
