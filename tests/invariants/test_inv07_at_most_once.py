"""Invariant 7: what is not safe reaches the outside at most once, or again with the same key."""

from collections import Counter
from collections.abc import Iterator

import pytest

from approvals import executor
from approvals.models import Action
from approvals.states import ActionStatus
from gateway.connectors.fake import FakeConnector
from tests.invariants.scene import fakes, run_out, scene, sweep_once

pytestmark = pytest.mark.django_db
ROUNDS = 4


@pytest.fixture
def connector() -> Iterator[FakeConnector]:
    with fakes() as (found, _):
        yield found


def die(action: Action, moment: str) -> None:
    """Do what a worker does until it is killed."""
    execution = executor.claim(str(action.pk))
    assert execution is not None
    if moment == "after the call":
        executor.call(execution)


@pytest.mark.parametrize("retry_class", ["unsafe", "idempotent"])
@pytest.mark.parametrize("operation", ["echo", "lose", "fail"])
@pytest.mark.parametrize("moment", ["before the call", "after the call"])
def test_a_killed_worker_never_doubles_the_effect(
    connector: FakeConnector, retry_class: str, operation: str, moment: str
) -> None:
    action = scene(retry_class=retry_class, operation=operation).approved()
    for _ in range(ROUNDS):
        if Action.objects.filter(pk=action.pk, status=ActionStatus.APPROVED, due_at__isnull=False):
            die(action, moment)
        run_out(Action.objects.filter(lease_until__isnull=False), "lease_until")
        run_out(Action.objects.filter(due_at__isnull=False), "due_at")
        sweep_once()
    keys = Counter(call.idempotency_key for call in connector.calls)
    assert set(keys) <= {action.public_id}
    assert len(connector.effects) <= 1
    if retry_class == "unsafe":
        assert sum(keys.values()) <= 1


def test_nobody_executes_what_somebody_else_holds(connector: FakeConnector) -> None:
    action = scene(retry_class="unsafe").approved()
    assert executor.claim(str(action.pk)) is not None
    for _ in range(ROUNDS):
        executor.execute(str(action.pk))
        sweep_once()
    assert connector.calls == []
