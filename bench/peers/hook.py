"""Debian's `webhook` (adnanh): verifies, answers, then starts a command for each delivery.

Neither durable nor deduplicating. It knows GitHub's signature, so it is sent that one.
"""

import json
import shutil
from pathlib import Path

NAME = "webhook"


def binary() -> str | None:
    """The program, where it is installed: `apt-get install webhook`."""
    return shutil.which(NAME)


def command(port: int, *, path: str, secret: str, folder: Path) -> list[str]:
    """The command line that serves this path on this port and runs `true` for each delivery."""
    prefix, _, name = path.strip("/").rpartition("/")
    is_signed = {
        "type": "payload-hmac-sha256",
        "secret": secret,
        "parameter": {"source": "header", "name": "X-Hub-Signature-256"},
    }
    hook = {
        "id": name,
        "execute-command": shutil.which("true"),
        "trigger-rule": {"match": is_signed},
    }
    file = folder / "hooks.json"
    file.write_text(json.dumps([hook]), encoding="utf-8")
    return [
        str(binary()), "-hooks", str(file), "-ip", "127.0.0.1", "-port", str(port),
        "-urlprefix", prefix,
    ]  # fmt: skip
