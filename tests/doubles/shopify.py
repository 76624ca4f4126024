"""A shop that answers GraphQL by Shopify's own schema: what is not in it cannot be asked for.

The schema comes out of a package (`tests/vendor/described.py`); what it does not say (errors under
status 200, cost, keys that are remembered) follows Shopify's documentation.
"""

from dataclasses import dataclass, field
from functools import cache
from typing import Any

import graphql

from tests.doubles.serving import Asked, Said, Service, moment
from tests.vendor import described

TOKEN = "shpat_0123456789abcdef"
VERSION = "2026-10"
ORDER = "gid://shopify/Order/1"
ITEM = "gid://shopify/InventoryItem/5"
PLACE = "gid://shopify/Location/6"
PAYMENT = "gid://shopify/OrderTransaction/9"
VARIANT = "gid://shopify/ProductVariant/4"
COST = 12
FULL = 1000


@cache
def schema() -> graphql.GraphQLSchema:
    """Shopify's schema; skips the test where it was not fetched."""
    introspection = described.document(described.SHOPIFY)["data"]
    return graphql.build_client_schema(introspection, assume_valid=True)


def money(amount: str, currency: str = "EUR") -> dict[str, Any]:
    one = {"amount": amount, "currencyCode": currency}
    return {"presentmentMoney": one, "shopMoney": one}


def error(code: str, message: str = "No.") -> dict[str, Any]:
    return {"message": message, "extensions": {"code": code}}


def throttled(available: float) -> Said:
    status = {"maximumAvailable": FULL, "currentlyAvailable": available, "restoreRate": 50.0}
    cost = {"requestedQueryCost": COST, "actualQueryCost": None, "throttleStatus": status}
    return Said(200, {"errors": [error("THROTTLED", "Throttled")], "extensions": {"cost": cost}})


@dataclass
class Shopify(Service):
    """`keys` are the payloads remembered under an idempotency key, with what was asked.

    `refuse_once` names the field whose next query or mutation is throttled.
    """

    keys: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    drafts: list[dict[str, Any]] = field(default_factory=list)
    refunds: list[dict[str, Any]] = field(default_factory=list)
    hides_customers: bool = False
    refuse_once: str = ""

    def __post_init__(self) -> None:
        schema()
        self.quantities = {"available": 10, "on_hand": 12}
        self.order: dict[str, Any] = {
            "__typename": "Order", "id": ORDER, "name": "#1001", "note": None, "tags": ["vip"],
            "createdAt": "2026-11-20T10:00:00Z", "cancelledAt": None, "cancelReason": None,
            "displayFinancialStatus": "PAID", "displayFulfillmentStatus": "UNFULFILLED",
            "currentTotalPriceSet": money("90.00"), "totalReceivedSet": money("90.00"),
            "totalRefundedSet": money("0.00"), "cancellation": None, "customer": self._customer,
            "transactions": lambda info, **_: [{
                "id": PAYMENT, "kind": "SALE", "gateway": "shopify_payments", "status": "SUCCESS",
                "amountSet": money("90.00"),
            }],
            "refunds": lambda info, **_: self.refunds,
        }  # fmt: skip

    def answer(self, asked: Asked) -> Said:
        if asked.path != f"/admin/api/{VERSION}/graphql.json" or asked.method != "POST":
            return Said(404, {"errors": "Not Found"})
        if asked.headers.get("x-shopify-access-token") != TOKEN:
            return Said(401, {"errors": "[API] Invalid API key or access token"})
        asks = asked.json
        if self.refuse_once and self.refuse_once in asks["query"]:
            self.refuse_once = ""
            return throttled(-488.0)
        result = graphql.graphql_sync(
            schema(), asks["query"], self._root(), variable_values=asks["variables"],
            operation_name=asks["operationName"],
        )  # fmt: skip
        body: dict[str, Any] = {}
        if result.data is not None or not result.errors:
            body["data"] = result.data
        if result.errors:
            body["errors"] = [dict(found.formatted) for found in result.errors]
        return Said(200, body)

    def _customer(self, info: Any) -> Any:
        if self.hides_customers:
            raise graphql.GraphQLError("Access denied", extensions={"code": "ACCESS_DENIED"})
        return {"id": "gid://shopify/Customer/3", "displayName": "Mara Lindqvist"}

    def _root(self) -> dict[str, Any]:
        return {
            "order": lambda info, id: self.order if id == ORDER else None,
            "orders": self._orders,
            "inventoryItem": lambda info, id: self._item() if id == ITEM else None,
            "draftOrder": lambda info, id: self._drafted(id),
            "draftOrders": self._draft_page,
            "orderUpdate": self._update,
            "tagsAdd": lambda info, id, tags: self._tag(id, [*self.order["tags"], *tags]),
            "tagsRemove": lambda info, id, tags: self._tag(
                id, [tag for tag in self.order["tags"] if tag not in tags]
            ),
            "orderCancel": self._cancel,
            "refundCreate": lambda info, input: self._once(info, input, self._refund),
            "inventoryAdjustQuantities": lambda info, input: self._once(info, input, self._adjust),
            "inventorySetQuantities": lambda info, input: self._once(info, input, self._set),
            "draftOrderCreate": self._create,
            "draftOrderCalculate": self._calculate,
            "draftOrderDelete": self._delete,
        }

    def _once(self, info: Any, wanted: Any, act: Any) -> Any:
        """A key is answered as it was first; with other input, or without a key, it is refused."""
        directive = schema().get_directive("idempotent")
        said = graphql.get_directive_values(directive, info.field_nodes[0], info.variable_values)
        if not said or not said["key"].strip():
            raise graphql.GraphQLError("An idempotency key is required.",
                                       extensions={"code": "BAD_REQUEST"})  # fmt: skip
        if said["key"] in self.keys:
            first, payload = self.keys[said["key"]]
            mismatch = "IDEMPOTENCY_KEY_PARAMETER_MISMATCH"
            return payload if first == wanted else _refused(mismatch, "Other parameters")
        payload = act(wanted)
        self.keys[said["key"]] = (wanted, payload)
        return payload

    def _orders(self, info: Any, first: int, **_: Any) -> Any:
        page = {"hasNextPage": first == 1, "endCursor": "next"}
        return {"nodes": [self.order], "pageInfo": page}

    def _item(self) -> dict[str, Any]:
        level = {
            "location": {"id": PLACE, "name": "Berlin"},
            "quantities": lambda info, names: [
                {"name": name, "quantity": self.quantities[name]} for name in names
            ],
        }
        return {
            "id": ITEM, "sku": "SKU-1",
            "inventoryLevel": lambda info, locationId, **_: level if locationId == PLACE else None,
        }  # fmt: skip

    def _update(self, info: Any, input: dict[str, Any]) -> Any:
        if input["id"] != ORDER:
            return {"order": None, "userErrors": [{"field": ["id"], "message": "No such order"}]}
        self.order["note"] = input["note"]
        self.effects.append(("note", input["note"]))
        return {"order": self.order, "userErrors": []}

    def _tag(self, id: str, tags: list[str]) -> Any:
        tags = sorted(set(tags))
        if tags != self.order["tags"]:
            self.effects.append(("tags", tags))
        self.order["tags"] = tags
        return {"node": self.order, "userErrors": []}

    def _cancel(self, info: Any, **given: Any) -> Any:
        if self.order["cancelledAt"]:
            message = "Order has already been cancelled"
            said = [{"code": "INVALID", "field": ["orderId"], "message": message}]
            return {"job": None, "orderCancelUserErrors": said}
        self.order |= {"cancelledAt": moment(), "cancelReason": given["reason"],
                       "cancellation": {"staffNote": given.get("staffNote")}}  # fmt: skip
        if given["refundMethod"]["originalPaymentMethodsRefund"]:
            self.order["totalRefundedSet"] = self.order["totalReceivedSet"]
        self.effects.append(("cancel", given["restock"]))
        return {"job": {"id": "gid://shopify/Job/1", "done": False}, "orderCancelUserErrors": []}

    def _refund(self, wanted: dict[str, Any]) -> Any:
        payment = wanted["transactions"][0]
        before = float(self.order["totalRefundedSet"]["presentmentMoney"]["amount"])
        after = before + float(payment["amount"])
        if after > 90:
            message = "Refund amount is greater than net payment received"
            return {"refund": None, "userErrors": [{"field": ["transactions"], "message": message}]}
        self.order["totalRefundedSet"] = money(f"{after:.2f}")
        refund = {"id": f"gid://shopify/Refund/{len(self.refunds) + 1}", "note": wanted["note"],
                  "totalRefundedSet": money(payment["amount"])}  # fmt: skip
        self.refunds.append(refund)
        self.effects.append(("refund", payment["amount"]))
        return {"refund": refund, "userErrors": []}

    def _adjust(self, wanted: dict[str, Any]) -> Any:
        change = wanted["changes"][0]
        return self._move(wanted, change, delta=change["delta"])

    def _set(self, wanted: dict[str, Any]) -> Any:
        change = wanted["quantities"][0]
        delta = change["quantity"] - self.quantities[wanted["name"]]
        return self._move(wanted, change, delta=delta)

    def _move(self, wanted: dict[str, Any], change: dict[str, Any], *, delta: int) -> Any:
        if change["changeFromQuantity"] != self.quantities[wanted["name"]]:
            return _refused("CHANGE_FROM_QUANTITY_STALE", "The quantity has changed.")
        if (change["inventoryItemId"], change["locationId"]) != (ITEM, PLACE):
            return _refused("INVALID_INVENTORY_ITEM", "No such item.")
        for name in self.quantities:
            self.quantities[name] += delta
        self.effects.append(("inventory", delta, wanted["referenceDocumentUri"]))
        moved = {"name": wanted["name"], "delta": delta,
                 "quantityAfterChange": self.quantities[wanted["name"]]}  # fmt: skip
        group = {"id": "gid://shopify/InventoryAdjustmentGroup/1", "reason": wanted["reason"],
                 "referenceDocumentUri": wanted["referenceDocumentUri"],
                 "changes": lambda info, **_: [moved]}  # fmt: skip
        return {"inventoryAdjustmentGroup": group, "userErrors": []}

    def _create(self, info: Any, input: dict[str, Any]) -> Any:
        draft = {
            "id": f"gid://shopify/DraftOrder/{len(self.drafts) + 1}", "name": "#D1",
            "status": "OPEN", "createdAt": moment(), "totalPriceSet": money("20.00"),
            "customAttributes": input.get("customAttributes", []),
        }  # fmt: skip
        self.drafts.append(draft)
        self.effects.append(("draft", draft["id"]))
        return {"draftOrder": draft, "userErrors": []}

    def _calculate(self, info: Any, input: dict[str, Any]) -> Any:
        if input["lineItems"][0]["variantId"] != VARIANT:
            said = [{"field": ["lineItems"], "message": "Product with ID is no longer available."}]
            return {"calculatedDraftOrder": None, "userErrors": said}
        lines = [{"title": "Lamp", "quantity": line["quantity"]} for line in input["lineItems"]]
        worked = {"totalPriceSet": money("20.00"), "lineItems": lines}
        return {"calculatedDraftOrder": worked, "userErrors": []}

    def _delete(self, info: Any, input: dict[str, Any]) -> Any:
        draft = self._drafted(input["id"])
        if draft is None:
            said = [{"field": ["id"], "message": "Draft order does not exist"}]
            return {"deletedId": None, "userErrors": said}
        self.drafts.remove(draft)
        self.effects.append(("undraft", input["id"]))
        return {"deletedId": input["id"], "userErrors": []}

    def _drafted(self, id: str) -> Any:
        return next((draft for draft in self.drafts if draft["id"] == id), None)

    def _draft_page(self, info: Any, first: int, after: str | None = None, **_: Any) -> Any:
        newest = list(reversed(self.drafts))[int(after or 0) :]
        page = {"hasNextPage": len(newest) > first, "endCursor": str(int(after or 0) + first)}
        return {"nodes": newest[:first], "pageInfo": page}


def _refused(code: str, message: str) -> Any:
    said = [{"code": code, "field": ["input"], "message": message}]
    return {"inventoryAdjustmentGroup": None, "refund": None, "userErrors": said}
