"""Group commit: whatever arrives while a commit is under way goes into the next one, together."""

import asyncio

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


class Group:
    """The pending list of one event loop: one batch in flight, and no waiting on purpose."""

    def __init__(self, store: Store, bell: Bell) -> None:
        self.store = store
        self.bell = bell
        self.pending: list[Arrival] = []
        self.task: asyncio.Task[None] | None = None

    @property
    def is_full(self) -> bool:
        """Whether more is pending than should wait."""
        return len(self.pending) >= MAX_PENDING

    async def store_one(self, arrival: Arrival) -> None:
        """Wait for the commit of this arrival; without an outcome it was not stored."""
        arrival.done = asyncio.get_running_loop().create_future()
        self.pending.append(arrival)
        if self.task is None:
            # The task begins after everything that is ready in this turn: the batch is cut then.
            self.task = asyncio.ensure_future(self._run())
        await arrival.done

    async def _run(self) -> None:
        try:
            while self.pending:
                count = _first(self.pending)
                batch, self.pending = self.pending[:count], self.pending[count:]
                if len(batch) > 1:
                    batch.sort(key=_order)
                await self._commit(batch)
                reach(Point.COMMITTED)
                for arrival in batch:
                    _settle(arrival)
                if any(arrival.outcome is Outcome.ACCEPTED for arrival in batch):
                    self.bell.ring()
        finally:
            self.task = None

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


def _order(arrival: Arrival) -> tuple[str, str]:
    return arrival.key


def _is_about_a_row(error: Exception) -> bool:
    """Whether one row may be at fault, so that the others deserve a try without it."""
    return type(error).__name__ not in {"OperationalError", "InterfaceError"}


def _settle(arrival: Arrival) -> None:
    # The sender may have gone meanwhile; the event stays.
    if arrival.done is not None and not arrival.done.done():
        arrival.done.set_result(None)
