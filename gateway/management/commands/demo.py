"""`manage.py demo`: make the demo's data, or begin again with `--reset`."""

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from gateway.demo import kept, services
from gateway.processes import sockets


class Command(BaseCommand):
    """Works beside a running `up` and without one."""

    help = "Make the tenant `demo` with its people, agent, tools, rules and a first run."

    def add_arguments(self, parser: CommandParser) -> None:
        """The one option."""
        parser.add_argument(
            "--reset",
            action="store_true",
            help="withdraw what is open, restore rules, tools and roles, start a new run",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Seed at the addresses of the last `up`, else at the default ones."""
        if settings.PRODUCTION:
            raise CommandError("The demo is not for production: its passwords lie in a file.")
        call_command("migrate", verbosity=0, interactive=False)
        last = kept.read()
        make = services.reload if options["reset"] else services.seed
        seeded = make(
            service_port=last.service_port
            or sockets.kept_port(settings.DATA_DIR / "demo" / "port"),
            public_url=last.public_url or settings.PUBLIC_URL,
            web_url=last.web_url or settings.PUBLIC_URL,
        )
        for login in seeded.logins:
            self.stdout.write(f"{login.email:<20} {login.password}  ({login.says})")
        self.stdout.write(
            f"Webhook URL  {seeded.webhook_url}\n    secret   {seeded.webhook_secret}"
        )
