"""Grants instead of "always allow": derived from a decision, exact, bounded, and revocable.

Whoever approved an action alone may let equal calls through for a while. What such a call would
have to satisfy otherwise stays the measure: a grant never stands in for a second person, a fresh
sign-in, or a destructive tool.

A condition sees arguments as people do, secrets masked: equal secrets have equal masks, so that it
can ask for the same one, and nobody can read one out of what a condition holds for.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from approvals import quorum
from approvals.literals import exact
from approvals.models import Action, Approval, Grant
from approvals.quorum import Vote
from approvals.redact import has_mask
from approvals.requirement import Requirement
from approvals.services import binding, grant_seals, reading, trail, versions
from approvals.services.locking import lock
from approvals.services.masking import shown_arguments
from approvals.services.people import active_member, person_facts
from approvals.states import ActionStatus
from audit import services as audit
from audit.actions import AuditAction
from audit.context import Target
from gateway.lib.cel import CelError, CelRuntimeError, Expression, compile_expression
from gateway.lib.errors import Conflict, Denied, Refused
from gateway.lib.unit_of_work import unit_of_work
from gateway.tenants.principals import Principal
from gateway.tools.models import Risk, SideEffect

VARIABLES = ("args",)
MAX_USES = 1000
MAX_REASON = 300
LONGEST = timedelta(days=90)
SHOWN = 50
LOOKED_AT = 10_000
TIME_BUDGET_S = 5.0
CHUNK = 500
MANAGE = "approvals.change_policy"
DECIDED = frozenset(
    {
        ActionStatus.APPROVED, ActionStatus.EXECUTING, ActionStatus.SUCCEEDED, ActionStatus.FAILED,
        ActionStatus.UNKNOWN,
    }
)  # fmt: skip


@dataclass(frozen=True)
class Matches:
    """Which actions of the last days a condition would have let through.

    `count` is of those looked at, which are the newest; `is_cut` says that there may be more.
    """

    count: int
    looked_at: int
    is_cut: bool
    actions: list[Action] = field(default_factory=list)


def suggest(action: Action) -> str:
    """The condition that holds for this action's arguments alone."""
    return exact(shown_arguments(action) or {})


def objection(action: Action, by: Principal) -> str:
    """Why this member can derive no grant from the action; empty where they can."""
    version = action.tool_version
    if version is None or action.status not in DECIDED:
        return "A grant is derived from an action that was approved."
    if version.side_effect == SideEffect.DESTRUCTIVE or action.risk == Risk.CRITICAL:
        return "What is destructive or critical is decided each time."
    if version.tool.current_id != version.pk:
        return "The tool was changed since: decide on a call of its present definition first."
    requirement = binding.requirement_of(action)
    vote = _vote_of(action, by)
    if vote is None:
        return "Only whoever approved the action derives a grant from it."
    if requirement.step_up:
        return "The rule asks for a fresh sign-in each time, which no grant can give."
    person = quorum.PersonFacts(vote.user.public_id)
    member = active_member(vote.user, action.environment)
    if member is not None:
        person = person_facts(member, action.environment)
    alone = [Vote(person, approves=True)]
    if not quorum.standing(requirement, alone).satisfied:
        return "The rule asks for more than one person, so one person grants nothing."
    return ""


def create(
    *,
    action: Action,
    by: Principal,
    expires_at: datetime,
    max_uses: int,
    reason: str,
    condition: str = "",
) -> Grant:
    """Let calls like this action through until `expires_at`, at most `max_uses` times.

    Without a condition only exactly the same arguments. Raises Denied for who may not, Refused for
    bounds or a condition that cannot be used.
    """
    with unit_of_work(
        attempt=AuditAction.GRANT_REFUSED,
        target=trail.target(action),
        scope=action.environment.audit_scope,
    ):
        reading.may_decide(action, by)
        locked = lock(action)
        if found := objection(locked, by):
            raise Denied("grant_not_allowed", found)
        wanted = condition.strip() or suggest(locked)
        _check_bounds(expires_at, max_uses, reason)
        _check_condition(wanted, locked)
        return _create(
            locked, by, wanted, expires_at=expires_at, max_uses=max_uses, reason=reason.strip()
        )


def _create(
    action: Action, by: Principal, condition: str, *, expires_at: datetime, max_uses: int,
    reason: str,
) -> Grant:  # fmt: skip
    version, user = action.tool_version, by.user
    if version is None or user is None:
        raise Denied("not_a_member", "Only a member grants anything.")
    grant = Grant(
        environment=action.environment, agent=action.agent, tool=version.tool,
        definition_sha256=version.definition_sha256, condition=condition,
        requirement=action.requirement, derived_from=action, made_by=user, reason=reason,
        expires_at=expires_at, max_uses=max_uses,
    )  # fmt: skip
    grant.signature = grant_seals.seal(grant)
    grant.save(force_insert=True)
    _record(
        grant, AuditAction.GRANT_CREATED, by,
        changes={"expires_at": [None, expires_at.isoformat()], "max_uses": [None, max_uses]},
    )  # fmt: skip
    return grant


def revoke(*, grant: Grant, by: Principal) -> Grant:
    """End a grant; what it let through and has not begun goes back to people.

    Whoever made it may, and whoever may change policies. Raises Denied, Conflict when it has ended.
    """
    with unit_of_work(
        attempt=AuditAction.GRANT_REFUSED,
        target=Target("grant", grant.public_id),
        scope=grant.environment.audit_scope,
    ):
        is_maker = by.user is not None and by.user.pk == grant.made_by_id
        if not by.is_member or not (is_maker or by.has(MANAGE)):
            raise Denied("not_permitted", "Whoever made the grant or changes policies revokes it.")
        now = timezone.now()
        if not Grant.objects.filter(pk=grant.pk, revoked_at=None).update(
            revoked_at=now, revoked_by=by.user
        ):
            raise Conflict("revoked_already", "The grant has been revoked already.")
        grant.refresh_from_db()
        _record(grant, AuditAction.GRANT_REVOKED, by, changes={"revoked_at": [None, str(now)]})
        _call_back(grant)
    return grant


def matching(action: Action, condition: str, *, days: int = 30) -> Matches:
    """The actions of the last days, of the same tool and agent, that the condition holds for.

    Raises Refused where the condition does not compile.
    """
    expression = _compiled(condition)
    since = timezone.now() - timedelta(days=days)
    rows = Action.objects.within(action.environment).filter(
        agent=action.agent, tool_name=action.tool_name, created_at__gte=since
    )
    held: list[Action] = []
    count = looked_at = 0
    is_cut, stop = False, time.monotonic() + TIME_BUDGET_S
    for row in _newest(rows.exclude(arguments="")):
        looked_at += 1
        if holds(expression, row):
            count += 1
            held += [row] if len(held) < SHOWN else []
        if is_cut := looked_at == LOOKED_AT or time.monotonic() > stop:
            break
    return Matches(count, looked_at, is_cut, held)


def holds(expression: Expression, action: Action) -> bool:
    """Whether the condition is true for the action's arguments; an error is a no.

    So is a text that only looks like a mask: it is not the secret that the mask stands for.
    """
    return not has_mask(action.arguments_value) and _is_true(expression, shown_arguments(action))


def _is_true(expression: Expression, arguments: Any) -> bool:
    try:
        return expression.evaluate({"args": arguments}) is True
    except CelRuntimeError:
        return False


def _newest(rows: Any) -> Iterator[Action]:
    wanted = (
        rows.order_by("-id")
        .select_related("tool_version")
        .only("id", "arguments", "status", "effect", "created_at", "tool_version__sensitive")
    )
    return wanted[:LOOKED_AT].iterator(chunk_size=CHUNK)  # type: ignore[no-any-return]


def _vote_of(action: Action, by: Principal) -> Approval | None:
    cast = [vote for vote in reading.votes(action) if by.user and vote.user_id == by.user.pk]
    for vote in cast:
        vote.action = action
    genuine = (vote for vote in cast if vote.decision == "approve" and binding.is_genuine(vote))
    return next(genuine, None)


def _check_bounds(expires_at: datetime, max_uses: int, reason: str) -> None:
    now = timezone.now()
    if not now < expires_at <= now + LONGEST:
        raise Refused("invalid", f"A grant ends within {LONGEST.days} days, in the future.")
    if not 1 <= max_uses <= MAX_USES:
        raise Refused("invalid", f"A grant counts from 1 to {MAX_USES} calls.")
    if not reason.strip() or len(reason) > MAX_REASON:
        raise Refused("reason_missing", f"Say why, in at most {MAX_REASON} characters.")


def _check_condition(condition: str, action: Action) -> None:
    expression = _compiled(condition)
    if _is_true(expression, {}):
        raise Refused("condition_empty", "The condition must ask something of the arguments.")
    if not holds(expression, action):
        raise Refused(
            "condition_differs", "The condition does not hold for the action it is derived from."
        )


def _compiled(condition: str) -> Expression:
    try:
        return compile_expression(condition, VARIABLES, result="bool")
    except CelError as error:
        text = f"The condition: {error}\n{error.caret_text}".rstrip()
        raise Refused("condition_invalid", text) from error


def _call_back(grant: Grant) -> None:
    """What it let through and nobody claimed yet waits for people after all."""
    queued = Action.objects.filter(grant_use__grant=grant, status=ActionStatus.APPROVED)
    rows = queued.select_for_update(of=("self",)).select_related(
        "environment__tenant", "tool_version__tool", "tool_version__connection", "agent"
    )
    for action in rows.order_by("pk"):
        before = action.status
        wanted = Requirement.from_dict(action.grant_use.requirement)
        versions.return_to_review(action, wanted, comment="The grant it went by was revoked.")
        trail.record(action, AuditAction.ACTION_RETURNED, before=before, reason="grant_revoked")


def _record(grant: Grant, what: AuditAction, by: Principal, *, changes: dict[str, Any]) -> None:
    audit.record(
        what, target=Target("grant", grant.public_id), actor=by.actor, changes=changes,
        scope=grant.environment.audit_scope,
        meta={"tool": grant.tool.public_id, "agent": grant.agent.public_id},
    )  # fmt: skip
