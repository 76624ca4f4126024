"""Whether an attempt whose answer was lost took effect, by the action's id in what it left."""

from datetime import datetime
from typing import Any

from gateway.connectors.base import ConnectorRequest, Outcome
from gateway.connectors.calls import dwindling
from gateway.connectors.rest import Search, proposed_at, searched
from gateway.connectors.shopify import documents
from gateway.connectors.shopify.answers import bad_answer, draft_state, refund_state
from gateway.connectors.shopify.asking import ask
from gateway.connectors.shopify.catalogue import ACTION, ATTRIBUTE, MARK
from gateway.http import paging
from gateway.http.errors import OutsideError
from gateway.http.paging import Page, cursored


def lookup(request: ConnectorRequest) -> Outcome | None:
    """What came of it; None where Shopify shows that nothing did. Raises OutsideError."""
    return searched(_SEARCHES, request, bad_answer=bad_answer)


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
    moment, left = proposed_at(request.idempotency_key), dwindling(request)

    def fetch(cursor: str | None) -> Page:
        page = ask(left(), documents.FIND_DRAFT, after=cursor)["draftOrders"]
        return cursored(page["nodes"], page["pageInfo"], at="endCursor", more="hasNextPage")

    def ends(draft: Any) -> bool:
        is_older = moment is not None and _moment(draft["createdAt"]) < moment
        return is_older or _carries(draft, request.idempotency_key)

    found = paging.find(fetch, ends)
    return draft_state(found) if found and _carries(found, request.idempotency_key) else None


def _deletion(request: ConnectorRequest) -> Any:
    draft = ask(request, documents.READ_DRAFT, id=request.arguments["draft_order_id"])["draftOrder"]
    return {"deleted": True} if draft is None else None


def _carries(draft: Any, key: str) -> bool:
    return any((a["key"], a["value"]) == (ATTRIBUTE, key) for a in draft["customAttributes"])


def _moment(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


_SEARCHES: dict[str, Search] = {
    "refund_order": _refund,
    "cancel_order": _cancellation,
    "create_draft_order": _draft,
    "delete_draft_order": _deletion,
}
