"""An agent's wish becomes an action: checked, shown what it would do, judged, stored."""

from collections.abc import Collection
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from approvals.models import Action, ShadowVerdict
from approvals.services import granted, repeating, spending, targets, trail
from approvals.services.admitting import admit
from approvals.services.checking import check
from approvals.services.judging import judge
from approvals.services.previewing import Preview, preview_of
from approvals.services.wishes import (
    RunContext,
    Wish,
    existing,
    identity,
    read_arguments,
    requester_of,
)
from approvals.states import OPEN, ActionStatus
from audit.actions import AuditAction
from audit.canonical import canonical
from audit.context import correlation_id as bound_correlation_id
from gateway.agents.models import Agent
from gateway.lib import ids, wordlists
from gateway.lib.broker import JobName, ring
from gateway.lib.states import announce
from gateway.tenants.models import Environment
from gateway.tenants.principals import Principal

MILLISECOND = timedelta(milliseconds=1)
MAX_REASON = 4000
RECORDED_AS = {
    ActionStatus.INVALID: AuditAction.ACTION_INVALID,
    ActionStatus.DENIED: AuditAction.ACTION_DENIED,
    ActionStatus.APPROVED: AuditAction.ACTION_ALLOWED,
    ActionStatus.PENDING: AuditAction.ACTION_PENDING,
}


def propose(
    *,
    environment: Environment,
    agent: Agent,
    tool_name: str,
    arguments: Any,
    requester: Principal,
    call_id: str | None = None,
    run: RunContext | None = None,
    reason: str = "",
    tags: dict[str, Any] | None = None,
    source_event: str = "",
    event_facts: dict[str, Any] | None = None,
    correlation_id: str = "",
    undoes: Action | None = None,
) -> Action:
    """Take a tool call through the gate and store it with its verdict.

    `arguments` is a JSON value, or Marked where its text had two meanings. The same call id with
    the same arguments gives the existing action; with others it raises Conflict `call_id_conflict`.
    """
    wish = Wish(
        environment, agent, tool_name[:80], arguments, requester, run,
        undoes_id=undoes.pk if undoes else None,
    )  # fmt: skip
    read_arguments(wish)
    scope, call = identity(wish, call_id)
    if repeating.look_back(wish, scope, call) and (known := existing(wish, scope, call)):
        return known
    check(wish)
    repeating.check(wish)
    preview = look(wish)
    action = Action(
        environment=environment, agent=agent, run_id=run.id if run else None, call_scope=scope,
        call_id=call, requester_kind=requester.kind, requester_id=requester.id,
        requester_label=requester.label[:120], requester_owner_id=requester.owner_id,
        ordered_by=_between_bars(requester.ordered_by),
        agent_owner_id=agent.owner.user_id if agent.owner else None,
        run_starter_id=run.starter_user_id if run else None, tool_name=wish.tool_name,
        tool_version=wish.tool.current if wish.tool else None, arguments=wish.text,
        arguments_sha256=wish.sha256, agent_reason=reason[:MAX_REASON], tags=tags or {},
        repeats_id=wish.repeats_id, undoes=undoes, source_event=source_event,
        correlation_id=correlation_id or bound_correlation_id(),
    )  # fmt: skip
    fill_in(action, wish, preview)
    try:
        return _decide(action, wish, preview, event_facts=event_facts or {})
    except IntegrityError:
        # Another delivery of the same call was faster.
        if known := existing(wish, scope, call):
            return known
        raise


def _decide(
    action: Action, wish: Wish, preview: Preview | None, *, event_facts: dict[str, Any]
) -> Action:
    """Judge and store; once more without grants where somebody else took the last use of one."""
    judge(action, wish, preview, event_facts=event_facts)
    try:
        return _store(action, wish)
    except granted.UsedUp:
        wish.may_use_grants, wish.grant = False, None
        judge(action, wish, preview, event_facts=event_facts)
        return _store(action, wish)


def look(wish: Wish) -> Preview | None:
    """What the call would change, read from the outside; None for one that is refused anyway."""
    if not wish.is_sound:
        return None
    lists = wordlists.load(wish.environment.word_lists)
    return preview_of(wish.version, wish.arguments, rendered=wish.rendered, lists=lists)


def _orderers(action: Action) -> dict[str, Any]:
    return {"ordered_by": action.orderers} if action.ordered_by else {}


def _between_bars(names: Collection[str]) -> str:
    return "".join(f"|{name}" for name in sorted(names)) + "|" if names else ""


def _meta(action: Action) -> dict[str, str]:
    meta = {"rule": action.rule, "policy_hash": action.policy_hash}
    if action.repeats_id:
        meta["repeats"] = ids.encode(Action.PREFIX, action.repeats_id)
    return meta


def fill_in(action: Action, wish: Wish, preview: Preview | None) -> None:
    """Write what the arguments would do into the unsaved action."""
    version = action.tool_version
    action.rendered = canonical(wish.rendered).decode() if wish.rendered else ""
    action.effect, action.target = wish.effect, wish.target
    action.target_key = targets.key_of(wish.target)
    action.risk = version.risk if version else ""
    connection = version.connection if version else None
    action.connection_revision = connection.revision if connection else None
    seen = preview or Preview()
    action.before, action.after = seen.before, seen.after
    action.affected, action.previewed_at = seen.affected, seen.as_of
    action.preview_error = seen.error


@transaction.atomic
def _store(action: Action, wish: Wish) -> Action:
    admit(action, wish.run)
    spending.set_aside_for_new(action, wish.standings)
    action.announce_due_at = action.approved_at or timezone.now()
    action.save(force_insert=True)
    if action.status in OPEN:
        targets.note(action)
    if wish.shadows:
        ShadowVerdict.objects.bulk_create(wish.shadows)
    actor = requester_of(action).actor
    trail.record_both(
        action,
        (
            AuditAction.ACTION_PROPOSED,
            {"before": action.status, "actor": actor, "meta": _orderers(action)},
        ),
        (
            RECORDED_AS[ActionStatus(action.status)],
            {"before": ActionStatus.PROPOSED, "reason": action.code, "meta": _meta(action)},
        ),
    )
    if wish.grant and wish.asked_of_people:
        granted.take(action, wish.grant, wish.asked_of_people)
    announce(action)
    if action.status == ActionStatus.APPROVED and action.approved_at and action.due_at:
        wait = action.due_at - action.approved_at
        ring(JobName.EXECUTE_ACTION, str(action.pk), delay_ms=max(0, int(wait / MILLISECOND)))
    return action
