"""A small OpenID Connect provider: describes itself, asks nobody, signs who you are.

Faithful where it matters here: a code counts once, only for the client's secret and with its PKCE
verifier; the ID token is signed with a published key. Each part can be made wrong.
"""

import base64
import hashlib
import json
import secrets
import time
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from tests.doubles.serving import Asked, Said, Service

CLIENT_ID, CLIENT_SECRET = "countersign", "secret-of-the-desk"
KEY_ID = "key-1"


@cache
def key_of(owner: str) -> rsa.RSAPrivateKey:
    """One key for each name: making one takes longer than a test."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass
class Identity(Service):
    """`person` is who agrees next; `token` changes what the ID token says, `signs` who signs it."""

    person: dict[str, Any] = field(default_factory=dict)
    token: dict[str, Any] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
    described: dict[str, Any] = field(default_factory=dict)
    key: rsa.RSAPrivateKey = field(default_factory=lambda: key_of("provider"))
    signs: Any = None
    algorithm: str = "RS256"
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def consent(self, url: str) -> str:
        """What a browser that follows the address and agrees is sent back with."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        assert "openid" in asked["scope"].split()
        code = secrets.token_hex(16)
        self.codes[code] = {"challenge": asked["code_challenge"], "to": asked["redirect_uri"]}
        return f"{asked['redirect_uri']}?code={code}&state={asked['state']}"

    def answer(self, asked: Asked) -> Said:
        """The provider's own answer."""
        if asked.path == "/.well-known/openid-configuration":
            return Said(200, self._description() | self.described)
        if asked.path == "/keys":
            public = json.loads(RSAAlgorithm.to_jwk(self.key.public_key()))
            return Said(200, {"keys": [public | {"kid": KEY_ID, "alg": "RS256", "use": "sig"}]})
        if asked.path == "/token":
            return self._token(asked)
        if asked.path == "/details":
            return Said(200, self.details)
        return Said(404)

    def _description(self) -> dict[str, Any]:
        return {
            "issuer": self.url, "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token", "jwks_uri": f"{self.url}/keys",
            "userinfo_endpoint": f"{self.url}/details",
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
        }  # fmt: skip

    def _token(self, asked: Asked) -> Said:
        given = {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}
        code = self.codes.pop(given.get("code", ""), None)
        verifier = given.get("code_verifier", "").encode()
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier).digest()).decode().rstrip("=")
        if (
            code is None
            or (given["client_id"], given["client_secret"]) != (CLIENT_ID, CLIENT_SECRET)
            or code != {"challenge": challenge, "to": given["redirect_uri"]}
        ):
            return Said(400, {"error": "invalid_grant"})
        said = {
            "iss": self.url, "aud": CLIENT_ID, "exp": int(time.time()) + 60,
            "iat": int(time.time()), **self.person, **self.token,
        }  # fmt: skip
        said = {name: value for name, value in said.items() if value is not None}
        signed = jwt.encode(
            said, self.signs or self.key, algorithm=self.algorithm, headers={"kid": KEY_ID}
        )
        return Said(200, {"access_token": "a", "token_type": "Bearer", "id_token": signed})
