"""Policies: the environment's one ordered list of rules."""

from typing import Any

from django.db import transaction
from django.db.models import F

from approvals.models import Policy
from approvals.policy.engine import PolicyError, PolicyRule, load_rules
from audit import services as audit
from audit.actions import AuditAction
from audit.canonical import digest
from audit.context import Target
from gateway.lib.errors import Refused
from gateway.tenants.models import Environment


def active_rules(environment: Environment) -> tuple[PolicyRule, ...]:
    """Every enabled rule in the order in which it is asked: position, then age."""
    policies = Policy.objects.within(environment).filter(is_enabled=True)
    rules: tuple[PolicyRule, ...] = ()
    for policy in policies.order_by("position", "created_at"):
        rules += load_rules(policy.public_id, policy.rules)
    return rules


@transaction.atomic
def save_policy(
    environment: Environment,
    *,
    name: str,
    rules: list[dict[str, Any]],
    comment: str,
    position: int | None = None,
    enabled: bool = True,
) -> Policy:
    """Create the policy, or give it a new version.

    Raises Refused with the rule, the field and a caret where an expression does not compile.
    """
    if not comment.strip():
        raise Refused("comment_missing", "Say in `comment` why the policy changes.")
    policy = Policy.objects.within(environment).filter(name=name).first()
    before = digest(policy.rules) if policy else None
    created = policy is None
    policy = policy or Policy(environment=environment, name=name)
    try:
        load_rules(policy.public_id, rules)
    except PolicyError as error:
        raise Refused("policy_invalid", str(error)) from error
    policy.rules, policy.comment, policy.is_enabled = rules, comment, enabled
    policy.position = policy.position if position is None else position
    if not created:
        policy.version = F("version") + 1  # type: ignore[assignment]
    policy.save()
    policy.refresh_from_db()
    audit.record(
        AuditAction.POLICY_CREATED if created else AuditAction.POLICY_CHANGED,
        target=Target("policy", policy.public_id, policy.version),
        scope=environment.audit_scope,
        changes={"rules_sha256": [before, digest(rules)], "enabled": [None, enabled]},
    )
    return policy
