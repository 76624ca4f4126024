"""From arguments to the exact HTTP request, and to the sentence a reviewer reads (pure).

Placeholders cannot change where a request goes: scheme, host, port, the names of query fields and
headers are fixed by the tool; a value fills one path segment or one query value, percent-encoded.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import SplitResult, quote, urlsplit

from audit.canonical import JSON, NotCanonical, canonical
from gateway.tools import structure

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
BODYLESS = ("GET", "DELETE")
MAX_URL_CHARACTERS = 8192
_CONFIG_FIELDS = frozenset({"method", "url", "headers", "query", "body"})
_NAME = r"[A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z_][A-Za-z0-9_-]*)*"
_PLACEHOLDER = re.compile(r"\{(" + _NAME + r")\}")
_EFFECT_PLACEHOLDER = re.compile(r"\{\{ *(" + _NAME + r") *\}\}")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
# Set by the transport, the connection's credential, or the executor, and by nobody else.
_RESERVED_HEADERS = frozenset(
    {
        "authorization",
        "connection",
        "content-length",
        "cookie",
        "expect",
        "forwarded",
        "host",
        "idempotency-key",
        "keep-alive",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "x-correlation-id",
    }
)


class RenderError(ValueError):
    """The request or sentence cannot be made; `field` names the part of the configuration."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


def render_http(config: Mapping[str, Any], arguments: Mapping[str, JSON]) -> dict[str, JSON]:
    """The exact request, without secrets; raises RenderError where an argument does not fit.

    The result is `{"kind": "http", "method", "url", "headers", "body"}` with the body as text or
    None. Without a `body` of its own a request that has one carries all arguments, canonical.
    """
    method = _method(config)
    body = _body(config, arguments, method=method)
    headers = {str(name): str(value) for name, value in (config.get("headers") or {}).items()}
    if body is not None and "content-type" not in {name.lower() for name in headers}:
        headers["Content-Type"] = "application/json"
    url = _url(config, arguments)
    if len(url) > MAX_URL_CHARACTERS:
        raise RenderError("url", f"the address is longer than {MAX_URL_CHARACTERS} characters")
    return {"kind": "http", "method": method, "url": url, "headers": headers, "body": body}


def check_http_config(config: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    """Accepts a configuration whose every placeholder has an argument; raises RenderError."""
    if unknown := sorted(set(config) - _CONFIG_FIELDS):
        raise RenderError(unknown[0], "there is no such field")
    method = _method(config)
    parts = _split(config)
    for segment in parts.path.split("/"):
        _check_path_segment(segment, schema)
    for pair in parts.query.split("&") if parts.query else ():
        _check_query_pair(pair, schema)
    _check_query(config.get("query"), schema)
    _check_headers(config.get("headers"))
    if config.get("body") is not None:
        if method in BODYLESS:
            raise RenderError("body", f"a {method} request has no body")
        _check_body(config["body"], schema)


def render_effect(
    template: str,
    arguments: Mapping[str, JSON],
    *,
    stands_for_all: Callable[[JSON], bool] = lambda _: False,
) -> str:
    """The effect sentence with its `{{ name }}` filled in; optional arguments left out read “—”.

    What `stands_for_all` says of a value: it is there for all that is within, and is said for it.
    The result is plain text: whoever shows it escapes it.
    """

    def said(match: re.Match[str]) -> str:
        names = match[1].split(".")
        for depth in range(1, len(names)):
            outer = _find(arguments, ".".join(names[:depth]))
            if stands_for_all(outer):
                return _shown(outer)
        return _shown(_find(arguments, match[1]))

    return _EFFECT_PLACEHOLDER.sub(said, template)


def check_effect(template: str, schema: Mapping[str, Any]) -> None:
    """Accepts a sentence whose every `{{ name }}` is an argument; raises RenderError."""
    if not template.strip():
        raise RenderError("effect", "a sentence is needed")
    rest = _EFFECT_PLACEHOLDER.sub("", template)
    if "{{" in rest or "}}" in rest or "{%" in rest:
        raise RenderError("effect", "only {{ name }} is understood")
    for match in _EFFECT_PLACEHOLDER.finditer(template):
        _declared(match[1], schema, field="effect")


def _method(config: Mapping[str, Any]) -> str:
    method = config.get("method")
    if method not in METHODS:
        raise RenderError("method", f"one of {', '.join(METHODS)}")
    return str(method)


def _split(config: Mapping[str, Any]) -> SplitResult:
    """The parts of the address, its fixed ones checked."""
    url = config.get("url")
    if not isinstance(url, str) or not url.isascii() or re.search(r"[\s\\]|[\x00-\x1f]", url):
        raise RenderError("url", "an absolute address in plain ASCII is needed")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise RenderError("url", str(error)) from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise RenderError("url", "the address begins with https:// or http:// and a host")
    if "@" in parts.netloc:
        raise RenderError("url", "credentials belong to the connection")
    if "{" in parts.netloc or "}" in parts.netloc:
        raise RenderError("url", "scheme, host and port are fixed")
    if "#" in url:
        raise RenderError("url", "an address that is called has no fragment")
    return parts


def _url(config: Mapping[str, Any], arguments: Mapping[str, JSON]) -> str:
    parts = _split(config)
    path = "/".join(_segment(segment, arguments) for segment in parts.path.split("/"))
    query = [_query_pair(p, arguments) for p in parts.query.split("&")] if parts.query else []
    for name, value in (config.get("query") or {}).items():
        query += [f"{quote(name, safe='')}={text}" for text in _query_values(value, arguments)]
    joined = "&".join(pair for pair in query if pair is not None)
    return f"{parts.scheme}://{parts.netloc}{path or '/'}" + (f"?{joined}" if joined else "")


def _segment(segment: str, arguments: Mapping[str, JSON]) -> str:
    if not _PLACEHOLDER.search(segment):
        return segment
    plain = _PLACEHOLDER.sub(lambda match: _path_value(match[1], arguments), segment)
    # A server may decode before it walks the path, so encoded slashes do not hide dots.
    if any(step in ("", ".", "..") for step in re.split(r"[/\\]", plain)):
        raise RenderError("url", f"{segment} may not become empty, “.” or “..”")
    return _PLACEHOLDER.sub(lambda match: quote(_path_value(match[1], arguments), safe=""), segment)


def _path_value(name: str, arguments: Mapping[str, JSON]) -> str:
    value = _find(arguments, name)
    if value is None:
        raise RenderError("url", f"{name} is needed")
    return _scalar(name, value)


def _query_pair(pair: str, arguments: Mapping[str, JSON]) -> str | None:
    name, equals, value = pair.partition("=")
    if not _PLACEHOLDER.search(value):
        return pair
    filled = _filled(value, arguments)
    return None if filled is None else f"{name}{equals}{filled}"


def _query_values(value: object, arguments: Mapping[str, JSON]) -> list[str]:
    """The encoded values of one query field; a list of scalars repeats it."""
    match = _PLACEHOLDER.fullmatch(value) if isinstance(value, str) else None
    found = _find(arguments, match[1]) if match else None
    if match and isinstance(found, list):
        return [quote(_scalar(match[1], item), safe="") for item in found]
    filled = _filled(value if isinstance(value, str) else _shown(value), arguments)  # type: ignore[arg-type]
    return [] if filled is None else [filled]


def _filled(template: str, arguments: Mapping[str, JSON]) -> str | None:
    """A query value with its placeholders filled, or None where one was left out."""
    names = [match[1] for match in _PLACEHOLDER.finditer(template)]
    if any(_find(arguments, name) is None for name in names):
        return None
    pieces = _PLACEHOLDER.split(template)
    # Every second piece is a name; what the tool's author wrote is kept when already encoded.
    return "".join(
        quote(_scalar(piece, _find(arguments, piece)), safe="")
        if i % 2
        else quote(piece, safe="%+")
        for i, piece in enumerate(pieces)
    )


def _body(config: Mapping[str, Any], arguments: Mapping[str, JSON], *, method: str) -> str | None:
    if method in BODYLESS or ("body" in config and config["body"] is None):
        return None
    try:
        if "body" not in config:
            return canonical(arguments).decode()
        return canonical(_filled_body(config["body"], arguments)).decode()
    except NotCanonical as error:
        raise RenderError("body", str(error)) from error


_LEFT_OUT = object()


def _filled_body(template: Any, arguments: Mapping[str, JSON]) -> Any:
    """A JSON template in which a text that is just `{name}` stands for the whole argument."""
    if isinstance(template, str):
        match = _PLACEHOLDER.fullmatch(template)
        return _find(arguments, match[1], missing=_LEFT_OUT) if match else template
    if isinstance(template, list):
        filled = [_filled_body(inner, arguments) for inner in template]
        return [inner for inner in filled if inner is not _LEFT_OUT]
    if isinstance(template, dict):
        pairs = {key: _filled_body(inner, arguments) for key, inner in template.items()}
        return {key: inner for key, inner in pairs.items() if inner is not _LEFT_OUT}
    return template


def _find(arguments: Mapping[str, JSON], name: str, *, missing: Any = None) -> Any:
    found: Any = arguments
    for step in name.split("."):
        if not isinstance(found, Mapping) or step not in found:
            return missing
        found = found[step]
    return found


def _scalar(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return canonical(value).decode()
    if not isinstance(value, str):
        raise RenderError("url", f"{name} must be a text, a number, or true or false")
    if _CONTROL.search(value):
        raise RenderError("url", f"{name} holds control characters")
    return value


def _shown(value: JSON) -> str:
    if value is None:
        return "—"
    return value if isinstance(value, str) else canonical(value).decode()


def _check_path_segment(segment: str, schema: Mapping[str, Any]) -> None:
    _no_stray_braces(segment, "url")
    if segment in (".", ".."):
        raise RenderError("url", "the path holds no “.” or “..”")
    for match in _PLACEHOLDER.finditer(segment):
        if not _declared(match[1], schema, field="url"):
            raise RenderError("url", f"{match[1]} stands in the path and must be required")


def _check_query_pair(pair: str, schema: Mapping[str, Any]) -> None:
    name, _, value = pair.partition("=")
    if "{" in name or "}" in name:
        raise RenderError("url", "names of query fields are fixed")
    _no_stray_braces(value, "url")
    for match in _PLACEHOLDER.finditer(value):
        _declared(match[1], schema, field="url")


def _check_query(query: object, schema: Mapping[str, Any]) -> None:
    if query is None:
        return
    if not isinstance(query, Mapping):
        raise RenderError("query", "an object of names and values is needed")
    for name, value in query.items():
        if "{" in name or "}" in name or not isinstance(value, str | int | float):
            raise RenderError("query", f"{name}: names are fixed, values are texts or numbers")
        _no_stray_braces(str(value), "query")
        for match in _PLACEHOLDER.finditer(str(value)):
            _declared(match[1], schema, field="query")


def _check_headers(headers: object) -> None:
    if headers is None:
        return
    if not isinstance(headers, Mapping):
        raise RenderError("headers", "an object of names and texts is needed")
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or name.lower() in _RESERVED_HEADERS:
            raise RenderError("headers", f"{name!r} cannot be set here")
        if not isinstance(value, str) or not _HEADER_VALUE.fullmatch(value):
            raise RenderError("headers", f"{name}: a text in plain ASCII is needed")
        if _PLACEHOLDER.search(value):
            raise RenderError("headers", f"{name}: headers take no placeholders")


def _check_body(template: object, schema: Mapping[str, Any]) -> None:
    if isinstance(template, str) and (match := _PLACEHOLDER.fullmatch(template)):
        _declared(match[1], schema, field="body")
    elif isinstance(template, str) and _PLACEHOLDER.search(template):
        raise RenderError("body", "{name} stands alone in its text, and is replaced by the value")
    elif isinstance(template, list):
        for inner in template:
            _check_body(inner, schema)
    elif isinstance(template, dict):
        for key, inner in template.items():
            if "{" in key or "}" in key:
                raise RenderError("body", "names are fixed")
            _check_body(inner, schema)


def _no_stray_braces(text: str, field: str) -> None:
    rest = _PLACEHOLDER.sub("", text)
    if "{" in rest or "}" in rest:
        raise RenderError(field, f"{text!r}: a placeholder is {{name}}")


def _declared(name: str, schema: Mapping[str, Any], *, field: str) -> bool:
    """Whether the argument is required all the way; raises RenderError where there is none."""
    part: Any = schema
    required = True
    for step in name.split("."):
        part = _referred(schema, part)
        properties = part.get("properties") if isinstance(part, Mapping) else None
        if not isinstance(properties, Mapping) or step not in properties:
            raise RenderError(field, f"{name} is not among the arguments")
        required = required and step in (part.get("required") or ())
        part = properties[step]
    return required


def _referred(schema: Mapping[str, Any], part: Any) -> Any:
    """The part, or what it refers to; a checked definition has no circle of bare references."""
    while isinstance(part, Mapping) and "properties" not in part and "$ref" in part:
        part = structure.target(dict(schema), part["$ref"])
    return part
