"""Times of sending: a table for every way in which they are signed."""

import hmac

import pytest

from tests.webhooks.schemes.keys import KEY, key_bytes, verify
from webhooks.schemes.catalogue import SCHEMES
from webhooks.schemes.reasons import Reason, Unverified

NOW = 1_790_000_000
STALE, FUTURE, MALFORMED = Reason.STALE, Reason.FUTURE, Reason.MALFORMED_TIMESTAMP
# Each is signed as it is written, so that only the time decides.
TABLE = [
    (b"%d" % (NOW - 301), STALE),
    (b"%d" % (NOW - 300), None),
    (b"%d" % (NOW - 299), None),
    (b"%d" % NOW, None),
    (b"0%d" % NOW, None),
    (b"%d" % (NOW + 299), None),
    (b"%d" % (NOW + 300), None),
    (b"%d" % (NOW + 301), FUTURE),
    (b"0", STALE),
    (b"99999999999", FUTURE),
    (b"%d" % (NOW * 1000), MALFORMED),
    (b"9" * 20, MALFORMED),
    (b"9" * 5000, MALFORMED),
    (b"-%d" % NOW, MALFORMED),
    (b"+%d" % NOW, MALFORMED),
    (b"%d.0" % NOW, MALFORMED),
    (b"1.79e9", MALFORMED),
    (b"0x6ab13b80", MALFORMED),
    (b"1_790_000_000", MALFORMED),
    (b"17900 00000", MALFORMED),
    (b"now", MALFORMED),
    (b"NaN", MALFORMED),
    (b"", MALFORMED),
    ("١٧٩٠٠٠٠٠٠٠".encode(), MALFORMED),
    (b"2026-09-21T13:33:20Z", MALFORMED),
]


def headers_of(name: str, stamp: bytes) -> list[tuple[bytes, bytes]]:
    """A delivery with the body `{}`, signed by the key of the tests over this very stamp."""
    if name == "stripe":
        mark = hmac.digest(KEY, stamp + b".{}", "sha256").hex()
        return [(b"stripe-signature", b"t=%b,v1=%b" % (stamp, mark.encode()))]
    mark = hmac.digest(KEY, b"v0:" + stamp + b":{}", "sha256").hex()
    where = {"slack": b"x-slack-request-timestamp", "zoom": b"x-zm-request-timestamp"}[name]
    sign = {"slack": b"x-slack-signature", "zoom": b"x-zm-signature"}[name]
    return [(where, stamp), (sign, b"v0=" + mark.encode())]


@pytest.mark.parametrize("name", ["stripe", "slack", "zoom"])
@pytest.mark.parametrize(("stamp", "reason"), TABLE, ids=ascii)
def test_times_are_decided_by_a_table(name, stamp, reason):
    scheme = SCHEMES[name]
    headers = headers_of(name, stamp)
    if reason is None:
        assert verify(scheme, [key_bytes(scheme)], headers, b"{}", now=NOW).sent_at
        return
    with pytest.raises(Unverified) as caught:
        verify(scheme, [key_bytes(scheme)], headers, b"{}", now=NOW)
    assert caught.value.reason is reason
