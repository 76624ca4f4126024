"""What is done at Stripe, what is seen before, and what is known afterwards."""

from dataclasses import replace

import pytest

from gateway.connectors.base import Affected, OutcomeStatus
from gateway.http.errors import OutsideError
from gateway.lib.cel import compile_expression
from gateway.tools.schema import problems
from tests.doubles.serving import Said
from tests.doubles.stripe import HELD, problem

DONE, REFUSED, UNKNOWN = (
    OutcomeStatus.SUCCEEDED, OutcomeStatus.FAILED, OutcomeStatus.UNKNOWN,
)  # fmt: skip
REFUND = {"payment_intent": "pi_1", "amount": 500}
WRITES = [
    ("refund", REFUND, ("refund", 500)),
    ("refund", {"charge": "ch_1", "amount": 500}, ("refund", 500)),
    ("capture_payment_intent", {"payment_intent": HELD, "amount_to_capture": 4000},
     ("capture", 4000)),
    ("cancel_payment_intent", {"payment_intent": HELD}, ("cancel", HELD)),
]  # fmt: skip


@pytest.mark.parametrize(("operation", "arguments", "effect"), WRITES, ids=lambda v: str(v)[:20])
def test_repeated_under_its_key_each_change_happens_once(
    bank, ask, stripe_connector, operation, arguments, effect
):
    outcomes = [stripe_connector.execute(ask(operation, **arguments)) for _ in range(3)]
    assert [outcome.status for outcome in outcomes] == [DONE] * 3
    assert bank.effects == [effect]
    schema = stripe_connector.operations[operation].output_schema
    assert problems(schema, outcomes[0].result) == ()
    assert [outcome.result.get("replayed", False) for outcome in outcomes] == [False, True, True]
    assert bank.asked[0].headers["idempotency-key"] == "act_1"


@pytest.mark.parametrize(("operation", "arguments", "effect"), WRITES, ids=lambda v: str(v)[:20])
@pytest.mark.parametrize("spoiled", [None, Said(500, b"oops")])
def test_a_change_whose_answer_was_lost_is_found(
    bank, ask, stripe_connector, operation, arguments, effect, spoiled
):
    request = ask(operation, **arguments)
    assert stripe_connector.lookup(request) is None
    bank.after = [spoiled]
    outcome = stripe_connector.execute(request)
    assert (outcome.status, outcome.may_have_happened, outcome.retryable) == (UNKNOWN, True, True)
    assert stripe_connector.lookup(request).status is DONE
    assert stripe_connector.execute(request).status is DONE
    assert bank.effects == [effect]


def test_another_actions_refund_is_not_ours_however_many_there_are(bank, ask, stripe_connector):
    stripe_connector.execute(ask("refund", payment_intent="pi_1", amount=1, key="act_0"))
    first = bank.refunds[0]
    bank.refunds += [first | {"id": f"re_x{n}", "metadata": {}} for n in range(250)]
    assert stripe_connector.lookup(ask("refund", **REFUND)) is None
    found = stripe_connector.lookup(ask("refund", **REFUND, key="act_0"))
    assert found.result["id"] == "re_1"
    bank.refunds += [first | {"id": f"re_y{n}", "metadata": {}} for n in range(250)]
    with pytest.raises(OutsideError, match="more than 5 pages"):
        stripe_connector.lookup(ask("refund", **REFUND))


def test_a_refund_that_failed_is_no_success(bank, ask, stripe_connector):
    bank.refund_status = "failed"
    outcome = stripe_connector.execute(ask("refund", **REFUND))
    assert (outcome.status, outcome.reason) == (REFUSED, "refund_failed")
    assert "lost_or_stolen_card" in outcome.error
    assert stripe_connector.lookup(ask("refund", **REFUND)).status is REFUSED


def test_a_pending_refund_is_told_as_pending(bank, ask, stripe_connector):
    bank.refund_status = "pending"
    assert stripe_connector.execute(ask("refund", **REFUND)).result["status"] == "pending"


def test_the_secret_of_a_payment_is_never_kept(ask, stripe_connector):
    outcome = stripe_connector.execute(ask("read_payment_intent", payment_intent="pi_1"))
    assert outcome.result["received"] == 5000
    assert '"client_secret": "[secret]"' in outcome.response.body
    assert "secret_" not in repr(outcome)


def test_a_refund_shows_the_money_before_and_after_and_whose_it_is(bank, ask, stripe_connector):
    for named in ({"payment_intent": "pi_1"}, {"charge": "ch_1"}):
        seen = stripe_connector.preview(ask("refund", amount=500, **named))
        assert seen.before == {
            "status": "succeeded", "amount": 5000, "currency": "eur", "captured": 5000,
            "refunded": 0, "disputed": False, "refundable": 5000,
        }  # fmt: skip
        assert seen.after == seen.before | {"refunded": 500, "refundable": 4500}
        ((kind, value),) = named.items()
        expression = compile_expression(stripe_connector.operations["refund"].affected, ("args",))
        assert expression.evaluate({"args": named}) == [f"{kind}:{value}"]
        assert seen.affected == (
            Affected(kind, value),
            Affected("customer", "cus_1", "Mara Lindqvist"),
        )
    assert bank.effects == []


def test_what_was_previewed_is_what_is_there_afterwards(ask, stripe_connector):
    seen = stripe_connector.preview(ask("refund", **REFUND))
    stripe_connector.execute(ask("refund", **REFUND))
    assert stripe_connector.preview(ask("refund", **REFUND)).before == seen.after


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("refund", REFUND | {"amount": 5001}),
        ("capture_payment_intent", {"payment_intent": "pi_1", "amount_to_capture": 1}),
        ("capture_payment_intent", {"payment_intent": HELD, "amount_to_capture": 5001}),
        ("cancel_payment_intent", {"payment_intent": "pi_1"}),
    ],
)
def test_what_stripe_will_refuse_is_shown_as_changing_nothing(
    ask, stripe_connector, operation, arguments
):
    seen = stripe_connector.preview(ask(operation, **arguments))
    assert seen.before == seen.after


@pytest.mark.parametrize(
    ("operation", "change"),
    [
        ("capture_payment_intent", {"status": "succeeded", "capturable": 0, "received": 4000}),
        ("cancel_payment_intent", {"status": "canceled", "capturable": 0}),
    ],
)
def test_a_held_payment_shows_what_becomes_of_it(ask, stripe_connector, operation, change):
    taken = {"amount_to_capture": 4000} if operation.startswith("capture") else {}
    seen = stripe_connector.preview(ask(operation, payment_intent=HELD, **taken))
    assert seen.after == seen.before | change
    stripe_connector.execute(ask(operation, payment_intent=HELD, **taken))
    assert (
        stripe_connector.preview(ask(operation, payment_intent=HELD, **taken)).before == seen.after
    )


def test_a_payment_that_is_not_there_has_no_before(ask, stripe_connector):
    seen = stripe_connector.preview(ask("refund", payment_intent="pi_none", amount=1))
    assert (seen.before, seen.affected) == (None, (Affected("payment_intent", "pi_none"),))
    assert stripe_connector.preview(ask("read_charge", charge="ch_1")) is None


@pytest.mark.parametrize(
    ("said", "end", "reason", "retryable", "words"),
    [
        (problem(402, "card_error", "Declined.", code="card_declined",
                 decline_code="insufficient_funds"),
         REFUSED, "card_declined", False, "insufficient_funds"),
        (problem(400, "invalid_request_error", "Already\r\nrefunded.", param="charge",
                 code="charge_already_refunded"),
         REFUSED, "charge_already_refunded", False, "(charge). It says: Already refunded."),
        (problem(403, "invalid_request_error", "The key lacks rak_refund_write"),
         REFUSED, "http_403", False, "restricted key"),
        (problem(404, "invalid_request_error", "No such charge", code="resource_missing"),
         REFUSED, "resource_missing", False, "mode (test or live)"),
        (problem(429, "invalid_request_error", "Too many", code="rate_limit"),
         REFUSED, "rate_limit", True, "asks us to wait"),
        (problem(429, "invalid_request_error", "Locked", code="lock_timeout"),
         REFUSED, "lock_timeout", True, "asks us to wait"),
        (problem(409, "idempotency_error", "In use", code="idempotency_key_in_use"),
         UNKNOWN, "idempotency_key_in_use", True, "still working on an earlier attempt"),
        (problem(400, "idempotency_error", "Other parameters"),
         REFUSED, "idempotency_error", False, "with other values"),
        (problem(500, "api_error", "Oops"), UNKNOWN, "http_500", True, "status 500"),
        (Said(500, {}, {"Stripe-Should-Retry": "false"}), UNKNOWN, "http_500", False, "500"),
        (Said(409, {"error": {}}, {"Stripe-Should-Retry": "true"}), REFUSED, "http_409", True, ""),
        (Said(200, b"<html>"), UNKNOWN, "bad_answer", False, "not Stripe's"),
        (Said(200, {"object": "charge", "id": "re_1"}), UNKNOWN, "bad_answer", False, ""),
    ],
)  # fmt: skip
def test_an_error_says_what_is_known(
    bank, ask, stripe_connector, said, end, reason, retryable, words
):
    bank.before = [said]
    outcome = stripe_connector.execute(ask("refund", **REFUND))
    assert (outcome.status, outcome.reason, outcome.retryable) == (end, reason, retryable)
    assert outcome.may_have_happened is (end is UNKNOWN)
    assert words in outcome.error
    assert "\n" not in outcome.error


def test_a_wrong_key_is_told_as_such(bank, ask, stripe_connector):
    outcome = stripe_connector.execute(ask("refund", **REFUND, secret="sk_test_rolled"))
    assert (outcome.status, outcome.reason, bank.effects) == (REFUSED, "http_401", [])
    with pytest.raises(OutsideError, match="rolled or revoked"):
        stripe_connector.preview(ask("refund", **REFUND, secret="sk_test_rolled"))


def test_the_same_key_with_other_values_is_refused_and_does_nothing(bank, ask, stripe_connector):
    stripe_connector.execute(ask("refund", **REFUND))
    outcome = stripe_connector.execute(ask("refund", **REFUND | {"amount": 501}))
    assert (outcome.reason, bank.effects) == ("idempotency_error", [("refund", 500)])


def test_a_value_that_looks_like_the_marks_place_is_sent_as_it_is(bank, ask, stripe_connector):
    text = "metadata%5Bcountersign_action%5D=%7Baction%7D {action}"
    stripe_connector.execute(ask("refund", **REFUND, metadata={"note": text}))
    assert bank.refunds[0]["metadata"] == {"note": text, "countersign_action": "act_1"}


def test_refunds_are_listed_in_pages(bank, ask, stripe_connector):
    for number in range(3):
        stripe_connector.execute(
            ask("refund", payment_intent="pi_1", amount=1, key=f"act_{number}")
        )
    page = stripe_connector.execute(ask("list_refunds", payment_intent="pi_1", limit=2)).result
    assert [item["id"] for item in page["items"]] == ["re_3", "re_2"]
    assert (page["has_more"], page["next_cursor"]) == (True, "re_2")
    last = ask("list_refunds", payment_intent="pi_1", limit=2, starting_after="re_2")
    assert stripe_connector.execute(last).result["has_more"] is False
    assert stripe_connector.execute(ask("read_refund", refund="re_3")).result["amount"] == 1
    assert stripe_connector.execute(ask("read_charge", charge="ch_1")).result["refunded"] == 3


def test_a_double_that_is_not_there_leaves_nothing_done(ask, stripe_connector):
    request = ask("refund", **REFUND)
    elsewhere = request.rendered | {"url": "http://127.0.0.1:1/v1/refunds"}
    outcome = stripe_connector.execute(replace(request, rendered=elsewhere))
    assert (outcome.status, outcome.may_have_happened) == (REFUSED, False)
