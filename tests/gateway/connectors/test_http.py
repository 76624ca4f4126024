"""The http connector: sends what was approved, and never guesses what happened."""

import base64
import json
import socket
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from gateway.connectors.base import ConnectorRequest, OutcomeStatus, Secret, Unknown
from gateway.connectors.credentials import basic
from gateway.connectors.http import HttpConnector
from gateway.http.errors import OutsideError
from gateway.tools.render import RenderError

HTTP = HttpConnector()
VALUE = "tok-4f9d21"
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["order_id", "amount"],
    "properties": {"order_id": {"type": "string"}, "amount": {"type": "integer"}},
}
ARGUMENTS = {"order_id": "A/1", "amount": 5}
Make = Callable[..., ConnectorRequest]
Respond = Callable[..., Any]


def refund(peer: Any, make: Make, *, secret: Secret | None = None, **config: Any) -> Any:
    full = {"method": "POST", "url": f"{peer.url}/orders/{{order_id}}/refunds", **config}
    return make("http", "request", full, ARGUMENTS, allow=peer.host_port, secret=secret)


def head_of(peer: Any) -> str:
    return peer.requests[-1].partition(b"\r\n\r\n")[0].decode()


def test_exactly_the_rendered_bytes_are_sent(peer: Any, answering: Respond, attempt: Make) -> None:
    peer.scripts = [answering(201, body=b'{"id":"re_1"}')]
    request = refund(peer, attempt, headers={"X-Api-Version": "2026-10"})
    outcome = HTTP.execute(request)
    head, _, body = peer.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /orders/A%2F1/refunds HTTP/1.1\r\n")
    assert body == request.rendered["body"].encode() == b'{"amount":5,"order_id":"A/1"}'
    assert b"X-Api-Version: 2026-10" in head
    assert b"Idempotency-Key: act_1" in head
    assert b"X-Correlation-ID: cor_1" in head
    assert (outcome.status, outcome.result) == (OutcomeStatus.SUCCEEDED, {"id": "re_1"})
    assert (outcome.response.status, outcome.response.body) == (201, '{"id":"re_1"}')


@pytest.mark.parametrize(
    ("secret", "line"),
    [
        (Secret("bearer", VALUE), f"Authorization: Bearer {VALUE}"),
        (
            Secret("basic", VALUE, username="ana"),
            f"Authorization: Basic {base64.b64encode(f'ana:{VALUE}'.encode()).decode()}",
        ),
        (Secret("header", VALUE, header="X-Shop-Token"), f"X-Shop-Token: {VALUE}"),
    ],
)
def test_the_credential_is_added_when_sending_and_never_rendered(
    peer: Any, answering: Respond, attempt: Make, secret: Secret, line: str
) -> None:
    peer.scripts = [answering(200)]
    request = refund(peer, attempt, secret=secret)
    HTTP.execute(request)
    assert line in head_of(peer)
    assert VALUE not in json.dumps(request.rendered)
    assert VALUE not in repr(request)


def test_a_credential_that_comes_back_is_masked(
    peer: Any, answering: Respond, attempt: Make
) -> None:
    peer.scripts = [answering(200, body=json.dumps({"you_sent": f"Bearer {VALUE}"}).encode())]
    outcome = HTTP.execute(refund(peer, attempt, secret=Secret("bearer", VALUE)))
    assert outcome.result == {"you_sent": "Bearer [secret]"}
    assert VALUE not in repr(outcome)


def test_a_credential_in_a_redirect_is_masked(peer: Any, answering: Respond, attempt: Make) -> None:
    peer.scripts = [answering(302, f"Location: https://shop.example/?token={VALUE}")]
    outcome = HTTP.execute(refund(peer, attempt, secret=Secret("bearer", VALUE)))
    assert outcome.response is not None
    assert outcome.response.headers["location"] == "https://shop.example/?token=[secret]"


def test_a_user_name_and_password_that_come_back_as_they_travelled_are_masked(
    peer: Any, answering: Respond, attempt: Make
) -> None:
    sent = basic("shop", VALUE)
    peer.scripts = [answering(500, body=f"authorization: {sent}".encode())]
    outcome = HTTP.execute(refund(peer, attempt, secret=Secret("basic", VALUE, username="shop")))
    assert sent in head_of(peer)
    assert outcome.response is not None
    assert outcome.response.body == "authorization: Basic [secret]"
    assert sent.removeprefix("Basic ") not in repr(outcome)


@pytest.mark.parametrize(
    ("body", "result"),
    [
        (b"", None),
        (b"[1,2]", [1, 2]),
        (b"done", "done"),
        (b'{"a":1,"a":2}', '{"a":1,"a":2}'),
        (b'{"a":NaN}', '{"a":NaN}'),
        (b"nul \x00 and \xff", "nul \ufffd and \ufffd"),
    ],
)
def test_a_result_is_strict_json_or_else_text(
    peer: Any, answering: Respond, attempt: Make, body: bytes, result: Any
) -> None:
    peer.scripts = [answering(200, body=body)]
    assert HTTP.execute(refund(peer, attempt)).result == result


@pytest.mark.parametrize(
    ("status", "end", "may_have_happened", "retryable"),
    [
        (400, OutcomeStatus.FAILED, False, False),
        (401, OutcomeStatus.FAILED, False, False),
        (403, OutcomeStatus.FAILED, False, False),
        (404, OutcomeStatus.FAILED, False, False),
        (408, OutcomeStatus.FAILED, False, True),
        (409, OutcomeStatus.FAILED, False, False),
        (422, OutcomeStatus.FAILED, False, False),
        (429, OutcomeStatus.FAILED, False, True),
        (302, OutcomeStatus.UNKNOWN, True, False),
        (500, OutcomeStatus.UNKNOWN, True, True),
        (501, OutcomeStatus.UNKNOWN, True, False),
        (502, OutcomeStatus.UNKNOWN, True, True),
        (503, OutcomeStatus.UNKNOWN, True, True),
        (504, OutcomeStatus.UNKNOWN, True, True),
    ],
)
def test_each_status_is_reported_as_what_is_known(
    peer: Any,
    answering: Respond,
    attempt: Make,
    status: int,
    end: OutcomeStatus,
    may_have_happened: bool,
    retryable: bool,
) -> None:
    peer.scripts = [answering(status, "Retry-After: 3", body=b"no")]
    outcome = HTTP.execute(refund(peer, attempt))
    assert (outcome.status, outcome.reason) == (end, f"http_{status}")
    assert (outcome.may_have_happened, outcome.retryable) == (may_have_happened, retryable)
    assert (outcome.retry_after, outcome.response.body) == (3.0, "no")
    assert peer.accepted == 1


def test_a_redirected_read_changed_nothing(peer: Any, answering: Respond, attempt: Make) -> None:
    peer.scripts = [answering(302)]
    assert HTTP.execute(refund(peer, attempt, method="GET")).status is OutcomeStatus.FAILED


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("side_effect", "end"),
    [
        ("read", OutcomeStatus.FAILED),
        ("write", OutcomeStatus.UNKNOWN),
        ("destructive", OutcomeStatus.UNKNOWN),
    ],
)
def test_a_redirect_is_judged_by_the_tools_class_and_not_by_its_method(
    peer: Any, answering: Respond, attempt: Make, method: str, side_effect: str, end: OutcomeStatus
) -> None:
    peer.scripts = [answering(302)]
    outcome = HTTP.execute(replace(refund(peer, attempt, method=method), side_effect=side_effect))
    assert (outcome.status, outcome.may_have_happened) == (end, end is OutcomeStatus.UNKNOWN)


def test_a_connection_that_cannot_be_made_left_nothing(attempt: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        place = f"127.0.0.1:{listener.getsockname()[1]}"
    request = attempt(
        "http", "request", {"method": "POST", "url": f"http://{place}/"}, {}, allow=place
    )
    outcome = HTTP.execute(request)
    assert (outcome.status, outcome.reason) == (OutcomeStatus.FAILED, "connect")
    assert (outcome.may_have_happened, outcome.retryable) == (False, True)


def test_a_connection_lost_after_sending_leaves_it_unknown(peer: Any, attempt: Make) -> None:
    peer.scripts = [lambda server, connection: server.read_request(connection)]
    outcome = HTTP.execute(refund(peer, attempt))
    assert (outcome.status, outcome.reason) == (OutcomeStatus.UNKNOWN, "network")
    assert (outcome.may_have_happened, outcome.retryable) == (True, True)
    assert peer.accepted == 1


def test_a_private_address_is_refused_and_never_called(
    peer: Any, answering: Respond, attempt: Make
) -> None:
    peer.scripts = [answering(200)]
    config = {"method": "POST", "url": f"{peer.url}/"}
    outcome = HTTP.execute(attempt("http", "request", config, {}, allow="other.example:1"))
    assert (outcome.status, outcome.reason) == (OutcomeStatus.FAILED, "https_required")
    assert (outcome.retryable, peer.accepted) == (False, 0)


def previewed(peer: Any, make: Make, **preview: Any) -> ConnectorRequest:
    return refund(peer, make, preview={"url": f"{peer.url}/orders/{{order_id}}", **preview})


def test_a_preview_reads_before_and_computes_after(
    peer: Any, answering: Respond, attempt: Make
) -> None:
    peer.scripts = [answering(200, body=b'{"refunded": 10, "note": "x"}')]
    request = previewed(
        peer,
        attempt,
        before="{'refunded': response.refunded}",
        after="{'refunded': response.refunded + args.amount}",
    )
    seen = HTTP.preview(request)
    assert head_of(peer).startswith("GET /orders/A%2F1 HTTP/1.1")
    assert "Idempotency-Key" not in head_of(peer)
    assert seen is not None
    assert (seen.before, seen.after) == ({"refunded": 10}, {"refunded": 15})
    assert seen.as_of.tzinfo is not None


def test_the_preview_does_not_change_what_is_rendered(peer: Any, attempt: Make) -> None:
    assert previewed(peer, attempt).rendered == refund(peer, attempt).rendered


def test_a_tool_without_preview_has_none(peer: Any, attempt: Make) -> None:
    assert HTTP.preview(refund(peer, attempt)) is None


def test_a_preview_of_what_is_not_there_sees_null(
    peer: Any, answering: Respond, attempt: Make
) -> None:
    peer.scripts = [answering(404)]
    seen = HTTP.preview(previewed(peer, attempt, before="response", after="args"))
    assert seen is not None
    assert (seen.before, seen.after) == (None, ARGUMENTS)


@pytest.mark.parametrize(("status", "body"), [(500, b"{}"), (403, b"{}"), (200, b"not json")])
def test_a_preview_that_cannot_be_read_is_an_error_and_not_a_guess(
    peer: Any, answering: Respond, attempt: Make, status: int, body: bytes
) -> None:
    peer.scripts = [answering(status, body=body)]
    request = previewed(peer, attempt, before="response.refunded")
    hurried = ConnectorRequest(**{**vars(request), "deadline_s": 0.9})
    with pytest.raises(OutsideError) as caught:
        HTTP.preview(hurried)
    assert not caught.value.may_have_happened


@pytest.mark.parametrize(
    ("preview", "words"),
    [
        ({"url": 7}, "a url is needed"),
        ("yes", "a url is needed"),
        ({"url": "https://shop.example/o", "method": "POST"}, "only reads"),
        ({"url": "https://shop.example/o", "afterwards": "x"}, "afterwards"),
        ({"url": "https://elsewhere.example/o"}, "own scheme, host and port"),
        ({"url": "https://shop.example:444/o"}, "own scheme, host and port"),
        ({"url": "https://shop.example/{nothing}"}, "nothing"),
        ({"url": "https://shop.example/o", "before": "response."}, "preview.before"),
        ({"url": "https://shop.example/o", "after": "tool.name"}, "preview.after"),
    ],
)
def test_a_preview_that_could_do_harm_is_refused_when_the_tool_is_saved(
    preview: Any, words: str
) -> None:
    config = {"method": "POST", "url": "https://shop.example/o/{order_id}", "preview": preview}
    with pytest.raises(RenderError, match=words):
        HTTP.check("request", config, SCHEMA)


def test_a_good_definition_is_accepted() -> None:
    preview = {
        "method": "GET",
        "url": "https://shop.example/o/{order_id}",
        "before": "response.refunded",
        "after": "response.refunded + args.amount",
    }
    config = {"method": "POST", "url": "https://shop.example/o/{order_id}", "preview": preview}
    HTTP.check("request", config, SCHEMA)


def test_another_operation_is_unknown() -> None:
    with pytest.raises(Unknown, match="drop"):
        HTTP.check("drop", {}, SCHEMA)
