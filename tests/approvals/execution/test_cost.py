"""What one execution costs: the statements of claim, call and finish, in their transactions."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from approvals import executor
from approvals.models import Action
from approvals.states import ActionStatus
from tests.approvals.services.test_cost import statements
from tests.invariants.scene import fakes, scene

pytestmark = pytest.mark.django_db
# PostgreSQL is asked for its time as well.
MOST = {"claim": 13, "call": 3, "finish": 8}


def test_an_execution_costs_at_most_twenty_four_statements() -> None:
    """It was 34 before related rows stayed with a row that was moved."""
    here = scene()
    here.approved()
    action = here.approved(arguments={"note": "b"})
    with fakes():
        with CaptureQueriesContext(connection) as claiming:
            execution = executor.claim(str(action.pk))
        assert execution is not None
        with CaptureQueriesContext(connection) as calling:
            outcome = executor.call(execution)
        with CaptureQueriesContext(connection) as finishing:
            executor.finish(execution, outcome)
    assert Action.objects.get(pk=action.pk).status == ActionStatus.SUCCEEDED
    counted = {"claim": claiming, "call": calling, "finish": finishing}
    for name, caught in counted.items():
        assert len(statements(caught)) <= MOST[name], name + "\n" + "\n".join(statements(caught))
