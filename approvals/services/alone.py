"""Who may decide alone in an emergency, and whether what was decided so still holds."""

from approvals.models import Action, Approval, BreakGlass
from approvals.services.binding import requirement_of
from approvals.services.editors import editors_of
from approvals.services.people import DECIDE, active_member
from approvals.services.reading import people_behind
from gateway.lib.errors import Denied
from gateway.tenants import principals
from gateway.tenants.principals import Principal

ALONE = "approvals.break_glass"


def may_decide_alone(action: Action, by: Principal) -> None:
    """Raises Denied where a person may not decide the action even in an emergency.

    Whom the rule names does not matter then; who asked or answers for the request does.
    """
    if not by.is_member or by.user is None or not by.has(DECIDE):
        raise Denied("not_a_member", "Only a member who may decide does; machine keys never do.")
    if active_member(by.user, action.environment) is None:
        raise Denied("not_permitted", "You are not an active member of this tenant.")
    if by.user.public_id in people_behind(action) | editors_of(action):
        raise Denied("own_action", "Nobody decides what they asked for, edited or answer for.")
    if by.user.pk == action.run_starter_id and requirement_of(action).exclude_run_starter:
        raise Denied("run_starter", "Who started the run does not decide this action.")


def stands_alone(vote: Approval) -> bool:
    """Whether a break-glass decision holds: its person may still decide alone, and it is noted."""
    action = vote.action
    member = active_member(vote.user, action.environment)
    if member is None or not BreakGlass.objects.filter(action=action, approval=vote).exists():
        return False
    may = principals.permissions_of(member, action.environment)
    return {DECIDE, ALONE} <= may and vote.user.public_id not in people_behind(action)
