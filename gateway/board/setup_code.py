"""The code that lets a first administrator in: whoever can read the data folder, and nobody else.

It lies in a file of its owner's, is printed by `up`, and is gone once it was used.
"""

import hmac
import os
import secrets
from contextlib import suppress
from pathlib import Path

from django.conf import settings

from gateway.tenants.models import Tenant

FILE = "setup-code"
CODE_BYTES = 16
DEMO = "demo"


def is_open() -> bool:
    """Whether nobody has a tenant of their own yet; the demo's does not count."""
    return not Tenant.objects.exclude(slug=DEMO).exists()


def make() -> str:
    """The code, made where there is none yet; empty where nobody needs one any more."""
    if not is_open():
        forget()
        return ""
    if known := _known():
        return known
    code = secrets.token_urlsafe(CODE_BYTES)
    handle = os.open(_path(), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(code)
    return code


def fits(given: str) -> bool:
    """Whether it is the code; never while there is none."""
    known = _known()
    return bool(known) and hmac.compare_digest(known.encode(), given.strip().encode())


def forget() -> None:
    """It has been used."""
    _path().unlink(missing_ok=True)


def _known() -> str:
    with suppress(OSError):
        return _path().read_text(encoding="utf-8").strip()
    return ""


def _path() -> Path:
    return Path(settings.DATA_DIR) / FILE
