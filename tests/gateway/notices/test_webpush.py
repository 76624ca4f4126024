"""Sealing and stamping of push messages, against the standard's own example."""

from datetime import UTC, datetime

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.notices import webpush
from gateway.notices.webpush import BadSubscription, Subscription, packed, unpacked

# RFC 8291, section 5 and appendix A.
TEXT = b"When I grow up, I want to be a watermelon"
SERVER = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
BROWSER = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"
PUBLIC = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
AUTH = "BTBZMqHH6r4Tts7J_aSIgg"
SALT = "DGv6ra1nlYgDCS1FRnbzlw"
MESSAGE = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS"
    "6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qu"
    "lcy4a-fN"
)
ENDPOINT = "https://push.example.com/v1/one"
KEY = "7" * 64
TO = Subscription(ENDPOINT, unpacked(PUBLIC), unpacked(AUTH))


def key(text: str) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(unpacked(text)), ec.SECP256R1())


def test_a_message_is_sealed_as_the_standard_shows() -> None:
    assert packed(webpush.sealed(TEXT, TO, salt=unpacked(SALT), own=key(SERVER))) == MESSAGE


def test_its_browser_reads_it_and_no_other() -> None:
    body = webpush.sealed(TEXT, TO)
    assert webpush.sealed(TEXT, TO) != body
    assert webpush.opened(body, key=key(BROWSER), secret=TO.secret) == TEXT
    with pytest.raises(ValueError, match="somebody else"):
        webpush.opened(body, key=key(SERVER), secret=TO.secret)


def test_a_stamp_names_the_service_and_ends_within_a_day() -> None:
    now = datetime.now(UTC)
    found = webpush.headers(
        TO, key=KEY, contact="mailto:a@example.com", now=now, ttl_s=60, topic="t", urgency="high"
    )
    stamp = found["Authorization"].partition("t=")[2].partition(",")[0]
    public = webpush.private_key(KEY).public_key()
    claims = jwt.decode(stamp, public, algorithms=["ES256"], audience="https://push.example.com")
    assert 0 < claims["exp"] - now.timestamp() <= 86_400
    assert claims["sub"] == "mailto:a@example.com"
    assert found["Authorization"].endswith(f"k={webpush.public_text(KEY)}")


@pytest.mark.parametrize(
    "change",
    [
        {"endpoint": "http://push.example.com/v1/one"},
        {"endpoint": "https:///v1/one"},
        {"endpoint": f"https://push.example.com/{'x' * 1000}"},
        {"p256dh": "AAAA"},
        {"p256dh": packed(b"\x04" + b"\x01" * 64)},
        {"p256dh": "not base64!"},
        {"auth": "AAAA"},
        {"auth": ""},
    ],
)
def test_what_is_no_subscription_is_refused(change: dict[str, str]) -> None:
    given = {"endpoint": ENDPOINT, "p256dh": PUBLIC, "auth": AUTH}
    assert webpush.subscription(**given) == TO
    with pytest.raises(BadSubscription):
        webpush.subscription(**given | change)


def test_a_text_that_no_service_takes_is_not_sealed() -> None:
    with pytest.raises(ValueError, match="too long"):
        webpush.sealed(b"x" * 3001, TO)


@pytest.mark.parametrize("text", ["", "7" * 63, "G" * 64])
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="64 hex digits"):
        webpush.private_key(text)
