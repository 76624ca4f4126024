"""What a draft of rules would say: of one call, of one past action, of the last days.

Nothing is written but the record that somebody simulated, and nobody outside is asked. Past actions
are judged by the facts stored with them, in which secrets are masked: whoever may look at policies
must not be able to ask a secret value bit by bit. Where a mask mattered, the answer says so.
"""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from django.utils import timezone

from approvals import gate
from approvals.findings import Finding
from approvals.models import Action, Policy
from approvals.policy import comparing, engine
from approvals.policy.comparing import DISAGREEMENTS, Change
from approvals.policy.engine import Evaluation, PolicyRule, load_rules
from approvals.policy.references import masked_in, uncertain
from approvals.services import policies
from approvals.services.checking import check
from approvals.services.masking import masked_facts
from approvals.services.seeing import facts_of
from approvals.services.wishes import Wish, read_arguments
from audit import services as audit
from audit.actions import AuditAction
from audit.context import Target
from gateway.agents.models import Agent
from gateway.lib.errors import Refused
from gateway.tenants.models import Environment
from gateway.tenants.principals import Principal

MAX_ACTIONS = 10_000
MAX_DAYS = 366
CHUNK = 200
TIME_BUDGET_S = 10.0
MAX_LISTED = 100
COLUMNS = ("id", "environment_id", "status", "tool_name", "effect", "facts", "created_at")


@dataclass(frozen=True)
class Draft:
    """Rules that are not in force: in the place of a policy's, or as a policy of their own."""

    rules: list[dict[str, Any]]
    policy: Policy | None = None
    position: int = 100


@dataclass
class Lists:
    """The whole list that is in force for all, and the one that the draft would make of it."""

    now: tuple[PolicyRule, ...]
    then: tuple[PolicyRule, ...]

    @cached_property
    def hash(self) -> str:
        """The version of the list with the draft, as a trace would name it."""
        return engine.rules_hash(self.then)


@dataclass(frozen=True)
class Simulated:
    """One call as the draft judges it, beside what is in force.

    `verdict` counts the other checks too where a call was given (`findings`). `uncertain` are the
    masked values that a rule looked at.
    """

    said: Evaluation
    before: Evaluation
    change: Change
    facts: dict[str, Any]
    policy_hash: str
    verdict: gate.Verdict | None = None
    findings: tuple[Finding, ...] = ()
    uncertain: tuple[str, ...] = ()


@dataclass(frozen=True)
class Changed:
    """One past action that the draft would judge otherwise; `action` has no arguments loaded."""

    action: Action
    change: Change
    before: Evaluation
    after: Evaluation
    uncertain: tuple[str, ...]


@dataclass
class Replay:
    """What the draft would have made of past actions; the newest changed ones are listed."""

    since: datetime
    examined: int = 0
    without_facts: int = 0
    uncertain: int = 0
    oldest: datetime | None = None
    note: str = ""
    counts: Counter[Change] = field(default_factory=Counter)
    listed: dict[Change, list[Changed]] = field(
        default_factory=lambda: {change: [] for change in DISAGREEMENTS}
    )

    @property
    def changed(self) -> int:
        """How many would be judged otherwise."""
        return sum(self.counts[change] for change in DISAGREEMENTS)


def lists_of(environment: Environment, draft: Draft | None) -> Lists:
    """Both lists; raises Refused for a draft that does not compile."""
    rows = list(Policy.objects.within(environment).order_by("position", "created_at"))
    now = [(row, load_rules(row.public_id, row.rules) if row.is_enabled else ()) for row in rows]
    flat = tuple(rule for _, rules in now for rule in rules)
    if draft is None:
        return Lists(flat, flat)
    name = draft.policy.public_id if draft.policy else "draft"
    rules = policies.checked(name, draft.rules, "")[0]
    if draft.policy is not None:
        then = [(row, rules if row.pk == draft.policy.pk else old) for row, old in now]
    else:
        at = sum(row.position <= draft.position for row in rows)
        then = [*now[:at], (Policy(), rules), *now[at:]]
    return Lists(flat, tuple(rule for _, part in then for rule in part))


def simulate_action(action: Action, draft: Draft | None = None) -> Simulated:
    """A past action judged again by its stored facts; raises Refused where it has none."""
    if not action.facts:
        raise Refused("no_facts", f"{action.public_id} was refused before any rule was asked.")
    lists = lists_of(action.environment, draft)
    result = _judged(lists, action.facts)
    _record(action.environment, draft, action=action.public_id, change=result.change)
    return result


def simulate_call(
    environment: Environment,
    *,
    agent: Agent,
    tool: str,
    arguments: Any,
    draft: Draft | None = None,
    now: datetime | None = None,
) -> Simulated:
    """A call that nobody made, through every check but the live read, at the given time.

    `verdict` is None only where another check ends the matter before a rule is asked.
    """
    by = Principal("agent", agent.public_id, agent.slug, environment)
    wish = Wish(environment, agent, tool[:80], arguments, by, None)
    read_arguments(wish)
    check(wish)
    lists = lists_of(environment, draft)
    action = Action(
        environment=environment,
        agent=agent,
        tool_name=wish.tool_name,
        target=wish.target,
        tool_version=wish.tool.current if wish.tool else None,
    )
    sound = wish.is_sound and isinstance(wish.arguments, dict)
    moment = now or timezone.now()
    seen = facts_of(action, wish, None, event_facts={}, now=moment) if sound else {}
    result = _judged(lists, seen, findings=tuple(wish.findings), full=True)
    _record(environment, draft, tool=wish.tool_name, change=result.change)
    return Simulated(
        **{**vars(result), "facts": masked_facts(seen, wish.arguments, wish.sensitive)}
    )


def replay(
    environment: Environment,
    *,
    days: int,
    draft: Draft | None,
    limit: int = MAX_ACTIONS,
    seconds: float = TIME_BUDGET_S,
) -> Replay:
    """The last days' actions, the newest first, against a draft; each compared with what is in
    force for all now.

    Chunk by chunk, at most `limit` of them and about `seconds` long; `note` says what was left
    out. Raises Refused for a draft that does not compile.
    """
    if not 1 <= days <= MAX_DAYS:
        raise Refused("invalid", f"days is a whole number from 1 to {MAX_DAYS}.")
    lists = lists_of(environment, draft)
    found = Replay(since=timezone.now() - timedelta(days=days))
    stop = time.monotonic() + seconds
    for chunk in _chunks(environment, found.since, limit):
        for action in chunk:
            _add(found, action, lists)
        if time.monotonic() > stop:
            found.note = f"Stopped after {seconds:g} s: older actions were not looked at."
            break
    else:
        if found.examined + found.without_facts >= limit:
            found.note = f"Only the newest {limit} actions were looked at."
    counts = {str(change): found.counts[change] for change in DISAGREEMENTS}
    _record(environment, draft, days=days, examined=found.examined, **counts)
    return found


def _chunks(environment: Environment, since: datetime, limit: int) -> Iterator[list[Action]]:
    """Actions by descending key (a UUIDv7 sorts by time), never more than one chunk in memory."""
    rows = Action.objects.within(environment).filter(created_at__gte=since).order_by("-id")
    left, last = limit, None
    while left > 0:
        page = rows.filter(id__lt=last) if last else rows
        chunk = list(page.only(*COLUMNS)[: min(CHUNK, left)])
        if not chunk:
            return
        yield chunk
        left, last = left - len(chunk), chunk[-1].pk


def _add(found: Replay, action: Action, lists: Lists) -> None:
    if not action.facts:
        found.without_facts += 1
        return
    result = _judged(lists, action.facts)
    found.examined += 1
    found.oldest = action.created_at
    found.counts[result.change] += 1
    found.uncertain += bool(result.uncertain)
    if result.change is Change.SAME or len(found.listed[result.change]) >= MAX_LISTED:
        return
    action.facts = {}
    found.listed[result.change].append(
        Changed(action, result.change, result.before, result.said, result.uncertain)
    )


def _judged(
    lists: Lists,
    seen: dict[str, Any],
    *,
    findings: tuple[Finding, ...] = (),
    full: bool = False,
) -> Simulated:
    before, said = engine.evaluate(lists.now, seen), engine.evaluate(lists.then, seen)
    hidden = masked_in(seen)
    places = {*uncertain(lists.now, before, hidden), *uncertain(lists.then, said, hidden)}
    return Simulated(
        said=said,
        before=before,
        change=comparing.change(before, said),
        facts=seen,
        policy_hash=lists.hash,
        verdict=gate.decide(findings, said) if full else None,
        findings=findings,
        uncertain=tuple(sorted(places)),
    )


def _record(environment: Environment, draft: Draft | None, **meta: Any) -> None:
    policy = draft.policy if draft else None
    target = Target("policy", policy.public_id, policy.version) if policy else None
    audit.record(
        AuditAction.POLICY_SIMULATED,
        target=target or Target("environment", environment.public_id),
        scope=environment.audit_scope,
        meta={"draft": draft is not None, **meta},
    )
