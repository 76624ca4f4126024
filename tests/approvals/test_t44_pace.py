"""T44: an agent's pace of calls is its own, by whichever key and however the address is written."""

from collections import Counter as Counted
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from approvals.models import Action
from approvals.states import ActionStatus
from gateway.budgets.models import Counter
from tests.callers import Caller, key_for
from tests.factories.budgets import BudgetFactory
from tests.invariants.scene import Scene, scene

pytestmark = pytest.mark.django_db(transaction=True)
LIMIT, ASKED, KEYS = 10, 48, 4
PATHS = [
    "actions", "actions/", "/actions", "actions//", "ACTIONS", "%61ctions", "./actions",
    "actions?page=2",
]  # fmt: skip
TOOLS = ["look", "LOOK", "look ", "look\t", "\uff4cook", "lo\u200bok", "look\x00"]


@pytest.fixture
def here() -> Scene:
    return scene()


def keys(here: Scene) -> list[Caller]:
    """Keys of one agent."""
    return [key_for(here.agent) for _ in range(KEYS)]


def ask(machine: Caller, n: int, *, path: str = "actions", tool: str = "look") -> int:
    """One call, said to come from another place each time; the status of the answer."""
    wish = {"tool": tool, "arguments": {"note": f"number {n}"}, "tags": {"user_id": f"u{n}"}}
    headers = {
        "X-Forwarded-For": f"198.51.100.{n}", "X-Real-IP": f"2001:db8::{n:x}",
        "Host": f"testserver:{n + 1}",
    }  # fmt: skip
    return int(machine.post(path, wish, **headers).status_code)


def assert_held() -> None:
    """No minute let more than the limit pass; a test may see the clock's minute end."""
    taken = [row.used + row.reserved for row in Counter.objects.all()]
    passed = Action.objects.exclude(status=ActionStatus.DENIED).exclude(status=ActionStatus.INVALID)
    assert taken
    assert max(taken) <= LIMIT, taken
    assert LIMIT <= passed.count() <= sum(taken)
    refused = Action.objects.filter(status=ActionStatus.DENIED)
    assert set(refused.values_list("code", flat=True)) == {"rate_limited"}


def limited(here: Scene, kind: str) -> None:
    """Ten calls a minute, in one of the ways in which that can be said."""
    if kind == "cap":
        here.agent.caps = {"calls_per_minute": LIMIT}
        here.agent.save()
    else:
        name = {"agent": f"agent:{here.agent.slug}", "tool": "tool:look"}.get(kind, kind)
        scope, _, value = name.partition(":")
        BudgetFactory(
            environment=here.environment, scope=scope, value=value, period="minute", limit=LIMIT
        )


KINDS = ["cap", "agent", "tool", "environment", "tenant"]


@pytest.mark.parametrize("kind", KINDS)
def test_many_keys_and_spellings_of_the_address_give_no_more_calls(here: Scene, kind: str) -> None:
    limited(here, kind)
    machines = keys(here)
    statuses = Counted(
        ask(machines[n % KEYS], n, path=PATHS[n // KEYS % len(PATHS)]) for n in range(ASKED)
    )
    assert statuses[201] > LIMIT, statuses
    assert_held()


@pytest.mark.parametrize("kind", KINDS)
def test_calls_at_the_same_time_take_no_more(here: Scene, kind: str) -> None:
    limited(here, kind)
    machines = keys(here)

    def one(n: int) -> int:
        try:
            return ask(machines[n % KEYS], n)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(KEYS) as pool:
        statuses = Counted(pool.map(one, range(3 * LIMIT)))
    assert statuses == {201: 3 * LIMIT}
    assert_held()


def test_another_spelling_of_a_tools_name_runs_no_tool(here: Scene) -> None:
    limited(here, "tool")
    machine = key_for(here.agent)
    for n in range(LIMIT):
        ask(machine, n)
    for n, tool in enumerate(TOOLS * 3, start=LIMIT):
        ask(machine, n, tool=tool)
    ran = Action.objects.filter(status__in=[ActionStatus.APPROVED, ActionStatus.PENDING])
    assert set(ran.values_list("tool_name", flat=True)) == {"look"}
    assert ran.count() <= sum(row.used + row.reserved for row in Counter.objects.all())
