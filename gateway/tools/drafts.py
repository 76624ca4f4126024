"""Drafts of tools out of an OpenAPI document or an MCP server's tool list (pure).

What such a document says of itself is a claim: it fills in a form, and a person judges it. Names
and descriptions are shown as hostile text is, and nothing here reaches out.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from audit.canonical import NotCanonical, digest
from gateway.tools.foreign import Converter, Unfit

MAX_OPERATIONS = 300
MAX_DESCRIPTION = 2000
METHODS = {
    "get": "read",
    "post": "write",
    "put": "write",
    "patch": "write",
    "delete": "destructive",
}
# What comes from the upstream, and is compared with what it says later.
UPSTREAM_FIELDS = ("description", "input_schema", "output_schema", "operation", "config")
_ARGUMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]+")
_JSON_BODY = re.compile(r"application/(?:[a-z0-9.+-]*\+)?json\b")


@dataclass(frozen=True)
class Draft:
    """One operation as a tool's definition; `problem` says why it cannot be one."""

    key: str
    name: str
    definition: dict[str, Any] = field(default_factory=dict)
    problem: str = ""
    notes: tuple[str, ...] = ()
    claims: dict[str, Any] = field(default_factory=dict)

    @property
    def described(self) -> dict[str, Any]:
        """What the upstream says of the tool."""
        return {name: self.definition.get(name) for name in UPSTREAM_FIELDS} | {
            "claims": self.claims
        }

    @property
    def sha256(self) -> str:
        """The hash that is pinned; of nothing where the draft is none."""
        return digest(self.described) if self.definition else ""


def from_openapi(document: dict[str, Any], *, server: str = "") -> list[Draft]:
    """A draft for each operation of an OpenAPI 3 document. Raises Unfit for another document."""
    if not str(document.get("openapi", "")).startswith("3."):
        raise Unfit("This is no OpenAPI 3 document: it has no field openapi: 3.…")
    base = _base(document, server)
    found = []
    for path, item in (document.get("paths") or {}).items():
        for method in METHODS:
            if isinstance(item, dict) and isinstance(operation := item.get(method), dict):
                found.append(
                    _operation(document, base, f"{method.upper()} {path}", item, operation)
                )
    if len(found) > MAX_OPERATIONS:
        raise Unfit(f"The document has more than {MAX_OPERATIONS} operations: cut it down.")
    return _with_names_apart(found)


def from_mcp(document: dict[str, Any], *, server: str = "") -> list[Draft]:
    """A draft for each tool of an answer to `tools/list`. Raises Unfit for another document.

    `server` is where the tools are called: the answer itself does not say.
    """
    inner = document.get("result", document)
    tools = inner.get("tools") if isinstance(inner, dict) else None
    if not isinstance(tools, list):
        raise Unfit("This is no answer to tools/list: it has no list `tools`.")
    if len(tools) > MAX_OPERATIONS:
        raise Unfit(f"The server lists more than {MAX_OPERATIONS} tools.")
    if urlsplit(server).scheme not in ("http", "https"):
        raise Unfit("A tool list names no server: say where its tools are called (server).")
    return _with_names_apart([_mcp_tool(tool, server) for tool in tools if isinstance(tool, dict)])


def _base(document: dict[str, Any], server: str) -> str:
    servers = document.get("servers")
    first = servers[0] if isinstance(servers, list) and servers else {}
    base = server or (first.get("url", "") if isinstance(first, dict) else "")
    parts = urlsplit(str(base))
    if parts.scheme not in ("http", "https") or not parts.netloc or "{" in str(base):
        raise Unfit("The document names no fixed server: say where requests go (server).")
    return str(base).rstrip("/")


def _operation(
    document: dict[str, Any], base: str, key: str, item: dict[str, Any], operation: dict[str, Any]
) -> Draft:
    method, _, path = key.partition(" ")
    name = _named(operation.get("operationId") or f"{method.lower()}{path}")
    converter = Converter(document)
    try:
        config: dict[str, Any] = {"method": method, "url": base + path}
        schema = _arguments(converter, item, operation, config=config)
        definition = {
            "description": _words(operation.get("summary"), operation.get("description")),
            "input_schema": schema,
            "output_schema": None,
            "side_effect": METHODS[method.lower()],
            "retry_class": "safe" if method == "GET" else "unsafe",
            "risk": "",
            "connector": "http",
            "operation": "request",
            "config": config,
            "effect": "",
        }
        return _sound(Draft(key, name, definition, notes=tuple(dict.fromkeys(converter.notes))))
    except (Unfit, RecursionError) as error:
        return Draft(key, name, problem=str(error) or "it is nested too deeply")


def _arguments(
    converter: Converter, item: dict[str, Any], operation: dict[str, Any], *, config: dict[str, Any]
) -> dict[str, Any]:
    """Path and query parameters by name, a JSON body as the argument `body`."""
    properties: dict[str, Any] = {}
    required: list[str] = []
    for parameter in _parameters(converter, item, operation):
        name, place = str(parameter.get("name", "")), parameter.get("in")
        if place not in ("path", "query"):
            if parameter.get("required"):
                raise Unfit(f"it needs the {place} parameter {name[:60]!r}, which no tool can set")
            continue
        if not _ARGUMENT.fullmatch(name) or name in properties or name == "body":
            raise Unfit(f"the parameter {name[:60]!r} cannot be an argument's name")
        properties[name] = converter.strict(parameter.get("schema"))
        if place == "path" or parameter.get("required"):
            required.append(name)
        if place == "query":
            config.setdefault("query", {})[name] = f"{{{name}}}"
    body = _body(converter, operation)
    if body is not None and config["method"] not in ("GET", "DELETE"):
        properties["body"] = body[0]
        config["body"] = "{body}"
        required += ["body"] if body[1] else []
    elif config["method"] not in ("GET", "DELETE"):
        config["body"] = None
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    schema |= {"required": required} if required else {}
    return schema | ({"$defs": converter.defs} if converter.defs else {})


def _parameters(
    converter: Converter, item: dict[str, Any], operation: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    found: dict[tuple[Any, Any], dict[str, Any]] = {}
    for part in (*(item.get("parameters") or ()), *(operation.get("parameters") or ())):
        parameter = converter.resolve(part["$ref"]) if "$ref" in part else part
        if not isinstance(parameter, dict):
            raise Unfit("a parameter is an object")
        # The operation's own parameter stands for that of its path.
        found[parameter.get("name"), parameter.get("in")] = parameter
    yield from found.values()


def _body(converter: Converter, operation: dict[str, Any]) -> tuple[dict[str, Any], bool] | None:
    body = operation.get("requestBody")
    if isinstance(body, dict) and "$ref" in body:
        body = converter.resolve(body["$ref"])
    if not isinstance(body, dict):
        return None
    for kind, content in (body.get("content") or {}).items():
        if _JSON_BODY.match(str(kind)) and isinstance(content, dict):
            return converter.strict(content.get("schema")), bool(body.get("required"))
    raise Unfit("its body is no JSON")


def _mcp_tool(tool: dict[str, Any], server: str) -> Draft:
    key = str(tool.get("name", ""))[:200]
    hints = tool.get("annotations")
    claims = {k: v for k, v in (hints or {}).items() if isinstance(v, bool)}
    source = tool.get("inputSchema")
    converter = Converter(source if isinstance(source, dict) else {})
    try:
        schema = converter.strict({"type": "object", "properties": {}, **converter.document})
        schema |= {"type": "object", "additionalProperties": False}
        schema |= {"$defs": converter.defs} if converter.defs else {}
        # A server's hints are its own: they may make a tool look more dangerous, never a read.
        is_mild = claims.get("destructiveHint") is False or claims.get("readOnlyHint") is True
        definition = {
            "description": _words(tool.get("title"), tool.get("description")),
            "input_schema": schema,
            "output_schema": None,
            "side_effect": "write" if is_mild else "destructive",
            "retry_class": "unsafe",
            "risk": "",
            "connector": "mcp",
            "operation": "call_tool",
            "config": {"url": server, "tool": key},
            "effect": "",
        }
        notes = tuple(dict.fromkeys(converter.notes))
        return _sound(Draft(key, _named(key), definition, notes=notes, claims=claims))
    except (Unfit, RecursionError) as error:
        return Draft(key, _named(key), problem=str(error) or "it is nested too deeply")


def _sound(draft: Draft) -> Draft:
    """The draft, whose every part has one canonical form."""
    try:
        _ = draft.sha256
    except NotCanonical as error:
        raise Unfit(str(error)) from error
    return draft


def _named(text: str) -> str:
    return _UNSAFE.sub("_", str(text)).strip("_")[:60] or "unnamed"


def _words(*texts: Any) -> str:
    return "\n".join(text for text in texts if isinstance(text, str) and text)[:MAX_DESCRIPTION]


def _with_names_apart(drafts: list[Draft]) -> list[Draft]:
    """The drafts; two of one name are none, because a tool's name says which it is."""
    counts: dict[str, int] = {}
    for draft in drafts:
        counts[draft.name] = counts.get(draft.name, 0) + 1
    return [
        draft
        if counts[draft.name] == 1
        else Draft(draft.key, draft.name, problem=f"{draft.name} names more than one operation")
        for draft in drafts
    ]
