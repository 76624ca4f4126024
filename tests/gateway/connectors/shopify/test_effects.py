"""What is done in a shop, what is seen before, and what is known afterwards."""

import json
from dataclasses import replace

import pytest

from gateway.connectors.base import Affected, OutcomeStatus, Secret
from gateway.http.errors import OutsideError
from gateway.lib import ids
from gateway.lib.cel import compile_expression
from gateway.tools.render import RenderError
from gateway.tools.schema import problems
from tests.doubles.serving import Said
from tests.doubles.shopify import (
    ITEM,
    ORDER,
    PAYMENT,
    PLACE,
    TOKEN,
    VARIANT,
    error,
    money,
    throttled,
)
from tests.gateway.connectors.shopify.samples import ADJUST, CANCEL, DRAFT, REFUND, SAMPLES, SET

DONE, REFUSED, UNKNOWN = (
    OutcomeStatus.SUCCEEDED, OutcomeStatus.FAILED, OutcomeStatus.UNKNOWN,
)  # fmt: skip
BY_KEY = [("refund_order", REFUND), ("adjust_inventory", ADJUST), ("set_inventory", SET)]
FOUND = [("refund_order", REFUND), ("cancel_order", CANCEL), ("create_draft_order", DRAFT)]


@pytest.mark.parametrize(("operation", "arguments"), SAMPLES, ids=lambda v: str(v)[:24])
def test_each_operation_does_what_it_says(shop, ask, shopify, operation, arguments):
    if operation == "delete_draft_order":
        shopify.execute(ask("create_draft_order", **DRAFT))
        shop.effects.clear()
    request = ask(operation, **arguments)
    seen = shopify.preview(request)
    assert shop.effects == []
    if seen is not None and (expression := shopify.operations[operation].affected):
        named = compile_expression(expression, ("args",)).evaluate({"args": arguments})
        assert set(named) <= {f"{one.kind}:{one.id}" for one in seen.affected}
    outcome = shopify.execute(request)
    assert (outcome.status, outcome.error) == (DONE, "")
    assert problems(shopify.operations[operation].output_schema, outcome.result) == ()
    reads = shopify.operations[operation].side_effect == "read"
    assert len(shop.effects) == (0 if reads else 1)


@pytest.mark.parametrize(("operation", "arguments"), BY_KEY, ids=lambda v: str(v)[:24])
def test_repeated_under_its_key_each_change_happens_once(shop, ask, shopify, operation, arguments):
    shop.after = [None]
    first = shopify.execute(ask(operation, **arguments))
    assert (first.status, first.may_have_happened) == (UNKNOWN, True)
    for _ in range(2):
        assert shopify.execute(ask(operation, **arguments)).status is DONE
    assert len(shop.effects) == 1
    other = shopify.execute(ask(operation, **arguments | {"from_quantity": 11, "amount": "31.00"}))
    assert other.status is REFUSED
    assert "Other parameters" in other.error


@pytest.mark.parametrize("kind", ["add_order_tags", "remove_order_tags", "set_order_note"])
def test_what_sets_a_state_may_be_repeated(shop, ask, shopify, kind):
    arguments = dict(next(args for name, args in SAMPLES if name == kind))
    for _ in range(3):
        assert shopify.execute(ask(kind, **arguments)).status is DONE
    assert len(set(map(str, shop.effects))) == 1


@pytest.mark.parametrize(("operation", "arguments"), FOUND, ids=lambda v: str(v)[:24])
@pytest.mark.parametrize("spoiled", [None, Said(500, b"oops"), Said(200, {"data": None})])
def test_a_change_whose_answer_was_lost_is_found(shop, ask, shopify, operation, arguments, spoiled):
    shop.after = [spoiled]
    request = ask(operation, **arguments)
    assert shopify.execute(request).status is UNKNOWN
    assert shopify.lookup(request).status is DONE
    assert len(shop.effects) == 1


def test_what_another_action_did_is_not_ours(shop, ask, shopify):
    for operation, arguments in FOUND:
        shopify.execute(ask(operation, key="act_0", **arguments))
        assert shopify.lookup(ask(operation, key="act_1", **arguments)) is None


def test_an_order_that_is_not_cancelled_yet_settles_nothing(ask, shopify):
    with pytest.raises(OutsideError, match="may still be at work"):
        shopify.lookup(ask("cancel_order", **CANCEL))


def test_draft_orders_are_looked_through_back_to_the_action_and_no_further(shop, ask, shopify):
    old = {
        "id": "gid://shopify/DraftOrder/0", "name": "#D0", "status": "OPEN",
        "createdAt": "2001-01-01T00:00:00Z", "customAttributes": [], "totalPriceSet": money("1"),
    }  # fmt: skip
    shop.drafts = [old] * 600
    key = ids.encode("act", ids.new_id())
    assert shopify.lookup(ask("create_draft_order", key=key, **DRAFT)) is None
    assert len(shop.asked) == 1
    with pytest.raises(OutsideError, match="more than 10 pages"):
        shopify.lookup(ask("create_draft_order", **DRAFT))
    assert len(shop.asked) == 11


def test_a_deletion_is_found_by_what_is_gone(shop, ask, shopify):
    done = shopify.execute(ask("create_draft_order", **DRAFT))
    undo = ask("delete_draft_order", key="act_2", **DRAFT, result=done.result)
    assert shopify.preview(undo).before["total"] == "20.00"
    assert shopify.lookup(undo) is None
    shop.after = [None]
    assert shopify.execute(undo).status is UNKNOWN
    assert shopify.lookup(undo).result == {"deleted": True}


def test_the_action_is_named_where_shopify_keeps_it(shop, ask, shopify):
    shopify.execute(ask("adjust_inventory", **ADJUST))
    assert shop.effects == [("inventory", -3, "gid://countersign/Action/act_1")]
    shopify.execute(ask("refund_order", **REFUND, note="For {action}", key="act_2"))
    assert shop.refunds[0]["note"] == "For {action} (countersign act_2)"
    assert json.loads(shop.asked[-1].body)["variables"]["key"] == "act_2"


@pytest.mark.parametrize(
    "secret", [Secret("bearer", "t"), Secret("header", "t", header="X-Shopify-Access-Token")]
)
def test_the_token_goes_into_shopifys_own_header(shop, ask, shopify, secret):
    shopify.execute(replace(ask("read_order", order_id=ORDER), secret=secret))
    assert shop.asked[0].headers["x-shopify-access-token"] == "t"
    assert "authorization" not in shop.asked[0].headers


def test_a_refund_shows_the_money_the_payment_and_whose_order_it_is(shop, ask, shopify):
    seen = shopify.preview(ask("refund_order", **REFUND))
    assert (seen.before["received"], seen.before["refunded"]) == ("90.00", "0.00")
    assert seen.before["payment"]["amount"] == "90.00"
    assert seen.after == seen.before | {"refunded": "30.00"}
    assert seen.affected == (
        Affected("order", ORDER, "#1001"),
        Affected("customer", "gid://shopify/Customer/3", "Mara Lindqvist"),
    )
    shopify.execute(ask("refund_order", **REFUND))
    again = shopify.preview(ask("refund_order", **REFUND))
    assert again.before["refunded"] == seen.after["refunded"]


@pytest.mark.parametrize(
    "change",
    [
        {"amount": "90.01"}, {"currency": "USD"}, {"gateway": "cash"},
        {"transaction_id": PAYMENT + "0"},
    ],
)  # fmt: skip
def test_a_refund_that_does_not_fit_is_shown_as_changing_nothing(ask, shopify, change):
    seen = shopify.preview(ask("refund_order", **REFUND | change))
    assert seen.before == seen.after


@pytest.mark.parametrize(
    ("operation", "arguments", "after"),
    [
        ("adjust_inventory", ADJUST, {"available": 7, "on_hand": 9}),
        ("set_inventory", SET, {"available": 7, "on_hand": 9}),
        ("set_inventory", SET | {"name": "on_hand", "from_quantity": 12, "quantity": 20},
         {"available": 18, "on_hand": 20}),
        ("adjust_inventory", ADJUST | {"from_quantity": 11}, {"available": 10, "on_hand": 12}),
    ],
)  # fmt: skip
def test_a_quantity_is_shown_before_and_after(shop, ask, shopify, operation, arguments, after):
    seen = shopify.preview(ask(operation, **arguments))
    assert (seen.before["available"], seen.before["on_hand"]) == (10, 12)
    assert after.items() <= seen.after.items()
    assert seen.affected == (Affected("inventory_item", ITEM, "SKU-1"),
                             Affected("location", PLACE, "Berlin"))  # fmt: skip
    shopify.execute(ask(operation, **arguments))
    assert shop.quantities == after


def test_a_quantity_that_moved_since_is_not_changed(shop, ask, shopify):
    shop.quantities["available"] = 9
    outcome = shopify.execute(ask("adjust_inventory", **ADJUST))
    assert (outcome.status, outcome.reason) == (REFUSED, "change_from_quantity_stale")
    assert shop.effects == []


def test_changes_of_an_order_are_shown(ask, shopify):
    def changed(operation, **arguments):
        seen = shopify.preview(ask(operation, **arguments))
        return {name: v for name, v in seen.after.items() if v != seen.before[name]}

    assert changed("set_order_note", order_id=ORDER, note="x") == {"note": "x"}
    assert changed("add_order_tags", order_id=ORDER, tags=["a"]) == {"tags": ["a", "vip"]}
    assert changed("remove_order_tags", order_id=ORDER, tags=["vip"]) == {"tags": []}
    assert changed("cancel_order", **CANCEL)["refunded"] == "90.00"
    assert set(changed("cancel_order", **CANCEL | {"refund": False})) == {"cancelled_at"}


def test_a_draft_is_worked_out_before_it_is_made(shop, ask, shopify):
    seen = shopify.preview(ask("create_draft_order", **DRAFT, note="n"))
    assert (seen.before["total"], seen.before["currency"]) == ("20.00", "EUR")
    assert seen.after["draft_order"]["line_items"] == [{"title": "Lamp", "quantity": 2}]
    other = [{"variant_id": VARIANT + "0", "quantity": 1}]
    assert shopify.preview(ask("create_draft_order", line_items=other)).after is None
    assert shop.effects == []


def test_what_is_not_there_has_no_before(ask, shopify):
    order = {"order_id": ORDER + "0"}
    for operation, arguments in [
        ("cancel_order", CANCEL | order),
        ("adjust_inventory", ADJUST | {"location_id": PLACE + "0"}),
        ("adjust_inventory", ADJUST | {"inventory_item_id": ITEM + "0"}),
        ("delete_draft_order", {"draft_order_id": "gid://shopify/DraftOrder/9"}),
    ]:
        assert shopify.preview(ask(operation, **arguments)).before is None
    assert shopify.preview(ask("read_order", **order)) is None
    assert shopify.execute(ask("read_order", **order)).result is None


def test_a_customer_that_may_not_be_seen_does_not_hide_the_order(shop, ask, shopify):
    shop.hides_customers = True
    seen = shopify.preview(ask("cancel_order", **CANCEL))
    assert seen.affected == (Affected("order", ORDER, "#1001"),)


@pytest.mark.parametrize(("available", "wait"), [(2.0, 1.0), (-488.0, 10.0)])
def test_a_throttled_call_waits_until_its_points_are_there(shop, ask, shopify, available, wait):
    shop.before = [throttled(available)]
    outcome = shopify.execute(ask("refund_order", **REFUND))
    assert (outcome.status, outcome.reason, outcome.retryable) == (REFUSED, "throttled", True)
    assert (outcome.retry_after, outcome.may_have_happened, shop.effects) == (wait, False, [])
    shop.before = [throttled(available)]
    with pytest.raises(OutsideError) as caught:
        shopify.preview(ask("refund_order", **REFUND))
    assert (caught.value.permanent, caught.value.retry_after) == (False, wait)


@pytest.mark.parametrize(
    ("said", "end", "reason", "words"),
    [
        (Said(200, {"errors": [error("ACCESS_DENIED", "Access denied for refundCreate.")],
                    "data": {"refundCreate": None}}), REFUSED, "access_denied", "permission"),
        (Said(200, {"errors": [error("ACCESS_DENIED") | {"path": ["refundCreate", "refund"]}],
                    "data": {"refundCreate": None}}), UNKNOWN, "access_denied", "permission"),
        (Said(200, {"errors": [error("ACCESS_DENIED"), error("INTERNAL_SERVER_ERROR")]}),
         UNKNOWN, "access_denied", "permission"),
        (Said(200, {"errors": [{"message": "Variable $input\r\nis invalid",
                                "locations": [{"line": 1, "column": 17}]}]}),
         REFUSED, "graphql_error", "Variable $input is invalid"),
        (Said(200, {"errors": [error("INVALID_VARIABLE", "Invalid value")]}),
         REFUSED, "invalid_variable", "Invalid value"),
        (Said(200, {"errors": [error("undefinedField", "Gone") | {"path": ["mutation", "x"]}]}),
         REFUSED, "undefinedfield", "Gone"),
        (Said(200, {"errors": [{"message": "Internal error"}]}),
         UNKNOWN, "graphql_error", "Internal error"),
        (Said(200, {"errors": "Internal error"}), UNKNOWN, "graphql_error", "Internal error"),
        (Said(200, {"errors": [error("INTERNAL_SERVER_ERROR", "Oops")], "data": None}),
         UNKNOWN, "internal_server_error", "Oops"),
        (Said(200, {"errors": [error("INTERNAL_SERVER_ERROR", "Oops")]}),
         UNKNOWN, "internal_server_error", "Oops"),
        (Said(200, {"errors": [error("TIMEOUT", "Too slow")]}), UNKNOWN, "timeout", "Too slow"),
        (Said(200, {"errors": [error("BRAND_NEW", "Who knows")]}),
         UNKNOWN, "brand_new", "Who knows"),
        (Said(200, {"data": {"refundCreate": {"refund": None, "userErrors": [
            {"code": "IDEMPOTENCY_CONCURRENT_REQUEST", "field": None, "message": "Busy"}]}}}),
         UNKNOWN, "idempotency_concurrent_request", "earlier attempt"),
        (Said(200, {"data": {"refundCreate": {"refund": None, "userErrors": [
            {"field": ["transactions", "0"], "message": "Too much"}]}}}),
         REFUSED, "user_error", "transactions.0: Too much"),
        (Said(200, {"data": {"refundCreate": None}}), UNKNOWN, "bad_answer", "not Shopify's"),
        (Said(200, b"<html>"), UNKNOWN, "bad_answer", "not Shopify's"),
        (Said(200, {}), UNKNOWN, "bad_answer", "not Shopify's"),
        (Said(402, {"errors": "Unavailable Shop"}), REFUSED, "http_402", "frozen"),
        (Said(429, {"errors": "Exceeded"}, {"Retry-After": "2.0"}), REFUSED, "http_429", "wait"),
        (Said(503, b""), UNKNOWN, "http_503", "503"),
    ],
)  # fmt: skip
def test_an_error_under_any_status_says_what_is_known(shop, ask, shopify, said, end, reason, words):
    shop.before = [said]
    outcome = shopify.execute(ask("refund_order", **REFUND))
    assert (outcome.status, outcome.reason) == (end, reason)
    assert outcome.may_have_happened is (end is UNKNOWN)
    assert words in outcome.error
    assert "\n" not in outcome.error


@pytest.mark.parametrize(
    ("code", "retryable"), [("INTERNAL_SERVER_ERROR", True), ("TIMEOUT", True), ("ODD", False)]
)
@pytest.mark.parametrize("data", [{}, {"data": None}])
def test_a_reading_that_breaks_has_changed_nothing(shop, ask, shopify, code, retryable, data):
    shop.before = [Said(200, {"errors": [error(code)], **data})]
    outcome = shopify.execute(ask("read_order", order_id=ORDER))
    assert (outcome.status, outcome.may_have_happened) == (REFUSED, False)
    assert outcome.retryable is retryable


def test_a_change_that_broke_midway_under_status_200_is_found_again(shop, ask, shopify):
    shop.after = [Said(200, {"errors": [error("INTERNAL_SERVER_ERROR", "Oops")]})]
    request = ask("refund_order", **REFUND)
    broken = shopify.execute(request)
    assert (broken.status, len(shop.effects)) == (UNKNOWN, 1)
    assert shopify.lookup(request).status is DONE


def test_a_wrong_token_is_told_as_such(shop, ask, shopify):
    outcome = shopify.execute(ask("refund_order", **REFUND, token="shpat_old"))
    assert (outcome.status, outcome.reason, shop.effects) == (REFUSED, "http_401", [])
    with pytest.raises(OutsideError, match="does not take the token"):
        shopify.preview(ask("refund_order", **REFUND, token="shpat_old"))


def test_a_refused_token_is_renewed_once_and_goes_into_the_same_header(shop, ask, shopify):
    request = ask("adjust_inventory", **ADJUST, token="shpat_old")
    request = replace(request, renew=lambda: Secret("bearer", TOKEN))
    assert shopify.preview(request).before["available"] == 10
    assert (shopify.execute(request).status, len(shop.effects)) == (DONE, 1)


def test_orders_come_in_pages_that_say_whether_there_are_more(ask, shopify):
    page = shopify.execute(ask("list_orders", first=1)).result
    assert (page["items"][0]["name"], page["has_more"]) == ("#1001", True)
    assert page["next_cursor"] == "next"
    assert shopify.execute(ask("list_orders")).result["next_cursor"] is None


HOSTILE = '"}) { id } orderDelete(input: {id: "gid://shopify/Order/1'


@pytest.mark.parametrize("text", [HOSTILE, "#\n$key } {", "\\u0022"])
def test_no_text_becomes_graphql(shop, ask, shopify, text):
    request = ask("set_order_note", order_id=ORDER, note=text)
    assert text not in json.loads(request.rendered["body"])["query"]
    assert shopify.execute(request).status is DONE
    assert shop.effects == [("note", text)]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"order_id": HOSTILE, "note": "x"}, "order_id"),
        ({"order_id": "gid://shopify/Customer/1", "note": "x"}, "order_id"),
        ({"order_id": ORDER + "\n", "note": "x"}, "order_id"),
        ({"order_id": ORDER, "note": "(Countersign act_9)"}, "reserved"),
        ({"order_id": ORDER}, "note"),
    ],
)
def test_what_is_no_id_and_what_could_pass_for_a_mark_is_refused(shopify, arguments, named):
    with pytest.raises(RenderError, match=named):
        shopify.render({"shop": "acme.myshopify.com"}, "set_order_note", arguments)


@pytest.mark.parametrize(
    "config",
    [
        {}, {"shop": "acme.example"}, {"shop": "acme.myshopify.com/admin"}, {"shop": 7},
        {"shop": "evil.example#.myshopify.com"}, {"shop": "acme.myshopify.com\n"},
        {"shop": "acme.myshopify.com", "base_url": "https://x.example"},
        {"shop": "acme.myshopify.com", "version": "unstable"},
    ],
)  # fmt: skip
def test_only_a_shop_of_shopifys_is_taken(shopify, config):
    with pytest.raises(RenderError):
        shopify.check("read_order", config, shopify.operations["read_order"].schema)


def test_the_version_stands_in_the_address_and_the_cost_is_told_to_the_door(shop, ask, shopify):
    config = {"shop": "acme.myshopify.com"}
    rendered = shopify.render(config, "read_order", {"order_id": ORDER})
    assert rendered["url"] == "https://acme.myshopify.com/admin/api/2026-10/graphql.json"
    request = ask("refund_order", **REFUND)
    told = []

    class Door:
        def send(self, sent, **_):
            told.append(sent.points)
            return request.client.send(sent, attempts=1)

    shopify.execute(replace(request, client=Door()))
    assert told == [10.0]
    assert shopify.limits == {"requests": "2/s, burst 40", "points": "50/s, burst 1000"}
