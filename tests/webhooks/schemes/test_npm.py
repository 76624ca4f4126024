"""Vendors' npm packages take what we sign and refuse it changed; where they sign, we take it."""

import json
import time

import pytest

from tests.webhooks.schemes.keys import KEY, keys_of, verify
from webhooks.schemes import handshakes
from webhooks.schemes.base import Request, Scheme
from webhooks.schemes.catalogue import SCHEMES
from webhooks.schemes.reasons import Reason, Unverified
from webhooks.schemes.signer import sign, stamped

SECRET = KEY.decode()


@pytest.fixture
def now() -> float:
    """The time by the clock that packages read."""
    return time.time()


def signed(scheme: Scheme, now: float, **members: object) -> tuple[dict[str, str], str]:
    """Our signature of a body, and the body: JSON as JavaScript writes it, not ASCII alone."""
    body = json.dumps(members | {"text": "caf\u00e9"}, separators=(",", ":"), ensure_ascii=False)
    body = stamped(scheme, body.encode(), event_id="evt_1", sent_at=now).decode()
    headers = sign(
        scheme, keys_of(scheme).signing, body.encode(), event_id="evt_1", sent_at=now,
        event_type="orders/create",
    )  # fmt: skip
    return headers, body


@pytest.mark.proves("@octokit/webhooks-methods (npm)", "github")
def test_octokit_takes_what_we_sign_and_we_what_octokit_signs(node, now):
    headers, body = signed(SCHEMES["github"], now)
    theirs = node.ask("github_signs", secret=SECRET, body=body)

    assert theirs["x-hub-signature-256"] == headers["x-hub-signature-256"]
    assert node.ask("github", secret=SECRET, headers=headers, body=body)
    assert not node.ask("github", secret=SECRET, headers=headers, body=body + " ")


@pytest.mark.proves("@linear/sdk (npm)", "linear")
def test_linear_takes_what_we_sign_and_refuses_it_changed_or_old(node, now):
    headers, body = signed(SCHEMES["linear"], now, type="Issue")
    old_headers, old = signed(SCHEMES["linear"], now - 61)

    assert node.ask("linear", secret=SECRET, headers=headers, body=body)
    assert not node.ask("linear", secret=SECRET, headers=headers, body=body + " ")
    assert not node.ask("linear", secret=SECRET, headers=old_headers, body=old)
    wire = [(n.encode(), v.encode()) for n, v in old_headers.items()]
    with pytest.raises(Unverified) as caught:
        verify(SCHEMES["linear"], [KEY], wire, old.encode(), now=now)
    assert caught.value.reason is Reason.STALE


@pytest.mark.proves("@shopify/shopify-api (npm)", "shopify")
@pytest.mark.parametrize("prefix", ["x-shopify-", "shopify-"])
def test_shopify_reads_from_our_headers_what_we_read_and_refuses_a_changed_body(node, now, prefix):
    scheme = SCHEMES["shopify"]
    ours, body = signed(scheme, now)
    headers = {
        f"{prefix}hmac-sha256": ours["x-shopify-hmac-sha256"],
        f"{prefix}topic": "orders/create", f"{prefix}webhook-id": "evt_1",
        f"{prefix}shop-domain": "a.example", f"{prefix}api-version": "2026-10",
        f"{prefix}handle": "h", f"{prefix}action": "create",
    }  # fmt: skip

    theirs = node.ask("shopify", secret=SECRET, headers=headers, body=body)
    changed = node.ask("shopify", secret=SECRET, headers=headers, body=body + " ")
    wire = [(n.encode(), v.encode()) for n, v in headers.items()]
    delivery = verify(scheme, [KEY], wire, body.encode(), now=now)

    assert theirs["valid"]
    assert theirs["webhookId"] == delivery.event_id
    assert theirs["topic"].lower().replace("_", "/") == delivery.event_type
    assert changed == {"valid": False, "reason": "invalid_hmac"}


@pytest.mark.proves("@mux/mux-node (npm)", "mux")
def test_mux_takes_what_we_sign_and_refuses_it_changed_or_old(node, now):
    headers, body = signed(SCHEMES["mux"], now, type="video.asset.ready")
    old_headers, old = signed(SCHEMES["mux"], now - 302)

    assert node.ask("mux", secret=SECRET, headers=headers, body=body)
    assert not node.ask("mux", secret=SECRET, headers=headers, body=body + " ")
    assert not node.ask("mux", secret=SECRET, headers=old_headers, body=old)


@pytest.mark.proves("@zoom/rivet (npm)", "zoom")
def test_zoom_takes_what_we_sign_and_refuses_it_changed(node, now):
    headers, body = signed(SCHEMES["zoom"], now, event="meeting.started", payload={})

    def answer(body: str) -> int:
        return node.ask("zoom", secret=SECRET, headers=headers, body=body)["status"]

    assert answer(body) == 200
    assert answer(body.replace("started", "ended")) == 400


@pytest.mark.proves("@zoom/rivet (npm)", "zoom")
def test_zooms_challenge_gets_the_answer_that_its_own_package_gives(node, now):
    scheme = SCHEMES["zoom"]
    headers, body = signed(
        scheme, now, event="endpoint.url_validation", payload={"plainToken": 'q\u00e9"9'}
    )
    wire = [(n.encode(), v.encode()) for n, v in headers.items()]

    theirs = node.ask("zoom", secret=SECRET, headers=headers, body=body)
    ours = handshakes.after_signature(scheme, Request(wire, body.encode(), now), KEY)

    assert theirs["status"] == 200
    assert ours
    assert json.loads(ours.body) == json.loads(theirs["body"])
