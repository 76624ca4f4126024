"""Whether a grant lets an action through: when it is proposed, and again when it is claimed."""

from django.db.models import F
from django.db.models.functions import Now

from approvals.models import Action, Grant, GrantUse
from approvals.requirement import Requirement, is_stricter
from approvals.services import grant_seals, reading, trail
from approvals.services.granting import VARIABLES, holds
from audit.actions import AuditAction
from gateway.lib.cel import CelError, compile_expression


class UsedUp(Exception):
    """Somebody else took the last use, or the grant ended, since it was found."""


def find(action: Action, wanted: Requirement) -> Grant | None:
    """A grant that lets this action through, though people would have to be asked; or None."""
    version = action.tool_version
    if version is None:
        return None
    rows = Grant.objects.open().filter(
        tool=version.tool_id, agent=action.agent, definition_sha256=version.definition_sha256
    )
    found = rows.select_related("environment", "agent", "tool", "made_by").order_by("id")
    return next((grant for grant in found if _covers(grant, action, wanted)), None)


def take(action: Action, grant: Grant, wanted: Requirement) -> None:
    """Use the grant once, for this stored action. Raises UsedUp; nothing is counted then."""
    if not Grant.objects.open().filter(pk=grant.pk).update(uses=F("uses") + 1):
        raise UsedUp
    GrantUse.objects.create(grant=grant, action=action, requirement=wanted.as_dict())
    trail.record(
        action, AuditAction.GRANT_USED, before=action.status, meta={"grant": grant.public_id}
    )


def still_covers(action: Action, wanted: Requirement) -> bool:
    """Whether the grant that let the action through does so now, its count aside."""
    use = (
        GrantUse.objects.filter(action=action, grant__revoked_at=None, grant__expires_at__gt=Now())
        .select_related("grant__environment", "grant__agent", "grant__tool", "grant__made_by")
        .first()
    )
    return use is not None and _covers(use.grant, action, wanted)


def _covers(grant: Grant, action: Action, wanted: Requirement) -> bool:
    version = action.tool_version
    if version is None or grant.definition_sha256 != version.definition_sha256:
        return False
    if grant.agent_id != action.agent_id or grant.environment_id != action.environment_id:
        return False
    if not grant_seals.is_genuine(grant):
        return False
    if wanted.step_up or is_stricter(wanted, Requirement.from_dict(grant.requirement)):
        return False
    if not _holds(grant, action):
        return False
    # Four eyes hold for what is granted as for what is voted on.
    return reading.could_agree_alone(action, grant.made_by, wanted)


def _holds(grant: Grant, action: Action) -> bool:
    try:
        expression = compile_expression(grant.condition, VARIABLES, result="bool")
    except CelError:
        return False
    return holds(expression, action)
