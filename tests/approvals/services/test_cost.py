"""What one call costs: the statements of `propose`, those of its transaction included."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.invariants.scene import Scene, scene

pytestmark = pytest.mark.django_db
MOST = 8


@pytest.fixture
def here() -> Scene:
    return scene()


@pytest.mark.parametrize(
    ("tool", "arguments", "status"),
    [
        ("look", {"note": "hello"}, "approved"),
        ("note", {"note": "hello"}, "pending"),
        ("note", {"note": "hello", "bcc": "eve"}, "invalid"),
        ("rm_rf", {"note": "hello"}, "invalid"),
    ],
)
def test_call_costs_at_most_eight_statements(here, tool, arguments, status):
    here.ask("look", arguments={"note": "warm"})
    with CaptureQueriesContext(connection) as caught:
        action = here.ask(tool, arguments=arguments, call_id="c1")
    assert action.status == status
    assert len(statements(caught)) <= MOST, "\n".join(statements(caught))


def statements(caught: CaptureQueriesContext) -> list[str]:
    """What reads or writes; that which opens and closes the transaction does neither."""
    framing = ("SAVEPOINT", "RELEASE", "BEGIN", "COMMIT")
    return [q["sql"][:120] for q in caught if not q["sql"].startswith(framing)]


@pytest.mark.skipif("connection.vendor != 'sqlite'")
def test_what_the_agent_did_before_is_read_from_indexes_alone(here):
    steps = [step for _, _, _, step in plan(here, "EXPLAIN QUERY PLAN")]
    read = [step for step in steps if step.startswith(("SEARCH", "SCAN"))]
    day, ever = (step for step in read if "agents_agent" not in step)
    assert "USING COVERING INDEX action_uses" in day
    assert "USING COVERING INDEX action_first_use" in ever


@pytest.mark.skipif("connection.vendor == 'sqlite'")
def test_whether_a_call_was_let_through_is_read_from_an_index_alone(here):
    with connection.cursor() as cursor:
        # In a table as small as this one all ways cost the same: only this one is left.
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_bitmapscan = off")
        cursor.execute(
            "SELECT indexname FROM pg_indexes WHERE tablename = 'approvals_action' AND indexname "
            "NOT IN ('action_first_use', 'approvals_action_pkey') AND indexname NOT IN "
            "(SELECT conname FROM pg_constraint)"
        )
        for (name,) in cursor.fetchall():
            cursor.execute(f'DROP INDEX "{name}"')
    steps = [step for (step,) in plan(here, "EXPLAIN")]
    assert any("Index Only Scan using action_first_use" in step for step in steps), "\n".join(steps)


def plan(here: Scene, explain: str) -> list[tuple]:
    """How the database reads what the rules see of the agent's earlier calls."""
    with CaptureQueriesContext(connection) as caught:
        here.ask("look", arguments={"note": "hello"})
    (asked,) = (q["sql"] for q in caught if 'AS "same_target_24h"' in q["sql"])
    with connection.cursor() as cursor:
        cursor.execute(f"{explain} {asked}".replace("%", "%%"))
        return cursor.fetchall()
