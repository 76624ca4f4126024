"""What vendors and RFCs published: signatures to the byte, and else descriptions, by hand."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.webhooks.schemes.keys import KEY, verify
from webhooks.schemes.base import Algorithm, Reason, Unverified
from webhooks.schemes.catalogue import SCHEMES
from webhooks.schemes.secrets import key_of

NOW = 1_790_000_000
FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "webhooks"
BODY = b'{"id":"evt_1","type":"a.b","text":"caf\xc3\xa9 <&>"}'


class Vector(NamedTuple):
    """A delivery with a signature that others computed."""

    scheme: str
    key: bytes
    body: bytes
    headers: dict[str, str]
    now: float = NOW
    event_id: str = ""


def given(proof: str, vector: Vector, name: str = "") -> object:
    """The vector as a test's case."""
    mark = pytest.mark.proves(proof, vector.scheme)
    return pytest.param(vector, id=name or vector.scheme, marks=mark)


GITHUB = Vector(
    "github",
    b"It's a Secret to Everybody",
    b"Hello, World!",
    {
        "x-github-delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
        "x-hub-signature-256": "sha256="
        "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
    },
    event_id="72d3162e-cc78-11e3-81ab-4c9367dc0958",
)
JIRA = Vector(
    "jira",
    b"It's a Secret to Everybody",
    b"Hello World!",
    {
        "x-atlassian-webhook-identifier": "w1",
        "x-hub-signature": "sha256="
        "a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9",
    },
    event_id="w1",
)
PAGERDUTY = Vector(
    "pagerduty",
    b"lDQHScfUeXUKaQRNF+8XIiDKZ7XX3itBAYzwU0TARw8lJqRnkKl2iB1anSb0Z+IK",
    (FIXTURES / "pagerduty" / "incident.priority_updated.json").read_bytes(),
    {
        "x-pagerduty-signature": "v1="
        "0c0b9495b893a39e70d1fea2fe11fbe0a825f88b9f67846f6cc07dd2bc5476cd"
    },
    event_id="01BWDWL3NYY7LUFPZCC28QUCMK",
)
SENDGRID = Vector(
    "sendgrid",
    key_of(
        SCHEMES["sendgrid"],
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe6"
        "2gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g==",
    ),
    b'[{"email":"hello@world.com","event":"dropped","reason":"Bounced Address",'
    b'"sg_event_id":"ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA",'
    b'"sg_message_id":"LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0",'
    b'"smtp-id":"<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>",'
    b'"timestamp":1600112492}]\r\n',
    {
        "x-twilio-email-event-webhook-signature": "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6"
        "ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM=",
        "x-twilio-email-event-webhook-timestamp": "1600112502",
    },
    now=1_600_112_502,
)
RFC_4231 = [
    Vector("generic_sha256", key, body, {"x-event-id": "e", "x-signature-sha256": signature})
    for key, body, signature in (
        (
            b"\x0b" * 20,
            b"Hi There",
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
        ),
        (
            b"Jefe",
            b"what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        (
            b"\xaa" * 131,
            b"Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        ),
    )
]
RFC_6750 = Vector(
    "static_token", b"mF_9.B5f-4.1JqM", b"{}", {"authorization": "Bearer mF_9.B5f-4.1JqM"}
)


@pytest.mark.parametrize(
    "vector",
    [
        given("GitHub's published vector", GITHUB),
        given("Atlassian's published vector", JIRA),
        given("the vector of PagerDuty's go-pagerduty", PAGERDUTY),
        given("the vector of its repository", SENDGRID),
        *(given("RFC 4231 test vectors", each, f"rfc4231-{n}") for n, each in enumerate(RFC_4231)),
        given("RFC 6750, section 2.1", RFC_6750),
    ],
)
def test_published_signature_is_taken_and_none_but_that(vector):
    scheme = SCHEMES[vector.scheme]
    headers = [(n.encode(), v.encode()) for n, v in vector.headers.items()]
    other = b"another key" + vector.key
    if scheme.algorithm.is_asymmetric:
        other = key_of(SCHEMES["sendgrid"], OTHER_P256)

    delivery = verify(scheme, [vector.key], headers, vector.body, now=vector.now)

    assert vector.event_id in ("", delivery.event_id)
    assert _refusal(vector, headers, vector.body, key=other) is Reason.WRONG_SIGNATURE
    if scheme.algorithm is not Algorithm.TOKEN:
        assert _refusal(vector, headers, vector.body + b" ") is Reason.WRONG_SIGNATURE


# The key that sendgrid's own tests take for a wrong one.
OTHER_P256 = (
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqTxd43gyp8IOEto2LdIfjRQrIbsd4SXZkLW6jDutdhXSJCWHw8REntlo7a"
    "NDthvj+y7GjUuFDb/R1NGe1OPzpA=="
)


def _refusal(
    vector: Vector, headers: list[tuple[bytes, bytes]], body: bytes, *, key: bytes = b""
) -> Reason:
    with pytest.raises(Unverified) as caught:
        verify(SCHEMES[vector.scheme], [key or vector.key], headers, body, now=vector.now)
    return caught.value.reason


class Described(NamedTuple):
    """A signature computed here as a vendor describes it, with the standard library alone."""

    scheme: str
    vendor: str
    headers: Callable[[bytes], dict[str, str]]
    is_signed: bool = True


def _hex(content: bytes, hash_name: str = "sha256") -> str:
    return hmac.new(KEY, content, hash_name).hexdigest()


def _base64(content: bytes) -> str:
    return base64.b64encode(hmac.new(KEY, content, hashlib.sha256).digest()).decode()


def _zendesk(body: bytes) -> dict[str, str]:
    # An earlier edition of the same page has the body first and the time after it, and a signature
    # that fits; the present one has the time first, in its words and in its code.
    sent_at = datetime.fromtimestamp(NOW, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "X-Zendesk-Webhook-Signature": _base64(sent_at.encode() + body),
        "X-Zendesk-Webhook-Signature-Timestamp": sent_at,
        "X-Zendesk-Webhook-Invocation-Id": "01GQ",
    }


def _drive(_body: bytes) -> dict[str, str]:
    return {
        "X-Goog-Channel-Id": "channel-1", "X-Goog-Message-Number": "7",
        "X-Goog-Channel-Token": KEY.decode(), "X-Goog-Resource-State": "update",
    }  # fmt: skip


DESCRIBED = [
    Described("sentry", "Sentry", lambda body: {"Sentry-Hook-Signature": _hex(body)}),
    Described("vercel", "Vercel", lambda body: {"x-vercel-signature": _hex(body, "sha1")}),
    Described(
        "intercom", "Intercom", lambda body: {"X-Hub-Signature": "sha1=" + _hex(body, "sha1")}
    ),
    Described("dropbox", "Dropbox", lambda body: {"X-Dropbox-Signature": _hex(body)}),
    Described(
        "typeform", "Typeform", lambda body: {"Typeform-Signature": "sha256=" + _base64(body)}
    ),
    Described(
        "calendly",
        "Calendly",
        lambda body: {
            "Calendly-Webhook-Signature": f"t={NOW},v1=" + _hex(f"{NOW}.".encode() + body)
        },
    ),
    Described("zendesk", "Zendesk", _zendesk),
    Described("google_drive", "Google", _drive, is_signed=False),
    Described(
        "gitlab_token", "GitLab", lambda _body: {"X-Gitlab-Token": KEY.decode()}, is_signed=False
    ),
    Described(
        "langgraph", "LangGraph", lambda _body: {"X-Webhook-Token": KEY.decode()}, is_signed=False
    ),
]


@pytest.mark.parametrize(
    "described",
    [
        pytest.param(
            each,
            id=each.scheme,
            marks=pytest.mark.proves(
                f"{each.vendor}'s published description, checked "
                + ("with hmac" if each.is_signed else "by hand"),
                each.scheme,
            ),
        )
        for each in DESCRIBED
    ],
)
def test_what_the_vendor_describes_is_taken_and_nothing_else(described):
    scheme = SCHEMES[described.scheme]
    written = described.headers(BODY)
    headers = [(name.lower().encode(), value.encode()) for name, value in written.items()]

    assert verify(scheme, [KEY], headers, BODY, now=NOW).secret_index == 0

    with pytest.raises(Unverified) as caught:
        verify(scheme, [b"another key" + KEY], headers, BODY, now=NOW)
    assert caught.value.reason is Reason.WRONG_SIGNATURE
    if described.is_signed:
        with pytest.raises(Unverified) as caught:
            verify(scheme, [KEY], headers, json.dumps(json.loads(BODY)).encode(), now=NOW)
        assert caught.value.reason is Reason.WRONG_SIGNATURE
