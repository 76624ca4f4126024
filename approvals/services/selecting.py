"""Which rules count for one call: in force for all, on trial for this one, or only watched."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import structlog

from approvals.models import Action, Policy, PolicyVersion, ShadowVerdict
from approvals.policy import comparing, engine, rollout
from approvals.policy.engine import Evaluation, PolicyError, PolicyRule, load_rules
from gateway.lib import ids
from gateway.lib.prepared import Prepared
from gateway.tenants.models import Environment

log = structlog.get_logger(__name__)
RUN_PREFIX = "run"
_POLICIES = Prepared(
    lambda environment: (
        Policy.objects.within(environment)
        .select_related("trial")
        .order_by("position", "created_at")
    ),
    environment=Environment._meta.pk,
)
Part = tuple[Policy, int, tuple[PolicyRule, ...]]


@dataclass(frozen=True)
class Subject:
    """Whom the rules are asked about: the agent, and the run (else the action) that a share of
    runs is chosen by. The same at proposing and at the claim."""

    agent: str
    key: str

    @classmethod
    def of(cls, action: Action) -> "Subject":
        """The subject of an action, also of one that is not stored yet."""
        run = ids.encode(RUN_PREFIX, action.run_id) if action.run_id else ""
        return cls(action.agent.public_id, run or action.public_id)


@dataclass(frozen=True)
class Watched:
    """A version that is only watched, and the whole list as it would be with it."""

    version: PolicyVersion
    rules: tuple[PolicyRule, ...]


@dataclass(frozen=True)
class Selection:
    """The list that counts, the version of each policy in it, and what is watched beside it."""

    rules: tuple[PolicyRule, ...]
    versions: Mapping[str, int]
    watched: tuple[Watched, ...] = ()

    def trace_of(self, evaluation: Evaluation) -> list[dict[str, str | int]]:
        """The trace as it is stored: each line with the version of the policy it comes from."""
        return [
            {**line.as_dict(), "version": self.versions.get(line.policy_id, 0)}
            for line in evaluation.trace
        ]


def active_rules(
    environment: Environment, subject: Subject | None = None
) -> tuple[PolicyRule, ...]:
    """Every rule that counts for this subject, in the order in which it is asked: position, then
    age. Without a subject those that count for all."""
    return select(environment, subject).rules


def select(environment: Environment, subject: Subject | None = None) -> Selection:
    """What counts for this subject, and what is watched beside it; one query."""
    policies = _POLICIES(environment=environment.pk)
    parts = [_part(policy, subject) for policy in policies]
    return Selection(
        rules=_joined(parts),
        versions={policy.public_id: number for policy, number, _ in parts},
        watched=tuple(_watched(policies, parts)) if subject else (),
    )


def _part(policy: Policy, subject: Subject | None) -> Part:
    if subject is not None and policy.trial is not None and _counts(policy, subject):
        return policy, policy.trial.number, _loaded(policy, policy.trial.rules)
    if not policy.is_enabled:
        return policy, policy.version, ()
    return policy, policy.version, _loaded(policy, policy.rules)


def _loaded(policy: Policy, rules: list[dict[str, Any]]) -> tuple[PolicyRule, ...]:
    """The rules as they were just read from the database, compiled once a process.

    The whole text is the key: nothing that was changed since, by whom and wherever, can be stale.
    """
    return _compiled(policy.public_id, json.dumps(rules))


@lru_cache(maxsize=512)
def _compiled(policy: str, text: str) -> tuple[PolicyRule, ...]:
    return load_rules(policy, json.loads(text))


def _counts(policy: Policy, subject: Subject) -> bool:
    """Whether the version on trial is in force for this subject; a switched-off policy's is not."""
    if not policy.is_enabled:
        return False
    if policy.trial_stage == Policy.Stage.AGENTS:
        return subject.agent in policy.trial_agents
    if policy.trial_stage == Policy.Stage.PERCENT:
        return rollout.is_chosen(policy.public_id, subject.key, percent=policy.trial_percent)
    return False


def _joined(parts: Iterable[Part]) -> tuple[PolicyRule, ...]:
    return tuple(rule for _, _, rules in parts for rule in rules)


def _watched(policies: list[Policy], parts: list[Part]) -> Iterable[Watched]:
    for at, policy in enumerate(policies):
        if policy.trial is None or policy.trial_stage != Policy.Stage.SHADOW:
            continue
        try:
            rules = _loaded(policy, policy.trial.rules)
        except PolicyError as error:
            # What is only watched must not end what counts.
            log.error("shadow_not_usable", policy=policy.public_id, error=str(error))
            continue
        instead: Part = (policy, policy.trial.number, rules)
        yield Watched(policy.trial, _joined([*parts[:at], instead, *parts[at + 1 :]]))


def watch(
    selection: Selection, action: Action, *, facts: Mapping[str, Any], applied: Evaluation
) -> list[ShadowVerdict]:
    """What each watched version says of the action, unsaved, beside what was applied."""
    return [_verdict(watched, action, facts, applied=applied) for watched in selection.watched]


def _verdict(
    watched: Watched, action: Action, facts: Mapping[str, Any], *, applied: Evaluation
) -> ShadowVerdict:
    said = engine.evaluate(watched.rules, facts)
    return ShadowVerdict(
        environment=action.environment, action=action, version=watched.version,
        change=comparing.change(applied, said), verdict=said.verdict, rule=said.rule_name[:200],
        requirement=said.requirement.as_dict() if said.requirement else None,
        applied_verdict=applied.verdict, applied_rule=applied.rule_name[:200],
    )  # fmt: skip
