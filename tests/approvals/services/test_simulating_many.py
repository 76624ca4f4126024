"""Ten thousand actions against a draft: inside the budget of time and memory."""

import sys
import time
import tracemalloc

import pytest

from approvals.models import Action
from approvals.policy.comparing import Change
from approvals.services.simulating import MAX_ACTIONS, MAX_LISTED, Draft, replay
from tests.factories.approvals import ActionFactory

pytestmark = [pytest.mark.django_db, pytest.mark.long]
MAX_SECONDS = 60
MAX_MEGABYTES = 32
# Watching memory makes everything slow: so many chunks show that none is kept.
MAX_TRACED = 1000
FACTS = {
    "args": {"amount": 5, "note": "x" * 500},
    "tool": {"name": "refund", "side_effect": "write", "risk": "medium"},
    "agent": {"slug": "a"}, "time": {"hour": 12},
}  # fmt: skip


def test_ten_thousand_actions_hold_neither_memory_nor_the_caller(capsys):
    first = ActionFactory(facts=FACTS)
    columns = {f.attname: getattr(first, f.attname) for f in Action._meta.fields if f.name != "id"}
    Action.objects.bulk_create(
        [Action(**columns | {"call_id": f"c{n}"}) for n in range(MAX_ACTIONS + 500)],
        batch_size=500,
    )
    rules = [
        {"name": f"r{n}", "when": f"args.amount > {n + 10}", "verdict": "deny"} for n in range(49)
    ]
    draft = Draft([*rules, {"name": "last", "when": "args.amount == 5", "verdict": "deny"}])
    began = time.monotonic()
    found = replay(first.environment, days=1, draft=draft, seconds=MAX_SECONDS)
    seconds = time.monotonic() - began
    tracemalloc.start()
    replay(first.environment, days=1, draft=draft, limit=MAX_TRACED, seconds=MAX_SECONDS)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    told = f"\n{found.examined} actions, 50 rules: {seconds:.1f} s, {peak / 1e6:.1f} MB peak\n"
    with capsys.disabled():
        sys.stdout.write(told)
    assert found.examined == MAX_ACTIONS == found.counts[Change.DENIED]
    assert len(found.listed[Change.DENIED]) == MAX_LISTED
    assert "Only the newest" in found.note
    assert peak < MAX_MEGABYTES * 1_000_000
