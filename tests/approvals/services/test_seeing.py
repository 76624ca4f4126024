"""The facts that rules are handed: every documented one, none beside them, numbers unchanged."""

from typing import Any

import pytest

from approvals.models import Action
from approvals.policy.reference import FACTS
from approvals.services import propose, save_policy
from approvals.services.rechecking import may_still_run
from approvals.states import ActionStatus
from gateway.agents.services import principal_of_agent
from gateway.runs.services.updating import context_of
from gateway.tools.services import save
from tests.factories.runs import RunFactory
from tests.factories.tools import ToolDefinitionFactory
from tests.factories.webhooks import EventFactory
from tests.invariants.scene import Scene, scene

pytestmark = pytest.mark.django_db
TYPES = {"string": str, "int": int, "bool": bool, "map": dict, "list": list}
# What stands below these is the tenant's, the agent's or the provider's own.
OPEN = {"args", "agent.caps", "run.tags", "run.constraints", "budget"}


@pytest.fixture
def here() -> Scene:
    return scene()


def pay(here: Scene, amount: Any) -> Action:
    """A payment of this amount, whatever its type."""
    schema = {
        "type": "object", "additionalProperties": False, "properties": {"amount": {}},
        "required": ["amount"],
    }  # fmt: skip
    save(here.environment, **ToolDefinitionFactory(name="pay", input_schema=schema, effect="Pay"))
    return here.ask("pay", arguments={"amount": amount})


def test_rules_are_handed_every_documented_fact_of_its_type_and_no_other(here: Scene) -> None:
    run = RunFactory(environment=here.environment, agent=here.agent, provider=here.provider)
    action = propose(
        environment=here.environment, agent=here.agent, tool_name="note",
        arguments={"note": "hello"}, requester=principal_of_agent(here.agent),
        run=context_of(run), event_facts=EventFactory().facts(),
    )  # fmt: skip
    seen = dict(_named(action.facts))
    documented = {fact.name: fact.type for fact in FACTS}
    assert set(seen) == set(documented)
    wrong = {n for n, value in seen.items() if not _is(value, documented[n])}
    assert wrong == set()


def _is(value: Any, type_: str) -> bool:
    return isinstance(value, TYPES[type_]) and isinstance(value, bool) == (type_ == "bool")


def _named(facts: dict[str, Any]) -> Any:
    for name, value in facts.items():
        if name in OPEN or not isinstance(value, dict) or name in ("run", "event"):
            yield name, value
        if isinstance(value, dict) and name not in OPEN:
            yield from ((f"{name}.{key}", inner) for key, inner in value.items())


@pytest.mark.parametrize(
    ("amount", "when", "status"),
    [
        (100.5, "args.amount > 100", ActionStatus.DENIED),
        (100, "args.amount > 100.5", ActionStatus.APPROVED),
        (0.1, "args.amount == 0.1", ActionStatus.DENIED),
        (9007199254740991, "args.amount == 9007199254740991", ActionStatus.DENIED),
        ("100.50", "double(args.amount) > 100.0", ActionStatus.DENIED),
        # What cannot be evaluated is closed: an erroring deny denies.
        ("100.50", "args.amount > 100", ActionStatus.DENIED),
        (1.5, "args.amount * 2 > 100", ActionStatus.DENIED),
        ("a lot", "double(args.amount) > 100.0", ActionStatus.DENIED),
    ],
)
def test_amounts_are_compared_as_they_are_or_not_at_all(
    here: Scene, amount: Any, when: str, status: str
) -> None:
    rules = [
        {"name": "limit", "when": when, "verdict": "deny"},
        {"name": "else", "when": "true", "verdict": "allow"},
    ]
    save_policy(here.environment, name="money", rules=rules, comment="test")
    assert pay(here, amount).status == status


@pytest.mark.parametrize("amount", ["100.50", 1.5, 1e20])
def test_rule_that_cannot_be_evaluated_for_an_amount_never_allows(here: Scene, amount: Any) -> None:
    rules = [{"name": "small", "when": "args.amount * 2 < 1000", "verdict": "allow"}]
    save_policy(here.environment, name="money", rules=rules, comment="test")
    assert pay(here, amount).status == ActionStatus.PENDING


@pytest.mark.parametrize("amount", [2**53, float("inf")])
def test_number_that_has_no_one_form_is_refused_before_any_rule(here: Scene, amount: Any) -> None:
    action = pay(here, amount)
    assert (action.status, action.code, action.trace) == (ActionStatus.INVALID, "invalid", [])


def test_number_is_the_same_for_rules_when_it_is_asked_and_when_it_runs(here: Scene) -> None:
    rules = [{"name": "whole", "when": "args.amount * 2 == 200", "verdict": "allow"}]
    save_policy(here.environment, name="money", rules=rules, comment="test")
    action = pay(here, 100.0)
    assert action.status == ActionStatus.APPROVED
    assert action.facts["args"] == {"amount": 100}
    assert may_still_run(action)
