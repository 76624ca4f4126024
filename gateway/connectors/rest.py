"""What connectors of REST services share: settings, arguments, the action's key (pure)."""

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from audit.canonical import NotCanonical, canonical
from gateway.connectors.base import ConnectorRequest, Outcome, OutcomeStatus
from gateway.http.errors import OutsideError
from gateway.http.messages import Answer
from gateway.lib import ids
from gateway.lib.strictjson import Ambiguous, parse
from gateway.tools.render import RenderError, check_http_config

# An action is proposed before it is sent, and two machines' clocks differ by less than this.
CLOCK_SKEW_S = 300.0
# What stands in a rendered address for the part of it that only the connection knows.
HIDDEN = "***"
_NO_PATH = re.compile(r"[?#\s]|\.\.|^$")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_UNSENDABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def check_fields(config: Mapping[str, Any], known: Collection[str]) -> None:
    """Refuse a setting that nothing reads: it would promise what does not happen."""
    if unknown := sorted(set(config) - set(known)):
        raise RenderError(unknown[0], "there is no such setting")


def base_url(config: Mapping[str, Any], default: str) -> str:
    """The service's address without its last slash; raises RenderError for what is no address."""
    base = config.get("base_url", default)
    if not isinstance(base, str) or "{" in base:
        raise RenderError("base_url", "an address is needed")
    base = base.rstrip("/")
    try:
        check_http_config({"method": "GET", "url": base}, {})
    except RenderError as error:
        raise RenderError("base_url", error.message) from error
    if "?" in base:
        raise RenderError("base_url", "the address has no query")
    return base


def given(arguments: Mapping[str, Any], name: str) -> Any:
    """An argument, or what the call being undone gave under that name; else None."""
    value = arguments.get(name)
    if value is not None:
        return value
    result = arguments.get("result")
    return result.get(name) if isinstance(result, Mapping) else None


def text_of(
    arguments: Mapping[str, Any], name: str, *, longest: int, pattern: str | None = None
) -> str:
    """A required text; raises RenderError where it is missing, too long or not of the form."""
    value = given(arguments, name)
    if not isinstance(value, str) or not value:
        raise RenderError(name, "a text is needed")
    if len(value) > longest:
        raise RenderError(name, f"the text is longer than {longest} characters")
    if _UNSENDABLE.search(value):
        raise RenderError(name, "the text holds control characters")
    if pattern is not None and not re.fullmatch(pattern, value):
        raise RenderError(name, f"a text of the form {pattern} is needed")
    return value


def json_request(
    method: str,
    url: str,
    body: Mapping[str, Any] | None,
    *,
    headers: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The exact request with its canonical body, as `tools.render` makes them."""
    try:
        text = None if body is None else canonical(body).decode()
    except NotCanonical as error:
        raise RenderError("body", str(error)) from error
    kind = {} if body is None else {"Content-Type": "application/json; charset=utf-8"}
    return {
        "kind": "http", "method": method, "url": url,
        "headers": {**kind, **(headers or {})}, "body": text,
    }  # fmt: skip


def reading(url: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    """A GET, for `calls.read`."""
    return {"method": "GET", "url": url, "headers": dict(headers or {}), "body": None}


def json_of(answer: Answer) -> Any:
    """An answer's JSON with one meaning; None where it is not that, or was cut."""
    if answer.truncated:
        return None
    try:
        return parse(answer.body.decode("utf-8", errors="replace"), max_bytes=len(answer.body) * 4)
    except Ambiguous:
        return None


def plain(text: Any, *, longest: int = 300) -> str:
    """A service's words in one short line; empty for what is no text."""
    return _CONTROL.sub(" ", text)[:longest].strip() if isinstance(text, str) else ""


def marked(request: ConnectorRequest, members: Mapping[str, Any]) -> ConnectorRequest:
    """The attempt with more members in its JSON body: those that carry the action's key.

    The key belongs to the action and not to its arguments, so rendering cannot know it. It is the
    only thing that is added to what was approved, and `rendered["key_in"]` says where.
    """
    body = json.loads(request.rendered["body"]) | dict(members)
    rendered = {**request.rendered, "body": canonical(body).decode()}
    return replace(request, rendered=rendered)


def body_of(request: ConnectorRequest) -> dict[str, Any]:
    """The JSON body that was approved; empty where the request has none."""
    body: dict[str, Any] = json.loads(request.rendered.get("body") or "{}")
    return body


def to_secret_address(request: ConnectorRequest) -> ConnectorRequest | Outcome:
    """The attempt with the connection's value as its address, where all of that is the secret.

    The rendered address shows the beginning and then `***`; a connection that does not begin so
    belongs to another service, and is refused before anything is sent.
    """
    prefix, _, rest = request.rendered["url"].partition(HIDDEN)
    secret = request.secret
    if (
        secret is None
        or secret.kind != "dsn"
        or not secret.value.startswith(prefix)
        or _NO_PATH.search(secret.value.removeprefix(prefix))
    ):
        return Outcome(
            OutcomeStatus.FAILED, reason="wrong_connection",
            error=f"The tool needs a connection of kind dsn whose value begins with {prefix}",
        )  # fmt: skip
    rendered = {**request.rendered, "url": secret.value + rest}
    hidden = _parts(secret.value, secret.value.removeprefix(prefix))
    return replace(request, rendered=rendered, secret=None, hidden=hidden)


def _parts(address: str, hidden: str) -> tuple[str, ...]:
    """What a redirect or a page may repeat of a secret address: all of it, its path, and the steps
    that only the connection knows, as they are and as they travel. Steps of digits are ids.
    """
    steps = hidden.strip("/").split("/")
    texts = [address, urlsplit(address).path, hidden, steps[-1]]
    texts += [step for step in steps if not step.isdigit()]
    return listed(form for text in texts for form in (text, unquote(text), quote(text)))


Search = Callable[[ConnectorRequest], Any]


def searched(
    searches: Mapping[str, Search],
    request: ConnectorRequest,
    *,
    bad_answer: Callable[[], OutsideError],
) -> Outcome | None:
    """What the operation's search found of an attempt; None where it shows that nothing happened.

    Raises OutsideError: the search's own, or `bad_answer` for an answer that is not the service's.
    """
    search = searches.get(request.operation)
    if search is None:
        # Nothing is known of it, which is another thing than knowing that nothing happened.
        raise OutsideError("no_search", True, False, detail="This operation cannot be looked up.")
    try:
        found = search(request)
    except (LookupError, TypeError, AttributeError) as error:
        raise bad_answer() from error
    if found is None:
        return None
    return Outcome(OutcomeStatus.SUCCEEDED, result=found, may_have_happened=True)


def proposed_at(key: str) -> float | None:
    """When the action of this key was proposed, in seconds since 1970 and not too late by any
    clock; None where the key does not say.

    What an action did, it did after that: a look-up need not search any further back.
    """
    try:
        return (ids.decode("act", key).int >> 80) / 1000 - CLOCK_SKEW_S
    except ids.BadId:
        return None


def listed(values: Iterable[str]) -> tuple[str, ...]:
    """The texts in their order, each once."""
    return tuple(dict.fromkeys(values))
