"""Each step of a verification is told, and the mistake behind a refusal is tried and named."""

import base64
import hmac
import json
import time
from dataclasses import replace

import pytest

from tests.webhooks.schemes.keys import KEY, URL, keys_of
from tests.webhooks.schemes.test_verifier import BY_DATA, NOW, genuine, headers_of
from webhooks.schemes import verifier
from webhooks.schemes.base import Request, Scheme
from webhooks.schemes.catalogue import SCHEMES
from webhooks.schemes.explain import Explanation, Verdict, explain
from webhooks.schemes.mistakes import Held
from webhooks.schemes.reasons import Reason, Unverified
from webhooks.schemes.secrets import key_of
from webhooks.schemes.signer import sign

GITHUB, STRIPE, STANDARD = SCHEMES["github"], SCHEMES["stripe"], SCHEMES["standard"]
SQUARE, SLACK, GITLAB_TOKEN = SCHEMES["square"], SCHEMES["slack"], SCHEMES["gitlab_token"]
BODY = json.dumps({"id": "evt_1", "type": "ping", "text": "caf\u00e9/<b>"}).encode()
OTHER_KEY = b"o" * 32


def held(scheme: Scheme, name: str = "live") -> Held:
    text = keys_of(scheme).secret
    return Held(name, text, key_of(scheme, text))


def told(scheme: Scheme, headers, body: bytes = BODY, **given) -> Explanation:
    request = Request(headers, body, given.pop("now", NOW), None, given.pop("url", URL))
    return explain(scheme, request, given.pop("live", [held(scheme)]), **given)


def signed(scheme: Scheme, body: bytes, *, key: bytes = KEY, **given) -> list[tuple[bytes, bytes]]:
    fields = {"event_id": "msg_1", "sent_at": NOW, "url": URL, "event_type": "push"} | given
    return [(n.encode(), v.encode()) for n, v in sign(scheme, key, body, **fields).items()]


def title(explanation: Explanation) -> str:
    assert explanation.mistakes, explanation.reason
    assert explanation.mistakes[0].is_proven
    return explanation.mistakes[0].title


@pytest.mark.parametrize("scheme", BY_DATA, ids=lambda scheme: scheme.name)
def test_a_genuine_delivery_passes_every_step_and_is_read_as_the_verifier_reads_it(scheme):
    body = genuine(scheme)
    request = Request(headers_of(scheme, body), body, NOW, None, URL)
    explanation = explain(scheme, request, [held(scheme)])
    key = key_of(scheme, keys_of(scheme).secret)

    assert explanation.is_good
    assert explanation.mistakes == ()
    assert {step.verdict for step in explanation.steps} <= {Verdict.OK, Verdict.NOT_NEEDED}
    assert explanation.delivery is not None
    wanted = verifier.verify(scheme, [key], request)
    got = replace(explanation.delivery, event_type=wanted.event_type)
    assert got == wanted


def damaged(headers: list[tuple[bytes, bytes]], body: bytes):
    """The same delivery, spoilt in one way at a time."""
    yield "body", headers, body + b"x", NOW
    yield "no headers", [], body, NOW
    yield "late", headers, body, NOW + 100_000
    yield "early", headers, body, NOW - 100_000
    for at, (name, value) in enumerate(headers):
        yield f"without {name!r}", headers[:at] + headers[at + 1 :], body, NOW
        yield f"twice {name!r}", [*headers, (name, value)], body, NOW
        for odd in (b"", b"x", b"\xff\xfe", b"1" * 400, value + b",", b"t=,v1=", b"v1," * 30):
            yield f"{name!r} {odd!r}", [*headers[:at], (name, odd), *headers[at + 1 :]], body, NOW


@pytest.mark.parametrize("name", ["standard", "github", "stripe", "slack", "linear", "square"])
def test_whatever_is_wrong_the_verdict_is_the_verifiers(name):
    scheme = SCHEMES[name]
    body = genuine(scheme)
    key = key_of(scheme, keys_of(scheme).secret)
    for what, headers, sent, now in damaged(headers_of(scheme, body), body):
        request = Request(headers, sent, now, None, URL)
        try:
            verifier.verify(scheme, [key], request)
            reason = None
        except Unverified as refused:
            reason = refused.reason
        explanation = explain(scheme, request, [held(scheme)])
        assert explanation.reason == reason, what
        failed = [step for step in explanation.steps if step.verdict is Verdict.FAILED]
        assert len(failed) == (reason is not None), what
        assert bool(explanation.mistakes) == (reason is not None), what


def test_after_the_step_that_failed_nothing_is_reached():
    verdicts = [step.verdict for step in told(GITHUB, headers_of(GITHUB), BODY).steps]
    at = verdicts.index(Verdict.FAILED)
    assert set(verdicts[at + 1 :]) == {Verdict.NOT_REACHED}


def test_the_exact_signed_bytes_are_told():
    explanation = told(STANDARD, signed(STANDARD, BODY), BODY + b" ")
    assert explanation.content == b"msg_1." + str(NOW).encode() + b"." + BODY + b" "


def test_of_an_expected_signature_only_the_beginning_is_told():
    explanation = told(GITHUB, signed(GITHUB, BODY), BODY + b" ")
    whole = hmac.digest(KEY, BODY + b" ", "sha256").hex()
    (expected,) = explanation.expected
    assert whole.startswith(expected.start)
    assert len(expected.start) == 8
    assert whole not in repr(explanation)


def test_a_token_is_never_told_as_what_was_expected():
    headers = [(b"x-gitlab-token", b"wrong-token"), (b"x-gitlab-event-uuid", b"1")]
    explanation = told(GITLAB_TOKEN, headers)
    assert explanation.reason is Reason.WRONG_SIGNATURE
    assert explanation.expected == ()
    assert keys_of(GITLAB_TOKEN).secret not in repr(explanation)


VALUE = json.loads(BODY)
WRITTEN = {
    "compact": json.dumps(VALUE, separators=(",", ":"), ensure_ascii=False),
    "escaped": json.dumps(VALUE),
    "indented (2)": json.dumps(VALUE, indent=2, ensure_ascii=False),
    "indented (4)": json.dumps(VALUE, indent=4),
    "indented (tab)": json.dumps(VALUE, indent="\t", ensure_ascii=False),
    "sorted": json.dumps(VALUE, sort_keys=True, ensure_ascii=False),
    "slashes escaped": json.dumps(VALUE, separators=(",", ":")).replace("/", "\\/"),
    "line feed": json.dumps(VALUE, ensure_ascii=False) + "\n",
}
CHANGED_BODIES = {
    "with a line feed at its end": (BODY + b"\n", BODY),
    "with CR LF at its end": (BODY + b"\r\n", BODY),
    "without the line end": (BODY, BODY + b"\r\n"),
    "without its byte order mark": (BODY, b"\xef\xbb\xbf" + BODY),
    "with a byte order mark": (b"\xef\xbb\xbf" + BODY, BODY),
    "with CR LF for LF": (b"a\r\nb", b"a\nb"),
    "with LF for CR LF": (b"a\nb", b"a\r\nb"),
    "as an empty one": (b"", BODY),
}


@pytest.mark.parametrize("what", WRITTEN)
def test_a_body_that_was_written_anew_is_recognised(what):
    original = WRITTEN[what].encode()
    came = json.dumps(VALUE, ensure_ascii=False, indent=3).encode()
    explanation = told(GITHUB, signed(GITHUB, original), came)
    assert what.partition(" ")[0] in title(explanation)
    assert "raw bytes" in explanation.mistakes[0].advice


@pytest.mark.parametrize("what", CHANGED_BODIES)
def test_bytes_lost_or_added_at_the_ends_are_recognised(what):
    original, came = CHANGED_BODIES[what]
    assert what in title(told(STRIPE, signed(STRIPE, original), came))


READINGS = {
    "plain text": lambda text: text.encode(),
    "plain text, without whsec_": lambda text: text.removeprefix("whsec_").encode(),
    "with a line feed at its end": lambda text: text.encode() + b"\n",
}


@pytest.mark.parametrize("way", READINGS)
def test_a_secret_read_in_another_way_is_recognised(way):
    key = READINGS[way](keys_of(STANDARD).secret)
    assert way in title(told(STANDARD, signed(STANDARD, BODY, key=key)))


def test_a_secret_that_the_sender_decodes_where_it_is_text_is_recognised():
    text = "whsec_" + base64.b64encode(KEY).decode()
    live = [Held("live", text, text.encode())]
    explanation = told(STRIPE, signed(STRIPE, BODY, key=KEY), live=live)
    assert "base64, without whsec_" in title(explanation)
    hexed = [Held("live", KEY.hex(), KEY.hex().encode())]
    assert "reads the secret as hex" in title(told(GITHUB, signed(GITHUB, BODY), live=hexed))


def test_blanks_around_a_stored_secret_are_recognised():
    live = [Held("live", f" {KEY.decode()}\n", b" " + KEY + b"\n")]
    assert "blanks around it" in title(told(GITHUB, signed(GITHUB, BODY), live=live))


def test_a_secret_that_does_not_count_is_named():
    retired = Held("\u2022\u2022\u2022\u2022ab12", "x", OTHER_KEY, "It ended 3 h ago.")
    explanation = told(GITHUB, signed(GITHUB, BODY, key=OTHER_KEY), others=[retired])
    assert "ab12" in title(explanation)
    assert "ended 3 h ago" in explanation.mistakes[0].advice


@pytest.mark.parametrize(
    "given",
    [
        b"http://hooks.example.test/webhooks/in_1",
        b"https://hooks.example.test:443/webhooks/in_1",
        b"https://hooks.example.test/webhooks/in_1/",
        b"https://proxy.example.test/webhooks/in_1",
    ],
)
def test_another_address_behind_a_proxy_is_recognised(given):
    headers = [*signed(SQUARE, BODY, url=given), (b"x-forwarded-host", b"proxy.example.test")]
    assert given.decode() in title(told(SQUARE, headers))


def test_an_address_that_the_caller_knows_of_is_tried():
    given = b"https://old.example.test/hooks"
    assert given.decode() in title(told(SQUARE, signed(SQUARE, BODY, url=given), urls=[given]))


def with_signature(text: str, name: str = "x-hub-signature-256") -> list[tuple[bytes, bytes]]:
    return [(name.encode(), text.encode()), (b"x-github-delivery", b"1")]


FORMS = {
    "made with hmac_sha1": with_signature("sha256=" + hmac.digest(KEY, BODY, "sha1").hex()),
    "made with hmac_sha512": with_signature("sha512=" + hmac.digest(KEY, BODY, "sha512").hex()),
    "written in base64": with_signature(
        "sha256=" + base64.b64encode(hmac.digest(KEY, BODY, "sha256")).decode()
    ),
    "written without 'sha256='": with_signature(hmac.digest(KEY, BODY, "sha256").hex()),
    "sent in x-signature": with_signature(
        "sha256=" + hmac.digest(KEY, BODY, "sha256").hex(), "x-signature"
    ),
    "sent in x-hub-signature": with_signature(
        "sha1=" + hmac.digest(KEY, BODY, "sha1").hex(), "x-hub-signature"
    ),
}


@pytest.mark.parametrize("what", FORMS)
def test_a_signature_of_another_form_is_recognised(what):
    mistakes = told(GITHUB, FORMS[what]).mistakes
    assert any(what in mistake.title and mistake.is_proven for mistake in mistakes)


def test_base64_of_another_alphabet_is_recognised():
    for number in range(100):
        body = b"%d" % number
        made = base64.b64encode(hmac.digest(KEY, body, "sha256")).decode()
        if "+" in made and "/" in made:
            break
    odd = made.replace("+", "-").replace("/", "_").rstrip("=")
    shopify = SCHEMES["shopify"]
    headers = [(b"x-shopify-hmac-sha256", odd.encode()), (b"x-shopify-webhook-id", b"1")]
    assert "another alphabet" in title(told(shopify, headers, body))


def test_a_header_that_a_proxy_joined_or_repeated_is_recognised():
    made = "sha256=" + hmac.digest(KEY, BODY, "sha256").hex()
    assert "joined" in title(told(GITHUB, with_signature(f"{made}, {made}")))
    assert "twice" in title(told(GITHUB, with_signature(made) + with_signature(made)))
    assert "quotes" in title(told(GITHUB, with_signature(f'"{made}" ')))


def test_another_scheme_of_the_catalogue_is_recognised():
    live = [Held("live", KEY.decode(), KEY)]
    explanation = told(STRIPE, signed(GITHUB, BODY), live=live)
    assert explanation.reason is Reason.MISSING
    assert "GitHub" in title(explanation)


CLOCKS = [
    (STRIPE, 1000 * NOW, NOW, "milliseconds"),
    (SLACK, 1000 * NOW, NOW, "milliseconds"),
    (SLACK, NOW - 7200, NOW, "2 h to the minute"),
    (SLACK, NOW + 600, NOW, "ahead"),
    (SLACK, NOW - 1000, NOW, "old"),
]


@pytest.mark.parametrize(("scheme", "stamp", "now", "words"), CLOCKS)
def test_a_wrong_clock_or_unit_is_recognised(scheme, stamp, now, words):
    if scheme is STRIPE:
        made = hmac.digest(KEY, b"%d." % stamp + BODY, "sha256").hex()
        headers = [(b"stripe-signature", f"t={stamp},v1={made}".encode())]
    else:
        headers = signed(scheme, BODY, sent_at=stamp)
    explanation = told(scheme, headers, now=now)
    assert words in explanation.mistakes[0].title


def test_where_nothing_explains_it_another_secret_is_likeliest():
    explanation = told(GITHUB, signed(GITHUB, BODY, key=OTHER_KEY))
    (mistake,) = explanation.mistakes
    assert not mistake.is_proven
    assert "another secret" in mistake.title


def test_without_a_live_secret_that_is_the_mistake():
    explanation = told(GITHUB, signed(GITHUB, BODY), live=[])
    assert explanation.reason is Reason.NO_SECRET
    assert "No secret" in explanation.mistakes[0].title


def test_a_large_body_is_explained_within_a_moment():
    body = json.dumps({"items": ["x" * 40] * 23_000}).encode()
    assert len(body) > 1_000_000
    headers = signed(GITHUB, body, key=OTHER_KEY) + [(b"x-%d" % n, b"a" * 64) for n in range(30)]
    begun = time.process_time()
    assert told(GITHUB, headers, body).reason is Reason.WRONG_SIGNATURE
    assert time.process_time() - begun < 3
