"""Calling a chat's API by its connection, through the one door."""

from collections.abc import Mapping
from functools import partial
from types import ModuleType
from typing import Any

from audit.context import correlation_id
from gateway.connections import accounts
from gateway.connections import services as connections
from gateway.connectors.base import ConnectorRequest, Outcome, OutcomeStatus
from gateway.connectors.calls import Judge, perform
from gateway.connectors.discord.connector import API as DISCORD_API
from gateway.connectors.discord.connector import HEADERS, DiscordConnector, as_bot
from gateway.connectors.discord.errors import judged as discord_judged
from gateway.connectors.rest import json_request
from gateway.connectors.slack.connector import API as SLACK_API
from gateway.connectors.slack.connector import SlackConnector
from gateway.connectors.slack.errors import judged as slack_judged
from gateway.http.door import door
from gateway.lib.errors import DomainError
from gateway.lib.sealing import CannotUnseal
from gateway.notices.chats import discord, slack
from gateway.notices.chats.base import Call
from gateway.notices.media import Medium
from gateway.notices.models import Chat
from gateway.notices.services.sending import NotSent

DEADLINE_S = 15.0
SIDES: Mapping[str, ModuleType] = {Medium.SLACK: slack, Medium.DISCORD: discord}
_APIS = {Medium.SLACK: SLACK_API, Medium.DISCORD: DISCORD_API}
_LIMITS = {Medium.SLACK: SlackConnector.limits, Medium.DISCORD: DiscordConnector.limits}
_JUDGES: Mapping[str, Judge] = {Medium.SLACK: slack_judged, Medium.DISCORD: discord_judged}


def side_of(chat: Chat) -> Any:
    """The module that speaks this chat's language."""
    return SIDES[chat.kind]


def call(chat: Chat, wanted: Call, *, key: str, deadline_s: float = DEADLINE_S) -> Any:
    """What the service answered. Raises NotSent, final where trying again cannot help."""
    try:
        outcome = _outcome(chat, wanted, key=key, deadline_s=deadline_s)
    except (DomainError, CannotUnseal) as error:
        raise NotSent("connection", getattr(error, "detail", str(error))) from error
    if outcome.status is OutcomeStatus.SUCCEEDED:
        return outcome.result
    is_final = not outcome.retryable and not outcome.may_have_happened
    raise NotSent(outcome.reason, outcome.error, is_final=is_final, retry_after=outcome.retry_after)


def _outcome(chat: Chat, wanted: Call, *, key: str, deadline_s: float) -> Outcome:
    base = chat.base_url or _APIS[Medium(chat.kind)]
    is_discord = chat.kind == Medium.DISCORD
    headers = HEADERS if is_discord else None
    rendered = json_request(wanted.method, f"{base}/{wanted.path}", wanted.body, headers=headers)
    secret = connections.reveal(chat.connection)
    renew = partial(connections.renew, chat.connection, secret)
    with door(accounts.account_of(chat.connection, _LIMITS[Medium(chat.kind)])) as sender:
        request = ConnectorRequest(
            client=sender, secret=secret, config={}, operation="", arguments={}, rendered=rendered,
            idempotency_key=key, deadline_s=deadline_s, correlation_id=correlation_id(),
            renew=renew,
        )  # fmt: skip
        return perform(as_bot(request) if is_discord else request, judge=_JUDGES[chat.kind])
