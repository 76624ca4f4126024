"""Stripe: refunds, captures and cancellations, over its REST API with forms."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import urlencode

from gateway.connectors.base import ConnectorRequest, Outcome, Preview
from gateway.connectors.calls import perform
from gateway.connectors.operations import by_name, check_schema, found
from gateway.connectors.rest import base_url, check_fields, given
from gateway.connectors.stripe import asking
from gateway.connectors.stripe.answers import judge
from gateway.connectors.stripe.asking import API, headers
from gateway.connectors.stripe.catalogue import CALLS, MARK, MARK_PLACE, Call
from gateway.tools.render import RenderError, render_http

CONFIG_FIELDS = frozenset({"base_url", "account"})
_ACCOUNT = re.compile("acct_[A-Za-z0-9]{1,100}")
FORM = "application/x-www-form-urlencoded"


class StripeConnector:
    """The configuration may hold `account`, a connected account, and `base_url`, for tests.

    Stripe remembers the action's id as its idempotency key for at least a day; a refund carries it
    in its metadata as well, so that it is found for ever.
    """

    name = "stripe"
    operations = by_name(*(call.operation for call in CALLS.values()))
    # What an account may ask for in test mode; live mode allows four times as much.
    limits: Mapping[str, Any] = {"requests": "25/s"}

    def check(self, operation: str, config: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
        """Judge a tool's definition; raises Unknown or RenderError."""
        call = _call(operation)
        _check_config(config)
        check_schema(call.operation, schema)

    def render(
        self, config: Mapping[str, Any], operation: str, arguments: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The exact request without secrets; pure. The form shows where the action's id goes."""
        call = _call(operation)
        _check_config(config)
        own = _given(call, arguments)
        rendered = render_http(
            {
                "method": call.method,
                "url": base_url(config, API) + call.path,
                "headers": headers(config) | ({"Content-Type": FORM} if call.fields else {}),
                "query": {name: f"{{{name}}}" for name in call.query},
                "body": None,
            },
            own,
        )
        return rendered | ({"body": _form(call, own)} if call.fields else {})

    def preview(self, request: ConnectorRequest) -> Preview | None:
        """The money before and after; None for a read."""
        return asking.preview(_own(request))

    def execute(self, request: ConnectorRequest) -> Outcome:
        """Send it once, under the action's key and with its id in the metadata."""
        call = _call(request.operation)
        return perform(_marked(call, request), judge=partial(judge, call))

    def lookup(self, request: ConnectorRequest) -> Outcome | None:
        """What Stripe shows of an attempt; None where it shows that nothing happened."""
        return asking.lookup(_own(request))


def _call(name: str) -> Call:
    found(StripeConnector.operations, name, connector=StripeConnector.name)
    return CALLS[name]


def _check_config(config: Mapping[str, Any]) -> None:
    check_fields(config, CONFIG_FIELDS)
    base_url(config, API)
    account = config.get("account", "acct_0")
    if not isinstance(account, str) or not _ACCOUNT.fullmatch(account):
        raise RenderError("account", "the id of a connected account is needed: acct_…")


def _given(call: Call, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The operation's own arguments; when it takes a call back, also what that call gave."""
    properties = (call.operation.schema or {})["properties"]
    own = {name: given(arguments, name) for name in properties}
    own = {name: value for name, value in own.items() if value is not None}
    for name, value in own.items():
        pattern = properties[name].get("pattern")
        if pattern and not re.fullmatch(pattern, str(value)):
            raise RenderError(name, "this is no id that Stripe gives")
    choice = [part["required"][0] for part in (call.operation.schema or {}).get("oneOf", ())]
    if choice and len(set(choice) & set(own)) != 1:
        raise RenderError(choice[0], f"exactly one of {' and '.join(choice)} is needed")
    return own


def _own(request: ConnectorRequest) -> ConnectorRequest:
    return replace(request, arguments=_given(_call(request.operation), request.arguments))


def _form(call: Call, arguments: Mapping[str, Any]) -> str:
    pairs = [pair for name in call.fields for pair in _pairs(name, arguments.get(name))]
    form = urlencode(pairs)
    if not call.is_marked:
        return form
    if MARK in (arguments.get("metadata") or {}):
        raise RenderError("metadata", f"{MARK} is reserved for the id of an action")
    return f"{form}&{MARK_PLACE}"


def _pairs(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Stripe's form: members in square brackets, true and false as words."""
    if isinstance(value, Mapping):
        # In one order, whatever order they were stored in: the same arguments, the same bytes.
        for key, inner in sorted(value.items()):
            if not isinstance(inner, str) or re.search(r"[\[\]]", str(key)):
                raise RenderError(name, "names without brackets and texts are needed")
            yield f"{name}[{key}]", inner
    elif isinstance(value, bool):
        yield name, "true" if value else "false"
    elif isinstance(value, int | str):
        yield name, str(value)
    elif value is not None:
        raise RenderError(name, "a text, an integer, or true or false is needed")


def _marked(call: Call, request: ConnectorRequest) -> ConnectorRequest:
    if not call.is_marked:
        return request
    # Nothing that an argument brings can contain the place: its percent signs are encoded.
    mark = urlencode({f"metadata[{MARK}]": request.idempotency_key})
    body = str(request.rendered["body"]).replace(MARK_PLACE, mark)
    return replace(request, rendered={**request.rendered, "body": body})
