"""Break-glass: an admin decides alone, with a reason, an alarm, and a review that others owe.

It takes the place of the other people only. Policy that denies, four eyes towards whoever asked,
the kill switch, budgets and the digest hold as ever.
"""

from django.db import IntegrityError, transaction
from django.utils import timezone

from approvals.models import Action, Approval, BreakGlass
from approvals.services import binding, deciding, reading, trail
from approvals.services.locking import attempt, lock_for_emergency
from audit import services as audit
from audit.actions import AuditAction
from audit.context import Target
from gateway.lib.errors import Conflict, Denied, Refused
from gateway.lib.unit_of_work import unit_of_work
from gateway.tenants.models import Environment
from gateway.tenants.principals import Principal

USE, REVIEW = "approvals.break_glass", "approvals.review_break_glass"
MAX_REASON = 2000
NOW = 0


def break_glass(*, action: Action, by: Principal, digest: str, reason: str) -> Action:
    """Approve the action alone, at once. Raises Denied, StaleState as a vote does, Refused without
    a reason, Conflict while an earlier one of this environment is not reviewed.
    """
    with attempt(action):
        if not by.has(USE):
            raise Denied("not_permitted", "Only an admin of this environment breaks the glass.")
        _check_text(reason, "Say why nobody else can decide in time: it will be reviewed.")
        locked = lock_for_emergency(action, by, digest=digest)
        reading.check_is_there(locked, by)
        vote = deciding.cast(locked, by, decision=Approval.Decision.BREAK_GLASS, comment=reason)
        _note(locked, vote, reason=reason.strip())
        deciding.send_to_execution(locked, by, vote, hold_s=NOW)
    return locked


def review_break_glass(
    *, emergency: BreakGlass, by: Principal, finding: str, comment: str
) -> BreakGlass:
    """Say whether it was justified. Another admin or an auditor does, never whoever did it.

    Raises Denied, Refused, or Conflict when somebody has reviewed it.
    """
    with unit_of_work(
        attempt=AuditAction.GLASS_REFUSED,
        target=_target(emergency),
        scope=emergency.environment.audit_scope,
    ):
        if not by.is_member or by.user is None or not by.has(REVIEW):
            raise Denied("not_permitted", "An admin or auditor of this environment reviews it.")
        if by.user.pk == emergency.user_id:
            raise Denied("own_action", "Whoever decided alone does not review that.")
        if by.user.public_id in reading.people_behind(emergency.action):
            raise Denied("own_action", "Whoever asked for the action or answers for it does not.")
        if finding not in BreakGlass.Finding.values:
            raise Refused("invalid", "The finding is justified or unjustified.")
        _check_text(comment, "Say what you looked at and what you think.")
        return _review(emergency, by, finding=finding, comment=comment.strip())


def unreviewed(environment: Environment) -> BreakGlass | None:
    """What was decided alone here and nobody has reviewed yet."""
    rows = BreakGlass.objects.within(environment).filter(reviewed_at=None)
    return rows.select_related("user", "action").first()  # type: ignore[no-any-return]


def _note(action: Action, vote: Approval, *, reason: str) -> None:
    asked_for = binding.requirement_of(action).words
    try:
        with transaction.atomic():
            emergency = BreakGlass.objects.create(
                environment=action.environment, action=action, approval=vote, user=vote.user,
                reason=reason, asked_for=asked_for,
            )  # fmt: skip
    except IntegrityError as error:
        raise Conflict(
            "review_owed",
            "An earlier break-glass decision here is not reviewed: that comes first.",
        ) from error
    trail.record(
        action, AuditAction.GLASS_BROKEN, before=action.status, approval=vote,
        actor=vote.user.audit_actor, meta={"break_glass": emergency.public_id},
    )  # fmt: skip


def _review(emergency: BreakGlass, by: Principal, *, finding: str, comment: str) -> BreakGlass:
    changed = BreakGlass.objects.filter(pk=emergency.pk, reviewed_at=None).update(
        finding=finding, reviewed_by=by.user, reviewed_at=timezone.now(), review_comment=comment
    )
    if not changed:
        raise Conflict("reviewed_already", "Somebody has reviewed it already.")
    emergency.refresh_from_db()
    audit.record(
        AuditAction.GLASS_REVIEWED, target=_target(emergency), actor=by.actor,
        scope=emergency.environment.audit_scope, changes={"finding": [None, finding]},
        meta={"action": emergency.action.public_id},
    )  # fmt: skip
    return emergency


def _check_text(text: str, missing: str) -> None:
    if not text.strip() or len(text) > MAX_REASON:
        raise Refused("reason_missing", f"{missing} At most {MAX_REASON} characters.")


def _target(emergency: BreakGlass) -> Target:
    return Target("break_glass", emergency.public_id)
