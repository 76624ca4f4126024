"""T53 for actions: one that kills its worker is given up after three times and delays nobody.

The worker is a real process, killed by -9 and started again, as the process tree would.
"""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connections
from django.utils import timezone

from approvals import executor
from approvals.execution.claiming import MAX_LOST
from approvals.models import Action
from approvals.services import reconcile
from approvals.states import SETTLED, ActionStatus
from audit.models import AuditRecord
from gateway.connectors.base import ConnectorRequest
from gateway.connectors.http import HttpConnector
from gateway.lib.errors import Denied
from tests.doubles.counting import lines
from tests.faults.scene import Served, served

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once]
OTHERS = 10
OTHERS_WITHIN_S = 10.0
GIVE_UP_S = 60.0
IDLE_S = 0.05
ENDED = [*SETTLED, ActionStatus.UNKNOWN]


def die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def work(poison: str, *, is_sent: bool) -> None:
    """The worker: does what is due until it is killed; the poison does that, in its call."""
    call, execute = executor.call, HttpConnector.execute

    def deadly_call(execution):  # type: ignore[no-untyped-def]
        return die() if execution.idempotency_key == poison else call(execution)

    def deadly_execute(self: HttpConnector, request: ConnectorRequest):  # type: ignore[no-untyped-def]
        outcome = execute(self, request)
        return die() if request.idempotency_key == poison else outcome

    if is_sent:
        HttpConnector.execute = deadly_execute  # type: ignore[method-assign]
    else:
        executor.call = deadly_call
    while True:
        for pk in Action.objects.exclude(status__in=ENDED).order_by("due_at", "id"):
            executor.execute(str(pk.pk))
        time.sleep(IDLE_S)


@contextmanager
def working(poison: Action, *, is_sent: bool) -> Iterator[multiprocessing.Process]:
    connections.close_all()  # the child must not share one
    process = multiprocessing.get_context("fork").Process(
        target=work, args=(poison.public_id,), kwargs={"is_sent": is_sent}, daemon=True
    )
    process.start()
    try:
        yield process  # type: ignore[misc]
    finally:
        process.kill()
        process.join()


def until(done: Callable[[], bool], process: multiprocessing.Process) -> bool:
    """Wait for it; False where the worker died first."""
    give_up = time.monotonic() + GIVE_UP_S
    while time.monotonic() < give_up:
        if done():
            return True
        process.join(IDLE_S)
        if process.exitcode is not None:
            assert process.exitcode == -signal.SIGKILL
            return done()
    raise AssertionError(list(Action.objects.values_list("status", "attempts")))


def deaths_until(done: Callable[[], bool], poison: Action, *, is_sent: bool) -> int:
    """Start a worker again whenever it died; the lease of what it was at runs out meanwhile."""
    deaths = 0
    while deaths <= MAX_LOST:
        with working(poison, is_sent=is_sent) as process:
            if until(done, process):
                return deaths
        deaths += 1
        past = timezone.now() - timedelta(seconds=1)
        held = Action.objects.filter(pk=poison.pk, lease_until__isnull=False)
        held.update(lease_until=past)
    raise AssertionError("it goes on killing workers")


def ended(*actions: Action) -> bool:
    pks = [action.pk for action in actions]
    return not Action.objects.filter(pk__in=pks).exclude(status__in=ENDED).exists()


def give_up(here: Served, *, is_sent: bool) -> Action:
    """The poison in the middle of others: those end in time, it ends after three deaths."""
    beside = [here.allowed("shout_note", number) for number in range(OTHERS // 2)]
    poison = here.allowed("write_note", 100)
    beside += [here.allowed("write_note", number) for number in range(OTHERS // 2, OTHERS)]
    began = time.monotonic()
    deaths = deaths_until(lambda: ended(*beside), poison, is_sent=is_sent)
    assert time.monotonic() - began < OTHERS_WITHIN_S * 2  # of a machine that does much else
    deaths += deaths_until(lambda: ended(poison), poison, is_sent=is_sent)
    assert deaths == MAX_LOST
    poison.refresh_from_db()
    assert poison.attempts == MAX_LOST
    assert poison.code == "worker_lost"
    assert {Action.objects.get(pk=one.pk).status for one in beside} == {ActionStatus.SUCCEEDED}
    return poison


def test_an_action_that_kills_its_worker_before_it_is_sent_fails(tmp_path: Path) -> None:
    with served(tmp_path / "journal") as here:
        poison = give_up(here, is_sent=False)
        assert poison.public_id not in {one.key for one in lines(here.service.journal)}
    assert poison.status == ActionStatus.FAILED
    assert "Nothing was sent" in poison.reason


def test_an_action_that_kills_its_worker_after_it_is_sent_is_left_to_a_person(
    tmp_path: Path,
) -> None:
    with served(tmp_path / "journal") as here:
        poison = give_up(here, is_sent=True)
        effects = [one for one in lines(here.service.journal) if one.key == poison.public_id]
        assert [one.effect for one in effects] == [True, False, False]
    assert poison.status == ActionStatus.UNKNOWN
    people = here.scene.people
    with pytest.raises(Denied):
        reconcile(action=poison, by=people.principal(people.may), outcome="succeeded",
                  evidence="Seen at the service.")  # fmt: skip
    reconcile(action=poison, by=people.principal(people.operator), outcome="succeeded",
              evidence="Seen at the service.")  # fmt: skip
    told = AuditRecord.objects.filter(target_id=poison.public_id).values_list("action", flat=True)
    assert "approvals.action.reconciled" in told
