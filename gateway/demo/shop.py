"""The demo's shop: customers, orders, tickets, sent mails, and a ledger of everything it did."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from gateway.demo.calls import Call, Refusal, Reply, Route, route
from gateway.demo.store import Documents

PRIORITIES = ("low", "normal", "high", "urgent")
_MONEY = re.compile(r"[0-9]{1,9}\.[0-9]{2}")
CUSTOMER = {
    "id": "CUST-77",
    "name": "Mara Lindqvist",
    "email": "mara.lindqvist@example.com",
    "country": "SE",
    "orders": ["ORD-1043"],
}
# Large enough for a visitor to let the agent refund part of it again and again.
ORDER = {
    "id": "ORD-1043",
    "customer_id": "CUST-77",
    "item": "Espresso machine, brushed steel, 100 pieces",
    "total": "24000.00",
    "refunded": "0.00",
    "remaining": "24000.00",
    "currency": "EUR",
}
TICKET = {
    "id": "TICK-10021",
    "customer_id": "CUST-77",
    "subject": "One of our espresso machines arrived with a dented lid",
    "priority": "normal",
    "status": "open",
}
FIRST_NEW_TICKET = 10022


def stock(documents: Documents) -> None:
    """Fill empty shelves; what is there already stays."""
    for kind, document in (("customer", CUSTOMER), ("order", ORDER), ("ticket", TICKET)):
        if documents.get(kind, str(document["id"])) is None:
            documents.put(kind, str(document["id"]), document)


def enter(documents: Documents, kind: str, key: str, details: dict[str, Any]) -> None:
    """Write one line of the ledger: something was really done."""
    number = documents.count("ledger") + 1
    line = {"number": number, "at": _now(), "kind": kind, "idempotency_key": key, **details}
    documents.put("ledger", str(number), line)


def _customer(call: Call) -> Reply:
    return 200, _found(call, "customer")


def _customers(call: Call) -> Reply:
    email = call.query.get("email")
    customers = call.documents.all("customer")
    return 200, {"items": [c for c in customers if email is None or c["email"] == email]}


def _order(call: Call) -> Reply:
    return 200, _found(call, "order")


def _listing(kind: str) -> Any:
    return lambda call: (200, {"items": call.documents.all(kind)})


def _create_ticket(call: Call) -> Reply:
    priority = call.body.get("priority", "normal")
    if priority not in PRIORITIES:
        raise Refusal(422, "invalid", f"priority must be one of {', '.join(PRIORITIES)}.")
    customer_id = call.text("customer_id")
    if call.documents.get("customer", customer_id) is None:
        raise Refusal(404, "not_found", f"There is no customer {customer_id}.")
    number = FIRST_NEW_TICKET - 1 + call.documents.count("ticket")
    ticket = {
        **call.body,
        "id": f"TICK-{number}",
        "subject": call.text("subject"),
        "priority": priority,
        "status": "open",
    }
    call.documents.put("ticket", ticket["id"], ticket)
    enter(call.documents, "ticket", call.key, {"ticket_id": ticket["id"], "priority": priority})
    return 201, ticket


def _send_email(call: Call) -> Reply:
    number = call.documents.count("email") + 1
    email = {
        "id": f"MAIL-{number}",
        "to": call.text("to"),
        "subject": call.text("subject"),
        "body": call.text("body"),
    }
    call.documents.put("email", email["id"], email)
    enter(call.documents, "email", call.key, {"email_id": email["id"], "to": email["to"]})
    return 201, {"id": email["id"], "to": email["to"], "status": "sent"}


def _refund(call: Call) -> Reply:
    order = _found(call, "order")
    amount = _amount(call.body.get("amount"))
    if call.body.get("currency") != order["currency"]:
        raise Refusal(422, "invalid", f"The order was paid in {order['currency']}.")
    remaining = Decimal(order["remaining"]) - amount
    if remaining < 0:
        raise Refusal(409, "too_much", f"Only {order['remaining']} can still be refunded.")
    order["refunded"] = str(Decimal(order["refunded"]) + amount)
    order["remaining"] = str(remaining)
    call.documents.put("order", order["id"], order)
    number = call.documents.count("refund") + 1
    refund = {
        "id": f"REF-{number}",
        "order_id": order["id"],
        "amount": str(amount),
        "currency": order["currency"],
        "remaining": order["remaining"],
    }
    call.documents.put("refund", refund["id"], refund)
    enter(call.documents, "refund", call.key, {"refund_id": refund["id"], "amount": str(amount)})
    return 201, refund


def _effect(call: Call) -> Reply:
    effect = _found(call, "effect")
    return 200, {"status": effect["status"], "body": effect["body"]}


def _found(call: Call, kind: str) -> dict[str, Any]:
    document = call.documents.get(kind, call.path["id"])
    if document is None:
        raise Refusal(404, "not_found", f"There is no {kind} {call.path['id'][:60]}.")
    return document


def _amount(value: Any) -> Decimal:
    if not isinstance(value, str) or not _MONEY.fullmatch(value) or not Decimal(value):
        raise Refusal(422, "invalid", 'amount must be a text such as "120.00", above zero.')
    return Decimal(value)


def _now() -> str:
    return datetime.now(UTC).isoformat()


ROUTES: tuple[Route, ...] = (
    route("GET", "/customers/{id}", _customer),
    route("GET", "/customers", _customers),
    route("GET", "/orders/{id}", _order),
    route("GET", "/orders", _listing("order")),
    route("GET", "/tickets", _listing("ticket")),
    route("GET", "/emails", _listing("email")),
    route("GET", "/ledger", _listing("ledger"), is_open=True),
    route("GET", "/effects/{id}", _effect),
    route("POST", "/tickets", _create_ticket, once=True),
    route("POST", "/emails", _send_email, once=True),
    route("POST", "/orders/{id}/refunds", _refund, once=True),
)
