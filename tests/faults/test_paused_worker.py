"""T54: a worker stopped beyond its lease while its call is under way, and resumed afterwards.

The worker is a real process. What it brings back is refused, whoever has the action by then.
"""

import multiprocessing
import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connections
from django.utils import timezone

from approvals import executor
from approvals.models import Action
from approvals.states import ActionStatus, ExecutionStatus
from tests.doubles.counting import lines
from tests.faults.scene import Served, served

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once]
ROUNDS = 20
PATIENCE_S = 20.0


class Held(threading.Event):
    """Tells when a request has taken effect, and keeps its answer back until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()

    def __call__(self, key: str) -> None:
        if not self.is_set():
            self.set()
            self.go.wait(PATIENCE_S)


@contextmanager
def worker(action: Action) -> Iterator[multiprocessing.Process]:
    """A process that executes the action."""
    connections.close_all()  # the child must not share one
    process = multiprocessing.get_context("fork").Process(
        target=executor.execute, args=(str(action.pk),), daemon=True
    )
    process.start()
    try:
        yield process  # type: ignore[misc]
    finally:
        process.kill()
        process.join()


def pause(process: multiprocessing.Process, action: Action, held: Held) -> None:
    """Stop the worker in the middle of its call, and let its lease run out."""
    assert held.wait(PATIENCE_S)
    assert process.pid
    os.kill(process.pid, signal.SIGSTOP)
    held.go.set()
    past = timezone.now() - timedelta(seconds=30)
    Action.objects.filter(pk=action.pk).update(lease_until=past)


def resume(process: multiprocessing.Process) -> None:
    """Let the worker finish what it believes to be its own."""
    assert process.pid
    os.kill(process.pid, signal.SIGCONT)
    process.join(PATIENCE_S)
    assert process.exitcode == 0


def taken_over(here: Served, number: int) -> ActionStatus:
    """One round: the paused worker's action is taken over, and what stands at the end is told."""
    held = Held()
    here.service.before_answer = held
    action = here.allowed("shout_note" if number % 4 == 3 else "write_note", number)
    with worker(action) as process:
        pause(process, action, held)
        # Every second time the next worker is at it still when the first one comes back.
        second = executor.claim(str(action.pk))
        if second is not None and number % 2:
            executor.finish(second, executor.call(second))
            second = None
        before = Action.objects.get(pk=action.pk)
        resume(process)
        after = Action.objects.get(pk=action.pk)
        assert (after.status, after.row_version) == (before.status, before.row_version)
        if second is not None:
            executor.finish(second, executor.call(second))
    first = action.executions.order_by("attempt").first()
    assert first.status == ExecutionStatus.UNKNOWN
    return ActionStatus(Action.objects.get(pk=action.pk).status)


def test_a_worker_that_comes_back_too_late_changes_nothing(tmp_path: Path) -> None:
    with served(tmp_path / "journal") as here:
        ends = Counter(taken_over(here, number) for number in range(ROUNDS))
        effects = Counter(one.key for one in lines(here.service.journal) if one.effect)
    # Every fourth call must not be repeated: nobody knows what came of it, and nobody says so.
    assert ends == {ActionStatus.SUCCEEDED: ROUNDS * 3 // 4, ActionStatus.UNKNOWN: ROUNDS // 4}
    assert len(effects) == ROUNDS
    assert set(effects.values()) == {1}
