"""Answers to requests that only ask whether somebody is there. Pure."""

import hmac
import json
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from webhooks.schemes.base import Handshake, Method, Place, Request, Scheme, Where
from webhooks.schemes.bodies import member, read, text_of

MAX_ECHO = 1024
MAX_QUERY_FIELDS = 50
ECHO, HMAC = "{echo}", "{hmac}"
TEXT = b"text/plain; charset=utf-8"
JSON = b"application/json"


class Reply(NamedTuple):
    """What the provider wants to hear, always with status 200."""

    body: bytes
    media_type: bytes = TEXT


def by_get(scheme: Scheme, query: bytes, *, token: str = "") -> Reply | None:
    """The answer to a GET; None where it is no handshake, or shows another verify token."""
    return _first(scheme, Method.GET, _fields(query), None, token=token, is_signed=None)


def before_signature(scheme: Scheme, request: Request) -> Reply | None:
    """The answer to a POST of a provider that signs no handshake; None where it is none."""
    if not scheme.wire.shakes_before:
        return None
    query = _fields(request.query)
    return _first(scheme, Method.POST, query, None, is_signed=False)


def after_signature(scheme: Scheme, request: Request, key: bytes) -> Reply | None:
    """The answer to a verified POST; None where it is an event. `key` is the one that signed."""
    if not scheme.wire.shakes_after:
        return None
    media_type = next((v for n, v in request.headers if n == b"content-type"), b"")
    body = read(request.body, media_type)
    return _first(scheme, Method.POST, {}, body, key=key, is_signed=True)


def _first(
    scheme: Scheme,
    method: Method,
    query: Mapping[str, str],
    body: Any,
    *,
    is_signed: bool | None,
    token: str = "",
    key: bytes = b"",
) -> Reply | None:
    for handshake in scheme.handshakes:
        if handshake.method is not method:
            continue
        if is_signed is not None and handshake.is_signed is not is_signed:
            continue
        reply = _answer(handshake, query, body, token=token, key=key)
        if reply is not None:
            return reply
    return None


def _answer(
    handshake: Handshake, query: Mapping[str, str], body: Any, *, token: str, key: bytes
) -> Reply | None:
    for name, wanted in handshake.match.items():
        found = _text(name, query, body)
        if not found or (wanted and found != wanted):
            return None
    if handshake.token:
        given = _text(handshake.token, query, body)
        if not token or not hmac.compare_digest(given.encode(), token.encode()):
            return None
    echo = _text(handshake.echo, query, body) if handshake.echo else ""
    if handshake.echo and not 0 < len(echo) <= MAX_ECHO:
        return None
    if not handshake.answer:
        return Reply(echo.encode("utf-8", "replace"))
    # Each placeholder becomes one JSON value, whatever the text is made of.
    computed = hmac.new(key, echo.encode("utf-8", "replace"), "sha256").hexdigest()
    answer = handshake.answer.replace(HMAC, computed).replace(ECHO, json.dumps(echo))
    return Reply(answer.encode(), JSON)


def _text(name: str, query: Mapping[str, str], body: Any) -> str:
    place = Place.parse(name)
    if place.where is Where.QUERY:
        return query.get(place.name, "")
    return text_of(member(body, place.name))


def _fields(query: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            query.decode("ascii"), keep_blank_values=True, max_num_fields=MAX_QUERY_FIELDS
        )
    except ValueError:
        return {}
    fields = dict(pairs)
    # A name that is there twice has two meanings, so it has none.
    return fields if len(fields) == len(pairs) else {}
