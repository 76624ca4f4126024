"""What is told of Shopify's answers, as JSON Schema; money as decimal texts. Pure."""

from typing import Any

TEXT = {"type": "string"}
MAYBE = {"type": ["string", "null"]}
NUMBER = {"type": "integer"}
YES = {"type": "boolean"}
TEXTS = {"type": "array", "items": TEXT}


def told(**members: Any) -> dict[str, Any]:
    """An object with all of these members."""
    return {"type": "object", "required": list(members), "properties": members}


def maybe(schema: dict[str, Any]) -> dict[str, Any]:
    """The same, or null where there is no such thing."""
    return schema | {"type": ["object", "null"]}


ORDER = told(
    id=TEXT, name=TEXT, created_at=TEXT, note=MAYBE, tags=TEXTS, currency=TEXT, total=TEXT,
    received=TEXT, refunded=TEXT, financial_status=MAYBE, fulfillment_status=TEXT,
    cancelled_at=MAYBE, cancel_reason=MAYBE,
)  # fmt: skip
CHANGE = told(name=TEXT, delta=NUMBER, quantity={"type": ["integer", "null"]})
ADJUSTED = told(adjustment_id=TEXT, changes={"type": "array", "items": CHANGE})
OF: dict[str, dict[str, Any]] = {
    "read_order": maybe(ORDER),
    "list_orders": told(items={"type": "array", "items": ORDER}, has_more=YES, next_cursor=MAYBE),
    "read_inventory": maybe(told(sku=MAYBE, location=TEXT, available=NUMBER, on_hand=NUMBER)),
    "set_order_note": ORDER,
    "add_order_tags": told(tags=TEXTS),
    "remove_order_tags": told(tags=TEXTS),
    "cancel_order": told(is_finished=YES),
    "refund_order": told(refund_id=TEXT, refunded=TEXT, currency=TEXT),
    "adjust_inventory": ADJUSTED,
    "set_inventory": ADJUSTED,
    "create_draft_order": told(
        draft_order_id=TEXT, name=TEXT, status=TEXT, total=TEXT, currency=TEXT
    ),
    "delete_draft_order": told(deleted=YES),
}
