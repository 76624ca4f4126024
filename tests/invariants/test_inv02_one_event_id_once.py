"""Invariant 2: one event id of one source is processed once, however often it is delivered."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from approvals.models import Action
from gateway.tools.services import save
from tests.factories.agents import AgentFactory
from tests.factories.tools import ToolDefinitionFactory
from tests.factories.webhooks import EventFactory
from tests.invariants.door import deliver, signed, standard_source
from tests.people import People, ready
from webhooks.models import Event, Source
from webhooks.services import NewRoute
from webhooks.states import EventStatus

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def people() -> People:
    return ready()


@pytest.fixture
def source(people: People) -> Source:
    """A source each of whose events proposes an action."""
    environment = people.environment
    save(environment, **ToolDefinitionFactory(name="note"))
    agent = AgentFactory(environment=environment, owner=people.member(people.owner))
    route = NewRoute("note it", "action", agent=agent, tool="note", arguments={"note": "'hello'"})
    return standard_source(environment, routes=[route], by=people.admin)


def test_forty_deliveries_at_two_doors_are_one_event_and_one_action(
    source: Source, settle: Callable[..., list[Any]]
) -> None:
    answers = deliver(*[signed(source)] * 40, doors=2)
    assert Counter(answer.body["status"] for answer in answers) == {
        "accepted": 1, "duplicate": 39,
    }  # fmt: skip
    assert len({answer.body["event"] for answer in answers}) == 1
    settle()
    assert Event.objects.get().status == EventStatus.PROCESSED
    assert Action.objects.count() == 1


def test_a_duplicate_after_processing_does_nothing_again(
    source: Source, settle: Callable[..., list[Any]]
) -> None:
    deliver(signed(source))
    settle()
    (late,) = deliver(signed(source))
    settle()
    assert (late.status, late.body["status"]) == (200, "duplicate")
    assert Event.objects.get().duplicates == 1
    assert Action.objects.count() == 1


def test_the_database_itself_refuses_a_second_row(source: Source) -> None:
    EventFactory(source=source, event_id="msg_1")
    with pytest.raises(IntegrityError), transaction.atomic():
        EventFactory(source=source, event_id="msg_1")
    EventFactory(source=standard_source(source.environment), event_id="msg_1")
