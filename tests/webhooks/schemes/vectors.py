"""Deliveries with a signature that others computed, and what has to hold of each."""

from typing import NamedTuple

import pytest

from tests.webhooks.schemes.keys import verify
from webhooks.schemes.base import Algorithm, HeaderPair
from webhooks.schemes.catalogue import SCHEMES
from webhooks.schemes.reasons import Reason, Unverified
from webhooks.schemes.secrets import key_of

NOW = 1_790_000_000
# The key that sendgrid's own tests take for a wrong one.
OTHER_P256 = (
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqTxd43gyp8IOEto2LdIfjRQrIbsd4SXZkLW6jDutdhXSJCWHw8REntlo7a"
    "NDthvj+y7GjUuFDb/R1NGe1OPzpA=="
)


class Vector(NamedTuple):
    """A delivery with a signature that others computed, or a token that they showed."""

    scheme: str
    key: bytes
    body: bytes
    headers: dict[str, str]
    now: float = NOW
    event_id: str = ""
    event_type: str = ""


def given(proof: str, vector: Vector, name: str = "") -> object:
    """The vector as a test's case."""
    mark = pytest.mark.proves(proof, vector.scheme)
    return pytest.param(vector, id=name or vector.scheme, marks=mark)


def must_be_taken_and_none_but_that(vector: Vector) -> None:
    """We take it as it is, with no other key and, where it is signed, with no other body."""
    scheme = SCHEMES[vector.scheme]
    headers = [(n.encode(), v.encode()) for n, v in vector.headers.items()]
    other = b"another key" + vector.key
    if scheme.algorithm.is_asymmetric:
        other = key_of(SCHEMES["sendgrid"], OTHER_P256)

    delivery = verify(scheme, [vector.key], headers, vector.body, now=vector.now)

    assert vector.event_id in ("", delivery.event_id)
    assert vector.event_type in ("", delivery.event_type)
    assert _refusal(vector, headers, vector.body, other) is Reason.WRONG_SIGNATURE
    if scheme.algorithm is not Algorithm.TOKEN:
        assert _refusal(vector, headers, vector.body + b" ", vector.key) is Reason.WRONG_SIGNATURE


def _refusal(vector: Vector, headers: list[HeaderPair], body: bytes, key: bytes) -> Reason:
    with pytest.raises(Unverified) as caught:
        verify(SCHEMES[vector.scheme], [key], headers, body, now=vector.now)
    return caught.value.reason
