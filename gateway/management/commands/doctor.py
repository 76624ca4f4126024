"""`manage.py doctor`: one line a check; ends with 1 if something is wrong."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management import BaseCommand

from approvals import digest
from gateway import diagnosis, env


class Command(BaseCommand):
    """Looks and changes nothing."""

    help = "Check this installation. --keys prints a fresh set of keys for production instead."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One switch."""
        parser.add_argument("--keys", action="store_true", help="print a fresh set of keys")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the findings, or the keys."""
        if options["keys"]:
            for name, value in diagnosis.fresh_keys(env.random_key, digest.public_key).items():
                self.stdout.write(f"{name}={value}")
            return
        findings = list(diagnosis.examine())
        for finding in findings:
            self.stdout.write(f"{finding.grade:<6} {finding.subject:<28} {finding.text}")
        if any(finding.grade == diagnosis.Grade.WRONG for finding in findings):
            sys.exit(1)
