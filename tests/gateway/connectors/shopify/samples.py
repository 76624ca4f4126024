"""Each operation of the Shopify connector once, with all that it takes."""

from typing import Any

from tests.doubles.shopify import ITEM, ORDER, PAYMENT, PLACE, VARIANT

REFUND: dict[str, Any] = {
    "order_id": ORDER, "amount": "30.00", "currency": "EUR", "transaction_id": PAYMENT,
    "gateway": "shopify_payments",
}  # fmt: skip
STOCK = {"inventory_item_id": ITEM, "location_id": PLACE, "from_quantity": 10}
ADJUST = STOCK | {"delta": -3, "reason": "damaged"}
SET = STOCK | {"name": "available", "quantity": 7, "reason": "correction"}
CANCEL = {"order_id": ORDER, "reason": "CUSTOMER", "restock": True, "refund": True}
DRAFT = {"line_items": [{"variant_id": VARIANT, "quantity": 2}]}
LINE = {
    "line_item_id": "gid://shopify/LineItem/2", "quantity": 1, "restock_type": "RETURN",
    "location_id": PLACE,
}  # fmt: skip
SAMPLES: list[tuple[str, dict[str, Any]]] = [
    ("read_order", {"order_id": ORDER}),
    ("list_orders", {"query": "tag:vip", "first": 5, "after": "abc"}),
    ("list_orders", {}),
    ("read_inventory", {"inventory_item_id": ITEM, "location_id": PLACE}),
    ("set_order_note", {"order_id": ORDER, "note": "Call first"}),
    ("add_order_tags", {"order_id": ORDER, "tags": ["late"]}),
    ("remove_order_tags", {"order_id": ORDER, "tags": ["vip"]}),
    ("cancel_order", CANCEL | {"notify_customer": False, "staff_note": "Asked by phone"}),
    ("refund_order", REFUND),
    ("refund_order", REFUND | {"note": "Dented", "notify": True, "line_items": [LINE]}),
    ("adjust_inventory", ADJUST),
    ("set_inventory", SET),
    ("create_draft_order", DRAFT | {
        "note": "For Mara", "tags": ["b2b"], "email": "mara@example.com",
        "customer_id": "gid://shopify/Customer/3",
    }),
    ("create_draft_order", DRAFT),
    ("delete_draft_order", {"draft_order_id": "gid://shopify/DraftOrder/1"}),
]  # fmt: skip
