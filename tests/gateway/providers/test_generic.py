"""The generic provider: what goes out is the contract's, what comes in is read with care."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest

from gateway.http.client import client
from gateway.http.errors import OutsideError
from gateway.lib.strictjson import Marked
from gateway.providers.base import (
    ProviderRequest,
    RunStatus,
    StartRequest,
    ToolAnswer,
    ToolError,
    Unparsable,
    Usage,
)
from gateway.providers.generic import GenericProvider

PROVIDER = GenericProvider()
START = StartRequest("run_1", "support_reply", {"max_steps": 5}, {"user_id": "u1"}, "https://c/x")


def request_to(peer: Any) -> ProviderRequest:
    return ProviderRequest(
        client=client(allow=[peer.host_port]),
        base_url=f"{peer.url}/base/",
        api_key="agent-key",
        correlation_id="cor_1",
        idempotency_key="idem-1",
    )


def sent(peer: Any) -> tuple[str, dict[str, str], Any]:
    """First line, headers and JSON body of what arrived."""
    head, _, body = peer.requests[-1].partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    return first, dict(line.split(": ", 1) for line in lines), json.loads(body)


def parse(**body: Any) -> Any:
    return PROVIDER.parse(json.dumps(body).encode())


def test_start_sends_the_contract_and_reads_the_run(
    peer: Any, answering: Callable[..., Any]
) -> None:
    peer.scripts = [answering(202, body=b'{"run_id":"r-9","status":"running"}')]
    update = PROVIDER.start(request_to(peer), START)
    first, headers, body = sent(peer)
    assert first == "POST /base/v1/runs HTTP/1.1"
    assert headers["Authorization"] == "Bearer agent-key"
    assert headers["Idempotency-Key"] == "idem-1"
    assert headers["X-Correlation-ID"] == "cor_1"
    assert body == {
        "client_run_id": "run_1",
        "task": "support_reply",
        "constraints": {"max_steps": 5},
        "tags": {"user_id": "u1"},
        "callback_url": "https://c/x",
    }
    assert (update.run_id, update.status) == ("r-9", RunStatus.RUNNING)


def test_a_result_and_an_error_go_to_the_tool_call(
    peer: Any, answering: Callable[..., Any]
) -> None:
    peer.scripts = [answering(200)]
    PROVIDER.submit_result(request_to(peer), "r/9", ToolAnswer("call_1", {"ok": True}))
    first, _, body = sent(peer)
    assert first == "POST /base/v1/runs/r%2F9/tools/resolve HTTP/1.1"
    assert body == {"tool_call_id": "call_1", "result": {"ok": True}}
    refusal = ToolAnswer("call_1", error=ToolError("rejected", "Too much.", retryable=False))
    PROVIDER.submit_result(request_to(peer), "r-9", refusal)
    assert sent(peer)[2] == {
        "tool_call_id": "call_1",
        "error": {"code": "rejected", "message": "Too much.", "retryable": False},
    }


def test_a_result_of_nothing_is_still_a_result(peer: Any, answering: Callable[..., Any]) -> None:
    peer.scripts = [answering(200)]
    PROVIDER.submit_result(request_to(peer), "r-9", ToolAnswer("call_1"))
    assert sent(peer)[2] == {"tool_call_id": "call_1", "result": None}


def test_arguments_that_a_reviewer_changed_go_with_the_result(
    peer: Any, answering: Callable[..., Any]
) -> None:
    peer.scripts = [answering(200)]
    answer = ToolAnswer("call_1", {"ok": True}, effective_arguments={"amount": "20.00"})
    PROVIDER.submit_result(request_to(peer), "r-9", answer)
    assert sent(peer)[2] == {
        "tool_call_id": "call_1",
        "result": {"ok": True},
        "arguments_changed": True,
        "effective_arguments": {"amount": "20.00"},
    }


def test_cancel_names_the_run(peer: Any, answering: Callable[..., Any]) -> None:
    peer.scripts = [answering(200)]
    PROVIDER.cancel(request_to(peer), "r-9")
    assert sent(peer)[0] == "POST /base/v1/runs/r-9/cancel HTTP/1.1"


@pytest.mark.parametrize(
    ("status", "permanent", "may_have_happened"),
    [
        (400, True, False),
        (401, True, False),
        (404, True, False),
        (408, False, False),
        (409, True, False),
        (429, False, False),
        (500, False, True),
        (503, False, True),
        (302, True, False),
    ],
)
def test_each_status_says_whether_to_come_back(
    peer: Any,
    answering: Callable[..., Any],
    status: int,
    permanent: bool,
    may_have_happened: bool,
) -> None:
    peer.scripts = [answering(status, "Retry-After: 9")]
    with pytest.raises(OutsideError) as caught:
        PROVIDER.start(request_to(peer), START)
    error = caught.value
    assert (error.reason, error.status, error.retry_after) == (f"http_{status}", status, 9.0)
    assert (error.permanent, error.may_have_happened) == (permanent, may_have_happened)
    assert peer.accepted == 1


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"{}", b'{"run_id":""}', b'{"run_id":7}', b'{"a":1,"a":1}']
)
def test_an_accepted_start_without_a_run_is_a_final_error(
    peer: Any, answering: Callable[..., Any], body: bytes
) -> None:
    peer.scripts = [answering(200, body=body)]
    with pytest.raises(OutsideError) as caught:
        PROVIDER.start(request_to(peer), START)
    assert (caught.value.reason, caught.value.permanent) == ("bad_answer", True)


@pytest.mark.parametrize(
    ("event", "status"),
    [
        ("run.started", RunStatus.RUNNING),
        ("run.progress", RunStatus.RUNNING),
        ("run.waiting_approval", RunStatus.WAITING_APPROVAL),
        ("run.completed", RunStatus.COMPLETED),
        ("run.failed", RunStatus.FAILED),
        ("run.canceled", RunStatus.CANCELED),
    ],
)
def test_each_event_of_the_contract_has_its_state(event: str, status: RunStatus) -> None:
    update = parse(event=event, run_id="r-9")
    assert (update.run_id, update.status, update.event, update.calls) == ("r-9", status, event, ())


@pytest.mark.parametrize("event", ["run.heartbeat", "ping", "RUN.STARTED", ""])
def test_an_unknown_event_means_nothing(event: str) -> None:
    assert parse(event=event, run_id="r-9") is None


def test_every_field_of_an_event_is_read() -> None:
    update = parse(
        event="run.completed",
        run_id="r-9",
        sequence=4,
        occurred_at="2026-11-20T12:00:00.5+00:00",
        output={"summary": "done"},
        usage={
            "model": "m",
            "input_tokens": 10,
            "output_tokens": 2,
            "cost_usd": "0.0034",
            "steps": 3,
        },
    )
    assert update.sequence == 4
    assert update.occurred_at == datetime(2026, 11, 20, 12, 0, 0, 500_000, tzinfo=UTC)
    assert update.output == {"summary": "done"}
    assert update.usage == Usage("m", 10, 2, 3400, 3)


def test_costs_are_exact_as_number_and_as_text() -> None:
    for cost in (0.1, "0.1", "0.10"):
        update = parse(event="run.progress", run_id="r", usage={"cost_usd": cost})
        assert update.usage.cost_micro_usd == 100_000


def test_one_tool_call_may_stand_alone_and_without_id() -> None:
    update = parse(
        event="run.tool_required", run_id="r", tool_call={"name": "refund", "arguments": {"a": 1}}
    )
    (call,) = update.calls
    assert (call.id, call.index, call.name, call.arguments) == (None, 0, "refund", {"a": 1})


def test_a_list_of_tool_calls_keeps_its_order() -> None:
    calls = [{"id": f"c{n}", "name": f"tool_{n}", "arguments": {}} for n in range(3)]
    update = parse(event="run.tool_required", run_id="r", tool_call=calls)
    assert [(call.id, call.index, call.name) for call in update.calls] == [
        ("c0", 0, "tool_0"),
        ("c1", 1, "tool_1"),
        ("c2", 2, "tool_2"),
    ]


def test_arguments_with_two_meanings_are_found_and_hashed_as_they_came() -> None:
    arguments = b'{"amount": 1, "amount": 9999}'
    payload = (
        b'{"event":"run.tool_required","run_id":"r","tool_call":'
        b'[{"name":"refund","arguments":%b},{"name":"lookup","arguments":{"id":"x"}}]}'
    )
    update = PROVIDER.parse(payload % arguments)
    assert update is not None
    first, second = update.calls
    assert isinstance(first.arguments, Marked)
    assert first.arguments.reason == "duplicate_key"
    assert first.arguments.sha256 == sha256(arguments).hexdigest()
    assert second.arguments == {"id": "x"}


@pytest.mark.parametrize(
    "arguments", [b'{"a":NaN}', b'{"a":{"b":[{"c":1,"c":1}]}}', b'{"a":"\\ud800"}', b'{"a":1e999}']
)
def test_any_ambiguity_deep_in_the_arguments_marks_the_call(arguments: bytes) -> None:
    update = PROVIDER.parse(
        b'{"event":"run.tool_required","run_id":"r","tool_call":{"name":"t","arguments":%b}}'
        % arguments
    )
    assert update is not None
    assert isinstance(update.calls[0].arguments, Marked)


def test_an_ambiguous_output_is_named_and_does_not_lose_the_event() -> None:
    update = PROVIDER.parse(b'{"event":"run.completed","run_id":"r","output":{"a":1,"a":2}}')
    assert update is not None
    assert update.status is RunStatus.COMPLETED
    assert update.output["unreadable"] == "duplicate_key"


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[]", "not a JSON object"),
        (b'"text"', "not a JSON object"),
        (b"{}", "event is missing"),
        (b'{"event":7,"run_id":"r"}', "event is missing"),
        (b'{"event":"run.started"}', "run_id is missing"),
        (b'{"event":"run.started","run_id":""}', "run_id is missing"),
        (b'{"event":"run.started","run_id":12}', "run_id is missing"),
        (b'{"event":"run.started","run_id":"a","run_id":"b"}', "more than one meaning"),
        (b'{"event":"run.started","run_id":"r","sequence":"1"}', "sequence"),
        (b'{"event":"run.started","run_id":"r","sequence":-1}', "sequence"),
        (b'{"event":"run.started","run_id":"r","sequence":true}', "sequence"),
        (b'{"event":"run.started","run_id":"r","occurred_at":"yesterday"}', "occurred_at"),
        (b'{"event":"run.started","run_id":"r","occurred_at":"2026-11-20T12:00:00"}', "occurred"),
        (b'{"event":"run.started","run_id":"r","usage":[]}', "usage"),
        (b'{"event":"run.started","run_id":"r","usage":{"steps":-1}}', "usage.steps"),
        (b'{"event":"run.started","run_id":"r","usage":{"cost_usd":"free"}}', "usage.cost_usd"),
        (b'{"event":"run.tool_required","run_id":"r"}', "tool_call is missing"),
        (b'{"event":"run.tool_required","run_id":"r","tool_call":[]}', "tool_call is missing"),
        (b'{"event":"run.tool_required","run_id":"r","tool_call":"x"}', "tool_call[0] is not"),
        (b'{"event":"run.tool_required","run_id":"r","tool_call":[{}]}', "tool_call[0].name"),
        (
            b'{"event":"run.tool_required","run_id":"r","tool_call":{"name":"t"}}',
            "tool_call[0].arguments is missing",
        ),
        (
            b'{"event":"run.tool_required","run_id":"r","tool_call":{"name":"a","name":"b"}}',
            "tool_call[0] has more than one meaning",
        ),
        (
            b'{"event":"run.tool_required","run_id":"r",'
            b'"tool_call":{"id":7,"name":"t","arguments":{}}}',
            "tool_call[0].id",
        ),
        (
            b'{"event":"run.tool_required","run_id":"r","tool_call":'
            b'[{"id":"c","name":"t","arguments":{}},{"id":"c","name":"u","arguments":{}}]}',
            "same id",
        ),
    ],
)
def test_what_cannot_be_read_says_why(payload: bytes, words: str) -> None:
    with pytest.raises(Unparsable) as caught:
        PROVIDER.parse(payload)
    assert words in caught.value.reason


def test_more_calls_than_anyone_reads_are_refused() -> None:
    call = {"name": "t", "arguments": {}}
    with pytest.raises(Unparsable, match="at most 100"):
        parse(event="run.tool_required", run_id="r", tool_call=[call] * 101)
