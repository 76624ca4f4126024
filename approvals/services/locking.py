"""Where every change of an action by a person begins: the locked row, and refusals recorded."""

from contextlib import AbstractContextManager

from approvals.models import Action
from approvals.services import trail
from audit.actions import AuditAction
from gateway.lib.states import announce, announcement
from gateway.lib.unit_of_work import unit_of_work


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
            "requester_owner",
        )
        .get(pk=action.pk)
    )


def touch(action: Action) -> None:
    """Announce a change that is not a move, such as one vote of several."""
    Action.objects.filter(pk=action.pk).update(**announcement(action))
    action.refresh_from_db()
    announce(action)
