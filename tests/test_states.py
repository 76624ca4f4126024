"""Every table of states: reachable, closed, and repeated by the database's own constraint."""

import pytest
from django.db import IntegrityError, transaction

from approvals.models import Action, Execution
from approvals.states import SETTLED, ActionStatus
from gateway.budgets.models import UsageEntry
from gateway.lib.errors import StaleState
from gateway.lib.states import Machine, UndeclaredMove, move, move_all
from gateway.runs.models import Report, Run
from gateway.runs.states import RunStatus
from tests.factories.approvals import ActionFactory
from tests.factories.runs import RunFactory
from tests.factories.webhooks import EventFactory
from webhooks.models import Event
from webhooks.states import EventStatus

MODELS = [Action, Execution, Run, Report, UsageEntry, Event]
MACHINES = [pytest.param(model, id=model.__name__) for model in MODELS]


def reachable(machine: Machine) -> set[str]:
    """Every state that some row can come to."""
    found, todo = set(machine.starts), list(machine.starts)
    while todo:
        for target in machine.moves[todo.pop()]:
            if target not in found:
                found.add(target)
                todo.append(target)
    return found


@pytest.mark.parametrize("model", MACHINES)
def test_every_state_is_in_the_table_and_can_be_reached(model: type[Action]) -> None:
    values = set(model._meta.get_field("status").flatchoices) and {
        value for value, _ in model._meta.get_field("status").flatchoices
    }
    machine = model.machine
    assert set(machine.moves) == values
    ever = reachable(machine)
    assert values - ever <= {ActionStatus.PROPOSED}


def test_nothing_leaves_a_settled_action() -> None:
    assert Action.machine.finals == SETTLED


def test_nothing_leaves_an_ended_run() -> None:
    ended = {RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELED}
    assert Run.machine.finals == ended


def test_only_a_replay_leaves_what_an_event_ended_in() -> None:
    for ended in (EventStatus.PROCESSED, EventStatus.IGNORED, EventStatus.DEAD):
        assert Event.machine.moves[ended] == {EventStatus.RECEIVED}


@pytest.mark.django_db
def test_undeclared_move_is_refused() -> None:
    action = ActionFactory()
    with pytest.raises(UndeclaredMove):
        move(action, ActionStatus.SUCCEEDED)


@pytest.mark.django_db
def test_move_of_a_row_that_changed_meanwhile_is_refused() -> None:
    action = ActionFactory()
    seen = Action.objects.get(pk=action.pk)
    move(action, ActionStatus.CANCELED)
    with pytest.raises(StaleState):
        move(seen, ActionStatus.APPROVED)


@pytest.mark.django_db
def test_every_move_leaves_an_announcement_in_the_same_statement() -> None:
    for row, to in ((ActionFactory(), ActionStatus.CANCELED), (RunFactory(), RunStatus.FAILED)):
        before = row.row_version
        move(row, to)
        assert row.announce_due_at is not None
        assert row.row_version == before + 1


@pytest.mark.django_db
def test_many_rows_move_in_one_statement_and_those_that_left_stay(
    django_assert_num_queries,
) -> None:
    events = [EventFactory() for _ in range(3)]
    move(events[0], EventStatus.PROCESSING)
    rows = Event.objects.filter(pk__in=[event.pk for event in events])
    with django_assert_num_queries(1):
        assert move_all(rows, EventStatus.RECEIVED, EventStatus.PROCESSED, due_at=None) == 2
    assert list(rows.order_by("pk").values_list("status", flat=True)) == [
        EventStatus.PROCESSING, EventStatus.PROCESSED, EventStatus.PROCESSED,
    ]  # fmt: skip


@pytest.mark.django_db
def test_rows_that_announce_are_not_moved_without_their_announcement() -> None:
    action = ActionFactory()
    with pytest.raises(TypeError, match="move_many"):
        move_all(Action.objects.all(), ActionStatus.PENDING, ActionStatus.CANCELED)
    with pytest.raises(UndeclaredMove):
        move_all(Event.objects.all(), EventStatus.PROCESSED, EventStatus.PROCESSING)
    action.refresh_from_db()
    assert action.status == ActionStatus.PENDING


@pytest.mark.django_db
def test_database_refuses_a_status_that_nobody_declared() -> None:
    action = ActionFactory()
    with pytest.raises(IntegrityError), transaction.atomic():
        Action.objects.filter(pk=action.pk).update(status="paid")
