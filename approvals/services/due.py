"""Deadlines, and the sweep that finds what a lost bell left lying."""

from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from approvals.models import Action
from approvals.models.switches import is_stopped
from approvals.services import redefining, spending, trail
from approvals.states import ActionStatus
from audit.actions import AuditAction
from gateway.lib.broker import JobName, ring
from gateway.lib.errors import StaleState
from gateway.lib.states import move
from gateway.lib.work import FREE

CHUNK = 200


def sweep() -> int:
    """Expire what is too late and ring again for whatever is due; how many rows it touched."""
    touched = expire_due()
    for pk in due_to_execute().values_list("pk", flat=True)[:CHUNK]:
        ring(JobName.EXECUTE_ACTION, str(pk))
        touched += 1
    changed = redefining.behind().values_list("tool_version__tool", flat=True)
    for tool_pk in set(changed[:CHUNK]):
        ring(JobName.FOLLOW_TOOL, str(tool_pk))
        touched += 1
    unannounced = Action.objects.filter(announce_due_at__lte=Now())
    for pk in unannounced.values_list("pk", flat=True)[:CHUNK]:
        ring(JobName.ANNOUNCE, Action.announces, str(pk))
        touched += 1
    return touched


def expire_due() -> int:
    """Refuse by time what nobody decided or could execute in time; time never approves."""
    undecided = Action.objects.filter(status=ActionStatus.PENDING, decide_by__lte=Now())
    late = Action.objects.filter(FREE, status=ActionStatus.APPROVED, execute_by__lte=Now())
    expired = _expire(undecided, "Nobody decided in time.")
    return expired + _expire(late, "It could not be executed in time.")


def _expire(actions: QuerySet[Any], reason: str) -> int:
    found = list(actions.select_related("environment__tenant")[:CHUNK])
    for action in found:
        _expire_one(action, reason)
    return len(found)


def _expire_one(action: Action, reason: str) -> None:
    before = action.status
    try:
        with transaction.atomic():
            move(
                action, ActionStatus.EXPIRED, code="expired", reason=reason, settled_at=Now(),
                due_at=None,
            )  # fmt: skip
            trail.record(action, AuditAction.ACTION_EXPIRED, before=before)
            spending.follow(action)
    except StaleState:
        # Decided at the last moment by somebody else: the decision stands.
        return


def due_to_execute() -> QuerySet[Any]:
    """What a worker may claim now; what a kill switch stops is not rung for until it is off."""
    settled = Q(tool_version__tool__drifted_at__isnull=True)
    ready = Q(status=ActionStatus.APPROVED, due_at__lte=Now()) & FREE & settled
    # Executing with a lease that ran out: the worker was lost. Without one: waits to be repeated.
    again = Q(status=ActionStatus.EXECUTING, lease_until__isnull=True, due_at__lte=Now())
    orphaned = Q(status=ActionStatus.EXECUTING, lease_until__lt=Now())
    return Action.objects.filter((ready | again) & ~Q(is_stopped()) | orphaned).order_by("due_at")
