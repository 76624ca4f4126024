"""Policies, actions, approvals and executions.

`ActionFactory` makes a pending action whose columns fit together, digest included; the signature of
`ApprovalFactory` is genuine. What goes through the gate is made by `approvals.services.propose`.
"""

import hashlib
import json
from datetime import timedelta
from typing import Any

import factory
from django.utils import timezone
from factory.django import DjangoModelFactory

from approvals import ladder
from approvals.literals import exact
from approvals.models import (
    Action,
    ActionTarget,
    ActionVersion,
    Approval,
    BreakGlass,
    Comment,
    Delegation,
    Execution,
    Grant,
    GrantUse,
    KillSwitch,
    Opening,
    Policy,
    PolicyVersion,
    RunAgain,
    SavedView,
    ShadowVerdict,
    Snooze,
    TargetLock,
)
from approvals.requirement import Requirement
from approvals.services import binding, grant_seals
from approvals.states import ActionStatus, ExecutionStatus
from audit.canonical import canonical, digest
from audit.context import new_correlation_id
from gateway.lib import ids
from tests.factories.agents import AgentFactory
from tests.factories.tenants import EnvironmentFactory, UserFactory
from tests.factories.tools import ToolFactory


class PolicyFactory(DjangoModelFactory):
    """A policy in force, with the version that it is."""

    class Meta:
        model = Policy
        skip_postgeneration_save = True

    environment = factory.SubFactory(EnvironmentFactory)
    name = factory.Sequence(lambda n: f"Policy {n}")
    comment = "For a test."
    rules = factory.LazyFunction(
        lambda: [{"name": "everything waits", "when": "true", "verdict": "require_approval"}]
    )

    @factory.post_generation
    def written(self: Policy, create: bool, given: Any, **_: Any) -> None:
        if create:
            PolicyVersionFactory(policy=self, number=self.version)


class PolicyVersionFactory(DjangoModelFactory):
    """A version of a policy, as the service writes it."""

    class Meta:
        model = PolicyVersion

    policy = factory.SubFactory(PolicyFactory)
    environment = factory.SelfAttribute("policy.environment")
    number = factory.LazyAttribute(lambda made: made.policy.versions.count() + 1)
    rules = factory.SelfAttribute("policy.rules")
    position = factory.SelfAttribute("policy.position")
    is_enabled = factory.SelfAttribute("policy.is_enabled")
    comment = "For a test."
    author_kind, author_id = "system", "countersign"
    sha256 = factory.LazyAttribute(
        lambda made: digest(
            {
                "rules": made.rules, "tests": "", "position": made.position,
                "is_enabled": made.is_enabled,
            }
        )
    )  # fmt: skip


class ActionFactory(DjangoModelFactory):
    """A pending action of the fake connector; `with_arguments={…}` sets what it asks.

    `edited_by=[…]` are people who each made a version of it, one after the other.
    """

    class Meta:
        model = Action

    class Params:
        with_arguments = factory.LazyFunction(lambda: {"note": "hello"})
        tool = factory.SubFactory(ToolFactory, environment=factory.SelfAttribute("..environment"))

    environment = factory.SubFactory(EnvironmentFactory)
    status = ActionStatus.PENDING
    agent = factory.SubFactory(AgentFactory, environment=factory.SelfAttribute("..environment"))
    call_id = factory.Sequence(lambda n: f"call-{n}")
    call_scope = factory.LazyAttribute(lambda made: f"agent:{made.agent.public_id}")
    requester_kind = "agent"
    requester_id = factory.LazyAttribute(lambda made: made.agent.public_id)
    requester_label = factory.LazyAttribute(lambda made: made.agent.slug)
    requester_owner = factory.LazyAttribute(
        lambda made: made.agent.owner.user if made.agent.owner else None
    )
    tool_version = factory.LazyAttribute(lambda made: made.tool.current)
    tool_name = factory.LazyAttribute(
        lambda made: made.tool_version.tool.name if made.tool_version else "unknown_tool"
    )
    arguments = factory.LazyAttribute(lambda made: canonical(made.with_arguments).decode())
    arguments_sha256 = factory.LazyAttribute(
        lambda made: hashlib.sha256(made.arguments.encode()).hexdigest()
    )
    rendered = factory.LazyAttribute(lambda made: _rendered(made.arguments))
    effect = factory.LazyAttribute(lambda made: f"Write the note {made.arguments}")
    risk = factory.LazyAttribute(lambda made: made.tool_version.risk if made.tool_version else "")
    target = factory.LazyFunction(lambda: ["note:hello"])
    requirement = factory.LazyFunction(lambda: Requirement(reviewers=("role:reviewer",)).as_dict())
    routes = factory.LazyAttribute(
        lambda made: (
            ladder.routes(Requirement.from_dict(made.requirement))
            if made.requirement is not None
            else ""
        )
    )
    nonce = factory.LazyFunction(lambda: ids.new_id().hex)
    decide_by = factory.LazyFunction(lambda: timezone.now() + timedelta(hours=24))
    correlation_id = factory.LazyFunction(new_correlation_id)

    @classmethod
    def _build(cls, model_class: type[Action], *args: Any, **fields: Any) -> Action:
        return _bound(super()._build(model_class, *args, **fields))

    @classmethod
    def _create(cls, model_class: type[Action], *args: Any, **fields: Any) -> Action:
        editors = list(fields.pop("edited_by", ()))
        if editors:
            fields |= {"version": 1 + len(editors), "editor": editors[-1]}
        action = _bound(model_class(*args, **fields))
        action.save(force_insert=True)
        edited = {"origin": ActionVersion.Origin.EDITED}
        for number, editor in enumerate([None, *editors] if editors else (), start=1):
            made = {"made_by": editor, **edited} if editor else {}
            ActionVersionFactory(action=action, number=number, **made)
        return action


def _rendered(arguments: str) -> str:
    if not arguments:
        return ""
    request = {"kind": "fake", "operation": "echo", "arguments": json.loads(arguments)}
    return canonical(request).decode()


def _bound(action: Action) -> Action:
    """The digest that follows from the other columns, unless one was given."""
    if not action.digest and action.tool_version is not None and action.rendered:
        action.digest = binding.digest_of(action)
    return action


class ActionVersionFactory(DjangoModelFactory):
    """The first version of an action, as it is kept once there is a second."""

    class Meta:
        model = ActionVersion

    action = factory.SubFactory(ActionFactory)
    number = 1
    origin = ActionVersion.Origin.PROPOSED
    made_at = factory.SelfAttribute("action.created_at")
    tool_version = factory.SelfAttribute("action.tool_version")
    arguments = factory.SelfAttribute("action.arguments")
    arguments_sha256 = factory.SelfAttribute("action.arguments_sha256")
    rendered = factory.SelfAttribute("action.rendered")
    effect = factory.SelfAttribute("action.effect")
    digest = factory.SelfAttribute("action.digest")


class ApprovalFactory(DjangoModelFactory):
    """A signed vote for the action's present version."""

    class Meta:
        model = Approval

    action = factory.SubFactory(ActionFactory)
    action_version = factory.SelfAttribute("action.version")
    digest = factory.SelfAttribute("action.digest")
    user = factory.SubFactory(UserFactory)
    decision = Approval.Decision.APPROVE

    @classmethod
    def _create(cls, model_class: type[Approval], *args: Any, **fields: Any) -> Approval:
        vote = model_class(*args, **fields)
        vote.signature = vote.signature or binding.sign(vote)
        vote.save(force_insert=True)
        return vote


class ExecutionFactory(DjangoModelFactory):
    class Meta:
        model = Execution

    action = factory.SubFactory(ActionFactory)
    attempt = factory.Sequence(lambda n: n + 1)
    status = ExecutionStatus.CLAIMED
    idempotency_key = factory.LazyAttribute(lambda made: made.action.public_id)


class RunAgainFactory(DjangoModelFactory):
    """Ordered by one person; nobody has confirmed it."""

    class Meta:
        model = RunAgain

    action = factory.SubFactory(ActionFactory, status=ActionStatus.UNKNOWN)
    reason = "The service has no trace of it."
    ordered_by = factory.SubFactory(UserFactory)


class ActionTargetFactory(DjangoModelFactory):
    class Meta:
        model = ActionTarget

    action = factory.SubFactory(ActionFactory)
    environment = factory.SelfAttribute("action.environment")
    key = factory.LazyFunction(lambda: digest("note:hello"))


class TargetLockFactory(DjangoModelFactory):
    """Held by nobody."""

    class Meta:
        model = TargetLock

    environment = factory.SubFactory(EnvironmentFactory)
    key = factory.Sequence(lambda n: digest(f"note:{n}"))


class CommentFactory(DjangoModelFactory):
    class Meta:
        model = Comment

    action = factory.SubFactory(ActionFactory)
    author = factory.SubFactory(UserFactory)
    text = "Which customer is this?"


class DelegationFactory(DjangoModelFactory):
    """In force: since an hour ago, for a week."""

    class Meta:
        model = Delegation

    environment = factory.SubFactory(EnvironmentFactory)
    delegator = factory.SubFactory(UserFactory)
    substitute = factory.SubFactory(UserFactory)
    starts_at = factory.LazyFunction(lambda: timezone.now() - timedelta(hours=1))
    ends_at = factory.LazyFunction(lambda: timezone.now() + timedelta(days=7))


class OpeningFactory(DjangoModelFactory):
    class Meta:
        model = Opening

    action = factory.SubFactory(ActionFactory)
    user = factory.SubFactory(UserFactory)
    action_version = factory.SelfAttribute("action.version")
    opened_at = factory.LazyFunction(timezone.now)


class SnoozeFactory(DjangoModelFactory):
    class Meta:
        model = Snooze

    action = factory.SubFactory(ActionFactory)
    user = factory.SubFactory(UserFactory)
    row_version = factory.SelfAttribute("action.row_version")


class KillSwitchFactory(DjangoModelFactory):
    """A switch that stops its whole environment."""

    class Meta:
        model = KillSwitch

    environment = factory.SubFactory(EnvironmentFactory)
    scope = "environment"
    reason = "For a test."
    turned_on_by = factory.SubFactory(UserFactory)


class ShadowVerdictFactory(DjangoModelFactory):
    """A watched version that would have denied what waits."""

    class Meta:
        model = ShadowVerdict

    action = factory.SubFactory(ActionFactory)
    environment = factory.SelfAttribute("action.environment")
    version = factory.SubFactory(
        PolicyVersionFactory,
        policy=factory.SubFactory(
            PolicyFactory, environment=factory.SelfAttribute("...action.environment")
        ),
    )
    change = "newly_denied"
    verdict, rule = "deny", "nothing goes"
    applied_verdict, applied_rule = "require_approval", "everything waits"


class GrantFactory(DjangoModelFactory):
    """Signed, for exactly what the action it is derived from asked; open for a day and ten uses."""

    class Meta:
        model = Grant

    derived_from = factory.SubFactory(ActionFactory)
    environment = factory.SelfAttribute("derived_from.environment")
    agent = factory.SelfAttribute("derived_from.agent")
    tool = factory.SelfAttribute("derived_from.tool_version.tool")
    definition_sha256 = factory.SelfAttribute("derived_from.tool_version.definition_sha256")
    condition = factory.LazyAttribute(lambda made: exact(made.derived_from.arguments_value))
    requirement = factory.SelfAttribute("derived_from.requirement")
    made_by = factory.SubFactory(UserFactory)
    reason = "The same every day."
    expires_at = factory.LazyFunction(lambda: timezone.now() + timedelta(days=1))
    max_uses = 10

    @classmethod
    def _create(cls, model_class: type[Grant], *args: Any, **fields: Any) -> Grant:
        grant = model_class(*args, **fields)
        grant.signature = grant.signature or grant_seals.seal(grant)
        grant.save(force_insert=True)
        return grant


class GrantUseFactory(DjangoModelFactory):
    class Meta:
        model = GrantUse

    grant = factory.SubFactory(GrantFactory)
    action = factory.SubFactory(
        ActionFactory, environment=factory.SelfAttribute("..grant.environment")
    )
    requirement = factory.SelfAttribute("grant.requirement")


class BreakGlassFactory(DjangoModelFactory):
    """Decided alone by an admin, and not reviewed yet."""

    class Meta:
        model = BreakGlass

    action = factory.SubFactory(ActionFactory)
    environment = factory.SelfAttribute("action.environment")
    user = factory.SubFactory(UserFactory)
    approval = factory.SubFactory(
        ApprovalFactory,
        action=factory.SelfAttribute("..action"),
        user=factory.SelfAttribute("..user"),
        decision=Approval.Decision.BREAK_GLASS,
    )
    reason = "The shop is down and everybody sleeps."
    asked_for = "2 of role:reviewer"


class SavedViewFactory(DjangoModelFactory):
    """What is urgent, for one person alone."""

    class Meta:
        model = SavedView

    environment = factory.SubFactory(EnvironmentFactory)
    owner = factory.SubFactory(UserFactory)
    name = factory.Sequence(lambda n: f"Urgent {n}")
    query = "risk=high"
