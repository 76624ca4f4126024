"""Genuine deliveries pass, everything else is refused with its reason."""

import base64
import hmac
import json
from dataclasses import replace

import pytest

from tests.webhooks.schemes.keys import KEY, URL, keys_of, verify
from webhooks.schemes import signatures
from webhooks.schemes.base import Algorithm, Fallback, Part, Place, Scheme, Where
from webhooks.schemes.catalogue import GENERIC_SHA256, GITHUB, SCHEMES, STANDARD
from webhooks.schemes.reasons import Reason, Unverified
from webhooks.schemes.secrets import BadSecret, key_of, new_secret
from webhooks.schemes.signer import sign

NOW = 1_790_000_000
BY_DATA = [scheme for scheme in SCHEMES.values() if scheme.check is None]
SECRET = "whsec_" + base64.b64encode(KEY).decode()
BODY = b'{"type":"run.started","text":"caf\xc3\xa9 \xff"}'


def headers_of(
    scheme: Scheme, body: bytes = BODY, **changes: str | None
) -> list[tuple[bytes, bytes]]:
    key = keys_of(scheme).signing
    signed = sign(scheme, key, body, event_id="msg_1", sent_at=NOW, event_type="push", url=URL)
    signed.update({name.replace("_", "-"): value for name, value in changes.items()})
    return [(n.encode(), v.encode()) for n, v in signed.items() if v is not None]


def refusal(scheme: Scheme, headers: list[tuple[bytes, bytes]], **changes) -> Reason:
    key = key_of(scheme, keys_of(scheme).secret)
    given = {"keys": [key], "body": BODY, "now": NOW} | changes
    with pytest.raises(Unverified) as caught:
        verify(scheme, given["keys"], headers, given["body"], now=given["now"])
    return caught.value.reason


def genuine(scheme: Scheme) -> bytes:
    """A body that holds an id, a type and a time wherever the scheme looks for them."""
    value: dict = {}
    for places in scheme.wire.ids:
        for place in places:
            put(value, place, "msg_1")
    for place in scheme.wire.types:
        put(value, place, "push")
    if scheme.wire.stamp:
        put(value, scheme.wire.stamp, NOW * 1000)
    return json.dumps(value).encode()


def put(value: dict, place: Place, what: object) -> None:
    if place.where is not Where.BODY:
        return
    *path, last = place.name.split(".")
    for name in path:
        value = value.setdefault(name, {})
        if not isinstance(value, dict):  # another alternative stands there already
            return
    value.setdefault(last, what)


@pytest.mark.parametrize("scheme", BY_DATA, ids=lambda scheme: scheme.name)
def test_what_our_signer_signs_is_accepted(scheme):
    body = genuine(scheme)
    key = key_of(scheme, keys_of(scheme).secret)

    delivery = verify(scheme, [key], headers_of(scheme, body), body, now=NOW)

    assert delivery.secret_index == 0
    if scheme.ids:
        assert "msg_1" in delivery.event_id
    elif scheme.id_fallback is Fallback.DIGEST:
        assert delivery.event_id.startswith("sha256:")
    else:
        assert delivery.event_id == ""
    assert delivery.sent_at == (NOW if scheme.signs_time else None)
    in_header = any(place.where is Where.HEADER for place in scheme.wire.types)
    assert delivery.event_type == ("push" if in_header else "")


@pytest.mark.parametrize("scheme", BY_DATA, ids=lambda scheme: scheme.name)
def test_bytes_that_could_come_again_under_another_id_are_told(scheme):
    body = genuine(scheme)
    key = key_of(scheme, keys_of(scheme).secret)

    delivery = verify(scheme, [key], headers_of(scheme, body), body, now=NOW)

    is_free = scheme.algorithm is not Algorithm.TOKEN and any(
        place.where is Where.HEADER and Part.ID not in scheme.wire.pieces
        for places in scheme.wire.ids
        for place in places
    )
    assert (delivery.replayable is not None) is is_free
    if is_free:
        assert body in delivery.replayable


@pytest.mark.parametrize(
    ("age", "reason"),
    [
        (301, Reason.STALE),
        (300.5, Reason.STALE),
        (300, None),
        (0, None),
        (-300, None),
        (-301, Reason.FUTURE),
    ],
)
def test_window_of_signed_time_is_closed_at_both_ends(age, reason):
    headers = headers_of(STANDARD)

    if reason:
        assert refusal(STANDARD, headers, now=NOW + age) is reason
    else:
        assert verify(STANDARD, [KEY], headers, BODY, now=NOW + age).sent_at == NOW


def test_source_may_narrow_the_window():
    headers = headers_of(STANDARD)

    assert verify(STANDARD, [KEY], headers, BODY, now=NOW + 10, tolerance_s=10)
    with pytest.raises(Unverified):
        verify(STANDARD, [KEY], headers, BODY, now=NOW + 11, tolerance_s=10)


@pytest.mark.parametrize(
    "stamp", ["", "-5", "+5", "1.5", "1e9", " 1790000000", "1790000000 ", "9" * 20, "x"]
)
def test_odd_timestamp_is_malformed(stamp):
    headers = headers_of(STANDARD, webhook_timestamp=stamp)

    assert refusal(STANDARD, headers) is Reason.MALFORMED_TIMESTAMP


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_missing_or_repeated_header_is_refused(name):
    headers = headers_of(STANDARD)
    without = [pair for pair in headers if pair[0] != name.encode()]
    twice = headers + [pair for pair in headers if pair[0] == name.encode()]

    assert refusal(STANDARD, without) is Reason.MISSING
    assert refusal(STANDARD, twice) is Reason.REPEATED


@pytest.mark.parametrize("event_id", ["a.b", "", "a b", "x" * 129, "caf\u00e9", "a\tb"])
def test_odd_or_dotted_id_is_refused(event_id):
    assert refusal(STANDARD, headers_of(STANDARD, webhook_id=event_id)) is Reason.MALFORMED_ID


def test_dot_in_an_unsigned_id_is_fine():
    headers = headers_of(GITHUB, x_github_delivery="a.b")

    assert verify(GITHUB, [KEY], headers, BODY, now=NOW).event_id == "a.b"


GOOD = sign(STANDARD, KEY, BODY, event_id="msg_1", sent_at=NOW)["webhook-signature"]
WRONG = "v1," + base64.b64encode(b"0" * 32).decode()


@pytest.mark.parametrize(
    "signatures",
    [
        GOOD,
        f"{WRONG} {GOOD}",
        f"{GOOD} {WRONG}",
        f"v1a,AAAA {GOOD}",
        f"nonsense {GOOD}",
        " ".join([WRONG] * 19 + [GOOD]),
    ],
)
def test_one_good_signature_in_the_list_is_enough(signatures):
    headers = headers_of(STANDARD, webhook_signature=signatures)

    assert verify(STANDARD, [KEY], headers, BODY, now=NOW).event_id == "msg_1"


@pytest.mark.parametrize(
    ("signatures", "reason"),
    [
        ("", Reason.MALFORMED_SIGNATURE),
        ("v1", Reason.MALFORMED_SIGNATURE),
        ("v1,", Reason.MALFORMED_SIGNATURE),
        ("v1,%%%", Reason.MALFORMED_SIGNATURE),
        (GOOD.removeprefix("v1,"), Reason.MALFORMED_SIGNATURE),
        (GOOD.rstrip("="), Reason.MALFORMED_SIGNATURE),
        (GOOD[:-8] + "====", Reason.MALFORMED_SIGNATURE),
        ("V1" + GOOD[2:], Reason.MALFORMED_SIGNATURE),
        ("v1,AAAA", Reason.MALFORMED_SIGNATURE),
        (GOOD.replace(" ", ",") + "," + GOOD, Reason.MALFORMED_SIGNATURE),
        (WRONG, Reason.WRONG_SIGNATURE),
        ("v1a," + GOOD[3:], Reason.MALFORMED_SIGNATURE),
        (" ".join([WRONG] * 20 + [GOOD]), Reason.TOO_MANY_SIGNATURES),
        (" ".join([WRONG] * 10_000), Reason.TOO_MANY_SIGNATURES),
    ],
)
def test_bad_signature_lists_are_refused_with_their_reason(signatures, reason):
    assert refusal(STANDARD, headers_of(STANDARD, webhook_signature=signatures)) is reason


@pytest.mark.parametrize(
    ("value", "is_good"),
    [
        ("sha256={hex}", True),
        ("sha256={HEX}", True),
        ("{hex}", False),
        ("sha1={hex}", False),
        ("sha256={hex} ", False),
        ("sha256= {hex}", False),
        ("sha256={hex},sha256={hex}", False),
        ("sha256={hex}00", False),
        ("sha256=", False),
    ],
)
def test_github_signature_is_compared_as_bytes_and_read_strictly(value, is_good):
    digest = hmac.digest(KEY, BODY, "sha256").hex()
    text = value.format(hex=digest, HEX=digest.upper())
    headers = headers_of(GITHUB, x_hub_signature_256=text)

    if is_good:
        assert verify(GITHUB, [KEY], headers, BODY, now=NOW)
    else:
        assert refusal(GITHUB, headers) is Reason.MALFORMED_SIGNATURE


def test_generic_scheme_takes_hex_with_and_without_prefix():
    digest = hmac.digest(KEY, BODY, "sha256").hex()

    for text in (digest, f"sha256={digest}"):
        headers = headers_of(GENERIC_SHA256, x_signature_sha256=text)
        assert verify(GENERIC_SHA256, [KEY], headers, BODY, now=NOW).event_id == "msg_1"


def test_generic_delivery_without_id_is_named_by_its_body():
    headers = headers_of(GENERIC_SHA256, x_event_id=None)

    first = verify(GENERIC_SHA256, [KEY], headers, BODY, now=NOW)

    assert first.event_id.startswith("sha256:")
    assert len(first.event_id) == 71


@pytest.mark.parametrize("scheme", BY_DATA, ids=lambda scheme: scheme.name)
def test_any_changed_byte_of_the_body_is_refused(scheme):
    if scheme.algorithm is Algorithm.TOKEN:
        assert scheme.warning  # nothing is signed, and whoever chooses it is told
        return
    headers = headers_of(scheme)

    for changed in (BODY + b"\n", BODY[:-1], BODY.replace(b"run", b"Run"), b""):
        assert refusal(scheme, headers, body=changed) is Reason.WRONG_SIGNATURE


def test_signed_id_and_time_cannot_be_exchanged():
    assert refusal(STANDARD, headers_of(STANDARD, webhook_id="msg_9")) is Reason.WRONG_SIGNATURE
    later = headers_of(STANDARD, webhook_timestamp=str(NOW + 1))
    assert refusal(STANDARD, later) is Reason.WRONG_SIGNATURE


def test_any_live_secret_may_have_signed_and_its_place_is_told():
    delivery = verify(STANDARD, [b"a" * 32, b"b" * 32, KEY], headers_of(STANDARD), BODY, now=NOW)

    assert delivery.secret_index == 2


def test_without_a_live_secret_everything_is_refused():
    assert refusal(STANDARD, headers_of(STANDARD), keys=[]) is Reason.NO_SECRET


@pytest.mark.parametrize(
    "text", ["whsec_", "whsec_%%%", "short", SECRET[:-10], "whsec_" + "QUFB" * 40]
)
def test_secret_that_cannot_be_one_is_refused_without_repeating_it(text):
    with pytest.raises(BadSecret) as caught:
        key_of(STANDARD, text)
    assert text.removeprefix("whsec_") not in str(caught.value) or text == "whsec_"


@pytest.mark.parametrize("scheme", BY_DATA, ids=lambda scheme: scheme.name)
def test_new_secret_is_usable_and_never_the_same(scheme):
    if scheme.algorithm.is_asymmetric:
        with pytest.raises(BadSecret):
            new_secret(scheme)
        return
    first, second = new_secret(scheme), new_secret(scheme)

    assert first != second
    assert len(key_of(scheme, first)) >= scheme.secret_min_bytes


def test_signatures_by_the_dozen_cost_one_digest_a_key(monkeypatch):
    made = []
    signer = signatures.SIGNERS[STANDARD.algorithm]

    def counted(key: bytes, content: bytes) -> bytes:
        made.append(key)
        return signer.made(key, content)

    monkeypatch.setitem(signatures.SIGNERS, STANDARD.algorithm, signer._replace(made=counted))
    wrong = [bytes([number]) * 32 for number in range(20)]
    with pytest.raises(Unverified):
        signatures.matching_key(STANDARD.algorithm, [b"a", b"b"], b"body", wrong)
    assert made == [b"a", b"b"]


def test_public_keys_meet_few_signatures():
    with pytest.raises(Unverified) as refused:
        signatures.matching_key(Algorithm.ED25519, [bytes(32)], b"body", [bytes(64)] * 5)
    assert refused.value.reason is Reason.TOO_MANY_SIGNATURES


@pytest.mark.parametrize(
    ("signed", "is_guarded"),
    [
        ("{id}.{timestamp}.{body}", False),
        ("{timestamp}.{body}.{id}", False),
        ("{id}:{timestamp}.{body}", True),
        ("{id}{body}", True),
        ("{header:x-id}.{body}", True),
    ],
)
def test_signed_id_that_could_take_in_what_follows_it_is_guarded(signed, is_guarded):
    scheme = replace(STANDARD, signed=signed, ids=("header:x-id",))
    assert scheme.wire.is_id_signed
    assert scheme.wire.is_replayable is is_guarded
