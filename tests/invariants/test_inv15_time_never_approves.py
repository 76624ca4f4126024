"""Invariant 15: an unanswered approval blocks; no configuration makes a time-out approve."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from approvals.models import Action, Approval
from approvals.services import save_policy
from approvals.states import ACTION, ActionStatus
from gateway.connectors.fake import FakeConnector
from gateway.lib.errors import Refused
from gateway.providers.fake import FakeProvider
from tests.factories.approvals import PolicyFactory
from tests.invariants.scene import fakes, run_out, scene, sweep_once

pytestmark = pytest.mark.django_db
DEADLINES = ("decide_by", "execute_by", "due_at")
RULE = {"name": "r", "when": "true", "verdict": "require_approval"}


@pytest.fixture
def faked() -> Iterator[tuple[FakeConnector, FakeProvider]]:
    with fakes() as found:
        yield found


@pytest.mark.parametrize(
    "wish",
    [
        {"expires_in_s": 60},
        {"expires_in_s": 60, "hold_s": 0},
        {"quorum": 2, "expires_in_s": 60},
        {"reviewers": ["group:nobody-is-in-it"]},
        {"reviewers": ["role:reviewer"], "alternatives": [{"reviewers": ["role:admin"]}]},
        {"stages": [{"name": "a"}, {"name": "b", "reviewers": ["role:admin"]}]},
        {"rejections": 2, "step_up": True, "edit_needs_second": True, "exclude_run_starter": True},
        {"remind_at": 0.5, "escalate_at": 0.6, "escalate_to": ["role:admin"]},
        {"reviewers_from": "['role:admin']", "reason": "r"},
    ],
    ids=str,
)
def test_whatever_runs_out_is_refused(
    faked: tuple[FakeConnector, FakeProvider],
    settle: Callable[..., list[Any]],
    wish: dict[str, Any],
) -> None:
    here = scene()
    PolicyFactory(environment=here.environment, rules=[{**RULE, **wish}])
    action = here.ask()
    assert action.status == ActionStatus.PENDING
    for deadline in DEADLINES:
        run_out(Action.objects.filter(**{f"{deadline}__isnull": False}), deadline)
    for _ in range(3):
        sweep_once()
        settle(delayed=True)
    action.refresh_from_db()
    assert action.status == ActionStatus.EXPIRED
    assert faked[0].calls == []
    assert not Approval.objects.exists()


@pytest.mark.parametrize(
    "wish",
    [
        {"on_timeout": "approve"},
        {"default": "allow"},
        {"verdict": "approve_after_timeout"},
        {"escalate_to": ["role:admin"], "escalate_verdict": "approve"},
        {"stages": [{"name": "a", "expires_in_s": 60}]},
        {"stages": [{"name": "a", "quorum": 0}]},
        {"alternatives": [{"quorum": 0}]},
        {"rejections": 0},
        {"quorum": 0},
        {"quorum": -1},
        {"expires_in_s": 0},
        {"expires_in_s": -1},
    ],
)
def test_a_rule_that_would_approve_by_itself_cannot_be_saved(wish: dict[str, Any]) -> None:
    here = scene()
    with pytest.raises(Refused):
        save_policy(here.environment, name="p", comment="c", rules=[{**RULE, **wish}])


def test_no_move_leads_from_expired_anywhere() -> None:
    assert ActionStatus.EXPIRED in ACTION.finals
