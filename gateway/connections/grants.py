"""What is asked of a token endpoint, and what its answer means. Pure: no I/O, time an argument."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from gateway.connections import assertions
from gateway.connections.kinds import KINDS
from gateway.connections.presets import preset_of
from gateway.connectors.credentials import basic
from gateway.http.messages import Answer, Request

ASSERTION_S = 600
# A clock of ours that is a little ahead must not date a statement into the future.
CLOCK_SKEW_S = 60
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
# Refresh ahead of the end: five minutes, or half of a life that is shorter than ten.
AHEAD = timedelta(minutes=5)
LONGEST_LIFE_S = 10 * 365 * 86_400
PASSING_CODES = frozenset(
    {"temporarily_unavailable", "server_error", "slow_down", "ratelimited", "internal_error"}
)
PASSING_STATUSES = frozenset({408, 429})
_CODE = re.compile(r"[A-Za-z0-9_.-]{1,60}")
MAX_DETAIL = 200
MASK = "[secret]"


class TokenRefused(Exception):
    """No token came. `permanent`: asking again cannot help, somebody has to do something.

    The text holds what the service said, without any secret.
    """

    def __init__(self, detail: str, *, permanent: bool, code: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
        self.permanent = permanent
        self.code = code


@dataclass(frozen=True)
class Issued:
    """What a token endpoint gave; `expires_at` None: it never ends by itself."""

    access: str = field(repr=False)
    refresh: str = field(default="", repr=False)
    expires_at: datetime | None = None
    scopes: str = ""

    def refresh_at(self, now: datetime) -> datetime | None:
        """When another is to be asked for."""
        if self.expires_at is None:
            return None
        return self.expires_at - min(AHEAD, (self.expires_at - now) / 2)


def client_credentials(config: Mapping[str, Any], secret: str) -> Request:
    """The request of an application for itself."""
    kind = KINDS["oauth2_client_credentials"]
    fields = {"grant_type": "client_credentials"}
    fields |= {
        sent: text
        for name, sent in (("scopes", "scope"), ("audience", "audience"))
        if (text := kind.get(config, name))
    }
    return token_request(config, secret, fields)


def refreshing(config: Mapping[str, Any], secret: str, *, refresh: str) -> Request:
    """The request for a new token in the place of one that ends."""
    return token_request(config, secret, {"grant_type": "refresh_token", "refresh_token": refresh})


def redeeming(
    config: Mapping[str, Any], secret: str, *, code: str, verifier: str, redirect_uri: str
) -> Request:
    """The request that turns a consent's code into tokens."""
    fields = {
        "grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri,
        "code_verifier": verifier,
    }  # fmt: skip
    return token_request(config, secret, fields)


def service_account(config: Mapping[str, Any], key: str, *, now: datetime) -> Request:
    """The exchange of a signed statement for a token (RFC 7523)."""
    kind = KINDS["jwt_service_account"]
    token_url = kind.get(config, "token_url")
    claims = {
        "iss": kind.get(config, "issuer"), "aud": kind.get(config, "audience") or token_url,
        **_life(now),
    }  # fmt: skip
    for name, claim in (("scopes", "scope"), ("subject", "sub")):
        if text := kind.get(config, name):
            claims[claim] = text
    assertion = assertions.signed(claims, key=key, key_id=kind.get(config, "key_id"))
    return _form(token_url, {"grant_type": JWT_BEARER, "assertion": assertion}, {})


def github_installation(config: Mapping[str, Any], key: str, *, now: datetime) -> Request:
    """The request of a GitHub App for a token of its installation."""
    kind = KINDS["github_app"]
    jwt = assertions.signed({"iss": kind.get(config, "app_id"), **_life(now)}, key=key)
    base = kind.get(config, "base_url").rstrip("/")
    installation = quote(kind.get(config, "installation_id"), safe="")
    return Request(
        "POST",
        f"{base}/app/installations/{installation}/access_tokens",
        {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {jwt}",
            "X-GitHub-Api-Version": "2022-11-28",
        },
    )


def token_request(
    config: Mapping[str, Any], secret: str, fields: Mapping[str, str], *, url: str = ""
) -> Request:
    """A form for the token endpoint, or another one, with the client's own sign-in."""
    client_id = str(config.get("client_id", ""))
    headers, fields = {}, dict(fields)
    if secret and config.get("client_auth", "basic") != "body":
        # RFC 6749, 2.3.1: both are encoded as in a form before they are joined.
        headers["Authorization"] = basic(quote(client_id, safe=""), quote(secret, safe=""))
    else:
        fields |= {"client_id": client_id} | ({"client_secret": secret} if secret else {})
    return _form(url or str(config.get("token_url", "")), fields, headers)


def revoking(config: Mapping[str, Any], secret: str, *, token: str) -> Request | None:
    """The request that takes a token back at its service; None where there is no way known."""
    url = str(config.get("revoke_url", ""))
    if not url or not token:
        return None
    preset = preset_of(config)
    if preset and preset.revoke == "bearer":
        return Request("POST", url, {"Authorization": f"Bearer {token}"})
    if preset and preset.revoke == "github":
        headers = {
            "Accept": "application/vnd.github+json", "Content-Type": "application/json",
            "Authorization": basic(str(config.get("client_id", "")), secret),
        }  # fmt: skip
        return Request("DELETE", url, headers, json.dumps({"access_token": token}).encode())
    return token_request(config, secret, {"token": token}, url=url)


def read(answer: Answer, *, now: datetime, hidden: tuple[str, ...] = ()) -> Issued:
    """The token in an answer; `hidden` are secrets that its error may not repeat.

    Raises TokenRefused where there is none.
    """
    body = body_of(answer)
    nested = body.get("authed_user")
    access = body.get("access_token") or body.get("token")
    if not access and isinstance(nested, dict):
        # Slack's answer where only a person's token was asked for.
        body, access = {**body, **nested}, nested.get("access_token")
    if not answer.ok or not isinstance(access, str) or not access or not _printable(access):
        raise _refusal(answer, body, hidden)
    refresh = body.get("refresh_token")
    return Issued(
        access=access,
        refresh=refresh if isinstance(refresh, str) and _printable(refresh) else "",
        expires_at=_expiry(body, now),
        scopes=_scopes(body),
    )


def plain_code(text: object) -> str:
    """A service's error code as it may be shown and stored; empty for anything else."""
    return text if isinstance(text, str) and _CODE.fullmatch(text) else ""


def plain_detail(text: object, hidden: tuple[str, ...] = ()) -> str:
    """A service's sentence, short, printable, without our secrets."""
    if not isinstance(text, str):
        return ""
    for secret in hidden:
        text = text.replace(secret, MASK) if secret else text
    return "".join(c if c.isprintable() else " " for c in text)[:MAX_DETAIL].strip()


def _life(now: datetime) -> dict[str, Any]:
    at = int(now.timestamp())
    return {"iat": at - CLOCK_SKEW_S, "exp": at + ASSERTION_S - CLOCK_SKEW_S}


def _form(url: str, fields: Mapping[str, str], headers: Mapping[str, str]) -> Request:
    kind = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
    return Request("POST", url, {**kind, **headers}, urlencode(fields).encode())


def body_of(answer: Answer) -> dict[str, Any]:
    """The answer's JSON object; empty where it is none."""
    try:
        found = json.loads(answer.body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _printable(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _refusal(answer: Answer, body: dict[str, Any], hidden: tuple[str, ...]) -> TokenRefused:
    code = plain_code(body.get("error"))
    detail = plain_detail(body.get("error_description") or body.get("message"), hidden)
    passing = answer.status in PASSING_STATUSES or answer.status >= 500 or code in PASSING_CODES
    said = ": ".join(part for part in (code, detail) if part)
    said = said or ("no token in it" if answer.ok else "no reason in it")
    text = f"The service answered a request for a token with status {answer.status} ({said})."
    return TokenRefused(text, permanent=not passing, code=code)


def _expiry(body: dict[str, Any], now: datetime) -> datetime | None:
    """From `expires_in` seconds, or GitHub's `expires_at`; a life without sense counts as none."""
    given = body.get("expires_in")
    if isinstance(given, str) and given.isascii() and given.isdigit():
        given = int(given[:12])
    if isinstance(given, int | float) and not isinstance(given, bool) and given > 0:
        return now + timedelta(seconds=min(given, LONGEST_LIFE_S))
    try:
        moment = datetime.fromisoformat(str(body.get("expires_at", "")))
    except ValueError:
        return None
    return moment if moment.tzinfo and moment > now else None


def _scopes(body: dict[str, Any]) -> str:
    given = body.get("scope")
    if isinstance(given, list):
        given = " ".join(map(str, given))
    if given is None and isinstance(body.get("permissions"), dict):
        given = " ".join(f"{name}:{level}" for name, level in sorted(body["permissions"].items()))
    return plain_detail(str(given or "").replace(",", " "))[:MAX_DETAIL]
