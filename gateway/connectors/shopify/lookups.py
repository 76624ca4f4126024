"""Whether an attempt whose answer was lost took effect, by the action's id in what it left."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from gateway.connectors.base import ConnectorRequest, Outcome, OutcomeStatus
from gateway.connectors.rest import proposed_at
from gateway.connectors.shopify import documents
from gateway.connectors.shopify.answers import bad_answer, draft_state, refund_state
from gateway.connectors.shopify.asking import ask
from gateway.connectors.shopify.catalogue import ACTION, ATTRIBUTE, MARK
from gateway.http.errors import OutsideError

MAX_PAGES = 10


def lookup(request: ConnectorRequest) -> Outcome | None:
    """What came of it; None where Shopify shows that nothing did. Raises OutsideError."""
    search = _SEARCHES.get(request.operation)
    if search is None:
        return None
    try:
        found = search(request)
    except (LookupError, TypeError, AttributeError) as error:
        raise bad_answer() from error
    if found is None:
        return None
    return Outcome(OutcomeStatus.SUCCEEDED, result=found, may_have_happened=True)


def _mark(request: ConnectorRequest) -> str:
    return MARK.replace(ACTION, request.idempotency_key)


def _refund(request: ConnectorRequest) -> Any:
    order = ask(request, documents.FIND_REFUND, id=request.arguments["order_id"])["order"]
    marked = [r for r in order["refunds"] if _mark(request) in str(r["note"] or "")]
    return refund_state(marked[0]) if marked else None


def _cancellation(request: ConnectorRequest) -> Any:
    """Shopify cancels after it answered: an order that is not cancelled yet proves nothing."""
    order = ask(request, documents.FIND_CANCELLATION, id=request.arguments["order_id"])["order"]
    if not order["cancelledAt"]:
        raise OutsideError(
            "cannot_tell", False, False,
            detail="The order is not cancelled, and a cancellation may still be at work.",
        )  # fmt: skip
    note = (order["cancellation"] or {}).get("staffNote")
    if _mark(request) not in str(note or ""):
        return None
    return {"cancelled_at": order["cancelledAt"], "is_finished": True}


def _draft(request: ConnectorRequest) -> Any:
    """The newest first, back to when the action was proposed: no search, whose index lags."""
    moment, after = proposed_at(request.idempotency_key), None
    for _ in range(MAX_PAGES):
        page = ask(request, documents.FIND_DRAFT, after=after)["draftOrders"]
        for draft in page["nodes"]:
            if _carries(draft, request.idempotency_key):
                return draft_state(draft)
            if moment is not None and _moment(draft["createdAt"]) < moment:
                return None
        if not page["pageInfo"]["hasNextPage"]:
            return None
        after = page["pageInfo"]["endCursor"]
    raise OutsideError(
        "too_many", True, False, detail="It was not found among the newest draft orders."
    )


def _deletion(request: ConnectorRequest) -> Any:
    draft = ask(request, documents.READ_DRAFT, id=request.arguments["draft_order_id"])["draftOrder"]
    return {"deleted": True} if draft is None else None


def _carries(draft: Any, key: str) -> bool:
    return any((a["key"], a["value"]) == (ATTRIBUTE, key) for a in draft["customAttributes"])


def _moment(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


_SEARCHES: dict[str, Callable[[ConnectorRequest], Any]] = {
    "refund_order": _refund,
    "cancel_order": _cancellation,
    "create_draft_order": _draft,
    "delete_draft_order": _deletion,
}
