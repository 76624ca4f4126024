"""What a job changes is announced by its own thread: once a row, and never lost."""

from typing import Any

import pytest
from django.db import transaction

import gateway.worker  # noqa: F401 - declares the tasks
from approvals.models import Action
from approvals.states import ActionStatus
from audit import context
from gateway.lib.broker import JobName, announcing, broker
from gateway.lib.states import move
from gateway.runs.models import Run
from gateway.runs.states import RunStatus
from tests.factories.approvals import ActionFactory
from tests.factories.runs import RunFactory
from tests.jobs import waiting

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _empty_queues() -> None:
    broker.flush_all()


@pytest.fixture
def handled(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """The announcements that were handled, in their order; they are handled all the same."""
    seen: list[tuple[str, str]] = []
    actor = broker.get_actor(JobName.ANNOUNCE)
    original = actor.fn

    def noting(*ids: str) -> None:
        seen.append((ids[0], ids[1]))
        original(*ids)

    monkeypatch.setattr(actor, "fn", noting)
    return seen


def told(row: Any) -> tuple[str, str]:
    return row.announces, str(row.pk)


def in_queue() -> list[tuple[str, str]]:
    return [message.args for message in waiting() if message.actor_name == JobName.ANNOUNCE]


def is_announced(row: Any) -> bool:
    return type(row).objects.get(pk=row.pk).announce_due_at is None


def test_row_that_moves_twice_in_a_block_is_announced_once_at_its_end(
    handled: list[tuple[str, str]],
) -> None:
    action = ActionFactory()
    with announcing():
        move(action, ActionStatus.APPROVED)
        move(action, ActionStatus.EXECUTING)
        assert handled == []
        assert not is_announced(action)
    assert handled == [told(action)]
    assert is_announced(action)
    assert in_queue() == []


def test_outside_of_a_block_the_queue_is_asked(handled: list[tuple[str, str]]) -> None:
    action = ActionFactory()
    move(action, ActionStatus.CANCELED)
    assert handled == []
    assert in_queue() == [told(action)]


def test_what_an_announcement_changes_is_announced_as_well(
    handled: list[tuple[str, str]],
) -> None:
    run = RunFactory(status=RunStatus.RUNNING)
    action = ActionFactory(run_id=run.pk, environment=run.environment)
    with announcing():
        move(action, ActionStatus.APPROVED)
    assert handled == [told(action), told(run)]
    run = Run.objects.get(pk=run.pk)
    assert run.status == RunStatus.TOOL_REQUIRED
    assert is_announced(run)


def test_block_that_fails_leaves_its_announcements_to_the_queue(
    handled: list[tuple[str, str]],
) -> None:
    action = ActionFactory()

    def job() -> None:
        with announcing():
            move(action, ActionStatus.CANCELED)
            raise KeyboardInterrupt  # as the limit of a job's time, which comes at any place

    with pytest.raises(KeyboardInterrupt):
        job()
    assert handled == []
    assert in_queue() == [told(action)]
    move(ActionFactory(), ActionStatus.CANCELED)
    assert len(in_queue()) == 2, "the next change of this thread is no part of the block"


def test_what_was_rolled_back_is_not_announced(handled: list[tuple[str, str]]) -> None:
    action = ActionFactory()

    def change() -> None:
        with transaction.atomic():
            move(action, ActionStatus.CANCELED)
            raise ZeroDivisionError

    with announcing(), pytest.raises(ZeroDivisionError):
        change()
    assert handled == []
    assert in_queue() == []
    assert Action.objects.get(pk=action.pk).status == ActionStatus.PENDING


def test_announcement_that_fails_keeps_its_mark_and_stops_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken, sound = ActionFactory(), ActionFactory()
    actor = broker.get_actor(JobName.ANNOUNCE)
    original = actor.fn

    def failing(kind: str, pk: str) -> None:
        if pk == str(broken.pk):
            raise ZeroDivisionError
        original(kind, pk)

    monkeypatch.setattr(actor, "fn", failing)
    with announcing():
        move(broken, ActionStatus.CANCELED)
        move(sound, ActionStatus.CANCELED)
    assert not is_announced(broken), "the sweep finds it"
    assert is_announced(sound)


def test_block_within_a_block_leaves_it_to_the_outer_one(handled: list[tuple[str, str]]) -> None:
    action = ActionFactory()
    with announcing():
        with announcing():
            move(action, ActionStatus.CANCELED)
        assert handled == []
    assert handled == [told(action)]


def test_the_system_announces_whoever_acted(monkeypatch: pytest.MonkeyPatch) -> None:
    action = ActionFactory()
    seen: list[context.Context] = []
    actor = broker.get_actor(JobName.ANNOUNCE)
    monkeypatch.setattr(actor, "fn", lambda *_: seen.append(context.current()))
    with context.bind(actor=context.Actor("source", "src_1"), correlation_id="cor_mine"):
        with announcing():
            move(action, ActionStatus.CANCELED)
        assert context.current().actor.kind == "source"
        assert context.correlation_id() == "cor_mine"
    assert [one.actor for one in seen] == [context.SYSTEM]
