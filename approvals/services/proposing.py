"""An agent's wish becomes an action: checked, shown what it would do, judged, stored."""

import hashlib
import secrets
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from approvals.findings import Finding, Ruling
from approvals.gate import Verdict, decide
from approvals.models import Action
from approvals.policy import engine, facts
from approvals.quorum import Requirement
from approvals.services import binding, policies, trail
from approvals.services.masking import masked
from approvals.services.previewing import Preview, preview_of
from approvals.states import ActionStatus
from audit.actions import AuditAction
from audit.canonical import NotCanonical, canonical
from audit.context import correlation_id as bound_correlation_id
from gateway.agents import services as agents
from gateway.agents.models import Agent
from gateway.connectors import registry
from gateway.connectors.base import Unknown
from gateway.lib import ids
from gateway.lib.broker import JobName, ring
from gateway.lib.cel import CelError, CelRuntimeError, compile_expression
from gateway.lib.errors import Conflict
from gateway.lib.pointer import pointer, steps
from gateway.lib.states import announce
from gateway.lib.strictjson import Marked
from gateway.lib.unit_of_work import unit_of_work
from gateway.tenants.models import Environment
from gateway.tenants.principals import Principal
from gateway.tools import render, schema
from gateway.tools import services as tools
from gateway.tools.models import Tool

EXECUTE_WITHIN = timedelta(hours=24)
MILLISECOND = timedelta(milliseconds=1)
NOT_PERMITTED = "not_permitted"
MAX_REASON = 4000
RECORDED_AS = {
    ActionStatus.INVALID: AuditAction.ACTION_INVALID,
    ActionStatus.DENIED: AuditAction.ACTION_DENIED,
    ActionStatus.APPROVED: AuditAction.ACTION_ALLOWED,
    ActionStatus.PENDING: AuditAction.ACTION_PENDING,
}


@dataclass(frozen=True)
class RunContext:
    """What the gate may know of a run; the run's own app fills it in."""

    id: uuid.UUID
    facts: dict[str, Any]
    starter_user_id: uuid.UUID | None = None
    require_approval_for: tuple[str, ...] = ()


@dataclass
class Wish:
    """A call on its way through the gate: what was asked, and what was found out about it."""

    environment: Environment
    agent: Agent
    tool_name: str
    arguments: Any
    requester: Principal
    run: RunContext | None
    tool: Tool | None = None
    text: str = ""
    sha256: str = ""
    rendered: dict[str, Any] = field(default_factory=dict)
    effect: str = ""
    target: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def sensitive(self) -> list[str]:
        """The paths of the arguments that are masked wherever they are kept beside the request."""
        return list(self.tool.current.sensitive) if self.tool and self.tool.current else []

    @property
    def is_sound(self) -> bool:
        """Whether nothing speaks against rendering and judging it."""
        return self.tool is not None and not self.findings


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
) -> Action:
    """Take a tool call through the gate and store it with its verdict.

    `arguments` is a JSON value, or Marked where its text had two meanings. The same call id with
    the same arguments gives the existing action; with others it raises Conflict `call_id_conflict`.
    """
    wish = Wish(environment, agent, tool_name[:80], arguments, requester, run)
    _read_arguments(wish)
    scope, call = _identity(wish, call_id)
    if existing := _existing(wish, scope, call):
        return existing
    _check(wish)
    preview = (
        preview_of(wish.tool, wish.arguments, rendered=wish.rendered) if wish.is_sound else None
    )
    action = Action(
        environment=environment, agent=agent, run_id=run.id if run else None, call_scope=scope,
        call_id=call, requester_kind=requester.kind, requester_id=requester.id,
        requester_label=requester.label[:120], requester_owner_id=requester.owner_id,
        run_starter_id=run.starter_user_id if run else None, tool_name=wish.tool_name,
        tool_version=wish.tool.current if wish.tool else None, arguments=wish.text,
        arguments_sha256=wish.sha256, agent_reason=reason[:MAX_REASON], tags=tags or {},
        source_event=source_event, correlation_id=correlation_id or bound_correlation_id(),
    )  # fmt: skip
    _fill_in(action, wish, preview)
    _judge(action, wish, event_facts=event_facts or {})
    try:
        return _store(action)
    except IntegrityError:
        # Another delivery of the same call was faster.
        if existing := _existing(wish, scope, call):
            return existing
        raise


def _read_arguments(wish: Wish) -> None:
    if isinstance(wish.arguments, Marked):
        wish.sha256 = wish.arguments.sha256
        detail = f"The arguments have more than one meaning: {wish.arguments.reason}."
        wish.findings.append(Finding("arguments", "invalid", detail, Ruling.INVALID))
        return
    try:
        raw = canonical(wish.arguments)
    except NotCanonical as error:
        wish.sha256 = hashlib.sha256(repr(wish.arguments).encode()).hexdigest()
        wish.findings.append(Finding("arguments", "invalid", str(error), Ruling.INVALID))
        return
    wish.text, wish.sha256 = raw.decode(), hashlib.sha256(raw).hexdigest()


def _identity(wish: Wish, call_id: str | None) -> tuple[str, str]:
    """Where the call's id is unique (its run, else its principal), and the id itself."""
    scope = f"run:{wish.run.id}" if wish.run else f"{wish.requester.kind}:{wish.requester.id}"
    place = scope if wish.run else f"{scope}:{wish.environment.id.hex[-12:]}"
    return place[:80], (call_id or ids.random_token("call"))[:200]


def _existing(wish: Wish, scope: str, call: str) -> Action | None:
    found = Action.objects.filter(call_scope=scope, call_id=call).first()
    if found is None:
        return None
    if found.arguments_sha256 == wish.sha256 and found.tool_name == wish.tool_name:
        return found
    with unit_of_work(
        attempt=AuditAction.ACTION_REFUSED,
        target=trail.target(found),
        scope=wish.environment.audit_scope,
    ):
        raise Conflict(
            "call_id_conflict",
            f"Call {call!r} was made before with other arguments; use a new call id.",
            action=found.public_id,
        )


def _check(wish: Wish) -> None:
    """Collect what speaks against the call: tool, scope, schema, request."""
    tool = tools.enabled(wish.environment, wish.tool_name)
    standing = agents.may_call(wish.agent, wish.tool_name, arguments=wish.arguments)
    if tool is None or tool.current is None:
        detail = f"There is no enabled tool {wish.tool_name!r} in this environment."
        wish.findings.append(Finding("tool", NOT_PERMITTED, detail, Ruling.INVALID))
        return
    wish.tool = tool
    if wish.findings:
        return
    if not standing.is_permitted:
        wish.findings.append(Finding("scope", NOT_PERMITTED, standing.detail, Ruling.INVALID))
        return
    for found in schema.problems(tool.current.input_schema, wish.arguments):
        text = f"{found.path or 'arguments'}: {found.message}"
        wish.findings.append(Finding("schema", "invalid", text, Ruling.INVALID))
    if not wish.findings:
        _render(wish, tool)


def _render(wish: Wish, tool: Tool) -> None:
    version = tool.current
    if version is None:
        return
    try:
        connector = registry.connector(version.connector)
        wish.rendered = connector.render(version.config, version.operation, wish.arguments)
        wish.effect = render.render_effect(version.effect, wish.arguments)
        wish.target = _target(version.affected, wish)
    except (render.RenderError, Unknown, CelError, CelRuntimeError) as error:
        wish.findings.append(Finding("render", "invalid", str(error), Ruling.INVALID))


def _target(affected: str, wish: Wish) -> list[str]:
    """The sorted kind:id texts of what is touched; without an expression, method and URL."""
    if affected:
        value = compile_expression(affected, ("args",)).evaluate({"args": wish.arguments})
        found = value if isinstance(value, list) else [value]
        return sorted({str(item) for item in found})
    url = str(wish.rendered.get("url", "")).partition("?")[0]
    return [f"{wish.rendered.get('method', '')} {url}".strip() or wish.tool_name]


def _fill_in(action: Action, wish: Wish, preview: Preview | None) -> None:
    version = action.tool_version
    action.rendered = canonical(wish.rendered).decode() if wish.rendered else ""
    action.effect, action.target = wish.effect, wish.target
    action.risk = version.risk if version else ""
    if version and version.connection:
        action.connection_revision = version.connection.revision
    if preview:
        action.before, action.after = preview.before, preview.after
        action.affected, action.previewed_at = preview.affected, preview.as_of
        action.preview_error = preview.error


def _judge(action: Action, wish: Wish, *, event_facts: dict[str, Any]) -> None:
    """Ask the rules, add up the findings, and write the verdict into the unsaved action."""
    evaluation = None
    if wish.tool is not None and wish.is_sound:
        rules = policies.active_rules(action.environment)
        seen = facts_of(action, wish, event_facts=event_facts, now=timezone.now())
        evaluation = engine.evaluate(rules, seen)
        hidden = [pointer(("args", *steps(path))) for path in wish.sensitive]
        action.facts = masked(seen, hidden)
        action.trace = [line.as_dict() for line in evaluation.trace]
        action.policy_hash, action.rule = engine.rules_hash(rules), evaluation.rule_name
        if wish.run and wish.tool_name in wish.run.require_approval_for:
            detail = "The run's constraints ask for a person."
            wish.findings.append(
                Finding("run", "approval_required", detail, Ruling.REQUIRE_APPROVAL)
            )
    _apply(action, decide(tuple(wish.findings), evaluation))


def _apply(action: Action, verdict: Verdict) -> None:
    action.status, action.code, action.reason = verdict.status, verdict.code, verdict.reason
    if verdict.requirement:
        action.requirement = verdict.requirement.as_dict()
    now = timezone.now()
    if action.status == ActionStatus.PENDING:
        requirement = verdict.requirement or Requirement()
        action.decide_by = now + timedelta(seconds=requirement.expires_in_s)
    elif action.status == ActionStatus.APPROVED:
        hold = timedelta(seconds=verdict.hold_s)
        action.approved_at = now
        action.due_at, action.execute_by = now + hold, now + hold + EXECUTE_WITHIN
    else:
        action.settled_at = now
    if action.status in {ActionStatus.PENDING, ActionStatus.APPROVED}:
        action.nonce = secrets.token_hex(16)
        action.digest = binding.digest_of(action)


def facts_of(
    action: Action, wish: Wish, *, event_facts: dict[str, Any], now: datetime
) -> dict[str, Any]:
    """The frozen document that the rules see."""
    environment = action.environment
    return facts.build(
        args=wish.arguments,
        tool=wish.tool.current.facts() if wish.tool and wish.tool.current else {},
        agent=wish.agent.facts(),
        run=wish.run.facts if wish.run else {},
        env={
            "tenant": environment.tenant.slug,
            "slug": environment.slug,
            "kind": environment.kind,
        },
        now=now,
        time_zone=environment.tenant.time_zone,
        event=event_facts,
        budget={},
        history=_history(wish, now),
        affected=[
            dict(zip(("kind", "id"), text.split(":", 1), strict=False)) for text in action.target
        ],
    )


def _history(wish: Wish, now: datetime) -> dict[str, int]:
    earlier = Action.objects.filter(agent=wish.agent, tool_name=wish.tool_name)
    same = earlier.filter(created_at__gte=now - timedelta(hours=24))
    return {
        "calls_1h": same.filter(created_at__gte=now - timedelta(hours=1)).count(),
        "calls_24h": same.count(),
        "succeeded": earlier.filter(status=ActionStatus.SUCCEEDED).count(),
    }


@transaction.atomic
def _store(action: Action) -> Action:
    action.announce_due_at = timezone.now()
    action.save(force_insert=True)
    actor = Principal(
        action.requester_kind, action.requester_id, action.requester_label, action.environment,
        owner_id=action.requester_owner_id,
    ).actor  # fmt: skip
    trail.record(action, AuditAction.ACTION_PROPOSED, before=action.status, actor=actor)
    trail.record(
        action, RECORDED_AS[ActionStatus(action.status)], before=ActionStatus.PROPOSED,
        reason=action.code, meta={"rule": action.rule, "policy_hash": action.policy_hash},
    )  # fmt: skip
    announce(action)
    if action.status == ActionStatus.APPROVED and action.due_at:
        wait = action.due_at - timezone.now()
        ring(JobName.EXECUTE_ACTION, str(action.pk), delay_ms=max(0, int(wait / MILLISECOND)))
    action.refresh_from_db(fields=["created_at"])
    return action
