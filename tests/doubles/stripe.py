"""Stripe as far as the connector knows it: one payment, its refunds, and keys that are remembered.

Stripe's own package speaks to it, too (`test_contract.py`): what it takes from here it would take
from Stripe.
"""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from tests.doubles.serving import Asked, Said, Service

SECRET = "sk_test_0123456789"
VERSION = "2026-10-28.endive"
CHARGE = "ch_1"
INTENT = "pi_1"
HELD = "pi_held"


def problem(status: int, kind: str, message: str, **more: Any) -> Said:
    headers = {"Request-Id": "req_1"}
    return Said(status, {"error": {"type": kind, "message": message} | more}, headers)


def missing(name: str) -> Said:
    return problem(404, "invalid_request_error", f"No such {name}", code="resource_missing",
                   param=name)  # fmt: skip


@dataclass
class Stripe(Service):
    """`keys` are the answers remembered under a key, with the form that they belong to."""

    keys: dict[str, tuple[str, Any, Said]] = field(default_factory=dict)
    refunds: list[dict[str, Any]] = field(default_factory=list)
    refund_status: str = "succeeded"

    def __post_init__(self) -> None:
        self.charge: dict[str, Any] = {
            "id": CHARGE, "object": "charge", "amount": 5000, "amount_captured": 5000,
            "amount_refunded": 0, "currency": "eur", "customer": "cus_1", "disputed": False,
            "status": "succeeded", "payment_intent": INTENT, "metadata": {},
            "billing_details": {"name": "Mara Lindqvist", "email": "mara@example.com"},
        }  # fmt: skip
        self.intents = {
            INTENT: self._intent(INTENT, "succeeded", capturable=0, received=5000),
            HELD: self._intent(HELD, "requires_capture", capturable=5000, received=0),
        }
        self.intents[INTENT]["latest_charge"] = CHARGE

    def answer(self, asked: Asked) -> Said:
        if asked.headers.get("authorization") != f"Bearer {SECRET}":
            return problem(401, "invalid_request_error", "Invalid API Key provided: sk_***")
        if asked.headers.get("stripe-version") != VERSION:
            return problem(400, "invalid_request_error", "Invalid Stripe API version")
        if asked.method == "GET":
            return self._read(asked)
        return self._once(asked)

    def _once(self, asked: Asked) -> Said:
        """A key is answered as it was answered first; with another form it is refused."""
        key = asked.headers.get("idempotency-key", "")
        if not key:
            return self._write(asked)
        form = sorted(parse_qsl(asked.body.decode(), keep_blank_values=True))
        if key in self.keys:
            path, first, said = self.keys[key]
            if (path, first) != (asked.path, form):
                return problem(
                    400, "idempotency_error", "Keys for idempotent requests can only be used with "
                    "the same parameters they were first used with.",
                )  # fmt: skip
            return Said(said.status, said.body, {**said.headers, "Idempotent-Replayed": "true"})
        said = self._write(asked)
        self.keys[key] = (asked.path, form, said)
        return said

    def _write(self, asked: Asked) -> Said:
        if not asked.headers.get("content-type", "").startswith(
            "application/x-www-form-urlencoded"
        ):
            return problem(400, "invalid_request_error", "Forms only.")
        form = dict(parse_qsl(asked.body.decode(), keep_blank_values=True))
        match asked.steps:
            case ["v1", "refunds"]:
                return self._refund(form)
            case ["v1", "payment_intents", intent, "cancel"] if intent in self.intents:
                return self._cancel(self.intents[intent])
            case ["v1", "payment_intents", intent, "capture"] if intent in self.intents:
                return self._capture(self.intents[intent], int(form["amount_to_capture"]))
        return missing(asked.steps[-1])

    def _refund(self, form: dict[str, str]) -> Said:
        if form.get("charge", CHARGE) != CHARGE or form.get("payment_intent", INTENT) != INTENT:
            return missing("charge")
        left = self.charge["amount_captured"] - self.charge["amount_refunded"]
        amount = int(form.get("amount", left))
        if amount > left:
            return problem(
                400, "invalid_request_error", f"Refund amount ({amount}) is greater than the "
                f"unrefunded amount on charge ({left})", param="amount",
            )  # fmt: skip
        refund = {
            "id": f"re_{len(self.refunds) + 1}", "object": "refund", "amount": amount,
            "currency": "eur", "charge": CHARGE, "payment_intent": INTENT,
            "reason": form.get("reason"), "status": self.refund_status, "failure_reason": None,
            "metadata": {k[9:-1]: v for k, v in form.items() if k.startswith("metadata[")},
        }  # fmt: skip
        if self.refund_status == "failed":
            refund["failure_reason"] = "lost_or_stolen_card"
        else:
            self.charge["amount_refunded"] += amount
        self.refunds.append(refund)
        self.effects.append(("refund", amount))
        return Said(200, refund, {"Request-Id": "req_1"})

    def _cancel(self, intent: dict[str, Any]) -> Said:
        if intent["status"] in ("succeeded", "canceled"):
            return self._wrong_state(intent)
        intent |= {"status": "canceled", "amount_capturable": 0}
        self.effects.append(("cancel", intent["id"]))
        return Said(200, dict(intent))

    def _capture(self, intent: dict[str, Any], amount: int) -> Said:
        if intent["status"] != "requires_capture":
            return self._wrong_state(intent)
        intent |= {"status": "succeeded", "amount_capturable": 0, "amount_received": amount}
        self.effects.append(("capture", amount))
        return Said(200, dict(intent))

    def _wrong_state(self, intent: dict[str, Any]) -> Said:
        return problem(
            400, "invalid_request_error", f"This PaymentIntent has status {intent['status']}.",
            code="payment_intent_unexpected_state",
        )  # fmt: skip

    def _read(self, asked: Asked) -> Said:
        match asked.steps:
            case ["v1", "charges", name] if name == CHARGE:
                return Said(200, self.charge)
            case ["v1", "payment_intents", name] if name in self.intents:
                intent = dict(self.intents[name])
                if asked.query.get("expand[]") == "latest_charge":
                    intent["latest_charge"] = self.charge if name == INTENT else None
                return Said(200, intent)
            case ["v1", "refunds", name]:
                found = [refund for refund in self.refunds if refund["id"] == name]
                return Said(200, found[0]) if found else missing("refund")
            case ["v1", "refunds"]:
                return self._page(asked)
        return missing(asked.steps[-1])

    def _page(self, asked: Asked) -> Said:
        newest = list(reversed(self.refunds))
        after = asked.query.get("starting_after")
        if after:
            newest = newest[[refund["id"] for refund in newest].index(after) + 1 :]
        limit = int(asked.query.get("limit", 10))
        return Said(200, {"object": "list", "url": "/v1/refunds", "data": newest[:limit],
                          "has_more": len(newest) > limit})  # fmt: skip

    def _intent(self, name: str, status: str, *, capturable: int, received: int) -> dict[str, Any]:
        return {
            "id": name, "object": "payment_intent", "amount": 5000, "currency": "eur",
            "status": status, "amount_capturable": capturable, "amount_received": received,
            "customer": "cus_1", "latest_charge": None, "client_secret": f"{name}_secret_9",
            "metadata": {},
        }  # fmt: skip
