"""Every notification of a batch shows the secret, or the batch is refused."""

import json

import pytest

from tests.webhooks.schemes.deliveries import JSON, NOW, Given
from webhooks.schemes.catalogue import SCHEMES
from webhooks.schemes.extras import CannotSign, Draft
from webhooks.schemes.handshakes import after_signature, before_signature
from webhooks.schemes.reasons import Reason
from webhooks.schemes.signer import compose

STATE = "secretClientState-1"
OTHER = "secretClientState-2"
MSGRAPH = SCHEMES["msgraph"]


def item(state: object = STATE, **changes: object) -> dict:
    """A notification with the members that Microsoft documents."""
    return {
        "id": "lsgTZMr9KwAAA",
        "subscriptionId": "7f105c7d-2dc5-4530-97cd-4e7ae6534c07",
        "subscriptionExpirationDateTime": "2026-09-30T18:23:45.9356913Z",
        "clientState": state,
        "changeType": "created",
        "resource": "Users/ddfcd489/Messages/AAMkADMxZmE",
        "tenantId": "84bd8158-6d4d-4958-8b9f-9d6445542f95",
        "resourceData": {"@odata.type": "#Microsoft.Graph.Message", "id": "AAMkADMxZmE"},
    } | changes


def batch(*items: object, **more: object) -> Given:
    body = json.dumps({"value": list(items), **more}).encode()
    return Given("msgraph", (STATE, OTHER), body, {"content-type": JSON})


def test_batch_is_accepted_and_has_no_id_of_its_own():
    delivery = batch(item(), item(OTHER)).verified()

    assert (delivery.event_id, delivery.sent_at, delivery.replayable) == ("", None, None)
    assert delivery.secret_index == 0


def test_new_secret_and_what_we_sign_with_it_are_accepted():
    for body in (b"{}", b'{"value":[{"changeType":"updated"},{}]}'):
        signed = compose(MSGRAPH, STATE.encode(), Draft(body, "t", NOW))
        assert Given("msgraph", (STATE,), signed.body, {"content-type": JSON}).verified()


@pytest.mark.parametrize("body", [b"[]", b"x", b'{"value":7}', b'{"value":[7]}'])
def test_body_of_another_form_cannot_be_signed(body):
    with pytest.raises(CannotSign):
        compose(MSGRAPH, STATE.encode(), Draft(body, "t", NOW))


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        (b"validationToken=Validation%3A+Testing+%3Cb%3E", b"Validation: Testing <b>"),
        (b"a=1&validationToken=x", b"x"),
        (b"validationToken=", None),
        (b"", None),
        (b"validationToken=x&validationToken=y", None),
        (b"validationToken=" + b"x" * 1025, None),
        (b"validationtoken=x", None),
    ],
)  # fmt: skip
def test_question_whether_somebody_is_there_is_answered_as_text(query, answer):
    request = batch(item()).with_(query=query).request
    reply = before_signature(MSGRAPH, request)

    assert (reply.body if reply else None) == answer
    assert reply is None or reply.media_type.startswith(b"text/plain")
    assert after_signature(MSGRAPH, request, b"") is None


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (batch().with_(body=b""), Reason.MALFORMED_BODY),
        (batch().with_(body=b"\xff"), Reason.MALFORMED_BODY),
        (batch().with_(body=b"[" * 100_000), Reason.MALFORMED_BODY),
        (batch().with_(body=b"[]"), Reason.MALFORMED_BODY),
        (batch().with_(body=b'{"value":{}}'), Reason.MALFORMED_BODY),
        (batch(), Reason.MALFORMED_BODY),
        (batch(7), Reason.MISSING),
        (batch(item(), {}), Reason.MISSING),
        (batch(item(None)), Reason.MISSING),
        (batch(item("")), Reason.MISSING),
        (batch(item([STATE])), Reason.MISSING),
        (batch(item({"a": STATE})), Reason.MISSING),
        (batch(item(True)), Reason.MISSING),
        (batch(item("\ud800" * 16)), Reason.WRONG_SIGNATURE),
        (batch(item("wrong")), Reason.WRONG_SIGNATURE),
        (batch(item(STATE.upper())), Reason.WRONG_SIGNATURE),
        (batch(item(STATE + " ")), Reason.WRONG_SIGNATURE),
        (batch(*[item()] * 50, item("wrong")), Reason.WRONG_SIGNATURE),
        (batch(*(item(f"guess-{n}") for n in range(10_000))), Reason.TOO_MANY_SIGNATURES),
        (batch(item(), validationTokens=["eyJ0eXAiOiJKV1QifQ"]), Reason.UNSUPPORTED),
        (batch(item()).with_(secrets=()), Reason.NO_SECRET),
    ],
)  # fmt: skip
def test_all_else_is_refused(given, reason):
    assert given.reason is reason
