"""Where every change of an action by a person begins: the locked row, and refusals recorded."""

from contextlib import AbstractContextManager
from typing import Any

from approvals.models import Action
from approvals.services import binding, reading, trail
from approvals.services.alone import may_decide_alone
from approvals.states import ActionStatus
from audit.actions import AuditAction
from gateway.lib.changing import change
from gateway.lib.clock import database_now
from gateway.lib.errors import StaleState
from gateway.lib.states import announce, announcement
from gateway.lib.unit_of_work import unit_of_work
from gateway.tenants.principals import Principal
from gateway.tools import services as tools


def attempt(action: Action) -> AbstractContextManager[None]:
    """One transaction; what it refuses is recorded in a second one, and goes on to the caller."""
    return unit_of_work(
        attempt=AuditAction.ACTION_REFUSED,
        target=trail.target(action),
        scope=action.environment.audit_scope,
        correlation_id=action.correlation_id,
    )


def lock(action: Action) -> Action:
    """The row, locked for this transaction, with what the services read of it."""
    return (
        Action.objects.select_for_update(of=("self",))
        .select_related(
            "environment__tenant",
            "agent__owner__user",
            "tool_version__tool",
            "tool_version__connection",
        )
        .get(pk=action.pk)
    )


def lock_for_decision(
    action: Action, by: Principal, *, digest: str, approving: bool = True
) -> Action:
    """The locked row of a pending action that this person may decide, exactly as it was shown.

    Raises Denied (who may not), StaleState (decided, changed or expired meanwhile).
    """
    locked = lock(action)
    reading.may_decide(locked, by, approving=approving)
    check_is_pending(locked)
    if approving:
        check_definition(locked)
    _check_digest(locked, digest)
    return locked


def lock_for_emergency(action: Action, by: Principal, *, digest: str) -> Action:
    """The same for who decides alone: whom the rule names does not matter.

    Raises Denied (who may not), StaleState (decided, changed or expired meanwhile).
    """
    locked = lock(action)
    may_decide_alone(locked, by)
    check_is_pending(locked)
    check_definition(locked)
    _check_digest(locked, digest)
    return locked


def _check_digest(locked: Action, digest: str) -> None:
    if digest != locked.digest or binding.digest_of(locked) != locked.digest:
        raise StaleState(
            "The action changed since it was shown to you: look again before deciding.",
            status=locked.status,
            digest=locked.digest,
        )


def check_definition(action: Action) -> None:
    """Raises StaleState where a yes would be one to a definition that does not hold any more."""
    version = action.tool_version
    if version is None:
        return
    if version.tool.current_id != version.pk:
        detail = "The tool's definition changed: the action is judged again, look in a moment."
        raise StaleState(detail, status=action.status, digest=action.digest)
    if tools.is_waiting(version.tool):
        detail = (
            f"The upstream of {version.tool.name} describes the tool otherwise now: an "
            "administrator accepts or refuses that on the tool's page first."
        )
        raise StaleState(detail, status=action.status, digest=action.digest)


def check_is_pending(action: Action) -> None:
    """Raises StaleState unless people can still decide."""
    if action.status != ActionStatus.PENDING:
        raise StaleState(
            f"The action is {action.get_status_display().lower()} already.",
            status=action.status,
            digest=action.digest,
        )
    if action.decide_by and action.decide_by <= database_now():
        raise StaleState("The time to decide is over: the action expires.", status=action.status)


def touch(action: Action, **columns: Any) -> None:
    """Write and announce a change that is not a move, such as one vote of several.

    Raises StaleState where the status is no longer the one it was read with.
    """
    if not change(action, action.status, **columns, **announcement(action)):
        raise StaleState("The action changed meanwhile: look again.", status=action.status)
    announce(action)
