"""Third parties' packages that check a provider's webhooks, of which the provider publishes none.

They take what we sign, or the token that we show, and refuse it changed. Less than a vendor's own
word, but not ours: whoever wrote them read the provider's description without us.
"""

import json
import time
from datetime import UTC, datetime

import pytest

from tests.vendor import pieces
from tests.vendor.node import Node
from tests.webhooks.schemes.keys import KEY, keys_of, verify
from webhooks.schemes.catalogue import SCHEMES
from webhooks.schemes.reasons import Reason, Unverified
from webhooks.schemes.signer import sign

SECRET = KEY.decode()
# Not ASCII, spaces where JSON.stringify puts none, and < > &, which some like to escape.
BODY = '{"object": "event", "id": "evt_1", "type":"a.b", "text":"caf\u00e9 <&>", "amount": 10}\r\n'
CHANGED = BODY.replace("10", "11")


@pytest.fixture
def now() -> float:
    """The time by the clock that packages read."""
    return time.time()


def signed(name: str, sent_at: float) -> dict[str, str]:
    """Our headers for BODY; they bear out that we take them, too."""
    scheme = SCHEMES[name]
    key = keys_of(scheme).signing
    headers = sign(scheme, key, BODY.encode(), event_id="evt_1", sent_at=sent_at)
    wire = [(n.encode(), v.encode()) for n, v in headers.items()]
    verify(scheme, [key], wire, BODY.encode(), now=sent_at)
    return headers


def asked(
    node: Node,
    name: str,
    piece: pieces.Piece,
    headers: dict[str, str],
    body: str,
    *,
    secret: str = SECRET,
) -> bool:
    """Whether the package takes this delivery."""
    address = pieces.address(piece)
    return node.ask(name, secret=secret, headers=headers, body=body, address=address)


@pytest.mark.proves("n8n-nodes-base (npm), not Zendesk's own", "zendesk")
def test_n8n_takes_what_we_sign_as_zendesk_and_refuses_it_changed(node, now):
    headers = signed("zendesk", now)
    later = headers | {"x-zendesk-webhook-signature-timestamp": "2026-09-30T18:23:45Z"}

    assert asked(node, "zendesk", pieces.N8N, headers, BODY)
    assert not asked(node, "zendesk", pieces.N8N, headers, CHANGED)
    assert not asked(node, "zendesk", pieces.N8N, later, BODY)


# The example of an earlier edition of Zendesk's page on verifying: its signature fits the body with
# the time after it. The present edition, in its words and in its code, has the time first.
FORMER_SECRET = "HRkRd4BeOAoUkfZr-mhauJT64rvBASlJRoIyPsd3zeA="
FORMER_BODY = '{"say": "hello"}'
FORMER_HEADERS = {
    "x-zendesk-webhook-signature": "tRDSF7URY8BLCDlaBcQ7FHu051Zk+aAB0NKMP53teMw=",
    "x-zendesk-webhook-signature-timestamp": "2021-07-25T10:00:00Z",
}


def test_n8n_and_we_both_refuse_the_order_of_zendesks_former_example(node):
    """Of Zendesk's two orders we take the one that n8n takes, too."""
    scheme = SCHEMES["zendesk"]
    wire = [(n.encode(), v.encode()) for n, v in FORMER_HEADERS.items()]
    sent_at = datetime(2021, 7, 25, 10, tzinfo=UTC).timestamp()

    assert not asked(node, "zendesk", pieces.N8N, FORMER_HEADERS, FORMER_BODY, secret=FORMER_SECRET)
    with pytest.raises(Unverified) as caught:
        verify(scheme, [FORMER_SECRET.encode()], wire, FORMER_BODY.encode(), now=sent_at)
    assert caught.value.reason is Reason.WRONG_SIGNATURE


@pytest.mark.proves("n8n-nodes-base (npm), not Calendly's own", "calendly")
def test_n8n_takes_what_we_sign_as_calendly_and_refuses_it_changed_or_old(node, now):
    headers = signed("calendly", now)
    old = signed("calendly", now - 302)

    assert asked(node, "calendly", pieces.N8N, headers, BODY)
    assert not asked(node, "calendly", pieces.N8N, headers, CHANGED)
    assert not asked(node, "calendly", pieces.N8N, old, BODY)


@pytest.mark.proves("n8n-nodes-base (npm), not Typeform's own", "typeform")
def test_n8n_takes_what_we_sign_as_typeform_and_refuses_it_changed(node, now):
    headers = signed("typeform", now)

    assert asked(node, "typeform", pieces.N8N, headers, BODY)
    assert not asked(node, "typeform", pieces.N8N, headers, CHANGED)


@pytest.mark.proves("nuxt-webhook-validators (npm), not Vercel's own", "vercel")
def test_nuxts_validators_take_what_we_sign_as_vercel_and_refuse_it_changed(node, now):
    headers = signed("vercel", now)

    assert asked(node, "vercel", pieces.NUXT, headers, BODY)
    assert not asked(node, "vercel", pieces.NUXT, headers, CHANGED)


@pytest.mark.proves("gidgetlab (PyPI), not GitLab's own", "gitlab_token")
def test_gidgetlab_takes_our_token_and_refuses_another_as_we_do():
    from gidgetlab.exceptions import ValidationFailure
    from gidgetlab.sansio import Event

    scheme = SCHEMES["gitlab_token"]
    body = json.dumps({"object_kind": "push"}).encode()
    headers = sign(scheme, KEY, body, event_id="evt_1", sent_at=0, event_type="Push Hook")
    headers["content-type"] = "application/json"
    wire = [(n.encode(), v.encode()) for n, v in headers.items()]

    theirs = Event.from_http(headers, body, secret=SECRET)
    ours = verify(scheme, [KEY], wire, body, now=0)

    assert (theirs.event, ours.secret_index) == ("Push Hook", 0)
    with pytest.raises(ValidationFailure):
        Event.from_http(headers, body, secret=SECRET + "k")
    with pytest.raises(Unverified) as caught:
        verify(scheme, [KEY + b"k"], wire, body, now=0)
    assert caught.value.reason is Reason.WRONG_SIGNATURE
