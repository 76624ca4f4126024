"""What an approval is bound to: one digest over every part, and the vote's signature (pure)."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from audit.canonical import JSON, canonical

# The version stands in the bytes: a later form of the digest can never equal one of this form.
ACTION_DOMAIN = b"countersign/approval/v1\n"
DECISION_DOMAINS = {
    1: b"countersign/decision/v1\n",
    2: b"countersign/decision/v2\n",
    3: b"countersign/decision/v3\n",
}
STATEMENT_VERSION = 2
# A vote that carries what a passkey signed states that as well.
WITH_ASSERTION = 3
GRANT_DOMAIN = b"countersign/grant/v1\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestParts:
    """Everything that, if it changed, would make the approval one of something else.

    Ids are texts (public ids); `rendered_request` holds no secrets; the hashes are hexadecimal
    SHA-256; `run` and `connection` are None where the action has none.
    """

    action_id: str
    version: int
    tenant: str
    environment: str
    run: str | None
    requester: str
    tool: str
    definition_hash: str
    rendered_request: Mapping[str, JSON]
    connection: str | None
    connection_revision: int
    target: tuple[str, ...]
    before_hash: str
    risk: str
    requirement_hash: str
    nonce: str

    def as_dict(self) -> dict[str, JSON]:
        """The plain JSON object that is stored and hashed."""
        plain = {part.name: getattr(self, part.name) for part in fields(self)}
        return plain | {"target": list(self.target)}

    @classmethod
    def from_dict(cls, stored: Mapping[str, JSON]) -> "DigestParts":
        """The parts as they were stored; raises ValueError where one is missing or unknown."""
        names = {part.name for part in fields(cls)}
        if set(stored) != names:
            raise ValueError(f"digest parts differ: {sorted(names ^ set(stored))}")
        return cls(**{**stored, "target": tuple(stored["target"])})  # type: ignore[arg-type]


def action_digest(parts: DigestParts) -> str:
    """The digest a reviewer sees and posts, in hexadecimal; raises NotCanonical."""
    return hashlib.sha256(ACTION_DOMAIN + canonical(parts.as_dict())).hexdigest()


def sign_decision(
    seed_hex: str, statement: Mapping[str, JSON], *, version: int = STATEMENT_VERSION
) -> str:
    """The Ed25519 signature, in hexadecimal, over what one member decided on one digest."""
    return _sign(seed_hex, DECISION_DOMAINS[version], statement)


def verify_decision(
    public_hex: str,
    statement: Mapping[str, JSON],
    signature: str,
    *,
    version: int = STATEMENT_VERSION,
) -> bool:
    """Whether the holder of the signing key stated exactly this; malformed input is a no."""
    domain = DECISION_DOMAINS.get(version)
    return domain is not None and _verify(public_hex, domain, statement, signature)


def sign_grant(seed_hex: str, statement: Mapping[str, JSON]) -> str:
    """The Ed25519 signature, in hexadecimal, over what one member lets happen again."""
    return _sign(seed_hex, GRANT_DOMAIN, statement)


def verify_grant(public_hex: str, statement: Mapping[str, JSON], signature: str) -> bool:
    """Whether the holder of the signing key granted exactly this; malformed input is a no."""
    return _verify(public_hex, GRANT_DOMAIN, statement, signature)


def _sign(seed_hex: str, domain: bytes, statement: Mapping[str, JSON]) -> str:
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed_hex))
    return key.sign(domain + canonical(statement)).hex()


def _verify(public_hex: str, domain: bytes, statement: Mapping[str, JSON], signature: str) -> bool:
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_hex))
        key.verify(bytes.fromhex(signature), domain + canonical(statement))
    except (InvalidSignature, ValueError):
        return False
    return True


def public_key(seed_hex: str) -> str:
    """The verifying key, in hexadecimal, that belongs to a 32-byte seed."""
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed_hex))
    return key.public_key().public_bytes_raw().hex()
