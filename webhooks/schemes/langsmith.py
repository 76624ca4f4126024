"""LangSmith signs a token that names the body's digest, with keys that it publishes.

The same keys sign for all its customers, and each may have it call any address. So a source names
its own workspace beside the address of the keys, and a genuine body has to name it as well.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature

from webhooks.schemes.base import Proof, Request, Scheme
from webhooks.schemes.bodies import member, read_json
from webhooks.schemes.reasons import Reason, Unverified
from webhooks.schemes.signatures import ED25519_BYTES, ed25519_key

HEADER = "x-langsmith-signature-jwt"
# The address of the published keys, a space, and the id of the workspace.
SECRET = r"https://[a-z0-9.-]{1,200}(?::[0-9]{1,5})?/[A-Za-z0-9._~/-]{0,200} [0-9A-Za-z-]{8,64}"  # noqa: S105 - a form, not a secret
ALGORITHM = "EdDSA"
SUBJECT = "langsmith-sandbox-callback"
LEEWAY_S = 30
MAX_TOKEN = 4096
MAX_KEYS = 100
BASE64URL = re.compile(rb"[A-Za-z0-9_-]+")


class Token(NamedTuple):
    """A token taken apart, not yet verified."""

    key_id: str
    content: bytes
    claims: bytes
    signature: bytes


def check(scheme: Scheme, request: Request, keys: Sequence[bytes]) -> Proof:
    """Raises Unverified unless LangSmith signed this body for this address and workspace."""
    token = _parse(request.header(HEADER.encode()))
    missing = ""
    for index, key in enumerate(keys):
        url, _, workspace = key.decode("ascii", "replace").partition(" ")
        public = keys_in(request.documents.get(url, b"")).get(token.key_id)
        if public is None:
            missing = missing or url
        elif _holds(public, token) and _is_of(workspace, request.body):
            return Proof(index, token.content, _issued_at(token, request))
    if missing:
        raise Unverified(Reason.NO_DOCUMENT, wanted=missing)
    raise Unverified(Reason.WRONG_SIGNATURE if keys else Reason.NO_SECRET)


def _parse(text: bytes) -> Token:
    parts = text.split(b".", 3)
    if len(text) > MAX_TOKEN or len(parts) != 3:
        raise Unverified(Reason.MALFORMED_SIGNATURE)
    header, claims, signature = (_decoded(part) for part in parts)
    found = read_json(header)
    if not isinstance(found, dict) or found.get("alg") != ALGORITHM or "crit" in found:
        raise Unverified(Reason.MALFORMED_SIGNATURE)
    key_id = found.get("kid")
    if not isinstance(key_id, str) or not key_id:
        raise Unverified(Reason.MALFORMED_SIGNATURE)
    return Token(key_id, text.rpartition(b".")[0], claims, signature)


def _decoded(text: bytes) -> bytes:
    decoded = decode_base64url(text)
    if decoded is None:
        raise Unverified(Reason.MALFORMED_SIGNATURE)
    return decoded


def decode_base64url(text: bytes) -> bytes | None:
    """The bytes behind base64 in the alphabet of addresses without padding; None for all else."""
    if not BASE64URL.fullmatch(text) or len(text) % 4 == 1:
        return None
    return base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))


def _holds(public: bytes, token: Token) -> bool:
    try:
        ed25519_key(public).verify(token.signature, token.content)
    except (InvalidSignature, ValueError):
        return False
    return True


def _is_of(workspace: str, body: bytes) -> bool:
    named = member(read_json(body), "identity.tenant_id")
    return isinstance(named, str) and named == workspace


def _issued_at(token: Token, request: Request) -> float:
    """When a genuine token was issued; raises Unverified where it is not for this delivery."""
    claims = read_json(token.claims)
    if not isinstance(claims, dict) or claims.get("sub") != SUBJECT or not claims.get("iss"):
        raise Unverified(Reason.MALFORMED_SIGNATURE)
    audience = claims.get("aud")
    named = audience if isinstance(audience, list) else [audience]
    digest, given = hashlib.sha256(request.body).hexdigest(), claims.get("body_sha256")
    is_ours = request.url.decode("utf-8", "replace") in named
    if not is_ours or not isinstance(given, str) or not given.isascii():
        raise Unverified(Reason.WRONG_SIGNATURE)
    if not hmac.compare_digest(given, digest):
        raise Unverified(Reason.WRONG_SIGNATURE)
    if _time(claims, "exp") < request.now - LEEWAY_S:
        raise Unverified(Reason.STALE)
    if "nbf" in claims and _time(claims, "nbf") > request.now + LEEWAY_S:
        raise Unverified(Reason.FUTURE)
    return _time(claims, "iat")


def _time(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 10**11:
        raise Unverified(Reason.MALFORMED_TIMESTAMP)
    return float(value)


@lru_cache(maxsize=64)
def keys_in(document: bytes) -> Mapping[str, bytes]:
    """The Ed25519 keys of a published set by their ids; those of other kinds are left out."""
    listed = member(read_json(document), "keys")
    found: dict[str, bytes] = {}
    for item in listed[:MAX_KEYS] if isinstance(listed, list) else ():
        if not isinstance(item, dict) or (item.get("kty"), item.get("crv")) != ("OKP", "Ed25519"):
            continue
        key_id, text = item.get("kid"), item.get("x")
        if isinstance(key_id, str) and isinstance(text, str):
            public = decode_base64url(text.encode("utf-8", "replace"))
            if public is not None and len(public) == ED25519_BYTES:
                found[key_id] = public
    return found


def allows(url: str, keys: Sequence[bytes]) -> bool:
    """Whether this is the address of the published keys that a live secret names."""
    return url.encode() in {key.partition(b" ")[0] for key in keys}


def is_usable(content: bytes) -> bool:
    """Whether it is a set with at least one key of the right kind."""
    return bool(keys_in(content))
