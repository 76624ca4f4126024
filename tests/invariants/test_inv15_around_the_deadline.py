"""Invariant 15 (T20): a hundred deadlines within a second of now, and nothing runs late."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from approvals.models import Action, Execution
from approvals.services import approve
from approvals.states import ActionStatus
from gateway.connectors.fake import FakeConnector
from gateway.lib.errors import StaleState
from tests.invariants.scene import Scene, fakes, scene, sweep_once

pytestmark = pytest.mark.django_db
OFFSETS_MS = [20 * number - 990 for number in range(50)]


@pytest.fixture
def connector() -> Iterator[FakeConnector]:
    with fakes() as (connector, _):
        yield connector


@pytest.fixture
def here() -> Scene:
    return scene()


def test_nobody_decides_after_the_deadline(
    here: Scene, connector: FakeConnector, settle: Callable[..., list[Any]]
) -> None:
    decided = late = 0
    for offset in OFFSETS_MS:
        action = here.ask()
        deadline = timezone.now() + timedelta(milliseconds=offset)
        Action.objects.filter(pk=action.pk).update(decide_by=deadline)
        try:
            approve(action=action, by=here.people.principal(here.people.may), digest=action.digest)
        except StaleState:
            assert timezone.now() >= deadline
            late += 1
        else:
            decided += 1
            assert offset > 0
    settle()
    assert late >= sum(offset < 0 for offset in OFFSETS_MS)
    assert len(connector.effects) == decided
    # Who missed the deadline meets a wall: time refuses, it never approves.
    _run_out()
    sweep_once()
    expired = Action.objects.filter(status=ActionStatus.EXPIRED)
    assert expired.count() == late
    assert set(expired.values_list("code", flat=True)) <= {"expired"}


def test_nothing_is_executed_after_its_time(
    here: Scene, connector: FakeConnector, settle: Callable[..., list[Any]]
) -> None:
    for offset in OFFSETS_MS:
        action = here.approved()
        now = timezone.now()
        Action.objects.filter(pk=action.pk).update(
            due_at=now, execute_by=now + timedelta(milliseconds=offset)
        )
        settle()
    began = dict(Execution.objects.values_list("action", "created_at"))
    for action in Action.objects.all():
        if action.pk in began:
            assert action.status == ActionStatus.SUCCEEDED
            assert action.execute_by is not None
            assert began[action.pk] <= action.execute_by
        else:
            assert action.status == ActionStatus.EXPIRED
    assert len(connector.effects) == len(began)
    assert Action.objects.filter(status=ActionStatus.EXPIRED).count() >= 50 // 2


def _run_out() -> None:
    pending = Action.objects.filter(status=ActionStatus.PENDING)
    pending.update(decide_by=timezone.now() - timedelta(seconds=1))
