#!/usr/bin/env python
"""Django's command line for Countersign."""

import os
import sys

from django.core.management import execute_from_command_line

from gateway.env import BadSetting


def main() -> None:
    """Run the command named in `sys.argv` with the project's settings."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway.settings")
    os.umask(0o077)  # the database, keys and sockets that a command makes are its owner's alone
    try:
        execute_from_command_line(sys.argv)
    except BadSetting as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
