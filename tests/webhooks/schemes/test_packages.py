"""Vendors' Python packages take what we sign and refuse it changed; we take what they sign."""

import time
from collections.abc import Callable

import pytest

from tests.webhooks.schemes.keys import URL, key_bytes, keys_of, verify
from tests.webhooks.schemes.packages import PACKAGES, Package, Refused, Signed, openai
from webhooks.schemes.base import Scheme
from webhooks.schemes.catalogue import SCHEMES
from webhooks.schemes.reasons import Reason, Unverified
from webhooks.schemes.signer import sign

# These packages look at no time, and Paddle's takes no more than five seconds.
OTHER_WINDOWS = {"discord", "sendgrid", "paddle"}
# Not ASCII, spaces where JSON.stringify puts none, and < > &, which some like to escape.
BODY = '{"object": "event", "id": "evt_1", "type":"a.b", "text":"caf\u00e9 <&>", "amount": 10}\r\n'
CHANGED = BODY.replace("10", "11")


@pytest.fixture
def now() -> int:
    """A second ago, by the clock that packages read: one of them takes nothing from the future."""
    return int(time.time()) - 1


def of(packages: list[Package]) -> Callable:
    """The test for each of these packages; what passes proves their schemes."""
    return pytest.mark.parametrize(
        "package",
        [
            pytest.param(each, id=each.scheme, marks=pytest.mark.proves(each.proof, each.scheme))
            for each in packages
        ],
    )


@of(PACKAGES)
def test_package_takes_what_we_sign_and_refuses_it_changed(package, now):
    signed = _signed(SCHEMES[package.scheme], now)

    package.accept(signed)

    with pytest.raises(Refused):
        package.accept(signed._replace(body=CHANGED))


@of([package for package in PACKAGES if package.sign])
def test_we_take_what_the_package_signs_and_refuse_it_changed(package, now):
    scheme = SCHEMES[package.scheme]
    headers = [(n.encode(), v.encode()) for n, v in package.sign(BODY, now).items()]

    delivery = verify(scheme, [key_bytes(scheme)], headers, BODY.encode(), now=now)

    assert delivery.sent_at == (now if scheme.signs_time else None)
    with pytest.raises(Unverified) as caught:
        verify(scheme, [key_bytes(scheme)], headers, CHANGED.encode(), now=now)
    assert caught.value.reason is Reason.WRONG_SIGNATURE


@pytest.mark.proves("openai (PyPI)", "openai")
def test_openais_signature_without_its_version_is_taken_by_its_package_and_by_us(now):
    scheme = SCHEMES["openai"]
    headers = _signed(scheme, now).headers
    headers["webhook-signature"] = headers["webhook-signature"].removeprefix("v1,")
    wire = [(n.encode(), v.encode()) for n, v in headers.items()]

    openai(Signed(headers, BODY))

    assert verify(scheme, [key_bytes(scheme)], wire, BODY.encode(), now=now).event_id == "msg_1"


@of([p for p in PACKAGES if SCHEMES[p.scheme].signs_time and p.scheme not in OTHER_WINDOWS])
def test_package_takes_old_deliveries_for_as_long_as_we_do_and_no_longer(package, now):
    scheme = SCHEMES[package.scheme]
    oldest = now - scheme.past_tolerance_s

    package.accept(_signed(scheme, oldest + 60))

    with pytest.raises(Refused):
        package.accept(_signed(scheme, oldest - 1))


def _signed(scheme: Scheme, sent_at: int) -> Signed:
    key = keys_of(scheme).signing
    body = BODY.encode()
    return Signed(sign(scheme, key, body, event_id="msg_1", sent_at=sent_at, url=URL), BODY)
