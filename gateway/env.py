"""Typed readers of environment variables; a value that does not parse stops the start.

Every value named COUNTERSIGN_X may also come from the file that COUNTERSIGN_X_FILE names.
"""

import os
import re
import secrets
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

HEX_KEY = re.compile(r"[0-9a-f]{64}")
PREFIX = "COUNTERSIGN_"
YES = {"1", "true", "yes", "on"}
NO = {"0", "false", "no", "off", ""}

# JSON functions built in (3.38), and changes that answer with their row (3.35).
OLDEST_SQLITE = (3, 38, 0)


class BadSetting(Exception):
    """An environment variable is missing or does not parse; the message names it."""


def text(name: str, default: str | None = None) -> str:
    """The variable's text, or that of the file its `_FILE` twin names.

    Raises BadSetting when neither is set and there is no default.
    """
    if name in os.environ:
        return os.environ[name]
    if file := os.environ.get(f"{name}_FILE"):
        try:
            return Path(file).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise BadSetting(f"{name}_FILE names {file}, which cannot be read: {error}") from error
    if default is None:
        raise BadSetting(f"{name} is not set. Set it, or {name}_FILE, and start again.")
    return default


def number(name: str, default: int, *, at_least: int = 0) -> int:
    """A whole number not below `at_least`; raises BadSetting otherwise."""
    raw = text(name, str(default))
    try:
        value = int(raw)
    except ValueError as error:
        raise BadSetting(f"{name} must be a whole number, not {raw!r}.") from error
    if value < at_least:
        raise BadSetting(f"{name} must be at least {at_least}, not {value}.")
    return value


def yes_no(name: str, *, default: bool) -> bool:
    """True or false from yes/no, true/false, on/off, 1/0; raises BadSetting otherwise."""
    raw = text(name, "yes" if default else "no").lower()
    if raw not in YES | NO:
        raise BadSetting(f"{name} must be yes or no, not {raw!r}.")
    return raw in YES


def items(name: str, default: str = "") -> list[str]:
    """A comma-separated list; empty elements are dropped."""
    return [item.strip() for item in text(name, default).split(",") if item.strip()]


def group_roles(name: str) -> dict[str, list[tuple[str, str]]]:
    """Roles by the group that stands for them: `finance=production:reviewer sandbox:admin, …`.

    Raises BadSetting for what is written otherwise.
    """
    found: dict[str, list[tuple[str, str]]] = {}
    for item in items(name):
        group, _, given = item.rpartition("=")
        pairs = [one.partition(":") for one in given.split()]
        if not group or not pairs or not all(place and role for place, _, role in pairs):
            raise BadSetting(f"{name}: {item!r} is not group=environment:role environment:role.")
        found.setdefault(group.strip(), []).extend((place, role) for place, _, role in pairs)
    return found


def choice(name: str, default: str, *, of: tuple[str, ...]) -> str:
    """One of the given words; raises BadSetting otherwise."""
    raw = text(name, default)
    if raw not in of:
        raise BadSetting(f"{name} must be one of {', '.join(of)}, not {raw!r}.")
    return raw


def kept_secret(name: str, folder: Path, *, generate: Callable[[], str], required: bool) -> str:
    """The secret from the environment; else the one kept in `folder`, made there on first use.

    With `required` (production) nothing is generated: raises BadSetting instead. An empty variable
    means "this process does not get this key".
    """
    if name in os.environ or f"{name}_FILE" in os.environ:
        return text(name)
    if required:
        raise BadSetting(
            f"{name} is not set. Production refuses to start without it; "
            f"`COUNTERSIGN_ENV=dev python manage.py doctor --keys` prints a fresh set."
        )
    path = folder / name.removeprefix(PREFIX).lower()
    if not path.exists():
        _write_once(path, generate())
    return path.read_text(encoding="ascii").strip()


def push_key(name: str, folder: Path, *, is_made: bool) -> str:
    """The key that push services know us by; empty where there is none and none is made.

    Raises BadSetting for a key that is none.
    """
    is_given = name in os.environ or f"{name}_FILE" in os.environ
    if not is_given and not is_made:
        return ""
    value = kept_secret(name, folder, generate=random_key, required=False)
    if value and not HEX_KEY.fullmatch(value):
        raise BadSetting(f"{name} must be 64 hex digits, as `doctor --keys` prints them.")
    return value


def _write_once(path: Path, value: str) -> None:
    """Link a complete 0600 file into place, so that two first starts agree on one secret."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(value)
    try:
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        os.unlink(temporary)


def random_key() -> str:
    """32 random bytes in hex: a SECRET_KEY, an AES-256 key or an Ed25519 seed."""
    return secrets.token_hex(32)


def check_sqlite(version: tuple[int, ...]) -> None:
    """Raises BadSetting where the library that Python brings is too old for our statements."""
    if version < OLDEST_SQLITE:
        found, wanted = (".".join(map(str, each)) for each in (version, OLDEST_SQLITE))
        raise BadSetting(
            f"Python's SQLite is {found}, and {wanted} or newer is needed: take a newer Python "
            "image or system, or name a PostgreSQL in DATABASE_URL."
        )


def database(url: str) -> dict[str, Any]:
    """Django's database settings from `sqlite:///path` or `postgresql://user:pass@host:port/name`.

    `?host=/run/postgresql` in the query names a unix socket. Raises BadSetting for anything else.
    """
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": parts.path.removeprefix("/")}
    if parts.scheme not in {"postgres", "postgresql"}:
        raise BadSetting(
            f"DATABASE_URL must begin with sqlite:/// or postgresql://, not {parts.scheme!r}."
        )
    query = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.removeprefix("/")),
        "USER": unquote(parts.username or query.pop("user", "")),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": query.pop("host", "") or parts.hostname or "",
        "PORT": str(parts.port or query.pop("port", "")),
        "OPTIONS": query,
    }


def identity_provider(issuer: str, client_id: str, client_secret: str) -> dict[str, Any]:
    """allauth's settings of the one identity provider, always with PKCE; none without an issuer."""
    app = {
        "provider_id": "sso",
        "name": "Single sign-on",
        "client_id": client_id,
        "secret": client_secret,
        "settings": {"server_url": issuer, "oauth_pkce_enabled": True},
    }
    return {"openid_connect": {"APPS": [app]}} if issuer else {}


def email(url: str) -> dict[str, Any]:
    """Django's mail settings from `smtp://user:password@host:port` (`smtps://` for TLS at once).

    Empty means that no mail is sent. Raises BadSetting for anything else.
    """
    if not url:
        return {"EMAIL_BACKEND": "django.core.mail.backends.dummy.EmailBackend"}
    parts = urlsplit(url)
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
        raise BadSetting("COUNTERSIGN_EMAIL_URL must be smtp://user:password@host:port.")
    is_tls_at_once = parts.scheme == "smtps"
    return {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": parts.hostname,
        "EMAIL_PORT": parts.port or (465 if is_tls_at_once else 587),
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_SSL": is_tls_at_once,
        # A user name must never travel in the clear; a relay on the same host may need none.
        "EMAIL_USE_TLS": not is_tls_at_once and bool(parts.username),
        "EMAIL_TIMEOUT": 10,
    }
