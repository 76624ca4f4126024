"""An intake process: `python -m gateway.processes.intake --fd N` (or `--host`, `--port`).

uvicorn on `gateway.intake:application`: webhooks and nothing else, with our limits in front.
"""

import argparse
import socket

from gateway.processes.intake_server import server

# The tree waits three seconds for the entrances.
CLOSE_TIMEOUT_S = 2


def main() -> None:
    """Serve until SIGTERM."""
    options = _options()
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


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fd", type=int, help="a socket that listens already")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8001)
    return parser.parse_args()


if __name__ == "__main__":
    main()
