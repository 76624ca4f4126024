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
