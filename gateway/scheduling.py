"""The scheduler: wakes the sweep and gives audit records their places, one process at a time."""

import os
import socket
import time
import uuid
from datetime import timedelta
from typing import Protocol

import structlog
from django.db import DatabaseError, close_old_connections, transaction
from django.db.models import Q
from django.db.models.functions import Now

from audit.sequencer import Sequencer
from audit.tree import Broken
from gateway import setback
from gateway.lib import heartbeat
from gateway.lib.broker import JobName, is_behind, ring_now
from gateway.models import Lease

log = structlog.get_logger(__name__)
TICK_S = 1.0
# Long enough for a pause of the machine, short enough that nobody misses a killed scheduler.
LEASE_S = 5
PRUNE_EVERY_S = 3_600
NAME = "scheduler"


class Stopping(Protocol):
    """What ends the scheduler."""

    def wait(self, timeout: float) -> bool:
        """Wait so many seconds, less where it is to end; whether it is."""


def holder() -> str:
    """A name for this process that no other ever had."""
    return f"{socket.gethostname()[:40]}.{os.getpid()}.{uuid.uuid4().hex[:8]}"


def hold(me: str, *, lease_s: int = LEASE_S) -> bool:
    """Take or extend the lease; False while somebody else holds it."""
    until = Now() + timedelta(seconds=lease_s)
    free = Q(holder=me) | Q(until__lte=Now())
    with transaction.atomic():
        if Lease.objects.filter(free, name=NAME).update(holder=me, until=until):
            return True
        row, made = Lease.objects.get_or_create(name=NAME, defaults={"holder": me, "until": until})
        return made


def release(me: str) -> None:
    """Let the next one begin at once."""
    Lease.objects.filter(name=NAME, holder=me).update(until=Now())


def run(stopping: Stopping) -> None:
    """Tick until asked to stop. A tick only wakes: every deadline is a row, so none is lost."""
    me = holder()
    sequencer: Sequencer | None = None
    prune_at = 0.0
    while not stopping.wait(TICK_S):
        leads = _tick(me, led=sequencer is not None)
        if leads != (sequencer is not None):
            log.info("scheduler_leads" if leads else "scheduler_waits")
            sequencer = Sequencer() if leads else None
            prune_at = time.monotonic()
        if leads and time.monotonic() >= prune_at:
            ring_now(JobName.PRUNE)
            ring_now(JobName.COUNT_HOURS)
            prune_at = time.monotonic() + PRUNE_EVERY_S
        if sequencer is not None:
            _sequence(sequencer)
    if sequencer is not None:
        release(me)


def _tick(me: str, *, led: bool) -> bool:
    """Whether this process leads; before it begins to, it looks at what was published."""
    close_old_connections()
    try:
        if not hold(me):
            return False
        if not led:
            setback.stop_if_set_back()
    except DatabaseError as error:
        log.warning("scheduler_without_database", error=repr(error))
        return False
    if not is_behind(JobName.SWEEP):
        ring_now(JobName.SWEEP)
    heartbeat.beat("scheduler")
    return True


def _sequence(sequencer: Sequencer) -> None:
    """What fails here is tried again with the next tick: the records wait in their table."""
    try:
        sequencer.tick()
        if sequencer.has_refused:
            sequencer.has_refused = False
            setback.stop_if_set_back()
    except (DatabaseError, OSError, Broken) as error:
        log.error("audit_sequencer_failed", error=repr(error))
