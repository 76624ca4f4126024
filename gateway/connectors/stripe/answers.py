"""What Stripe's answers mean: errors in words, keys in use, and the little that is kept."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from gateway.connectors.base import Outcome, OutcomeStatus
from gateway.connectors.calls import MASK
from gateway.connectors.rest import json_of, plain
from gateway.connectors.stripe.catalogue import Call
from gateway.http.errors import OutsideError
from gateway.http.messages import Answer
from gateway.http.status import refused

# Another request holds the object for a moment.
LOCKED = "lock_timeout"
_CLIENT_SECRET = re.compile(r"\b(?:pi|seti|src)_[A-Za-z0-9]+_secret_[A-Za-z0-9]+")
IN_USE = "idempotency_key_in_use"


def judge(call: Call, answer: Answer, outcome: Outcome) -> Outcome:
    """The outcome with Stripe's meaning: a refund may fail under status 200."""
    outcome = _without_secret(outcome)
    if outcome.status is OutcomeStatus.SUCCEEDED:
        return _success(call, answer, outcome)
    error = _error(answer)
    code = plain(error.get("code"), longest=60)
    if code == IN_USE:
        # An earlier attempt of this action is still at work: its answer comes under the same key.
        return replace(
            outcome, status=OutcomeStatus.UNKNOWN, may_have_happened=True, retryable=True,
            reason=IN_USE, error=words(answer),
        )  # fmt: skip
    if error.get("type") == "idempotency_error":
        return replace(outcome, reason="idempotency_error", retryable=False, error=words(answer))
    # A refused key keeps the reason by which a fresh credential is asked for.
    reason = outcome.reason if answer.status == 401 else code or outcome.reason
    return replace(
        outcome, reason=reason, error=words(answer),
        retryable=_passes(answer, outcome.retryable or code == LOCKED),
    )  # fmt: skip


def _without_secret(outcome: Outcome) -> Outcome:
    """Whoever has a payment's `client_secret` can act on it: it stays out of the evidence."""
    if outcome.response is None:
        return outcome
    body = _CLIENT_SECRET.sub(MASK, outcome.response.body)
    return replace(outcome, response=replace(outcome.response, body=body))


def refusal(answer: Answer) -> OutsideError:
    """The error for a reading that Stripe refused."""
    error = refused(answer, service="Stripe")
    error.detail = words(answer)
    error.args = (error.detail,)
    return error


def words(answer: Answer) -> str:
    """What Stripe said, and what to do about it."""
    error = _error(answer)
    said = plain(error.get("message"))
    quoted = f" It says: {said}" if said else ""
    param = plain(error.get("param"), longest=60)
    field = f" ({param})" if param else ""
    code = error.get("code")
    if code == IN_USE:
        return f"Stripe is still working on an earlier attempt of this action.{quoted}"
    if error.get("type") == "idempotency_error":
        return f"Stripe knows this action's key with other values: nothing was done now.{quoted}"
    if error.get("type") == "card_error":
        decline = plain(error.get("decline_code"), longest=60)
        return f"The card was refused{': ' + decline if decline else ''}.{quoted}"
    if answer.status == 429:
        return f"Stripe asks us to wait.{quoted}"
    if answer.status == 401:
        return f"Stripe does not take the key: it was rolled or revoked.{quoted}"
    if answer.status == 403:
        return f"The key lacks a permission: give it to the restricted key.{quoted}"
    if answer.status == 404:
        return f"Stripe has no such thing in this account and mode (test or live){field}.{quoted}"
    if 400 <= answer.status < 500:
        return f"Stripe refused the values{field}.{quoted}"
    return f"Stripe answered with status {answer.status}.{quoted}"


def _error(answer: Answer) -> Mapping[str, Any]:
    body = json_of(answer)
    error = body.get("error") if isinstance(body, dict) else None
    return error if isinstance(error, dict) else {}


def _passes(answer: Answer, otherwise: bool) -> bool:
    """Whether to try again: Stripe says so itself where it can tell."""
    told = answer.headers.get("stripe-should-retry", "").lower()
    return told == "true" if told in ("true", "false") else otherwise


def _success(call: Call, answer: Answer, outcome: Outcome) -> Outcome:
    try:
        kept = kept_of(call.about, outcome.result)
    except (LookupError, TypeError, AttributeError):
        reads = call.method == "GET"
        return replace(
            outcome, status=OutcomeStatus.FAILED if reads else OutcomeStatus.UNKNOWN, result=None,
            reason="bad_answer", error="The answer is not Stripe's.", may_have_happened=not reads,
        )  # fmt: skip
    if answer.headers.get("idempotent-replayed") == "true":
        kept["replayed"] = True
    return settled(call, replace(outcome, result=kept))


def settled(call: Call, outcome: Outcome) -> Outcome:
    """The outcome of a change that Stripe took: a refund may have failed all the same."""
    kept = outcome.result
    if call.operation.name != "refund" or kept["status"] not in ("failed", "canceled"):
        return outcome
    return replace(
        outcome, status=OutcomeStatus.FAILED, reason="refund_failed",
        error=f"Stripe could not pay the refund: {kept['failure_reason'] or kept['status']}.",
        may_have_happened=False, retryable=False,
    )  # fmt: skip


def kept_of(about: str, answer: Any) -> dict[str, Any]:
    """What is kept of an answer; raises LookupError or TypeError for what is not Stripe's."""
    kept = _KEPT[about](answer)
    if kept.get("object", about) != answer["object"]:
        raise LookupError(about)
    return {name: value for name, value in kept.items() if name != "object"}


def _id(value: Any) -> Any:
    """An object that may come expanded."""
    return value["id"] if isinstance(value, dict) else value


def _refund(refund: Any) -> dict[str, Any]:
    return {
        "object": "refund", "id": refund["id"], "status": refund["status"],
        "amount": refund["amount"], "currency": refund["currency"],
        "charge": _id(refund.get("charge")), "payment_intent": _id(refund.get("payment_intent")),
        "reason": refund.get("reason"), "failure_reason": refund.get("failure_reason"),
    }  # fmt: skip


def _refunds(answer: Any) -> dict[str, Any]:
    items = [_refund(item) for item in answer["data"]]
    for item in items:
        del item["object"]
    more = bool(answer["has_more"])
    return {
        "object": "list", "items": items, "has_more": more,
        "next_cursor": items[-1]["id"] if more and items else None,
    }  # fmt: skip


def _charge(charge: Any) -> dict[str, Any]:
    return {
        "object": "charge", "id": charge["id"], "status": charge["status"],
        "amount": charge["amount"], "currency": charge["currency"],
        "captured": charge["amount_captured"], "refunded": charge["amount_refunded"],
        "disputed": charge["disputed"], "customer": _id(charge.get("customer")),
        "payment_intent": _id(charge.get("payment_intent")),
    }  # fmt: skip


def _intent(intent: Any) -> dict[str, Any]:
    # Never `client_secret`: whoever has it can act on the payment.
    return {
        "object": "payment_intent", "id": intent["id"], "status": intent["status"],
        "amount": intent["amount"], "currency": intent["currency"],
        "capturable": intent["amount_capturable"], "received": intent["amount_received"],
        "customer": _id(intent.get("customer")), "charge": _id(intent.get("latest_charge")),
    }  # fmt: skip


_KEPT: dict[str, Callable[[Any], dict[str, Any]]] = {
    "refund": _refund,
    "refunds": _refunds,
    "charge": _charge,
    "intent": _intent,
}
