"""`manage.py up`: everything on one machine, as one process tree."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError

from gateway.processes import start


class Command(BaseCommand):
    """Prepares with Django, then becomes the small program that keeps the tree running."""

    help = "Run web, worker, scheduler, the embedded queue and the demo until a signal ends them."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Everything has the default of one machine."""
        parser.add_argument("--host", default="127.0.0.1", help="address that web listens on")
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--web", type=int, default=1, metavar="N", help="web processes")
        parser.add_argument("--intake", type=int, default=0, metavar="N", help="intake processes")
        parser.add_argument("--intake-port", type=int, default=8001)
        parser.add_argument("--workers", type=int, default=1, metavar="N", help="worker processes")
        parser.add_argument("--no-demo", action="store_true", help="no sandbox agent and shop")

        parser.add_argument(
            "--end-with-parent", action="store_true", help="stop when the caller is gone"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Never returns: the tree takes this process over."""
        wish = start.Wish(
            host=options["host"],
            port=options["port"],
            web=max(1, options["web"]),
            intake=options["intake"],
            intake_port=options["intake_port"],
            workers=options["workers"],
            ends_with_parent=options["end_with_parent"],
            demo=not options["no_demo"] and not settings.PRODUCTION,
        )
        try:
            start.run(wish)
        except start.CannotStart as error:
            raise CommandError(str(error)) from error
