"""Listening sockets that outlive the processes behind them, and ports that are kept."""

import socket
from pathlib import Path

BACKLOG = 1024
PING = b"*1\r\n$4\r\nPING\r\n"
PING_TIMEOUT_S = 2.0


def listen(host: str, port: int) -> socket.socket:
    """A socket that children may inherit; raises OSError where the port is taken.

    Bound once by the tree: a web process that restarts leaves callers waiting, never refused.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    # `localhost` means version 4 to most callers on one machine.
    family, kind, protocol, _, address = min(found, key=lambda each: each[0] != socket.AF_INET)
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(BACKLOG)
        bound.set_inheritable(True)
    except OSError:
        bound.close()
        raise
    return bound


def kept_port(file: Path) -> int:
    """A free port of the loopback, the same as last time where it still is free."""
    try:
        wanted = int(file.read_text())
    except (OSError, ValueError):
        wanted = 0
    try:
        port = _free(wanted)
    except OSError:
        port = _free(0)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.write_text(str(port))
    return port


def _free(port: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
        return int(probe.getsockname()[1])


def says_pong(path: Path) -> bool:
    """Whether a Redis that has loaded its data answers on this unix socket."""
    with socket.socket(socket.AF_UNIX) as caller:
        caller.settimeout(PING_TIMEOUT_S)
        try:
            caller.connect(str(path))
            caller.sendall(PING)
            return caller.recv(16).startswith(b"+PONG")
        except OSError:
            return False
