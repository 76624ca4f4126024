"""Approved actions against a service with limits of its own: all through the real door."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.utils import timezone

from approvals import executor
from approvals.models import Action
from approvals.states import ActionStatus
from gateway.connections import services as connections
from gateway.connections.accounts import health_of
from gateway.connections.models import Connection
from gateway.http.breaker import CircuitState
from gateway.tools.services import save
from tests.factories.tools import LONG_TEXT, strict
from tests.flows.outside import Outside, outside
from tests.invariants.scene import Scene, scene

pytestmark = pytest.mark.django_db


@pytest.fixture
def service(settings: Any) -> Iterator[Outside]:
    with outside() as running:
        settings.OUTBOUND_ALLOW = [running.place]
        yield running


def shop(service: Outside, **limits: float) -> Scene:
    """A scene with the tool `post`, whose connection has these limits."""
    made = scene()
    connection = connections.create(
        made.environment, slug="them", kind="bearer", value="token-of-the-service", limits=limits
    )
    save(
        made.environment, name="post", connection=connection, side_effect="write", risk="low",
        retry_class="unsafe", connector="http", operation="request", effect="Post {{ note }}",
        input_schema=strict(note=LONG_TEXT),
        config={"method": "POST", "url": f"{service.url}/items"},
    )  # fmt: skip
    return made


def run(action: Action) -> Action:
    Action.objects.filter(pk=action.pk).update(due_at=timezone.now())
    executor.execute(str(action.pk))
    return Action.objects.get(pk=action.pk)


def test_what_the_service_has_no_room_for_waits_and_is_sent_once(service: Outside) -> None:
    here = shop(service, rate_per_s=0.02, burst=1)
    first, second = (here.approved(tool="post", arguments={"note": note}) for note in "ab")
    assert run(first).status == ActionStatus.SUCCEEDED
    waiting = run(second)
    assert waiting.status == ActionStatus.APPROVED
    assert waiting.due_at is not None
    assert 20 < (waiting.due_at - timezone.now()).total_seconds() <= 50
    [seen] = health_of(Connection.objects.get())
    assert (seen.host, seen.remaining["requests"] < 1) == (service.place, True)
    assert len(service.posts("/items")) == 1
    cache.clear()  # as if the time had passed
    assert run(second).status == ActionStatus.SUCCEEDED
    assert len(service.posts("/items")) == 2


def test_a_service_that_fails_again_and_again_is_left_alone(service: Outside) -> None:
    here = shop(service, failures=2)
    service.answer = lambda _: (500, {"error": "down"})
    actions = [here.approved(tool="post", arguments={"note": note}) for note in "abc"]
    assert [run(action).status for action in actions] == [
        ActionStatus.UNKNOWN, ActionStatus.UNKNOWN, ActionStatus.APPROVED,
    ]  # fmt: skip
    assert len(service.posts("/items")) == 2
    [seen] = health_of(Connection.objects.get())
    assert (seen.state, seen.last_error) == (CircuitState.OPEN, "http_500")
    cache.clear()  # as if the time had passed
    service.answer = lambda _: (200, {"ok": True})
    assert run(actions[2]).status == ActionStatus.SUCCEEDED
    assert len(service.posts("/items")) == 3
