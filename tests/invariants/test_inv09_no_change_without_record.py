"""Invariant 9: no change without its record, no record without its change, no flood of refusals."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from approvals.services import (
    approve,
    cancel,
    edit,
    extend,
    reject,
    save_policy,
    set_kill_switch,
    undo,
)
from approvals.services.due import expire_due
from audit import services as audit
from audit.models import AuditRecord, RefusalCount
from gateway.agents import services as agents
from gateway.budgets import services as budgets
from gateway.connections import services as connections
from gateway.lib.errors import Denied
from gateway.runs import services as runs
from gateway.tenants import services as tenants
from gateway.tenants.roles import Role
from gateway.tools.services import save
from tests.factories.runs import RunFactory
from tests.factories.tenants import UserFactory
from tests.factories.tools import ToolDefinitionFactory
from tests.factories.webhooks import EventFactory, SourceFactory
from tests.invariants.scene import Scene, run_out, scene
from tests.invariants.stored import everything
from webhooks import services as webhooks
from webhooks.services import NewSecret
from webhooks.states import EventStatus

pytestmark = pytest.mark.django_db
RULES = [{"name": "all", "when": "true", "verdict": "require_approval"}]


class RecordingFailed(Exception):
    """The audit log cannot be written."""


@dataclass(frozen=True)
class Change:
    """One change that a service makes, ready to be made."""

    name: str
    prepare: Callable[[Scene], Callable[[], Any]]


def _pending(here: Scene, decide: Callable[..., Any], **more: Any) -> Callable[[], Any]:
    action, by = here.ask(), here.people.principal(here.people.may)
    return lambda: decide(action=action, by=by, digest=action.digest, **more)


def _undone(here: Scene) -> Callable[[], Any]:
    rules = [{**RULES[0], "hold_s": 60}]
    save_policy(here.environment, name="hold", rules=rules, comment="x")
    action, by = here.approved(), here.people.principal(here.people.second)
    return lambda: undo(action=action, by=by)


def _extended(here: Scene) -> Callable[[], Any]:
    action, by = here.ask(), here.people.principal(here.people.may)
    later = action.decide_by + timedelta(hours=1)
    return lambda: extend(action=action, by=by, decide_by=later)


def _canceled(here: Scene) -> Callable[[], Any]:
    action, by = here.ask(), here.people.principal(here.people.operator)
    return lambda: cancel(action=action, by=by)


def _expired(here: Scene) -> Callable[[], Any]:
    action = here.ask()
    run_out(type(action).objects.all(), "decide_by")
    return expire_due


def _member(here: Scene) -> Callable[[], Any]:
    user, by = UserFactory(), here.people.principal(here.people.admin)
    roles = {here.environment.slug: [Role.VIEWER.value]}
    return lambda: tenants.add_member(here.environment.tenant, user, roles=roles, by=by)


def _replayed(here: Scene) -> Callable[[], Any]:
    event = EventFactory(
        source=SourceFactory(environment=here.environment), status=EventStatus.PROCESSED
    )
    by = here.people.principal(here.people.operator)
    return lambda: webhooks.replay(event=type(event).objects.get(pk=event.pk), by=by)


def _run_canceled(here: Scene) -> Callable[[], Any]:
    run = RunFactory(environment=here.environment)
    by = here.people.principal(here.people.operator)
    return lambda: runs.cancel(run=run, by=by)


def _run_started(here: Scene) -> Callable[[], Any]:
    by = here.people.principal(here.people.operator)
    return lambda: runs.start(
        here.environment, agent=None, provider=here.provider, task="Look.", by=by
    )


def _stopped(here: Scene) -> Callable[[], Any]:
    by = here.people.principal(here.people.operator)
    return lambda: set_kill_switch(
        here.environment, scope="environment", on=True, reason="Looks wrong.", by=by
    )


CHANGES = [
    Change("propose", lambda here: here.ask),
    Change("approve", lambda here: _pending(here, approve)),
    Change("reject", lambda here: _pending(here, reject, reason="No.")),
    Change("edit", lambda here: _pending(here, edit, arguments={"note": "other"})),
    Change("undo", _undone),
    Change("extend", _extended),
    Change("cancel", _canceled),
    Change("expire", _expired),
    Change("use the kill switch", _stopped),
    Change("start a run", _run_started),
    Change("cancel a run", _run_canceled),
    Change("replay an event", _replayed),
    Change("add a member", _member),
    Change("save a tool", lambda here: lambda: save(here.environment, **ToolDefinitionFactory())),
    Change(
        "save a policy",
        lambda here: lambda: save_policy(here.environment, name="new", rules=RULES, comment="x"),
    ),
    Change(
        "create an agent",
        lambda here: lambda: agents.create(here.environment, slug="new", name="New"),
    ),
    Change("change an agent", lambda here: lambda: agents.update(here.agent, is_enabled=False)),
    Change(
        "create a budget",
        lambda here: (
            lambda: budgets.create(
                here.environment,
                scope="environment",
                kind="calls",
                limit=1,
                period="day",
                by=here.people.principal(here.people.admin),
            )
        ),
    ),
    Change(
        "create a key",
        lambda here: lambda: agents.create_api_key(here.environment, name="k", agent=here.agent),
    ),
    Change(
        "create a provider",
        lambda here: (
            lambda: agents.create_provider(
                here.environment,
                slug="p",
                adapter="generic",
                base_url="https://x.example",
                api_key="k",
            )
        ),
    ),
    Change(
        "create a connection",
        lambda here: (
            lambda: connections.create(here.environment, slug="c", kind="bearer", value="v")
        ),
    ),
    Change(
        "create a source",
        lambda here: (
            lambda: webhooks.create_source(
                here.environment, scheme="generic_sha256", secrets=[NewSecret("secret-of-a-source")]
            )
        ),
    ),
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.name)
def test_a_change_and_its_record_are_there_together_or_not_at_all(
    change: Change, monkeypatch: pytest.MonkeyPatch
) -> None:
    do = change.prepare(scene())
    before, records = everything(), AuditRecord.objects.count()

    def broken(*args: Any, **options: Any) -> None:
        raise RecordingFailed

    with monkeypatch.context() as patch:
        patch.setattr(audit, "record", broken)
        patch.setattr(audit, "append", broken)
        with pytest.raises(RecordingFailed):
            do()
    assert everything() == before

    do()
    assert everything() != before
    assert AuditRecord.objects.count() > records


def test_refused_attempts_are_one_record_and_a_count() -> None:
    here = scene()
    action, by = here.ask(), here.people.principal(here.people.may_not)
    before = AuditRecord.objects.count()
    for _ in range(30):
        with pytest.raises(Denied):
            approve(action=action, by=by, digest=action.digest)
    written = AuditRecord.objects.count() - before
    # Two where the clock's minute ends in the middle.
    assert written in {1, 2}
    assert sum(RefusalCount.objects.values_list("count", flat=True)) == 30
