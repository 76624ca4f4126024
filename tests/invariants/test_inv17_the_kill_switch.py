"""Invariant 17: from a second after its commit a kill switch lets nothing be claimed anywhere."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from approvals import executor
from approvals.models import Action, Execution, KillSwitch
from approvals.services import set_kill_switch, sweep
from approvals.states import ActionStatus
from gateway.connectors.fake import FakeConnector
from tests.invariants.scene import Scene, fakes, scene

Settle = Callable[..., list[Any]]
SECOND = timedelta(seconds=1)
ACTIONS, WORKERS = 40, 3


@pytest.fixture
def fake() -> Iterator[FakeConnector]:
    with fakes() as (connector, _):
        yield connector


def switch(here: Scene, *, on: bool = True) -> KillSwitch:
    by = here.people.principal(here.people.operator)
    return set_kill_switch(
        here.environment, scope="environment", on=on, reason="Looks wrong.", by=by
    )


def try_all() -> None:
    """What every worker would do, whether or not a bell told it to."""
    for action in Action.objects.order_by("id"):
        executor.execute(str(action.pk))


def statuses() -> list[str]:
    return sorted(Action.objects.values_list("status", flat=True))


@pytest.mark.django_db
def test_of_five_pending_and_three_approved_none_runs_until_the_three_may_again(
    fake: FakeConnector, settle: Settle
) -> None:
    here = scene()
    pending = [here.ask(arguments={"note": f"p{n}"}) for n in range(5)]
    for number in range(3):
        here.approved(arguments={"note": f"a{number}"})
    switch(here)
    settle()
    try_all()
    sweep()
    settle()
    assert fake.calls == []
    assert statuses() == ["approved"] * 3 + ["pending"] * 5

    switch(here, on=False)
    settle()
    assert len(fake.calls) == 3
    assert statuses() == ["pending"] * 5 + ["succeeded"] * 3
    assert {action.pk for action in pending} == set(
        Action.objects.filter(status="pending").values_list("pk", flat=True)
    )


@pytest.mark.django_db(transaction=True)
def test_workers_in_full_swing_claim_nothing_after_the_switch(fake: FakeConnector) -> None:
    here = scene()
    keys = [str(here.approved(arguments={"note": f"n{n}"}).pk) for n in range(ACTIONS)]
    begun, is_switched = Event(), Event()

    def work(mine: list[str]) -> None:
        try:
            for number, key in enumerate(mine):
                if key == mine[-1]:
                    # However long the switch waits for the one writer, something is left to stop.
                    assert is_switched.wait(30)
                executor.execute(key)
                if number == 2:
                    begun.set()
        finally:
            connection.close()

    with ThreadPoolExecutor(WORKERS) as pool:
        jobs = [pool.submit(work, keys[start::WORKERS]) for start in range(WORKERS)]
        assert begun.wait(30)
        switch(here, on=True)
        committed = timezone.now()
        is_switched.set()
        for job in jobs:
            job.result()
    try_all()
    late = Execution.objects.filter(created_at__gt=committed + SECOND)
    stopped = Action.objects.filter(status=ActionStatus.APPROVED)
    assert not late.exists()
    assert stopped.exists()
    assert stopped.count() + Execution.objects.count() == ACTIONS
