"""What an operation would change in a shop, read without changing anything."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from gateway.connectors.base import Affected, ConnectorRequest, Preview
from gateway.connectors.shopify import documents
from gateway.connectors.shopify.answers import (
    bad_answer,
    draft_state,
    inventory_state,
    money,
    order_state,
)
from gateway.connectors.shopify.asking import ask
from gateway.connectors.shopify.catalogue import draft_input

State = dict[str, Any]
# Shown on every card of an order; what else of it changes with each operation stands in `after`.
ORDER_FIELDS = (
    "name", "financial_status", "fulfillment_status", "currency", "total", "received", "refunded",
    "cancelled_at", "note", "tags",
)  # fmt: skip


def preview(request: ConnectorRequest) -> Preview | None:
    """The state before and after, and whom it touches; None for a read. Raises OutsideError."""
    show = _PREVIEWS.get(request.operation)
    if show is None:
        return None
    try:
        return show(request)
    except (LookupError, TypeError, AttributeError, InvalidOperation) as error:
        raise bad_answer() from error


def _order(request: ConnectorRequest) -> Preview:
    order = ask(request, documents.PREVIEW_ORDER, id=request.arguments["order_id"])["order"]
    affected = [Affected("order", str(request.arguments["order_id"]))]
    if order is None:
        return _seen(None, None, affected)
    affected = [Affected("order", order["id"], order["name"]), *_customer(order)]
    state = order_state(order)
    before = {name: state[name] for name in ORDER_FIELDS}
    if request.operation == "refund_order":
        return _refunded(request, order, before=before, affected=affected)
    return _seen(before, before | _AFTER[request.operation](before, request.arguments), affected)


def _refunded(
    request: ConnectorRequest, order: Any, *, before: State, affected: list[Affected]
) -> Preview:
    """The payment that is paid back, and what is left of it. What Shopify will refuse changes
    nothing.
    """
    args = request.arguments
    payments = [p for p in order["transactions"] if p["id"] == args["transaction_id"]]
    before["payment"] = _payment(payments[0]) if payments else None
    refunded = Decimal(before["refunded"]) + Decimal(args["amount"])
    fits = (
        payments
        and payments[0]["gateway"] == args["gateway"]
        and before["currency"] == args["currency"]
        and refunded <= Decimal(before["received"])
    )
    after = before | ({"refunded": _like(before["received"], refunded)} if fits else {})
    return _seen(before, after, affected)


def _payment(payment: Any) -> State:
    amount, currency = money(payment["amountSet"])
    return {
        "kind": payment["kind"], "gateway": payment["gateway"], "status": payment["status"],
        "amount": amount, "currency": currency,
    }  # fmt: skip


def _like(sample: str, value: Decimal) -> str:
    """Written with as many decimals as Shopify writes."""
    places = len(sample.partition(".")[2])
    return f"{value:.{places}f}"


def _inventory(request: ConnectorRequest) -> Preview:
    args = request.arguments
    found = ask(
        request, documents.READ_INVENTORY, item=args["inventory_item_id"],
        location=args["location_id"],
    )["inventoryItem"]  # fmt: skip
    item = Affected("inventory_item", str(args["inventory_item_id"]))
    if found is None or found["inventoryLevel"] is None:
        return _seen(None, None, [item, Affected("location", str(args["location_id"]))])
    before = inventory_state(found)
    affected = [
        Affected("inventory_item", found["id"], str(before["sku"] or "")),
        Affected("location", str(args["location_id"]), str(before["location"])),
    ]
    name = args.get("name", "available")
    if before[name] != args["from_quantity"]:
        # Shopify compares first, and refuses.
        return _seen(before, dict(before), affected)
    delta = args["delta"] if "delta" in args else args["quantity"] - before[name]
    moved = {kind: before[kind] + delta for kind in ("available", "on_hand")}
    return _seen(before, before | moved, affected)


def _draft(request: ConnectorRequest) -> Preview:
    """Worked out by Shopify, with its prices, taxes and discounts of now."""
    worked = ask(request, documents.CALCULATE_DRAFT, input=draft_input(request.arguments))
    found = worked["draftOrderCalculate"]["calculatedDraftOrder"]
    customer = request.arguments.get("customer_id") or request.arguments.get("email")
    affected = [Affected("customer", str(customer))] if customer else []
    if found is None:
        return _seen(None, None, affected)
    total, currency = money(found["totalPriceSet"])
    lines = [{"title": line["title"], "quantity": line["quantity"]} for line in found["lineItems"]]
    before = {"total": total, "currency": currency, "draft_order": None}
    given = {name: request.arguments.get(name) for name in ("note", "tags", "email")}
    return _seen(before, before | {"draft_order": given | {"line_items": lines}}, affected)


def _deleted(request: ConnectorRequest) -> Preview:
    name = str(request.arguments["draft_order_id"])
    draft = ask(request, documents.READ_DRAFT, id=name)["draftOrder"]
    if draft is None:
        return _seen(None, None, [Affected("draft_order", name)])
    return _seen(draft_state(draft), None, [Affected("draft_order", name, str(draft["name"]))])


def _cancelled(before: State, args: Mapping[str, Any]) -> State:
    if before["cancelled_at"]:
        return {}
    refunded = {"refunded": before["received"]} if args["refund"] else {}
    return {"cancelled_at": "(when it is carried out)", **refunded}


_AFTER: dict[str, Callable[[State, Mapping[str, Any]], State]] = {
    "set_order_note": lambda before, args: {"note": args["note"]},
    "add_order_tags": lambda before, args: {"tags": sorted({*before["tags"], *args["tags"]})},
    "remove_order_tags": lambda before, args: {
        "tags": [tag for tag in before["tags"] if tag not in args["tags"]]
    },
    "cancel_order": _cancelled,
}
_PREVIEWS: dict[str, Callable[[ConnectorRequest], Preview]] = {
    "set_order_note": _order,
    "add_order_tags": _order,
    "remove_order_tags": _order,
    "cancel_order": _order,
    "refund_order": _order,
    "adjust_inventory": _inventory,
    "set_inventory": _inventory,
    "create_draft_order": _draft,
    "delete_draft_order": _deleted,
}


def _customer(order: Any) -> list[Affected]:
    customer = order["customer"]
    return [Affected("customer", customer["id"], customer["displayName"])] if customer else []


def _seen(before: Any, after: Any, affected: list[Affected]) -> Preview:
    return Preview(before, after, tuple(affected), datetime.now(UTC))
