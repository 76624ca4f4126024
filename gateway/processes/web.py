"""The web process: daphne with our limits. A subclass, so that limits can move in front of Django."""

import os
import sys

import django
from daphne.server import Server

from gateway.processes import parent

HTTP_TIMEOUT_S = 120
CLOSE_TIMEOUT_S = 5


class CountersignServer(Server):
    """daphne's server for the desk, the API, streams and webhooks."""


def main(host: str, port: int) -> None:
    """Serve until SIGTERM."""
    parent.follow()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway.settings")
    django.setup()
    from gateway.asgi import application  # after django.setup(): it imports models

    CountersignServer(
        application,
        endpoints=[f"tcp:port={port}:interface={host.replace(':', chr(92) + ':')}"],
        http_timeout=HTTP_TIMEOUT_S,
        application_close_timeout=CLOSE_TIMEOUT_S,
        server_name="",
        verbosity=0,
    ).run()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
