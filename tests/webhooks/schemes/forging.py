"""Twenty ways to forge or alter a genuine delivery, each drawn anew for every seed."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.webhooks.schemes.keys import URL, keys_of
from webhooks.schemes.base import Algorithm, Encoding, HeaderPair, Scheme
from webhooks.schemes.signer import sign

Headers = dict[str, str]


@dataclass(frozen=True)
class Genuine:
    """A delivery that is in order; `repeated` names headers that will be sent twice."""

    scheme: Scheme
    headers: Headers
    body: bytes
    now: float
    repeated: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The header that holds the signature."""
        return self.scheme.signature_headers[0]

    @property
    def text(self) -> str:
        """The signature as it is written, without prefix and field."""
        value = self.headers[self.name]
        field = self.scheme.signature_field
        return value.rpartition(f"{field}=")[2] if field else value[len(self.prefix) :]

    @property
    def prefix(self) -> str:
        """What stands in front of the signature."""
        return self.scheme.signature_prefix

    @property
    def raw(self) -> bytes:
        """The signature's bytes."""
        is_hex = self.scheme.signature_encoding is Encoding.HEX
        return bytes.fromhex(self.text) if is_hex else base64.b64decode(self.text)

    def written(self, raw: bytes) -> "Genuine":
        """The same with other bytes for a signature."""
        is_hex = self.scheme.signature_encoding is Encoding.HEX
        text = raw.hex() if is_hex else base64.b64encode(raw).decode()
        return self.with_header(self.headers[self.name].replace(self.text, text))

    def with_header(self, value: str) -> "Genuine":
        """The same with another signature header."""
        return replace(self, headers=self.headers | {self.name: value})

    def pairs(self) -> list[HeaderPair]:
        """The headers as a server hands them over."""
        found = [(name.encode(), value.encode()) for name, value in self.headers.items()]
        return found + [pair for pair in found if pair[0].decode() in self.repeated]


def deliver(
    scheme: Scheme, random: Random, *, now: float, key: bytes | None = None, sent_at: float = 0.0
) -> Genuine:
    """A genuine delivery with content of its own."""
    number = random.randrange(10**9)
    body = json.dumps(
        {"id": f"evt_{number}", "event_id": f"evt_{number}", "type": "push", "text": "caf\u00e9"}
    ).encode()
    headers = sign(
        scheme, key or keys_of(scheme).signing, body, event_id=f"msg_{number}",
        sent_at=sent_at or now, event_type="push", url=URL,
    )  # fmt: skip
    return Genuine(scheme, headers, body, now)


def another_key(scheme: Scheme, random: Random) -> bytes:
    """A signing key that the source does not know."""
    if scheme.algorithm is not Algorithm.ECDSA_P256:
        return random.randbytes(32)
    return ec.derive_private_key(random.getrandbits(240) + 1, ec.SECP256R1()).private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _with_body(given: Genuine, body: bytes) -> Genuine:
    return replace(given, body=body)


def _flip(data: bytes, random: Random) -> bytes:
    place = random.randrange(len(data))
    return data[:place] + bytes([data[place] ^ (1 << random.randrange(8))]) + data[place + 1 :]


def _swap(data: bytes, random: Random) -> bytes:
    places = [i for i in range(len(data) - 1) if data[i] != data[i + 1]]
    place = random.choice(places)
    return data[:place] + data[place + 1 : place + 2] + data[place : place + 1] + data[place + 2 :]


def _resigned(given: Genuine, random: Random, *, key: bytes | None = None, age: float = 0.0):
    """Signed properly but for the key or the time; without a signed time it takes the key."""
    if age and not given.scheme.signs_time:
        key = another_key(given.scheme, random)
    return deliver(given.scheme, random, now=given.now, key=key, sent_at=given.now - age)


def _other_encoding(given: Genuine, _: Random) -> Genuine:
    is_hex = given.scheme.signature_encoding is Encoding.HEX
    text = base64.b64encode(given.raw).decode() if is_hex else given.raw.hex()
    return given.with_header(given.headers[given.name].replace(given.text, text))


def _other_version(given: Genuine, random: Random) -> Genuine:
    value = given.headers[given.name]
    version = random.choice(["v9=", "v9,", "sha1=", "V1,", "sha512="])
    field = f"{given.scheme.signature_field}=" if given.scheme.signature_field else given.prefix
    return given.with_header(value.replace(field, version) if field else version + value)


def _without(given: Genuine, _: Random) -> Genuine:
    return replace(given, headers={k: v for k, v in given.headers.items() if k != given.name})


def _moved_boundary(given: Genuine, random: Random) -> Genuine:
    """The first byte of the body wanders into the field in front of it."""
    stamp = given.scheme.wire.stamp
    if not given.scheme.signs_time or stamp is None or stamp.name not in given.headers:
        return _with_body(given, given.body[1:])
    headers = given.headers | {stamp.name: given.headers[stamp.name] + chr(given.body[0])}
    return replace(given, headers=headers, body=given.body[1:])


MUTATIONS: dict[str, Callable[[Genuine, Random], Genuine]] = {
    "bit of the body": lambda g, r: _with_body(g, _flip(g.body, r)),
    "byte more": lambda g, r: _with_body(g, g.body + r.randbytes(1)),
    "byte less": lambda g, r: _with_body(g, g.body[:-1]),
    "no body": lambda g, r: _with_body(g, b""),
    "written anew": lambda g, r: _with_body(g, json.dumps(json.loads(g.body), indent=1).encode()),
    "bytes exchanged": lambda g, r: _with_body(g, _swap(g.body, r)),
    "body of another": lambda g, r: _with_body(g, deliver(g.scheme, r, now=g.now).body),
    "bit of the signature": lambda g, r: g.written(_flip(g.raw, r)),
    "signature cut": lambda g, r: g.written(g.raw[: r.randrange(len(g.raw))]),
    "signature longer": lambda g, r: g.written(g.raw + r.randbytes(r.randrange(1, 9))),
    "signature drawn": lambda g, r: g.written(r.randbytes(len(g.raw))),
    "signature empty": lambda g, r: g.with_header(""),
    "signature missing": _without,
    "signature twice": lambda g, r: replace(g, repeated=(g.name,)),
    "other encoding": _other_encoding,
    "other version": _other_version,
    "unknown key": lambda g, r: _resigned(g, r, key=another_key(g.scheme, r)),
    "stale": lambda g, r: _resigned(g, r, age=g.scheme.past_tolerance_s + r.randrange(2, 10**6)),
    "from the future": lambda g, r: _resigned(
        g, r, age=-g.scheme.future_tolerance_s - r.randrange(2, 10**6)
    ),
    "boundary moved": _moved_boundary,
}
