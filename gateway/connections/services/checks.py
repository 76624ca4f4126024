"""What a connection must be before it is stored; the same for a new one and a changed one."""

import json
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from gateway.connections import assertions, limits
from gateway.connections.kinds import KINDS, Kind
from gateway.connections.presets import PRESETS, refilled
from gateway.connections.services.references import reference_of, resolve
from gateway.lib.errors import Refused

MAX_REMINDER_DAYS = 3650
# What a service account's key file is called by the people who hand it out.
KEY_FILE = {"client_email": "issuer", "token_uri": "token_url", "private_key_id": "key_id"}


def kind_of(name: str) -> Kind:
    """The kind of this name; raises Refused."""
    if name not in KINDS:
        known = ", ".join(sorted(KINDS))
        raise Refused("unknown_kind", f"Connection kind {name!r} is not one of {known}.")
    return KINDS[name]


def check_config(kind: Kind, config: dict[str, Any]) -> None:
    """Raises Refused, naming each field that is wrong."""
    faults = kind.faults(config)
    if (preset := config.get("preset")) and preset not in PRESETS:
        faults.append(("preset", f"One of {', '.join(PRESETS)}."))
    if faults:
        _refuse("invalid_config", f"A {kind.name} connection", faults)


def check_limits(values: dict[str, Any]) -> None:
    """Raises Refused, naming each limit that is wrong."""
    if faults := limits.faults(values):
        _refuse("invalid_limits", "The limits", faults)


def check_value(kind: Kind, value: str) -> None:
    """Raises Refused for a value that is empty, leads nowhere, or is not of this kind."""
    if not value:
        if kind.value_required:
            raise Refused("empty_value", "A connection needs a value, or a reference to one.")
        return
    secret = resolve(value)
    if kind.is_long:
        _check_key(secret)
    elif kind.name == "dsn":
        _check_dsn(secret)
    elif not secret.isprintable():
        # It would end the header it is sent in, or be refused at each use.
        raise Refused("invalid_value", "The value holds a line break or another control character.")


def check_reminders(*, rotate_after_days: int | None, expires_at: datetime | None) -> None:
    """Raises Refused for a reminder that is none."""
    if rotate_after_days is not None and not 1 <= rotate_after_days <= MAX_REMINDER_DAYS:
        raise Refused("invalid_reminder", f"A reminder comes after 1 to {MAX_REMINDER_DAYS} days.")
    if expires_at is not None and expires_at.tzinfo is None:
        raise Refused("invalid_expiry", "The expiry needs a time zone.")


def completed(
    kind: Kind, value: str, config: dict[str, Any], *, before: dict[str, Any] | None = None
) -> tuple[str, dict[str, Any]]:
    """Value and configuration with what a preset or a pasted key file (JSON) adds to them.

    What somebody said stays; empty texts are left out. `before` is the configuration until now.
    Raises Refused.
    """
    config = {name: text for name, text in config.items() if text != ""}
    try:
        config = refilled(before or {}, config) if kind.field("preset") else config
    except ValueError as error:
        raise Refused("invalid_config", str(error), errors={"place": [str(error)]}) from error
    return _unpacked(kind, value, config)


def _unpacked(kind: Kind, value: str, config: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    if not kind.is_long or not value.lstrip().startswith("{"):
        return value, config
    try:
        file = json.loads(value)
    except ValueError as error:
        raise Refused("invalid_value", "This looks like a key file, but is no JSON.") from error
    if not isinstance(file, dict) or not isinstance(file.get("private_key"), str):
        raise Refused("invalid_value", "The key file holds no private_key.")
    told = {ours: str(file[theirs]) for theirs, ours in KEY_FILE.items() if file.get(theirs)}
    told = {name: text for name, text in told.items() if kind.field(name)}
    return file["private_key"], told | config


def fingerprinted(value: str) -> str:
    """How a change of the value is told in the log: by its kind, never by itself."""
    return reference_of(value) or "a sealed value"


def _check_key(secret: str) -> None:
    try:
        assertions.load_key(secret)
    except ValueError as error:
        raise Refused("invalid_value", f"This is no private key to sign with: {error}.") from error


def _check_dsn(secret: str) -> None:
    try:
        parts = urlsplit(secret)
        # A SQLite file has no host: sqlite:///shop.db, in the folder that is set aside for them.
        has_place = parts.hostname or (parts.scheme == "sqlite" and parts.path.strip("/"))
        is_whole = bool(parts.scheme and has_place) and parts.port != 0
    except ValueError:
        is_whole = False
    if not is_whole or not secret.isprintable():
        raise Refused(
            "invalid_value", "A DSN is needed, as in postgresql://user:password@host:5432/name."
        )


def _refuse(code: str, what: str, faults: list[tuple[str, str]]) -> None:
    said = "; ".join(f"{name}: {fault}" for name, fault in faults)
    errors = {name: [fault for at, fault in faults if at == name] for name, _ in faults}
    raise Refused(code, f"{what} cannot be so. {said}", errors=errors)
