"""Whatever happens in whatever order, nothing runs but what was allowed or approved at that moment.

A Hypothesis state machine over the real services (`machine.py`), judged by an oracle that shares no
code with the gate (`oracle.py`). A fault that is planted has to be found.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from approvals.execution import claiming, looking
from approvals.services import reading, rechecking, withdrawing
from gateway.connectors.fake import FakeConnector
from gateway.tenants.roles import Role
from tests.factories.tenants import GroupFactory
from tests.invariants.ground import define
from tests.invariants.machine import GateMachine
from tests.invariants.scene import fakes, scene
from tests.people import person

pytestmark = pytest.mark.django_db
QUIET = settings(
    deadline=None, database=None, suppress_health_check=list(HealthCheck), print_blob=True,
    report_multiple_bugs=False,
)  # fmt: skip
HAPPENS = (
    "executions", "approve", "duplicates", "claims refused", "refused own_action",
    "refused stale_state",
)  # fmt: skip
# So seldom that a hundred examples may do without one of them.
SELDOM = (
    "crashes", "edit", "reject", "undo", "cancel", "grants", "grants revoked", "votes for others",
    "break_glass",
)  # fmt: skip


Fault = Callable[[pytest.MonkeyPatch], None]


def votes_are_not_looked_at_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(rechecking, "_people_stand", lambda action: True)


def policy_is_not_asked_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(rechecking, "_policy_agrees", lambda action: True)


def requesters_may_decide(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(reading, "people_behind", lambda action: frozenset())


def kill_switches_stop_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(claiming, "not_stopped", lambda action: None)
    patch.setattr(claiming, "stopping", lambda action: [])


def unsafe_calls_are_repeated(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(looking, "may_repeat", lambda action: True)


def cancelling_leaves_no_record(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(withdrawing.trail, "record", lambda action, what, **said: None)


QUICK: list[Fault] = [
    policy_is_not_asked_again, kill_switches_stop_nothing, cancelling_leaves_no_record,
]  # fmt: skip
SLOW: list[Fault] = [
    votes_are_not_looked_at_again, requesters_may_decide, unsafe_calls_are_repeated,
]  # fmt: skip
FAULTS = [*QUICK, *(pytest.param(fault, marks=pytest.mark.long) for fault in SLOW)]


@pytest.fixture
def connector() -> Iterator[FakeConnector]:
    with fakes() as (connector, _):
        yield connector


@pytest.fixture
def machine(connector: FakeConnector) -> type[GateMachine]:
    """The machine over people and tools that all its examples share."""
    made = scene()
    for tool in ("note", "wire"):
        define(made, tool)
    people = made.people
    group = GroupFactory(tenant=made.environment.tenant, slug="finance")
    group.members.set(people.member(user) for user in (people.may, people.second, people.owner))

    class Gate(GateMachine):
        here, finance = made, group
        third = person(made.environment, Role.REVIEWER)
        seen = Counter()

    Gate.connector = connector
    return Gate


def run(machine: type[GateMachine], *, examples: int, steps: int, **more: Any) -> None:
    wanted = settings(QUIET, max_examples=examples, stateful_step_count=steps, **more)
    run_state_machine_as_test(machine, settings=wanted)


@pytest.mark.parametrize(
    ("examples", "steps"), [(100, 30), pytest.param(2_000, 50, marks=pytest.mark.long)]
)
def test_nothing_runs_but_what_was_let_through_at_that_moment(
    machine: type[GateMachine], examples: int, steps: int
) -> None:
    if examples == 100 and connection.vendor == "postgresql":
        examples = 30  # every statement goes to another process and back
    run(machine, examples=examples, steps=steps, derandomize=True)
    wanted = HAPPENS if examples <= 100 else HAPPENS + SELDOM
    assert all(machine.seen[what] for what in wanted), machine.seen


@pytest.mark.once
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_fault_of_the_gate_is_found(
    machine: type[GateMachine], monkeypatch: pytest.MonkeyPatch, fault: Fault
) -> None:
    fault(monkeypatch)
    with pytest.raises(AssertionError):
        run(machine, examples=300, steps=30, derandomize=True, phases=[Phase.generate])
