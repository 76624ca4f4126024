"""What the demo keeps in the data folder, because the database holds it as digests only."""

import json
import os
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings

FILE = "demo.json"


@dataclass
class Kept:
    """Passwords by e-mail address, the agent's key, where the demo was reachable last, and whether
    somebody removed it.
    """

    passwords: dict[str, str] = field(default_factory=dict)
    agent_api_key: str = ""
    service_port: int = 0
    public_url: str = ""
    web_url: str = ""
    webhook_url: str = ""
    webhook_secret: str = ""
    is_removed: bool = False


def read() -> Kept:
    """What was kept; nothing where the file is missing or is not ours."""
    try:
        found: Any = json.loads(path().read_text(encoding="utf-8"))
        return Kept(**found)
    except (OSError, ValueError, TypeError):
        return Kept()


def write(kept: Kept) -> None:
    """Put the whole file in the place of the old one, readable by its owner only."""
    handle, temporary = tempfile.mkstemp(dir=settings.DATA_DIR)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(asdict(kept), file, indent=2)
    Path(temporary).replace(path())


def path() -> Path:
    """Where it is kept."""
    return Path(settings.DATA_DIR) / FILE
