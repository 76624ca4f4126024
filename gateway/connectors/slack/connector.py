"""Messages in Slack: post, change, delete, and incoming webhooks.

Settings: `base_url` (default Slack's), `formatting` (`plain`, the default, or `mrkdwn`) and
`broadcasts` (true lets a text call @channel, @here and @everyone).
Connection: `bearer` with the bot's token; for a webhook `dsn` with its whole address.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from time import monotonic
from typing import Any
from urllib.parse import urlencode

from gateway.connectors.base import Affected, ConnectorRequest, Outcome, OutcomeStatus, Preview
from gateway.connectors.calls import perform, read
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
from gateway.connectors.slack import writing
from gateway.connectors.slack.errors import checked, judged, judged_webhook
from gateway.connectors.slack.operations import (
    CHANNEL,
    DELETE,
    OPERATIONS,
    POST,
    TS,
    UPDATE,
    WEBHOOK,
)
from gateway.tools.render import RenderError

API = "https://slack.com/api"
HOOKS = "https://hooks.slack.com"
HOOK_PATH = f"/services/{HIDDEN}"
SETTINGS = frozenset({"base_url", "formatting", "broadcasts"})
METHODS = {POST: "chat.postMessage", UPDATE: "chat.update", DELETE: "chat.delete"}
EVENT_TYPE = "countersign_action"
KEY_IN = "metadata.event_payload.key"
# A look-up reads at most this many messages; more of them leave the question open.
PAGE, MAX_PAGES = 100, 5


class SlackConnector:
    """The key of an action travels in its message's metadata, and is found there again."""

    name = "slack"
    operations = OPERATIONS
    # About one message a second in a channel; short bursts are taken.
    limits: Mapping[str, Any] = {"requests": "1/s, burst 20"}

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
        """The exact request without token and key; pure."""
        found(self.operations, operation, connector=self.name)
        if operation == WEBHOOK:
            url = base_url(config, HOOKS) + HOOK_PATH
            return json_request("POST", url, _message(config, arguments))
        body: dict[str, Any] = {
            "channel": text_of(arguments, "channel", longest=40, pattern=CHANNEL)
        }
        if operation == POST:
            body |= _message(config, arguments) | _place(arguments)
        else:
            body["ts"] = text_of(arguments, "ts", longest=40, pattern=TS)
        if operation == UPDATE:
            changed = _message(config, arguments)
            del changed["mrkdwn"], changed["unfurl_links"], changed["unfurl_media"]
            body |= changed
        if operation != DELETE:
            # Otherwise Slack makes mentions and links of plain words, when a message is changed.
            body |= {"parse": "none", "link_names": False}
        url = f"{base_url(config, API)}/{METHODS[operation]}"
        rendered = json_request("POST", url, body)
        return rendered | {"key_in": KEY_IN} if operation == POST else rendered

    def preview(self, request: ConnectorRequest) -> Preview | None:
        """The channel or message as it is, and what the text will do there."""
        if request.operation == POST:
            return _preview_post(request)
        if request.operation == WEBHOOK:
            body = body_of(request)
            return _seen({"message": None}, {"message": _shown(body)}, writing.called(body))
        return _preview_change(request)

    def execute(self, request: ConnectorRequest) -> Outcome:
        """Send it once."""
        if request.operation == WEBHOOK:
            return _execute_webhook(request)
        if request.operation == POST:
            payload = {"key": request.idempotency_key}
            metadata = {"event_type": EVENT_TYPE, "event_payload": payload}
            request = marked(request, {"metadata": metadata})
        outcome = perform(request, judge=judged)
        if outcome.status is not OutcomeStatus.SUCCEEDED:
            return outcome
        return replace(
            outcome, result={name: outcome.result.get(name) for name in ("channel", "ts")}
        )

    def lookup(self, request: ConnectorRequest) -> Outcome | None:
        """The message that carries the key, or the one that is gone; None where neither is so.

        Raises OutsideError where Slack cannot be read.
        """
        if request.operation == DELETE:
            message = _message_at(request)
            return _sent(request, body_of(request)["ts"]) if message is None else None
        return _find(request) if request.operation == POST else None


def _message(config: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    text = text_of(arguments, "text", longest=writing.MAX_TEXT)
    body = writing.written(text, arguments.get("blocks"), config)
    # Slack would fetch what a text links to, and show it beside what was approved.
    return body | {"unfurl_links": False, "unfurl_media": False}


def _place(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Which thread it goes to."""
    if arguments.get("thread_ts") is None:
        if arguments.get("reply_broadcast"):
            raise RenderError("reply_broadcast", "only a reply in a thread can be shown twice")
        return {}
    place: dict[str, Any] = {"thread_ts": text_of(arguments, "thread_ts", longest=40, pattern=TS)}
    if arguments.get("reply_broadcast") is not None:
        place["reply_broadcast"] = bool(arguments["reply_broadcast"])
    return place


def _execute_webhook(request: ConnectorRequest) -> Outcome:
    addressed = to_secret_address(request)
    return addressed if isinstance(addressed, Outcome) else perform(addressed, judge=judged_webhook)


def _preview_post(request: ConnectorRequest) -> Preview:
    body = body_of(request)
    answer = checked(
        _get(request, "conversations.info", channel=body["channel"], include_num_members="true"),
        missing=frozenset({"channel_not_found"}),
    )
    channel = _channel(answer["channel"]) if answer else None
    affected = (_audience(body["channel"], channel), *writing.called(body))
    after = {"channel": channel, "message": _shown(body)}
    return _seen({"channel": channel, "message": None}, after, affected)


def _channel(channel: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": channel.get("name") or ("direct message" if channel.get("is_im") else ""),
        "members": channel.get("num_members"),
        "private": bool(channel.get("is_private")),
        "shared_with_others": bool(
            channel.get("is_ext_shared") or channel.get("is_pending_ext_shared")
        ),
        "archived": bool(channel.get("is_archived")),
        "bot_is_member": bool(channel.get("is_member") or channel.get("is_im")),
    }


def _audience(id: str, channel: Mapping[str, Any] | None) -> Affected:
    if channel is None:
        return Affected("slack_channel", id, "no channel that the bot can see")
    words = [f"#{channel['name']}"]
    if channel["members"] is not None:
        words.append(f"{channel['members']} members")
    if channel["shared_with_others"]:
        words.append("shared with other organisations")
    return Affected("slack_channel", id, ", ".join(words))


def _preview_change(request: ConnectorRequest) -> Preview:
    body, message = body_of(request), _message_at(request)
    place = f"{body['channel']}/{body['ts']}"
    before = None if message is None else {"text": message.get("text", "")}
    affected = [Affected("slack_message", place)]
    if request.operation == DELETE:
        return _seen(before, None, tuple(affected))
    return _seen(before, _shown(body), (*affected, *writing.called(body)))


def _shown(body: Mapping[str, Any]) -> dict[str, Any]:
    """A message as the reviewer has to see it."""
    shown = {name: body[name] for name in ("text", "blocks", "thread_ts") if name in body}
    return shown | writing.effects(body)


def _message_at(request: ConnectorRequest) -> Mapping[str, Any] | None:
    """The message that is to be changed; None where there is none."""
    body = body_of(request)
    place = {"channel": body["channel"], "latest": body["ts"], "oldest": body["ts"]}
    gone = frozenset({"message_not_found", "thread_not_found"})
    # What stands in a thread is not in the channel's history.
    for method, more in (
        ("conversations.history", {}),
        ("conversations.replies", {"ts": body["ts"]}),
    ):
        answer = _get(request, method, **place, **more, inclusive="true", limit="1")
        for message in _messages(checked(answer, missing=gone)):
            if message.get("ts") == body["ts"]:
                return message
    return None


def _find(request: ConnectorRequest) -> Outcome | None:
    """Read back to when the action was proposed; a channel too busy for that stays unknown."""
    body, since = body_of(request), proposed_at(request.idempotency_key)
    asked = {"channel": body["channel"], "include_all_metadata": "true", "limit": str(PAGE)}
    if since is not None:
        asked["oldest"] = f"{since:.6f}"
    method = "conversations.replies" if "thread_ts" in body else "conversations.history"
    if "thread_ts" in body:
        asked["ts"] = body["thread_ts"]
    ends_at = monotonic() + request.deadline_s
    for _ in range(MAX_PAGES):
        if monotonic() > ends_at:
            break
        answer = checked(_get(request, method, **asked))
        for message in _messages(answer):
            if _key_of(message) == request.idempotency_key:
                return _sent(request, str(message.get("ts")))
        cursor = ((answer or {}).get("response_metadata") or {}).get("next_cursor")
        if not cursor:
            return None
        asked["cursor"] = str(cursor)
    return Outcome(
        OutcomeStatus.UNKNOWN, reason="too_much_to_read", may_have_happened=True,
        error="There is more in the channel since than was read: look in Slack.",
    )  # fmt: skip


def _key_of(message: Mapping[str, Any]) -> Any:
    metadata = message.get("metadata")
    if not isinstance(metadata, Mapping) or metadata.get("event_type") != EVENT_TYPE:
        return None
    payload = metadata.get("event_payload")
    return payload.get("key") if isinstance(payload, Mapping) else None


def _messages(answer: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    found = (answer or {}).get("messages", [])
    return [m for m in found if isinstance(m, Mapping)] if isinstance(found, list) else []


def _sent(request: ConnectorRequest, ts: str) -> Outcome:
    result = {"channel": body_of(request)["channel"], "ts": ts}
    return Outcome(OutcomeStatus.SUCCEEDED, result=result, may_have_happened=True)


def _get(request: ConnectorRequest, method: str, **query: str) -> Any:
    return read(request, reading(f"{base_url(request.config, API)}/{method}?{urlencode(query)}"))


def _seen(before: Any, after: Any, affected: tuple[Affected, ...]) -> Preview:
    return Preview(before, after, affected, datetime.now(UTC))
