"""The target is read again before anything is sent: what moved since the decision runs nothing."""

from collections.abc import Iterator
from typing import Any

import pytest

from approvals import executor
from approvals.execution import looking
from approvals.execution.finishing import MAX_LOOKS
from approvals.models import Action, ActionVersion
from approvals.services import approve, save_policy
from approvals.states import ActionStatus, ExecutionStatus
from audit.models import AuditRecord
from gateway.connectors.fake import FakeConnector
from gateway.http.errors import OutsideError
from tests.approvals.execution.test_looking_up import killed, work
from tests.invariants.scene import Scene, fakes, run_out, scene

pytestmark = pytest.mark.django_db
ORDER = {"total": "120.00", "refunded": "0.00", "updated_at": "09:00"}
ALLOW = [{"name": "free", "when": "true", "verdict": "allow"}]


@pytest.fixture
def service() -> Iterator[FakeConnector]:
    with fakes() as (connector, _):
        yield connector


def order(**tool: Any) -> Scene:
    """A tool that reads an order before it writes a note to it."""
    return scene(**{"config": {"before": ORDER}, "material": ["total", "refunded"]} | tool)


def test_a_material_change_since_the_approval_runs_nothing_and_asks_again(
    service: FakeConnector,
) -> None:
    action = order().approved()
    old = action.digest
    service.world["refunded"] = "120.00"
    assert work(action).status == ActionStatus.PENDING
    assert service.calls == []
    assert action.before["refunded"] == "120.00"
    assert action.digest != old
    assert not action.approvals.filter(void_at=None).exists()
    assert (action.code, action.version) == ("target_drifted", 2)
    assert "refunded" in action.reason
    assert action.versions.last().origin == ActionVersion.Origin.DRIFTED
    assert action.executions.get().status == ExecutionStatus.RELEASED
    assert AuditRecord.objects.filter(
        action="approvals.action.target_drifted", target_id=action.public_id
    ).exists()


def test_an_immaterial_change_runs(service: FakeConnector) -> None:
    action = order().approved()
    service.world["updated_at"] = "10:00"
    assert work(action).status == ActionStatus.SUCCEEDED
    assert len(service.calls) == 1


def test_without_named_paths_every_change_is_material(service: FakeConnector) -> None:
    action = order(material=[]).approved()
    service.world["updated_at"] = "10:00"
    assert work(action).status == ActionStatus.PENDING


def test_what_people_approve_of_the_new_state_runs(service: FakeConnector) -> None:
    here = order()
    action = here.approved()
    service.world["total"] = "90.00"
    work(action)
    person = here.people.principal(here.people.second)
    approve(action=action, by=person, digest=action.digest)
    assert work(action).status == ActionStatus.SUCCEEDED
    assert (action.code, action.reason) == ("", "")
    assert len(service.calls) == 1


def test_what_rules_allowed_is_judged_again_by_them(service: FakeConnector) -> None:
    here = order()
    save_policy(here.environment, name="p", rules=ALLOW, comment="test")
    action = here.ask()
    service.world["total"] = "90.00"
    work(action)
    assert (action.status, action.version) == (ActionStatus.APPROVED, 2)
    assert service.calls == []
    assert work(action).status == ActionStatus.SUCCEEDED
    assert action.before["total"] == "90.00"


def test_a_state_that_cannot_be_read_again_runs_nothing_and_goes_to_people_within_a_bound(
    service: FakeConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    action = order().approved()

    def away(request: Any) -> None:
        raise OutsideError("connect_failed", False, False, detail="The service is away.")

    monkeypatch.setattr(service, "preview", away)
    work(action)
    assert (action.status, action.code) == (ActionStatus.APPROVED, "state_unreadable")
    assert "away" in action.reason
    work(action, times=MAX_LOOKS)
    assert (action.status, action.code) == (ActionStatus.PENDING, "state_unreadable")
    assert "away" in action.preview_error
    assert not action.approvals.filter(void_at=None).exists()
    assert service.calls == []


def test_what_people_approve_unread_runs_without_a_second_look(
    service: FakeConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = order()
    action = here.approved()

    def away(request: Any) -> None:
        raise OutsideError("connect_failed", False, False, detail="The service is away.")

    monkeypatch.setattr(service, "preview", away)
    work(action, times=MAX_LOOKS)
    assert (action.status, action.previewed_at) == (ActionStatus.PENDING, None)
    person = here.people.principal(here.people.second)
    approve(action=action, by=person, digest=action.digest)
    assert work(action).status == ActionStatus.SUCCEEDED
    assert len(service.calls) == 1


def test_a_new_version_has_all_its_tries(service: FakeConnector) -> None:
    action = order().approved()
    service.world["refunded"] = "1.00"
    work(action)
    assert (action.version, action.attempts, action.turns) == (2, 1, 1)


@pytest.mark.parametrize("reason", ["no_token", "target_taken"])
def test_what_only_has_to_wait_asks_nobody_however_often(
    service: FakeConnector, monkeypatch: pytest.MonkeyPatch, reason: Any
) -> None:
    action = order().approved()
    held = looking.NotSent(reason, "Not now.")
    for _ in range(MAX_LOOKS + 1):
        run_out(Action.objects.filter(pk=action.pk), "due_at")
        execution = executor.claim(str(action.pk))
        assert execution is not None
        executor.finish(execution, held)
    action.refresh_from_db()
    assert (action.status, action.code) == (ActionStatus.APPROVED, reason)
    assert action.approvals.filter(void_at=None).exists()
    # Nothing of that was a try: one state that cannot be read now is the first.
    monkeypatch.setattr(service, "preview", lambda request: 1 / 0)
    assert work(action).code == "state_unreadable"
    assert (action.status, action.attempts - action.turns) == (ActionStatus.APPROVED, 1)


OVER = {
    "operation": "overwrite", "retry_class": "idempotent", "material": ["note", "total"],
    "config": {"before": {"note": "old", "total": "1"}},
}  # fmt: skip


def overwritten(service: FakeConnector, **meanwhile: str) -> Action:
    """An approved change that was made and not answered, and what others did before the next."""
    action = order(**OVER).approved(arguments={"note": "new"})
    work(action)
    assert (action.status, len(service.calls)) == (ActionStatus.EXECUTING, 1)
    service.world |= meanwhile
    return work(action)


def test_a_call_without_a_key_is_repeated_where_all_is_as_wanted(service: FakeConnector) -> None:
    assert overwritten(service).status == ActionStatus.EXECUTING
    assert len(service.calls) == 2


def test_a_call_without_a_key_is_repeated_where_nothing_happened(service: FakeConnector) -> None:
    assert overwritten(service, note="old").status == ActionStatus.EXECUTING
    assert len(service.calls) == 2


def test_what_is_wanted_is_all_of_it_and_not_only_what_must_not_move(
    service: FakeConnector,
) -> None:
    action = order(**{**OVER, "material": ["total"]}).approved(arguments={"note": "new"})
    work(action)
    service.world |= {"note": "by Ana", "total": "2"}
    assert work(action).status == ActionStatus.UNKNOWN
    assert len(service.calls) == 1


def test_a_call_without_a_key_is_not_put_over_what_others_changed_since(
    service: FakeConnector,
) -> None:
    action = overwritten(service, note="by Ana")
    assert (action.status, action.code) == (ActionStatus.UNKNOWN, "lookup_moved_since")
    assert "note" in action.reason
    assert (len(service.calls), service.world["note"]) == (1, "by Ana")


def test_a_bug_of_the_preview_runs_nothing(
    service: FakeConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    action = order().approved()
    monkeypatch.setattr(service, "preview", lambda request: 1 / 0)
    assert work(action).code == "state_unreadable"
    assert service.calls == []


def test_a_repetition_is_not_held_up_by_what_its_first_attempt_may_have_moved(
    service: FakeConnector,
) -> None:
    action = order(operation="lose", retry_class="idempotent").approved()
    work(action)
    service.world["refunded"] = "120.00"
    work(action)
    assert len(service.calls) == 2
    assert len(service.effects) == 1


def test_a_lost_worker_that_had_sent_nothing_does_not_save_the_second_look(
    service: FakeConnector,
) -> None:
    action = order().approved()
    assert executor.claim(str(action.pk)) is not None
    run_out(Action.objects.filter(pk=action.pk), "lease_until")
    service.world["refunded"] = "1.00"
    assert work(action).status == ActionStatus.PENDING
    assert service.calls == []


def test_a_killed_attempt_that_was_sent_is_looked_up_whatever_moved(
    service: FakeConnector,
) -> None:
    action = order(retry_class="unsafe").approved()
    killed(action, calls=True)
    service.world["refunded"] = "120.00"
    assert work(action).status == ActionStatus.SUCCEEDED
    assert len(service.calls) == 1
