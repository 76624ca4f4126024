"""T56: a service that times out, resets, answers 500 after it acted, and talks nonsense.

What may be repeated has one effect each; of what may not, every case that nobody can know is
`unknown`. Nothing is called done that was not, nor undone that was.
"""

import random
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from approvals import executor
from approvals.models import Action
from approvals.states import ActionStatus
from gateway.connectors import registry
from tests.doubles.counting import Counting, Trouble, lines
from tests.faults.scene import TOOLS, Served, served

pytestmark = [pytest.mark.django_db, pytest.mark.once]
SEED = 56
# So many troubles in a row an idempotent call may meet: fewer than it has attempts.
MOST_TROUBLES = 4
DEADLINE_S = 0.25
GOOD = {Trouble.NONE, Trouble.SLOW_AFTER, Trouble.NONSENSE_AFTER}
BAD = [one for one in Trouble if one not in {Trouble.NONE}]


def trouble(key: str, number: int) -> Trouble:
    """Of the first requests with a key two in three go wrong, always the same ones."""
    lot = random.Random(f"{SEED} {key} {number}")
    if number > MOST_TROUBLES or lot.random() < 1 / 3:
        return Trouble.NONE
    return lot.choice(BAD)


def flaky(service: Counting) -> None:
    service.trouble = trouble
    service.silent_s, service.slow_s = 3 * DEADLINE_S, DEADLINE_S / 4


def finish(action: Action) -> None:
    """Execute it as often as it is due, without the waits in between."""
    while True:
        executor.execute(str(action.pk))
        action.refresh_from_db()
        if action.status not in {ActionStatus.APPROVED, ActionStatus.EXECUTING}:
            return
        past = timezone.now() - timedelta(seconds=1)
        Action.objects.filter(pk=action.pk).update(due_at=past)


def account(here: Served, actions: list[Action]) -> Counter[str]:
    """Compare what is said of each action with what the service did; count how they ended."""
    requests: dict[str, list[Trouble]] = {action.public_id: [] for action in actions}
    effects: Counter[str] = Counter()
    for one in lines(here.service.journal):
        requests[one.key].append(Trouble(one.trouble))
        effects[one.key] += one.effect
    for action in actions:
        met, count = requests[action.public_id], effects[action.public_id]
        if action.tool_name == "shout_note":
            assert len(met) <= 1, "never repeated"
        assert count <= 1
        if action.status == ActionStatus.SUCCEEDED:
            assert (count, met[-1] in GOOD) == (1, True), (action, met)
        elif action.status == ActionStatus.FAILED:
            assert count == 0, (action, met)
            assert set(met) <= {Trouble.REFUSED}, (action, met)
        else:
            # On a busy machine also where the service was well, and too late: we cannot know.
            assert action.status == ActionStatus.UNKNOWN
    return Counter(f"{action.tool_name} {action.status}" for action in actions)


def run(here: Served, count: int) -> Counter[str]:
    actions = [here.allowed(list(TOOLS)[number % 2], number) for number in range(count)]
    for action in actions:
        finish(action)
    found = account(here, actions)
    assert found["write_note succeeded"] > count // 4
    assert found["shout_note succeeded"] > count // 8
    assert found["shout_note unknown"] > count // 8
    return found


@pytest.mark.parametrize("count", [100, pytest.param(2000, marks=pytest.mark.long)])
def test_every_ambiguous_case_is_unknown_and_none_is_silent(
    count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(executor, "CALL_DEADLINE_S", DEADLINE_S)
    # The breaker would rightly leave such a service alone for half a minute at a time.
    monkeypatch.setattr(registry, "limits", lambda connector: {"failures": 100})
    with served(tmp_path / "journal", flaky) as here:
        found = run(here, count)
    with capsys.disabled():
        print(f"\nT56 {count}: {dict(sorted(found.items()))}")  # noqa: T201 - this run's figure
