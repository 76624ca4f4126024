"""The queue as a bell: messages carry ids only, the rows say what is due.

`ring` sends after the commit and swallows broker errors, because the sweep finds every due row.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

import dramatiq
import redis
import structlog
from django.conf import settings
from django.db import connections, transaction
from dramatiq.brokers.redis import RedisBroker
from dramatiq.brokers.stub import StubBroker
from dramatiq.middleware import Middleware, Retries, ShutdownNotifications, TimeLimit

from audit import context
from gateway.lib.redis_queue import WakingBroker

log = structlog.get_logger(__name__)
HEARTBEAT_TIMEOUT_MS = 15_000
MAINTENANCE_CHANCE = 100_000
NAMESPACE = "countersign"
# What a sweep adds to a queue ends here: workers that are behind hear of every due row anyway, and
# bells for the same rows, again each second, would take the time that the work needs.
MOST_WAITING = 200
# Of the rows that a sweep finds, however many messages there are: they may be about others.
ALWAYS_RUNG = 10
# A sweep that waits will see what the next one would.
MOST_SWEEPS = 1


class JobName(StrEnum):
    """Every message there is; a test matches each with one declared task."""

    PROCESS_EVENTS = "process_events"
    FETCH_DOCUMENTS = "fetch_documents"
    SEAL_EVENTS = "seal_events"
    START_RUN = "start_run"
    CANCEL_RUN = "cancel_run"
    EXECUTE_ACTION = "execute_action"
    ANNOUNCE = "announce"
    REPORT_RESULT = "report_result"
    FOLLOW_TOOL = "follow_tool"
    DELIVER_NOTICES = "deliver_notices"
    DELIVER_OUTLETS = "deliver_outlets"
    VERIFY_LOGS = "verify_logs"
    SWEEP = "sweep"
    PRUNE = "prune"
    COUNT_HOURS = "count_hours"


# One queue per priority: what a person or an agent waits for is never behind a burst of events.
QUEUES = {
    JobName.PROCESS_EVENTS: "events",
    JobName.FETCH_DOCUMENTS: "default",
    JobName.SEAL_EVENTS: "sweeps",
    JobName.START_RUN: "default",
    JobName.CANCEL_RUN: "default",
    JobName.EXECUTE_ACTION: "actions",
    JobName.ANNOUNCE: "actions",
    JobName.REPORT_RESULT: "actions",
    JobName.FOLLOW_TOOL: "actions",
    JobName.DELIVER_NOTICES: "default",
    JobName.DELIVER_OUTLETS: "sweeps",
    JobName.VERIFY_LOGS: "sweeps",
    JobName.SWEEP: "sweeps",
    JobName.PRUNE: "sweeps",
    JobName.COUNT_HOURS: "sweeps",
}


def _close_stale_connections() -> None:
    """What Django does around a request; a connection inside a transaction is in use, not stale."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()


class DatabaseConnections(Middleware):
    """Each job starts and ends without a stale database connection of its thread."""

    def before_process_message(self, broker: dramatiq.Broker, message: Any) -> None:
        _close_stale_connections()

    def after_process_message(self, broker: dramatiq.Broker, message: Any, **outcome: Any) -> None:
        _close_stale_connections()


class JobContext(Middleware):
    """Binds who acts (the system) for audit records, and writes one log line per job."""

    def before_process_message(self, broker: dramatiq.Broker, message: Any) -> None:
        context.begin(actor=context.SYSTEM)

    def after_process_message(
        self,
        broker: dramatiq.Broker,
        message: Any,
        *,
        result: Any = None,
        exception: BaseException | None = None,
    ) -> None:
        if exception is not None:
            log.error("job_failed", job=message.actor_name, ids=message.args, error=repr(exception))
        elif message.actor_name != JobName.SWEEP:
            log.info("job", job=message.actor_name, ids=message.args)
        context.end()

    after_skip_message = after_process_message


def _make_broker() -> dramatiq.Broker:
    middleware: list[Middleware] = [
        TimeLimit(),
        ShutdownNotifications(),
        Retries(),
        DatabaseConnections(),
        JobContext(),
    ]
    if settings.TASK_BROKER == "stub":
        return StubBroker(middleware=middleware)
    return WakingBroker(
        client=redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=2),
        middleware=middleware,
        namespace=NAMESPACE,
        heartbeat_timeout=HEARTBEAT_TIMEOUT_MS,
        maintenance_chance=MAINTENANCE_CHANCE,
    )


broker = _make_broker()
dramatiq.set_broker(broker)


def job(
    name: JobName, *, time_limit_ms: int, max_retries: int = 0
) -> Callable[[Callable[..., None]], dramatiq.Actor[..., None]]:
    """Declare the one task that handles a message. Retrying is the sweep's business, by the row."""
    return dramatiq.actor(
        actor_name=name,
        queue_name=QUEUES[name],
        broker=broker,
        time_limit=time_limit_ms,
        max_retries=max_retries,
    )


def ring(name: JobName, *ids: str, delay_ms: int = 0) -> None:
    """Ask for a look at these rows once the current transaction is committed.

    Losing the message loses nothing, so a broker that is down is logged and forgiven.
    """
    transaction.on_commit(lambda: _ring(name, ids, delay_ms), robust=True)


def _ring(name: JobName, ids: tuple[str, ...], delay_ms: int) -> None:
    if name == JobName.ANNOUNCE and _own.waiting is not None:
        _own.waiting[ids] = None
    else:
        ring_now(name, *ids, delay_ms=delay_ms)


class _Own(threading.local):
    """The announcements that a thread has taken upon itself; None outside of such a block."""

    waiting: dict[tuple[str, ...], None] | None = None


_own = _Own()


@contextmanager
def announcing() -> Iterator[None]:
    """What changes in this block is announced by this thread at its end, each row once.

    For jobs, which would otherwise leave five messages behind for each event that leads to an
    action: a message costs more than most announcements, and of a row that changed twice only the
    newest version is announced. Where the block fails the queue takes over, and where the process
    dies the sweep, by the rows' own marks.
    """
    if _own.waiting is not None:
        yield  # within another such block, which sees to it
        return
    waiting: dict[tuple[str, ...], None] = {}
    _own.waiting = waiting
    try:
        yield
        while waiting:
            ids = next(iter(waiting))
            del waiting[ids]
            _announce(ids)
    finally:
        _own.waiting = None
        for ids in waiting:
            ring_now(JobName.ANNOUNCE, *ids)


def _announce(ids: tuple[str, ...]) -> None:
    with context.bind(actor=context.SYSTEM):
        try:
            broker.get_actor(JobName.ANNOUNCE).fn(*ids)
        except Exception as error:  # as a job of its own: it ends alone, and the sweep rings again
            log.error("job_failed", job=JobName.ANNOUNCE, ids=ids, error=repr(error))


def ring_now(name: JobName, *ids: str, delay_ms: int = 0) -> None:
    """Send the message at once; a broker that is down is logged and forgiven."""
    message: dramatiq.Message[Any] = dramatiq.Message(
        queue_name=QUEUES[name], actor_name=name, args=ids, kwargs={}, options={}
    )
    try:
        broker.declare_queue(QUEUES[name])
        broker.enqueue(message, delay=delay_ms or None)
    except (dramatiq.ConnectionError, dramatiq.QueueNotFound, redis.RedisError, OSError) as error:
        log.warning("bell_lost", job=name, ids=ids, error=repr(error))


def ring_again(name: JobName, *ids: str) -> None:
    """Ring for rows that may have been forgotten, unless the queue is long enough as it is."""
    if not is_behind(name):
        ring(name, *ids)


def ring_each_again(name: JobName, rows: Sequence[Sequence[str]]) -> None:
    """The same for many rows, the most urgent first: for as many as the queue is short of.

    Most rows of a backlog have their message, and a second one is work for nothing.
    """
    waiting = _waiting(name)
    most = min(max(len(rows) - waiting, ALWAYS_RUNG), MOST_WAITING - waiting)
    for ids in rows[: max(0, most)]:
        ring(name, *ids)


def is_behind(name: JobName) -> bool:
    """Whether so much waits in the job's queue that ringing once more would only delay it."""
    return _waiting(name) >= (MOST_SWEEPS if name == JobName.SWEEP else MOST_WAITING)


def _waiting(name: JobName) -> int:
    if not isinstance(broker, RedisBroker):
        return 0
    try:
        return int(broker.client.llen(f"{NAMESPACE}:{QUEUES[name]}"))
    except redis.RedisError:
        return 0  # the ring itself says what is wrong


def is_reachable() -> bool:
    """Whether the queue's server answers within two seconds; for health checks."""
    client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2)
    try:
        return bool(client.ping())
    except (redis.RedisError, OSError) as error:
        log.warning("queue_not_reachable", error=repr(error))
        return False
    finally:
        client.close()
