"""`manage.py audit_rotate_key`: the scheduler's next signing key, announced by the present one."""

import os
import secrets
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError

from audit import rotation


class Command(BaseCommand):
    """Writes the new key into a file of its own; the scheduler uses it from its next start."""

    help = "Make a new audit signing key, announced by the old one, or after the old one was lost."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Where to, and whether the old key is lost."""
        parser.add_argument("file", type=Path, help="is made, mode 0600, and holds the new key")
        parser.add_argument(
            "--lost", action="store_true",
            help="nobody has the old key: whoever verifies must be told the new one",
        )  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        """Write the key, announce it, and say what to do next."""
        seed = secrets.token_hex(32)
        try:
            descriptor = os.open(options["file"], os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(f"{seed}\n")
            public = rotation.rotate(
                old_seed=settings.AUDIT_SIGNING_KEY, new_seed=seed, is_lost=options["lost"]
            )
        except FileExistsError as error:
            raise CommandError(f"{options['file']} exists already: name another file") from error
        except (rotation.CannotRotate, OSError, ValueError) as error:
            options["file"].unlink(missing_ok=True)
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"public key {public}\nStart the scheduler with "
            f"COUNTERSIGN_AUDIT_SIGNING_KEY_FILE={options['file']}; until then nothing is signed."
        )
        if options["lost"]:
            self.stdout.write("Tell everybody who verifies the public key: no old key vouches.")
