"""Values that are kept elsewhere: `env:NAME` and `file:NAME`, read at each use."""

import os

from django.conf import settings

from gateway.lib.errors import Refused

ENV_PREFIX = "COUNTERSIGN_CONNECTION_"
MARKS = ("env:", "file:")


def resolve(value: str) -> str:
    """The secret behind a reference; a value that is none is the secret.

    Only places that operators set aside for it may be named: whoever may make connections could
    otherwise send this server's own secrets anywhere. Raises Refused where it leads nowhere.
    """
    scheme, _, rest = value.partition(":")
    if scheme == "env":
        if not rest.startswith(ENV_PREFIX) or rest not in os.environ:
            raise Refused("reference_missing", f"There is no variable {rest[:80]} with a secret.")
        return os.environ[rest]
    if scheme == "file":
        return _from_file(rest)
    return value


def reference_of(value: str) -> str:
    """The value where it is a reference, which is no secret; else nothing."""
    return value if value.startswith(MARKS) else ""


def _from_file(name: str) -> str:
    folder = settings.CONNECTION_DIR.resolve()
    try:
        path = (folder / name).resolve()
        if not path.is_relative_to(folder):
            raise FileNotFoundError(name)
        return path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise Refused(
            "reference_missing", f"There is no file {name[:80]} with a secret."
        ) from error
