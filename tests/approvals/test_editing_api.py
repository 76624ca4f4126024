"""Editing, undoing and extending by API."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from approvals.models import Action
from approvals.services import save_policy
from approvals.states import ActionStatus
from tests.callers import Caller, key_for, key_of
from tests.invariants.scene import Scene, scene

pytestmark = pytest.mark.django_db
OTHER = {"note": "goodbye"}


@pytest.fixture
def here() -> Scene:
    return scene()


@pytest.fixture
def reviewer(here: Scene) -> Caller:
    return key_of(here.people, here.people.may)


def require(here: Scene, **more: Any) -> None:
    rules = [{"name": "all", "when": "true", "verdict": "require_approval", **more}]
    save_policy(here.environment, name="rules", rules=rules, comment="For a test.")


def test_an_edit_answers_the_new_version_beside_the_one_that_was_proposed(
    here: Scene, reviewer: Caller
) -> None:
    action = here.ask()
    assert reviewer.get(f"actions/{action.public_id}").json()["effective_arguments"] is None
    body = {"digest": action.digest, "arguments": OTHER, "comment": "Politer."}
    shown = reviewer.post(f"actions/{action.public_id}/edit", body).json()
    assert (shown["status"], shown["version"]) == ("pending", 2)
    assert (shown["arguments"], shown["effective_arguments"]) == (OTHER, OTHER)
    assert shown["arguments_changed"] is True
    asked, made = shown["versions"]
    assert (asked["origin"], asked["arguments"]) == ("proposed", {"note": "hello"})
    assert (made["origin"], made["comment"]) == ("edited", "Politer.")
    assert made["made_by"] == here.people.may.public_id
    assert made["digest"] == shown["digest"] != action.digest


def test_approving_with_arguments_answers_pending_where_a_second_person_is_needed(
    here: Scene, reviewer: Caller
) -> None:
    require(here, edit_needs_second=True)
    action = here.ask()
    body = {"digest": action.digest, "arguments": OTHER}
    answer = reviewer.post(f"actions/{action.public_id}/approve", body)
    assert (answer.status_code, answer.json()["status"]) == (200, "pending")
    second = key_of(here.people, here.people.second)
    done = second.post(
        f"actions/{action.public_id}/approve", {"digest": answer.json()["digest"]}
    )  # fmt: skip
    assert (done.status_code, done.json()["status"]) == (200, "approved")


def test_arguments_that_the_tool_does_not_take_are_named_by_their_place(
    here: Scene, reviewer: Caller
) -> None:
    action = here.ask()
    body = {"digest": action.digest, "arguments": {"note": 5}}
    for verb in ("edit", "approve"):
        answer = reviewer.post(f"actions/{action.public_id}/{verb}", body)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
        assert list(answer.json()["errors"]) == ["/note"]
    assert Action.objects.get().version == 1


@pytest.mark.parametrize("arguments", [b'{"note":"a","note":"b"}', b'{"note":1e999}', b"null"])
def test_an_edit_has_one_meaning_or_is_refused(
    here: Scene, reviewer: Caller, arguments: bytes
) -> None:
    action = here.ask()
    body = b'{"digest":"%b","arguments":%b}' % (action.digest.encode(), arguments)
    assert reviewer.post(f"actions/{action.public_id}/approve", body).status_code == 422
    assert Action.objects.get().version == 1


def test_a_vote_with_the_digest_from_before_the_edit_hears_the_present_one(
    here: Scene, reviewer: Caller
) -> None:
    action = here.ask()
    body = {"digest": action.digest, "arguments": OTHER}
    digest = reviewer.post(f"actions/{action.public_id}/edit", body).json()["digest"]
    second = key_of(here.people, here.people.second)
    for verb in ("approve", "edit"):
        answer = second.post(f"actions/{action.public_id}/{verb}", body)
        assert (answer.status_code, answer.json()["digest"]) == (409, digest)


def test_a_machine_edits_and_undoes_and_extends_nothing(here: Scene) -> None:
    action, machine = here.ask(), key_for(here.agent)
    bodies: dict[str, Any] = {
        "edit": {"digest": action.digest, "arguments": OTHER},
        "undo": {},
        "extend": {"decide_by": "2030-01-01T00:00:00Z"},
    }
    for verb, body in bodies.items():
        assert machine.post(f"actions/{action.public_id}/{verb}", body).status_code == 403
    assert Action.objects.get().version == 1


def test_an_approval_is_undone_in_its_hold_and_a_deadline_extended(
    here: Scene, reviewer: Caller
) -> None:
    require(here, hold_s=60)
    action = here.ask()
    reviewer.post(f"actions/{action.public_id}/approve", {"digest": action.digest})
    undone = reviewer.post(f"actions/{action.public_id}/undo", {"reason": "Wait."}).json()
    assert (undone["status"], undone["versions"][-1]["origin"]) == ("pending", "undone")
    again = reviewer.post(f"actions/{action.public_id}/undo")
    assert (again.status_code, again.json()["code"]) == (409, "stale_state")
    later = (timezone.now() + timedelta(days=3)).isoformat()
    extended = reviewer.post(f"actions/{action.public_id}/extend", {"decide_by": later})
    assert extended.status_code == 200, extended.content
    assert Action.objects.get().decide_by is not None
    assert extended.json()["digest"] == undone["digest"]
    assert Action.objects.get().status == ActionStatus.PENDING
