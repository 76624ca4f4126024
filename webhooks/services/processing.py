"""What an event leads to. Claimed, carried out by services that repeat harmlessly, finished.

No transaction is open while a service works, because a proposed action may read the outside for
its preview. A worker that dies in between leaves a lease that runs out; the services recognise the
event the second time.
"""

import time
from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from django.db import transaction
from django.db.models import F

from audit import context
from audit.context import Actor
from gateway.lib import live
from gateway.lib.broker import announcing
from gateway.lib.clock import database_now
from gateway.lib.errors import DomainError
from gateway.lib.prepared import Prepared
from gateway.lib.states import move, move_many
from gateway.lib.work import backoff_s
from gateway.runs.services import RunNotReady
from webhooks.models import Event
from webhooks.services import recording
from webhooks.services.claiming import bury, claim_chunk, put_back, renewing
from webhooks.services.effects import carry_out
from webhooks.services.outcomes import Done, Hopeless, Later
from webhooks.states import EventStatus

log = structlog.get_logger(__name__)
MAX_ATTEMPTS = 10
# How long an event waits for the start of its run: a moment at first, and a quarter of its age,
# so that those which wait long do not keep everybody busy.
NOT_READY_S, NOT_READY_AT_MOST_S = 1.0, 20.0
_HELD = Prepared(
    lambda key, attempts: (
        Event.objects.select_for_update(of=("self",))
        .select_related("environment__tenant")
        .filter(pk=key, status=EventStatus.PROCESSING, attempts=attempts)
    ),
    key=Event._meta.pk,
    attempts=Event._meta.get_field("attempts"),
)
# After this long a chunk is not gone on with, so that a slow event holds up few others.
CHUNK_S = 10.0


@dataclass(frozen=True)
class Plain:
    """Where events that led to nothing but their record go, many in one transaction."""

    status: str
    route: str
    event_type: str


def process_chunk() -> int:
    """Bring one chunk of due events to their end; how many there were.

    Those that are only recorded end together, the others are claimed. What is not begun after some
    seconds, because an event before it took so long, is left to whoever comes next.
    """
    recorded = recording.record_chunk()
    if recorded == recording.CHUNK:
        return recorded  # nothing else is among the oldest
    events = claim_chunk()
    if not events:
        return recorded
    plain: dict[Plain, list[Event]] = defaultdict(list)
    held = list(events)
    ends_at = time.monotonic() + CHUNK_S
    with renewing(held):
        for number, event in enumerate(events):
            if number and time.monotonic() > ends_at:
                left, held[:] = held[number:], held[:number]
                put_back(left)
                break
            _process(event, plain)
        _finish_plain(plain)
    _tell(held)
    return recorded + len(events)


def _process(event: Event, plain: dict[Plain, list[Event]]) -> None:
    actor = Actor("source", event.source.public_id)
    with announcing(), context.bind(actor=actor, correlation_id=event.correlation_id):
        try:
            done = carry_out(event)
        except Hopeless as error:
            _fail(event, str(error), is_hopeless=True)
        except DomainError as error:
            _fail(event, f"{error.code}: {error.detail}", is_hopeless=True)
        except Later as error:
            _fail(event, str(error), is_hopeless=_is_spent(event), after_s=error.after_s)
        except RunNotReady as error:
            _fail(event, str(error), after_s=_not_ready_s(event), is_try=False)
        except Exception as error:  # one bad event must not stop the others of its chunk
            log.exception("event_failed", id=event.public_id)
            _fail(event, f"{type(error).__name__}: {error}", is_hopeless=_is_spent(event))
        else:
            if done.had_effect:
                _finish(event, done)
            else:
                kind = Plain(_status(done), done.route, done.event_type)
                plain[kind].append(event)


def _not_ready_s(event: Event) -> float:
    age_s = (database_now() - event.received_at).total_seconds()
    return min(max(NOT_READY_S, age_s / 4), NOT_READY_AT_MOST_S)


def _is_spent(event: Event) -> bool:
    return event.attempts >= MAX_ATTEMPTS


def _status(done: Done) -> str:
    return EventStatus.IGNORED if done.is_meaningless else EventStatus.PROCESSED


def _finish(event: Event, done: Done) -> None:
    with transaction.atomic():
        if held := _held(event):
            move(
                held,
                _status(done),
                due_at=None,
                lease_until=None,
                reason="",
                route=done.route,
                event_type=done.event_type,
                run_id=done.run_id,
            )
    log.info("event", id=event.public_id, status=_status(done), route=done.route)


def _finish_plain(plain: dict[Plain, list[Event]]) -> None:
    if not plain:
        return
    with transaction.atomic():
        for kind, events in plain.items():
            fields: dict[str, Any] = {"route": kind.route, "event_type": kind.event_type}
            # The attempts are the fencing token: whoever lost a lease finishes nothing.
            for attempts in {event.attempts for event in events}:
                ids = [event.pk for event in events if event.attempts == attempts]
                rows = Event.objects.filter(pk__in=ids, attempts=attempts)
                move_many(
                    rows,
                    EventStatus.PROCESSING,
                    kind.status,
                    due_at=None,
                    lease_until=None,
                    reason="",
                    **fields,
                )
    for kind, events in plain.items():
        # One line for all of them: writing one for each costs more than processing it. The intake
        # has written one for each, and the row says what became of it.
        first, last = events[0].public_id, events[-1].public_id
        log.info(
            "events",
            status=kind.status,
            route=kind.route,
            count=len(events),
            first=first,
            last=last,
        )


def _fail(
    event: Event,
    reason: str,
    *,
    is_hopeless: bool = False,
    after_s: float | None = None,
    is_try: bool = True,
) -> None:
    """Note what went wrong: due again later, or given up where repeating cannot help.

    Waiting for somebody else is no try, so that it uses up none.
    """
    wait_s = backoff_s(event.attempts) if after_s is None else after_s
    with transaction.atomic():
        held = _held(event)
        if held is None:
            return
        due_at = database_now() + timedelta(seconds=wait_s)
        move(
            held,
            EventStatus.FAILED,
            due_at=due_at,
            lease_until=None,
            reason=reason[:500],
            attempts=F("attempts") - int(not is_try),
        )
        if is_hopeless:
            bury(held, reason=reason)
    log.warning("event_not_processed", id=event.public_id, reason=reason, gives_up=is_hopeless)


def _held(event: Event) -> Event | None:
    """The row, locked, if this worker's claim is still the newest one."""
    return next(iter(_HELD(key=event.pk, attempts=event.attempts)), None)


def _tell(events: list[Event]) -> None:
    """One piece of news for each desk, however many events: listeners read the rows anyway."""
    for topic, event in {e.source.environment.live_topic: e for e in events}.items():
        live.publish(topic, {"kind": "event", "id": event.public_id})
