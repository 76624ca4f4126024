"""`python -m bench.peers.drf_receiver migrate` makes the tables, `--fd N` serves on that socket."""

import os
import socket
import sys

import django
import uvicorn

os.environ["DJANGO_SETTINGS_MODULE"] = "bench.peers.drf_receiver.settings"
django.setup()

from django.core.asgi import get_asgi_application  # noqa: E402 - settings first
from django.core.management import call_command  # noqa: E402


def main() -> None:
    """Make the tables, or serve: uvicorn as it comes, without access log."""
    if sys.argv[1] == "migrate":
        call_command("migrate", run_syncdb=True, verbosity=0, interactive=False)
        return
    listening = socket.socket(fileno=int(sys.argv[2]))
    config = uvicorn.Config(get_asgi_application(), access_log=False, log_level="warning")
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
