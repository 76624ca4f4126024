"""`manage.py demo_service`: the sandbox agent and shop, as a process of its own."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from gateway.demo import service


class Command(BaseCommand):
    """Runs the demo's other side until it is stopped."""

    help = (
        "Run the sandbox agent and shop of the demo. The environment holds "
        f"{service.HOOK_VARIABLE} (whsec_…) and {service.KEY_VARIABLE}."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Port 0 takes a free one and prints it."""
        parser.add_argument("--port", type=int, required=True)
        parser.add_argument("--webhook-url", required=True)
        parser.add_argument("--state-dir", type=Path, required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        """Read the settings and serve."""
        try:
            settings = service.settings_from(
                port=options["port"],
                webhook_url=options["webhook_url"],
                state_dir=options["state_dir"],
            )
        except service.BadSettings as error:
            raise CommandError(str(error)) from error
        service.serve(settings, self._say)

    def _say(self, url: str) -> None:
        self.stdout.write(f"demo service at {url}")
        self.stdout.flush()
