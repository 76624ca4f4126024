"""Invariant 6 (T19): a vote that somebody wrote into the database is none.

Whoever owns the tables can call an action approved and add a row of votes. The worker holds only
the key that verifies, so it refuses: 20 forgeries of 20. (That the runtime's role may not even
write such a row is the other half: `tests/audit`.)
"""

import secrets
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from approvals.digest import sign_decision
from approvals.models import Action, Approval
from approvals.services import binding
from approvals.states import ActionStatus
from audit.models import AuditRecord
from gateway.connectors.fake import FakeConnector
from gateway.lib import ids
from tests.factories.approvals import ApprovalFactory
from tests.invariants.scene import Scene, fakes, scene

pytestmark = pytest.mark.django_db
OTHER_KEY = secrets.token_hex(32)
SIGNED = ("approval", "action", "version", "digest", "user", "decision")


@pytest.fixture
def connector() -> Iterator[FakeConnector]:
    with fakes() as (connector, _):
        yield connector


@pytest.fixture
def here() -> Scene:
    return scene()


def vote_of(here: Scene, action: Action, **more: Any) -> Approval:
    """A vote that was never cast, unsigned."""
    return Approval(
        action=action, action_version=action.version, digest=action.digest, decision="approve",
        **{"user": here.people.may, **more},
    )  # fmt: skip


def borrowed(here: Scene, action: Action) -> str:
    """A genuine signature, of a vote on an action that asks for the same."""
    return ApprovalFactory(action=here.ask(), user=here.people.may).signature


def about(part: str) -> Callable[[Scene, Action], str]:
    """The signing key's signature over the vote, but for one part."""

    def signature(here: Scene, action: Action) -> str:
        vote = vote_of(here, action, id=ids.new_id())
        claimed = {**binding.statement(vote), part: "something else"}
        return sign_decision(_seed(), claimed)

    return signature


def _seed() -> str:
    from django.conf import settings  # noqa: PLC0415 - read when the test runs

    return str(settings.APPROVAL_SIGNING_KEY)


def by_another_key(here: Scene, action: Action) -> str:
    return sign_decision(OTHER_KEY, binding.statement(vote_of(here, action)))


def cut_short(here: Scene, action: Action) -> str:
    return borrowed(here, action)[:-2]


def turned(here: Scene, action: Action) -> str:
    found = borrowed(here, action)
    return found[64:] + found[:64]


FORGERIES: list[Callable[[Scene, Action], str]] = [
    borrowed, by_another_key, cut_short, turned, *(about(part) for part in SIGNED),
    *(lambda _here, _action, text=text: text for text in (
        "", " ", "0" * 128, "f" * 128, "00", "null", "None", "true", "ed25519:00", "\x00" * 64,
    )),
]  # fmt: skip


def test_there_are_twenty_forgeries() -> None:
    assert len(FORGERIES) == 20


@pytest.mark.parametrize("number", range(20))
def test_forged_vote_executes_nothing(
    here: Scene, connector: FakeConnector, settle: Callable[..., list[Any]], number: int
) -> None:
    action = here.ask()
    vote = vote_of(here, action)
    vote.signature = FORGERIES[number](here, action).replace("\x00", "0")
    vote.save(force_insert=True)
    now = timezone.now()
    Action.objects.filter(pk=action.pk).update(
        status=ActionStatus.APPROVED, approved_at=now, due_at=now, announce_due_at=now,
        execute_by=now + timedelta(hours=1),
    )  # fmt: skip
    from approvals import executor  # noqa: PLC0415 - needs the apps to be ready

    executor.execute(str(action.pk))
    settle()
    action.refresh_from_db()
    assert connector.calls == []
    assert (action.status, action.version) == (ActionStatus.PENDING, 2)
    assert AuditRecord.objects.filter(action="approvals.action.returned_to_review").exists()


def test_genuine_vote_of_the_same_shape_executes(
    here: Scene, connector: FakeConnector, settle: Callable[..., list[Any]]
) -> None:
    action = here.approved()
    settle()
    action.refresh_from_db()
    assert (action.status, len(connector.calls)) == (ActionStatus.SUCCEEDED, 1)
