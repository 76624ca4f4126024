"""Exchanges with a service, recorded once and replayed for ever: JSON files without secrets.

A connector gets a `Sender`. In a test that may be a recorder (`recording`), which sends through the
real door and writes down what it saw; or a player (`replaying`), which goes nowhere and answers
only what was asked when it was recorded. `docs/outbound.md` says how an author uses them.
"""

import base64
import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from approvals.detectors import has_private_key, has_token
from approvals.redact import is_secret_name
from gateway.http.errors import OutsideError
from gateway.http.messages import Answer, Request, RetryClass, Sender

MASK = "[secret]"
# Others are the credential, or differ from one run to the next.
KEPT_HEADERS = frozenset(
    {"accept", "content-type", "etag", "link", "location", "retry-after", "deprecation", "sunset"}
)
Exchange = dict[str, Any]


class HasSecret(ValueError):
    """What was recorded still holds a secret; nothing is written."""


@dataclass
class Recorder:
    """Sends through the real door and keeps what went out and what came back."""

    sender: Sender
    secrets: Collection[str]
    exchanges: list[Exchange] = field(default_factory=list)

    def send(self, request: Request, **options: Any) -> Answer:
        """As the door does."""
        asked = _asked(request, self.secrets)
        try:
            answer = self.sender.send(request, **options)
        except OutsideError as error:
            self.exchanges.append({"request": asked, "error": _error(error)})
            raise
        self.exchanges.append({"request": asked, "answer": _answer(answer, self.secrets)})
        return answer

    def addresses(self, host: str, port: int, *, within_s: float | None = None) -> tuple[str, ...]:
        """Other protocols are not recorded."""
        raise NotImplementedError("a cassette holds HTTP only")


@dataclass
class Player:
    """Answers as it was recorded, in that order for equal requests; nothing else is answered."""

    exchanges: list[Exchange]
    secrets: Collection[str] = ()

    def send(
        self,
        request: Request,
        *,
        retry_class: RetryClass = RetryClass.UNSAFE,
        deadline_s: float | None = None,
        attempts: int | None = None,
    ) -> Answer:
        """The recorded answer, or the recorded OutsideError; AssertionError where there is none."""
        asked = _asked(request, self.secrets)
        for number, exchange in enumerate(self.exchanges):
            if _is_same(exchange["request"], asked):
                del self.exchanges[number]
                return _played(exchange)
        left = [f"{one['request']['method']} {one['request']['url']}" for one in self.exchanges]
        raise AssertionError(
            f"{asked['method']} {asked['url']} with this body is not on the cassette; "
            f"still on it: {left or 'nothing'}"
        )

    def addresses(self, host: str, port: int, *, within_s: float | None = None) -> tuple[str, ...]:
        """Other protocols are not recorded."""
        raise NotImplementedError("a cassette holds HTTP only")


@contextmanager
def recording(path: Path, sender: Sender, *, secrets: Collection[str]) -> Iterator[Recorder]:
    """Record what is sent inside, and write it to `path` if all went well.

    `secrets` are the values that were used; raises HasSecret where one of them, or anything that
    looks like a token or a private key, would be written.
    """
    recorder = Recorder(sender, secrets)
    yield recorder
    text = json.dumps({"exchanges": recorder.exchanges}, indent=2, ensure_ascii=False) + "\n"
    forms = {form for secret in secrets for form in _forms(secret)}
    if any(form in text for form in forms) or has_token(text) or has_private_key(text):
        raise HasSecret(f"{path.name} is not written: a secret is still in it")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@contextmanager
def replaying(path: Path, *, secrets: Collection[str] = ()) -> Iterator[Player]:
    """Replay the file; AssertionError at the end where not all of it was asked for.

    `secrets` are what the test uses in their place, where one is part of an address or a body.
    """
    player = Player(json.loads(path.read_text(encoding="utf-8"))["exchanges"], secrets)
    yield player
    left = [f"{one['request']['method']} {one['request']['url']}" for one in player.exchanges]
    assert not left, f"never asked for: {left}"


def _asked(request: Request, secrets: Collection[str]) -> Exchange:
    return {
        "method": request.method,
        "url": _url(request.url, secrets),
        "headers": _kept(request.headers, secrets),
        "body": _body(request.body, secrets),
    }


def _answer(answer: Answer, secrets: Collection[str]) -> Exchange:
    return {
        "status": answer.status,
        "headers": _kept(answer.headers, secrets),
        "body": _body(answer.body, secrets),
        "truncated": answer.truncated,
        "retry_after": answer.retry_after,
    }


def _error(error: OutsideError) -> Exchange:
    return {
        "reason": error.reason,
        "permanent": error.permanent,
        "may_have_happened": error.may_have_happened,
        "status": error.status,
        "retry_after": error.retry_after,
        "detail": error.detail,
    }


def _played(exchange: Exchange) -> Answer:
    if error := exchange.get("error"):
        raise OutsideError(
            error["reason"], error["permanent"], error["may_have_happened"], error["status"],
            error["retry_after"], detail=error["detail"],
        )  # fmt: skip
    answer = exchange["answer"]
    return Answer(
        answer["status"], answer["headers"], _bytes(answer["body"]) or b"", answer["truncated"],
        answer["retry_after"],
    )  # fmt: skip


def _is_same(recorded: Exchange, asked: Exchange) -> bool:
    return all(recorded[name] == asked[name] for name in ("method", "url", "body"))


def _kept(headers: Mapping[str, str], secrets: Collection[str]) -> dict[str, str]:
    lower = {name.lower(): value for name, value in headers.items()}
    return {
        name: _masked(value, secrets)
        for name, value in sorted(lower.items())
        if name in KEPT_HEADERS or name.endswith("version")
    }


def _url(url: str, secrets: Collection[str]) -> str:
    parts = urlsplit(_masked(url, secrets))
    query = [
        (name, MASK if is_secret_name(name) else value)
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
    ]
    return urlunsplit(parts._replace(query=urlencode(query)))


def _body(body: bytes | None, secrets: Collection[str]) -> Any:
    """JSON as it is (a person reads and compares it), other text as `{"text"}`, else base64."""
    if body is None:
        return None
    try:
        text = _masked(body.decode(), secrets)
    except UnicodeDecodeError:
        for form in {form for secret in secrets for form in _forms(secret)}:
            body = body.replace(form.encode(), MASK.encode())
        return {"base64": base64.b64encode(body).decode()}
    try:
        return {"json": _without_secrets(json.loads(text))}
    except ValueError:
        return {"text": text}


def _bytes(body: Any) -> bytes | None:
    if body is None:
        return None
    if "json" in body:
        return json.dumps(body["json"], ensure_ascii=False).encode()
    return body["text"].encode() if "text" in body else base64.b64decode(body["base64"])


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: MASK if is_secret_name(name) and inner else _without_secrets(inner)
            for name, inner in value.items()
        }
    return [_without_secrets(inner) for inner in value] if isinstance(value, list) else value


def _masked(text: str, secrets: Collection[str]) -> str:
    for form in sorted({form for one in secrets for form in _forms(one)}, key=len, reverse=True):
        text = text.replace(form, MASK)
    return text


def _forms(secret: str) -> set[str]:
    """The value as it is, in an address, in JSON and in base64."""
    packed = base64.b64encode(secret.encode()).decode()
    return {secret, quote(secret, safe=""), json.dumps(secret)[1:-1], packed} - {""}
