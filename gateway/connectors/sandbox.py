"""The demo shop: reads and changes of its customers, tickets, mails and orders, over real HTTP."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlencode

from gateway.connectors.base import (
    Affected,
    ConnectorRequest,
    Operation,
    Outcome,
    OutcomeStatus,
    Preview,
)
from gateway.connectors.calls import perform, read
from gateway.connectors.operations import by_name, found
from gateway.http.errors import OutsideError
from gateway.http.messages import RetryClass
from gateway.tools.render import RenderError, check_http_config, render_http

_MONEY = re.compile(r"[0-9]{1,9}\.[0-9]{2}")


@dataclass(frozen=True)
class _Call:
    """Method and path template of one operation; a body carries all arguments."""

    method: str
    path: str
    preview: Callable[[ConnectorRequest], Preview] | None = None


class SandboxConnector:
    """Operations of the shop that the demo runs; the configuration names its `base_url`."""

    name = "sandbox"

    operations = by_name(
        Operation(
            "lookup_customer", "Look up a customer", side_effect="read",
            retry_class=RetryClass.SAFE, risk="low", has_lookup=True,
        ),
        Operation(
            "create_support_ticket", "Open a support ticket", side_effect="write",
            retry_class=RetryClass.IDEMPOTENT, has_preview=True, has_lookup=True,
        ),
        Operation(
            "send_email", "Send an e-mail", side_effect="write",
            retry_class=RetryClass.IDEMPOTENT, has_preview=True, has_lookup=True,
        ),
        Operation(
            "refund", "Refund an order", side_effect="destructive", risk="high",
            retry_class=RetryClass.IDEMPOTENT, has_preview=True, has_lookup=True,
        ),
    )  # fmt: skip

    def check(self, operation: str, config: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
        """Judge a tool's definition; raises Unknown or RenderError."""
        check_http_config(_request(config, operation), schema)

    def render(
        self, config: Mapping[str, Any], operation: str, arguments: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The exact request without secrets; pure."""
        return render_http(_request(config, operation), arguments)

    def preview(self, request: ConnectorRequest) -> Preview | None:
        """What would change and whom it touches; None for a read."""
        call = _call(request.operation)
        try:
            return call.preview(request) if call.preview else None
        except (LookupError, TypeError, ValueError, ArithmeticError) as error:
            # The answer does not look like the shop's: that is the outside's fault, not ours.
            raise OutsideError(
                "bad_answer", True, False, detail="The shop's answer cannot be read."
            ) from error

    def execute(self, request: ConnectorRequest) -> Outcome:
        """Send it once."""
        return perform(request)

    def lookup(self, request: ConnectorRequest) -> Outcome | None:
        """What the shop remembers under the idempotency key; None where it never saw it."""
        memory = _get(request, f"/effects/{quote(request.idempotency_key, safe='')}")
        if memory is None:
            return None
        return Outcome(OutcomeStatus.SUCCEEDED, result=memory["body"], may_have_happened=True)


def _call(name: str) -> _Call:
    found(SandboxConnector.operations, name, connector=SandboxConnector.name)
    return _CALLS[name]


def _request(config: Mapping[str, Any], operation: str) -> dict[str, str]:
    call = _call(operation)
    return {"method": call.method, "url": _base(config) + call.path}


def _base(config: Mapping[str, Any]) -> str:
    base = config.get("base_url")
    if not isinstance(base, str):
        raise RenderError("base_url", "the address of the shop is needed")
    return base.rstrip("/")


def _get(request: ConnectorRequest, path: str) -> Any:
    url = _base(request.config) + path
    return read(request, {"method": "GET", "url": url, "headers": {}, "body": None})


def _preview_refund(request: ConnectorRequest) -> Preview:
    order_id = str(request.arguments["order_id"])
    order = _get(request, f"/orders/{quote(order_id, safe='')}")
    affected = [Affected("order", order_id)]
    if order is None:
        return _seen(None, None, affected)
    refunded = _money(order["refunded"]) + _money(request.arguments["amount"])
    after = order | {
        "refunded": str(refunded),
        "remaining": str(_money(order["total"]) - refunded),
    }
    if customer := _get(request, f"/customers/{quote(order['customer_id'], safe='')}"):
        affected.insert(0, _customer(customer))
    return _seen(order, after, affected)


def _preview_ticket(request: ConnectorRequest) -> Preview:
    customer_id = str(request.arguments["customer_id"])
    customer = _get(request, f"/customers/{quote(customer_id, safe='')}")
    affected = [_customer(customer)] if customer else []
    return _seen({"ticket": None}, {"ticket": dict(request.arguments)}, affected)


def _preview_email(request: ConnectorRequest) -> Preview:
    address = str(request.arguments["to"])
    page = _get(request, f"/customers?{urlencode({'email': address})}")
    customers = page["items"] if page else []
    affected = [Affected("email", address), *(_customer(customer) for customer in customers)]
    return _seen({"email": None}, {"email": dict(request.arguments)}, affected)


def _seen(before: Any, after: Any, affected: list[Affected]) -> Preview:
    return Preview(before, after, tuple(affected), datetime.now(UTC))


def _customer(customer: Mapping[str, Any]) -> Affected:
    return Affected("customer", str(customer["id"]), str(customer["name"]))


def _money(value: Any) -> Decimal:
    # An amount the shop will refuse is shown as changing nothing.
    is_money = isinstance(value, str) and _MONEY.fullmatch(value)
    return Decimal(value) if is_money else Decimal("0.00")


_CALLS = {
    "lookup_customer": _Call("GET", "/customers/{customer_id}"),
    "create_support_ticket": _Call("POST", "/tickets", _preview_ticket),
    "send_email": _Call("POST", "/emails", _preview_email),
    "refund": _Call("POST", "/orders/{order_id}/refunds", _preview_refund),
}
