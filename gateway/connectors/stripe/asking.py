"""Reading from Stripe without changing anything: previews of money, and what became of it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

from gateway.connectors.base import Affected, ConnectorRequest, Outcome, Preview
from gateway.connectors.calls import dwindling, read
from gateway.connectors.rest import Search, base_url, reading, searched
from gateway.connectors.stripe.answers import kept_of, refusal, settled
from gateway.connectors.stripe.catalogue import CALLS, MARK
from gateway.http import paging
from gateway.http.errors import OutsideError
from gateway.http.paging import Page
from gateway.tools.render import RenderError

API = "https://api.stripe.com"
VERSION = "2026-10-28.endive"
PER_PAGE = 100
MAX_PAGES = 5


def headers(config: Mapping[str, Any]) -> dict[str, str]:
    """The pinned version, and the connected account that the tool acts for."""
    account = config.get("account")
    return {"Stripe-Version": VERSION} | ({"Stripe-Account": account} if account else {})


def preview(request: ConnectorRequest) -> Preview | None:
    """The money before and after, and whose it is; None for a read. Raises OutsideError."""
    if not CALLS[request.operation].operation.has_preview:
        return None
    try:
        if request.operation == "refund":
            return _refund(request)
        return _intent(request)
    except (LookupError, TypeError, AttributeError) as error:
        raise _bad_answer() from error


def lookup(request: ConnectorRequest) -> Outcome | None:
    """What came of an attempt; None where Stripe shows that nothing did. Raises OutsideError.

    A refund carries the action's id. A capture or cancellation shows by the payment's status,
    whoever did it.
    """
    outcome = searched(_SEARCHES, request, bad_answer=_bad_answer)
    return settled(CALLS[request.operation], outcome) if outcome else None


def _refund(request: ConnectorRequest) -> Preview:
    charge = _charge_of(request)
    named = _named(request)
    if charge is None:
        return _seen(None, None, [named])
    paid = kept_of("charge", charge)
    left = paid["captured"] - paid["refunded"]
    names = ("status", "amount", "currency", "captured", "refunded", "disputed")
    before = {name: paid[name] for name in names} | {"refundable": left}
    amount = request.arguments["amount"]
    # What Stripe will refuse is shown as changing nothing.
    after = dict(before)
    if isinstance(amount, int) and amount <= left:
        after |= {"refunded": paid["refunded"] + amount, "refundable": left - amount}
    return _seen(before, after, [named, *_customer(charge)])


def _intent(request: ConnectorRequest) -> Preview:
    intent = _get(request, f"/v1/payment_intents/{_part(request, 'payment_intent')}")
    if intent is None:
        return _seen(None, None, [_named(request)])
    paid = kept_of("intent", intent)
    before = {
        name: paid[name] for name in ("status", "amount", "currency", "capturable", "received")
    }
    after = before | {"status": "canceled", "capturable": 0}
    if request.operation == "capture_payment_intent":
        taken = request.arguments["amount_to_capture"]
        after = before | {"status": "succeeded", "capturable": 0, "received": taken}
        if before["status"] != "requires_capture" or taken > before["capturable"]:
            after = before
    elif before["status"] in ("succeeded", "canceled"):
        after = before
    return _seen(before, after, [_named(request), *_customer(intent)])


def _charge_of(request: ConnectorRequest) -> Any:
    """The charge that is refunded: named, or the payment's latest one."""
    if "charge" in request.arguments:
        return _get(request, f"/v1/charges/{_part(request, 'charge')}")
    path = f"/v1/payment_intents/{_part(request, 'payment_intent')}"
    intent = _get(request, path, **{"expand[]": "latest_charge"})
    return None if intent is None else intent["latest_charge"]


def _find_refund(request: ConnectorRequest) -> Any:
    """The refund that carries this action's id, among all of the payment."""
    names = ("charge", "payment_intent")
    of = {name: str(request.arguments[name]) for name in names if name in request.arguments}

    left = dwindling(request)

    def fetch(cursor: str | None) -> Page:
        after = {"starting_after": cursor} if cursor else {}
        page = _get(left(), "/v1/refunds", limit=str(PER_PAGE), **of, **after)
        following = page["data"][-1]["id"] if page["has_more"] else None
        return Page(tuple(page["data"]), following)

    def is_ours(refund: Any) -> bool:
        return (refund.get("metadata") or {}).get(MARK) == request.idempotency_key

    found = paging.find(fetch, is_ours, max_pages=MAX_PAGES)
    return kept_of("refund", found) if found else None


def _find_capture(request: ConnectorRequest) -> Any:
    intent = _get(request, f"/v1/payment_intents/{_part(request, 'payment_intent')}")
    found = kept_of("intent", intent)
    taken = request.arguments["amount_to_capture"]
    return found if (found["status"], found["received"]) == ("succeeded", taken) else None


def _find_cancellation(request: ConnectorRequest) -> Any:
    intent = _get(request, f"/v1/payment_intents/{_part(request, 'payment_intent')}")
    found = kept_of("intent", intent)
    return found if found["status"] == "canceled" else None


_SEARCHES: dict[str, Search] = {
    "refund": _find_refund,
    "capture_payment_intent": _find_capture,
    "cancel_payment_intent": _find_cancellation,
}


def _get(request: ConnectorRequest, path: str, **query: str) -> Any:
    try:
        url = base_url(request.config, API) + path
    except RenderError as error:
        raise OutsideError("preview_failed", True, False, detail=str(error)) from error
    if query:
        url = f"{url}?{urlencode(query)}"
    return read(request, reading(url, headers(request.config)), refusal=refusal)


def _part(request: ConnectorRequest, name: str) -> str:
    return quote(str(request.arguments[name]), safe="")


def _named(request: ConnectorRequest) -> Affected:
    kind = "charge" if "charge" in request.arguments else "payment_intent"
    return Affected(kind, str(request.arguments[kind]))


def _customer(paid: Mapping[str, Any]) -> list[Affected]:
    customer = paid.get("customer")
    customer = customer["id"] if isinstance(customer, dict) else customer
    name = (paid.get("billing_details") or {}).get("name") or ""
    return [Affected("customer", str(customer), str(name)[:200])] if customer else []


def _seen(before: Any, after: Any, affected: list[Affected]) -> Preview:
    return Preview(before, after, tuple(affected), datetime.now(UTC))


def _bad_answer() -> OutsideError:
    return OutsideError("bad_answer", True, False, detail="The answer is not Stripe's.")
