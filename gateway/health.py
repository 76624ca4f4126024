"""`/healthz` and `/readyz`: whether the process lives, and whether the work gets done.

Answered in front of Django, so that a probe needs no host name, session or middleware. `/readyz`
checks everything; a load balancer that should go on sending webhooks while nobody executes asks
`/readyz?check=database` only.
"""

import json
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

import structlog
from asgiref.sync import sync_to_async
from django.db import DatabaseError, close_old_connections, connection, models
from django.db.models.functions import Now
from django.utils import timezone

from approvals.models import Action
from gateway.lib import broker, heartbeat
from gateway.models import Lease
from gateway.runs.models import Report, Run
from webhooks.models import Event

log = structlog.get_logger(__name__)
# The sweep comes every second; what is due for minutes is stuck.
LATEST_DUE_S = 300
# The row that is written where nobody else writes, and how long it proves that it can be.
NAME = "readiness"
WRITTEN_S = 5
# Every column that says "something must still happen with this row".
DUE: tuple[tuple[type[models.Model], str], ...] = (
    (Event, "due_at"),
    (Action, "due_at"),
    (Action, "announce_due_at"),
    (Run, "due_at"),
    (Run, "announce_due_at"),
    (Run, "cancel_due_at"),
    (Report, "due_at"),
)
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


@dataclass(frozen=True)
class Check:
    """What one look found; `detail` says what to do where it is not ok."""

    ok: bool
    detail: str


async def application(scope: Message, receive: Receive, send: Send) -> None:
    """The ASGI sub-application for both addresses."""
    if scope["path"].rstrip("/") == "/healthz":
        return await _send(send, 200, {"status": "ok"})
    wanted = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("check", [])
    status, body = await sync_to_async(readiness)(wanted)
    return await _send(send, status, body)


def readiness(wanted: list[str] | None = None) -> tuple[int, dict[str, Any]]:
    """Status 200 where all (wanted) checks are ok, else 503; the body shows each of them."""
    close_old_connections()
    try:
        checks = {name: check() for name, check in CHECKS.items() if not wanted or name in wanted}
    finally:
        close_old_connections()
    ready = bool(checks) and all(check.ok for check in checks.values())
    body = {name: asdict(check) for name, check in checks.items()}
    return (200 if ready else 503), {"status": "ok" if ready else "unavailable", "checks": body}


def database() -> Check:
    """Whether a query is answered, and changes are taken: a full disk still answers queries."""
    began = time.monotonic()
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            cursor.fetchone()
    except DatabaseError as error:
        log.warning("database_not_ready", error=repr(error))
        return Check(False, "The database does not answer: see the log.")
    try:
        _write()
    except DatabaseError as error:
        log.warning("database_not_writable", error=repr(error))
        return Check(False, "The database takes no changes: see the log. Is its disk full?")
    return Check(True, f"{(time.monotonic() - began) * 1000:.0f} ms")


def _write() -> None:
    """Change a row, unless somebody did within the last seconds: the scheduler does each second."""
    if Lease.objects.filter(until__gt=Now()).exists():
        return
    until = Now() + timedelta(seconds=WRITTEN_S)
    Lease.objects.update_or_create(name=NAME, defaults={"holder": NAME, "until": until})


def queue() -> Check:
    """Whether Redis answers. Without it work goes on by the sweep alone, that is not at all."""
    if broker.is_reachable():
        return Check(True, "")
    return Check(False, "Redis does not answer: see the log.")


def worker() -> Check:
    """Whether somebody executes."""
    if heartbeat.alive("worker"):
        return Check(True, "")
    return Check(False, "No worker gives a sign of life: approved actions wait. Start a worker.")


def oldest_due() -> Check:
    """How long the most overdue row has been waiting."""
    try:
        oldest = [found for model, column in DUE if (found := _oldest(model, column)) is not None]
    except DatabaseError:
        return Check(False, "The database does not answer: see the log.")
    waited = (timezone.now() - min(oldest)).total_seconds() if oldest else 0.0
    return Check(waited < LATEST_DUE_S, f"{max(0.0, waited):.0f} s")


def _oldest(model: type[models.Model], column: str) -> Any:
    due = model._default_manager.filter(**{f"{column}__lte": Now()}).order_by(column)
    if model is Event:
        # One that waits for an earlier event of its key is not stuck: that one is tried again.
        due = due.filter(order_key="")
    return due.values_list(column, flat=True).first()


CHECKS: dict[str, Callable[[], Check]] = {
    "database": database,
    "queue": queue,
    "worker": worker,
    "oldest_due": oldest_due,
}


async def _send(send: Send, status: int, body: dict[str, Any]) -> None:
    content = json.dumps(body).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(content)),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
