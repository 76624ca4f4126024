"""What is told of Stripe's answers, as JSON Schema; amounts in the smallest unit. Pure."""

from typing import Any

TEXT = {"type": "string"}
MAYBE = {"type": ["string", "null"]}
AMOUNT = {"type": "integer"}
YES = {"type": "boolean"}


def told(**members: Any) -> dict[str, Any]:
    """An object with all of these members."""
    return {"type": "object", "required": list(members), "properties": members}


REFUND = told(
    id=TEXT, status=MAYBE, amount=AMOUNT, currency=TEXT, charge=MAYBE, payment_intent=MAYBE,
    reason=MAYBE, failure_reason=MAYBE,
)  # fmt: skip
CHARGE = told(
    id=TEXT, status=TEXT, amount=AMOUNT, currency=TEXT, captured=AMOUNT, refunded=AMOUNT,
    disputed=YES, customer=MAYBE, payment_intent=MAYBE,
)  # fmt: skip
INTENT = told(
    id=TEXT, status=TEXT, amount=AMOUNT, currency=TEXT, capturable=AMOUNT, received=AMOUNT,
    customer=MAYBE, charge=MAYBE,
)  # fmt: skip
OF: dict[str, dict[str, Any]] = {
    "read_refund": REFUND,
    "list_refunds": told(items={"type": "array", "items": REFUND}, has_more=YES, next_cursor=MAYBE),
    "read_charge": CHARGE,
    "read_payment_intent": INTENT,
    "refund": REFUND,
    "capture_payment_intent": INTENT,
    "cancel_payment_intent": INTENT,
}
