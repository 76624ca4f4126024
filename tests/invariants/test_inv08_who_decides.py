"""Invariant 8: nobody approves the own wish, one person counts once, machines never decide."""

import json

import pytest
from django.test import Client

from approvals.models import Action, Approval
from approvals.states import ActionStatus
from tests.desk import at, signed_in
from tests.invariants.doors import api
from tests.invariants.scene import Scene, scene

pytestmark = pytest.mark.django_db
PEOPLE = ["may_not", "operator", "auditor", "stranger", "owner"]


def by_desk(browser: Client, action: Action, digest: str) -> int:
    """The status of an approval at the desk."""
    address = at(action.environment, "approvals:approve", action=action.public_id)
    return browser.post(address, {"digest": digest}).status_code


def by_api(client: Client, action: Action, digest: str) -> int:
    """The status of an approval by API."""
    address = f"/api/v1/actions/{action.public_id}/approve"
    body = json.dumps({"digest": digest})
    return client.post(address, body, content_type="application/json").status_code


@pytest.fixture
def here() -> Scene:
    return scene()


@pytest.mark.parametrize("who", PEOPLE)
def test_who_may_not_decide_is_refused_at_every_door(here: Scene, who: str) -> None:
    action, person = here.ask(), getattr(here.people, who)
    refused = {403, 404}
    assert by_desk(signed_in(person), action, action.digest) in refused
    if who != "stranger":
        key = api(here.people.member(person), here.environment)
        assert by_api(key, action, action.digest) in refused
    action.refresh_from_db()
    assert action.status == ActionStatus.PENDING
    assert not Approval.objects.exists()


def test_a_machine_key_is_refused_whatever_its_scopes_say(here: Scene) -> None:
    action = here.ask()
    for scopes in ([], ["approvals.decide_action"]):
        key = api(None, here.environment, agent_id=here.agent.pk, scopes=scopes)
        assert by_api(key, action, action.digest) == 403
    assert not Approval.objects.exists()


def test_whoever_asked_cannot_approve_even_with_every_role(here: Scene) -> None:
    admin = here.people.admin
    key = api(here.people.member(admin), here.environment)
    asked = key.post(
        "/api/v1/actions",
        json.dumps({"tool": "note", "arguments": {"note": "mine"}}),
        content_type="application/json",
    )
    assert asked.status_code == 201, asked.content
    action = Action.objects.get()
    assert by_api(key, action, action.digest) == 403
    assert by_desk(signed_in(admin), action, action.digest) == 403
    assert by_desk(signed_in(here.people.may), action, action.digest) == 302


def test_one_person_is_one_vote_at_two_doors(here: Scene) -> None:
    action = here.ask()
    Action.objects.filter(pk=action.pk).update(requirement={**action.requirement, "quorum": 2})
    action.refresh_from_db()
    from approvals.services import binding

    Action.objects.filter(pk=action.pk).update(digest=binding.digest_of(action))
    action.refresh_from_db()
    key = api(here.people.member(here.people.may), here.environment)
    assert by_api(key, action, action.digest) == 200
    assert by_desk(signed_in(here.people.may), action, action.digest) == 409
    action.refresh_from_db()
    assert action.status == ActionStatus.PENDING
    assert by_desk(signed_in(here.people.second), action, action.digest) == 302
    action.refresh_from_db()
    assert action.status == ActionStatus.APPROVED
