"""Changing connections: what people edit raises the revision where it changes how it acts."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from audit import services as audit
from audit.actions import AuditAction
from audit.context import Target
from gateway.connections.models import Connection
from gateway.connections.services import checks, holding
from gateway.connections.services.sealed import put_value
from gateway.lib.errors import Refused
from gateway.lib.hosts import is_wider
from gateway.tenants.services import check_region

CHANGEABLE = frozenset({"name", "config", "limits", "region", "rotate_after_days", "expires_at"})
# What an approval was given for: another account, another place. The rest only says how to call.
ACTING = frozenset({"config", "region"})
# What a token that was issued does not depend on. An address of these may go, but not move.
APART = frozenset({"check_url", "header", "hosts", "revoke_url", "version_header"})


@transaction.atomic
def update(
    connection: Connection, *, revision: int | None = None, value: str = "", **changes: Any
) -> Connection:
    """Change a connection; what stays as it is changes nothing.

    `value` is a new secret; one is needed where an address changes that the secret goes to, and
    what was issued before is forgotten then.
    `revision` is the one that the change was made on. What was approved is bound to the revision,
    which settings, region and value raise. Raises Refused as `create` does, StaleState where it was
    changed meanwhile.
    """
    if unknown := set(changes) - CHANGEABLE:
        raise Refused("unknown_field", f"A connection has no field {', '.join(sorted(unknown))}.")
    held = holding.held(connection, revision=revision)
    if value or "config" in changes:
        wanted = changes.get("config", held.config)
        value, changes["config"] = checks.completed(held.rules, value, wanted, before=held.config)
    before = {name: getattr(held, name) for name in changes}
    for name, new in changes.items():
        setattr(held, name, new)
    changed = {name: [before[name], new] for name, new in changes.items() if before[name] != new}
    _check(held, changed)
    _check_destination(held, before.get("config", held.config), value=value)
    if value:
        _put(held, value)
    if value or changed:
        _store(held, changed, was=before.get("config", held.config), value=value)
    return held


def rotate(connection: Connection, *, value: str, revision: int | None = None) -> Connection:
    """A new value in the place of the old one, which is forgotten. Raises Refused, StaleState."""
    if not value:
        raise Refused("empty_value", "A new value is needed, or a reference to one.")
    return update(connection, value=value, revision=revision)


def _check(held: Connection, changed: Mapping[str, Any]) -> None:
    """Only what is changed is looked at: an old setting must not keep one from renaming."""
    if "config" in changed:
        checks.check_config(held.rules, held.config)
    if "limits" in changed:
        checks.check_limits(held.limits)
    if "region" in changed:
        check_region(held.region)
    if {"rotate_after_days", "expires_at"} & set(changed):
        checks.check_reminders(rotate_after_days=held.rotate_after_days, expires_at=held.expires_at)


def _check_destination(held: Connection, before: Mapping[str, Any], *, value: str) -> None:
    """The stored secret, and what was issued, go only where they went when somebody saw it."""
    moved = _moved(held, before)
    if not moved or value:
        return
    if held.sealed:
        raise Refused(
            "value_needed",
            f"{', '.join(moved)} changes, and the secret would go there: enter it again.",
            errors={name: ["Enter the secret again, too."] for name in moved},
        )
    if holding.has_token(held):
        # A public client has nothing to enter: the consent is what goes there.
        raise Refused(
            "disconnect_needed",
            f"{', '.join(moved)} changes, and the consent's token would go there: disconnect first,"
            " and connect again afterwards.",
            errors={name: ["Disconnect first."] for name in moved},
        )


def _moved(held: Connection, before: Mapping[str, Any]) -> list[str]:
    """The addresses that are others than before, and the hosts where there are more of them."""
    old, new = held.rules.addresses(before), held.rules.addresses(held.config)
    moved = [name for name in new if new[name] and new[name] != old[name]]
    if is_wider(str(before.get("hosts", "")), str(held.config.get("hosts", ""))):
        moved.append("hosts")
    return sorted(moved)


def _put(held: Connection, value: str) -> None:
    checks.check_value(held.rules, value)
    put_value(held, value)
    held.check_error = ""


def _store(
    held: Connection, changed: dict[str, list[Any]], *, was: Mapping[str, Any], value: str
) -> None:
    if value or ACTING & set(changed):
        held.revision += 1
    held.save()
    if value:
        Connection.objects.filter(pk=held.pk).update(rotated_at=Now())
        held.refresh_from_db(fields=["rotated_at"])
    if held.rules.issues:
        _follow(held, was, value=value)
    told = {"value": ["a sealed value", checks.fingerprinted(value)]} if value else {}
    audit.record(
        AuditAction.CONNECTION_ROTATED if value and not changed else AuditAction.CONNECTION_CHANGED,
        target=Target("connection", held.public_id, held.revision),
        scope=held.environment.audit_scope,
        changes={**{name: list(map(_told, pair)) for name, pair in changed.items()}, **told},
    )


def _follow(held: Connection, was: Mapping[str, Any], *, value: str) -> None:
    """Whether the token stands: not one for other settings, nor one issued for the old value.

    A person's consent outlives a new client secret, but no new address: no check tells a right
    value from any other, and whoever agreed did not see the token go there.
    """
    changed = {name for name in {*was, *held.config} if was.get(name) != held.config.get(name)}
    is_other = bool(changed - APART or _moved(held, was))
    if is_other or (value and not held.rules.has_consent):
        holding.forget_token(held)
    elif value:
        holding.retry_token(held)


def _told(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value
