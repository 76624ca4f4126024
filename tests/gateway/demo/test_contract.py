"""The gateway's generic provider and the demo's agent understand each other."""

from pathlib import Path

import pytest

from gateway.demo.store import Store
from gateway.http.client import client
from gateway.http.errors import OutsideError
from gateway.providers.base import ProviderRequest, RunStatus, StartRequest, ToolAnswer, ToolError
from gateway.providers.generic import GenericProvider
from tests.demo_server import API_KEY, demo

PROVIDER = GenericProvider()
CALLS = ("lookup_customer", "create_support_ticket", "send_email", "refund")
REFUSAL = ToolError("rejected", "Not today.")


def request_to(url: str, key: str, *, api_key: str = API_KEY) -> ProviderRequest:
    door = client(allow=[url.removeprefix("http://")])
    return ProviderRequest(door, url, api_key, "cor_1", key)


def test_a_run_goes_from_start_to_its_end_in_the_providers_words(tmp_path: Path) -> None:
    with demo(tmp_path) as url:
        started = PROVIDER.start(request_to(url, "k"), StartRequest("run_1", "support_reply"))
        assert started.status is RunStatus.RUNNING
        for number, tool in enumerate(CALLS, start=1):
            call_id = f"call_{number}_{tool}"
            answer = ToolAnswer(call_id, {"orders": ["ORD-1043"]})
            if tool == "refund":
                answer = ToolAnswer(call_id, error=REFUSAL)
            # Twice, as after a lost acknowledgement: the second changes nothing.
            for _ in range(2):
                PROVIDER.submit_result(request_to(url, call_id), started.run_id, answer)
        PROVIDER.cancel(request_to(url, "late"), started.run_id)
    with Store(tmp_path).transaction() as documents:
        sent = [PROVIDER.parse(one["body"].encode()) for one in documents.all("webhook")]
    updates = [update for update in sent if update is not None]
    assert [update.sequence for update in updates] == [1, 2, 3, 4, 5, 6]
    assert [update.status for update in updates] == [
        RunStatus.RUNNING,
        *[RunStatus.TOOL_REQUIRED] * 4,
        RunStatus.COMPLETED,
    ]
    assert tuple(call.name for update in updates for call in update.calls) == CALLS
    assert "Not today." in updates[-1].output["summary"]
    assert updates[-1].usage is not None
    assert updates[-1].usage.cost_micro_usd == 17_000


def test_a_failing_start_is_worth_another_try(tmp_path: Path) -> None:
    with demo(tmp_path) as url, pytest.raises(OutsideError) as caught:
        PROVIDER.start(request_to(url, "k"), StartRequest("run_1", "support_reply failing"))
    assert (caught.value.status, caught.value.permanent) == (500, False)


def test_a_wrong_key_is_final(tmp_path: Path) -> None:
    with demo(tmp_path) as url, pytest.raises(OutsideError) as caught:
        PROVIDER.start(request_to(url, "k", api_key="guess"), StartRequest("run_1", "support"))
    assert (caught.value.status, caught.value.permanent) == (401, True)
