"""Having an event processed again, and letting one out of quarantine: both ordered by a person."""

from contextlib import AbstractContextManager

from django.utils import timezone

from audit import services as audit
from audit.actions import AuditAction
from audit.context import Target
from gateway.lib.broker import JobName, ring
from gateway.lib.errors import Denied, Refused
from gateway.lib.states import move
from gateway.lib.unit_of_work import unit_of_work
from gateway.tenants.principals import Principal
from webhooks.models import Event
from webhooks.states import FINAL, EventStatus

# Who runs commands on the server.
SYSTEM = "system"
MAY_REPLAY = "webhooks.replay_event"
MAY_RELEASE = "webhooks.release_event"


def replay(*, event: Event, by: Principal) -> Event:
    """Process a finished event once more, attached to what exists.

    Raises Denied without the permission, Refused when it is not finished or its body is gone,
    StaleState when it changed meanwhile.
    """
    with _attempt(event, AuditAction.EVENT_REPLAYED):
        _check_permission(by, MAY_REPLAY)
        if event.status not in FINAL:
            raise Refused("not_finished", f"The event is {event.get_status_display().lower()}.")
        _check_body(event)
        before = event.status
        move(
            event,
            EventStatus.RECEIVED,
            due_at=timezone.now(),
            attempts=0,
            lost_leases=0,
            reason="",
            replays=event.replays + 1,
        )
        _record(event, AuditAction.EVENT_REPLAYED, before=before, by=by)
    return event


def release(*, event: Event, by: Principal) -> Event:
    """Let a quarantined event be processed like any other; raises as `replay` does."""
    with _attempt(event, AuditAction.EVENT_RELEASED):
        _check_permission(by, MAY_RELEASE)
        if event.status != EventStatus.QUARANTINED:
            raise Refused("not_quarantined", "The event is not in quarantine.")
        _check_body(event)
        move(event, EventStatus.RECEIVED, due_at=timezone.now())
        _record(event, AuditAction.EVENT_RELEASED, before=EventStatus.QUARANTINED, by=by)
    return event


def _attempt(event: Event, action: AuditAction) -> AbstractContextManager[None]:
    return unit_of_work(
        attempt=action,
        target=_target(event),
        scope=event.environment.audit_scope,
        correlation_id=event.correlation_id,
    )


def _check_permission(by: Principal, permission: str) -> None:
    if by.kind != SYSTEM and not by.has(permission):
        raise Denied("not_permitted", "Only operators and admins may do this.")


def _check_body(event: Event) -> None:
    if event.body is None:
        raise Refused("pruned", "The event's body was pruned: there is nothing left to process.")


def _target(event: Event) -> Target:
    return Target("event", event.public_id)


def _record(event: Event, action: AuditAction, *, before: str, by: Principal) -> None:
    audit.record(
        action,
        target=_target(event),
        scope=event.environment.audit_scope,
        changes={"status": [before, event.status]},
        payload_sha256=event.body_sha256,
        actor=by.actor,
        correlation_id=event.correlation_id,
    )
    ring(JobName.PROCESS_EVENTS)
