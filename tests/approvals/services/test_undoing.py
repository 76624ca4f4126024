"""An approval taken back while it rests, and more time to decide."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone

from approvals.execution.claiming import claim
from approvals.models import Action, Approval
from approvals.requirement import MAX_EXPIRES_S
from approvals.services import approve, extend, reject, save_policy, undo
from approvals.services.due import expire_due
from approvals.states import ActionStatus
from audit.models import AuditRecord
from gateway.agents.services import principal_of_agent
from gateway.lib.errors import Denied, Refused, StaleState
from tests.desk import at, signed_in, text
from tests.invariants.scene import Scene, fakes, run_out, scene

pytestmark = pytest.mark.django_db
HOLD_S = 30


@pytest.fixture
def here() -> Scene:
    return scene()


def held(here: Scene, verdict: str = "require_approval") -> Action:
    """An action that rests in its hold, by a vote or by a rule alone."""
    rules = [{"name": "rest", "when": "true", "verdict": verdict, "hold_s": HOLD_S}]
    save_policy(here.environment, name="rules", rules=rules, comment="For a test.")
    return here.ask() if verdict == "allow" else here.approved()


def row(action: Action) -> Any:
    return Action.objects.filter(pk=action.pk)


@pytest.mark.parametrize("who", ["may", "second", "admin", "operator"])
def test_an_approver_or_operator_takes_an_approval_back(here: Scene, who: str, settle: Any) -> None:
    action = held(here)
    by = here.people.principal(getattr(here.people, who))
    undone = undo(action=action, by=by, reason="Wrong customer.")

    assert (undone.status, undone.version) == (ActionStatus.PENDING, 2)
    assert undone.digest != action.digest
    assert (undone.due_at, undone.execute_by, undone.approved_at) == (None, None, None)
    assert Approval.objects.get().void_at is not None
    made = undone.versions.get(number=2)
    assert (made.origin, made.made_by, made.comment) == ("undone", by.user, "Wrong customer.")
    assert AuditRecord.objects.filter(action="approvals.action.undone").count() == 1
    with fakes() as (connector, _):
        settle(delayed=True)
        assert connector.calls == []


def test_after_an_undo_the_same_person_may_vote_again_on_the_new_digest_only(here: Scene) -> None:
    action = held(here)
    by = here.people.principal(here.people.may)
    undone = undo(action=action, by=by)
    with pytest.raises(StaleState):
        approve(action=undone, by=by, digest=action.digest)
    again = approve(action=undone, by=by, digest=undone.digest)
    assert again.status == ActionStatus.APPROVED


def test_what_a_rule_allowed_waits_for_people_once_somebody_doubted_it(here: Scene) -> None:
    action = held(here, "allow")
    assert action.status == ActionStatus.APPROVED
    undone = undo(action=action, by=here.people.principal(here.people.may))
    assert undone.status == ActionStatus.PENDING
    assert undone.requirement is not None
    assert undone.requirement["quorum"] == 1


@pytest.mark.parametrize("who", ["may_not", "auditor", "stranger", "owner"])
def test_others_cannot_undo(here: Scene, who: str) -> None:
    action = held(here)
    with pytest.raises(Denied):
        undo(action=action, by=here.people.principal(getattr(here.people, who)))
    with pytest.raises(Denied):
        undo(action=action, by=principal_of_agent(here.agent))
    action.refresh_from_db()
    assert action.status == ActionStatus.APPROVED


def test_nothing_is_undone_once_the_hold_has_ended(here: Scene) -> None:
    action = held(here)
    run_out(row(action), "due_at")
    with pytest.raises(StaleState, match="hold has ended"):
        undo(action=action, by=here.people.principal(here.people.may))


def test_nothing_is_undone_that_a_worker_took_or_that_never_was_approved(here: Scene) -> None:
    action = held(here)
    by = here.people.principal(here.people.may)
    row(action).update(status=ActionStatus.EXECUTING)
    with pytest.raises(StaleState, match="executing"):
        undo(action=action, by=by)
    with pytest.raises(StaleState, match="pending"):
        undo(action=here.ask(), by=by)


def test_a_deadline_moves_and_votes_and_digest_stay(here: Scene) -> None:
    rules = [{"name": "two", "when": "true", "verdict": "require_approval", "quorum": 2}]
    save_policy(here.environment, name="rules", rules=rules, comment="For a test.")
    action = here.approved()
    later = action.decide_by + timedelta(hours=2)
    extended = extend(action=action, by=here.people.principal(here.people.second), decide_by=later)

    assert extended.decide_by == later
    assert (extended.digest, extended.version) == (action.digest, 1)
    assert Approval.objects.get().void_at is None
    assert extended.row_version == action.row_version + 1
    meta = AuditRecord.objects.get(action="approvals.action.extended").body_json["meta"]
    assert meta["decide_by"][1] == later.isoformat()
    done = approve(
        action=extended, by=here.people.principal(here.people.second), digest=action.digest
    )
    assert done.status == ActionStatus.APPROVED


def test_an_extended_action_does_not_expire_at_its_old_deadline(here: Scene) -> None:
    action = here.ask()
    row(action).update(decide_by=timezone.now() + timedelta(seconds=5))
    by = here.people.principal(here.people.may)
    extended = extend(action=action, by=by, decide_by=timezone.now() + timedelta(hours=1))
    assert expire_due() == 0
    assert extended.status == ActionStatus.PENDING


def test_a_deadline_is_bounded_and_only_moves_on(here: Scene) -> None:
    action = here.ask()
    by = here.people.principal(here.people.may)
    too_far = action.created_at + timedelta(seconds=MAX_EXPIRES_S + 1)
    for when, code in ((action.decide_by, "not_later"), (too_far, "too_late")):
        with pytest.raises(Refused) as refused:
            extend(action=action, by=by, decide_by=when)
        assert refused.value.code == code
    latest = action.created_at + timedelta(seconds=MAX_EXPIRES_S)
    assert extend(action=action, by=by, decide_by=latest).decide_by == latest


def test_neither_the_expired_nor_the_decided_get_more_time(here: Scene) -> None:
    action = here.ask()
    by = here.people.principal(here.people.may)
    run_out(row(action), "decide_by")
    later = timezone.now() + timedelta(hours=1)
    with pytest.raises(StaleState, match="time to decide is over"):
        extend(action=action, by=by, decide_by=later)
    other = here.ask()
    reject(action=other, by=by, digest=other.digest, reason="No.")
    with pytest.raises(StaleState, match="rejected"):
        extend(action=other, by=by, decide_by=later)


@pytest.mark.parametrize("who", ["may_not", "operator", "auditor", "stranger"])
def test_who_does_not_decide_gives_no_time(here: Scene, who: str) -> None:
    action = here.ask()
    by = here.people.principal(getattr(here.people, who))
    with pytest.raises(Denied):
        extend(action=action, by=by, decide_by=timezone.now() + timedelta(days=2))


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has no clock of its own")
def test_hold_begins_and_ends_by_the_clock_of_the_database(
    here: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    behind = timezone.now() - timedelta(minutes=10)
    monkeypatch.setattr(timezone, "now", lambda: behind)  # what this machine's clock says
    action = held(here, "allow")
    soon = Now() + timedelta(seconds=HOLD_S / 2)
    assert row(action).filter(due_at__gt=soon, approved_at__lte=Now()).exists()
    # By the clock of a worker that is an hour ahead it is not over either.
    ahead = behind + timedelta(hours=1)
    monkeypatch.setattr(timezone, "now", lambda: ahead)
    assert claim(str(action.pk)) is None
    undone = undo(action=action, by=here.people.principal(here.people.may))
    assert undone.status == ActionStatus.PENDING


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has no clock of its own")
def test_pages_show_the_hold_by_the_clock_that_ends_it(
    here: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    action, browser = held(here), signed_in(here.people.may)
    ahead = timezone.now() + timedelta(seconds=HOLD_S * 2)
    monkeypatch.setattr(timezone, "now", lambda: ahead)  # what this machine's clock says
    page = text(browser.get(at(here.environment, "approvals:detail", action=action.public_id)))
    assert "It rests before it starts" in page
    line = text(browser.get(at(here.environment, "approvals:row", action=action.public_id)))
    assert 'data-until="' in line
