"""`manage.py scheduler`: the ticks that wake sweeps."""

from typing import Any

from django.core.management import BaseCommand

from gateway import scheduling
from gateway.processes.signals import Signals


class Command(BaseCommand):
    """Any number may run; one holds the lease and ticks."""

    help = "Wake the sweep every second until a signal ends it; of several, one at a time."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until SIGTERM or SIGINT."""
        scheduling.run(Signals())
