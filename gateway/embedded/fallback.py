"""A Redis in Python for machines without a binary: `python -m gateway.embedded.fallback SOCKET`.

fakeredis' TCP server on a unix socket instead. It keeps nothing over a restart, which loses
nothing: rows say what is due, messages are only bells.
"""

import itertools
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

from fakeredis import TcpFakeServer


class UnixFakeServer(TcpFakeServer):
    """The same server behind a file."""

    address_family = socket.AF_UNIX

    def __init__(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self.connections = itertools.count(1)
        super().__init__(str(path))  # type: ignore[arg-type]
        path.chmod(0o700)
        self.daemon_threads = True

    def get_request(self) -> tuple[socket.socket, Any]:
        """Number the clients: behind a unix socket all have the same empty address."""
        connection, _ = super().get_request()
        return connection, ("unix", next(self.connections))


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    os.umask(0o077)
    server = UnixFakeServer(Path(sys.argv[1]))
    for number in (signal.SIGTERM, signal.SIGINT):
        # Threads of open connections hold nothing that must be saved.
        signal.signal(number, lambda *_: os._exit(0))
    server.serve_forever()


if __name__ == "__main__":
    main()
