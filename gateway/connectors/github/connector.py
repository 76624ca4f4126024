"""GitHub: issues, comments, labels, reviews, merges, workflows and files, over its REST API."""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from gateway.connectors.base import ConnectorRequest, Outcome, Preview
from gateway.connectors.calls import costing, perform
from gateway.connectors.github import lookups, previews
from gateway.connectors.github.answers import judge
from gateway.connectors.github.asking import API, HEADERS
from gateway.connectors.github.catalogue import (
    CALLS,
    MARK_BEGINS,
    MARK_PLACE,
    OWNER,
    PAGE,
    REPO,
    Call,
)
from gateway.connectors.operations import by_name, check_schema, found
from gateway.connectors.rest import base_url, check_fields, given, marked
from gateway.tools.render import RenderError, render_http

CONFIG_FIELDS = frozenset({"base_url"})
_FIXED = {"owner": re.compile(OWNER["pattern"]), "repo": re.compile(REPO["pattern"])}


class GithubConnector:
    """The configuration may hold `base_url`, the address of an own server's API.

    A tool narrows where it may act by its own schema: `{"owner": {"const": "acme"}}`.
    """

    name = "github"
    operations = by_name(*(call.operation for call in CALLS.values()))
    # What a person's token and most installations of an app may ask for.
    # Each change takes a point, of which GitHub's limit on new content allows so many.
    limits: Mapping[str, Any] = {"requests": "5000/h, burst 100", "points": "80/m"}

    def check(self, operation: str, config: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
        """Judge a tool's definition; raises Unknown or RenderError."""
        call = _call(operation)
        check_fields(config, CONFIG_FIELDS)
        base_url(config, API)
        check_schema(call.operation, schema)

    def render(
        self, config: Mapping[str, Any], operation: str, arguments: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The exact request without secrets; pure. The mark's place stands for the action's id."""
        call = _call(operation)
        arguments = _given(call, arguments)
        _check_place(arguments)
        return render_http(
            {
                "method": call.method,
                "url": base_url(config, API) + call.path,
                "headers": HEADERS,
                "query": {name: f"{{{name}}}" for name in call.query},
                "body": call.body,
            },
            _filled(call, arguments),
        )

    def preview(self, request: ConnectorRequest) -> Preview | None:
        """What would change and whom it touches; None for a read."""
        return previews.preview(_own(request))

    def execute(self, request: ConnectorRequest) -> Outcome:
        """Send it once, with the action's mark where the text has a place for it."""
        call, request = _call(request.operation), _own(request)
        sent = costing(_marked(call, request), 0.0 if call.method == "GET" else 1.0)
        return perform(sent, judge=partial(judge, call, request.arguments))

    def lookup(self, request: ConnectorRequest) -> Outcome | None:
        """What GitHub shows of an attempt; None where it shows that nothing happened."""
        return lookups.lookup(_own(request))


def _call(name: str) -> Call:
    found(GithubConnector.operations, name, connector=GithubConnector.name)
    return CALLS[name]


def _given(call: Call, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The operation's own arguments; when it takes a call back, also what that call gave."""
    schema = call.operation.schema or {}
    found = {name: given(arguments, name) for name in schema["properties"]}
    return {name: value for name, value in found.items() if value is not None}


def _own(request: ConnectorRequest) -> ConnectorRequest:
    return replace(request, arguments=_given(_call(request.operation), request.arguments))


def _check_place(arguments: Mapping[str, Any]) -> None:
    for name, pattern in _FIXED.items():
        value = arguments.get(name)
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise RenderError(name, "this is no name that GitHub gives")


def _filled(call: Call, arguments: Mapping[str, Any]) -> dict[str, Any]:
    filled = dict(arguments)
    for name in ("title", "body"):
        if MARK_BEGINS in str(filled.get(name)).lower():
            # Else a text could pass for what another action has written.
            raise RenderError(name, f"{MARK_BEGINS!r} is reserved for the mark of an action")
    if call.marked:
        text = str(filled.get(call.marked) or "")
        filled[call.marked] = f"{text}\n\n{MARK_PLACE}".lstrip("\n")
    if "per_page" in call.query:
        filled.setdefault("per_page", PAGE)
    if call.about == "file":
        filled["content"] = base64.b64encode(str(arguments.get("text", "")).encode()).decode()
    return filled


def _marked(call: Call, request: ConnectorRequest) -> ConnectorRequest:
    if not call.marked:
        return request
    text = str(json.loads(request.rendered["body"])[call.marked])
    mark = lookups.mark(request.idempotency_key)
    return marked(request, {call.marked: text.replace(MARK_PLACE, mark)})
