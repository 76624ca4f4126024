"""A version on trial: watched only, or in force for some, before it counts for all."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from approvals.models import Policy, PolicyVersion
from approvals.services import policies
from approvals.services.quorums import require_people
from audit import services as audit
from audit.actions import AuditAction
from audit.context import Target
from gateway.agents.models import Agent
from gateway.lib.errors import Conflict, Refused
from gateway.tenants.models import Environment

Stage = Policy.Stage


@dataclass(frozen=True)
class Rollout:
    """How far a version on trial counts: for nobody (`shadow`), some agents, a share of runs."""

    stage: str = Stage.SHADOW
    agents: tuple[str, ...] = ()
    percent: int = 0


@transaction.atomic
def try_version(
    environment: Environment,
    *,
    name: str,
    rules: list[dict[str, Any]],
    comment: str,
    rollout: Rollout,
    tests: str | None = None,
) -> Policy:
    """Make a new version that does not yet count for all; a policy that is new is empty till then.

    An earlier version on trial ends. Raises Refused as `save_policy`, and for a roll-out that
    names no agent of this environment or no share.
    """
    found = Policy.objects.within(environment).filter(name=name).first()
    policy = policies.lock(found) if found else _empty(environment, name)
    made = policies.record_version(
        policy, rules=rules, tests=policy.tests if tests is None else tests, comment=comment
    )
    require_people(environment, rules)
    return _start(policy, made, rollout)


@transaction.atomic
def widen(policy: Policy, *, rollout: Rollout) -> Policy:
    """Let the version on trial count for others than so far; raises Conflict without one."""
    locked = policies.lock(policy)
    return _start(locked, _on_trial(locked), rollout)


@transaction.atomic
def promote(policy: Policy) -> Policy:
    """Put the version on trial in force for all, under its own number.

    Raises Conflict without one, Refused where nobody could agree any more as it asks.
    """
    locked = policies.lock(policy)
    trial, before = _on_trial(locked), locked.version
    require_people(locked.environment, trial.rules)
    locked.rules, locked.tests = trial.rules, trial.tests
    locked.version, locked.comment = trial.number, trial.comment
    policies.clear_trial(locked)
    locked.save()
    _record(AuditAction.POLICY_PROMOTED, locked, {"version": [before, trial.number]})
    return locked


@transaction.atomic
def withdraw(policy: Policy) -> Policy:
    """End the trial; what is in force for all counts for everybody again."""
    locked = policies.lock(policy)
    trial = _on_trial(locked)
    before = _where(locked)
    policies.clear_trial(locked)
    locked.save()
    _record(
        AuditAction.POLICY_TRIAL_ENDED, locked,
        {"trial": [trial.number, None], "rollout": [before, None]},
    )  # fmt: skip
    return locked


def _empty(environment: Environment, name: str) -> Policy:
    """A policy that has no version in force yet."""
    policy = Policy(
        environment=environment, name=name, version=0, comment="Nothing is in force yet."
    )
    policy.save(force_insert=True)
    audit.record(
        AuditAction.POLICY_CREATED,
        target=Target("policy", policy.public_id, 0),
        scope=environment.audit_scope,
        changes={"enabled": [None, True]},
    )
    return policy


def _on_trial(policy: Policy) -> PolicyVersion:
    if policy.trial is None:
        raise Conflict("no_trial", f"No version of {policy.name} is on trial.")
    return policy.trial


def _start(policy: Policy, version: PolicyVersion, rollout: Rollout) -> Policy:
    stage = _stage(rollout.stage)
    before = {"number": policy.trial.number, **_where(policy)} if policy.trial else None
    agents = _agents(policy.environment, rollout.agents) if stage == Stage.AGENTS else []
    if stage == Stage.PERCENT and not 1 <= rollout.percent <= 100:
        raise Refused("invalid_rollout", "percent is a whole number from 1 to 100.")
    policy.trial, policy.trial_stage = version, stage
    policy.trial_agents = agents
    policy.trial_percent = rollout.percent if stage == Stage.PERCENT else 0
    policy.save()
    after = {"number": version.number, **_where(policy)}
    _record(AuditAction.POLICY_TRIAL_STARTED, policy, {"trial": [before, after]})
    return policy


def _stage(text: str) -> str:
    if text not in Stage.values:
        raise Refused("invalid_rollout", f"stage is one of {', '.join(Stage.values)}.")
    return text


def _agents(environment: Environment, names: Sequence[str]) -> list[str]:
    rows = Agent.objects.within(environment)
    found = []
    for name in names:
        agent = (rows.public(name) | rows.filter(slug=name)).first()
        if agent is None:
            raise Refused("unknown_agent", f"There is no agent {name[:80]!r} here.")
        found.append(agent.public_id)
    if not found:
        raise Refused("invalid_rollout", "Name at least one agent that the version counts for.")
    return sorted(set(found))


def _where(policy: Policy) -> dict[str, Any]:
    return {
        "stage": policy.trial_stage, "agents": policy.trial_agents,
        "percent": policy.trial_percent,
    }  # fmt: skip


def _record(what: AuditAction, policy: Policy, changes: dict[str, list[Any]]) -> None:
    audit.record(
        what,
        target=Target("policy", policy.public_id, policy.version),
        scope=policy.environment.audit_scope,
        changes=changes,
    )
