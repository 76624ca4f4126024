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
    ],
)
def test_whatever_runs_out_is_refused(
    faked: tuple[FakeConnector, FakeProvider],
    settle: Callable[..., list[Any]],
    wish: dict[str, Any],
) -> None:
    here = scene()
    save_policy(here.environment, name="p", comment="c", rules=[{**RULE, **wish}])
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
