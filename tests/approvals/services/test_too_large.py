"""A call that nobody would read to its end is never put before a person."""

import time
from typing import Any

import pytest
from django.test import Client

from approvals.models import Action
from approvals.readable import TOO_LARGE
from approvals.services import approve, edit, propose, reject
from approvals.states import ActionStatus
from audit.models import AuditRecord
from gateway.agents.services import principal_of_agent
from gateway.lib.errors import Refused
from gateway.tools import services as tools
from tests.callers import key_for
from tests.desk import at, signed_in, text
from tests.factories.agents import AgentFactory
from tests.factories.approvals import ActionFactory, PolicyFactory
from tests.factories.tools import ToolDefinitionFactory, strict
from tests.people import People, ready

pytestmark = pytest.mark.django_db
LIMIT = 64 * 1024
MIB = 1024 * 1024
# What an agent can send at all (256 KiB), and what only older rows or wider templates hold.
HUGE = [pytest.param(size, id=f"{size // MIB} MiB") for size in (MIB, 5 * MIB)]
# Processor time, which a busy machine does not lengthen much; 0.7 s were seen.
PAGE_CPU_S = 4.0
AROUND = len('{"note":""}')


@pytest.fixture
def people() -> People:
    return ready()


def asked(people: People, size: int) -> Action:
    """What becomes of a call whose arguments are so many bytes long."""
    schema = strict(note={"type": "string", "maxLength": 10 * MIB})
    tools.save(people.environment, **ToolDefinitionFactory(name="note", input_schema=schema))
    agent = AgentFactory(environment=people.environment, owner=people.member(people.owner))
    return propose(
        environment=people.environment, agent=agent, tool_name="note",
        arguments={"note": "x" * (size - AROUND)}, requester=principal_of_agent(agent),
    )  # fmt: skip


def test_up_to_the_limit_people_are_asked(people: People) -> None:
    action = asked(people, LIMIT)
    assert len(action.arguments) == LIMIT
    assert action.status == ActionStatus.PENDING


def test_beyond_it_the_agent_is_told_at_once_and_how_to_go_on(people: People) -> None:
    action = asked(people, LIMIT + 1)
    assert (action.status, action.code) == (ActionStatus.DENIED, TOO_LARGE)
    assert action.refusal == {"bytes": LIMIT + 1, "limit": LIMIT}
    assert "Divide the call" in action.reason
    assert action.digest == ""
    denied = AuditRecord.objects.get(action="approvals.action.denied", target_id=action.public_id)
    assert denied.reason == TOO_LARGE


@pytest.mark.parametrize("size", HUGE)
def test_a_huge_call_is_refused_and_nobody_is_asked(people: People, size: int) -> None:
    action = asked(people, size)
    assert (action.status, action.code) == (ActionStatus.DENIED, TOO_LARGE)
    assert action.refusal == {"bytes": size, "limit": LIMIT}
    inbox = text(signed_in(people.may).get(at(people.environment, "approvals:inbox")))
    assert action.public_id not in inbox


@pytest.mark.parametrize("size", HUGE)
def test_a_huge_body_is_refused_by_the_api_before_it_is_read(people: People, size: int) -> None:
    agent = AgentFactory(environment=people.environment, owner=people.member(people.owner))
    answer = key_for(agent).post("actions", {"tool": "note", "arguments": {"note": "x" * size}})
    assert answer.status_code == 422
    assert (answer.json()["code"], answer.json()["reason"]) == ("invalid", "too_large")
    assert not Action.objects.exists()


def test_what_a_rule_allows_may_be_longer(people: People) -> None:
    rule = {"name": "notes", "when": "tool.name == 'note'", "verdict": "allow"}
    PolicyFactory(environment=people.environment, rules=[rule])
    assert asked(people, LIMIT + 1).status == ActionStatus.APPROVED


def test_a_deployment_may_set_another_limit_or_none(people: People, settings: Any) -> None:
    settings.REVIEW_MAX_BYTES = 100
    assert asked(people, 101).code == TOO_LARGE
    settings.REVIEW_MAX_BYTES = 0
    assert asked(people, LIMIT + 1).status == ActionStatus.PENDING


def waiting(people: People) -> Action:
    """One that waited before there was a limit, or came back to people after rules changed."""
    arguments = {"note": "x" * LIMIT}
    return ActionFactory(environment=people.environment, with_arguments=arguments)


def test_what_waits_already_can_be_rejected_and_not_approved(people: People) -> None:
    action, by = waiting(people), people.principal(people.may)
    with pytest.raises(Refused) as refused:
        approve(action=action, by=by, digest=action.digest)
    assert refused.value.code == TOO_LARGE
    assert action.approvals.count() == 0
    assert reject(action=action, by=by, digest=action.digest, reason="Too long.").is_settled


def test_nobody_can_make_a_call_longer_than_people_read(people: People) -> None:
    action = asked(people, 100)
    with pytest.raises(Refused) as refused:
        edit(
            action=action, by=people.principal(people.may), digest=action.digest,
            arguments={"note": "y" * LIMIT},
        )  # fmt: skip
    assert refused.value.code == TOO_LARGE
    action.refresh_from_db()
    assert (action.version, action.status) == (1, ActionStatus.PENDING)


def test_its_page_says_so_and_offers_to_reject_only(people: People) -> None:
    address = at(people.environment, "approvals:detail", action=waiting(people).public_id)
    shown = text(signed_in(people.may).get(address))
    assert "Too large to be approved" in shown
    assert 'data-key="a"' not in shown
    assert 'data-key="r"' in shown


def shown(client: Client, address: str) -> tuple[str, float]:
    """A page, and the seconds of processor time that it took."""
    begun = time.process_time()
    answer = client.get(address)
    took = time.process_time() - begun
    assert answer.status_code == 200
    return text(answer), took


@pytest.mark.parametrize("status", [ActionStatus.SUCCEEDED, ActionStatus.PENDING])
@pytest.mark.parametrize("size", HUGE)
def test_a_huge_payload_of_an_older_action_is_shown_whole_and_soon(
    people: People, size: int, status: ActionStatus
) -> None:
    arguments = {"note": "word " * (size // 5)}
    action = ActionFactory(
        environment=people.environment, with_arguments=arguments, status=status, effect="Note it."
    )
    client = signed_in(people.may)
    page, took = shown(client, at(people.environment, "approvals:list"))
    assert action.public_id in page
    assert took <= PAGE_CPU_S
    address = at(people.environment, "approvals:detail", action=action.public_id)
    page, took = shown(client, address)
    assert took <= PAGE_CPU_S
    assert arguments["note"] in page
    assert 'data-key="a"' not in page
