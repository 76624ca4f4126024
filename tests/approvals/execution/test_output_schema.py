"""A result that is not what the tool promises happened all the same: kept, marked, told."""

from collections.abc import Iterator

import pytest

from approvals import executor
from approvals.states import ActionStatus
from gateway.connectors.fake import FakeConnector
from gateway.runs.services.following import _answer
from tests.invariants.scene import fakes, scene

pytestmark = pytest.mark.django_db
PROMISED = {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}
KEPT = {"type": "object", "properties": {"note": {"type": "string"}}, "required": ["note"]}


@pytest.fixture
def service() -> Iterator[FakeConnector]:
    with fakes() as (connector, _):
        yield connector


def test_a_result_that_does_not_match_is_kept_marked_and_never_asked_for_again(
    service: FakeConnector,
) -> None:
    action = scene(output_schema=PROMISED).approved()
    for _ in range(3):
        executor.execute(str(action.pk))
    action.refresh_from_db()
    assert (action.status, action.result) == (ActionStatus.SUCCEEDED, {"note": "hello"})
    assert "id" in action.result_mismatch
    assert "hello" not in action.result_mismatch
    assert len(service.calls) == 1
    told = _answer(action)
    assert told == {"result": {"note": "hello"}, "result_mismatch": action.result_mismatch}


@pytest.mark.parametrize("promised", [None, KEPT])
def test_a_result_that_is_what_was_promised_is_not_marked(
    service: FakeConnector, promised: dict[str, object] | None
) -> None:
    action = scene(output_schema=promised).approved()
    executor.execute(str(action.pk))
    action.refresh_from_db()
    assert action.result_mismatch == ""
    assert "result_mismatch" not in _answer(action)
