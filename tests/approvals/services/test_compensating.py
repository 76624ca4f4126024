"""What succeeded is undone by another action: proposed by a person, judged like any other."""

from collections.abc import Iterator
from typing import Any

import pytest

from approvals.models import Action
from approvals.services import approve, compensate, edit, follow_tool, save_policy
from approvals.states import ActionStatus
from gateway.connectors.fake import FakeConnector
from gateway.lib.errors import Conflict, Denied, Refused, StaleState
from gateway.tools.models import RetryClass, Tool
from gateway.tools.services import save
from tests.approvals.execution.test_looking_up import work
from tests.factories.tools import ToolDefinitionFactory
from tests.invariants.scene import Scene, fakes, scene

pytestmark = pytest.mark.django_db
UNDO = {"operation": "echo", "effect": "Take the note {{ note }} back"}


@pytest.fixture
def service() -> Iterator[FakeConnector]:
    with fakes() as (connector, _):
        yield connector


@pytest.fixture
def here(service: FakeConnector) -> Scene:
    return scene(compensate=UNDO)


def undone(here: Scene, action: Action, *, who: str = "operator", **more: Any) -> Action:
    by = here.people.principal(getattr(here.people, who))
    return compensate(action=action, by=by, **more)


def test_undoing_is_another_action_that_waits_for_somebody_else(here: Scene) -> None:
    action = work(here.approved())
    undo = undone(here, action, who="may", reason="The wrong customer.")
    assert (undo.status, undo.undoes) == (ActionStatus.PENDING, action)
    assert undo.effect == "Take the note hello back"
    assert undo.arguments_value == {"note": "hello", "result": {"note": "hello"}}
    assert undo.requester_id == here.people.may.public_id
    with pytest.raises(Denied):
        approve(action=undo, by=here.people.principal(here.people.may), digest=undo.digest)


def test_what_others_approve_is_undone_once(here: Scene, service: FakeConnector) -> None:
    action = work(here.approved())
    undo = undone(here, action)
    approve(action=undo, by=here.people.principal(here.people.second), digest=undo.digest)
    assert work(undo, times=2).status == ActionStatus.SUCCEEDED
    made = service.calls[-1]
    assert made.idempotency_key == undo.public_id
    assert made.arguments == {"note": "hello", "result": {"note": "hello"}}
    assert len(service.calls) == 2
    action.refresh_from_db()
    assert action.status == ActionStatus.SUCCEEDED
    with pytest.raises(Conflict, match="being undone") as refused:
        undone(here, action)
    assert refused.value.extra["action"] == undo.public_id


def test_it_may_be_tried_again_once_an_attempt_came_to_nothing(here: Scene) -> None:
    action = work(here.approved())
    first = undone(here, action)
    with pytest.raises(Conflict):
        undone(here, action, who="admin")
    Action.objects.filter(pk=first.pk).update(status=ActionStatus.REJECTED)
    assert undone(here, action).pk != first.pk


def test_rules_see_the_operation_that_undoes(here: Scene) -> None:
    rule = {"name": "no", "when": "has(args.result)", "verdict": "deny", "reason": "Never."}
    save_policy(here.environment, name="p", rules=[rule], comment="test")
    action = work(here.approved())
    assert (undone(here, action).status, action.status) == (
        ActionStatus.DENIED, ActionStatus.SUCCEEDED,
    )  # fmt: skip


def test_only_members_who_act_here_undo_what_succeeded_where_the_tool_says_how(
    here: Scene, service: FakeConnector
) -> None:
    waiting, done = here.ask(), work(here.approved(arguments={"note": "b"}))
    for who in ("may_not", "auditor"):
        with pytest.raises(Denied):
            undone(here, done, who=who)
    with pytest.raises(StaleState):
        undone(here, waiting)
    plain = scene()
    with pytest.raises(Refused, match="no way to undo"):
        undone(plain, work(plain.approved()))


def test_a_secret_of_the_result_is_not_sent_as_its_mask(here: Scene) -> None:
    action = work(here.approved())
    Action.objects.filter(pk=action.pk).update(
        result={"id": 7, "client_secret": "[masked 0123abcd]"}
    )
    undo = undone(here, Action.objects.get(pk=action.pk))
    assert undo.arguments_value["result"] == {"id": 7}


def test_an_undo_can_be_edited_and_follows_its_tool(here: Scene, service: FakeConnector) -> None:
    action = work(here.approved())
    undo = undone(here, action)
    by = here.people.principal(here.people.second)
    edit(action=undo, by=by, digest=undo.digest, arguments={"note": "x", "result": {"note": "y"}})
    undo.refresh_from_db()
    assert undo.effect == "Take the note x back"
    definition = ToolDefinitionFactory(name="note", compensate=None, description="Other.")
    save(here.environment, **definition)
    follow_tool(str(Tool.objects.get(name="note", environment=here.environment).pk))
    undo.refresh_from_db()
    assert (undo.status, undo.code) == (ActionStatus.INVALID, "no_undo")


def test_the_class_of_an_undo_is_its_operations_own(here: Scene) -> None:
    from approvals.services.definitions import definition_of

    undo = undone(here, work(here.approved()))
    assert undo.tool_version is not None
    assert undo.tool_version.retry_class == RetryClass.IDEMPOTENT
    assert definition_of(undo).retry_class == RetryClass.UNSAFE
    assert definition_of(undo).compensate is None
