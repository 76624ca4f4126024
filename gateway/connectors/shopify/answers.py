"""What Shopify's answers mean: errors under status 200, cost and waiting, and what is kept."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from gateway.connectors.base import Outcome, OutcomeStatus
from gateway.connectors.rest import json_of, plain
from gateway.connectors.shopify.catalogue import Call
from gateway.http.errors import OutsideError
from gateway.http.messages import Answer
from gateway.http.status import refused

LEAST_WAIT_S = 1.0
# Shopify's word that it stopped before it did anything.
BEFORE_ALL = frozenset({"THROTTLED", "ACCESS_DENIED", "MAX_COST_EXCEEDED", "SHOP_INACTIVE"})
# GraphQL's word that the request itself was wrong. Without `data`: it is judged before it is run.
NOT_VALID = frozenset({
    "INVALID_VARIABLE", "argumentLiteralsIncompatible", "argumentNotAccepted",
    "missingRequiredArguments", "missingRequiredInputObjectAttribute", "selectionMismatch",
    "undefinedDirective", "undefinedField", "undefinedType", "variableMismatch",
    "variableNotDefined", "variableNotUsed", "variableRequiresValidType",
})  # fmt: skip
# It broke within the call: a reading may be tried again.
CRASHED = frozenset({"INTERNAL_SERVER_ERROR", "TIMEOUT", "SERVICE_UNAVAILABLE"})
THROTTLED = "THROTTLED"
CONCURRENT = "IDEMPOTENCY_CONCURRENT_REQUEST"
PASSING = frozenset({"ADJUST_QUANTITIES_FAILED", "SERVICE_UNAVAILABLE"})
STATUS_WORDS = {
    401: "Shopify does not take the token: the app was removed, or its token changed.",
    402: "The shop is frozen: its owner owes Shopify.",
    403: "The token lacks a permission (scope) for this.",
    404: "There is no such shop, or this version of the API is gone.",
    423: "The shop is locked.",
    429: "Shopify asks us to wait.",
}


def judge(call: Call, answer: Answer, outcome: Outcome) -> Outcome:
    """The outcome with Shopify's meaning: status 200 says only that it was heard."""
    if not answer.ok:
        return replace(outcome, error=STATUS_WORDS.get(answer.status, outcome.error))
    body = json_of(answer)
    if not isinstance(body, dict):
        return _unreadable(call, outcome)
    data = body.get("data")
    payload = data.get(call.field) if isinstance(data, dict) else None
    if payload is None and body.get("errors"):
        return _failed(call, body, outcome)
    if isinstance(payload, dict) and (said := _said(payload)):
        return _user_error(said, outcome)
    if payload is None and "data" not in body:
        return _unreadable(call, outcome)
    try:
        return replace(outcome, result=_KEPT[call.operation.name](payload))
    except (LookupError, TypeError, AttributeError):
        return _unreadable(call, outcome)


def data_of(answer: Any) -> Mapping[str, Any]:
    """The data of a reading; raises OutsideError. A customer that may not be seen is left out."""
    if not isinstance(answer, dict):
        raise bad_answer()
    errors = [error for error in answer.get("errors") or () if not _is_hidden_customer(error)]
    if errors:
        code = _code({"errors": errors})
        wait = throttle_wait_s(answer) if code == THROTTLED else None
        raise OutsideError(
            code.lower() or "graphql_error", code != THROTTLED, False, 200, wait,
            detail=_words(answer),
        )  # fmt: skip
    if not isinstance(answer.get("data"), dict):
        raise bad_answer()
    return dict(answer["data"])


def refusal(answer: Answer) -> OutsideError:
    """The error for a reading that Shopify refused by its status."""
    error = refused(answer, service="Shopify")
    error.detail = STATUS_WORDS.get(answer.status, error.detail)
    error.args = (error.detail,)
    return error


def bad_answer() -> OutsideError:
    """The error for an answer that does not look like Shopify's."""
    return OutsideError("bad_answer", True, False, detail="The answer is not Shopify's.")


def throttle_wait_s(body: Mapping[str, Any]) -> float:
    """How long until the bucket holds what the call costs, as Shopify tells."""
    try:
        cost = body["extensions"]["cost"]
        status = cost["throttleStatus"]
        missing = float(cost["requestedQueryCost"]) - float(status["currentlyAvailable"])
        return max(LEAST_WAIT_S, missing / float(status["restoreRate"]))
    except (LookupError, TypeError, ValueError, ZeroDivisionError):
        return LEAST_WAIT_S


def _failed(call: Call, body: Mapping[str, Any], outcome: Outcome) -> Outcome:
    """What an error without a payload leaves known. Shopify answers a mutation that broke midway
    with status 200 and no `data`, so that alone does not say that nothing began.
    """
    code, reads = _code(body), call.operation.side_effect == "read"
    unknown = not reads and not _was_stopped_before(body)
    return replace(
        outcome, status=OutcomeStatus.UNKNOWN if unknown else OutcomeStatus.FAILED, result=None,
        reason="throttled" if code == THROTTLED else code.lower() or "graphql_error",
        error=_words(body), may_have_happened=unknown,
        retryable=code == THROTTLED or (reads and code in CRASHED),
        retry_after=throttle_wait_s(body) if code == THROTTLED else outcome.retry_after,
    )  # fmt: skip


def _was_stopped_before(body: Mapping[str, Any]) -> bool:
    """Whether every error is one that comes before anything begins; an unknown one is not."""
    errors, began = body["errors"], "data" in body
    return isinstance(errors, list) and all(_stops_before(error, began) for error in errors)


def _stops_before(error: Any, began: bool) -> bool:
    code = _code({"errors": [error]})
    if code in BEFORE_ALL:
        return not (began and _is_below(error))
    if began or not isinstance(error, dict):
        return False
    # An error without a code names the place in the document that is wrong.
    return code in NOT_VALID or (not code and bool(error.get("locations")))


def _user_error(said: list[Any], outcome: Outcome) -> Outcome:
    """Shopify understood and refused; a key still in use means that an attempt is at work."""
    code = plain(said[0].get("code"), longest=60) if isinstance(said[0], dict) else ""
    unknown = code == CONCURRENT
    return replace(
        outcome, status=OutcomeStatus.UNKNOWN if unknown else OutcomeStatus.FAILED, result=None,
        reason=code.lower()[:40] or "user_error", may_have_happened=unknown,
        retryable=unknown or code in PASSING,
        error="Shopify is still working on an earlier attempt of this action." if unknown
        else f"Shopify refused: {_listed(said)}.",
    )  # fmt: skip


def _unreadable(call: Call, outcome: Outcome) -> Outcome:
    reads = call.operation.side_effect == "read"
    return replace(
        outcome, status=OutcomeStatus.FAILED if reads else OutcomeStatus.UNKNOWN, result=None,
        reason="bad_answer", error="The answer is not Shopify's.", may_have_happened=not reads,
        retryable=False,
    )  # fmt: skip


def _said(payload: Mapping[str, Any]) -> list[Any]:
    said = payload.get("userErrors") or payload.get("orderCancelUserErrors")
    return said if isinstance(said, list) else []


def _listed(said: list[Any]) -> str:
    parts = []
    for error in said[:10]:
        if isinstance(error, dict):
            path = error.get("field")
            field = ".".join(map(str, path)) if isinstance(path, list) else ""
            parts.append(": ".join(filter(None, (plain(field), plain(error.get("message"))))))
    return "; ".join(parts)[:500]


def _code(body: Mapping[str, Any]) -> str:
    errors = body.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    extensions = first.get("extensions") if isinstance(first, dict) else None
    return plain(extensions.get("code"), longest=40) if isinstance(extensions, dict) else ""


def _words(body: Mapping[str, Any]) -> str:
    errors = body.get("errors")
    if isinstance(errors, str):
        return f"Shopify refused: {plain(errors)}"
    if _code(body) == THROTTLED:
        return f"Shopify's limit is reached: again in {throttle_wait_s(body):.0f} s."
    if _code(body) == "ACCESS_DENIED":
        return f"The token lacks a permission (scope). It says: {_listed(list(errors or ()))}"
    return f"Shopify refused: {_listed(list(errors or ()))}"


def _is_below(error: Any) -> bool:
    """Whether it happened in a mutation's answer: then the mutation may have been made."""
    path = error.get("path") if isinstance(error, dict) else None
    return isinstance(path, list) and len(path) > 1


def _is_hidden_customer(error: Any) -> bool:
    if not isinstance(error, dict) or _code({"errors": [error]}) != "ACCESS_DENIED":
        return False
    path = error.get("path")
    return isinstance(path, list) and "customer" in path


def money(bag: Any) -> tuple[str, str]:
    """Amount and currency as the customer was charged; raises LookupError or TypeError."""
    charged = bag["presentmentMoney"]
    return str(charged["amount"]), str(charged["currencyCode"])


def order_state(order: Any) -> dict[str, Any]:
    """The part of an order that people decide by."""
    total, currency = money(order["currentTotalPriceSet"])
    return {
        "id": order["id"], "name": order["name"], "created_at": order["createdAt"],
        "note": order["note"], "tags": sorted(order["tags"]), "currency": currency, "total": total,
        "received": money(order["totalReceivedSet"])[0],
        "refunded": money(order["totalRefundedSet"])[0],
        "financial_status": order["displayFinancialStatus"],
        "fulfillment_status": order["displayFulfillmentStatus"],
        "cancelled_at": order["cancelledAt"], "cancel_reason": order["cancelReason"],
    }  # fmt: skip


def inventory_state(item: Any) -> dict[str, Any]:
    """How much there is of an item at a place."""
    level = item["inventoryLevel"]
    found = {entry["name"]: entry["quantity"] for entry in level["quantities"]}
    return {
        "sku": item["sku"], "location": level["location"]["name"],
        "available": found["available"], "on_hand": found["on_hand"],
    }  # fmt: skip


def draft_state(draft: Any) -> dict[str, Any]:
    """A draft order; `draft_order_id` is what deletes it."""
    total, currency = money(draft["totalPriceSet"])
    return {
        "draft_order_id": draft["id"], "name": draft["name"], "status": draft["status"],
        "total": total, "currency": currency,
    }  # fmt: skip


def refund_state(refund: Any) -> dict[str, Any]:
    """A refund that was made."""
    amount, currency = money(refund["totalRefundedSet"])
    return {"refund_id": refund["id"], "refunded": amount, "currency": currency}


def _page(orders: Any) -> dict[str, Any]:
    page = orders["pageInfo"]
    return {
        "items": [order_state(order) for order in orders["nodes"]],
        "has_more": bool(page["hasNextPage"]),
        "next_cursor": page["endCursor"] if page["hasNextPage"] else None,
    }


def _maybe(kept: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """What is not there is null under status 200."""
    return lambda payload: None if payload is None else kept(payload)


def _changes(payload: Any) -> dict[str, Any]:
    group = payload["inventoryAdjustmentGroup"]
    changes = [
        {"name": c["name"], "delta": c["delta"], "quantity": c["quantityAfterChange"]}
        for c in group["changes"]
    ]
    return {"adjustment_id": group["id"], "changes": changes}


_KEPT: dict[str, Callable[[Any], Any]] = {
    "read_order": _maybe(order_state),
    "list_orders": _page,
    "read_inventory": _maybe(inventory_state),
    "set_order_note": lambda payload: order_state(payload["order"]),
    "add_order_tags": lambda payload: {"tags": sorted(payload["node"]["tags"])},
    "remove_order_tags": lambda payload: {"tags": sorted(payload["node"]["tags"])},
    # Shopify goes on by itself: what it accepted is not what it has finished.
    "cancel_order": lambda payload: {
        "job_id": payload["job"]["id"], "is_finished": payload["job"]["done"]
    },
    "refund_order": lambda payload: refund_state(payload["refund"]),
    "adjust_inventory": _changes,
    "set_inventory": _changes,
    "create_draft_order": lambda payload: draft_state(payload["draftOrder"]),
    "delete_draft_order": lambda payload: {"deleted": payload["deletedId"] is not None},
}  # fmt: skip
