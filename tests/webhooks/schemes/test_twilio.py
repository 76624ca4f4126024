"""Twilio's own package signs; what it would not have signed is refused."""

import hashlib
import json
from urllib.parse import urlencode

import pytest
from twilio.request_validator import HMAC_SHA256, RequestValidator

from tests.webhooks.schemes.deliveries import FORM, JSON, Given
from tests.webhooks.schemes.keys import URL
from webhooks.schemes.catalogue import SCHEMES
from webhooks.schemes.extras import Draft
from webhooks.schemes.reasons import Reason
from webhooks.schemes.signer import compose
from webhooks.schemes.twilio import port_variants

TOKEN = "12345678901234567890123456789012"
FIELDS = {"MessageSid": "SM1", "SmsStatus": "received", "Body": "Grüße & mehr + 1 €", "From": "+1",
          "Empty": ""}  # fmt: skip
TEXT = json.dumps({"type": "com.twilio.message", "text": "é"})
ALGORITHMS = [("twilio", None), ("twilio_shared_key", HMAC_SHA256)]


class Many(dict[str, list[str]]):
    """Fields with several values, as the package takes them."""

    def getlist(self, name: str) -> list[str]:
        return self[name]


def signature(url: bytes, fields: object, algorithm: str | None = None) -> str:
    return RequestValidator(TOKEN).compute_signature(url.decode(), fields, algorithm)


def form(scheme: str = "twilio", algorithm: str | None = None, url: bytes = URL) -> Given:
    headers = {"content-type": FORM, "x-twilio-signature": signature(url, FIELDS, algorithm)}
    return Given(scheme, (TOKEN,), urlencode(FIELDS).encode(), headers)


def document() -> Given:
    query = b"bodySHA256=" + hashlib.sha256(TEXT.encode()).hexdigest().encode()
    headers = {"content-type": JSON, "x-twilio-signature": signature(URL + b"?" + query, {})}
    return Given("twilio", (TOKEN,), TEXT.encode(), headers, query=query)


@pytest.mark.proves("twilio (PyPI)", "twilio", "twilio_shared_key")
@pytest.mark.parametrize(("scheme", "algorithm"), ALGORITHMS)
def test_form_that_the_package_signs_is_accepted(scheme, algorithm):
    delivery = form(scheme, algorithm).verified()

    assert delivery.event_id.startswith("sha256:")
    assert delivery.sent_at is None


def test_json_that_the_package_signs_is_accepted():
    assert document().verified().event_id.startswith("sha256:")


def test_values_of_one_name_are_signed_in_order_and_once():
    fields = Many(Media=["b", "a", "b"], Body=["x"])
    headers = {"content-type": FORM, "x-twilio-signature": signature(URL, fields)}

    assert Given("twilio", (TOKEN,), b"Media=b&Media=a&Body=x&Media=b", headers).verified()


@pytest.mark.parametrize("registered", [URL, URL.replace(b".test/", b".test:443/")])
@pytest.mark.parametrize("signed", [URL, URL.replace(b".test/", b".test:443/")])
def test_address_counts_with_and_without_its_usual_port(registered, signed):
    delivery = form(url=signed).with_(url=registered).verified()

    # What tells deliveries apart does not depend on which of them was signed.
    assert delivery.event_id == form(url=URL).verified().event_id


@pytest.mark.parametrize(
    ("address", "variants"),
    [(b"https://a.test/x", (b"https://a.test/x", b"https://a.test:443/x")),
     (b"http://a.test/x?y=:1", (b"http://a.test/x?y=:1", b"http://a.test:80/x?y=:1")),
     (b"https://a.test:8443/", (b"https://a.test/", b"https://a.test:8443/")),
     (b"https://u:p@a.test/", (b"https://u:p@a.test/", b"https://u:p@a.test:443/")),
     (b"https://[::1]:8443/", (b"https://[::1]/", b"https://[::1]:8443/")),
     (b"https://a.test?q", (b"https://a.test?q", b"https://a.test:443?q"))],
)  # fmt: skip
def test_variants_of_an_address(address, variants):
    assert port_variants(address) == variants


@pytest.mark.parametrize(("scheme", "algorithm"), ALGORITHMS)
def test_package_accepts_what_we_sign_and_so_do_we(scheme, algorithm):
    signed = compose(SCHEMES[scheme], TOKEN.encode(), Draft(TEXT.encode(), "t1", 0.0, URL))
    url = f"{URL.decode()}?{signed.query}"

    given = signed.headers["x-twilio-signature"]
    assert RequestValidator(TOKEN).validate(url, TEXT, given, algorithm)
    assert not RequestValidator(TOKEN).validate(url, TEXT + " ", given, algorithm)
    ours = Given(scheme, (TOKEN,), signed.body, {"content-type": JSON} | signed.headers,
                 query=signed.query.encode())  # fmt: skip
    assert ours.verified().event_id == "t1"


def test_same_bytes_under_another_token_can_be_recognised():
    header = "i-twilio-idempotency-token"
    first = form().with_(more_headers=((header, "a"),)).verified()
    again = form().with_(more_headers=((header, "b"),)).verified()

    assert (first.event_id, again.event_id) == ("a", "b")
    assert first.replayable == again.replayable != b""


def test_second_of_two_secrets_counts():
    assert form().with_(secrets=("x" * 32, TOKEN)).verified().secret_index == 1


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (form().with_headers(x_twilio_signature=None), Reason.MISSING),
        (form().with_headers(x_twilio_signature=""), Reason.MALFORMED_SIGNATURE),
        (form().with_headers(x_twilio_signature="%%%"), Reason.MALFORMED_SIGNATURE),
        (form().with_headers(x_twilio_signature="AAAA"), Reason.MALFORMED_SIGNATURE),
        (form("twilio_shared_key"), Reason.MALFORMED_SIGNATURE),
        (form("twilio", HMAC_SHA256), Reason.MALFORMED_SIGNATURE),
        (form().with_(more_headers=(("x-twilio-signature", "AAAA"),)), Reason.REPEATED),
        (form().with_(secrets=("y" * 32,)), Reason.WRONG_SIGNATURE),
        (form().with_(secrets=()), Reason.NO_SECRET),
        (form().with_(body=form().body + b"&Body=2"), Reason.WRONG_SIGNATURE),
        (form().with_(body=b""), Reason.WRONG_SIGNATURE),
        (form().with_(body=b"\xff%zz=%ff&" * 10), Reason.WRONG_SIGNATURE),
        (form().with_(body=b"a=1&" * 2000), Reason.MALFORMED_BODY),
        (form().with_(url=URL + b"/"), Reason.WRONG_SIGNATURE),
        (form().with_(url=b"http://hooks.example.test/webhooks/in_1"), Reason.WRONG_SIGNATURE),
        (form().with_(url=b""), Reason.WRONG_SIGNATURE),
        (form().with_(query=b"a=1"), Reason.WRONG_SIGNATURE),
        # A form that claims to be JSON is covered by nothing.
        (form().with_headers(content_type=JSON), Reason.MISSING),
        (form().with_headers(content_type=None), Reason.MISSING),
        (document().with_(body=TEXT.encode() + b" "), Reason.WRONG_SIGNATURE),
        (document().with_(query=b""), Reason.MISSING),
        (document().with_(query=b"bodySHA256="), Reason.WRONG_SIGNATURE),
        (document().with_(query=document().query * 2), Reason.WRONG_SIGNATURE),
        (document().with_(query=document().query + b"&bodySHA256=1"), Reason.REPEATED),
        (document().with_(query=document().query + b"&x=1"), Reason.WRONG_SIGNATURE),
    ],
)  # fmt: skip
def test_all_else_is_refused(given, reason):
    assert given.reason is reason
