"""An authorization server and the API it guards: issues, expires, rotates, revokes, and counts.

Faithful where it matters here: a code counts once and only with its PKCE verifier, a rotated
refresh token that comes again revokes the whole family, assertions are verified with the public
key.
"""

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode

import jwt

from tests.doubles.serving import Asked, Said, Service

CLIENT_ID, CLIENT_SECRET = "app/1", "s3cret&of=the app"


@dataclass
class Code:
    """A consent that was given and not redeemed yet."""

    challenge: str
    redirect_uri: str
    scopes: str


@dataclass
class Authority(Service):
    """`lives_s` is how long a token counts, `rotates` whether a refresh token counts once only.

    `expires_s` None leaves the life out of the answer. `slow_s` holds a token's answer back.
    """

    lives_s: int | None = 3600
    rotates: bool = True
    gives_refresh: bool = True
    public_key: str = ""
    denies: str = ""
    codes: dict[str, Code] = field(default_factory=dict)
    access: dict[str, str] = field(default_factory=dict)
    refresh: dict[str, bool] = field(default_factory=dict)
    issued: list[str] = field(default_factory=list)
    revoked: list[str] = field(default_factory=list)
    claims: list[dict[str, Any]] = field(default_factory=list)

    def consent(self, url: str) -> str:
        """What a browser that follows the address and agrees is sent back to."""
        query = {name: values[0] for name, values in parse_qs(url.partition("?")[2]).items()}
        back = {"state": query["state"]}
        if self.denies:
            back |= {"error": self.denies, "error_description": "The person <b>said no</b>."}
        else:
            assert query["code_challenge_method"] == "S256"
            assert query["response_type"] == "code"
            assert query["client_id"] == CLIENT_ID
            code = secrets.token_urlsafe(16)
            self.codes[code] = Code(
                query["code_challenge"], query["redirect_uri"], query.get("scope", "")
            )
            back["code"] = code
        return f"{query['redirect_uri']}?{urlencode(back)}"

    def revoke(self, token: str) -> None:
        """Somebody ended it at the service."""
        self.access.pop(token, None)

    def answer(self, asked: Asked) -> Said:
        match asked.method, asked.steps:
            case "GET", ["authorize"]:
                # Whoever comes agrees at once: the page with the button is left out.
                return Said(302, None, {"Location": self.consent(f"?{urlencode(asked.query)}")})
            case "POST", ["token"]:
                return self._token(asked)
            case "POST", ["revoke"]:
                return self._revoke(asked)
            case "POST", ["app", "installations", "42", "access_tokens"]:
                return self._installation(asked)
            case _, ["api", *_rest]:
                return self._api(asked)
        return Said(404, {"error": "not_found"})

    def _token(self, asked: Asked) -> Said:
        form = {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}
        grant = form.get("grant_type", "")
        if grant.endswith("jwt-bearer"):
            return self._assertion(form["assertion"])
        if not self._is_client(asked, form):
            return Said(401, {"error": "invalid_client"})
        if grant == "client_credentials":
            return self._issue(form.get("scope", ""), refresh=False)
        if grant == "refresh_token":
            return self._refresh(form.get("refresh_token", ""))
        code = self.codes.pop(form.get("code", ""), None)
        if code is None or code.redirect_uri != form.get("redirect_uri"):
            return Said(400, {"error": "invalid_grant"})
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != code.challenge:
            return Said(400, {"error": "invalid_grant", "error_description": "PKCE"})
        return self._issue(code.scopes, refresh=self.gives_refresh)

    def _refresh(self, given: str) -> Said:
        if given not in self.refresh:
            return Said(400, {"error": "invalid_grant", "error_description": "Unknown token."})
        if not self.refresh[given]:
            # Used before: somebody stole one of the two, so none of the family counts any more.
            self.refresh.clear()
            self.access.clear()
            return Said(400, {"error": "invalid_grant", "error_description": "Token was used."})
        if self.rotates:
            self.refresh[given] = False
        return self._issue("", refresh=self.rotates)

    def _assertion(self, assertion: str) -> Said:
        try:
            claims = jwt.decode(
                assertion, self.public_key, algorithms=["RS256"], audience=f"{self.url}/token"
            )
        except jwt.PyJWTError as error:
            return Said(400, {"error": "invalid_grant", "error_description": repr(error)})
        self.claims.append(claims)
        return self._issue(str(claims.get("scope", "")), refresh=False)

    def _installation(self, asked: Asked) -> Said:
        try:
            token = asked.headers["authorization"].removeprefix("Bearer ")
            self.claims.append(jwt.decode(token, self.public_key, algorithms=["RS256"]))
        except jwt.PyJWTError:
            return Said(401, {"message": "A JSON web token could not be decoded"})
        body = json.loads(self._issue("", refresh=False).body)
        return Said(201, {"token": body["access_token"], "expires_at": "2099-01-01T00:00:00Z",
                          "permissions": {"issues": "write"}})  # fmt: skip

    def _issue(self, scopes: str, *, refresh: bool) -> Said:
        access = f"access-{len(self.issued) + 1}-{secrets.token_hex(8)}"
        self.issued.append(access)
        self.access[access] = scopes
        body: dict[str, Any] = {"access_token": access, "token_type": "bearer", "scope": scopes}
        if self.lives_s is not None:
            body["expires_in"] = self.lives_s
        if refresh:
            body["refresh_token"] = f"refresh-{secrets.token_hex(8)}"
            self.refresh[body["refresh_token"]] = True
        self.effects.append(("token", access))
        return Said(200, json.dumps(body).encode())

    def _revoke(self, asked: Asked) -> Said:
        form = {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}
        if not self._is_client(asked, form):
            return Said(401, {"error": "invalid_client"})
        self.revoked.append(form["token"])
        self.access.pop(form["token"], None)
        self.refresh.pop(form["token"], None)
        return Said(200)

    def _api(self, asked: Asked) -> Said:
        token = asked.headers.get("authorization", "").removeprefix("Bearer ")
        token = asked.headers.get("x-token", token)
        if token not in self.access:
            return Said(401, {"error": "invalid_token", "you_sent": token})
        if asked.method != "GET":
            self.effects.append(("done", asked.headers.get("idempotency-key", "")))
        return Said(200, {"ok": True, "scopes": self.access[token]})

    @staticmethod
    def _is_client(asked: Asked, form: dict[str, str]) -> bool:
        header = asked.headers.get("authorization", "")
        if header.startswith("Basic "):
            pair = base64.b64decode(header.removeprefix("Basic ")).decode()
            client, _, secret = pair.partition(":")
            return (unquote(client), unquote(secret)) == (CLIENT_ID, CLIENT_SECRET)
        return (form.get("client_id"), form.get("client_secret")) == (CLIENT_ID, CLIENT_SECRET)
