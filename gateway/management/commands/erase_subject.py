"""`manage.py erase_subject`: what a tenant holds about a person goes; proofs stay."""

from argparse import ArgumentParser
from typing import Any

from django.core.management import BaseCommand, CommandError

from gateway.lib.errors import DomainError
from gateway.management.subjects import Asked, asked, say_whom
from gateway.retention import erasing


class Command(BaseCommand):
    """The same as the desk's page, for whoever keeps the server; recorded as done by the system."""

    help = "Erase people by what they are called: ids, addresses, numbers, full names."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Whose, whom, and whether really."""
        say_whom(parser)
        parser.add_argument("--dry-run", action="store_true", help="only say what would go")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print what went, or would go, and what is held."""
        whom = asked(options)
        try:
            told = self._do(whom, is_dry=options["dry_run"])
        except DomainError as error:
            raise CommandError(error.detail) from error
        verb = "would go" if options["dry_run"] else "erased"
        for model, rows in {
            "keys": len(told.keys),
            "accounts": len(told.accounts),
            **told.rows,
        }.items():
            self.stdout.write(f"{rows:>9} {verb}  {model}")
        for model, ids in told.held.items():
            self.stdout.write(f"{len(ids):>9} held, still needed  {model}: {', '.join(ids[:20])}")

    def _do(self, whom: Asked, *, is_dry: bool) -> erasing.Erased:
        act = erasing.preview if is_dry else erasing.erase
        return act(whom.tenant, whom.names, by=whom.by, progress=self._progress)

    def _progress(self, model: str, rows: int) -> None:
        self.stderr.write(f"{model}: {rows} rows read")
