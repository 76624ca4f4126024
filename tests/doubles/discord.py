"""Discord as far as messages go: nonces for a while, permissions, rate limits in bodies, pages."""

import re
from dataclasses import dataclass, field
from typing import Any

from tests.doubles.serving import Asked, Said, Service

TOKEN = "bot-token-for-tests"
HOOK = "/api/webhooks/900000000000000009/secret-part"
GUILD, CHANNEL = "800000000000000008", "700000000000000007"
BOT, SOMEBODY = "600000000000000006", "600000000000000001"
EPOCH_MS = 1_420_070_400_000
MAX_CONTENT = 2000


@dataclass
class Discord(Service):
    """One server with one channel. `shows_nonce`: whether a message that is read has its nonce."""

    messages: list[dict[str, Any]] = field(default_factory=list)
    nonces: dict[str, dict[str, Any]] = field(default_factory=dict)
    now_ms: int = 1_700_000_000_000
    members: int = 1200
    may_send: bool = True
    shows_nonce: bool = False

    def says(self, content: str, *, by: str = SOMEBODY, **more: Any) -> dict[str, Any]:
        """A message in the channel, as if somebody had written it."""
        self.now_ms += 1000
        message = {
            "id": str((self.now_ms - EPOCH_MS) << 22), "channel_id": CHANNEL, "type": 0,
            "content": content.strip(), "author": _user(by), "mentions": [], "mention_roles": [],
            "mention_everyone": False, "attachments": [], "embeds": [], "components": [],
            "timestamp": "2026-11-26T03:00:00.000Z", "edited_timestamp": None, "flags": 4,
            "pinned": False, "tts": False, **more,
        }  # fmt: skip
        self.messages.append(message)
        return message

    def forgets_nonces(self) -> None:
        """Some minutes pass."""
        self.nonces.clear()

    def answer(self, asked: Asked) -> Said:
        if not asked.headers.get("user-agent", "").startswith("DiscordBot ("):
            return Said(403, b"error code: 1010", {"Content-Type": "text/plain"})
        if asked.path.startswith("/api/webhooks/"):
            return self._hook(asked)
        if asked.headers.get("authorization") != f"Bot {TOKEN}":
            return Said(401, {"message": "401: Unauthorized", "code": 0})
        match asked.steps[2:]:
            case ["users", "@me"]:
                return Said(200, _user(BOT))
            case ["users", "@me", "channels"]:
                return Said(200, {"id": CHANNEL, "type": 1})
            case ["guilds", id] if id == GUILD:
                return Said(200, {"id": GUILD, "name": "Acme", **self._counts(asked)})
            case ["channels", id, *rest] if id == CHANNEL:
                return self._channel(asked, rest)
        return Said(404, {"message": "Unknown Channel", "code": 10003})

    def _counts(self, asked: Asked) -> dict[str, int]:
        wanted = asked.query.get("with_counts") == "true"
        return {"approximate_member_count": self.members} if wanted else {}

    def _channel(self, asked: Asked, rest: list[str]) -> Said:
        match asked.method, rest:
            case "GET", []:
                return Said(200, {
                    "id": CHANNEL, "type": 0, "name": "alerts", "guild_id": GUILD, "flags": 0,
                    "position": 1,
                })  # fmt: skip
            case "GET", ["messages"]:
                return Said(200, self._page(asked))
            case "POST", ["messages"]:
                return self._create(asked.json)
            case method, ["messages", id]:
                return self._one(method, id, asked)
        return Said(405, {"message": "405: Method Not Allowed", "code": 0})

    def _page(self, asked: Asked) -> list[dict[str, Any]]:
        """The oldest after `after`, newest first."""
        after, limit = int(asked.query.get("after", 0)), min(int(asked.query.get("limit", 50)), 100)
        hidden = set() if self.shows_nonce else {"nonce"}
        later = [m for m in self.messages if int(m["id"]) > after][:limit]
        return [{k: v for k, v in m.items() if k not in hidden} for m in reversed(later)]

    def _create(self, body: dict[str, Any]) -> Said:
        if (refusal := self._refusal(body)) is not None:
            return refusal
        nonce = body.get("nonce", "")
        if body.get("enforce_nonce") and nonce in self.nonces:
            return Said(200, self.nonces[nonce])
        more = {"nonce": nonce} if nonce else {}
        more |= {"components": body["components"]} if "components" in body else {}
        message = self.says(body["content"], by=BOT, **more, **_mentioned(body))
        self.nonces[nonce] = message
        self.effects.append(("create", nonce))
        return Said(200, message)

    def _refusal(self, body: dict[str, Any]) -> Said | None:
        if not self.may_send:
            return Said(403, {"message": "Missing Permissions", "code": 50013})
        if not body.get("content", "").strip():
            return Said(400, {"message": "Cannot send an empty message", "code": 50006})
        if len(body["content"]) > MAX_CONTENT:
            return Said(400, {"message": "Invalid Form Body", "code": 50035})
        return None

    def _one(self, method: str, id: str, asked: Asked) -> Said:
        found = next((m for m in self.messages if m["id"] == id), None)
        if found is None:
            return Said(404, {"message": "Unknown Message", "code": 10008})
        if method == "GET":
            return Said(200, found)
        if method == "PATCH":
            if found["author"]["id"] != BOT:
                return Said(403, {"message": "Cannot edit", "code": 50005})
            found |= {k: asked.json[k] for k in ("content", "components") if k in asked.json}
            self.effects.append(("edit", id))
            return Said(200, found)
        self.messages.remove(found)
        self.effects.append(("delete", id))
        return Said(204)

    def _hook(self, asked: Asked) -> Said:
        if asked.path != HOOK:
            return Said(404, {"message": "Unknown Webhook", "code": 10015})
        message = self.says(asked.json["content"], by=BOT, **_mentioned(asked.json))
        self.effects.append(("hook", message["id"]))
        return Said(200, message) if asked.query.get("wait") == "true" else Said(204)


def _user(id: str) -> dict[str, Any]:
    return {
        "id": id, "username": "deploy-bot" if id == BOT else "ana", "avatar": None,
        "discriminator": "0", "public_flags": 0, "flags": 0, "global_name": None,
        "primary_guild": None,
    }  # fmt: skip


def _mentioned(body: dict[str, Any]) -> dict[str, Any]:
    """Whom the message notifies: what stands in the text, as far as it is allowed."""
    allowed = body.get("allowed_mentions", {}).get("parse", ["everyone", "roles", "users"])
    text = body["content"]
    users = re.findall(r"<@!?(\d+)>", text) if "users" in allowed else []
    roles = re.findall(r"<@&(\d+)>", text) if "roles" in allowed else []
    everyone = "everyone" in allowed and bool(re.search("@(everyone|here)", text))
    return {
        "mentions": [_user(id) for id in users], "mention_roles": roles,
        "mention_everyone": everyone,
    }  # fmt: skip


def rate_limited(seconds: float, *, whole_bot: bool = False) -> Said:
    """What Discord says to who asks too often: the header is rounded up, the body is exact."""
    body = {"message": "You are being rate limited.", "retry_after": seconds, "global": whole_bot}
    return Said(429, body, {"Retry-After": str(int(seconds) + 1)})
