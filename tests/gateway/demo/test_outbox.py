"""The sandbox agent's webhooks: signed as Standard Webhooks, in order, until they are taken."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from gateway.demo.outbox import Outbox, door, sign
from gateway.demo.store import Store
from tests.demo_server import HOOK_SECRET

BODY = b'{"event":"run.started"}'


def headers_of(raw: bytes) -> tuple[dict[str, str], bytes]:
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = [line.split(": ", 1) for line in head.decode().split("\r\n")[1:]]
    return {name.lower(): value for name, value in lines}, body


def outbox(tmp_path: Path, url: str, *webhooks: dict[str, Any]) -> Outbox:
    store = Store(tmp_path)
    with store.transaction() as documents:
        for webhook in webhooks:
            documents.put("webhook", webhook["id"], webhook)
    return Outbox(store=store, url=url, secret=HOOK_SECRET, client=door(url), first_wait_s=60)


def webhook(run: str, sequence: int) -> dict[str, Any]:
    body = json.dumps({"run_id": run, "sequence": sequence})
    return {"id": f"msg_{run}_{sequence}", "run_id": run, "sequence": sequence, "body": body}


def test_the_public_vector_of_standard_webhooks_is_met() -> None:
    signed = sign(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        sent_at=1614265330,
        body=b'{"test": 2432232314}',
    )
    assert signed["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_not base64!", "whsec_abc"])
def test_a_secret_that_is_none_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        sign(secret, message_id="m", sent_at=0, body=BODY)


def test_what_is_sent_verifies_with_the_public_library(
    tmp_path: Path, peer: Any, answering: Callable[..., Any]
) -> None:
    peer.scripts = [answering(202)]
    assert outbox(tmp_path, f"{peer.url}/webhooks/in_x", webhook("r", 1)).send_due() is None
    headers, body = headers_of(peer.requests[0])
    assert Webhook(HOOK_SECRET).verify(body, headers) == {"run_id": "r", "sequence": 1}
    assert headers["webhook-id"] == "msg_r_1"


def test_a_taken_webhook_is_not_sent_again(
    tmp_path: Path, peer: Any, answering: Callable[..., Any]
) -> None:
    peer.scripts = [answering(200)]
    sender = outbox(tmp_path, peer.url, webhook("r", 1))
    sender.send_due()
    assert sender.send_due() is None
    assert peer.accepted == 1


@pytest.mark.parametrize("status", [401, 404, 410, 500, 503])
def test_an_untaken_webhook_stays_with_its_id_and_holds_back_its_run_only(
    tmp_path: Path, peer: Any, answering: Callable[..., Any], status: int
) -> None:
    peer.scripts = [answering(status), answering(202)]
    sender = outbox(tmp_path, peer.url, webhook("a", 1), webhook("a", 2), webhook("b", 1))
    wait = sender.send_due()
    assert wait is not None
    assert 0 < wait <= 60
    assert [headers_of(raw)[0]["webhook-id"] for raw in peer.requests] == ["msg_a_1", "msg_b_1"]
    # A restart forgets the wait and sends the rest, in order and under the same ids.
    again = Outbox(store=sender.store, url=peer.url, secret=HOOK_SECRET, client=door(peer.url))
    assert again.send_due() is None
    assert [headers_of(raw)[0]["webhook-id"] for raw in peer.requests[2:]] == ["msg_a_1", "msg_a_2"]
