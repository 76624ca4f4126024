"""Shopify's operations as data: arguments, variables, and the words for the reviewer. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.connectors.base import Operation
from gateway.connectors.shopify import documents, outputs
from gateway.http.messages import RetryClass

VERSION = "2026-10"
PROOF = (
    "every document, its variables and enumerations against Shopify's Admin GraphQL schema of "
    f"{VERSION} (@shopify/dev-mcp 1.16.0), behaviour over real HTTP against "
    "`tests/doubles/shopify.py`, which answers by that schema; reasons of inventory changes from "
    "memory; never against a shop"
)
DOCS = "https://shopify.dev/docs/api/admin-graphql/latest/"
# Stands in the rendered variables where the action's own id is filled in when it is sent.
ACTION = "{action}"
MARK_BEGINS = "(countersign "
MARK = f"{MARK_BEGINS}{ACTION})"
ATTRIBUTE = "countersign_action"
REFERENCE = f"gid://countersign/Action/{ACTION}"
PAGE = 20

Arguments = Mapping[str, Any]
Variables = Callable[[Arguments], dict[str, Any]]


def _gid(kind: str) -> dict[str, Any]:
    return {"type": "string", "pattern": f"^gid://shopify/{kind}/[0-9]{{1,20}}$"}


ORDER, LINE, VARIANT = _gid("Order"), _gid("LineItem"), _gid("ProductVariant")
ITEM, LOCATION, DRAFT = _gid("InventoryItem"), _gid("Location"), _gid("DraftOrder")
PAYMENT, CUSTOMER = _gid("OrderTransaction"), _gid("Customer")
MONEY = {"type": "string", "pattern": r"^[0-9]{1,12}(\.[0-9]{1,3})?$"}
CURRENCY = {"type": "string", "pattern": "^[A-Z]{3}$"}
NOTE = {"type": "string", "maxLength": 4_000}
COUNT = {"type": "integer", "minimum": -1_000_000_000, "maximum": 1_000_000_000}
TAGS = {
    "type": "array", "minItems": 1, "maxItems": 50, "uniqueItems": True,
    "items": {"type": "string", "minLength": 1, "maxLength": 40},
}  # fmt: skip
CANCEL_REASONS = ["CUSTOMER", "DECLINED", "FRAUD", "INVENTORY", "OTHER", "STAFF"]
RESTOCK = ["CANCEL", "NO_RESTOCK", "RETURN"]
# Shopify's words for why a quantity changes.
REASONS = [
    "correction", "cycle_count_available", "damaged", "movement_created", "other", "promotion",
    "quality_control", "received", "reservation_created", "restock", "safety_stock", "shrinkage",
]  # fmt: skip


@dataclass(frozen=True)
class Call:
    """One operation and what it sends.

    `field` is the member of `data` that answers it. `marks` are the places in the variables that
    carry the action's id. `points` is what Shopify counts for it at most.
    """

    operation: Operation
    document: str
    field: str
    variables: Variables
    marks: tuple[tuple[str | int, ...], ...] = ()
    points: float = 10.0


def _schema(required: str, **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": required.split(),
        "properties": properties,
    }


def _affected(schema: Mapping[str, Any]) -> str:
    """The CEL that names what is touched, as previews name it; empty where nothing is yet."""
    for name, kind in (
        ("order_id", "order"), ("inventory_item_id", "inventory_item"),
        ("draft_order_id", "draft_order"),
    ):  # fmt: skip
        if name in schema["required"]:
            return f"['{kind}:' + args.{name}]"
    return ""


def _read(name: str, title: str, *, page: str, effect: str, schema: Any) -> Operation:
    return Operation(
        name, title, side_effect="read", retry_class=RetryClass.SAFE, risk="low", schema=schema,
        effect=effect, affected=_affected(schema), output_schema=outputs.OF[name],
        documentation=DOCS + page, proof=PROOF,
    )  # fmt: skip


def _write(name: str, title: str, *, page: str, effect: str, schema: Any, **more: Any) -> Operation:
    """A change that is previewed; most take no key."""
    usual: dict[str, Any] = {
        "side_effect": "write", "retry_class": RetryClass.IDEMPOTENT, "takes_key": False,
    }  # fmt: skip
    return Operation(
        name, title, schema=schema, effect=effect, has_preview=True, affected=_affected(schema),
        output_schema=outputs.OF[name], documentation=f"{DOCS}mutations/{page}", proof=PROOF,
        **usual | more,
    )  # fmt: skip


def _some(**values: Any) -> dict[str, Any]:
    """The members that were given."""
    return {name: value for name, value in values.items() if value is not None}


def _noted(note: Any) -> str:
    return f"{note} {MARK}" if note else MARK


def _cancel(args: Arguments) -> dict[str, Any]:
    return _some(
        orderId=args["order_id"], reason=args["reason"], restock=args["restock"],
        notifyCustomer=args.get("notify_customer"), staffNote=_noted(args.get("staff_note")),
        refundMethod={"originalPaymentMethodsRefund": args["refund"]},
    )  # fmt: skip


def _refund(args: Arguments) -> dict[str, Any]:
    payment = {
        "orderId": args["order_id"], "parentId": args["transaction_id"], "kind": "REFUND",
        "gateway": args["gateway"], "amount": args["amount"],
    }  # fmt: skip
    lines = [
        _some(
            lineItemId=line["line_item_id"], quantity=line["quantity"],
            restockType=line["restock_type"], locationId=line.get("location_id"),
        )
        for line in args.get("line_items", ())
    ]  # fmt: skip
    given = _some(
        orderId=args["order_id"], currency=args["currency"], note=_noted(args.get("note")),
        notify=args.get("notify"), transactions=[payment], refundLineItems=lines or None,
    )  # fmt: skip
    return {"input": given, "key": ACTION}


def _inventory(args: Arguments, *, change: str, list_name: str) -> dict[str, Any]:
    """The quantity expected there goes with it: Shopify compares before it changes anything."""
    entry = {
        "inventoryItemId": args["inventory_item_id"], "locationId": args["location_id"],
        "changeFromQuantity": args["from_quantity"], change: args[change],
    }  # fmt: skip
    given = {
        "name": args.get("name", "available"), "reason": args["reason"], list_name: [entry],
        "referenceDocumentUri": REFERENCE,
    }  # fmt: skip
    return {"input": given, "key": ACTION}


def draft_input(args: Arguments) -> dict[str, Any]:
    """The draft order that is worked out before and created after."""
    lines = [
        {"variantId": line["variant_id"], "quantity": line["quantity"]}
        for line in args["line_items"]
    ]
    customer = args.get("customer_id")
    return _some(
        lineItems=lines, note=args.get("note"), tags=args.get("tags"), email=args.get("email"),
        purchasingEntity={"customerId": customer} if customer else None,
    )  # fmt: skip


def _draft(args: Arguments) -> dict[str, Any]:
    return {
        "input": draft_input(args) | {"customAttributes": [{"key": ATTRIBUTE, "value": ACTION}]}
    }


_STOCK = {"inventory_item_id": ITEM, "location_id": LOCATION}
_CHANGED = {"from_quantity": COUNT, "reason": {"type": "string", "enum": REASONS}}
_STOCKED = "{{ inventory_item_id }} at {{ location_id }}"
_CALLS = (
    Call(
        _read("read_order", "Read an order", page="queries/order",
              effect="Read order {{ order_id }}.", schema=_schema("order_id", order_id=ORDER)),
        documents.READ_ORDER, "order", lambda args: {"id": args["order_id"]},
    ),
    Call(
        _read(
            "list_orders", "List orders", page="queries/orders",
            effect="List orders, newest first: {{ query }}.",
            schema=_schema(
                "", query={"type": "string", "maxLength": 500},
                first={"type": "integer", "minimum": 1, "maximum": 50, "default": PAGE},
                after={"type": "string", "maxLength": 500},
            ),
        ),
        documents.LIST_ORDERS, "orders", points=100.0,
        variables=lambda args: {"first": PAGE} | _some(
            first=args.get("first"), after=args.get("after"), query=args.get("query")
        ),
    ),
    Call(
        _read("read_inventory", "Read a quantity", page="queries/inventoryItem",
              effect=f"Read how much there is of {_STOCKED}.",
              schema=_schema("inventory_item_id location_id", **_STOCK)),
        documents.READ_INVENTORY, "inventoryItem",
        lambda args: {"item": args["inventory_item_id"], "location": args["location_id"]},
    ),
    Call(
        _write("set_order_note", "Set an order's note", page="orderUpdate", material=("note",),
               effect="Replace the note of order {{ order_id }} by “{{ note }}”.",
               schema=_schema("order_id note", order_id=ORDER, note=NOTE)),
        documents.SET_NOTE, "orderUpdate",
        lambda args: {"input": {"id": args["order_id"], "note": args["note"]}},
    ),
    Call(
        _write("add_order_tags", "Add tags to an order", page="tagsAdd", risk="low",
               material=("tags",),
               effect="Add tags {{ tags }} to order {{ order_id }}.",
               schema=_schema("order_id tags", order_id=ORDER, tags=TAGS)),
        documents.ADD_TAGS, "tagsAdd", lambda args: {"id": args["order_id"], "tags": args["tags"]},
    ),
    Call(
        _write("remove_order_tags", "Remove tags from an order", page="tagsRemove", risk="low",
               material=("tags",),
               effect="Remove tags {{ tags }} from order {{ order_id }}.",
               schema=_schema("order_id tags", order_id=ORDER, tags=TAGS)),
        documents.REMOVE_TAGS, "tagsRemove",
        lambda args: {"id": args["order_id"], "tags": args["tags"]},
    ),
    Call(
        _write(
            "cancel_order", "Cancel an order", page="orderCancel", side_effect="destructive",
            risk="high", retry_class=RetryClass.UNSAFE, has_lookup=True,
            material=("cancelled_at", "financial_status", "fulfillment_status", "refunded"),
            effect="Cancel order {{ order_id }} ({{ reason }}) for good; restock: {{ restock }}, "
                   "refund to the payment: {{ refund }}, tell the customer: {{ notify_customer }}.",
            schema=_schema(
                "order_id reason restock refund", order_id=ORDER,
                reason={"type": "string", "enum": CANCEL_REASONS},
                restock={"type": "boolean"}, refund={"type": "boolean"},
                notify_customer={"type": "boolean"},
                staff_note={"type": "string", "maxLength": 200},
            ),
        ),
        documents.CANCEL_ORDER, "orderCancel", _cancel, marks=(("staffNote",),),
    ),
    Call(
        _write(
            "refund_order", "Refund an order", page="refundCreate", side_effect="destructive",
            risk="high", has_lookup=True, takes_key=True,
            material=("currency", "received", "refunded", "cancelled_at"),
            effect="Refund {{ amount }} {{ currency }} on order {{ order_id }} through "
                   "{{ gateway }}, for good; take back: {{ line_items }}.",
            schema=_schema(
                "order_id amount currency transaction_id gateway",
                order_id=ORDER, amount=MONEY, currency=CURRENCY, transaction_id=PAYMENT,
                gateway={"type": "string", "minLength": 1, "maxLength": 100},
                note={"type": "string", "maxLength": 500}, notify={"type": "boolean"},
                line_items={
                    "type": "array", "minItems": 1, "maxItems": 50,
                    "items": _schema(
                        "line_item_id quantity restock_type", line_item_id=LINE,
                        quantity={"type": "integer", "minimum": 1, "maximum": 1_000_000},
                        restock_type={"type": "string", "enum": RESTOCK}, location_id=LOCATION,
                    ),
                },
            ),
        ),
        documents.REFUND_ORDER, "refundCreate", _refund, marks=(("key",), ("input", "note")),
    ),
    Call(
        _write(
            "adjust_inventory", "Change a quantity by some", page="inventoryAdjustQuantities",
            material=("available",), takes_key=True,
            effect=f"Change the available quantity of {_STOCKED} by {{{{ delta }}}}, "
                   "from {{ from_quantity }} ({{ reason }}).",
            schema=_schema("inventory_item_id location_id delta from_quantity reason",
                           delta=COUNT, **_STOCK, **_CHANGED),
        ),
        documents.ADJUST_INVENTORY, "inventoryAdjustQuantities",
        lambda args: _inventory(args, change="delta", list_name="changes"),
        marks=(("key",), ("input", "referenceDocumentUri")),
    ),
    Call(
        _write(
            "set_inventory", "Set a quantity", page="inventorySetQuantities",
            material=("available", "on_hand"), takes_key=True,
            effect=f"Set the quantity ({{{{ name }}}}) of {_STOCKED} to {{{{ quantity }}}}, "
                   "from {{ from_quantity }} ({{ reason }}).",
            schema=_schema(
                "inventory_item_id location_id name quantity from_quantity reason",
                name={"type": "string", "enum": ["available", "on_hand"]},
                quantity=COUNT, **_STOCK, **_CHANGED,
            ),
        ),
        documents.SET_INVENTORY, "inventorySetQuantities",
        lambda args: _inventory(args, change="quantity", list_name="quantities"),
        marks=(("key",), ("input", "referenceDocumentUri")),
    ),
    Call(
        _write(
            "create_draft_order", "Create a draft order", page="draftOrderCreate",
            retry_class=RetryClass.UNSAFE, has_lookup=True, undo="delete_draft_order",
            material=("total", "currency"),
            effect="Create a draft order of {{ line_items }} for {{ customer_id }} {{ email }}. "
                   "An attribute of it names this action, so that it can be found again.",
            schema=_schema(
                "line_items", note=NOTE, tags=TAGS, customer_id=CUSTOMER,
                email={"type": "string", "format": "email", "maxLength": 254},
                line_items={
                    "type": "array", "minItems": 1, "maxItems": 100,
                    "items": _schema(
                        "variant_id quantity", variant_id=VARIANT,
                        quantity={"type": "integer", "minimum": 1, "maximum": 1_000_000},
                    ),
                },
            ),
        ),
        documents.CREATE_DRAFT, "draftOrderCreate", _draft,
        marks=(("input", "customAttributes", 0, "value"),),
    ),
    Call(
        _write(
            "delete_draft_order", "Delete a draft order", page="draftOrderDelete",
            side_effect="destructive", retry_class=RetryClass.UNSAFE, has_lookup=True,
            material=("status", "total"), effect="Delete the draft order {{ draft_order_id }}.",
            schema=_schema("draft_order_id", draft_order_id=DRAFT),
        ),
        documents.DELETE_DRAFT, "draftOrderDelete",
        lambda args: {"input": {"id": args["draft_order_id"]}},
    ),
)  # fmt: skip

CALLS = {call.operation.name: call for call in _CALLS}
