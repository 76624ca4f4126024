"""Setting up an environment's chats: which app, where it posts, by what its presses are proven."""

import re
from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_noop

from audit import services as audit
from audit.actions import AuditAction
from audit.context import Target
from gateway.connections.models import Connection
from gateway.lib import sealing
from gateway.lib.errors import Denied, Refused
from gateway.notices.media import CHATS, RISKS, TITLES, Medium
from gateway.notices.models import Chat
from gateway.tenants.models import Environment
from gateway.tenants.principals import Principal

CHANGE = "notices.change_chat"
ROOMS = {Medium.SLACK: r"[CGD][A-Z0-9]{6,30}", Medium.DISCORD: r"[0-9]{15,20}"}
SECRETS = {Medium.SLACK: r"[\x21-\x7e]{16,128}", Medium.DISCORD: r"[0-9a-fA-F]{64}"}
SECRET_NAMES = {
    Medium.SLACK: gettext_noop("the app's signing secret"),
    Medium.DISCORD: gettext_noop("the application's public key"),
}  # fmt: skip
FIELDS = ("connection_id", "room", "risks", "has_buttons", "is_enabled", "base_url")


def chats_of(environment: Environment) -> dict[str, Chat | None]:
    """Each kind of chat, and how it is set up here."""
    held = {
        chat.kind: chat
        for chat in Chat.objects.within(environment).select_related("connection")
    }  # fmt: skip
    return {kind.value: held.get(kind) for kind in CHATS}


@transaction.atomic
def set_up(
    kind: str,
    *,
    by: Principal,
    connection: Connection,
    room: str = "",
    risks: Sequence[str] = (),
    has_buttons: bool = True,
    is_enabled: bool = True,
    secret: str = "",
    base_url: str = "",
) -> Chat:
    """Set up or change the environment's chat of this kind; an empty secret keeps the old one.

    Raises Denied, or Refused for what the service could not take.
    """
    if not by.has(CHANGE):
        raise Denied("not_permitted", "Only an administrator sets up chats.")
    medium = _medium(kind)
    _check(medium, by.environment, connection, room=room, risks=risks, secret=secret)
    held = Chat.objects.select_for_update().within(by.environment).filter(kind=medium).first()
    chat = held or Chat(environment=by.environment, kind=medium)
    values: dict[str, Any] = {
        "connection_id": connection.pk, "room": room, "risks": sorted(set(risks), key=RISKS.index),
        "has_buttons": has_buttons, "is_enabled": is_enabled, "base_url": base_url.rstrip("/"),
    }  # fmt: skip
    if has_buttons and not (secret or chat.sealed):
        raise Refused("secret_missing", f"Buttons need {SECRET_NAMES[medium]}: paste it here.")
    before = {name: getattr(chat, name) if held else None for name in FIELDS}
    for name, value in values.items():
        setattr(chat, name, value)
    if secret:
        chat.sealed = sealing.seal(secret, **chat.place())
    chat.save()
    _record(chat, before, values, is_new=held is None, has_new_secret=bool(secret))
    return chat


def signing_text(chat: Chat) -> str:
    """What the service's presses are proven by. Raises sealing.CannotUnseal."""
    return sealing.unseal(chat.sealed, **chat.place())


def _medium(kind: str) -> Medium:
    if kind not in CHATS:
        raise Refused("unknown_chat", "Slack and Discord can be set up.")
    return Medium(kind)


def _check(
    medium: Medium,
    environment: Environment,
    connection: Connection,
    *,
    room: str,
    risks: Sequence[str],
    secret: str,
) -> None:
    if connection.environment_id != environment.pk or connection.archived_at is not None:
        raise Refused("unknown_connection", "There is no such connection in this environment.")
    if room and not re.fullmatch(ROOMS[medium], room):
        raise Refused(
            "room", f"This is no id of a channel in {TITLES[medium]}: copy the id, not the name."
        )
    if set(risks) - set(RISKS):
        raise Refused("unknown_risk", f"Choose among {', '.join(RISKS)}.")
    if secret and not re.fullmatch(SECRETS[medium], secret):
        raise Refused("secret", f"This text cannot be {SECRET_NAMES[medium]}.")


def _record(
    chat: Chat,
    before: dict[str, Any],
    after: dict[str, Any],
    *,
    is_new: bool,
    has_new_secret: bool,
) -> None:
    changed = [name for name in FIELDS if before[name] != after[name]]
    audit.record(
        AuditAction.CHAT_SET_UP if is_new else AuditAction.CHAT_CHANGED,
        target=Target("chat", chat.public_id),
        scope=chat.environment.audit_scope,
        changes={name: [_said(before[name]), _said(after[name])] for name in changed},
        meta={"kind": chat.kind, "new_secret": has_new_secret},
    )


def _said(value: Any) -> Any:
    return value if isinstance(value, str | bool | list | None) else str(value)
