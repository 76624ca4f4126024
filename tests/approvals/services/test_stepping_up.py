"""A fresh sign-in where a rule asks for one, proven at the vote and again before it counts."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from approvals.digest import sign_decision
from approvals.models import Approval
from approvals.services import approve, binding, reject, save_policy
from approvals.states import ActionStatus
from gateway.lib.errors import Denied
from gateway.tenants.freshness import Authentication
from gateway.tenants.principals import Principal
from tests.callers import key_of
from tests.factories.approvals import ApprovalFactory
from tests.invariants.scene import Scene, fakes, scene

pytestmark = pytest.mark.django_db


@pytest.fixture
def here() -> Scene:
    made = scene()
    rules = [{"name": "all", "when": "true", "verdict": "require_approval", "step_up": True}]
    save_policy(made.environment, name="rules", rules=rules, comment="For a test.")
    return made


def proven(here: Scene, *, seconds: int = 10) -> Principal:
    proof = Authentication(timezone.now() - timedelta(seconds=seconds), ("password",))
    return replace(here.people.principal(here.people.may), authentication=proof)


def test_a_fresh_proof_lets_the_vote_count_and_the_action_run(here: Scene, settle: Any) -> None:
    action = here.ask()
    with fakes() as (connector, _):
        approve(action=action, by=proven(here), digest=action.digest)
        settle()
        assert len(connector.calls) == 1


@pytest.mark.parametrize("seconds", [301, -60])
def test_an_old_proof_or_one_of_the_future_is_none(here: Scene, seconds: int) -> None:
    action = here.ask()
    with pytest.raises(Denied) as refused:
        approve(action=action, by=proven(here, seconds=seconds), digest=action.digest)
    assert refused.value.code == "step_up_needed"
    assert not Approval.objects.exists()


def test_a_key_cannot_step_up_and_is_sent_to_the_desk(here: Scene) -> None:
    action = here.ask()
    key = key_of(here.people, here.people.may)
    answer = key.post(f"actions/{action.public_id}/approve", {"digest": action.digest})
    assert (answer.status_code, answer.json()["code"]) == (403, "step_up_needed")
    assert "on the desk" in answer.json()["detail"]


def test_an_edit_without_a_fresh_proof_stays_pending_without_a_vote(here: Scene) -> None:
    action = here.ask()
    by = here.people.principal(here.people.may)
    edited = approve(action=action, by=by, digest=action.digest, arguments={"note": "other"})
    assert (edited.status, edited.version) == (ActionStatus.PENDING, 2)
    assert not Approval.objects.exists()


def test_rejecting_asks_for_no_proof(here: Scene) -> None:
    action = here.ask()
    by = here.people.principal(here.people.may)
    assert reject(action=action, by=by, digest=action.digest, reason="No.").is_settled


@pytest.mark.parametrize("change", ["no proof", "an old proof", "a proof put in afterwards"])
def test_a_vote_without_its_proof_does_not_count_at_the_claim(
    here: Scene, settle: Any, change: str
) -> None:
    action = here.ask()
    approve(action=action, by=proven(here), digest=action.digest)
    vote = Approval.objects.get()
    vote.authenticated_at = {
        "no proof": None,
        "an old proof": vote.created_at - timedelta(minutes=6),
        "a proof put in afterwards": vote.created_at - timedelta(minutes=1),
    }[change]
    if change != "a proof put in afterwards":
        vote.signature = binding.sign(vote)
    vote.save()
    with fakes() as (connector, _):
        settle()
        assert connector.calls == []
    action.refresh_from_db()
    assert action.status == ActionStatus.PENDING


def test_a_vote_that_was_signed_in_the_first_form_stays_genuine(here: Scene, settings: Any) -> None:
    vote = ApprovalFactory(action=here.ask(), user=here.people.may)
    vote.statement_version = 1
    stated = binding.statement(vote)
    assert "authenticated_at" not in stated
    vote.signature = sign_decision(settings.APPROVAL_SIGNING_KEY, stated, version=1)
    assert binding.is_genuine(vote)
    vote.statement_version = 2
    assert not binding.is_genuine(vote)
