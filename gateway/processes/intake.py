"""An intake process: `python -m gateway.processes.intake --fd N` (or `--host`, `--port`).

uvicorn on `gateway.intake:application`: webhooks and nothing else, with our limits in front.
"""

import argparse
import ctypes
import socket
import sys

from gateway.processes.files import allow_many
from gateway.processes.intake_server import server

# The tree waits three seconds for the entrances.
CLOSE_TIMEOUT_S = 2
# structlog and redis load these where they are installed, and nothing here uses them: 7 MB.
UNUSED = ("opentelemetry", "rich", "twisted")
# glibc's malloc.h: one heap for all threads, and whole bodies apart from it, so that what they
# took goes back to the system.
ARENA_MAX, MMAP_THRESHOLD = -8, -3
BODY_BYTES = 32 * 1024


def main() -> None:
    """Serve until SIGTERM."""
    options = _options()
    _stay_small()
    allow_many()
    sockets = None if options.fd is None else [socket.socket(fileno=options.fd)]
    server(
        app="gateway.intake:application",
        host=options.host,
        port=options.port,
        loop="uvloop",
        # Upgrades have no meaning here.
        ws="none",
        access_log=False,
        # Proxies are counted by COUNTERSIGN_TRUSTED_PROXIES, nowhere else.
        proxy_headers=False,
        log_config=None,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=CLOSE_TIMEOUT_S,
    ).run(sockets=sockets)


def _stay_small() -> None:
    for name in UNUSED:
        sys.modules[name] = None  # type: ignore[assignment]  # Python's way to forbid an import
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # of the C library, where it has one
    if mallopt is not None:
        mallopt(ARENA_MAX, 1)
        mallopt(MMAP_THRESHOLD, BODY_BYTES)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fd", type=int, help="a socket that listens already")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8001)
    return parser.parse_args()


if __name__ == "__main__":
    main()
