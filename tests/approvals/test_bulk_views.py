"""Several actions at once: each counts for itself, and what may not be done together is not."""

from typing import Any

import pytest

from approvals.models import Action, Approval, Snooze
from approvals.states import ActionStatus
from tests.desk import at, signed_in, text
from tests.factories.approvals import ActionFactory
from tests.factories.tools import ToolFactory
from tests.people import People, ready

pytestmark = pytest.mark.django_db
REASON = {"preset": "Not needed"}


@pytest.fixture
def people() -> People:
    return ready()


def waiting(people: People, count: int = 3, **more: Any) -> list[Action]:
    tool = ToolFactory(environment=people.environment)
    return [
        ActionFactory(environment=people.environment, tool=tool, risk="low", **more)
        for _ in range(count)
    ]


def ticked(verb: str, actions: list[Action]) -> dict[str, Any]:
    return {"verb": verb, "action": [action.public_id for action in actions]}


def posted(people: People, verb: str, actions: list[Action], **more: Any) -> Any:
    digests = {f"digest-{action.public_id}": action.digest for action in actions}
    wish = ticked(verb, actions) | digests | more
    return signed_in(people.may).post(at(people.environment, "approvals:bulk"), wish)


def test_the_page_shows_what_each_would_do_and_decides_nothing(people: People) -> None:
    actions = waiting(people)
    for verb in ("reject", "approve", "snooze"):
        page = at(people.environment, "approvals:bulk")
        answer = signed_in(people.may).get(page, ticked(verb, actions))
        assert all(action.digest in text(answer) for action in actions)
    assert not Approval.objects.exists()


def test_all_are_rejected_with_one_reason(people: People) -> None:
    actions = waiting(people)
    answer = posted(people, "reject", actions, **REASON)
    assert answer.status_code == 200
    assert "Rejected 3 of 3" in text(answer)
    assert {row.status for row in Action.objects.all()} == {ActionStatus.REJECTED}
    assert {row.reason for row in Action.objects.all()} == {"Not needed"}


def test_a_rejection_without_a_reason_rejects_nothing(people: People) -> None:
    answer = posted(people, "reject", waiting(people))
    assert answer.status_code == 422
    assert "Say why" in text(answer)
    assert not Approval.objects.exists()


def test_what_changed_meanwhile_is_left_and_named(people: People) -> None:
    first, *others = waiting(people)
    digest = first.digest
    Action.objects.filter(pk=first.pk).update(digest="0" * 64, version=2)
    first.digest = digest
    answer = posted(people, "reject", [first, *others], **REASON)
    assert answer.status_code == 409
    assert "Rejected 2 of 3" in text(answer)
    first.refresh_from_db()
    assert first.status == ActionStatus.PENDING


def test_all_are_approved_once_their_number_is_typed(people: People) -> None:
    actions = waiting(people)
    assert posted(people, "approve", actions, count="2").status_code == 422
    assert not Approval.objects.exists()
    assert posted(people, "approve", actions, count="3").status_code == 200
    assert {row.status for row in Action.objects.all()} == {ActionStatus.APPROVED}
    assert {vote.digest for vote in Approval.objects.all()} == {row.digest for row in actions}


def unlike(people: People) -> dict[str, list[Action]]:
    return {
        "same tool": [*waiting(people, 1), *waiting(people, 1)],
        "one by one": [
            *waiting(people, 1),
            ActionFactory(environment=people.environment, risk="high"),
        ],
        "At most 25": waiting(people, 26),
        "hidden": waiting(people, 2, with_arguments={"note": "a\u202eb"}),
        "No action": [],
    }


@pytest.mark.parametrize("why", ["same tool", "one by one", "At most 25", "hidden", "No action"])
def test_what_is_not_alike_or_risky_is_not_approved_together(people: People, why: str) -> None:
    actions = unlike(people)[why]
    answer = posted(people, "approve", actions, count=str(len(actions)))
    assert answer.status_code == 422
    assert why in text(answer)
    assert not Approval.objects.exists()


def test_more_than_a_hundred_are_left_as_they_are_and_not_cut_short(people: People) -> None:
    few = waiting(people, 2)
    answer = posted(people, "reject", few * 51, **REASON)
    assert answer.status_code == 422
    assert "At most 100 actions" in text(answer)
    assert not Action.objects.exclude(status=ActionStatus.PENDING).exists()


def test_snoozing_hides_them_from_oneself_only(people: People) -> None:
    assert posted(people, "snooze", waiting(people), until="change").status_code == 200
    assert Snooze.objects.filter(user=people.may).count() == 3


def test_rows_of_others_and_nonsense_are_not_touched(people: People) -> None:
    foreign = ActionFactory(environment=people.elsewhere)
    wish = {"verb": "reject", "action": [foreign.public_id, "act_nonsense", "x"], **REASON}
    answer = signed_in(people.may).post(at(people.environment, "approvals:bulk"), wish)
    assert answer.status_code == 422
    foreign.refresh_from_db()
    assert foreign.status == ActionStatus.PENDING


def test_who_may_not_decide_is_offered_no_boxes_and_is_refused(people: People) -> None:
    actions = waiting(people)
    viewer = signed_in(people.may_not)
    inbox = text(viewer.get(at(people.environment, "approvals:inbox"), {"tab": "team"}))
    assert 'name="action"' not in inbox
    wish = ticked("reject", actions) | REASON
    assert viewer.post(at(people.environment, "approvals:bulk"), wish).status_code == 403
    boxes = text(signed_in(people.may).get(at(people.environment, "approvals:inbox")))
    assert boxes.count('name="action"') == 3


def test_all_are_assigned_and_those_whom_nobody_may_be_given_are_left(people: People) -> None:
    actions = waiting(people, 2)
    own = waiting(people, 1, requester_kind="person", requester_id=people.second.public_id)
    browser = signed_in(people.admin)
    page = at(people.environment, "approvals:bulk")
    second = people.member(people.second).public_id
    shown = text(browser.get(page, ticked("assign", actions)))
    assert second in shown
    assert people.member(people.may_not).public_id not in shown
    answer = browser.post(page, ticked("assign", actions + own) | {"to": second})
    assert answer.status_code == 409
    assert "Assigned 2 of 3" in text(answer)
    assert set(Action.objects.values_list("pk", "assignee")) == {
        *((action.pk, people.second.pk) for action in actions),
        (own[0].pk, None),
    }


def test_who_may_not_assign_is_not_offered_it_and_assigns_nothing(people: People) -> None:
    actions = waiting(people, 1)
    inbox = at(people.environment, "approvals:inbox")
    is_allowed = people.may.has_perm("approvals.assign_action", people.environment)
    assert ('value="assign"' in text(signed_in(people.may).get(inbox))) is is_allowed
    answer = signed_in(people.may_not).post(
        at(people.environment, "approvals:bulk"), ticked("assign", actions) | {"to": ""}
    )
    assert answer.status_code == 403
