"""A passkey in software: it registers and signs as a browser with a real one would.

Every argument of `sign` can be wrong, as an attacker's would be.
"""

import hashlib
import json
import os
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2 import cbor
from fido2.cose import ES256

from gateway.lib.assertions import packed

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40
ORIGIN, HOST = "http://localhost:8000", "localhost"


class Passkey:
    """One credential of one authenticator, with a counter that goes on at each signature."""

    def __init__(self, *, host: str = HOST, origin: str = ORIGIN, has_counter: bool = True) -> None:
        self.host, self.origin = host, origin
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.id = os.urandom(32)
        self.has_counter = has_counter
        self.counter = 0
        self.user_handle = ""

    def register(self, options: dict[str, Any], *, flags: int = PRESENT | VERIFIED) -> str:
        """What the browser posts for these options of a registration."""
        asked = options["publicKey"]
        self.user_handle = asked["user"]["id"]
        head = self._head(flags | ATTESTED, counter=self.counter)
        cose = cbor.encode(dict(ES256.from_cryptography_key(self.key.public_key())))
        attested = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + cose
        said = self._client("webauthn.create", asked["challenge"])
        attestation = cbor.encode({"fmt": "none", "attStmt": {}, "authData": head + attested})
        return self._posted(clientDataJSON=packed(said), attestationObject=packed(attestation))

    def sign(
        self,
        asked: dict[str, Any],
        *,
        challenge: str | None = None,
        origin: str | None = None,
        flags: int = PRESENT | VERIFIED,
        counter: int | None = None,
    ) -> dict[str, Any]:
        """What the browser answers to these options of a request to sign."""
        if counter is None:
            self.counter += 1 if self.has_counter else 0
            counter = self.counter
        said = self._client("webauthn.get", challenge or asked["challenge"], origin=origin)
        data = self._head(flags, counter=counter)
        signature = self.key.sign(data + hashlib.sha256(said).digest(), ec.ECDSA(hashes.SHA256()))
        made: dict[str, Any] = json.loads(
            self._posted(
                clientDataJSON=packed(said),
                authenticatorData=packed(data),
                signature=packed(signature),
                userHandle=self.user_handle,
            )  # fmt: skip
        )
        return made

    def _head(self, flags: int, *, counter: int) -> bytes:
        party = hashlib.sha256(self.host.encode()).digest()
        return party + bytes([flags]) + counter.to_bytes(4, "big")

    def _client(self, kind: str, challenge: str, *, origin: str | None = None) -> bytes:
        said = {"type": kind, "challenge": challenge, "origin": origin or self.origin}
        return json.dumps(said | {"crossOrigin": False}).encode()

    def _posted(self, **response: str) -> str:
        name = packed(self.id)
        extensions = {"credProps": {"rk": True}}
        return json.dumps(
            {"id": name, "rawId": name, "type": "public-key", "response": response,
             "clientExtensionResults": extensions, "authenticatorAttachment": "platform"}
        )  # fmt: skip
