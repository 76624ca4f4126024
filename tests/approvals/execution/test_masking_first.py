"""What is stored of a call is masked before any row is locked for it."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection

from approvals import executor
from approvals.models import Execution
from approvals.redact import has_mask
from gateway.connectors.base import Outcome, Reply
from gateway.connectors.fake import FakeConnector
from tests.invariants.scene import fakes, scene

pytestmark = pytest.mark.django_db


@pytest.fixture
def service() -> Iterator[FakeConnector]:
    with fakes() as (connector, _):
        yield connector


def open_transactions() -> int:
    return len(connection.savepoint_ids)


class Watched(dict[str, Any]):
    """Notes within how many transactions its members are read."""

    def __init__(self, *members: Any, **more: Any) -> None:
        super().__init__(*members, **more)
        self.read_within: list[int] = []

    def items(self) -> Any:
        self.read_within.append(open_transactions())
        return super().items()


def test_what_is_sent_and_answered_is_masked_outside_of_the_transactions(
    service: FakeConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    action = scene(sensitive=["note"]).approved(arguments={"note": "my-account"})
    claimed = executor.claim(str(action.pk))
    assert claimed is not None
    execution, plain, outside = Execution.objects.get(), service.render, open_transactions()
    masking: list[int] = []

    def render(config: Any, operation: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        if has_mask(arguments):
            masking.append(open_transactions())
        return plain(config, operation, arguments)

    monkeypatch.setattr(service, "render", render)
    outcome = executor.call(execution)
    assert isinstance(outcome, Outcome)
    # What the arguments hide was found once, for all that is made of them.
    assert masking == [outside]
    result = Watched(paid="to my-account")
    reply = Reply(200, {"X-Paid": "my-account"}, "to my-account")
    executor.finish(execution, replace(outcome, result=result, response=reply))
    assert masking == [outside]
    assert {*result.read_within} == {outside}
    action.refresh_from_db()
    execution.refresh_from_db()
    mark = execution.request["arguments"]["note"]
    assert action.result == {"paid": f"to {mark}"}
    assert execution.response == {
        "status": 200, "headers": {"X-Paid": mark}, "body": f"to {mark}",
    }  # fmt: skip
