"""The intake application in this process, and deliveries signed by `standardwebhooks`."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.db import connections
from standardwebhooks import Webhook

from gateway.tenants.models import Environment
from webhooks.ingest import Intake
from webhooks.models import Source
from webhooks.services import NewSecret, create_source

SECRET = "whsec_bWFueSBzbWFsbCBsYW1wcyBsaWdodCB0aGUgcXVheQ=="
BODY = b'{"event": "order.created",  "number": 1}'
Message = dict[str, Any]


@dataclass(frozen=True)
class Delivery:
    """One POST to a source; `headers` as they travel."""

    address: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Answered:
    """What the sender gets."""

    status: int
    body: dict[str, Any]


def standard_source(environment: Environment, **more: Any) -> Source:
    """A source of the scheme `standard` whose secret is SECRET."""
    return create_source(environment, scheme="standard", secrets=[NewSecret(SECRET)], **more)


def signed(
    source: Source, body: bytes = BODY, *, message_id: str = "msg_1", at: datetime | None = None
) -> Delivery:
    """A genuine delivery of the scheme `standard`."""
    moment = at or datetime.now(UTC)
    headers = {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": Webhook(SECRET).sign(message_id, moment, body.decode()),
    }
    return Delivery(source.address, body, headers)


def deliver(
    *deliveries: Delivery,
    doors: int = 1,
    before_answer: Callable[[], None] | None = None,
    prepare: Callable[[Intake], None] | None = None,
) -> list[Answered]:
    """Send all at the same time, spread over so many intake applications; their answers in order.

    `before_answer` runs in a thread at the moment an answer begins; `prepare` gets each door.
    """
    return asyncio.run(_deliver(deliveries, doors, before_answer=before_answer, prepare=prepare))


async def _deliver(
    deliveries: Sequence[Delivery],
    doors: int,
    *,
    before_answer: Callable[[], None] | None,
    prepare: Callable[[Intake], None] | None,
) -> list[Answered]:
    intakes = [Intake() for _ in range(doors)]
    for intake in intakes:
        if prepare:
            prepare(intake)
    answers = await asyncio.gather(
        *(
            _post(intakes[number % doors], delivery, before_answer)
            for number, delivery in enumerate(deliveries)
        )
    )
    for intake in intakes:
        await _close(intake)
    return answers


async def _close(intake: Intake) -> None:
    """Write the counts, and leave no connection open that would keep the test database busy."""
    await intake.flush()
    for thread in vars(intake).values():
        if isinstance(thread, ThreadPoolExecutor):
            await asyncio.get_running_loop().run_in_executor(thread, connections.close_all)
    await intake.group.store.close()


async def _post(
    intake: Intake, delivery: Delivery, before_answer: Callable[[], None] | None
) -> Answered:
    scope = {
        "type": "http", "method": "POST", "path": f"/webhooks/{delivery.address}",
        "headers": [(name.encode(), value.encode()) for name, value in delivery.headers.items()],
        "client": ("127.0.0.1", 5000),
    }  # fmt: skip
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": delivery.body, "more_body": False}

    async def send(message: Message) -> None:
        if before_answer and message["type"] == "http.response.start":
            await asyncio.to_thread(_in_a_thread, before_answer)
        sent.append(message)

    await _call(intake, scope, receive, send)
    body = b"".join(message.get("body", b"") for message in sent)
    return Answered(sent[0]["status"], json.loads(body) if body else {})


async def _call(
    intake: Intake,
    scope: Message,
    receive: Callable[[], Awaitable[Message]],
    send: Callable[[Message], Awaitable[None]],
) -> None:
    await intake(scope, receive, send)


def _in_a_thread(look: Callable[[], None]) -> None:
    try:
        look()
    finally:
        connections.close_all()
