"""Schemes that are checked by code are explained as well: generic steps, the verifier's verdict."""

import pytest

from tests.webhooks.schemes import test_langsmith, test_mailgun, test_msgraph, test_twilio
from tests.webhooks.schemes.amazon import changed, delivery, message
from tests.webhooks.schemes.deliveries import Given
from tests.webhooks.schemes.test_mailgun import document as mailgun
from tests.webhooks.schemes.test_twilio import form as twilio
from webhooks.schemes.base import Request
from webhooks.schemes.catalogue import SCHEMES
from webhooks.schemes.explain import Explanation, Verdict, explain
from webhooks.schemes.mistakes import Held
from webhooks.schemes.reasons import Reason, Unverified
from webhooks.schemes.verifier import verify

BY_CODE = [scheme for scheme in SCHEMES.values() if scheme.check is not None]
JUNK = [b"", b"{}", b"[]", b"\xff", b'{"value":[{"clientState":"x"}]}', b"a=b&timestamp=1"]


def told(given: Given) -> Explanation:
    pairs = zip(given.secrets, given.keys, strict=True)
    live = [Held(f"secret {at}", text, key) for at, (text, key) in enumerate(pairs)]
    return explain(given.scheme, given.request, live)


GENUINE = [
    twilio(), test_twilio.document(), mailgun(), test_mailgun.form(), delivery(),
    test_msgraph.batch(test_msgraph.item()), test_langsmith.callback(),
]  # fmt: skip
REFUSED = [
    delivery().with_(documents={}),
    delivery(changed(message(), Message="other")),
    delivery(b"[" * 100_000),
    test_langsmith.callback(""),
    test_langsmith.callback(documents={}),
    test_msgraph.batch(test_msgraph.item("wrong")),
    test_msgraph.batch(test_msgraph.item(), validationTokens=["a"]),
    mailgun(signature="0" * 64),
    mailgun().with_(now=0),
    twilio().with_headers(x_twilio_signature=None),
    test_twilio.document().with_(query=b""),
]


@pytest.mark.parametrize("given", GENUINE, ids=lambda given: given.scheme_name)
def test_a_genuine_delivery_passes_every_step(given):
    explanation = told(given)
    assert explanation.is_good
    assert explanation.delivery is not None
    assert explanation.delivery.event_id == given.verified().event_id
    assert explanation.delivery.sent_at == given.verified().sent_at
    assert {step.verdict for step in explanation.steps} <= {Verdict.OK, Verdict.NOT_NEEDED}


@pytest.mark.parametrize("scheme", BY_CODE, ids=lambda scheme: scheme.name)
@pytest.mark.parametrize("body", JUNK)
def test_junk_gets_the_verifiers_verdict_and_a_mistake(scheme, body):
    for headers in ([], [(name, b"x") for name in scheme.wire.wanted]):
        request = Request(headers, body, 1_790_000_000.0, None, b"https://x.example/")
        try:
            verify(scheme, [], request)
            reason = None
        except Unverified as refused:
            reason = refused.reason
        explanation = explain(scheme, request, [])
        assert explanation.reason == reason
        assert bool(explanation.mistakes) == (reason is not None)


def test_the_address_behind_a_proxy_is_named_for_a_scheme_of_code_too():
    signed = twilio(url=b"http://hooks.example.test/webhooks/in_1")
    explanation = told(signed)
    assert explanation.reason is Reason.WRONG_SIGNATURE
    assert "http://hooks.example.test/webhooks/in_1" in explanation.mistakes[0].title
    assert explanation.mistakes[0].is_proven


def test_an_old_delivery_of_a_scheme_of_code_is_old():
    given = mailgun()
    explanation = told(given.with_(now=given.now + 5000))
    assert explanation.reason is Reason.STALE
    assert "old" in explanation.mistakes[0].title


@pytest.mark.parametrize("given", REFUSED, ids=lambda given: given.scheme_name)
def test_a_refusal_is_told_with_the_verifiers_reason(given):
    assert told(given).reason is given.reason


def test_a_kind_that_cannot_be_verified_is_told_in_words():
    explanation = told(test_msgraph.batch(test_msgraph.item(), validationTokens=["a"]))
    assert explanation.reason is Reason.UNSUPPORTED
    assert any("cannot be verified here" in step.text for step in explanation.steps)
