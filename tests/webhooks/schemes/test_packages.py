"""Vendors' Python packages take what we sign and refuse it changed; we take what they sign."""

import time
from collections.abc import Callable
from functools import partial

import pytest

from tests.webhooks.schemes.keys import URL, key_bytes, keys_of, verify
from tests.webhooks.schemes.packages import PACKAGES, Package, Refused, Signed, openai
from webhooks.schemes.base import Reason, Unverified
from webhooks.schemes.catalogue import SCHEMES
from webhooks.schemes.signer import sign

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
    scheme = SCHEMES[package.scheme]
    signed = partial(sign, scheme, keys_of(scheme).signing, event_id="msg_1", sent_at=now, url=URL)

    package.accept(Signed(signed(BODY.encode()), BODY))

    with pytest.raises(Refused):
        package.accept(Signed(signed(BODY.encode()), CHANGED))


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
    headers = sign(
        scheme, keys_of(scheme).signing, BODY.encode(), event_id="msg_1", sent_at=now
    )  # fmt: skip
    headers["webhook-signature"] = headers["webhook-signature"].removeprefix("v1,")
    wire = [(n.encode(), v.encode()) for n, v in headers.items()]

    openai(Signed(headers, BODY))

    assert verify(scheme, [key_bytes(scheme)], wire, BODY.encode(), now=now).event_id == "msg_1"
