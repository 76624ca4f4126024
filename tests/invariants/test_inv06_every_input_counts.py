"""Invariant 6 (T13): whichever of the 16 inputs of a digest changes after the vote, nothing runs.

The changes are made behind the application, by SQL, as somebody with the database would.
"""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest

from approvals.digest import DigestParts
from approvals.models import Action, Approval
from approvals.services import approve
from approvals.states import ActionStatus
from audit.models import AuditRecord
from gateway.connections import services as connections
from gateway.connectors.fake import FakeConnector
from gateway.tenants.models import Environment
from gateway.tools.models import ToolVersion
from gateway.tools.services import save
from tests.factories.runs import RunFactory
from tests.factories.tenants import EnvironmentFactory, TenantFactory
from tests.factories.tools import ToolDefinitionFactory, ToolFactory
from tests.invariants.scene import Scene, fakes, scene

pytestmark = pytest.mark.django_db


@pytest.fixture
def connector():
    with fakes() as (connector, _):
        yield connector


@pytest.fixture
def here() -> Scene:
    made = scene()
    connection = connections.create(made.environment, slug="them", kind="bearer", value="secret")
    save(
        made.environment,
        connection=connection,
        **ToolDefinitionFactory(name="note", config={"before": {"note": "old"}}),
    )
    return made


def _row(**change: Any) -> Callable[[Scene, Action], object]:
    return lambda here, action: Action.objects.filter(pk=action.pk).update(**change)


def _version(**change: Any) -> Callable[[Scene, Action], object]:
    return lambda here, action: ToolVersion.objects.filter(pk=action.tool_version_id).update(
        **change
    )


def _other_action(here: Scene, action: Action) -> None:
    """The vote is moved to an equal action that nobody decided, which is called approved."""
    other = here.ask()
    values = {"approved_at": action.approved_at, "execute_by": action.execute_by}
    Action.objects.filter(pk=other.pk).update(
        status=ActionStatus.APPROVED, due_at=action.due_at, **values
    )
    Approval.objects.filter(action=action).update(action=other, digest=other.digest)


def _other_tenant(here: Scene, action: Action) -> None:
    Environment.objects.filter(pk=here.environment.pk).update(tenant=TenantFactory())


def _other_environment(here: Scene, action: Action) -> None:
    place = EnvironmentFactory(tenant=here.environment.tenant, slug="other")
    Action.objects.filter(pk=action.pk).update(environment=place)


def _other_run(here: Scene, action: Action) -> None:
    run = RunFactory(environment=here.environment, agent=here.agent, provider=here.provider)
    Action.objects.filter(pk=action.pk).update(run_id=run.pk)


def _other_tool(here: Scene, action: Action) -> None:
    ToolVersion.objects.filter(pk=action.tool_version_id).update(
        tool=ToolFactory(environment=here.environment, current=False), number=7
    )


def _other_connection(here: Scene, action: Action) -> None:
    twin = connections.create(here.environment, slug="twin", kind="bearer", value="secret")
    ToolVersion.objects.filter(pk=action.tool_version_id).update(connection=twin)


STOPPED = {
    "approvals.action.denied", "approvals.action.returned_to_review", "approvals.action.redefined",
}  # fmt: skip
CHANGES: dict[str, Callable[[Scene, Action], object]] = {
    "action_id": _other_action,
    "version": _row(version=2),
    "tenant": _other_tenant,
    "environment": _other_environment,
    "run": _other_run,
    "requester": _row(requester_id="agt_somebody_else"),
    "tool": _other_tool,
    "definition_hash": _version(definition_sha256="0" * 64),
    "rendered_request": _row(
        rendered='{"arguments":{"note":"another"},"kind":"fake","operation":"echo"}'
    ),
    "connection": _other_connection,
    "connection_revision": _row(connection_revision=2),
    "target": _row(target=["note:another"]),
    "before_hash": _row(before={"note": "newer"}),
    "risk": _row(risk="low"),
    "requirement_hash": _row(requirement={"reviewers": [], "quorum": 1}),
    "nonce": _row(nonce="0" * 32),
}


def test_every_input_of_the_digest_is_tried() -> None:
    assert set(CHANGES) == {part.name for part in fields(DigestParts)}


def test_unchanged_it_runs(
    here: Scene, connector: FakeConnector, settle: Callable[..., list[Any]]
) -> None:
    action = here.approved()
    settle()
    action.refresh_from_db()
    assert (action.status, len(connector.calls)) == (ActionStatus.SUCCEEDED, 1)


@pytest.mark.parametrize("name", CHANGES)
def test_what_changed_after_the_vote_never_runs(
    here: Scene, connector: FakeConnector, settle: Callable[..., list[Any]], name: str
) -> None:
    action = here.ask()
    approve(action=action, by=here.people.principal(here.people.may), digest=action.digest)
    action.refresh_from_db()
    CHANGES[name](here, action)
    known = set(AuditRecord.objects.values_list("pk", flat=True))
    settle()
    _wake_all(settle)

    assert connector.calls == []
    stopped = Action.objects.exclude(status=ActionStatus.APPROVED)
    assert set(stopped.values_list("status", flat=True)) <= {
        ActionStatus.DENIED,
        ActionStatus.PENDING,
    }
    assert not Action.objects.filter(status=ActionStatus.APPROVED).exists()
    told = AuditRecord.objects.exclude(pk__in=known).values_list("action", flat=True)
    assert STOPPED & set(told)


def _wake_all(settle: Callable[..., list[Any]]) -> None:
    """Everything due is claimed, also where the bell was another row's."""
    from gateway.sweeps import sweep  # noqa: PLC0415 - the roof, once the apps are ready

    sweep()
    settle()
