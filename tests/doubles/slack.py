"""Slack's API as far as messages go: refusals under status 200, rate limits, pages of history."""

import re
from dataclasses import dataclass, field
from typing import Any

from tests.doubles.serving import Asked, Said, Service

TOKEN = "xoxb-for-tests"
HOOK = "/services/T0001/B0001/secret-part"
BOT, SOMEBODY = "B0BOT", "U0SOMEBODY"
KNOWN = {
    "chat.postMessage": {
        "channel", "text", "blocks", "mrkdwn", "thread_ts", "reply_broadcast", "metadata",
        "unfurl_links", "unfurl_media", "parse", "link_names",
    },
    "chat.update": {"channel", "ts", "text", "blocks", "parse", "link_names"},
    "chat.delete": {"channel", "ts"},
    "chat.postEphemeral": {"channel", "user", "text"},
    "views.open": {"trigger_id", "view"},
}  # fmt: skip


@dataclass
class Slack(Service):
    """One workspace: `channels` by id, each with its `messages`, newest first as Slack lists.

    `told` is what only one person saw, `views` the forms that were opened.
    """

    channels: dict[str, dict[str, Any]] = field(default_factory=dict)
    messages: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    told: list[tuple[str, str]] = field(default_factory=list)
    views: list[dict[str, Any]] = field(default_factory=list)
    clock: int = 1_700_000_000
    page: int = 100

    def __post_init__(self) -> None:
        self.add("C00GENERAL", "general", members=42)

    def add(self, id: str, name: str, *, members: int, **more: Any) -> None:
        """A channel that the bot is in."""
        self.channels[id] = {
            "id": id, "name": name, "num_members": members, "is_member": True,
            "is_private": False, "is_archived": False, "is_ext_shared": False, **more,
        }  # fmt: skip
        self.messages[id] = []

    def says(self, channel: str, text: str, *, by: str = SOMEBODY, **more: Any) -> dict[str, Any]:
        """A message in the channel, as if somebody had written it."""
        self.clock += 1
        message = {"type": "message", "ts": f"{self.clock}.000100", "text": text, "by": by, **more}
        self.messages[channel].insert(0, message)
        return message

    def answer(self, asked: Asked) -> Said:
        if asked.path.startswith("/services/"):
            return self._hook(asked)
        if asked.headers.get("authorization") != f"Bearer {TOKEN}":
            return _no("invalid_auth" if "authorization" in asked.headers else "not_authed")
        method = asked.path.removeprefix("/api/")
        if asked.method == "POST":
            return self._change(method, asked.json)
        return self._read(method, dict(asked.query))

    def _hook(self, asked: Asked) -> Said:
        if asked.path != HOOK:
            return Said(404, b"no_service")
        if not asked.json.get("text"):
            return Said(400, b"no_text")
        self.says("C00GENERAL", asked.json["text"], by=BOT)
        self.effects.append(("hook", asked.json["text"]))
        return Said(200, b"ok", {"Content-Type": "text/html"})

    def _change(self, method: str, body: dict[str, Any]) -> Said:
        if method not in KNOWN:
            return _no("unknown_method")
        if unknown := set(body) - KNOWN[method]:
            return _no("invalid_arguments", response_metadata={"messages": sorted(unknown)})
        if method == "views.open":
            self.views.append(body["view"])
            self.effects.append(("view", body["trigger_id"]))
            return _yes(view={"id": "V1"})
        channel = self.channels.get(body.get("channel", ""))
        if channel is None:
            return _no("channel_not_found")
        if channel["is_archived"]:
            return _no("is_archived")
        if not channel["is_member"]:
            return _no("not_in_channel")
        if method == "chat.postEphemeral":
            self.told.append((body["user"], body["text"]))
            return _yes(message_ts="1.0")
        return self._post(body) if method == "chat.postMessage" else self._alter(method, body)

    def _post(self, body: dict[str, Any]) -> Said:
        kept = {name: body[name] for name in ("thread_ts", "metadata", "blocks") if name in body}
        message = self.says(body["channel"], body["text"], by=BOT, **kept)
        key = body.get("metadata", {}).get("event_payload", {}).get("key")
        said = {"channel": body["channel"], "ts": message["ts"], "message": message}
        self.effects.append(("post", key))
        return _yes(**said)

    def _alter(self, method: str, body: dict[str, Any]) -> Said:
        found = [m for m in self.messages[body["channel"]] if m["ts"] == body["ts"]]
        if not found:
            return _no("message_not_found")
        is_update = method == "chat.update"
        if found[0]["by"] != BOT:
            return _no("cant_update_message" if is_update else "cant_delete_message")
        if is_update:
            found[0] |= {name: body[name] for name in ("text", "blocks") if name in body}
        else:
            self.messages[body["channel"]].remove(found[0])
        self.effects.append(("update" if is_update else "delete", body["ts"]))
        return _yes(channel=body["channel"], ts=body["ts"])

    def _read(self, method: str, query: dict[str, str]) -> Said:
        channel = self.channels.get(query.get("channel", ""))
        if channel is None:
            return _no("channel_not_found")
        if method == "conversations.info":
            hidden = set() if query.get("include_num_members") == "true" else {"num_members"}
            return _yes(channel={k: v for k, v in channel.items() if k not in hidden})
        if not channel["is_member"]:
            return _no("not_in_channel")
        threads = method == "conversations.replies"
        return self._history(query, threads=threads)

    def _history(self, query: dict[str, str], *, threads: bool) -> Said:
        """Newest first in the channel; of a thread its head and its replies, oldest first."""
        listed = self.messages[query["channel"]]
        if threads:
            around = {query["ts"]}
            listed = [m for m in reversed(listed) if around & {m["ts"], m.get("thread_ts")}]
            if not listed:
                return _no("thread_not_found")
        else:
            listed = [m for m in listed if "thread_ts" not in m]
        listed = [m for m in listed if _is_within(m["ts"], query)]
        start = int(query.get("cursor") or 0)
        size = min(int(query.get("limit", 100)), self.page)
        shown = [_as_shown(m, query) for m in listed[start : start + size]]
        more = start + size < len(listed)
        cursor = str(start + size) if more else ""
        return _yes(messages=shown, has_more=more, response_metadata={"next_cursor": cursor})


def _is_within(ts: str, query: dict[str, str]) -> bool:
    oldest, latest = float(query.get("oldest", 0)), float(query.get("latest", "inf"))
    if query.get("inclusive") == "true":
        return oldest <= float(ts) <= latest
    return oldest < float(ts) < latest


def _as_shown(message: dict[str, Any], query: dict[str, str]) -> dict[str, Any]:
    hidden = set() if query.get("include_all_metadata") == "true" else {"metadata"}
    return {name: value for name, value in message.items() if name not in hidden}


def _yes(**more: Any) -> Said:
    return Said(200, {"ok": True, **more})


def _no(error: str, **more: Any) -> Said:
    assert re.fullmatch("[a-z_]+", error)
    return Said(200, {"ok": False, "error": error, **more})


def rate_limited(seconds: int) -> Said:
    """What Slack says to who asks too often."""
    return Said(429, {"ok": False, "error": "ratelimited"}, {"Retry-After": str(seconds)})
