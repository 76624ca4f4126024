"""Having events processed again, and letting one out of quarantine: ordered by a person.

A replay attaches to what exists: the same run, the same action. Ordered `as_new`, it makes new ones
beside them, through the whole gate.
"""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from django.db.models import F

from audit import services as audit
from audit.actions import AuditAction
from audit.context import Target
from gateway.lib.broker import JobName, ring
from gateway.lib.clock import database_now
from gateway.lib.errors import Denied, DomainError, Refused
from gateway.lib.states import move
from gateway.lib.unit_of_work import unit_of_work
from gateway.tenants.principals import Principal
from webhooks.models import Effect, Event
from webhooks.services import ordering, splitting
from webhooks.services.outcomes import Hopeless
from webhooks.services.planning import plan
from webhooks.states import FINAL, EventStatus

# Who runs commands on the server.
SYSTEM = "system"
MAY_REPLAY = "webhooks.replay_event"
MAY_RELEASE = "webhooks.release_event"
MAX_AT_ONCE = 500


@dataclass(frozen=True)
class Replayed:
    """What became of one of many orders: empty `code` where it was taken."""

    event: Event
    code: str = ""
    detail: str = ""


def replay(*, event: Event, by: Principal, as_new: bool = False) -> Event:
    """Process a finished event once more, attached to what exists, or with new effects.

    Raises Denied without the permission, Refused when it is not finished, its body is gone or it
    can have no new effects, StaleState when it changed meanwhile.
    """
    _replay(event, by, as_new=as_new)
    ring(JobName.PROCESS_EVENTS)
    return event


def replay_many(events: Iterable[Event], *, by: Principal, as_new: bool = False) -> list[Replayed]:
    """Replay each of them, at most 500; one that is refused does not stop the others.

    Raises Denied without the permission, Refused when they are too many; then none was replayed.
    """
    check_permission(by, MAY_REPLAY)
    wanted = list(events)
    if len(wanted) > MAX_AT_ONCE:
        detail = f"At most {MAX_AT_ONCE} events are replayed at once; narrow them, or go on after."
        raise Refused("too_many", detail)
    results = []
    for event in wanted:
        try:
            _replay(event, by, as_new=as_new)
        except DomainError as error:
            results.append(Replayed(event, error.code, error.detail))
        else:
            results.append(Replayed(event))
    ring(JobName.PROCESS_EVENTS)
    return results


def _replay(event: Event, by: Principal, *, as_new: bool) -> None:
    with _attempt(event, AuditAction.EVENT_REPLAYED):
        check_permission(by, MAY_REPLAY)
        if event.status not in FINAL:
            raise Refused("not_finished", f"The event is {event.get_status_display().lower()}.")
        _check_body(event)
        if as_new:
            _check_renewable(event)
            ordering.note(event.source, event.body_sha256, by)
        before = event.status
        move(
            event,
            EventStatus.RECEIVED,
            due_at=database_now(),
            attempts=0,
            lost_leases=0,
            reason="",
            replays=F("replays") + 1,
            renewals=F("renewals") + int(as_new),
        )
        meta = {"as_new": event.effect_key} if as_new else {}
        _record(event, AuditAction.EVENT_REPLAYED, before=before, by=by, meta=meta)


def _check_renewable(event: Event) -> None:
    """New effects are for what we name ourselves: not for a provider's run, nor for a delivery."""
    if splitting.is_delivery(event):
        detail = "A delivery leads only to its events: replay those of them that you mean."
        raise Refused("not_renewable", detail)
    try:
        effect = plan(event).effect
    except Hopeless:
        return  # processing says why, as it does for any other event
    if effect == Effect.RUN:
        detail = "It feeds a run whose provider names the run and its calls: nothing of it is new."
        raise Refused("not_renewable", detail)


def release(*, event: Event, by: Principal) -> Event:
    """Let a quarantined event be processed like any other; raises as `replay` does."""
    with _attempt(event, AuditAction.EVENT_RELEASED):
        check_permission(by, MAY_RELEASE)
        if event.status != EventStatus.QUARANTINED:
            raise Refused("not_quarantined", "The event is not in quarantine.")
        _check_body(event)
        ordering.note(event.source, event.body_sha256, by)
        move(event, EventStatus.RECEIVED, due_at=database_now())
        _record(event, AuditAction.EVENT_RELEASED, before=EventStatus.QUARANTINED, by=by)
    ring(JobName.PROCESS_EVENTS)
    return event


def _attempt(event: Event, action: AuditAction) -> AbstractContextManager[None]:
    return unit_of_work(
        attempt=action,
        target=target_of(event),
        scope=event.environment.audit_scope,
        correlation_id=event.correlation_id,
    )


def check_permission(by: Principal, permission: str) -> None:
    """Raises Denied unless whoever orders it may; commands on the server may."""
    if by.kind != SYSTEM and not by.has(permission):
        raise Denied("not_permitted", "Only operators and admins may do this.")


def _check_body(event: Event) -> None:
    if event.body is None:
        raise Refused("pruned", "The event's body was pruned: there is nothing left to process.")


def target_of(event: Event) -> Target:
    """The event in an audit record."""
    return Target("event", event.public_id)


def _record(
    event: Event,
    action: AuditAction,
    *,
    before: str,
    by: Principal,
    meta: dict[str, str] | None = None,
) -> None:
    audit.record(
        action,
        target=target_of(event),
        scope=event.environment.audit_scope,
        changes={"status": [before, event.status]},
        payload_sha256=event.body_sha256,
        actor=by.actor,
        correlation_id=event.correlation_id,
        meta=meta or {},
    )
