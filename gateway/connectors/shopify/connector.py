"""Shopify: orders, refunds, inventory and draft orders, over its Admin GraphQL API."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from audit.canonical import canonical
from gateway.connectors.base import ConnectorRequest, Outcome, Preview
from gateway.connectors.calls import perform
from gateway.connectors.operations import by_name, check_schema, found
from gateway.connectors.rest import given
from gateway.connectors.shopify import lookups, previews
from gateway.connectors.shopify.answers import judge
from gateway.connectors.shopify.asking import authorized, endpoint, rendered
from gateway.connectors.shopify.catalogue import ACTION, CALLS, MARK_BEGINS, Call
from gateway.tools.render import RenderError


class ShopifyConnector:
    """The configuration holds `shop`, the shop's own domain (or `base_url`, for tests).

    Of the connection's credential the token goes into Shopify's own header.
    """

    name = "shopify"
    operations = by_name(*(call.operation for call in CALLS.values()))
    # Shopify's standard plan; larger plans allow more, which a connection may say.
    limits: Mapping[str, Any] = {"requests": "2/s, burst 40", "points": "50/s, burst 1000"}

    def check(self, operation: str, config: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
        """Judge a tool's definition; raises Unknown or RenderError."""
        call = _call(operation)
        endpoint(config)
        check_schema(call.operation, schema)

    def render(
        self, config: Mapping[str, Any], operation: str, arguments: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The exact request without secrets; pure. Arguments are variables, never GraphQL."""
        call = _call(operation)
        own = _given(call, arguments)
        try:
            variables = call.variables(own)
        except (KeyError, TypeError, AttributeError) as error:
            raise RenderError("arguments", f"what {operation} needs is missing: {error}") from error
        return dict(rendered(config, call.document, variables))

    def preview(self, request: ConnectorRequest) -> Preview | None:
        """What would change and whom it touches; None for a read."""
        return previews.preview(_own(request))

    def execute(self, request: ConnectorRequest) -> Outcome:
        """Send it once, with the action's id as key, note or attribute."""
        call = _call(request.operation)
        return perform(
            authorized(_marked(call, request), points=call.points), judge=partial(judge, call)
        )

    def lookup(self, request: ConnectorRequest) -> Outcome | None:
        """What Shopify shows of an attempt; None where it shows that nothing happened."""
        return lookups.lookup(_own(request))


def _call(name: str) -> Call:
    found(ShopifyConnector.operations, name, connector=ShopifyConnector.name)
    return CALLS[name]


def _given(call: Call, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The operation's own arguments; when it takes a call back, also what that call gave."""
    properties = (call.operation.schema or {})["properties"]
    own = {name: given(arguments, name) for name in properties}
    own = {name: value for name, value in own.items() if value is not None}
    for name, value in own.items():
        pattern = properties[name].get("pattern")
        if pattern and not re.fullmatch(pattern, str(value)):
            raise RenderError(name, f"a text of the form {pattern} is needed")
        if any(MARK_BEGINS in text.lower() for text in _texts(value)):
            # Else a text could pass for what another action has written.
            raise RenderError(name, f"{MARK_BEGINS!r} is reserved for the mark of an action")
    return own


def _own(request: ConnectorRequest) -> ConnectorRequest:
    return replace(request, arguments=_given(_call(request.operation), request.arguments))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _marked(call: Call, request: ConnectorRequest) -> ConnectorRequest:
    """The attempt with the action's id in the places that were shown for it."""
    if not call.marks:
        return request
    body = json.loads(request.rendered["body"])
    for path in call.marks:
        *steps, last = ("variables", *path)
        place: Any = body
        for step in steps:
            place = place[step]
        # The last one: what an argument brings stands before it, and is sent as it is.
        before, _, after = str(place[last]).rpartition(ACTION)
        place[last] = f"{before}{request.idempotency_key}{after}"
    rendered_body = canonical(body).decode()
    return replace(request, rendered={**request.rendered, "body": rendered_body})
