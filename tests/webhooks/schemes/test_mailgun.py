"""Mailgun's own package accepts what we sign and refuses what we refuse."""

import hashlib
import hmac
import json
import time
from urllib.parse import urlencode

import pytest
from mailgun.security import SecurityGuard

from tests.webhooks.schemes.deliveries import FORM, JSON, NOW, Given
from webhooks.schemes.catalogue import SCHEMES
from webhooks.schemes.extras import CannotSign, Draft
from webhooks.schemes.reasons import Reason
from webhooks.schemes.signer import compose

KEY = "key-0123456789abcdef"
TOKEN = "a8ce0edb2dd8301dee6c2405235584e45aa91d1e9f979f3de0"
MAILGUN = SCHEMES["mailgun"]


def fields(stamp: object = str(NOW), token: object = TOKEN, key: str = KEY) -> dict:
    digest = hmac.new(key.encode(), f"{stamp}{token}".encode(), hashlib.sha256).hexdigest()
    return {"timestamp": stamp, "token": token, "signature": digest}


def document(**changes: object) -> Given:
    body = {"signature": fields() | changes, "event-data": {"event": "delivered", "id": "1"}}
    return Given("mailgun", (KEY,), json.dumps(body).encode(), {"content-type": JSON})


def form(**changes: object) -> Given:
    body = urlencode({"event": "opened", **fields(), **changes}).encode()
    return Given("mailgun", (KEY,), body, {"content-type": FORM})


@pytest.mark.parametrize("given", [document(), form()], ids=["json", "form"])
def test_genuine_delivery_is_known_by_its_token(given):
    delivery = given.verified()

    assert (delivery.event_id, delivery.sent_at, delivery.replayable) == (TOKEN, NOW, None)


@pytest.mark.proves("mailgun (PyPI)", "mailgun")
@pytest.mark.parametrize(("key", "age_s"), [(KEY, 0), (KEY, 890), (KEY, 910), ("z" * 20, 0)])
def test_package_and_we_agree_about_what_we_sign(key, age_s):
    now = int(time.time())
    signed = compose(MAILGUN, key.encode(), Draft(b'{"event-data":{}}', TOKEN, now - age_s))
    parts = json.loads(signed.body)["signature"]
    theirs = SecurityGuard.verify_webhook(
        KEY, parts["token"], parts["timestamp"], parts["signature"]
    )
    ours = Given("mailgun", (KEY,), signed.body, {"content-type": JSON}, now=now)

    if theirs:
        assert ours.verified().event_id == TOKEN
    else:
        assert ours.reason in {Reason.STALE, Reason.WRONG_SIGNATURE}
    assert theirs is (key == KEY and age_s < 900)


def test_digit_cannot_move_from_the_token_to_the_time():
    given = fields(token="7" + TOKEN[1:])
    moved = given | {"timestamp": given["timestamp"] + "7", "token": TOKEN[1:]}

    assert document(**given).verified()
    assert document(**moved).reason is Reason.MALFORMED_TIMESTAMP


def test_body_that_is_no_object_cannot_be_signed():
    with pytest.raises(CannotSign):
        compose(MAILGUN, KEY.encode(), Draft(b"[]", TOKEN, NOW))


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (document().with_(body=b""), Reason.MISSING),
        (document().with_(body=b"not json"), Reason.MISSING),
        (document().with_(body=b"[" * 100_000), Reason.MISSING),
        (document().with_(body=b"\xff\xfe"), Reason.MISSING),
        (document().with_(body=b"[1]"), Reason.MISSING),
        (document().with_(body=b'{"signature":7}'), Reason.MISSING),
        (document().with_(body=b'{"signature":{}}'), Reason.MISSING),
        (document(token=None), Reason.MISSING),
        (document(token=["a"]), Reason.MISSING),
        (document(timestamp=True), Reason.MISSING),
        (document(timestamp="-790000000"), Reason.MALFORMED_TIMESTAMP),
        (document(timestamp="1790000000.0"), Reason.MALFORMED_TIMESTAMP),
        (document(timestamp="9" * 20), Reason.MALFORMED_TIMESTAMP),
        (document(timestamp="١٧٩٠٠٠٠٠٠٠"), Reason.MALFORMED_TIMESTAMP),
        (document(token="a" * 129), Reason.MALFORMED_ID),
        (document(token="a\n"), Reason.MALFORMED_ID),
        (document(token="\ud800"), Reason.MALFORMED_ID),
        (document(signature="0" * 63), Reason.MALFORMED_SIGNATURE),
        (document(signature="é" * 64), Reason.MALFORMED_SIGNATURE),
        (document(signature="\ud800"), Reason.MALFORMED_SIGNATURE),
        (document(signature="0" * 64), Reason.WRONG_SIGNATURE),
        (document(token="other"), Reason.WRONG_SIGNATURE),
        (document(timestamp=str(NOW + 1)), Reason.WRONG_SIGNATURE),
        (document(**fields(key="z" * 20)), Reason.WRONG_SIGNATURE),
        (document().with_(secrets=()), Reason.NO_SECRET),
        (document().with_(now=NOW + 901), Reason.STALE),
        (document().with_(now=NOW - 901), Reason.FUTURE),
        (form(signature="0" * 64), Reason.WRONG_SIGNATURE),
        (form(token=""), Reason.MISSING),
        (form().with_headers(content_type=JSON), Reason.MISSING),
        (document().with_headers(content_type=FORM), Reason.MISSING),
    ],
)  # fmt: skip
def test_all_else_is_refused(given, reason):
    assert given.reason is reason
