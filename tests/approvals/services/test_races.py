"""Several people at one action at the same moment: one decides, the others hear of it (T14)."""

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from approvals import executor
from approvals.models import Action, Approval
from approvals.services import approve, edit, reject
from approvals.states import ActionStatus
from gateway.lib.errors import StaleState
from gateway.tenants.principals import Principal
from gateway.tenants.roles import Role
from tests.invariants.scene import Scene, fakes, scene
from tests.people import person

pytestmark = pytest.mark.django_db(transaction=True)
FEW, MANY = 20, 2000
MOST_THREADS = 8
SEED = 20261126
Deed = Callable[[Action, Principal, int], Any]


def approves(action: Action, by: Principal, number: int) -> Any:
    return approve(action=action, by=by, digest=action.digest)


def rejects(action: Action, by: Principal, number: int) -> Any:
    return reject(action=action, by=by, digest=action.digest, reason="No.")


def edits(action: Action, by: Principal, number: int) -> Any:
    other = {"note": f"by thread {number}"}
    return edit(action=action, by=by, digest=action.digest, arguments=other)


def edits_and_approves(action: Action, by: Principal, number: int) -> Any:
    other = {"note": f"by thread {number}"}
    return approve(action=action, by=by, digest=action.digest, arguments=other)


@contextmanager
def crowd() -> Iterator[ThreadPoolExecutor]:
    """Threads that keep their connections between races and close them at the end."""
    with ThreadPoolExecutor(MOST_THREADS) as pool:
        yield pool
        gone = Barrier(MOST_THREADS)

        def leave() -> None:
            gone.wait()
            connection.close()

        list(pool.map(lambda _: leave(), range(MOST_THREADS)))


def race(pool: ThreadPoolExecutor, action: Action, who: list[tuple[Deed, Principal]]) -> list[str]:
    """What each of them was told: `done`, or that the action changed meanwhile."""
    start = Barrier(len(who))

    def run(number: int) -> str:
        deed, by = who[number]
        start.wait()
        try:
            deed(action, by, number)
        except StaleState:
            return "stale"
        return "done"

    return list(pool.map(run, range(len(who))))


def reviewers(here: Scene) -> list[Principal]:
    found = [person(here.environment, Role.REVIEWER) for _ in range(MOST_THREADS)]
    return [here.people.principal(user) for user in found]


def check_what_runs(action: Action, calls: list[Any]) -> None:
    """Let a worker try; what it sends has to be what somebody approved, and no more than once."""
    before = len(calls)
    executor.execute(str(action.pk))
    action.refresh_from_db()
    approved = Approval.objects.filter(
        action=action, decision="approve", digest=action.digest, void_at=None
    )
    if approved.exists():
        assert [dict(call.arguments) for call in calls[before:]] == [action.arguments_value]
        assert action.status == ActionStatus.SUCCEEDED
    else:
        assert calls[before:] == []
        assert action.status in {ActionStatus.PENDING, ActionStatus.REJECTED}


@pytest.mark.parametrize(
    ("one", "other"),
    [(edits, approves), (edits, edits), (edits_and_approves, approves), (approves, rejects)],
)
@pytest.mark.parametrize("races", [FEW, pytest.param(MANY, marks=pytest.mark.long)])
def test_one_of_many_decides_and_nothing_runs_that_nobody_approved(
    one: Deed, other: Deed, races: int
) -> None:
    chance = random.Random(SEED)
    here = scene()
    people = reviewers(here)
    with fakes() as (connector, _), crowd() as pool:
        for number in range(races):
            action = here.ask(arguments={"note": f"race {number}"})
            deeds = [one, other, *chance.choices([one, other], k=chance.randint(0, 6))]
            told = race(pool, action, list(zip(deeds, people, strict=False)))
            assert told.count("done") == 1, told
            action.refresh_from_db()
            check_what_runs(action, connector.calls)
