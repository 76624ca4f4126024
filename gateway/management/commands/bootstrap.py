"""`manage.py bootstrap`: the first tenant, its admin, and a personal key for the sandbox."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from gateway.agents.services import create_api_key
from gateway.lib.errors import DomainError
from gateway.tenants import services

KEY_NAME = "bootstrap"


class Command(BaseCommand):
    """Prints what it made; a second run prints nulls for what it no longer knows."""

    help = "Make a tenant with environments sandbox and production, its admin and a personal key."

    def add_arguments(self, parser: CommandParser) -> None:
        """The options of the contract."""
        parser.add_argument("--tenant", required=True, help="The tenant's slug.")
        parser.add_argument("--email", required=True, help="The admin's e-mail address.")
        parser.add_argument("--json", action="store_true", help="Print one line of JSON.")
        parser.add_argument("--new-key", action="store_true", help="Make another API key.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make what is missing, all of it or nothing."""
        try:
            made = self._make(options["tenant"], options["email"], new_key=options["new_key"])
        except DomainError as error:
            raise CommandError(error.detail) from error
        if options["json"]:
            self.stdout.write(json.dumps(made))
            return
        for name, value in made.items():
            self.stdout.write(f"{name:<12} {value if value is not None else '(as before)'}")

    @staticmethod
    @transaction.atomic
    def _make(slug: str, email: str, *, new_key: bool) -> dict[str, str | None]:
        done = services.bootstrap(slug, email)
        secret = None
        if done.is_new_member or new_key:
            _, secret = create_api_key(done.sandbox, name=KEY_NAME, member=done.member)
        return {
            "tenant": done.tenant.slug,
            "environment": done.sandbox.slug,
            "email": done.member.user.email,
            "password": done.password,
            "api_key": secret,
        }
