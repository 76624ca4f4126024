"""Messages in Discord: send, change, delete, and incoming webhooks.

Settings: `base_url` (default Discord's), `formatting` (`plain`, the default, or `markdown`) and
`mentions` (the kinds that a call may notify: everyone, roles, users; none by default).
Connection: `bearer` with the bot's token; for a webhook `dsn` with its whole address.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from time import monotonic
from typing import Any

from gateway.connectors.base import (
    Affected,
    ConnectorRequest,
    Outcome,
    OutcomeStatus,
    Preview,
    Secret,
)
from gateway.connectors.calls import perform, read
from gateway.connectors.discord import writing
from gateway.connectors.discord.errors import judged
from gateway.connectors.discord.operations import CREATE, DELETE, OPERATIONS, SNOWFLAKE, WEBHOOK
from gateway.connectors.operations import check_schema, found
from gateway.connectors.rest import (
    HIDDEN,
    base_url,
    body_of,
    check_fields,
    json_request,
    marked,
    proposed_at,
    reading,
    text_of,
    to_secret_address,
)
from gateway.http.errors import OutsideError

API = "https://discord.com/api/v10"
HOOKS = "https://discord.com/api"
HOOK_PATH = f"/webhooks/{HIDDEN}?wait=true"
SETTINGS = frozenset({"base_url", "formatting", "mentions"})
# Discord turns away clients that do not name themselves in this form.
HEADERS = {"User-Agent": "DiscordBot (countersign, 0.1.0)"}
METHODS = {"create_message": "POST", "edit_message": "PATCH", "delete_message": "DELETE"}
EPOCH_MS = 1_420_070_400_000
MAX_NONCE = 25
# A look-up reads at most this many messages; more of them leave the question open.
PAGE, MAX_PAGES = 100, 5


class DiscordConnector:
    """The key of an action is its message's nonce: within minutes Discord takes it once only."""

    name = "discord"
    operations = OPERATIONS
    limits: Mapping[str, Any] = {"requests": "50/s"}

    def check(self, operation: str, config: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
        """Judge a tool's definition; raises Unknown or RenderError."""
        described = found(self.operations, operation, connector=self.name)
        check_fields(config, SETTINGS)
        base_url(config, API)
        writing.check_settings(config)
        if "result" not in schema.get("properties", {}):
            check_schema(described, schema)

    def render(
        self, config: Mapping[str, Any], operation: str, arguments: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The exact request without token and nonce; pure."""
        found(self.operations, operation, connector=self.name)
        body = None if operation == DELETE else writing.written(config, arguments)
        if operation == WEBHOOK:
            url = base_url(config, HOOKS) + HOOK_PATH
            return json_request("POST", url, body, headers=HEADERS)
        url = f"{base_url(config, API)}/channels/{_id(arguments, 'channel_id')}/messages"
        if operation != CREATE:
            url = f"{url}/{_id(arguments, 'message_id')}"
            return json_request(METHODS[operation], url, body, headers=HEADERS)
        if arguments.get("reply_to") is not None:
            reference = {"message_id": _id(arguments, "reply_to"), "fail_if_not_exists": True}
            body = {**(body or {}), "message_reference": reference}
        return json_request("POST", url, body, headers=HEADERS) | {"key_in": "nonce"}

    def preview(self, request: ConnectorRequest) -> Preview | None:
        """The channel or message as it is, and what the text will do there."""
        if request.operation == CREATE:
            return _preview_create(as_bot(request))
        if request.operation == WEBHOOK:
            return _preview_webhook(request)
        return _preview_change(as_bot(request))

    def execute(self, request: ConnectorRequest) -> Outcome:
        """Send it once."""
        if request.operation == WEBHOOK:
            addressed = to_secret_address(request)
            if isinstance(addressed, Outcome):
                return addressed
            return _kept(request, perform(addressed, judge=judged))
        request = as_bot(request)
        if request.operation == CREATE:
            nonce = {"nonce": _nonce(request.idempotency_key), "enforce_nonce": True}
            request = marked(request, nonce)
        return _kept(request, perform(request, judge=judged))

    def lookup(self, request: ConnectorRequest) -> Outcome | None:
        """The message with the nonce, or the one that is gone; None where neither is so.

        Discord does not always show the nonce again. A message of the bot with the same text is
        therefore no proof, but reason enough to ask a person. Raises OutsideError where Discord
        cannot be read.
        """
        request = as_bot(request)
        if request.operation == DELETE:
            return _done(request, {}) if _message(request) is None else None
        return _find(request) if request.operation == CREATE else None


def _id(arguments: Mapping[str, Any], name: str) -> str:
    return text_of(arguments, name, longest=20, pattern=SNOWFLAKE)


def as_bot(request: ConnectorRequest) -> ConnectorRequest:
    """A bot's token is sent as `Bot`, where others write `Bearer`."""
    return replace(request, secret=_bot(request.secret), renew=lambda: _fresh(request))


def _fresh(request: ConnectorRequest) -> Secret | None:
    fresh = request.renew() if request.renew else None
    return fresh and _bot(fresh)


def _bot(secret: Secret | None) -> Secret | None:
    if secret is None or secret.kind != "bearer":
        return secret
    return replace(secret, kind="header", value=f"Bot {secret.value}", header="Authorization")


def _nonce(key: str) -> str:
    """A key is longer than a nonce may be."""
    return hashlib.sha256(key.encode()).hexdigest()[:MAX_NONCE]


def _kept(request: ConnectorRequest, outcome: Outcome) -> Outcome:
    """Of Discord's message only where it is: its text and author are known already."""
    if outcome.status is not OutcomeStatus.SUCCEEDED:
        return outcome
    message = outcome.result if isinstance(outcome.result, Mapping) else {}
    return replace(_done(request, message), response=outcome.response)


def _done(request: ConnectorRequest, message: Mapping[str, Any]) -> Outcome:
    steps = request.rendered["url"].partition("/channels/")[2].split("/")
    result = {
        "channel_id": str(message.get("channel_id") or steps[0]),
        "message_id": str(message.get("id") or steps[-1]),
    }
    return Outcome(OutcomeStatus.SUCCEEDED, result=result, may_have_happened=True)


def _preview_create(request: ConnectorRequest) -> Preview:
    body = body_of(request)
    id = request.rendered["url"].partition("/channels/")[2].partition("/")[0]
    channel = _get(request, f"/channels/{id}")
    seen = None if channel is None else _channel(request, channel)
    affected = (Affected("discord_channel", id, _audience(seen)), *writing.notified(body))
    after = {"channel": seen, "message": _shown(body)}
    return _seen({"channel": seen, "message": None}, after, affected)


def _channel(request: ConnectorRequest, channel: Mapping[str, Any]) -> dict[str, Any]:
    guild_id = channel.get("guild_id")
    guild = _get(request, f"/guilds/{guild_id}?with_counts=true") if guild_id else None
    return {
        "name": channel.get("name") or "direct message",
        "server": guild.get("name") if guild else None,
        "members": guild.get("approximate_member_count") if guild else None,
    }


def _audience(channel: Mapping[str, Any] | None) -> str:
    if channel is None:
        return "no channel that the bot can see"
    words = [f"#{channel['name']}"]
    if channel["server"]:
        words.append(f"server {channel['server']}")
    if channel["members"] is not None:
        words.append(f"{channel['members']} members")
    return ", ".join(words)


def _preview_webhook(request: ConnectorRequest) -> Preview:
    body = body_of(request)
    return _seen({"message": None}, {"message": _shown(body)}, writing.notified(body))


def _preview_change(request: ConnectorRequest) -> Preview:
    message, place = _message(request), request.rendered["url"].partition("/channels/")[2]
    before = None
    if message is not None:
        author = message.get("author") or {}
        before = {"content": message.get("content"), "author": author.get("username")}
    affected = (Affected("discord_message", place.replace("/messages/", "/")),)
    if request.operation == DELETE:
        return _seen(before, None, affected)
    body = body_of(request)
    return _seen(before, (before or {}) | _shown(body), (*affected, *writing.notified(body)))


def _shown(body: Mapping[str, Any]) -> dict[str, Any]:
    """A message as the reviewer has to see it."""
    shown = {"content": body["content"]} | writing.effects(body)
    if "message_reference" in body:
        shown["reply_to"] = body["message_reference"]["message_id"]
    return shown


def _message(request: ConnectorRequest) -> Any:
    """The message that is to be changed; None where there is none."""
    place = request.rendered["url"].removeprefix(base_url(request.config, API))
    return _get(request, place)


def _find(request: ConnectorRequest) -> Outcome | None:
    """Read on from when the action was proposed; too much talk since then leaves it unknown."""
    url = request.rendered["url"].removeprefix(base_url(request.config, API))
    me, content = _get(request, "/users/@me"), body_of(request)["content"].strip()
    after = _first_id(request.idempotency_key)
    ends_at = monotonic() + request.deadline_s
    for _ in range(MAX_PAGES):
        if monotonic() > ends_at:
            break
        page = _get(request, f"{url}?limit={PAGE}&after={after}") or []
        for message in page:
            if message["author"]["id"] != (me or {}).get("id"):
                continue
            if message.get("nonce") == _nonce(request.idempotency_key):
                return _done(request, message)
            if message.get("content") == content:
                return _perhaps(message)
        if len(page) < PAGE:
            return None
        after = max(int(message["id"]) for message in page)
    return Outcome(
        OutcomeStatus.UNKNOWN, reason="too_much_to_read", may_have_happened=True,
        error="There is more in the channel since than was read: look in Discord.",
    )  # fmt: skip


def _perhaps(message: Mapping[str, Any]) -> Outcome:
    return Outcome(
        OutcomeStatus.UNKNOWN, reason="same_text_found", may_have_happened=True,
        result={"channel_id": message.get("channel_id"), "message_id": message["id"]},
        error=f"The bot's message {message['id']} has the same text; Discord does not show "
        "whether this action sent it.",
    )  # fmt: skip


def _first_id(key: str) -> int:
    """The smallest id of a message that an action of this key can have sent."""
    since = proposed_at(key)
    return 0 if since is None else (int(since * 1000) - EPOCH_MS) << 22


def _get(request: ConnectorRequest, path: str) -> Any:
    """The JSON behind a path; None for 404. Raises OutsideError."""
    value = read(request, reading(base_url(request.config, API) + path, HEADERS))
    expected = list if "?limit=" in path else Mapping
    if value is not None and not isinstance(value, expected):
        raise OutsideError("bad_answer", True, False, detail="Discord's answer cannot be read.")
    return value


def _seen(before: Any, after: Any, affected: tuple[Affected, ...]) -> Preview:
    return Preview(before, after, affected, datetime.now(UTC))
