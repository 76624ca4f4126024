"""Group commit: whatever arrives while a commit is under way goes into the next one, together."""

import asyncio
from collections.abc import Callable
from operator import attrgetter

import structlog

from gateway.lib.failpoints import Point, reach
from webhooks.ingest.arrival import Arrival, Outcome
from webhooks.ingest.bell import Bell
from webhooks.ingest.statements import MAX_ROWS
from webhooks.ingest.stores import Store

log = structlog.get_logger(__name__)
MAX_PENDING = 2000
# Drivers and databases copy what they are given, some of them twice.
MAX_BATCH_BYTES = 1024 * 1024
# Small batches are best committed one by one: while one is, the next grows. So many bytes take the
# database longer than they take us, and it should find them when it is ready.
MAX_UNDER_WAY = 2
SECOND_BYTES = 120 * 1024
# By `Arrival.key`, so that two processes never lock the same rows in different orders.
ORDER = attrgetter("entry.source_hex", "event_id")


class Group:
    """The pending list of one event loop: a batch or two under way, and no waiting on purpose."""

    def __init__(self, store: Store, bell: Bell) -> None:
        self.store = store
        self.bell = bell
        self.pending: list[Arrival] = []
        self.pending_bytes = 0
        self.under_way = 0
        # The loop keeps no reference to its tasks.
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def is_full(self) -> bool:
        """Whether more is pending than should wait."""
        return len(self.pending) >= MAX_PENDING

    def add(self, arrival: Arrival, done: Callable[[Arrival], None]) -> None:
        """Store this arrival with the next batch, then call `done`; no outcome: it is not stored.

        A callback, because a task and a future for each cost a tenth of what a webhook costs.
        """
        reach(Point.VERIFIED)
        arrival.done = done
        self.pending.append(arrival)
        self.pending_bytes += len(arrival.body)
        if not self.under_way or (
            self.under_way < MAX_UNDER_WAY and self.pending_bytes >= SECOND_BYTES
        ):
            # The task begins after everything that is ready in this turn: the batch is cut then.
            self.under_way += 1
            task = asyncio.ensure_future(self._run())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def store_one(self, arrival: Arrival) -> None:
        """Wait for the commit of this arrival; without an outcome it was not stored."""
        done = asyncio.get_running_loop().create_future()
        # The sender may have gone meanwhile; the event stays.
        self.add(arrival, lambda _: None if done.done() else done.set_result(None))
        await done

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self.pending:
                batch = self._cut()
                if len(batch) > 1:
                    batch.sort(key=ORDER)
                await self._commit(batch)
                reach(Point.COMMITTED)
                # In the loop's next step: the database has the next batch by then.
                loop.call_soon(self._settle, batch)
        finally:
            self.under_way -= 1

    def _cut(self) -> list[Arrival]:
        count = _first(self.pending)
        batch, self.pending = self.pending[:count], self.pending[count:]
        self.pending_bytes = sum(len(arrival.body) for arrival in self.pending)
        return batch

    def _settle(self, batch: list[Arrival]) -> None:
        for arrival in batch:
            try:
                assert arrival.done is not None
                arrival.done(arrival)
            except Exception:  # whatever it is, the others get their answers
                log.exception("delivery_not_answered", id=arrival.public_id)
        if any(arrival.outcome is Outcome.ACCEPTED for arrival in batch):
            self.bell.ring()

    async def _commit(self, batch: list[Arrival]) -> None:
        try:
            await self.store.commit(batch)
        except Exception as error:  # whatever the driver raises: the sender is asked to try again
            log.error("events_not_stored", count=len(batch), error=repr(error))
            for arrival in batch:
                arrival.outcome = None
            if len(batch) > 1 and _is_about_a_row(error):
                for arrival in batch:
                    await self._commit([arrival])


def _first(pending: list[Arrival]) -> int:
    """How many of them go into the next batch: one at least."""
    size = 0
    for count, arrival in enumerate(pending[:MAX_ROWS]):
        size += len(arrival.body)
        if size > MAX_BATCH_BYTES and count:
            return count
    return MAX_ROWS


def _is_about_a_row(error: Exception) -> bool:
    """Whether one row may be at fault, so that the others deserve a try without it."""
    if isinstance(error, OSError):
        # A process that is gone may have died of a row; one that cannot be started has not.
        return isinstance(error, ConnectionError)
    return type(error).__name__ not in {"OperationalError", "InterfaceError"}
