"""The same call again: after a refusal nobody is asked twice, and a run in circles stops."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from approvals.models import Action
from approvals.services import approve, propose, reject, save_policy
from approvals.states import ActionStatus
from approvals.views.story import history_of
from audit.models import AuditRecord
from gateway.agents.models import Agent
from gateway.lib.states import move
from gateway.runs.models import Run
from gateway.runs.services.following import action_changed
from gateway.runs.services.updating import context_of
from gateway.runs.states import RunStatus
from tests.factories.runs import RunFactory
from tests.invariants.scene import Scene, scene

pytestmark = pytest.mark.django_db
ALLOW = [{"name": "all", "when": "true", "verdict": "allow"}]


@pytest.fixture
def here() -> Scene:
    return scene()


@pytest.fixture
def run(here: Scene) -> Run:
    return RunFactory(
        environment=here.environment, agent=here.agent, provider=here.provider,
        status=RunStatus.RUNNING, provider_run_id="r-1",
    )  # fmt: skip


def rejected(here: Scene, **more: Any) -> Action:
    action = here.ask(**more)
    by = here.people.principal(here.people.may)
    return reject(action=action, by=by, digest=action.digest, reason="Ask the customer first.")


def in_run(here: Scene, run: Run, tool: str = "look", **more: Any) -> Action:
    return here.ask(tool, run=context_of(run), **more)


def done(action: Action, result: Any) -> None:
    """The action as it is once it was carried out."""
    move(action, ActionStatus.EXECUTING)
    move(action, ActionStatus.SUCCEEDED, result=result, settled_at=timezone.now())


def test_same_call_twenty_times_is_one_card_and_nineteen_recorded_refusals(here: Scene) -> None:
    first = rejected(here)
    again = [here.ask() for _ in range(19)]
    assert {(action.status, action.code) for action in again} == {("denied", "rejected")}
    assert {action.repeats_id for action in again} == {first.pk}
    assert all("Ask the customer first." in action.reason for action in again)
    assert all(first.public_id in action.reason for action in again)
    asked = AuditRecord.objects.filter(action="approvals.action.sent_to_review")
    refused = AuditRecord.objects.filter(action="approvals.action.denied", reason="rejected")
    assert (asked.count(), refused.count()) == (1, 19)
    assert refused[0].body_json["meta"]["repeats"] == first.public_id


def test_other_arguments_after_a_refusal_are_another_call(here: Scene) -> None:
    rejected(here)
    assert here.ask(arguments={"note": "other"}).status == ActionStatus.PENDING


def test_refusal_without_a_run_holds_for_a_day(here: Scene) -> None:
    first = rejected(here)
    Action.objects.filter(pk=first.pk).update(created_at=timezone.now() - timedelta(hours=25))
    assert here.ask().status == ActionStatus.PENDING


def test_refusal_in_a_run_holds_for_the_run_and_for_no_other(here: Scene, run: Run) -> None:
    first = rejected(here, run=context_of(run))
    Action.objects.filter(pk=first.pk).update(created_at=timezone.now() - timedelta(days=3))
    assert in_run(here, run, "note").code == "rejected"
    assert here.ask().status == ActionStatus.PENDING


def test_what_expired_undecided_is_not_asked_again(here: Scene) -> None:
    action = here.ask()
    move(action, ActionStatus.EXPIRED, code="expired", reason="Nobody decided in time.")
    again = here.ask()
    assert (again.status, again.code) == (ActionStatus.DENIED, "expired")


def test_what_policy_denied_is_allowed_once_the_rule_has_gone(here: Scene) -> None:
    deny = [{"name": "no", "when": "true", "verdict": "deny"}]
    save_policy(here.environment, name="shut", rules=deny, comment="test")
    assert here.ask().status == ActionStatus.DENIED
    save_policy(here.environment, name="shut", rules=ALLOW, comment="test")
    assert here.ask().status == ActionStatus.APPROVED


def test_one_person_refused_does_not_bind_another(here: Scene) -> None:
    def ask(who: Any) -> Action:
        return propose(
            environment=here.environment, agent=here.agent, tool_name="note",
            arguments={"note": "hello"}, requester=here.people.principal(who),
        )  # fmt: skip

    action = ask(here.people.admin)
    by = here.people.principal(here.people.may)
    reject(action=action, by=by, digest=action.digest, reason="No.")
    assert ask(here.people.admin).code == "rejected"
    assert ask(here.people.second).status == ActionStatus.PENDING


def test_sixth_equal_call_without_progress_waits_for_a_person_and_the_run_with_it(
    here: Scene, run: Run
) -> None:
    for _ in range(5):
        action = in_run(here, run)
        assert action.status == ActionStatus.APPROVED
        done(action, {"state": "busy"})
    card = in_run(here, run)
    assert (card.status, card.code) == (ActionStatus.PENDING, "loop_detected")
    assert "5 times" in card.reason
    action_changed(card)
    run.refresh_from_db()
    assert run.status == RunStatus.WAITING_APPROVAL
    assert run.events.get(kind="action.pending").data["code"] == "loop_detected"
    again = in_run(here, run)
    assert (again.status, again.code) == (ActionStatus.DENIED, "loop_detected")
    assert again.repeats_id == card.pk
    action_changed(again)
    error = again.report.answer["error"]
    assert (error["code"], card.public_id in error["message"]) == ("loop_detected", True)


def test_calls_that_bring_something_new_are_progress(here: Scene, run: Run) -> None:
    for number in range(8):
        action = in_run(here, run)
        assert action.status == ActionStatus.APPROVED
        done(action, {"state": number})


def test_person_may_let_a_loop_go_on(here: Scene, run: Run) -> None:
    for _ in range(5):
        done(in_run(here, run), {"state": "busy"})
    card = in_run(here, run)
    by = here.people.principal(here.people.may)
    done(approve(action=card, by=by, digest=card.digest), {"state": "busy"})
    assert in_run(here, run).status == ActionStatus.APPROVED


def test_agents_cap_says_how_many_equal_calls_are_too_many(here: Scene, run: Run) -> None:
    Agent.objects.filter(pk=here.agent.pk).update(caps={"max_equal_calls": 2})
    here.agent.refresh_from_db()
    for _ in range(2):
        done(in_run(here, run), {"state": "busy"})
    assert in_run(here, run).code == "loop_detected"


def test_call_that_policy_sends_to_people_says_as_well_that_it_is_a_loop(
    here: Scene, run: Run
) -> None:
    for _ in range(5):
        in_run(here, run, "note")
    card = in_run(here, run, "note")
    assert (card.status, card.code) == (ActionStatus.PENDING, "loop_detected")
    assert "5 times" in card.requirement["reason"]  # type: ignore[index]


def test_same_call_in_another_event_is_the_same_action(here: Scene, run: Run) -> None:
    first = in_run(here, run, "note", call_id="c1", source_event="evt_one")
    again = in_run(here, run, "note", call_id="c1", source_event="evt_two")
    assert again.pk == first.pk
    assert Action.objects.count() == 1


def test_page_of_the_refused_action_says_how_often_it_was_asked_again(here: Scene) -> None:
    first = rejected(here)
    here.ask()
    here.ask()
    assert "Asked for again 2 times, refused at once" in [e.text for e in history_of(first)]
