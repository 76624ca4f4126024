"""The demo's other side: a sandbox agent and a shop as one small HTTP service of its own.

It speaks with Countersign over real HTTP only, as any provider and any service does. Everything it
promises is in its store before it answers, so it may be killed at any moment.
"""

import hashlib
import hmac
import json
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

import uvicorn

from gateway.demo import agent, shop
from gateway.demo.calls import Call, Refusal, Reply, Route
from gateway.demo.outbox import FIRST_WAIT_S, Outbox, door, sign
from gateway.demo.store import Store

log = logging.getLogger(__name__)
HOOK_VARIABLE = "COUNTERSIGN_DEMO_WEBHOOK_SECRET"
KEY_VARIABLE = "COUNTERSIGN_DEMO_API_KEY"
MAX_BODY_BYTES = 1024 * 1024
MAX_KEY_LENGTH = 255
ROUTES: tuple[Route, ...] = (*agent.ROUTES, *shop.ROUTES)
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


@dataclass(frozen=True)
class Settings:
    """How to run: port 0 takes a free one; the secrets come from the environment."""

    port: int
    webhook_url: str
    webhook_secret: str
    api_key: str
    state_dir: Path
    host: str = "127.0.0.1"
    first_wait_s: float = FIRST_WAIT_S


class BadSettings(ValueError):
    """The service cannot start like this; the message says what to set."""


def settings_from(
    *, port: int, webhook_url: str, state_dir: Path, environment: Mapping[str, str] = os.environ
) -> Settings:
    """The settings with the two secrets of the environment; raises BadSettings."""
    for name in (HOOK_VARIABLE, KEY_VARIABLE):
        if not environment.get(name):
            raise BadSettings(f"{name} is not set.")
    if not webhook_url.startswith(("http://", "https://")):
        raise BadSettings("The webhook URL must begin with http:// or https://.")
    try:
        sign(environment[HOOK_VARIABLE], message_id="check", sent_at=0, body=b"")
    except ValueError as error:
        raise BadSettings(f"{HOOK_VARIABLE} is not a whsec_ secret: {error}") from error
    return Settings(
        port=port,
        webhook_url=webhook_url,
        webhook_secret=environment[HOOK_VARIABLE],
        api_key=environment[KEY_VARIABLE],
        state_dir=state_dir,
    )


class Service:
    """The ASGI application, with the store and the outbox behind it."""

    def __init__(self, settings: Settings) -> None:
        self._api_key = settings.api_key
        self.store = Store(settings.state_dir)
        with self.store.transaction() as documents:
            shop.stock(documents)
        self.outbox = Outbox(
            store=self.store,
            url=settings.webhook_url,
            secret=settings.webhook_secret,
            client=door(settings.webhook_url),
            first_wait_s=settings.first_wait_s,
        )

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """One request, or the life of the process."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            status, body = await self._answer(scope, receive)
            await _reply(send, status, body)

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self.outbox.start()
                await send({"type": "lifespan.startup.complete"})
            else:
                self.outbox.stop()
                self.store.close()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _answer(self, scope: Message, receive: Receive) -> Reply:
        try:
            if (raw := await _body(receive)) is None:
                raise Refusal(413, "too_large", "The body is larger than 1 MiB.")
            reply = self._handle(scope, raw)
        except Refusal as refusal:
            return refusal.status, refusal.body
        self.outbox.wake()
        return reply

    def _handle(self, scope: Message, raw: bytes) -> Reply:
        path = scope["path"]
        if path == "/healthz":
            return 200, {"status": "ok"}
        route, found = _route(scope["method"], _segments(scope))
        headers = _headers(scope)
        if not route.is_open:
            self._authenticate(headers)
        key = headers.get("idempotency-key", "")[:MAX_KEY_LENGTH]
        query = dict(parse_qsl(scope["query_string"].decode("ascii", "replace")))
        body = _json(raw) if scope["method"] == "POST" else {}
        with self.store.transaction() as documents:
            call = Call(documents, found, query, body, key)
            if route.once and key:
                fingerprint = hashlib.sha256(f"{path}\n".encode() + raw).hexdigest()
                return _once(route, call, fingerprint)
            return route.handler(call)

    def _authenticate(self, headers: Mapping[str, str]) -> None:
        given = headers.get("authorization", "").encode()
        if not hmac.compare_digest(given, f"Bearer {self._api_key}".encode()):
            raise Refusal(401, "unauthorized", "The API key is missing or wrong.")


def _once(route: Route, call: Call, fingerprint: str) -> Reply:
    """The first answer under this key, again: a repeated call has no second effect."""
    known = call.documents.get("effect", call.key)
    if known is None:
        status, body = route.handler(call)
        effect = {"status": status, "body": body, "fingerprint": fingerprint}
        call.documents.put("effect", call.key, effect)
        return status, body
    if known["fingerprint"] != fingerprint:
        raise Refusal(422, "key_reused", "This idempotency key belongs to another request.")
    return known["status"], known["body"]


def _route(method: str, path: str) -> tuple[Route, dict[str, str]]:
    matches = [(route, found) for route in ROUTES if (found := route.path.fullmatch(path))]
    if not matches:
        raise Refusal(404, "not_found", "There is nothing at this address.")
    for route, found in matches:
        if route.method == method:
            return route, {name: unquote(value) for name, value in found.groupdict().items()}
    raise Refusal(405, "method_not_allowed", f"{method} is not possible here.")


def _segments(scope: Message) -> str:
    """The path before unescaping, so that an escaped slash stays within its segment."""
    return bytes(scope["raw_path"]).decode("ascii", "replace").partition("?")[0]


def _headers(scope: Message) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


def _json(raw: bytes) -> dict[str, Any]:
    try:
        body = json.loads(raw or b"{}")
    except ValueError as error:
        raise Refusal(400, "not_json", "The body is not JSON.") from error
    if not isinstance(body, dict):
        raise Refusal(400, "not_json", "The body is not a JSON object.")
    return body


async def _body(receive: Receive) -> bytes | None:
    """The whole body, or None where it is too large or the client has gone."""
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        if len(body) > MAX_BODY_BYTES:
            return None
        if not message.get("more_body"):
            return body


async def _reply(send: Send, status: int, body: Mapping[str, Any]) -> None:
    content = json.dumps(body).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


def listen(host: str, port: int) -> socket.socket:
    """A bound socket, so that the port is known before the service runs."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    return listener


def server(settings: Settings) -> uvicorn.Server:
    """The server, ready to run on a socket of `listen`."""
    config = uvicorn.Config(
        Service(settings), log_level="warning", access_log=False, lifespan="on", ws="none"
    )
    return uvicorn.Server(config)


def serve(settings: Settings, announce: Callable[[str], None]) -> None:
    """Run until a signal ends it; `announce` gets the URL once the port is open."""
    with listen(settings.host, settings.port) as listener:
        host, port = listener.getsockname()[:2]
        running = server(settings)
        listener.listen()
        announce(f"http://{host}:{port}")
        running.run(sockets=[listener])
