"""What a service said is committed also where the database was away when it was said."""

from collections.abc import Iterator

import psycopg
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from approvals import executor
from approvals.models import Execution
from approvals.services import targets
from approvals.states import ActionStatus, ExecutionStatus
from gateway.connectors.base import ConnectorRequest, Outcome
from gateway.connectors.fake import FakeConnector
from tests.factories.tools import TEXT, strict
from tests.invariants.scene import fakes, scene

pytestmark = pytest.mark.skipif(
    "connection.vendor == 'sqlite'", reason="SQLite has no session that could be ended"
)


@pytest.fixture
def service() -> Iterator[FakeConnector]:
    with fakes() as (connector, _):
        yield connector


@pytest.mark.django_db(transaction=True)
def test_an_answer_outlives_the_database_session_of_its_worker(
    service: FakeConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    action = scene(retry_class="unsafe").approved()
    plain = service.execute

    def execute(request: ConnectorRequest) -> Outcome:
        end_this_session()
        return plain(request)

    monkeypatch.setattr(service, "execute", execute)
    executor.execute(str(action.pk))
    action.refresh_from_db()
    assert (action.status, len(service.calls)) == (ActionStatus.SUCCEEDED, 1)
    assert Execution.objects.get().status == ExecutionStatus.SUCCEEDED


def end_this_session() -> None:
    """As the server does at its own end: whoever used the session is told with the next word."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        ((number,),) = cursor.fetchall()
    settings = connection.get_connection_params()
    known = {name: settings[name] for name in ("dbname", "host", "port", "user", "password")
             if settings.get(name)}  # fmt: skip
    with psycopg.connect(**known, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [number])


@pytest.mark.django_db
def test_the_end_of_an_attempt_locks_its_targets_in_the_order_of_claims(
    service: FakeConnector,
) -> None:
    here = scene(
        affected='["order:" + args.a, "order:" + args.b]', input_schema=strict(a=TEXT, b=TEXT),
        effect="Merge {{ a }} into {{ b }}",
    )  # fmt: skip
    action = here.approved(arguments={"a": "1", "b": "2"})
    execution = executor.claim(str(action.pk))
    assert execution is not None
    with CaptureQueriesContext(connection) as caught:
        targets.release(execution.action)
    first, second = (query["sql"] for query in caught)
    assert 'ORDER BY "approvals_targetlock"."key"' in first
    assert "FOR UPDATE" in first
    assert second.startswith("UPDATE")
